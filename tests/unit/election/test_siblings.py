"""The two elections of one member: the conductor gives way to the leader."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from actors.effects import Effect, Send
from actors.election import electorate, rules
from actors.election.ballot import Ballot
from actors.election.siblings import claims, hinders, may_lead
from actors.election.state import Asking, Election, Leading, Place, Promise, Waiting
from actors.messages.election import AskReady, ElectionKind, PreVote, ProposeElectorate, Voter
from actors.messages.election_orders import ElectionDue, LeadClaimed, RoleChanged

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
GROUP = "redis.default"
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
READY_S = 110.0  # the start-wait is over


def member(kind: ElectionKind, voters: int = 3) -> Election:
    seats = VOTERS[:voters]
    named = tuple(voter.member for voter in seats)
    record = electorate.founded(ProposeElectorate(GROUP, "e1", kind, 1, A, named), seats)
    place = Place(A, "redis", GROUP, kind, "a.1", 100.0)
    return Election(place, Ballot("va", record=record), Waiting(104.6))


def hear(
    state: Election, message: LeadClaimed | ElectionDue | AskReady, sender: str = ""
) -> tuple[Election, list[Effect]]:
    return rules.step(state, sender, message, READY_S, Random(1))


def claimed(state: Election, *, by: ElectionKind, yes: bool = True) -> Election:
    return hear(state, LeadClaimed(GROUP, by, yes))[0]


def pre_votes(effects: list[Effect]) -> int:
    return sum(isinstance(e, Send) and isinstance(e.message, PreVote) for e in effects)


def test_who_leads_the_service_does_not_stand_to_conduct() -> None:
    state = claimed(member("update"), by="topology")
    assert not may_lead(state)
    state, effects = hear(state, ElectionDue())
    assert pre_votes(effects) == 0
    state, effects = hear(replace(claimed(state, by="topology", yes=False)), ElectionDue())
    assert may_lead(state)


def test_a_member_alone_does_both() -> None:
    state = claimed(member("update", 1), by="topology")
    assert not hinders(state)
    state, _ = hear(state, ElectionDue())
    assert isinstance(state.phase, Leading)


def test_a_candidate_that_would_conduct_gives_up() -> None:
    state, _ = hear(member("update"), ElectionDue())
    assert isinstance(state.phase, Asking)
    assert isinstance(claimed(state, by="topology").phase, Waiting)
    assert isinstance(claimed(state, by="topology", yes=False).phase, Asking)


def test_a_conductor_gives_up_its_lead_at_once_where_nobody_can_take_it() -> None:
    leading = Leading(1, {}, READY_S, READY_S, READY_S, until_s=READY_S + 4)
    state = replace(member("update"), phase=leading, told=("leader", 1, A))
    state, effects = hear(state, LeadClaimed(GROUP, "topology", claims=True))
    (told,) = [e for e in effects if isinstance(e, Send) and isinstance(e.message, RoleChanged)]
    assert told.to == "update/redis"
    assert isinstance(state.phase, Leading)
    assert state.phase.ending is not None


def test_who_conducts_claims_the_lead_and_stands_once_that_is_let_go_of() -> None:
    state = claimed(member("topology"), by="update")
    assert may_lead(state)
    assert not claims(state)
    state, effects = hear(state, ElectionDue())
    assert pre_votes(effects) == 0
    assert claims(state)  # which the conductor hears
    state = claimed(state, by="update", yes=False)
    assert isinstance(state.phase, Waiting)
    state, effects = hear(replace(state, phase=Waiting(READY_S)), ElectionDue())
    assert pre_votes(effects) == 2


def test_the_question_who_is_ready_waits_for_the_conductor_to_let_go() -> None:
    promise = Promise(B, 3, READY_S + 4)
    known = member("topology")
    ballot = Ballot("va", term=3, record=known.record)
    state = claimed(replace(known, ballot=ballot, promise=promise), by="update")
    assert known.record is not None
    state, effects = hear(state, AskReady("e1", known.record.stamp, 3), B)
    assert [e for e in effects if isinstance(e, Send)] == []
    assert claims(state)
    _, effects = hear(state, LeadClaimed(GROUP, "update", claims=False))
    assert pre_votes(effects) == 2
