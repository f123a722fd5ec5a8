"""A member that asks for a seat, or for its end; and the way from an electorate that was dissolved.

Two sides that never saw each other may both have founded. The electorate founded earlier stays; the
leader of the other demotes its service, has its own majority store a last record that says where to
go, and lets go of its term. Once that record is committed nobody is elected in it any more, and its
members, their terms kept, ask the other for seats. That one's leader first opens a term above
theirs, so whatever checks terms sees them grow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from actors.effects import Effect, Emit
from actors.election import electorate
from actors.election.ballot import raised
from actors.election.roles import dissolved
from actors.election.state import NEVER, Decision, Election, Leading, Waiting, keep, tell
from actors.messages.election import AskSeat, Electorate
from actors.messages.election_events import ElectorateDissolved, RivalElectorate

AGAIN_S: Final = 2.0  # between two requests for a seat
LEAVE_AGAIN_S: Final = 0.5  # between two to be let go: somebody waits for it


def see(state: Election, told: Electorate, now: float) -> Decision:
    """The ring's record of an electorate that is not one's own."""
    record = state.record
    if record is None:
        known = state.seen if state.seen is not None and state.seen.id == told.id else told
        seen = electorate.newest(known, told)
        if state.seen is not None and state.seen.id != told.id:
            seen = electorate.earlier(state.seen, told)
        if seen.dissolved_into:
            return state, []  # it is no home any more
        asks_s = state.seat_again_s if state.seat_again_s != NEVER else now
        return replace(state, seen=seen, seat_again_s=asks_s), []
    if told.dissolved_into or (state.rival is not None and state.rival.id == told.id):
        return state, []
    stays = electorate.earlier(record, told)
    place = state.place
    event = RivalElectorate(place.service_group, record.id, told.id, stays.id)
    return replace(state, rival=told), [Emit(event)]


def gives_way(state: Election) -> Electorate | None:
    """The electorate for which one's own is to be dissolved, if any."""
    record, rival = state.record, state.rival
    if record is None or rival is None or record.dissolved_into:
        return None
    return rival if electorate.earlier(record, rival) is rival else None


def _wishes(state: Election) -> bool:
    record = state.record or state.seen
    if record is None or record.dissolved_into:
        return False
    if state.ballot.leaving:
        return not is_given_up(state)
    return state.stands and not state.is_voter


def wish(state: Election, now: float) -> Election:
    """Begin to ask, if there is something to ask for; what asks already goes on."""
    if state.seat_again_s == NEVER and _wishes(state):
        return replace(state, seat_again_s=now)
    return state


def ask(state: Election, now: float) -> Decision:
    """Ask for a seat until there is one; or, leaving, until there is none."""
    record = state.record or state.seen
    if record is None or not _wishes(state):
        return replace(state, seat_again_s=NEVER), []
    again_s = LEAVE_AGAIN_S if state.ballot.leaving else AGAIN_S
    state = replace(state, seat_again_s=now + again_s)
    if isinstance(state.phase, Leading):
        return state, []  # it hands over first; who leads then removes it
    asked = AskSeat(record.id, state.ballot.voter, state.ballot.term, state.ballot.leaving)
    members = sorted({voter.member for voter in electorate.electors(record)})
    return state, [tell(state, member, asked) for member in members if member != state.place.me]


def is_given_up(state: Election) -> bool:
    """Whether a member that leaves is bound by nothing any more, and may forget its ballot.

    The last voter of an electorate takes it along.
    """
    record, ballot = state.record, state.ballot
    if not ballot.leaving or isinstance(state.phase, Leading):
        return False
    if record is None:
        return ballot.bound is None and ballot.open is None
    seats = {voter.member for voter in electorate.electors(record)}
    return state.place.me not in seats or seats == {state.place.me}


def leave(state: Election, now: float) -> Decision:
    """Leave an electorate whose last record is committed; the term is kept, and let go of."""
    record = state.record
    if record is None or not record.dissolved_into or not record.committed:
        return state, []
    if isinstance(state.phase, Leading):
        return state, []  # it tells the others first
    # One term more, so that the other's leader opens one above all that this one has had.
    ballot = msgspec.structs.replace(
        raised(state.ballot, state.ballot.term + 1),
        record=None,
        released=state.ballot.term,
        left=(*state.ballot.left, record),
    )
    rival = state.rival
    state, effects = keep(state, ballot)
    state = replace(
        state,
        phase=Waiting(now),
        seen=rival if rival is not None and rival.id == record.dissolved_into else None,
        rival=None,
        seat_again_s=now,
    )
    event = ElectorateDissolved(state.place.service_group, record.id, record.dissolved_into)
    told: list[Effect]
    state, told = dissolved(state, record.dissolved_into)
    return state, [*effects, Emit(event), *told]
