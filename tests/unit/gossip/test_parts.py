"""The pure parts of gossip, one by one."""

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors.gossip import ringid
from actors.gossip.agenda import Agenda
from actors.gossip.awareness import MAX_SCORE, Awareness
from actors.gossip.digest import StoreDigest
from actors.gossip.dissemination import FRAME_BYTES, HotQueue, PeakSize, size_bytes
from actors.gossip.membership import (
    MAX_EPOCH,
    MAX_JUMP,
    brief,
    claim_of,
    is_forged,
    standing,
    standing_of,
)
from actors.gossip.persistence import (
    AHEAD,
    Ledger,
    first_ledger,
    image_bytes,
    ledger_bytes,
    make_image,
    read_ledger,
    remember,
)
from actors.gossip.probe import RoundTrip
from actors.gossip.roster import Roster, Walk
from actors.gossip.rumors import MAX_RUMOR_BYTES, MAX_STORE_BYTES, RumorStore, encode, read
from actors.gossip.stamps import STALE_S, StampClock, age_s, is_ahead, reading
from actors.gossip.suspicion import Flaps, Suspicion, floor_s, sends, suspicion_s
from actors.messages.gossip import Claim
from actors.messages.ring import Member, Rumor, ServiceInfo

A, B = "a" * 32, "b" * 32


def test_a_suspicion_shrinks_to_its_floor_with_three_further_accusers() -> None:
    floor = floor_s(50, 1.0)
    lengths = [suspicion_s(accusers, 40, floor) for accusers in range(1, 6)]
    assert lengths[0] == pytest.approx(6 * floor)
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[3] == lengths[4] == floor


def test_a_suspicion_waits_for_no_more_accusers_than_there_can_be() -> None:
    assert suspicion_s(1, 0, 2.5) == 2.5
    assert suspicion_s(2, 1, 2.5) == 2.5


def test_the_floor_grows_with_the_logarithm_of_the_ring() -> None:
    assert floor_s(1, 1.0) == floor_s(10, 1.0) == 2.5
    assert floor_s(1000, 2.0) == pytest.approx(15.0)


def test_accusers_count_once_and_only_four() -> None:
    suspicion = Suspicion(0.0, 1.0)
    assert suspicion.accuse(("a",))
    assert not suspicion.accuse(("a",))
    assert suspicion.accuse(("b", "c", "d", "e", "f"))
    assert len(suspicion.accusers) == 4


def test_flaps_stretch_eightfold_at_most_and_are_forgiven() -> None:
    flaps = Flaps()
    for _ in range(9):
        flaps.add(100.0)
    assert flaps.stretch(100.0) == 8.0
    assert flaps.stretch(450.0) == 4.0
    assert flaps.stretch(5000.0) == 1.0


def test_news_is_sent_often_enough_that_a_large_ring_misses_it_once_in_a_thousand() -> None:
    assert [sends(n) for n in (1, 50, 1000, 10000)] == [8, 11, 14, 17]


def test_the_health_score_stays_within_its_bounds() -> None:
    score = Awareness()
    score.worse(99)
    assert score.score == MAX_SCORE
    for _ in range(20):
        score.better()
    assert score.factor == 1
    plain = Awareness(enabled=False)
    plain.worse()
    assert plain.score == 0


def test_a_frame_takes_the_least_sent_news_that_fit() -> None:
    queue = HotQueue()
    queue.add("big", b"x" * 800)
    queue.add("small", b"y" * 10)
    queue.take(50)
    queue.add("new", b"z" * 500)
    parcel = queue.take(50)
    assert parcel.rumors == (b"z" * 500, b"y" * 10)
    assert sum(map(size_bytes, parcel.rumors)) <= FRAME_BYTES


def test_news_is_dropped_after_its_sends_and_replaced_by_newer() -> None:
    queue = HotQueue()
    queue.add("k", b"1")
    queue.add("k", b"2")
    assert len(queue) == 1
    taken = [queue.take(50).rumors for _ in range(20)]
    assert taken.count((b"2",)) == sends(50)
    assert len(queue) == 0


def test_offers_ride_only_where_they_may_and_the_queue_is_bounded() -> None:
    queue = HotQueue()
    queue.add("k", 7)
    assert not queue.take(50)
    assert queue.take(50, offers_too=True).offers == (7,)
    for number in range(5_000):
        queue.add(number, b"x")
    assert len(queue) == 4_096
    queue.clear()
    assert not queue.take(50)


def test_the_peak_size_is_remembered_for_a_minute_or_two() -> None:
    peak = PeakSize()
    peak.saw(100)
    peak.turn(3)
    assert peak.members == 100
    peak.turn(3)
    assert peak.members == 3


