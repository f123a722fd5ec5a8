"""How a leader changes the electorate's record: made anew first, then one voter at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from actors.effects import Effect, Emit
from actors.election import electorate
from actors.election.ballot import has_left, raised
from actors.election.leading import close, end
from actors.election.ring import ABSENT_S
from actors.election.seats import gives_way
from actors.election.state import Decision, Election, Leading, keep, others, tell
from actors.messages.base import MemberId
from actors.messages.election import (
    AskSeat,
    Electorate,
    ElectorateStored,
    Refusal,
    SeatAnswer,
    StoreElectorate,
    Voter,
)
from actors.messages.election_events import ElectorateChanged, ElectorateCommitted

if TYPE_CHECKING:
    from random import Random


def go_on(state: Election, now: float, random: Random) -> Decision:
    """The leader's next steps with the record, if it holds a lease: make anew, commit, change."""
    effects: list[Effect] = []
    while True:
        state, more = _next(state, now, random)
        if not more:
            return state, effects
        effects += more


def _next(state: Election, now: float, random: Random) -> Decision:
    leading, record = state.phase, state.record
    if not isinstance(leading, Leading) or record is None:
        return state, []
    if leading.ending is not None and leading.ending.over and not record.dissolved_into:
        last = electorate.dissolved(record, leading.term, leading.ending.dissolves)
        return _make(state, last, f"dissolved into {last.dissolved_into}")
    storing = leading.ending is not None and leading.ending.over
    if not storing and (leading.ending is not None or now >= leading.until_s):
        return state, []
    if record.stamp.term != leading.term:
        return _make(state, electorate.restamped(record, leading.term), "a new term")
    if not record.committed and electorate.majority(record, leading.stored, state.gone):
        return _commit(state, record)
    if record.dissolved_into and record.committed:
        return _last_word(state, now, random)
    if (rival := gives_way(state)) is not None and electorate.may_change(record, leading.term):
        reason = f"the electorate founded earlier stays: {rival.id}"
        return end(state, reason, dissolves=rival.id)
    return _change(state, now)


def _last_word(state: Election, now: float, random: Random) -> Decision:
    """All are told that the last record is committed; who misses it hears it when it asks."""
    leading = state.phase
    assert isinstance(leading, Leading)
    state = replace(state, phase=replace(leading, stored=frozenset()))
    state, orders = send_record(state)
    state, closed = close(state, "its electorate is dissolved", now, random)
    return state, [*orders, *closed]


def _make(state: Election, record: Electorate, change: str) -> Decision:
    leading = state.phase
    assert isinstance(leading, Leading)
    state, effects = keep(state, msgspec.structs.replace(state.ballot, record=record))
    state = replace(state, phase=replace(leading, stored=frozenset({state.seat})))
    stamp, place = record.stamp, state.place
    voters = ", ".join(voter.member[:8] for voter in record.voters)
    event = ElectorateChanged(
        place.service_group, record.id, stamp.term, stamp.version, voters, change
    )
    state, orders = send_record(state)
    return state, [*effects, Emit(event), *orders]


def send_record(state: Election) -> Decision:
    """Send the record to whoever is not known to have it."""
    leading, record = state.phase, state.record
    assert isinstance(leading, Leading)
    if record is None or record.stamp.term != leading.term:
        return state, []
    order = StoreElectorate(record, state.ballot.voter, leading.term)
    have = {voter.member for voter in leading.stored}
    return state, [tell(state, member, order) for member in others(state) if member not in have]


def _commit(state: Election, record: Electorate) -> Decision:
    done = electorate.committed(record)
    state, effects = keep(state, msgspec.structs.replace(state.ballot, record=done))
    names = (state.place.service_group, record.id, record.stamp.term, record.stamp.version)
    effects.append(Emit(ElectorateCommitted(*names)))
    return state, effects


def _change(state: Election, now: float) -> Decision:
    leading, record = state.phase, state.record
    assert isinstance(leading, Leading)
    if record is None or not electorate.may_change(record, leading.term):
        return state, []
    leaving = {member for member, ask in state.wants.items() if ask.leave} | state.gone
    leaving |= {member for member, since_s in state.absent.items() if now - since_s >= ABSENT_S}
    joining = [Voter(member, ask.voter) for member, ask in state.wants.items() if not ask.leave]
    # A leader does not remove itself: it hands over, and the next one does.
    leaving -= {state.place.me}
    acked = (one.acked for one in leading.rounds.values())
    alive = {state.seat}.union(*acked)
    voters = electorate.next_voters(record, joining, leaving, alive, state.gone)
    if voters is None:
        return state, []
    (changed,) = set(voters) ^ set(record.voters)
    what = "joins" if changed in voters else "leaves"
    new = electorate.with_voters(record, leading.term, voters)
    return _make(state, new, f"{changed.member[:8]} {what}")


def hear_stored(state: Election, voter: MemberId, answer: ElectorateStored) -> Decision:
    """Count who has the record on disk."""
    leading, record = state.phase, state.record
    if not isinstance(leading, Leading) or record is None or record.id != answer.electorate:
        return state, []
    if not answer.stored or answer.term != leading.term or answer.stamp < record.stamp:
        return state, []
    stored = leading.stored | {Voter(voter, answer.voter)}
    return replace(state, phase=replace(leading, stored=stored)), []


def refusal(state: Election, order: StoreElectorate) -> Refusal:
    """Why a leader's record is not taken."""
    record, told = state.record, order.record
    if record is not None and record.id != told.id:
        return "other-electorate"
    if record is None and state.ballot.bound is not None and state.ballot.bound.id != told.id:
        return "busy"
    if has_left(state.ballot, told.id) is not None:
        return "other-electorate"
    if state.seat not in electorate.electors(told):
        return "no-seat"
    if record is not None and electorate.is_older(told.stamp, record):
        return "stale-stamp"
    if order.term < state.ballot.term:
        return "stale-term"
    return "busy" if isinstance(state.phase, Leading) else ""


def stored(state: Election, leader: MemberId, order: StoreElectorate, reason: Refusal) -> Effect:
    """The answer to a leader's record."""
    record = state.record
    newer = record is not None and record.id == order.record.id
    answer = ElectorateStored(
        order.record.id,
        state.ballot.voter,
        order.term,
        record.stamp if record is not None else order.record.stamp,
        stored=not reason,
        reason=reason,
        own_term=state.ballot.term,
        record=record if reason == "stale-stamp" and newer else None,
    )
    return tell(state, leader, answer)


def hear_seat_wish(state: Election, member: MemberId, ask: AskSeat) -> Decision:
    """Note who wants a seat, or wants to give it up; done one after another by the leader."""
    record = state.record
    if not isinstance(state.phase, Leading) or record is None or record.id != ask.electorate:
        return state, []
    if ask.term > state.phase.term and not ask.leave:
        # A term above both comes first, so that whoever checks terms sees them grow.
        ballot = raised(state.ballot, ask.term)
        state, kept = keep(state, ballot)
        state, ended = end(state, f"{member[:8]}, which asks for a seat, has seen term {ask.term}")
        return state, [*kept, *ended]
    seat = Voter(member, ask.voter)
    done = ask.leave and electorate.seat_of(record, member) is None
    done = done or (not ask.leave and seat in record.voters)
    wants = {who: one for who, one in state.wants.items() if who != member}
    if done and record.committed:
        text = "the seat is given up" if ask.leave else "it has a seat"
    else:
        wants[member] = ask
        text = "the last change is being committed" if not record.committed else "it is noted"
    answer = tell(state, member, SeatAnswer(record.id, record, text))
    return replace(state, wants=wants), [answer]
