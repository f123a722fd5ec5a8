"""An operator's oath that a member is gone for good: the way out of a dead majority.

Whoever has heard it counts majorities over the rest. That is right as long as the oath is: who is
gone votes for nobody, so of two majorities, with and without the oath, the living still share one.
It counts from one promise time after the member was last heard, and after one's own start: until
then it may hold a lease.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from actors.effects import Effect, Emit
from actors.election import electorate, timing
from actors.election.state import Decision, Election
from actors.messages.base import MemberId
from actors.messages.election_events import OathCounted


def count(state: Election, sworn: Collection[MemberId], now: float) -> Decision:
    """Take the oaths that may be counted by now. `sworn`: all that are sworn to be gone."""
    record, place = state.record, state.place
    if record is None:
        return state, []
    seats = {voter.member for voter in electorate.electors(record)}
    gone = {
        member
        for member in sworn
        if member in seats and member != place.me and now >= counts_from_s(state, member)
    }
    new = gone - state.gone
    events: list[Effect] = [Emit(OathCounted(*state.names, member)) for member in sorted(new)]
    return replace(state, gone=frozenset(gone)), events


def counts_from_s(state: Election, member: MemberId) -> float:
    """From when an oath about `member` may be counted here."""
    heard_s = max(state.heard.get(member, 0.0), state.place.began_s)
    return timing.waits_until_s(heard_s)
