"""How suitability decides: whom a voter refuses, and who does not stand."""

from __future__ import annotations

import msgspec
from election_steps import GROUP, READY_S, A, B, C, member, renewal, said, step, vote

from actors.election.state import Waiting
from actors.election.waiting import reason
from actors.messages.election import PreVote, RequestVote, VoteAnswer
from actors.messages.election_orders import (
    ElectionDue,
    ReadSuitability,
    RenewalHeard,
    ServiceFitness,
    StandForElection,
    SuitabilityRead,
    WithdrawFromElection,
)


def test_a_fitter_voter_refuses_after_reading_its_suitability_once_a_term() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    state, _ = step(member(), "", hooked)
    state, effects = step(state, B, vote(suitability=4))
    assert said(effects, ReadSuitability) == [ReadSuitability(GROUP, "topology", 1)]
    state, effects = step(state, C, vote(C, suitability=9))
    assert not said(effects, ReadSuitability)
    state, effects = step(state, "", SuitabilityRead(GROUP, "topology", 1, 7))
    answers = [a for a in said(effects, VoteAnswer) if isinstance(a, VoteAnswer)]
    assert [(a.granted, a.reason) for a in answers] == [(False, "suitability"), (True, "")]


def test_a_fitter_voter_refuses_also_while_its_own_service_would_not_lead() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True, leads=False)
    state, _ = step(member(C), "", hooked)
    state, _ = step(state, A, vote(A, suitability=4))
    state, _ = step(state, B, vote(B, suitability=7))
    _, effects = step(state, "", SuitabilityRead(GROUP, "topology", 1, 7))
    answers = [a for a in said(effects, VoteAnswer) if isinstance(a, VoteAnswer)]
    assert [(a.granted, a.reason) for a in answers] == [(False, "suitability"), (True, "")]


def test_a_fitter_voter_that_would_not_lead_says_so_and_the_ways_out_work() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True, leads=False)
    state, _ = step(member(C), "", hooked)
    assert reason(state, READY_S) == (
        "its service would not lead; waits for another member to stand"
    )
    state, _ = step(state, A, vote(A, suitability=4))
    state, _ = step(state, "", SuitabilityRead(GROUP, "topology", 1, 7))
    assert reason(state, READY_S) == (
        "its service would not lead; it votes for nobody less fit than it is (term 1): start its "
        "service, or unload it, or have this member depart"
    )
    unsure, _ = step(step(member(C), "", hooked)[0], A, vote(A, suitability=4))
    unsure, _ = step(unsure, "", SuitabilityRead(GROUP, "topology", 1, -1))
    assert "it could not say how fit it is in term 1" in reason(unsure, READY_S)
    unloaded, _ = step(state, "", WithdrawFromElection("redis", GROUP, "topology"))
    _, effects = step(unloaded, A, vote(A, 2, suitability=4))
    (answer,) = [a for a in said(effects, VoteAnswer) if isinstance(a, VoteAnswer)]
    assert answer.granted
    started, _ = step(state, "", ServiceFitness(GROUP, "topology", leads=True))
    assert isinstance(started.phase, Waiting)
    _, effects = step(started, "", ElectionDue(), started.phase.due_s)
    assert len(said(effects, PreVote)) == 2


def test_a_voter_needs_its_second_number_whatever_it_offers_itself() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    for offers, needs, asked, granted in (
        (9, 4, 5, True),  # it has led: all of its term is with it, and no more than 4 needed
        (9, 4, 4, False),  # as much as needed, but of two equals the greater id
        (9, 4, 3, False),
        (1, 7, 6, False),  # it knows by bounds only what it has
        (1, 7, 7, True),
        (1, 7, 9, True),
    ):
        state, _ = step(member(C), "", hooked)
        state, _ = step(state, A, vote(A, suitability=asked))
        _, effects = step(state, "", SuitabilityRead(GROUP, "topology", 1, offers, needs))
        (answer,) = [a for a in said(effects, VoteAnswer) if isinstance(a, VoteAnswer)]
        assert answer.granted == granted, (offers, needs, asked)


