"""Single steps of an election: what is refused, what is told, and in which order."""

from __future__ import annotations

import pytest
from election_steps import (
    DS,
    GROUP,
    READY_S,
    RECORD,
    VOTERS,
    A,
    B,
    C,
    D,
    ack,
    emitted,
    member,
    renewal,
    said,
    step,
    vote,
)
from msgspec.structs import replace

from actors.effects import Effect, Persist, Send
from actors.election import ballot, electorate, rules, timing
from actors.election.ballot import Ballot, Slot
from actors.election.state import Election, Leading, Place, Standing, Waiting, opened
from actors.messages.base import Message
from actors.messages.election import (
    AskReady,
    AskSeat,
    ElectorateStored,
    PreVote,
    ProposalDecided,
    ProposeElectorate,
    Ready,
    Released,
    RequestVote,
    Stamp,
    StoreElectorate,
    VoteAnswer,
    Voter,
)
from actors.messages.election_events import (
    ElectorateDissolved,
    ElectorateFounded,
    LeaderElected,
    LeaderFollowed,
    LeaderResumed,
    LeaseLost,
    ProposalAccepted,
)
from actors.messages.election_orders import (
    ElectionDue,
    RenewalHeard,
    RoleChanged,
    RoleSettled,
    SendRenewal,
    SendRenewalAck,
    ServiceFitness,
    StandForElection,
    StepDown,
)
from actors.messages.process import RenewLeader
from actors.messages.runtime import PersistFailed


def elected(state: Election | None = None, now: float = READY_S) -> tuple[Election, str]:
    """A member that won term 1 with the vote of B, and the name of its first round."""
    state, _ = step(state or member(), "", ElectionDue(), now)
    would = VoteAnswer("e1", "vb", 1, granted=True, round=f"a.1:{state.count}")
    state, _ = step(state, B, would, now)
    assert isinstance(state.phase, Standing)
    state, effects = step(state, B, VoteAnswer("e1", "vb", 1, granted=True), now)
    (sent,) = said(effects, SendRenewal)
    assert isinstance(sent, SendRenewal)
    return state, sent.renewal.round


def leader() -> Election:
    state, name = elected()
    state, _ = step(state, B, ack(B, name, fit=True), READY_S + 0.1)
    return state


def test_a_vote_is_in_both_slots_before_it_is_told() -> None:
    _, effects = step(member(), B, vote())
    told = next(i for i, e in enumerate(effects) if isinstance(e, Send) and e.to.startswith(B))
    writes = [e.path for e in effects[:told] if isinstance(e, Persist)]
    assert writes == [f"elections/{GROUP}:topology.{slot}" for slot in (0, 1)]


def test_a_vote_that_could_not_be_written_is_not_told_and_written_before_anything_is() -> None:
    state, _ = step(member(), B, vote())
    state, _ = step(state, "", PersistFailed("ballot.1", "disk full"))
    _, effects = step(state, B, vote())
    kinds = [type(e) for e in effects if isinstance(e, Persist | Send)]
    assert kinds[:3] == [Persist, Persist, Send]
    assert [e.path[-1] for e in effects if isinstance(e, Persist)][:2] == ["1", "0"]


def test_a_second_candidate_of_a_term_is_refused() -> None:
    state, _ = step(member(), B, vote(B))
    _, effects = step(state, C, vote(C))
    (answer,) = said(effects, VoteAnswer)
    assert answer == VoteAnswer("e1", "va", 1, granted=False, reason="voted", own_term=1)


@pytest.mark.parametrize(
    ("asked", "now", "why"),
    [
        (vote(), 104.5, "start-wait"),
        (RequestVote("e2", RECORD.stamp, "vb", 1), READY_S, "other-electorate"),
        (RequestVote("e1", Stamp(0, 0), "vb", 1), READY_S, "stale-stamp"),
        (RequestVote("e1", RECORD.stamp, "vx", 1), READY_S, "no-seat"),
        (vote(term=0), READY_S, ""),
    ],
)
def test_what_a_voter_refuses(asked: RequestVote, now: float, why: str) -> None:
    _, effects = step(member(), B, asked, now)
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert answer.reason == why


def test_who_acked_a_round_refuses_the_others_for_a_promise_time() -> None:
    state, effects = step(member(), B, RenewalHeard(B, renewal()))
    (acked,) = said(effects, SendRenewalAck)
    assert isinstance(acked, SendRenewalAck)
    assert acked.ack.acked
    for now, why in ((READY_S + 4.59, "promise"), (READY_S + 4.61, "")):
        _, effects = step(state, C, PreVote("e1", RECORD.stamp, "vc", 2, "c.1:1"), now)
        (answer,) = said(effects, VoteAnswer)
        assert isinstance(answer, VoteAnswer)
        assert answer.reason == why


