"""What the service is told of its role; told once, however often the cause repeats."""

from __future__ import annotations

from dataclasses import replace

from actors.effects import Effect
from actors.election import electorate
from actors.election.state import Decision, Election, Leading, tell_service
from actors.election.timing import SETTLE_S
from actors.messages.base import MemberId
from actors.messages.election import Electorate, Role
from actors.messages.election_events import LeaderFollowed
from actors.messages.election_orders import RoleChanged


def nobody_leads(state: Election, term: int, reason: str = "") -> Decision:
    """Before a vote in `term`: take no more data from the leader before."""
    return _told(state, "none", term, "", RoleChanged(*state.names, "none", term, reason=reason))


def followed_event(
    state: Election, record: Electorate, leader: MemberId, term: int
) -> LeaderFollowed:
    """What is put on record of a leader that is followed from now on."""
    needed, stamp = electorate.needed(record.voters, state.gone), electorate.stamp_text(record)
    return LeaderFollowed(*state.names, record.id, term, leader, needed, stamp)


def follow(state: Election, leader: MemberId, term: int) -> Decision:
    """The service follows `leader`."""
    changed = RoleChanged(*state.names, "follower", term, leader)
    return _told(state, "follower", term, leader, changed)


def lead(state: Election, term: int, kill_at_s: float) -> Decision:
    """The service leads; a process started in this role is killed at `kill_at_s` if not renewed."""
    me = state.place.me
    changed = RoleChanged(*state.names, "leader", term, me, kill_at_s)
    return _told(state, "leader", term, me, changed)


def demote(state: Election, term: int, settle_by_s: float, reason: str, into: str) -> Decision:
    """The leading service stops to lead, until then, or its process is killed.

    `into`: the electorate it goes to, if its own is dissolved.
    """
    changed = RoleChanged(
        *state.names, "none", term, settle_by_s=settle_by_s, dissolved=into, reason=reason
    )
    return _told(state, "none", term, "", changed)


def dissolved(state: Election, into: str) -> Decision:
    """The service's group was dissolved: it has no role until it has a seat in the other."""
    reason = f"its electorate was dissolved into {into}"
    changed = RoleChanged(*state.names, "none", state.ballot.term, dissolved=into, reason=reason)
    return _told(state, "none", state.ballot.term, into, changed)


def present(state: Election) -> RoleChanged:
    """The role as it is now, for a service that asks; a leader's instants are fresh."""
    role, term, leader = state.told
    phase = state.phase
    if role == "leader" and isinstance(phase, Leading):
        return RoleChanged(*state.names, role, term, leader, phase.renewed_s + SETTLE_S)
    if isinstance(phase, Leading) and phase.ending is not None:
        ending = phase.ending
        return RoleChanged(
            *state.names,
            "none",
            phase.term,
            settle_by_s=ending.settle_by_s,
            dissolved=ending.dissolves,
            reason=ending.reason,
        )
    return RoleChanged(*state.names, role, term, leader if role == "follower" else "")


def _told(
    state: Election, role: Role, term: int, leader: MemberId, changed: RoleChanged
) -> Decision:
    if state.told == (role, term, leader):
        return state, []
    told: list[Effect] = [tell_service(state, changed)]
    return replace(state, told=(role, term, leader)), told