def test_an_agenda_runs_what_is_due_in_order_and_once() -> None:
    agenda, ran = Agenda(), []
    agenda.at(2.0, "b")
    agenda.at(1.0, "a", "x")
    agenda.at(1.5, "moved")
    agenda.at(9.0, "moved")
    agenda.at(1.2, "off")
    agenda.cancel("off")
    agenda.run(3.0, lambda what, about: ran.append((what, about)))
    assert ran == [("a", "x"), ("b", "")]
    assert agenda.first_s() == 9.0


def test_a_walk_visits_everybody_once_a_round_and_newcomers_within_it() -> None:
    roster, walk, random = Roster(), Walk(), Random(1)
    for member in "abcdef":
        roster.add(member)
    assert {walk.next(roster, random) for _ in range(6)} == set("abcdef")
    walk.next(roster, random)
    roster.add("g")
    walk.add("g", random)
    assert "g" in {walk.next(roster, random) for _ in range(6)}
    assert walk.next(Roster(), random) is None


def test_a_sample_draws_different_members_without_the_excluded() -> None:
    roster, random = Roster(), Random(2)
    for member in "abcdefgh":
        roster.add(member)
    roster.discard("d")
    for count in (0, 2, 6, 20):
        chosen = roster.sample(count, random, "a")
        assert len(set(chosen)) == len(chosen) == min(count, 6)
        assert not {"a", "d"} & set(chosen)


def test_a_probe_waits_longer_on_slow_links_within_bounds() -> None:
    trip = RoundTrip()
    assert trip.timeout_s(1.0) == 0.35
    for _ in range(50):
        trip.add(0.45)
    assert 0.4 < trip.timeout_s(1.0) <= 0.6


def test_a_brief_claim_says_the_same_to_those_who_know_the_record() -> None:
    known = Member(A, 4, "h:1", permanent=True, epoch=9, name="n", keys=("k",), stamp=5)
    claim = claim_of(standing(known, "suspect"))
    assert standing_of(claim, None) == (known, "suspect")
    assert standing_of(brief(claim), known) == (known, "suspect")
    assert standing_of(brief(claim), None) is None
    other_life = Member(A, 4, "h:1", epoch=8)
    assert standing_of(brief(claim), other_life) is None
    refuted = standing_of(Claim(A, 0, 5, 9), known)
    assert refuted is not None
    assert refuted.member.incarnation == 5
    assert refuted.member.permanent


def test_a_ledger_goes_on_above_what_it_allowed() -> None:
    incarnation, ledger = first_ledger(None, 100, 0.0)
    assert (incarnation, ledger) == (1, Ledger(100, 1 + AHEAD))
    again, second = first_ledger(read_ledger(ledger_bytes(ledger)), 100, 0.0)
    assert again == ledger.ceiling + 1
    assert second.epoch == 100
    _, after_clock_reset = first_ledger(second, 50, 0.0)
    assert after_clock_reset.epoch == 101


@pytest.mark.parametrize("data", [b"", b"1", b"x y", b"1 2 3", b"-1 2", b"9" * 40 + b" 1", None])
def test_a_ledger_that_cannot_be_read_is_none(data: bytes | None) -> None:
    assert read_ledger(data) is None


def rumor(owner: str, kind: str = "service") -> Rumor:
    return Rumor(kind, owner, owner, 1, 1, ServiceInfo(owner, "g.d", "o/p"))


def test_an_image_is_believed_while_the_ring_cannot_have_forgotten() -> None:
    known = standing(Member(B, 1, "b:1"), "suspect")
    held = [read(encode(rumor(A))), read(encode(rumor(B)))]
    data = image_bytes(make_image(1000.0, [known], [one for one in held if one], ["c:1"]))
    fresh = remember(data, A, 1000.0 + STALE_S - 1)
    assert [(one.member.id, one.health) for one in fresh.standings] == [(B, "alive")]
    assert len(fresh.rumors) == 2
    stale = remember(data, A, 1000.0 + STALE_S + 1)
    assert stale.standings == ()
    assert [one.head.owner for one in stale.rumors] == [A]
    assert stale.addresses == ("b:1", "c:1")


def test_an_image_says_for_how_long_who_is_dead_was_dead() -> None:
    known = standing(Member(B, 1, "b:1"), "confirmed")
    data = image_bytes(make_image(1000.0, [known], [], [], {B: 400.0}))
    assert remember(data, A, 1500.0).silent_s == {B: 1100.0}
    assert remember(data, A, 300.0).silent_s == {B: 0.0}  # the wall clock was set back
    assert remember(data, A, 1001.0 + STALE_S).silent_s == {}