def test_a_released_term_ends_the_refusal_for_its_successor_only() -> None:
    state, _ = step(member(), B, RenewalHeard(B, renewal()))
    for asker, released, granted in ((C, 1, True), (C, 2, False), (D, 0, False)):
        _, effects = step(state, asker, vote(C, 2, released=released))
        (answer,) = said(effects, VoteAnswer)
        assert isinstance(answer, VoteAnswer)
        assert answer.granted is granted


def test_who_stored_a_record_refuses_the_others_for_a_promise_time() -> None:
    record = electorate.restamped(RECORD, 1)
    state, effects = step(member(), B, StoreElectorate(record, "vb", 1))
    (stored,) = said(effects, ElectorateStored)
    assert isinstance(stored, ElectorateStored)
    assert stored.stored
    _, effects = step(state, C, RequestVote("e1", record.stamp, "vc", 2))
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert answer.reason == "promise"


def test_a_lease_counts_from_the_sending_of_the_round_that_a_quorum_acked() -> None:
    state, name = elected()
    state, effects = step(state, B, ack(B, name), READY_S + 1.5)
    assert isinstance(state.phase, Leading)
    assert state.phase.until_s == READY_S + timing.LEASE_S
    (role,) = said(effects, RoleChanged)
    assert isinstance(role, RoleChanged)
    assert (role.role, role.kill_at_s) == ("leader", READY_S + timing.SETTLE_S)


def test_an_ack_under_another_voter_id_or_of_another_life_counts_for_nothing() -> None:
    state, name = elected()
    for stranger in (ack(B, name, voter="vx"), ack(B, "a.0:1"), ack(B, name, term=2)):
        after, _ = step(state, B, stranger, READY_S + 0.1)
        assert isinstance(after.phase, Leading)
        assert after.phase.until_s == 0.0


def test_each_acked_round_moves_the_launchers_instant_of_the_kill() -> None:
    seated = StandForElection("redis", GROUP, "topology", process="service/redis/7")
    state, _ = step(member(), "", seated)
    state, name = elected(state)
    _, effects = step(state, B, ack(B, name), READY_S + 0.1)
    assert said(effects, RenewLeader) == [RenewLeader("service/redis/7", READY_S + 3.8)]


def test_without_an_acked_round_the_service_is_demoted_before_the_lease_is_over() -> None:
    state = leader()
    now = READY_S
    effects: list[Effect] = []
    while not said(effects, RoleChanged):
        now += 0.4
        state, effects = step(state, "", ElectionDue(), now)
    assert READY_S + 2.5 <= now < READY_S + 3.0
    (role,) = said(effects, RoleChanged)
    assert isinstance(role, RoleChanged)
    assert (role.role, role.settle_by_s) == ("none", READY_S + 3.8)
    state, effects = step(state, "", RoleSettled(GROUP, "topology", "none", 1), now + 0.2)
    (lost,) = emitted(effects, LeaseLost)
    assert isinstance(lost, LeaseLost)
    assert (lost.term, lost.until_s, lost.needed, lost.stamp) == (1, READY_S + 4.0, 2, "1.2")
    assert state.ballot.released == 1
    assert not said(effects, Released)


def test_a_thawed_leader_tries_a_round_before_its_service_pays() -> None:
    state, effects = step(leader(), "", ElectionDue(), READY_S + 60.0)
    assert said(effects, SendRenewal)
    assert not said(effects, RoleChanged)
    (sent,) = said(effects, SendRenewal)
    assert isinstance(sent, SendRenewal)
    state, _ = step(state, C, ack(C, sent.renewal.round), READY_S + 60.1)
    assert isinstance(state.phase, Leading)
    assert state.phase.until_s == READY_S + 64.0


def test_a_leader_that_steps_down_hands_over_to_who_is_ready_after_its_service_has_stopped() -> (
    None
):
    state, effects = step(leader(), "", StepDown(GROUP), READY_S + 0.2)
    assert said(effects, AskReady)
    ready = Ready("e1", "vb", 1, ready=True, heard=(A, B))
    state, effects = step(state, B, ready, READY_S + 0.3)
    assert [r.role for r in said(effects, RoleChanged) if isinstance(r, RoleChanged)] == ["none"]
    assert not said(effects, Released)
    state, effects = step(state, "", RoleSettled(GROUP, "topology", "none", 1), READY_S + 0.4)
    assert said(effects, Released) == [Released("e1", "va", 1, B)] * 2
    assert not rules.resumes(state.ballot)


def test_a_leader_whose_service_failed_lets_go_at_once() -> None:
    failed = ServiceFitness(GROUP, "topology", leads=True, failed=True)
    state, effects = step(leader(), "", failed, READY_S + 0.2)
    assert said(effects, Released) == [Released("e1", "va", 1, B)] * 2
    assert isinstance(state.phase, Waiting)


