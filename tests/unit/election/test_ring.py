"""What an election makes of what the ring says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec

from actors.effects import Effect, Emit, Send
from actors.election import electorate, founding, rules
from actors.election.ballot import Ballot
from actors.election.ring import ABSENT_S
from actors.election.seats import is_given_up
from actors.election.state import Election, Leading, Place, Waiting
from actors.messages.base import Message
from actors.messages.election import (
    AskSeat,
    Leadership,
    ProposalAborted,
    ProposalAnswer,
    ProposeElectorate,
    Stamp,
    Voter,
)
from actors.messages.election_events import ElectorateChanged, OathCounted, RivalElectorate
from actors.messages.election_orders import (
    ElectionDue,
    RingSeen,
    RoleChanged,
    StandForElection,
    WithdrawFromElection,
)

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
GROUP = "redis.default"
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
RECORD = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 2, A, (A, B, C)), VOTERS)
OTHERS = [Voter(one, f"v{one[0]}") for one in (B, C, D)]
EARLIER = electorate.founded(ProposeElectorate(GROUP, "e0", "topology", 1, B, (B, C, D)), OTHERS)
ALL = (A, B, C, D)
READY_S = 110.0


def member(record: electorate.Electorate | None = RECORD, me: str = A) -> Election:
    place = Place(me, "redis", GROUP, "topology", "a.1", 100.0)
    return Election(place, Ballot(f"v{me[0]}", record=record), Waiting(104.6))


def leader() -> Election:
    changed = electorate.committed(electorate.restamped(RECORD, 1))
    leading = Leading(1, {}, READY_S, READY_S, READY_S, until_s=1e9)
    state = member(changed)
    ballot = msgspec.structs.replace(state.ballot, term=1, won=True)
    return replace(state, ballot=ballot, phase=leading, told=("leader", 1, A))


def hear(
    state: Election, message: Message, now: float = READY_S, sender: str = ""
) -> tuple[Election, list[Effect]]:
    return rules.step(state, sender, message, now, Random(1))  # type: ignore[arg-type]


def emitted(effects: list[Effect], kind: type[Message]) -> list[Message]:
    return [e.event for e in effects if isinstance(e, Emit) and isinstance(e.event, kind)]


def said(effects: list[Effect], kind: type[Message]) -> list[Message]:
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def test_a_voter_dead_for_three_days_loses_its_seat_whoever_counted_them() -> None:
    """The ring says since when: an election that has only just begun counts nothing anew."""
    died_s = READY_S - ABSENT_S + 1
    seen = RingSeen(living=(A, B), dead=((C, died_s), (D, died_s)))
    state, effects = hear(leader(), seen, READY_S)
    assert emitted(effects, ElectorateChanged) == []
    state, effects = hear(state, ElectionDue(), READY_S + 1)
    (changed,) = emitted(effects, ElectorateChanged)
    assert isinstance(changed, ElectorateChanged)
    assert changed.change == f"{C[:8]} leaves"


def test_who_is_alive_again_counts_anew_and_who_was_stopped_in_order_keeps_its_seat() -> None:
    long_ago_s = READY_S - ABSENT_S
    state, _ = hear(leader(), RingSeen(living=(A, B), dead=((C, long_ago_s + 1),)))
    assert state.absent == {C: long_ago_s + 1}
    state, _ = hear(state, RingSeen(living=(A, B, C)))
    assert state.absent == {}
    # Who said goodbye is neither among the living nor among the dead.
    state, effects = hear(state, RingSeen(living=(A, B)), READY_S + ABSENT_S)
    assert state.absent == {}
    assert emitted(effects, ElectorateChanged) == []


def test_the_departed_are_oaths() -> None:
    _, effects = hear(member(), RingSeen(living=(A, B), departed=(C, D)))
    assert emitted(effects, OathCounted) == [OathCounted(GROUP, "topology", C)]


def test_a_proposal_is_dropped_when_who_has_to_accept_is_not_alive() -> None:
    state, _ = founding.propose(member(None), "p1", (A, B, C), 7, READY_S)
    state, _ = hear(state, ProposalAnswer("p1", "vb", accepted=True), sender=B)
    state, effects = hear(state, RingSeen(living=(A, C)))  # B has accepted already
    assert state.ballot.open is not None
    state, effects = hear(state, RingSeen(living=(A, B)))
    assert state.ballot.open is None
    assert len(said(effects, ProposalAborted)) == 2


def test_a_founder_that_meets_an_electorate_asks_it_for_a_seat() -> None:
    state, _ = founding.propose(member(None), "p1", (A, B), 7, READY_S)
    answer = ProposalAnswer("p1", "vb", accepted=False, reason="other-electorate", record=EARLIER)
    state, effects = hear(state, answer, sender=B)
    state, effects = hear(state, ElectionDue())
    assert state.ballot.open is None
    assert [ask.electorate for ask in said(effects, AskSeat)] == ["e0"] * 3  # type: ignore[attr-defined]


def test_a_rival_counts_while_a_voter_of_it_lives() -> None:
    state, effects = hear(member(), RingSeen(living=(A,), electorates=(EARLIER,)))
    assert emitted(effects, RivalElectorate) == []
    state, effects = hear(state, RingSeen(living=(A, D), electorates=(EARLIER,)))
    assert len(emitted(effects, RivalElectorate)) == 1
    state, _ = hear(state, RingSeen(living=(A,), electorates=(EARLIER,)))
    assert state.rival is None


def test_an_electorate_whose_voters_have_all_departed_is_none() -> None:
    dead = RingSeen(living=(A,), departed=(B, C, D), electorates=(EARLIER,))
    state, _ = hear(member(None), RingSeen(living=(A,), electorates=(EARLIER,)))
    assert state.seen == EARLIER  # they may be back
    state, _ = hear(state, dead)
    assert state.seen is None


def test_who_has_no_seat_follows_whom_the_ring_names() -> None:
    led = Leadership(GROUP, "topology", "e0", 4, D)
    state, effects = hear(member(None), RingSeen(living=ALL, electorates=(EARLIER,), leader=led))
    (told,) = said(effects, RoleChanged)
    assert told == RoleChanged(GROUP, "topology", "follower", 4, D)
    state, effects = hear(state, RingSeen(living=ALL, electorates=(EARLIER,)))
    (told,) = said(effects, RoleChanged)
    assert isinstance(told, RoleChanged)
    assert told.role == "none"
    stranger = msgspec.structs.replace(led, electorate="e9")
    _, effects = hear(state, RingSeen(living=ALL, electorates=(EARLIER,), leader=stranger))
    assert said(effects, RoleChanged) == []


def test_terms_grow_over_the_end_of_an_electorate() -> None:
    state, _ = hear(member(None), RingSeen(living=ALL, past_term=7))
    assert state.ballot.term == 7
    state, _ = hear(member(), RingSeen(living=ALL, past_term=7))
    assert state.ballot.term == 0  # its own electorate goes its own way


def test_a_voter_believes_no_rumor_of_a_leader() -> None:
    led = Leadership(GROUP, "topology", "e1", 4, D)
    _, effects = hear(member(), RingSeen(living=ALL, electorates=(RECORD,), leader=led))
    assert said(effects, RoleChanged) == []


def test_a_member_removed_while_it_was_away_asks_for_a_seat_again() -> None:
    without = msgspec.structs.replace(RECORD, stamp=Stamp(1, 2), voters=tuple(VOTERS[1:]))
    state, _ = hear(member(), RingSeen(living=ALL, electorates=(without,)))
    assert not state.is_voter
    _, effects = hear(state, ElectionDue())
    assert len(said(effects, AskSeat)) == 2


def test_a_wish_to_leave_is_repeated_until_there_is_no_seat_and_then_it_is_given_up() -> None:
    leaves = WithdrawFromElection("redis", GROUP, "topology")
    state, effects = hear(member(), leaves)
    assert state.ballot.leaving
    state, effects = hear(state, ElectionDue())
    asked = said(effects, AskSeat)
    assert [one.leave for one in asked] == [True, True]  # type: ignore[attr-defined]
    assert not is_given_up(state)
    without = msgspec.structs.replace(RECORD, stamp=Stamp(1, 2), voters=tuple(VOTERS[1:]))
    state, _ = hear(state, RingSeen(living=ALL, electorates=(without,)))
    assert is_given_up(state)
    again, _ = hear(state, StandForElection("redis", GROUP, "topology"))
    assert not again.ballot.leaving
    assert not is_given_up(again)


def test_who_has_accepted_a_proposal_is_not_let_go_of_before_it_is_decided() -> None:
    proposal = ProposeElectorate(GROUP, "p1", "topology", 7, B, (A, B))
    state, _ = hear(member(None), proposal, sender=B)
    state, _ = hear(state, WithdrawFromElection("redis", GROUP, "topology"))
    assert not is_given_up(state)
    state, _ = hear(state, ProposalAborted("p1"), sender=B)
    assert is_given_up(state)
