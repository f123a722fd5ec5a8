"""The leader: rounds, the lease they give, and how it ends.

It leads while its lease lasts, which counts from the sending of a round that a quorum acked. It
ends by itself: without an acked round its service is demoted before the lease is over; a leader
that steps down demotes its service first and then lets go of the term, durably, so that the term is
never resumed, and may hand it to a member that a quorum would elect at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from actors.effects import Effect, Emit, Send
from actors.election import electorate, timing
from actors.election.roles import demote, lead, nobody_leads
from actors.election.siblings import may_lead
from actors.election.state import (
    NEVER,
    Decision,
    Election,
    Ending,
    HandOver,
    Leading,
    Promise,
    Round,
    keep,
    others,
    rest,
    rest_a_while,
    tell,
)
from actors.messages.base import Event, MemberId
from actors.messages.election import (
    AskReady,
    Ready,
    Released,
    Renewal,
    RenewalAck,
    Voter,
)
from actors.messages.election_events import (
    LeaderDemoting,
    LeaderElected,
    LeaderReleased,
    LeaderResumed,
    LeaseLost,
    LeaseRenewed,
)
from actors.messages.election_orders import SendRenewal
from actors.messages.process import RenewLeader

if TYPE_CHECKING:
    from random import Random


def round_name(instance: str, count: int) -> str:
    """The name of a round: acks to an earlier life of the actor count for nothing."""
    return f"{instance}:{count}"


def begin(state: Election, now: float, *, votes: int = 0) -> Decision:
    """Ask for acks in the term that was won, just now or (no `votes`) in an earlier life.

    That life may have ended before it could say that it was elected: the term is on disk first.
    """
    record = state.record
    assert record is not None
    term = state.ballot.term
    stored = frozenset({state.seat})
    leading = Leading(term, {}, next_s=now, renewed_s=now, looked_s=now, stored=stored)
    state = replace(state, phase=leading, tried=None)
    names, stamp = (*state.names, record.id, term, state.place.me), electorate.stamp_text(record)
    needed = electorate.needed(record.voters, state.gone)
    event: Event = LeaderElected(*names, votes, needed, stamp)
    if not votes:
        event = LeaderResumed(*names, stamp)
    state, rounds = send_round(state, now)
    return state, [Emit(event), *rounds]


def send_round(state: Election, now: float) -> Decision:
    """Send a round to all voters; one's own ack is a promise like everybody's."""
    leading, record = state.phase, state.record
    assert isinstance(leading, Leading)
    assert record is not None
    count = state.count + 1
    name = round_name(state.place.instance, count)
    live = {n: one for n, one in leading.rounds.items() if now - one.sent_s < timing.LEASE_S}
    mine = frozenset({state.seat})
    rounds = {**live, name: Round(now, mine)}
    leading = replace(leading, rounds=rounds, next_s=timing.next_round_s(now))
    promise = Promise(state.place.me, leading.term, now + timing.PROMISE_S)
    state = replace(state, phase=leading, count=count, promise=promise)
    renewal = Renewal(
        state.place.service_group,
        state.place.kind,
        record.id,
        record.stamp,
        state.ballot.voter,
        leading.term,
        name,
        record.committed,
    )
    to = tuple(others(state))
    sent: list[Effect] = [Send("election/rounds", SendRenewal(renewal, to))] if to else []
    state, renewed = _renew(state, name, now)
    return state, [*sent, *renewed]


def hear_ack(
    state: Election, voter: MemberId, ack: RenewalAck, now: float, random: Random
) -> Decision:
    """Count an ack; end a term that a later one has overtaken."""
    leading = state.phase
    if not isinstance(leading, Leading) or ack.term != leading.term:
        return state, []
    if not ack.acked:
        if ack.own_term > leading.term:
            return outdone(state, ack.own_term, now, random)
        return state, []
    known = leading.rounds.get(ack.round)
    record = state.record
    if known is None or record is None:
        return state, []
    seat = Voter(voter, ack.voter)
    stored = leading.stored
    if ack.stamp >= record.stamp:
        stored |= {seat}
    is_fit = ack.fit and ack.healthy
    able = leading.fit | {voter} if is_fit else leading.fit - {voter}
    rounds = {**leading.rounds, ack.round: replace(known, acked=known.acked | {seat})}
    state = replace(state, phase=replace(leading, rounds=rounds, stored=stored, fit=able))
    return _renew(state, ack.round, now)


def _renew(state: Election, name: str, now: float) -> Decision:
    """Take the lease that a round gives, if a quorum has acked it and none later was."""
    leading, record = state.phase, state.record
    assert isinstance(leading, Leading)
    assert record is not None
    one = leading.rounds[name]
    until_s = timing.lease_until_s(one.sent_s, now)
    if until_s <= max(now, leading.until_s):
        return state, []
    if leading.ending is not None or not electorate.majority(record, one.acked, state.gone):
        return state, []
    leading = replace(leading, until_s=until_s, renewed_s=one.sent_s, thawed_s=0.0)
    state = replace(state, phase=leading)
    place = state.place
    kill_at_s = one.sent_s + timing.SETTLE_S
    event = LeaseRenewed(
        *(place.service_group, place.kind, record.id, leading.term, one.sent_s, until_s),
        needed=electorate.needed(record.voters, state.gone),
        stamp=electorate.stamp_text(record),
    )
    effects: list[Effect] = [Emit(event)]
    if state.process:
        effects.append(Send("port/launcher", RenewLeader(state.process, kill_at_s)))
    if record.dissolved_into:
        return state, effects  # what is left to do is to commit that
    state, told = lead(state, leading.term, kill_at_s)
    return state, [*effects, *told]


def look(state: Election, now: float, random: Random) -> Decision:
    """What the clock demands of a leader."""
    leading = state.phase
    assert isinstance(leading, Leading)
    if now - leading.looked_s > timing.THAW_S:
        # The process, or the machine, stood still: a round first, before the service pays for it.
        leading = replace(leading, thawed_s=now + timing.ANSWER_S, next_s=now)
    leading = replace(leading, looked_s=now)
    state = replace(state, phase=leading)
    if leading.ending is not None:
        state = replace(state, phase=replace(leading, next_s=now + timing.ROUND_S))
        return _overdue(state, leading.ending, now, random)
    if now >= max(leading.renewed_s + timing.DEMOTE_S, leading.thawed_s):
        return _unheard(state, leading, now, random)
    effects: list[Effect] = []
    if leading.handing is not None and now >= leading.handing.until_s:
        state, effects = _no_successor(state, leading)
    critical_s = state.critical_s
    if critical_s is not None and now >= critical_s + timing.CRITICAL_S and fit(state, now):
        state, effects = hand_over(state, "its service is critical", now)
    if now < leading.next_s:
        return state, effects
    state, sent = send_round(state, now)
    return state, [*effects, *sent]


def _unheard(state: Election, leading: Leading, now: float, random: Random) -> Decision:
    if state.told[0] == "leader":
        return end(state, "no quorum acked its rounds")
    # It never led in this life: a term won before, which nobody acks any more.
    state, told = nobody_leads(state, leading.term, "its term is acked no more")
    return rest_a_while(state, now, random), told


def _overdue(state: Election, ending: Ending, now: float, random: Random) -> Decision:
    """Not demoted in time: the launcher has killed it by now, and nobody is handed the term."""
    if now < ending.settle_by_s:
        return state, []
    if ending.over:  # its last record is on too few disks; the next leader goes on with it
        return close(state, ending.reason, now, random)
    assert isinstance(state.phase, Leading)
    state = replace(state, phase=replace(state.phase, ending=replace(ending, to="")))
    return _finish(state, now, random)


def end(state: Election, reason: str, *, to: MemberId = "", dissolves: str = "") -> Decision:
    """Demote the service; the term is let go of when it acts as leader no more."""
    leading = state.phase
    assert isinstance(leading, Leading)
    if leading.ending is not None:
        return state, []
    by_s = leading.renewed_s + timing.SETTLE_S
    ending = Ending(reason, by_s, to, dissolves)
    state = replace(state, phase=replace(leading, ending=ending, handing=None))
    place = state.place
    event = LeaderDemoting(place.service_group, place.kind, leading.term, by_s, reason)
    state, told = demote(state, leading.term, by_s, reason, dissolves)
    return state, [Emit(event), *told]


def settled(state: Election, term: int, now: float, random: Random) -> Decision:
    """The service acts as leader no more."""
    leading = state.phase
    if not isinstance(leading, Leading) or leading.ending is None or term != leading.term:
        return state, []
    return (state, []) if leading.ending.over else _finish(state, now, random)


def _finish(state: Election, now: float, random: Random) -> Decision:
    """Let go of the term, durably; then whoever it is handed to may stand."""
    leading, record = state.phase, state.record
    assert isinstance(leading, Leading)
    assert leading.ending is not None
    assert record is not None
    place, ending, term = state.place, leading.ending, leading.term
    if ending.dissolves and not ending.over:
        over = replace(ending, over=True, settle_by_s=now + timing.LAST_RECORD_S)
        state = replace(state, phase=replace(leading, ending=over, next_s=now))
        return state, [Emit(_lost(state, leading, now, ending.reason))]
    state, effects = keep(state, msgspec.structs.replace(state.ballot, released=term))
    names = (place.service_group, place.kind)
    if not ending.over:
        effects.append(Emit(_lost(state, leading, now, ending.reason)))
    if state.process:
        effects.append(Send("port/launcher", RenewLeader(state.process, 0.0)))
    if ending.to:
        effects.append(Emit(LeaderReleased(*names, term, ending.to)))
        released = Released(record.id, state.ballot.voter, term, ending.to)
        effects += [tell(state, member, released) for member in others(state)]
        wait_s = timing.SUCCESSOR_S
    else:
        wait_s = timing.spread_s(random)
    return rest(state, now, wait_s), effects


def close(state: Election, reason: str, now: float, random: Random) -> Decision:
    """Let go of a term in which the service does not lead."""
    leading = state.phase
    assert isinstance(leading, Leading)
    ending = leading.ending or Ending(reason, now)
    ending = replace(ending, dissolves="", to="")
    return _finish(replace(state, phase=replace(leading, ending=ending)), now, random)


def _lost(state: Election, leading: Leading, now: float, reason: str) -> LeaseLost:
    record = state.record
    assert record is not None
    return LeaseLost(
        *state.names,
        record.id,
        leading.term,
        leading.renewed_s,
        leading.until_s,
        min(now, leading.until_s),
        reason,
        needed=electorate.needed(record.voters, state.gone),
        stamp=electorate.stamp_text(record),
    )


def failed(state: Election, reason: str, now: float, random: Random) -> Decision:
    """The leader's service has ended: there is nothing to demote, whoever is fit may lead."""
    leading = state.phase
    if not isinstance(leading, Leading):
        return state, []
    if leading.ending is not None and leading.ending.dissolves:
        return settled(state, leading.term, now, random)
    to = leading.ending.to if leading.ending is not None else ""
    to = to or min(fit(state, now), default="")
    ending = Ending(reason, now, to)
    state, _ = nobody_leads(state, leading.term, reason)
    return _finish(replace(state, phase=replace(leading, ending=ending)), now, random)