def test_a_leader_with_a_critical_service_hands_over_to_one_that_is_not() -> None:
    critical = ServiceFitness(GROUP, "topology", leads=True, health="critical")
    state, _ = step(leader(), "", critical, READY_S + 0.2)
    asked: list[Message] = []
    now = READY_S + 0.2
    while not asked:
        now += 0.4
        state, effects = step(state, "", ElectionDue(), now)
        asked = said(effects, AskReady)
        (sent,) = said(effects, SendRenewal)
        assert isinstance(sent, SendRenewal)
        state, _ = step(state, B, ack(B, sent.renewal.round, fit=True), now)
    assert READY_S + 20.0 < now < READY_S + 21.0
    follower, effects = step(member(B), "", critical)
    follower, effects = step(follower, A, RenewalHeard(A, renewal()))
    (acked,) = said(effects, SendRenewalAck)
    assert isinstance(acked, SendRenewalAck)
    assert not acked.ack.healthy


def test_who_follows_says_of_which_term_quorum_and_electorate() -> None:
    _, effects = step(member(), B, RenewalHeard(B, renewal(3)))
    assert emitted(effects, LeaderFollowed) == [
        LeaderFollowed(GROUP, "topology", "e1", 3, B, needed=2, stamp="0.1")
    ]


def test_who_was_handed_a_term_asks_for_votes_at_once() -> None:
    state, _ = step(member(), B, RenewalHeard(B, renewal()))
    state, effects = step(state, B, Released("e1", "vb", 1, A), READY_S + 0.1)
    asked = said(effects, PreVote)
    assert [a.released for a in asked if isinstance(a, PreVote)] == [1, 1]
    _, effects = step(state, B, Released("e1", "vb", 0, A), READY_S + 0.2)
    assert not said(effects, PreVote)


def test_a_restarted_leader_asks_for_acks_in_its_term_and_leads_on_without_a_vote() -> None:
    won = Ballot("va", 5, 3, A, won=True, record=RECORD)
    (one, two) = (e.data for e in ballot.writes("x", won) if isinstance(e, Persist))
    place = Place(A, "redis", GROUP, "topology", "a.2", 100.0)
    state, lost = opened(place, (Slot(one), Slot(two)), "new")
    assert not lost
    state, effects = rules.start(state, 100.0)
    (sent,) = said(effects, SendRenewal)
    assert isinstance(sent, SendRenewal)
    state, effects = step(state, B, ack(B, sent.renewal.round, 3), 100.1)
    assert isinstance(state.phase, Leading)
    assert state.phase.until_s == 104.0
    assert not emitted(effects, LeaderElected)


def test_a_restarted_leader_says_that_it_had_won_for_the_life_before_may_not_have() -> None:
    place = Place(A, "redis", GROUP, "topology", "a.2", 100.0)
    won = Ballot("va", 5, 3, A, won=True, record=RECORD)
    _, effects = rules.start(Election(place, won, Waiting(104.6)), 100.0)
    assert emitted(effects, LeaderResumed) == [
        LeaderResumed(GROUP, "topology", "e1", 3, A, stamp="0.1")
    ]
    _, effects = rules.start(Election(place, replace(won, released=3), Waiting(104.6)), 100.0)
    assert not emitted(effects, LeaderResumed)


def test_who_hears_late_how_its_founding_ended_takes_the_record_of_today_and_its_term() -> None:
    """It was bound while others elected a leader; voting in that term, it might elect another."""
    proposal = ProposeElectorate(GROUP, "e1", "topology", 1, A, (A, B, C))
    state, effects = step(member(B, record=None), A, proposal)
    assert emitted(effects, ProposalAccepted)
    four = electorate.with_voters(electorate.restamped(RECORD, 2), 2, (*VOTERS, DS))
    state, effects = step(state, A, ProposalDecided(four))
    assert state.record == four
    assert emitted(effects, ElectorateFounded) == [
        ElectorateFounded(GROUP, "e1", 1, f"{A[:8]}, {B[:8]}, {C[:8]}")
    ]
    assert state.ballot.term == 2
    state, effects = step(state, "", ElectionDue(), READY_S + 5.0)
    assert {ask.term for ask in said(effects, PreVote) if isinstance(ask, PreVote)} == {3}


def test_with_both_slots_damaged_a_voter_begins_under_an_id_never_used() -> None:
    place = Place(A, "redis", GROUP, "topology", "a.2", 100.0)
    state, lost = opened(place, (Slot(None, damaged=True), Slot(b"?")), "new")
    assert lost
    assert state.ballot == Ballot("new")


