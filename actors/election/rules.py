"""The election of one group at one member: every message, and what the clock demands.

Raft's election without a log (Ongaro, "Consensus: Bridging Theory and Practice", 2014: terms §3.4,
pre-vote §9.6, a voter that hears a leader refuses others §6.4.1 and §4.2.3); what it decides is a
lease (Gray and Cheriton, SOSP 1989).

Safety: no two members hold a lease at one instant.

1. A term has one leader: it takes a majority of votes, two majorities share a voter, and a voter
   gives one vote a term, durable in both slots before it is told (`ballot`).
2. A lease excludes every later election. L's lease lasts `LEASE_S` from the sending of a round that
   a quorum acked. Each of these voters gave its ack after the sending, and refuses everybody but L
   for the longer `PROMISE_S` after it; 5 % of drift on both clocks do not make up the difference
   (`timing`). A voter that forgot its promise has started anew, and refuses for as long. So no
   majority votes for another before L's lease is over; and one that was elected already has a
   voter of every such quorum in its term, which acks nothing of an earlier one.
3. L's own restart changes nothing: rounds are named by the actor's life, so an ack to a round that
   an earlier life has sent cannot pass for one sent later; and a term that was let go of, durably,
   is never asked for again.
4. A hand-over voids the promise of one term for one member, after the leader has demoted its
   service and stored that it let go: then there is no lease to protect.
5. Changes: majorities of neighbouring records overlap, since one voter changes at a time, after a
   record of the leader's own term is committed (`electorate`). A committed record is on the disks
   of a majority, and each of them refuses whoever comes with an older stamp. To store a record is a
   promise, like an ack: else two changes within one lease could make a majority of voters that owe
   the lease nothing. Who learns of a record takes its term for one that had a leader, and stands in
   a later one only: two changes on, those who elected that leader may be no majority any more. A
   candidate that learns of a newer record begins anew: its votes were not asked for by that one.

6. Of two electorates of a group the one founded earlier stays (`seats`). Until the other is
   dissolved each has a leader of its own; from then on nobody is elected in it, since a majority of
   it has left, durably and for good.

Liveness: with a majority connected and running, the promises of a lost leader end within
`PROMISE_S`. Candidates begin up to `SPREAD_S` apart and draw a new wait after each try, so one
comes first; pre-votes raise no term, so who cannot win disturbs nobody; voters tell whoever is
behind the term and the record they know, so the next try is not behind. A member that refuses for
suitability stands itself in the next term, if its service would lead; if not, it takes a majority
of the others, as when that member were not there.

This module is one member's part in one election. Times are seconds by the member's own clock
(CLOCK_BOOTTIME).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from actors.effects import After, Effect
from actors.election import (
    candidacy,
    changes,
    founding,
    leading,
    oaths,
    ring,
    seats,
    siblings,
    voting,
)
from actors.election.ballot import Ballot, slot_of
from actors.election.founding import Occasion
from actors.election.state import (
    NEVER,
    Asking,
    Decision,
    Election,
    Leading,
    Preparing,
    Standing,
    Waiting,
    keep,
    rest,
    rest_a_while,
)
from actors.messages.base import MemberId
from actors.messages.election import (
    AskProposal,
    AskReady,
    AskSeat,
    ElectionFrame,
    Electorate,
    ElectorateStored,
    PreVote,
    ProposalAborted,
    ProposalAnswer,
    ProposalDecided,
    ProposeElectorate,
    Ready,
    Released,
    RequestVote,
    SeatAnswer,
    StoreElectorate,
    VoteAnswer,
)
from actors.messages.election_orders import (
    ElectionDue,
    LeadClaimed,
    RenewalAcked,
    RenewalHeard,
    RingSeen,
    RoleSettled,
    ServiceFitness,
    StandForElection,
    StepDown,
    SuitabilityRead,
    WithdrawFromElection,
)
from actors.messages.runtime import PersistFailed

if TYPE_CHECKING:
    from random import Random

FromPeer: TypeAlias = ElectionFrame | RenewalHeard | RenewalAcked
FromHere: TypeAlias = (
    ElectionDue
    | StandForElection
    | ServiceFitness
    | RoleSettled
    | SuitabilityRead
    | StepDown
    | WithdrawFromElection
    | PersistFailed
    | Electorate
    | RingSeen
    | LeadClaimed
    | Occasion
)
Heard: TypeAlias = FromPeer | FromHere


def start(state: Election, now: float) -> Decision:
    """The first step: a term that was won and not let go of is asked for again, without a vote."""
    state, effects = keep(state, state.ballot)
    if resumes(state.ballot) and state.is_voter:
        state, begun = leading.begin(state, now)
        effects += begun
    state = seats.wish(state, now)
    return state, [*effects, After(max(0.0, due_s(state) - now), ElectionDue(), "due")]


def resumes(ballot: Ballot) -> bool:
    """Whether the disk says that a term was won, and never let go of."""
    return ballot.won and ballot.term > ballot.released


def step(state: Election, sender: MemberId, message: Heard, now: float, random: Random) -> Decision:
    """The next state, and what it asks of the world. `sender` is empty for this member."""
    if sender:
        state = replace(state, heard={**state.heard, sender: now})
    if not state.durable:  # a write failed: nothing is told before one succeeds
        state, kept = keep(state, state.ballot)
    else:
        kept = []
    state, effects = _heard(state, sender, message, now, random)
    state, more = _go_on(state, now, random)
    return state, [*kept, *effects, *more]


def _go_on(state: Election, now: float, random: Random) -> Decision:
    """What every step ends with: what now can be done, and when to look at the clock again."""
    state, counted = oaths.count(state, state.sworn, now)
    state, changed = changes.go_on(state, now, random)
    state, left = seats.leave(state, now)
    state = seats.wish(state, now)
    after = After(max(0.0, due_s(state) - now), ElectionDue(), "due")
    return state, [*counted, *changed, *left, after]


def due_s(state: Election) -> float:
    """When the clock demands something next."""
    reading_s = state.reading.until_s if state.reading is not None else NEVER
    phase_s = NEVER
    match state.phase:
        case Waiting(due):
            phase_s = due if state.stands and state.is_voter else NEVER
        case Asking() | Preparing() | Standing():
            phase_s = state.phase.until_s
        case Leading(ending=ending, next_s=next_s) if ending is not None:
            phase_s = min(ending.settle_by_s, next_s) if ending.over else ending.settle_by_s
        case Leading(next_s=next_s):
            phase_s = next_s
    return min(phase_s, reading_s, state.founding_again_s, state.seat_again_s)


def _heard(
    state: Election, sender: MemberId, message: Heard, now: float, random: Random
) -> Decision:
    match message:
        case ElectionDue():
            return _due(state, now, random)
        case PreVote():
            return voting.answer_pre_vote(state, sender, message, now)
        case RequestVote():
            return voting.answer_vote(state, sender, message, now, random)
        case VoteAnswer():
            return candidacy.hear_answer(state, sender, message, now, random)
        case RenewalHeard(member, renewal):
            state, effects = _make_room(state, renewal.term, now, random)
            state, acked = voting.hear_round(state, member, renewal, now, random)
            return state, [*effects, *acked]
        case RenewalAcked(member, ack):
            return leading.hear_ack(state, member, ack, now, random)
        case AskReady():
            return candidacy.asked_ready(state, sender, message, now, random)
        case Ready():
            return leading.hear_ready(state, sender, message)
        case Released():
            if not leading.hear_released(state, sender, message):
                return state, []
            return candidacy.ask(state, now, random, released=message.term)
        case StoreElectorate():
            return _store(state, sender, message, now, random)
        case ElectorateStored():
            return changes.hear_stored(state, sender, message)
        case AskSeat():
            return changes.hear_seat_wish(state, sender, message)
        case SeatAnswer():
            return ring.hear_record(state, message.record, now, random)
        case ProposeElectorate():
            return founding.hear_proposal(state, sender, message, now)
        case ProposalAnswer(record=record):
            state, effects = founding.hear_answer(state, sender, message)
            if record is None:
                return state, effects
            state, learnt = ring.hear_record(state, record, now, random)
            return state, [*effects, *learnt]
        case AskProposal():
            return founding.hear_question(state, sender, message)
        case ProposalAborted():
            return founding.hear_aborted(state, sender, message)
        case ProposalDecided():
            return _founded(*founding.hear_decided(state, message), now, random)
        case _:
            return _from_here(state, message, now, random)


def _from_here(state: Election, message: Heard, now: float, random: Random) -> Decision:
    match message:
        case StandForElection(process=process, leads=leads, suitability_hook=hook):
            state = replace(state, process=process, hook=hook)
            if state.ballot.leaving:
                ballot = msgspec.structs.replace(state.ballot, leaving=False)
                state, kept = keep(state, ballot)
                state, effects = _fitness(state, now, random, stands=leads)
                return state, [*kept, *effects]
            return _fitness(state, now, random, stands=leads)
        case ServiceFitness(leads=leads, failed=failed, health=health):
            was_s = state.critical_s if state.critical_s is not None else now
            state = replace(state, critical_s=was_s if health == "critical" else None)
            if failed:
                state, ended = leading.failed(state, "its service ended", now, random)
                state, more = _fitness(state, now, random, stands=leads)
                return state, [*ended, *more]
            return _fitness(state, now, random, stands=leads)
        case RoleSettled(role="none", term=term):
            return leading.settled(state, term, now, random)
        case SuitabilityRead():
            return _suitability(state, message, now, random)
        case StepDown(to=to):
            return leading.hand_over(state, "told to step down", now, to=to, again=True)
        case WithdrawFromElection():
            ballot = msgspec.structs.replace(state.ballot, leaving=True)
            # Nothing is left to ask how suitable it is; waiting for that it would elect nobody.
            state = replace(state, hook=False)
            state, kept = keep(state, ballot)
            state, dropped = founding.abort(state, "its service is unloaded")
            state, effects = _fitness(state, now, random, stands=False)
            return state, [*kept, *dropped, *effects]
        case PersistFailed(path=path):
            state = replace(state, weak=slot_of(path))
            return _not_written(state, now, random), []
        case Electorate():
            return ring.hear_record(state, message, now, random)
        case Occasion():
            return _founded(*founding.consider(state, message, now), now, random)
        case LeadClaimed(claims=claims):
            return _claimed(state, now, random, claims=claims)
        case RingSeen():
            return ring.see(state, message, now, random)
        case _:
            return state, []


def _due(state: Election, now: float, random: Random) -> Decision:
    effects: list[Effect] = []
    if state.reading is not None and now >= state.reading.until_s:
        # No number came, so what it has is not known: it votes for nobody, and does not stand.
        unsure = SuitabilityRead(*state.names, state.reading.term, -1)
        state, effects = _suitability(state, unsure, now, random)
    if now >= state.founding_again_s:
        state, more = founding.again(state, now)
        state, more = _founded(state, more, now, random)
        effects += more
    if now >= state.seat_again_s:
        state, more = seats.ask(state, now)
        effects += more
    match state.phase:
        case Waiting(due) if now >= due:
            state, more = candidacy.ask(state, now, random)
        case Asking(until_s=until) | Preparing(until_s=until) | Standing(until_s=until):
            state, more = candidacy.give_up(state, now, random) if now >= until else (state, [])
        case Leading():
            state, more = leading.look(state, now, random)
            phase = state.phase
            if isinstance(phase, Leading) and (phase.ending is None or phase.ending.over):
                state, orders = changes.send_record(state)
                more = [*more, *orders]
        case _:
            more = []
    return state, [*effects, *more]


def _make_room(state: Election, term: int, now: float, random: Random) -> Decision:
    """A leader that hears the round of a later term ends its own first."""
    if isinstance(state.phase, Leading) and term > state.phase.term:
        return leading.outdone(state, term, now, random)
    return state, []


def _store(
    state: Election, leader: MemberId, order: StoreElectorate, now: float, random: Random
) -> Decision:
    reason = changes.refusal(state, order)
    effects: list[Effect] = []
    if not reason:
        state, effects = voting.stores(state, leader, order, now, random)
    return state, [*effects, changes.stored(state, leader, order, reason)]


def _founded(state: Election, effects: list[Effect], now: float, random: Random) -> Decision:
    if state.record is not None and isinstance(state.phase, Waiting) and effects:
        state = rest_a_while(state, now, random)
    return state, effects


def _fitness(state: Election, now: float, random: Random, *, stands: bool) -> Decision:
    was, state = state.stands, replace(state, stands=stands)
    if isinstance(state.phase, Leading) and not stands:
        return _leave(state, "its service is to stop", now)
    if stands and not was and isinstance(state.phase, Waiting):
        state = rest_a_while(state, now, random)
    return state, []


def _claimed(state: Election, now: float, random: Random, *, claims: bool) -> Decision:
    """The sibling leads here or may soon lead, or does no more."""
    deferred = state.deferred
    state = replace(state, sibling=claims)
    if not claims and deferred is not None:
        state = replace(state, deferred=None)
        return candidacy.asked_ready(state, *deferred, now, random)
    if state.place.kind == "topology" or not siblings.hinders(state):
        return state, []
    if isinstance(state.phase, Leading):
        return _leave(state, "its member is to lead the service", now)
    if isinstance(state.phase, Asking | Preparing | Standing):
        state = rest_a_while(state, now, random)
    return state, []


def _leave(state: Election, reason: str, now: float) -> Decision:
    """The leader is to lead no more: hand over if somebody can take it, else just end."""
    phase = state.phase
    assert isinstance(phase, Leading)
    if phase.ending is None and (phase.handed or not leading.fit(state, now)):
        return leading.end(state, reason)
    return leading.hand_over(state, reason, now)


def _suitability(state: Election, read: SuitabilityRead, now: float, random: Random) -> Decision:
    reading, term = state.reading, read.term
    if term >= state.suitability[0]:
        needs = read.value if read.needs is None else read.needs
        state = replace(state, suitability=(term, read.value, needs))
    if reading is None or reading.term != term:
        return state, []
    state = replace(state, reading=None)
    effects: list[Effect] = []
    # Who asked first and is fit gets the vote: two that both stand get none but their own.
    for asker, ask in reading.asked:
        state, answered = voting.answer_vote(state, asker, ask, now, random)
        effects += answered
    if isinstance(state.phase, Preparing) and state.phase.term == term:
        state, stood = candidacy.suitability_known(state, now, random)
        effects += stood
    return state, effects


def _not_written(state: Election, now: float, random: Random) -> Election:
    """The disk refused: what was to be told is not; a candidate waits for the next try."""
    state = replace(state, durable=False)
    if isinstance(state.phase, Leading):
        return state
    return rest(state, now, 1.0 + random.random())
