"""Electorate records: which is newer, what a majority is, and which record may follow which.

A record names its voters and, until it is committed, those before; then a majority of both sets is
needed for everything. Records of one electorate are ordered by (term, version, committed), so
merging is a maximum. Of two electorates of one group the one founded earlier stays.

A change adds or removes one voter (Ongaro 2014, §4.1), so majorities of neighbouring records
overlap; and a leader makes one only after a record of its own term is committed (his note of 2015
on the single-server bug): without that, two leaders may each change what both knew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from msgspec.structs import replace

from actors.messages.base import MemberId
from actors.messages.election import MAX_VOTERS, Electorate, ProposeElectorate, Stamp, Voter

NOBODY: Final[frozenset[MemberId]] = frozenset()


def founded(proposal: ProposeElectorate, voters: Collection[Voter]) -> Electorate:
    """The first record: whoever is in it has accepted the proposal, so it is committed."""
    return Electorate(
        proposal.service_group,
        proposal.id,
        proposal.keeper,
        proposal.founded,
        proposal.founder,
        Stamp(0, 1),
        tuple(sorted(voters)),
        committed=True,
    )


def order(record: Electorate) -> tuple[Stamp, bool]:
    """What is compared between records of one electorate."""
    return record.stamp, record.committed


def newest(known: Electorate, told: Electorate) -> Electorate:
    """The record that counts of two of the same electorate."""
    return max(known, told, key=order)


def is_older(stamp: Stamp, record: Electorate) -> bool:
    """Whether who says `stamp` knows less of the electorate than `record` does."""
    return stamp < record.stamp


def earlier(one: Electorate, other: Electorate) -> Electorate:
    """Of two electorates of one group the one that stays."""
    return min(one, other, key=lambda record: (record.founded, record.id))


def electors(record: Electorate) -> tuple[Voter, ...]:
    """Whoever is asked: the voters, and those before while the change is not committed."""
    before = () if record.committed else record.previous
    return tuple(sorted({*record.voters, *before}))


def seat_of(record: Electorate | None, member: MemberId) -> Voter | None:
    """A member's seat; the one it has now, if it has another in the set before."""
    if record is None:
        return None
    seats = (*record.voters, *electors(record))
    return next((voter for voter in seats if voter.member == member), None)


def needed(voters: Collection[Voter], gone: frozenset[MemberId] = NOBODY) -> int:
    """How many voters are a majority; `gone` are sworn to be gone for good."""
    return sum(voter.member not in gone for voter in voters) // 2 + 1


def majority(
    record: Electorate, heard: Collection[Voter], gone: frozenset[MemberId] = NOBODY
) -> bool:
    """Whether `heard` are a majority of the voters, and of those before if not committed."""
    return missing(record, heard, gone) == 0


def missing(
    record: Electorate, heard: Collection[Voter], gone: frozenset[MemberId] = NOBODY
) -> int:
    """How many more voters it takes at least."""
    sets = [record.voters] if record.committed else [record.voters, record.previous]
    present = {voter for voter in heard if voter.member not in gone}
    return max(max(0, needed(one, gone) - len(present.intersection(one))) for one in sets)


def stamp_text(record: Electorate) -> str:
    """A record's stamp as events name it: `term.version`."""
    return f"{record.stamp.term}.{record.stamp.version}"


def restamped(record: Electorate, term: int) -> Electorate:
    """The record as the leader of a new term makes it anew, before it changes anything."""
    before = record.voters if record.committed else record.previous
    return replace(
        record, stamp=Stamp(term, record.stamp.version + 1), previous=before, committed=False
    )


def committed(record: Electorate) -> Electorate:
    """The same record, once a majority of both sets has it on disk."""
    return replace(record, committed=True, previous=())


def may_change(record: Electorate, term: int) -> bool:
    """Whether the leader of `term` may change the record: its own last one is committed."""
    return record.committed and record.stamp.term == term and not record.dissolved_into


def with_voters(record: Electorate, term: int, voters: Collection[Voter]) -> Electorate:
    """The next record, with one voter more or less."""
    assert len(set(voters) ^ set(record.voters)) == 1, "one change at a time"
    return replace(
        record,
        stamp=Stamp(term, record.stamp.version + 1),
        voters=tuple(sorted(voters)),
        previous=record.voters,
        committed=False,
    )


def dissolved(record: Electorate, term: int, into: str) -> Electorate:
    """The last record: its voters are to join electorate `into`."""
    return replace(restamped(record, term), dissolved_into=into)


def next_voters(
    record: Electorate,
    joining: Collection[Voter],
    leaving: Collection[MemberId],
    alive: Collection[Voter] = (),
    gone: frozenset[MemberId] = NOBODY,
) -> tuple[Voter, ...] | None:
    """The voters after the next change that is wanted; None if there is none.

    Who leaves goes first. A member that asks under another id has lost its votes: its old seat is
    removed before the new one is added. The last voter is not removed. `alive`: who is heard; a
    change that leaves a majority of them goes before one that could not be committed now.
    """
    wanted = list(_changes(record, joining, leaving))
    heard = {*alive, *joining}
    safe = (one for one in wanted if len(heard.intersection(one)) >= needed(one, gone))
    return next(safe, next(iter(wanted), None))


def _changes(
    record: Electorate, joining: Collection[Voter], leaving: Collection[MemberId]
) -> Iterator[tuple[Voter, ...]]:
    fresh = {voter.member: voter for voter in joining}
    for voter in record.voters:
        replaced = voter.member in fresh and fresh[voter.member] != voter
        if (voter.member in leaving or replaced) and len(record.voters) > 1:
            yield tuple(one for one in record.voters if one != voter)
    for voter in sorted(joining):
        taken = any(one.member == voter.member for one in record.voters)
        full = len(record.voters) >= MAX_VOTERS
        if not taken and voter.member not in leaving and not full:
            yield (*record.voters, voter)