def test_a_ballot_of_one_slot_is_written_anew_before_anything_is_told() -> None:
    (one, _) = (e.data for e in ballot.writes("x", Ballot("va", 5, 3)) if isinstance(e, Persist))
    place = Place(A, "redis", GROUP, "topology", "a.2", 100.0)
    state, _ = opened(place, (Slot(one), Slot(None, damaged=True)), "new")
    assert state.ballot.term == 3
    _, effects = rules.start(state, 100.0)
    # The damaged slot first: over the only good one nothing is written.
    assert [e.path[-1] for e in effects if isinstance(e, Persist)] == ["1", "0"]


def test_a_new_leader_commits_the_record_anew_before_it_adds_anybody() -> None:
    state = leader()
    assert state.record is not None
    assert state.record.stamp == Stamp(1, 2)
    state, _ = step(state, D, AskSeat("e1", "vd"), READY_S + 0.2)
    assert state.record is not None
    assert state.record.voters == RECORD.voters
    stored = ElectorateStored("e1", "vb", 1, Stamp(1, 2), stored=True)
    state, effects = step(state, B, stored, READY_S + 0.3)
    assert state.record is not None
    assert Voter(D, "vd") in state.record.voters
    assert not state.record.committed
    assert {e.to[:32] for e in effects if isinstance(e, Send)} == {B, C, D}


def dissolved_member() -> Election:
    """B, which was in e1 until that was dissolved into e0, as it starts to ask for a seat."""
    last = electorate.committed(electorate.dissolved(RECORD, 1, "e0"))
    state, effects = step(member(B), A, StoreElectorate(last, "va", 1))
    assert emitted(effects, ElectorateDissolved)
    assert state.record is None
    return state


def test_a_member_of_a_dissolved_electorate_asks_the_other_with_a_term_above_its_own() -> None:
    other = electorate.founded(ProposeElectorate(GROUP, "e0", "topology", 0, D, (D,)), [DS])
    state, _ = step(dissolved_member(), "", other)
    state, effects = step(state, "", ElectionDue(), READY_S + 0.1)
    (asked,) = [e for e in effects if isinstance(e, Send)]
    assert asked == Send(f"{D}/election/{GROUP}/topology", AskSeat("e0", "vb", 2))


def test_a_dissolved_electorate_is_never_joined_again_and_its_end_is_told() -> None:
    state = dissolved_member()
    for old in (RECORD, electorate.restamped(RECORD, 9)):
        state, _ = step(state, "", old)
        assert state.record is None
        state, effects = step(state, C, StoreElectorate(old, "vc", 9))
        (stored,) = said(effects, ElectorateStored)
        assert isinstance(stored, ElectorateStored)
        assert stored.reason == "other-electorate"
    _, effects = step(state, C, vote(C, 3))
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert not answer.granted
    assert answer.record is not None
    follower, _ = step(member(C), B, answer)
    assert follower.record is None  # it has missed the end, and leaves now


def test_a_leader_opens_a_term_above_that_of_a_member_of_a_dissolved_electorate() -> None:
    state, effects = step(leader(), D, AskSeat("e1", "vd", 7), READY_S + 0.2)
    assert said(effects, RoleChanged)
    state, _ = step(state, "", RoleSettled(GROUP, "topology", "none", 1), READY_S + 0.3)
    assert isinstance(state.phase, Waiting)
    state, effects = step(state, "", ElectionDue(), state.phase.due_s)
    assert {a.term for a in said(effects, PreVote) if isinstance(a, PreVote)} == {8}


def test_a_leader_dissolves_its_electorate_for_one_founded_earlier() -> None:
    state = leader()
    state, _ = step(state, B, ElectorateStored("e1", "vb", 1, Stamp(1, 2), stored=True))
    other = electorate.founded(ProposeElectorate(GROUP, "e0", "topology", 0, D, (D,)), [DS])
    state, effects = step(state, "", other, READY_S + 0.2)
    (role,) = said(effects, RoleChanged)
    assert isinstance(role, RoleChanged)
    assert (role.role, role.dissolved) == ("none", "e0")
    state, effects = step(state, "", RoleSettled(GROUP, "topology", "none", 1), READY_S + 0.3)
    orders = said(effects, StoreElectorate)
    assert [o.record.dissolved_into for o in orders if isinstance(o, StoreElectorate)] == ["e0"] * 2
    stored = ElectorateStored("e1", "vb", 1, Stamp(1, 3), stored=True)
    state, effects = step(state, B, stored, READY_S + 0.4)
    assert emitted(effects, ElectorateDissolved)
    assert state.record is None
    assert state.seen == other


def test_a_single_voter_leads_alone() -> None:
    alone = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 1, A, (A,)), VOTERS[:1])
    state, effects = step(member(record=alone), "", ElectionDue())
    assert isinstance(state.phase, Leading)
    assert emitted(effects, LeaderElected)
    (role, *_) = said(effects, RoleChanged)[-1:]
    assert isinstance(role, RoleChanged)
    assert role.role == "leader"
