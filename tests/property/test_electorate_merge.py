"""Electorate records: their merge, and what majorities of neighbouring records have in common."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.election import electorate
from actors.election.ballot import Ballot, Slot, read
from actors.messages.election import Electorate, Stamp, Voter

SEATS = [Voter(f"{n:x}" * 32, f"v{n}") for n in range(1, 9)]
voters = st.lists(st.sampled_from(SEATS), min_size=1, max_size=7, unique=True).map(
    lambda seats: tuple(sorted(seats))
)


@st.composite
def records(draw: st.DrawFn) -> Electorate:
    """Of one electorate: what a stamp names is the same for whoever has it."""
    number = draw(st.integers(1, 4))
    stamp = Stamp(draw(st.integers(0, 3)), number)
    committed = draw(st.booleans())
    seats = tuple(SEATS[: 1 + (stamp.term + number) % 7])
    before = () if committed else tuple(SEATS[: 2 + (stamp.term + number) % 6])
    return Electorate(
        "db.default", "e", "topology", 1, SEATS[0].member, stamp, seats, before, committed
    )


@given(records(), records(), records())
def test_merging_records_is_commutative_associative_and_idempotent(
    a: Electorate, b: Electorate, c: Electorate
) -> None:
    newest = electorate.newest
    assert newest(a, b) == newest(b, a)
    assert newest(a, newest(b, c)) == newest(newest(a, b), c)
    assert newest(a, a) == a


@given(records(), st.integers(0, 9), st.integers(0, 9), st.text(), st.text())
def test_of_two_electorates_both_sides_keep_the_same(
    record: Electorate, one: int, other: int, first: str, second: str
) -> None:
    a, b = replace(record, founded=one, id=first), replace(record, founded=other, id=second)
    assume(a != b)
    assert electorate.earlier(a, b) == electorate.earlier(b, a)


@given(voters, st.sampled_from(SEATS), st.sets(st.sampled_from(SEATS)), st.data())
def test_majorities_before_and_after_a_change_share_a_voter(
    before: tuple[Voter, ...], changed: Voter, heard: set[Voter], data: st.DataObject
) -> None:
    after = tuple(set(before) ^ {changed})
    assume(0 < len(after) <= 7)
    record = Electorate(
        "db.default", "e", "topology", 1, SEATS[0].member, Stamp(1, 1), before, committed=True
    )
    changing = electorate.with_voters(record, 1, after)
    changed_record = electorate.committed(changing)
    other = data.draw(st.sets(st.sampled_from(SEATS)))
    for one, two in ((record, changing), (changing, changed_record), (record, changed_record)):
        if electorate.majority(one, heard) and electorate.majority(two, other):
            assert heard & other


@given(voters, st.sets(st.sampled_from(SEATS)), st.sets(st.sampled_from(SEATS)))
def test_two_majorities_over_the_rest_share_a_voter(
    seats: tuple[Voter, ...], heard: set[Voter], gone: set[Voter]
) -> None:
    """Also of one that has heard an oath and one that has not: who is gone votes for nobody."""
    sworn = frozenset(voter.member for voter in gone)
    assume(any(voter.member not in sworn for voter in seats))
    record = Electorate(
        "db.default", "e", "topology", 1, SEATS[0].member, Stamp(1, 1), seats, committed=True
    )
    living = {voter for voter in seats if voter.member not in sworn}
    if electorate.majority(record, heard, sworn):
        rest = living - heard
        assert not electorate.majority(record, rest, sworn)
        assert not electorate.majority(record, rest)


@given(voters, st.lists(st.sampled_from(SEATS), unique=True), st.sets(st.sampled_from(SEATS)))
def test_wishes_are_met_one_change_at_a_time_until_none_is_left(
    seats: tuple[Voter, ...], joining: list[Voter], gone: set[Voter]
) -> None:
    record = Electorate(
        "db.default", "e", "topology", 1, SEATS[0].member, Stamp(1, 1), seats, committed=True
    )
    leaving = {voter.member for voter in gone}
    for _ in range(20):
        following = electorate.next_voters(record, joining, leaving)
        if following is None:
            break
        record = electorate.committed(electorate.with_voters(record, 1, following))
        assert 1 <= len(record.voters) <= 7
    left = {voter.member for voter in record.voters} & leaving
    assert not left or len(record.voters) == 1


def test_a_seat_is_given_before_one_is_taken_that_the_majority_needs() -> None:
    """Two of three voters live, one of them leaves: without it the other could commit nothing."""
    living, leaver, dead, newcomer = SEATS[:4]
    record = Electorate(
        *("db.default", "e", "topology", 1, living.member, Stamp(1, 1)),
        (living, leaver, dead),
        committed=True,
    )
    heard = {living, leaver}
    following = electorate.next_voters(record, [newcomer], {leaver.member}, heard)
    assert following == (living, leaver, dead, newcomer)
    assert electorate.next_voters(record, [], {dead.member}, heard) == (living, leaver)


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_no_bytes_in_a_ballot_file_raise(one: bytes, other: bytes) -> None:
    found, lost = read((Slot(one), Slot(other)))
    assert found is None or isinstance(found, Ballot)
    assert not (found and lost)
