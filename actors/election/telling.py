"""What an election tells the ring: its group's record, and that its own member leads."""

from __future__ import annotations

from actors.effects import Effect, Send
from actors.election import electorate, timing
from actors.election.groups import ElectionId, electorate_rumor, leader_rumor
from actors.election.state import NOTHING_TOLD, Election, Leading
from actors.messages.election import Electorate, Leadership
from actors.messages.election_orders import RingSeen


def leadership(state: Election) -> Leadership | None:
    """What to tell of one's own leadership: it lasts from the first acked round to the end."""
    phase, record = state.phase, state.record
    if not isinstance(phase, Leading) or record is None or record.dissolved_into:
        return None
    if not phase.until_s or (phase.ending is not None and phase.ending.over):
        return None
    return Leadership(*state.names, record.id, phase.term, state.place.me)


def is_undecided(state: Election) -> bool:
    """Whether it asks to go on with a term of an earlier life: then what that told stands."""
    return isinstance(state.phase, Leading) and not state.phase.until_s


def is_silent(state: Election, now: float) -> bool:
    """Whether nothing is known of the roles yet: then what an earlier life has told stands.

    A voter that has just started hears its leader, or is acked as leader, within a round or two.
    Until then a service that runs goes on as it does: the launcher has the instant of its death.
    """
    waits = now < timing.waits_until_s(state.place.began_s)
    return state.told == NOTHING_TOLD and state.is_voter and (waits or is_undecided(state))


def of_leader(state: Election, told: Leadership | None) -> Effect:
    """Tell the ring of one's own leadership, or that there is none."""
    election: ElectionId = state.names
    return Send("gossip", leader_rumor(election, state.place.me, told))


def of_record(record: Electorate, *, gone: bool = False) -> Effect:
    """Tell the ring of a record."""
    return Send("gossip", electorate_rumor(record, gone=gone))


def news(state: Election, seen: RingSeen | None) -> Electorate | None:
    """The record that the ring has still to be told of, if any: any voter may."""
    record = state.record
    if record is None or not state.is_voter:
        return None
    told = () if seen is None else seen.electorates
    known = next((one for one in told if one.id == record.id), None)
    if known is None or electorate.order(record) > electorate.order(known):
        return record
    return None
