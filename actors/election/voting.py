"""The voter: whom it refuses and why, its promise, its vote.

A voter that acked a leader's round (or stored its record) refuses everybody else for a promise
time, by its own clock; after a start it refuses everybody for as long, because it may have
forgotten a promise. Whose record is older than the voter's is refused, so nobody is elected, and
no lease is renewed, by a majority that a change has made obsolete.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from actors.effects import Emit, Send
from actors.election import electorate, timing
from actors.election.ballot import has_left, raised
from actors.election.roles import follow, followed_event, nobody_leads
from actors.election.siblings import may_lead
from actors.election.state import (
    Asking,
    Decision,
    Election,
    Leading,
    Promise,
    Reading,
    keep,
    rest_a_while,
    tell,
    tell_service,
)
from actors.messages.base import MemberId
from actors.messages.election import (
    PreVote,
    Refusal,
    Renewal,
    RenewalAck,
    RequestVote,
    StoreElectorate,
    VoteAnswer,
)
from actors.messages.election_events import VoteGiven, VoteRefused
from actors.messages.election_orders import ReadSuitability, SendRenewalAck

if TYPE_CHECKING:
    from random import Random


def binds(promise: Promise | None, asker: MemberId, released: int, now: float) -> bool:
    """Whether a promise forbids to help `asker`, who was handed the term `released` (0: none)."""
    if promise is None or now >= promise.until_s or promise.leader == asker:
        return False
    return promise.term != released or released == 0


def held_back(state: Election, asker: MemberId, released: int, now: float) -> tuple[Refusal, float]:
    """Why no vote may be given at all yet, and for how many seconds."""
    if isinstance(state.phase, Leading) and asker != state.place.me:
        handed = released == state.phase.term
        return ("", 0.0) if handed else ("busy", timing.ROUND_S)
    free_s = timing.waits_until_s(state.place.began_s)
    if now < free_s:
        return "start-wait", free_s - now
    if binds(state.promise, asker, released, now):
        assert state.promise is not None
        return "promise", state.promise.until_s - now
    return "", 0.0


def refusal(
    state: Election, asker: MemberId, ask: PreVote | RequestVote, now: float
) -> tuple[Refusal, float]:
    """Why `asker` does not get the vote it asks for, and for how many seconds at most."""
    record = state.record
    if record is None or record.id != ask.electorate:
        return "other-electorate", 0.0
    if electorate.is_older(ask.stamp, record):
        return "stale-stamp", 0.0
    known = ask.stamp > record.stamp or any(
        voter.member == asker and voter.id == ask.voter for voter in electorate.electors(record)
    )
    if not known or (ask.stamp == record.stamp and not state.is_voter):
        return "no-seat", 0.0
    if (held := held_back(state, asker, ask.released, now))[0]:
        return held
    if ask.term < state.ballot.term:
        return "stale-term", 0.0
    if ask.term == state.ballot.term and state.ballot.voted_for not in ("", asker):
        return "voted", 0.0
    return "", 0.0


def answer_pre_vote(state: Election, asker: MemberId, ask: PreVote, now: float) -> Decision:
    """Whether it would vote; binds nobody."""
    reason, wait_s = refusal(state, asker, ask, now)
    return state, [tell(state, asker, _answer(state, ask, reason, wait_s))]


def answer_vote(
    state: Election, asker: MemberId, ask: RequestVote, now: float, random: Random
) -> Decision:
    """Vote, or say why not; the suitability of the term is read before."""
    reason, wait_s = refusal(state, asker, ask, now)
    if not reason and state.hook and state.suitability[0] != ask.term:
        return _read_first(state, asker, ask, now)
    if not reason and _is_fitter(state, asker, ask):
        reason = "suitability"
    if reason == "suitability" and ask.term > state.ballot.term:
        # The term is over for that candidate; whoever is fitter stands in the next.
        state, kept = keep(state, raised(state.ballot, ask.term))
        refused = VoteRefused(*state.names, ask.term, asker, reason)
        answer = tell(state, asker, _answer(state, ask, reason, wait_s))
        return rest_a_while(state, now, random), [*kept, Emit(refused), answer]
    if reason:
        refused = VoteRefused(*state.names, ask.term, asker, reason)
        return state, [Emit(refused), tell(state, asker, _answer(state, ask, reason, wait_s))]
    ballot = msgspec.structs.replace(raised(state.ballot, ask.term), voted_for=asker)
    state, effects = nobody_leads(state, ask.term)
    state, kept = keep(state, ballot)
    given = VoteGiven(*state.names, ask.electorate, ask.term, asker, state.ballot.voter)
    effects += [*kept, Emit(given), tell(state, asker, _answer(state, ask, "", 0.0))]
    return rest_a_while(state, now, random), effects


def hear_round(
    state: Election, leader: MemberId, renewal: Renewal, now: float, random: Random
) -> Decision:
    """Ack a leader's round, which is a promise; or say why not."""
    record = state.record
    reason: Refusal = ""
    if record is None or record.id != renewal.electorate:
        reason = "other-electorate"
    elif electorate.is_older(renewal.stamp, record):
        reason = "stale-stamp"
    elif renewal.stamp == record.stamp and not state.is_voter:
        reason = "no-seat"
    elif renewal.term < state.ballot.term:
        reason = "stale-term"
    if not reason and isinstance(state.phase, Leading):
        reason = "busy"  # it ends its own term first
    if reason:
        return state, [_ack(state, leader, renewal, reason)]
    assert record is not None
    ballot = raised(state.ballot, renewal.term)
    if renewal.committed and renewal.stamp == record.stamp and not record.committed:
        ballot = msgspec.structs.replace(ballot, record=electorate.committed(record))
    state, effects = keep(state, ballot)
    state, followed = promised(state, leader, renewal.term, now, random)
    return state, [*effects, *followed, _ack(state, leader, renewal, "")]