def test_an_image_of_before_it_said_since_when_is_still_read() -> None:
    known = standing(Member(B, 1, "b:1"), "confirmed")
    old = msgspec.msgpack.decode(image_bytes(make_image(1000.0, [known], [], [], {B: 400.0})))
    read = remember(msgspec.msgpack.encode(old[:-1]), A, 1500.0)
    assert [one.member.id for one in read.standings] == [B]
    assert read.silent_s == {B: 0.0}


def test_an_image_that_cannot_be_read_is_empty() -> None:
    for data in (None, b"", b"\xc1", b"\x95\x02\x00\x90\x90\x90"):
        assert remember(data, A, 0.0).standings == ()


def test_a_rumor_of_an_unknown_kind_of_body_is_kept_and_not_shown() -> None:
    data = encode(rumor(A)).replace(b"ServiceInfo", b"FutureThing")
    held = read(data)
    assert held is not None
    assert held.head.kind == "service"
    assert held.rumor() is None
    assert read(b"x" * (MAX_RUMOR_BYTES + 1)) is None


def test_stamps_increase_and_ignore_the_future() -> None:
    clock = StampClock()
    first = clock.next(1000.0)
    assert clock.next(1000.0) > first
    clock.seen(reading(1030.0), 1000.0)
    assert clock.next(1000.0) > reading(1030.0)
    clock.seen(reading(9999.0), 1000.0)
    assert clock.next(1000.0) < reading(1031.0)
    assert is_ahead(reading(1061.5), 1000.0)
    assert age_s(reading(990.0), 1000.0) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("mine", "theirs", "mints", "related", "verdict"),
    [
        ("", "", True, False, "mint"),
        ("", "", False, False, "wait"),
        ("", "1" * 16, False, False, "take"),
        ("1" * 16, "", False, False, "keep"),
        ("1" * 16, "1" * 16, False, False, "same"),
        ("1" * 16, "2" * 16, False, False, "refuse"),
        ("1" * 16, "2" * 16, False, True, "keep"),
        ("2" * 16, "1" * 16, False, True, "take"),
    ],
)
def test_ring_ids_are_judged_the_same_from_both_sides(
    mine: str, theirs: str, mints: bool, related: bool, verdict: str
) -> None:
    judged = ringid.judge(mine, theirs, mints=mints, related=related, wall_s=2e9)
    assert judged == verdict


def test_young_rings_become_one_and_an_id_is_durable_with_its_past() -> None:
    old, new = ringid.mint(1000.0, Random(1)), ringid.mint(1010.0, Random(2))
    assert ringid.judge(new, old, mints=False, related=False, wall_s=1020.0) == "take"
    assert ringid.judge(new, old, mints=False, related=False, wall_s=9999.0) == "refuse"
    assert ringid.from_bytes(ringid.to_bytes(old, (new,))) == (old, (new,))
    assert ringid.from_bytes(b"\xff\xfe nonsense") == ("", ())
    assert ringid.from_bytes(None) == ("", ())


def test_a_number_that_nobody_can_have_reached_is_forged() -> None:
    known, wall_s = Member(A, 5, "h:1", epoch=1000), 2000.0
    claim = claim_of(standing(known, "alive"))
    assert not is_forged(claim, known, wall_s)
    assert not is_forged(replace(claim, epoch=2000 + MAX_JUMP), known, wall_s)
    assert is_forged(replace(claim, epoch=2001 + MAX_JUMP), known, wall_s)
    assert is_forged(replace(claim, epoch=2001 + MAX_JUMP), None, wall_s)
    assert is_forged(replace(claim, incarnation=6 + MAX_JUMP), known, wall_s)
    assert not is_forged(replace(claim, incarnation=6 + MAX_JUMP), None, wall_s)
    old = replace(known, epoch=MAX_EPOCH)
    assert is_forged(replace(claim, epoch=MAX_EPOCH + 1), old, wall_s)


def test_the_rumors_of_a_ring_have_bounded_bytes_together() -> None:
    store, wall_s = RumorStore(StoreDigest()), 1_800_000_000.0

    def rumor(key: str, size: int, stamp: int = 0) -> Any:
        info = ServiceInfo(A, "g", "x" * size)
        return read(encode(Rumor("service", key, A, 1, reading(wall_s) + stamp, info)))

    size = MAX_RUMOR_BYTES - 1_000
    for number in range(MAX_STORE_BYTES // size + 1):
        held = rumor(f"{number:05}", size)
        if not store.refusal(held, wall_s):
            assert store.put(held)
    assert MAX_STORE_BYTES - 2 * size < store.size <= MAX_STORE_BYTES
    assert store.refusal(rumor("another", size), wall_s) == "the store is full"
    assert not store.refusal(rumor("00000", 10, stamp=1), wall_s), "what is smaller may replace"
    assert store.put(rumor("00000", 10, stamp=1))
    for one in list(store.held):
        store.forget(one)
    assert store.size == 0
