"""The candidate: pre-vote, suitability, vote.

A pre-vote binds nobody and raises no term, so a member that nobody would elect disturbs no leader
(Ongaro 2014, §9.6). A candidate's own vote is durable before anybody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from actors.effects import Effect, Emit
from actors.election import electorate, timing
from actors.election.ballot import raised
from actors.election.leading import begin
from actors.election.roles import nobody_leads
from actors.election.siblings import hinders, may_lead
from actors.election.state import (
    Asking,
    Decision,
    Election,
    Preparing,
    Reading,
    Standing,
    Waiting,
    keep,
    learn,
    others,
    rest,
    rest_a_while,
    tell,
    tell_service,
)
from actors.election.voting import held_back
from actors.messages.base import MemberId
from actors.messages.election import (
    AskReady,
    PreVote,
    Ready,
    Refusal,
    RequestVote,
    VoteAnswer,
    Voter,
)
from actors.messages.election_events import ElectionOpened, VoteGiven
from actors.messages.election_orders import ReadSuitability

if TYPE_CHECKING:
    from random import Random


def ask(
    state: Election, now: float, random: Random, *, released: int = 0, for_leader: MemberId = ""
) -> Decision:
    """Ask whether it would be elected; rest if it may not be.

    `released`: the term its leader has handed over, or (`for_leader`) would.
    """
    record = state.record
    me = state.place.me
    free = not held_back(state, me, released, now)[0]
    if record is None or not (may_lead(state) and state.is_voter and free):
        return rest_a_while(state, now, random), []
    if hinders(state):
        return rest_a_while(replace(state, hindered=True), now, random), []
    if state.reading is not None and state.reading.asked and not released:
        # It is about to vote for somebody, or to say why not: that answer is waited for.
        return replace(state, phase=Waiting(state.reading.until_s + timing.retry_s(random))), []
    count = state.count + 1
    asking = Asking(
        term=max(state.ballot.term, released) + 1,
        round=f"{state.place.instance}:{count}",
        until_s=now + timing.ANSWER_S,
        granted=frozenset({state.seat}),
        released=released,
        for_leader=for_leader,
    )
    state = replace(state, count=count, phase=asking, reading=None, hindered=False)
    if electorate.majority(record, asking.granted, state.gone):
        return _would_win(state, asking, now, random)
    question = PreVote(
        record.id,
        record.stamp,
        state.ballot.voter,
        asking.term,
        asking.round,
        released,
        hand_over=bool(for_leader),
    )
    return state, [tell(state, member, question) for member in others(state)]


def asked_ready(
    state: Election, leader: MemberId, question: AskReady, now: float, random: Random
) -> Decision:
    """A leader looks for a successor: ask the others on its behalf."""
    record = state.record
    known = record is not None and record.id == question.electorate
    follows = state.promise is not None and state.promise.leader == leader
    if not known or not follows or question.term != state.ballot.term or not may_lead(state):
        unready = Ready(question.electorate, state.ballot.voter, question.term, ready=False)
        return state, [tell(state, leader, unready)]
    if hinders(state):
        return replace(state, hindered=True, deferred=(leader, question)), []
    return ask(state, now, random, released=question.term, for_leader=leader)


def hear_answer(
    state: Election, voter: MemberId, answer: VoteAnswer, now: float, random: Random
) -> Decision:
    """Count an answer to the pre-vote or vote under way; learn of later terms and records."""
    state, effects = _learn(state, answer, now, random)
    phase = state.phase
    match phase:
        case Asking() if phase.round == answer.round and phase.term == answer.term:
            state, more = _count_pre_vote(state, voter, answer, now, random)
        case Standing() if not answer.round and phase.term == answer.term:
            state, more = _count_vote(state, voter, answer, now, random)
        case _:
            more = []
    return state, [*effects, *more]


def suitability_known(state: Election, now: float, random: Random) -> Decision:
    """Stand, now that the suitability of the term is known; who cannot say does not."""
    assert isinstance(state.phase, Preparing)
    if state.suitability[1] < 0:
        return rest(state, now, timing.retry_s(random) + _apart_s(state, random)), []
    return _stand(state, state.phase.term, state.phase.released, now, random)


def give_up(state: Election, now: float, random: Random) -> Decision:
    """The answers that came in time were too few: rest, and try again."""
    phase = state.phase
    assert isinstance(phase, Asking | Standing | Preparing)
    if isinstance(phase, Asking) and phase.for_leader:
        return _report(state, phase, now, random, ready=False)
    wait_s = timing.retry_s(random)
    if isinstance(phase, Asking | Standing):
        state = replace(state, tried=phase)
    if isinstance(phase, Asking):
        wait_s += max(0.0, phase.again_s - now)
    return rest(state, now, wait_s + _apart_s(state, random)), []


def _apart_s(state: Election, random: Random) -> float:
    """How much further apart those begin that read their suitability first: by that time."""
    return random.uniform(0.0, timing.READING_S) if state.hook else 0.0


def _learn(state: Election, answer: VoteAnswer, now: float, random: Random) -> Decision:
    effects: list[Effect] = []
    record, told = state.record, answer.record
    if told is not None and record is not None and told.id == record.id:
        state, effects = learn(state, told, now, random)
    if answer.granted or answer.own_term <= state.ballot.term:
        return state, effects
    state, kept = keep(state, raised(state.ballot, answer.own_term))
    return state, [*effects, *kept]


def _count_pre_vote(
    state: Election, voter: MemberId, answer: VoteAnswer, now: float, random: Random
) -> Decision:
    asking, record = state.phase, state.record
    assert isinstance(asking, Asking)
    assert record is not None
    if not answer.granted:
        refused = _with(asking.refused, voter, answer.reason)
        again_s = max(asking.again_s, now + answer.wait_s)
        return replace(state, phase=replace(asking, refused=refused, again_s=again_s)), []
    asking = replace(asking, granted=asking.granted | {Voter(voter, answer.voter)})
    state = replace(state, phase=asking)
    if not electorate.majority(record, asking.granted, state.gone):
        return state, []
    return _would_win(state, asking, now, random)


def _would_win(state: Election, asking: Asking, now: float, random: Random) -> Decision:
    if asking.for_leader:
        return _report(state, asking, now, random, ready=True)
    if state.hook and (state.suitability[0] != asking.term or state.suitability[1] < 0):
        preparing = Preparing(asking.term, now + timing.READING_S, asking.released)
        state = replace(state, phase=preparing)
        state, effects = nobody_leads(state, asking.term)
        if state.reading is None or state.reading.term != asking.term:
            reading = Reading(asking.term, now + timing.READING_S)
            place = state.place
            read = ReadSuitability(place.service_group, place.kind, asking.term)
            state = replace(state, reading=reading)
            effects.append(tell_service(state, read))
        return state, effects
    return _stand(state, asking.term, asking.released, now, random)


def _report(
    state: Election, asking: Asking, now: float, random: Random, *, ready: bool
) -> Decision:
    assert state.record is not None
    heard = tuple(sorted({voter.member for voter in asking.granted}))
    reason: Refusal = next(iter(asking.refused.values()), "") if not ready else ""
    told = Ready(state.record.id, state.ballot.voter, asking.released, ready, heard, reason)
    return rest_a_while(state, now, random), [tell(state, asking.for_leader, told)]


def _stand(state: Election, term: int, released: int, now: float, random: Random) -> Decision:
    """Vote for oneself, durably, and ask the others."""
    record, me, place = state.record, state.place.me, state.place
    held = held_back(state, me, released, now)[0]
    voted = term == state.ballot.term and state.ballot.voted_for not in ("", me)
    held = held or ("busy" if hinders(state) else "")
    if record is None or held or voted or term < state.ballot.term or not state.is_voter:
        return rest(state, now, timing.retry_s(random)), []
    state, effects = nobody_leads(state, term)
    ballot = raised(state.ballot, term)
    state, kept = keep(state, msgspec.structs.replace(ballot, voted_for=me))
    standing = Standing(term, now + timing.ANSWER_S, frozenset({state.seat}), released=released)
    state = replace(state, phase=standing)
    names = (place.service_group, place.kind, record.id, term)
    effects += [
        *kept,
        Emit(ElectionOpened(*names, "no leader is heard" if not released else "was handed it")),
        Emit(VoteGiven(*names, me, state.ballot.voter)),
    ]
    if electorate.majority(record, standing.granted, state.gone):
        state, won = _won(state, standing, now)
        return state, [*effects, *won]
    suitability = state.suitability[1] if state.suitability[0] == term else 0
    asked = RequestVote(record.id, record.stamp, state.ballot.voter, term, suitability, released)
    requests: list[Effect] = [tell(state, member, asked) for member in others(state)]
    return state, [*effects, *requests]


def _count_vote(
    state: Election, voter: MemberId, answer: VoteAnswer, now: float, random: Random
) -> Decision:
    standing, record = state.phase, state.record
    assert isinstance(standing, Standing)
    assert record is not None
    if not answer.granted:
        refused = _with(standing.refused, voter, answer.reason)
        standing = replace(standing, refused=refused)
        if answer.reason == "reading":
            until_s = now + answer.wait_s + timing.ANSWER_S
            standing = replace(standing, until_s=max(standing.until_s, until_s))
        state = replace(state, phase=standing)
        if state.ballot.term <= standing.term:
            return state, []
        wait_s = timing.retry_s(random) + _apart_s(state, random)
        return rest(state, now, wait_s), []
    standing = replace(standing, granted=standing.granted | {Voter(voter, answer.voter)})
    state = replace(state, phase=standing)
    if not electorate.majority(record, standing.granted, state.gone):
        return state, []
    return _won(state, standing, now)


def _won(state: Election, standing: Standing, now: float) -> Decision:
    assert state.record is not None
    votes = len(standing.granted)
    state, kept = keep(state, msgspec.structs.replace(state.ballot, won=True))
    state, begun = begin(state, now, votes=votes)
    return state, [*kept, *begun]


def _with(
    refused: Mapping[MemberId, Refusal], voter: MemberId, reason: Refusal
) -> Mapping[MemberId, Refusal]:
    return {**refused, voter: reason}