def promised(state: Election, leader: MemberId, term: int, now: float, random: Random) -> Decision:
    """Refuse everybody but `leader` from now on, and follow it."""
    promise = Promise(leader, term, now + timing.PROMISE_S)
    state = replace(state, promise=promise, tried=None, hindered=False)
    effects = []
    if state.told != ("follower", term, leader):
        assert state.record is not None
        effects.append(Emit(followed_event(state, state.record, leader, term)))
    state, told = follow(state, leader, term)
    keeps_asking = isinstance(state.phase, Asking) and state.phase.for_leader == leader
    if not keeps_asking:
        state = rest_a_while(state, now, random)
    return state, [*effects, *told]


def stores(
    state: Election, leader: MemberId, order: StoreElectorate, now: float, random: Random
) -> Decision:
    """Take a leader's record, durably; it is a promise too.

    Were it none, two changes within one lease could leave a majority that stored both records and
    owes the lease nothing.
    """
    ballot = raised(state.ballot, order.term)
    known = ballot.record
    record = order.record if known is None else electorate.newest(known, order.record)
    state, effects = keep(state, msgspec.structs.replace(ballot, record=record))
    state, followed = promised(state, leader, order.term, now, random)
    return state, [*effects, *followed]


def _read_first(state: Election, asker: MemberId, ask: RequestVote, now: float) -> Decision:
    state, effects = nobody_leads(state, ask.term)
    reading = state.reading
    if reading is None or reading.term < ask.term:
        reading = Reading(ask.term, now + timing.READING_S)
        read = ReadSuitability(*state.names, ask.term)
        effects.append(tell_service(state, read))
    if reading.term == ask.term and (asker, ask) not in reading.asked:
        reading = replace(reading, asked=(*reading.asked, (asker, ask)))
    answer = tell(state, asker, _answer(state, ask, "reading", timing.READING_S))
    return replace(state, reading=reading), [*effects, answer]


def _is_fitter(state: Election, asker: MemberId, ask: RequestVote) -> bool:
    """Whether the asker offers less than this member needs; who cannot say holds nobody fit.

    It counts also where its own service would not lead: what the hook orders by may be data, and
    the member whose service has just failed may be the one other member that has them all.
    """
    if not state.hook:
        return False
    _, offers, needs = state.suitability
    if offers < 0 or needs != ask.suitability:
        return offers < 0 or needs > ask.suitability
    if ask.released:  # it was handed the term by who led: its id need not be the greatest
        return False
    return offers >= needs and may_lead(state) and state.is_voter and state.place.me > asker


def _answer(
    state: Election, ask: PreVote | RequestVote, reason: Refusal, wait_s: float
) -> VoteAnswer:
    record, last = state.record, has_left(state.ballot, ask.electorate)
    mine = record is not None and record.id == ask.electorate
    newer = mine and record is not None and electorate.is_older(ask.stamp, record)
    return VoteAnswer(
        ask.electorate,
        state.ballot.voter,
        ask.term,
        granted=not reason,
        reason=reason,
        own_term=state.ballot.term,
        round=ask.round if isinstance(ask, PreVote) else "",
        wait_s=wait_s,
        record=record if newer else last,
    )


def _ack(state: Election, leader: MemberId, renewal: Renewal, reason: Refusal) -> Send:
    record = state.record
    ack = RenewalAck(
        *state.names,
        renewal.electorate,
        state.ballot.voter,
        renewal.term,
        renewal.round,
        acked=not reason,
        reason=reason,
        own_term=state.ballot.term,
        stamp=record.stamp if record is not None else renewal.stamp,
        fit=may_lead(state) and state.is_voter,
        healthy=state.critical_s is None,
    )
    return Send("election/rounds", SendRenewalAck(leader, ack))
