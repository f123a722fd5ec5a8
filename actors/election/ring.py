"""What the ring says, as far as an election goes by it: records, who is gone, who leads.

A record by the ring is taken if it is newer, and is no promise to anybody. Who has no seat (a group
has at most seven) is told by no leader, and follows whoever the ring says was elected.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from actors.effects import Effect, Emit
from actors.election import electorate, founding, seats
from actors.election.ballot import has_left, raised
from actors.election.roles import follow, followed_event, nobody_leads
from actors.election.state import Decision, Election, Leading, Waiting, keep, learn
from actors.messages.base import MemberId
from actors.messages.election import Electorate, Leadership
from actors.messages.election_orders import RingSeen

if TYPE_CHECKING:
    from random import Random

ABSENT_S: Final = 72 * 3600.0  # a voter confirmed for so long loses its seat


def see(state: Election, seen: RingSeen, now: float, random: Random) -> Decision:
    """Take what the ring says now in place of what it said before."""
    effects: list[Effect] = []
    records = [record for record in seen.electorates if counts(state, record, seen)]
    for record in records:
        state, more = hear_record(state, record, now, random)
        effects += more
    known = {record.id for record in records}
    if state.seen is not None and state.seen.id not in known:
        state = replace(state, seen=None)  # it was withdrawn: there is no such electorate any more
    if state.rival is not None and state.rival.id not in known:
        state = replace(state, rival=None)
    state = replace(state, sworn=frozenset(seen.departed), absent=_absent(state, seen))
    if state.record is None and seen.past_term > state.ballot.term:
        # Whatever checks terms sees them grow, also where the group was unloaded everywhere.
        state, kept = keep(state, raised(state.ballot, seen.past_term))
        effects += kept
    state, more = _given_up(state, seen)
    state, told = _follow(state, seen.leader)
    return state, [*effects, *more, *told]


def counts(state: Election, record: Electorate, seen: RingSeen) -> bool:
    """Whether a record is one to go by.

    Where all voters have departed there is no electorate any more. And nobody gives way to one
    with no living voter: nobody there could take its members in.
    """
    if state.record is not None and record.id == state.record.id:
        return True
    voters = {voter.member for voter in electorate.electors(record)}
    if state.record is not None:
        return bool(voters.intersection(seen.living))
    return not voters <= set(seen.departed)


def hear_record(state: Election, told: Electorate, now: float, random: Random) -> Decision:
    """A record by the ring: taken if it is newer, and no promise to anybody."""
    record, ballot = state.record, state.ballot
    if has_left(ballot, told.id) is not None:
        return state, []
    if record is not None and record.id != told.id:
        return seats.see(state, told, now)
    if record is None:
        bound = ballot.bound is None or ballot.bound.id == told.id
        if not bound or state.seat not in electorate.electors(told):
            return seats.see(state, told, now)
    elif isinstance(state.phase, Leading):
        return state, []
    return learn(state, told, now, random)


def _absent(state: Election, seen: RingSeen) -> dict[MemberId, float]:
    """Since when the ring holds voters dead; one that was stopped in order keeps its seat."""
    voters = electorate.electors(state.record) if state.record is not None else ()
    seats = {voter.member for voter in voters} - {state.place.me}
    return {member: since_s for member, since_s in seen.dead if member in seats}


def _given_up(state: Election, seen: RingSeen) -> Decision:
    """Drop one's own proposal if a member it needs is not alive any more; it is made anew."""
    mine = state.ballot.open
    if mine is None:
        return state, []
    accepted = {voter.member for voter in state.founding}
    needed = set(mine.members) - accepted - {*seen.living, state.place.me}
    if not needed:
        return state, []
    names = ", ".join(member[:8] for member in sorted(needed))
    return founding.abort(state, f"{names} is not alive any more")


def _follow(state: Election, leader: Leadership | None) -> Decision:
    home = state.record or state.seen
    if state.is_voter or home is None or not isinstance(state.phase, Waiting):
        return state, []
    if leader is None or leader.electorate != home.id or leader.leader == state.place.me:
        if state.told[0] != "follower":
            return state, []
        return nobody_leads(state, state.told[1], "the ring knows no leader")
    event = followed_event(state, home, leader.leader, leader.term)
    before = state.told
    state, told = follow(state, leader.leader, leader.term)
    return state, ([Emit(event)] if state.told != before else []) + told