def outdone(state: Election, term: int, now: float, random: Random) -> Decision:
    """Somebody has seen a later term, and will not ack any more: make room, and stand anew."""
    leading = state.phase
    assert isinstance(leading, Leading)
    if state.told[0] == "leader":
        return end(state, f"a voter has seen term {term}")
    return rest_a_while(state, now, random), []


# ── handing over ──


def fit(state: Election, now: float) -> frozenset[MemberId]:
    """The followers that could lead, of those that are still heard."""
    leading = state.phase
    assert isinstance(leading, Leading)
    since_s = now - timing.SILENT_S
    return frozenset(one for one in leading.fit if state.heard.get(one, -NEVER) >= since_s)


def hand_over(
    state: Election, reason: str, now: float, *, to: MemberId = "", again: bool = False
) -> Decision:
    """Look for a member that a quorum would elect; once a term, unless asked to try `again`."""
    leading = state.phase
    if not isinstance(leading, Leading) or leading.ending or leading.handing:
        return state, []
    if leading.handed and not again:
        return state, []
    record = state.record
    assert record is not None
    handing = HandOver(reason, now + 2 * timing.ANSWER_S, to)
    state = replace(state, phase=replace(leading, handing=handing, handed=True))
    question = AskReady(record.id, record.stamp, leading.term)
    asked = [to] if to else sorted(fit(state, now))
    return state, [tell(state, member, question) for member in asked]


def hear_ready(state: Election, member: MemberId, answer: Ready) -> Decision:
    """Hand over to the first that a quorum would elect."""
    leading = state.phase
    if not isinstance(leading, Leading) or leading.handing is None or answer.term != leading.term:
        return state, []
    if not answer.ready or leading.handing.to not in ("", member):
        return state, []
    return end(state, leading.handing.reason, to=member)


def _no_successor(state: Election, leading: Leading) -> Decision:
    """Nobody is ready: a leader that may go on does, another ends without a successor."""
    assert leading.handing is not None
    reason = leading.handing.reason
    state = replace(state, phase=replace(leading, handing=None))
    if may_lead(state):
        return state, []
    return end(state, f"{reason}; no successor was ready")


def hear_released(state: Election, leader: MemberId, released: Released) -> bool:
    """Whether this member was handed the term of the leader it follows."""
    record, promise = state.record, state.promise
    return (
        record is not None
        and record.id == released.electorate
        and released.to == state.place.me
        and released.term == state.ballot.term
        and (promise is None or promise.term <= released.term)
        and (promise is None or promise.leader == leader)
    )
