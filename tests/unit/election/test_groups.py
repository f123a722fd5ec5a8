"""What the ring says of groups: checked, folded, and told to each election."""

from __future__ import annotations

from msgspec.structs import replace

from actors.election import electorate
from actors.election.groups import (
    Groups,
    electorate_of,
    electorate_rumor,
    leader_rumor,
    leadership_of,
    number,
)
from actors.messages.election import Electorate, Leadership, ProposeElectorate, Voter
from actors.messages.election_orders import RingSeen
from actors.messages.ring import (
    Member,
    MembersChanged,
    MemberView,
    PublishRumor,
    Rumor,
    ServiceInfo,
)

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
GROUP = "redis.default"
ELECTION = (GROUP, "topology")
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
RECORD = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 1, A, (A, B, C)), VOTERS)
LED = Leadership(GROUP, "topology", "e1", 3, B)


def spread(said: PublishRumor, owner: str = A, incarnation: int = 0) -> Rumor:
    number_ = incarnation or said.version or 1
    return Rumor(said.kind, said.key, owner, number_, 1, said.body, said.gone)


def offers(member: str, topology: str = "leader", expect: int = 3) -> Rumor:
    info = ServiceInfo(member, GROUP, "core/redis", topology=topology, bootstrap_expect=expect)
    return Rumor("service", GROUP, member, 1, 1, info)


def members(since_s: float = 50.0, **healths: str) -> MembersChanged:
    views = tuple(MemberView(Member(m * 32, 1, "h:1"), h) for m, h in healths.items())  # type: ignore[arg-type]
    dead = {view.member.id: since_s for view in views if view.health == "confirmed"}
    return MembersChanged(views, dead)


def known(*rumors: Rumor) -> Groups:
    found = Groups()
    found.members(members(a="alive", b="suspect", c="departed", d="confirmed"))
    found.rumors(rumors, complete=True)
    return found


def seen(of: Groups) -> RingSeen:
    told = of.seen(ELECTION)  # type: ignore[arg-type]
    assert told is not None
    return told


def test_nothing_is_told_before_the_ring_has_told_all() -> None:
    found = Groups()
    found.members(members(a="alive"))
    assert found.rumors([offers(A)], complete=False) == set()
    assert found.seen(ELECTION) is None  # type: ignore[arg-type]
    assert found.rumors([offers(A)], complete=True) == {GROUP}
    assert seen(found).candidates == (A,)


def test_the_living_that_offer_the_service_are_candidates_and_the_greatest_wish_counts() -> None:
    found = known(offers(A), offers(B, expect=5), offers(C, expect=9), offers("d" * 32))
    assert seen(found).candidates == (A, B)
    assert seen(found).expect == 5
    assert seen(found).living == (A, B)
    assert seen(found).departed == (C,)
    assert seen(known(offers(A, "standalone"))).candidates == ()


def test_a_withdrawn_offer_is_one_no_more() -> None:
    found = known(offers(A), offers(B))
    gone = Rumor("service", GROUP, B, 2, 2, gone=True)
    assert found.rumors([gone], complete=False) == {GROUP}
    assert seen(found).candidates == (A,)
    assert found.rumors([], complete=True) == {GROUP}
    assert seen(found).candidates == ()


def test_the_number_of_a_record_grows_with_it_and_its_end_is_above() -> None:
    second = electorate.restamped(RECORD, 1)
    third = electorate.committed(second)
    numbers = [number(one) for one in (RECORD, second, third)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < number(third, gone=True) < number(electorate.restamped(third, 2))
    huge = replace(RECORD, stamp=replace(RECORD.stamp, term=(1 << 53) - 1, version=(1 << 53) - 1))
    assert number(huge, gone=True) < 1 << 62  # gossip takes nothing above


def test_the_term_of_a_withdrawn_electorate_is_remembered() -> None:
    last = electorate.committed(electorate.restamped(RECORD, 7))
    found = known(spread(electorate_rumor(last)))
    assert seen(found).past_term == 0
    assert found.rumors([spread(electorate_rumor(last, gone=True))], complete=False) == {GROUP}
    assert seen(found).past_term == 7
    assert seen(found).electorates == ()
    assert seen(known(spread(electorate_rumor(last, gone=True)))).past_term == 7


def test_a_record_counts_under_its_own_key_and_number_alone() -> None:
    rumor = spread(electorate_rumor(RECORD))
    assert electorate_of(rumor) == RECORD
    forged: list[Rumor] = [
        replace(rumor, key="other.default/e1"),
        replace(rumor, incarnation=rumor.incarnation + 4),
        replace(rumor, kind="leader"),
        replace(rumor, body=LED),
        *(
            spread(electorate_rumor(replace(RECORD, **change)))
            for change in (
                {"voters": ()},
                {"voters": (VOTERS[0], VOTERS[0])},
                {"committed": False},
                {"previous": tuple(VOTERS)},
                {"stamp": type(RECORD.stamp)()},
            )
        ),
    ]
    assert [electorate_of(one) for one in forged] == [None] * len(forged)


def test_a_leadership_counts_from_who_has_it() -> None:
    rumor = spread(leader_rumor(ELECTION, B, LED), B)  # type: ignore[arg-type]
    assert leadership_of(rumor) == LED
    assert leadership_of(replace(rumor, owner=A)) is None
    assert leadership_of(replace(rumor, key=f"{GROUP}/update/{B}")) is None
    assert leadership_of(replace(rumor, body=RECORD)) is None


def test_the_greatest_term_of_the_electorate_that_stays_is_told() -> None:
    later = replace(RECORD, id="e2", founded=2)
    rumors = [
        spread(electorate_rumor(RECORD)),
        spread(electorate_rumor(later)),
        spread(leader_rumor(ELECTION, B, LED), B),  # type: ignore[arg-type]
        spread(leader_rumor(ELECTION, A, replace(LED, term=2, leader=A)), A),  # type: ignore[arg-type]
        spread(leader_rumor(ELECTION, C, replace(LED, term=9, leader=C)), C),  # type: ignore[arg-type]
    ]
    assert seen(known(*rumors)).leader == LED  # who leads in term 9 has departed
    other = replace(LED, electorate="e2", term=8, leader=A)
    rumors.append(spread(leader_rumor(ELECTION, A, other), A, 2))  # type: ignore[arg-type]
    assert seen(known(*rumors)).leader == LED
    assert seen(known(*rumors)).electorates == (RECORD, later)


def test_the_same_standing_again_is_no_news() -> None:
    found = known()
    same = members(a="alive", b="suspect", c="departed", d="confirmed")
    assert not found.members(same)
    assert seen(found).dead == (("d" * 32, 50.0),)
    assert found.members(members(60.0, a="alive", b="suspect", c="departed", d="confirmed"))
    assert seen(found).dead == (("d" * 32, 60.0),)
    assert found.members(members(a="alive"))


def test_a_rumor_without_a_body_that_is_understood_says_nothing() -> None:
    odd: list[Rumor] = [
        Rumor("electorate", f"{GROUP}/e1", A, 1, 1, None),
        Rumor("service", "other.default", A, 1, 1, offers(A).body),
        Rumor("service", GROUP, B, 1, 1, offers(A).body),
    ]
    found = known(*odd)
    assert seen(found).candidates == ()
    assert isinstance(RECORD, Electorate)
    assert seen(found).electorates == ()