def test_who_cannot_say_how_suitable_it_is_votes_for_nobody_else_and_does_not_stand() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    voter, _ = step(member(), "", hooked)
    voter, _ = step(voter, B, vote(suitability=1 << 62))
    voter, effects = step(voter, "", SuitabilityRead(GROUP, "topology", 1, -1))
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert (answer.granted, answer.reason) == (False, "suitability")

    late, _ = step(member(), "", hooked)
    late, _ = step(late, B, vote(suitability=1 << 62))
    _, effects = step(late, "", ElectionDue(), READY_S + 2.5)
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert not answer.granted

    candidate, _ = step(member(), "", hooked)
    now = READY_S + 2.0
    candidate, effects = step(candidate, "", ElectionDue(), now)
    asked = next(one for one in said(effects, PreVote) if isinstance(one, PreVote))
    yes = VoteAnswer("e1", "vb", asked.term, granted=True, round=asked.round)
    candidate, effects = step(candidate, B, yes, now + 0.1)
    assert said(effects, ReadSuitability) == [ReadSuitability(GROUP, "topology", asked.term)]
    unsure = SuitabilityRead(GROUP, "topology", asked.term, -1)
    candidate, effects = step(candidate, "", unsure, now + 0.2)
    assert not said(effects, RequestVote)
    assert isinstance(candidate.phase, Waiting)


def test_who_was_handed_a_term_needs_no_greater_id_among_the_equally_suitable() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    for value, granted in ((7, True), (8, False)):
        state, _ = step(member(C), "", hooked)
        state, _ = step(state, A, RenewalHeard(A, renewal()))
        handed = msgspec.structs.replace(vote(B, suitability=7), term=2, released=1)
        state, _ = step(state, B, handed, READY_S + 0.1)
        _, effects = step(state, "", SuitabilityRead(GROUP, "topology", 2, value), READY_S + 0.2)
        (answer,) = said(effects, VoteAnswer)
        assert isinstance(answer, VoteAnswer)
        assert answer.granted is granted, answer


def test_who_reads_its_suitability_for_another_answers_before_it_asks_for_itself() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    state, _ = step(member(), "", hooked)
    state, effects = step(state, B, vote(suitability=9), READY_S + 0.5)
    assert said(effects, ReadSuitability)
    state, effects = step(state, "", ElectionDue(), READY_S + 1.0)
    assert not said(effects, PreVote)
    _, effects = step(state, "", SuitabilityRead(GROUP, "topology", 1, 7), READY_S + 1.2)
    (answer,) = said(effects, VoteAnswer)
    assert isinstance(answer, VoteAnswer)
    assert answer.granted


def test_who_was_about_to_stand_votes_for_a_candidate_that_is_fit_and_asked_before() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    for value, granted in ((7, True), (8, False)):
        state, _ = step(member(), "", hooked)
        now = READY_S + 2.0
        state, effects = step(state, "", ElectionDue(), now)
        asked = next(one for one in said(effects, PreVote) if isinstance(one, PreVote))
        yes = VoteAnswer("e1", "vc", asked.term, granted=True, round=asked.round)
        state, _ = step(state, C, yes, now + 0.1)
        wanted = msgspec.structs.replace(vote(B, suitability=7), term=asked.term)
        state, _ = step(state, B, wanted, now + 0.2)
        read = SuitabilityRead(GROUP, "topology", asked.term, value)
        state, effects = step(state, "", read, now + 0.3)
        (answer,) = said(effects, VoteAnswer)
        assert isinstance(answer, VoteAnswer)
        assert answer.granted is granted
        assert not said(effects, RequestVote)


def test_equal_suitability_goes_to_the_greater_member_id() -> None:
    hooked = StandForElection("redis", GROUP, "topology", suitability_hook=True)
    for me, asker, granted in ((A, B, True), (C, B, False)):
        state, _ = step(member(me), "", hooked)
        state, _ = step(state, asker, vote(asker))
        _, effects = step(state, "", SuitabilityRead(GROUP, "topology", 1, 0))
        (answer,) = said(effects, VoteAnswer)
        assert isinstance(answer, VoteAnswer)
        assert answer.granted is granted
