"""The terms of an election as the log tells them, where it does not tell everything."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.election_orders import ElectionView, SeatView
from actors.messages.events import EventRecord
from cli.electionstory import When, steps, story
from cli.electionterms import terms
from cli.electionviews import Ring

ALPHA, BETA, GAMMA = "a1b2c3d4" * 4, "b7000000" * 4, "c1000000" * 4
GROUP = "redis.acme"
WALL = 1_700_000_000.0
VIEW = ElectionView(GROUP, "topology", "follower", "waiting", 4, BETA, 3.25, electorate="e1")


def event(number: int, kind: str, of: str, boot: int = 1, **fields: Any) -> EventRecord:
    said = {"service_group": GROUP, "kind": "topology", "term": 4, **fields}
    path = f"election/{GROUP}/topology"
    return EventRecord(
        f"{of}:{boot}:{number}", WALL + number, number, path, kind, kind, fields=said
    )


VOTES = (
    event(1, "VoteGiven", BETA, candidate=BETA),
    event(2, "VoteGiven", ALPHA, candidate=BETA),
)
ELECTED = event(3, "LeaderElected", BETA, leader=BETA, votes=2, needed=2)
RESUMED = event(4, "LeaderResumed", BETA, leader=BETA)


def told(*log: EventRecord, view: ElectionView = VIEW) -> str:
    return " ".join(story(view, Ring(GAMMA), terms(log, view), When(WALL + 60)))


@pytest.mark.parametrize(
    ("log", "won"),
    [
        (
            (*VOTES, ELECTED, RESUMED),
            "It was elected with 2 votes (itself, a1b2c3d4), where 2 were needed [b7000000:1:3].",
        ),
        (
            (*VOTES, RESUMED),
            "Of those whose event logs were read there voted for it: itself, a1b2c3d4.",
        ),
    ],
    ids=["elected", "killed before it could say so"],
)
def test_a_leader_that_began_anew_is_told_of(log: tuple[EventRecord, ...], won: str) -> None:
    anew = "It began anew since, in the term it had won, with no other vote [b7000000:1:4]."
    assert f"{won} {anew}" in told(*log)


def test_who_only_ever_said_that_it_began_anew_has_led_before() -> None:
    later = ElectionView(GROUP, "topology", "follower", "waiting", 5, GAMMA, 3.25, electorate="e1")
    assert "Before, b7000000 led in term 4" in told(*VOTES, RESUMED, view=later)


def test_votes_that_came_after_the_one_that_won_are_counted_with_it() -> None:
    late = event(5, "VoteGiven", GAMMA, candidate=BETA)
    won = "It was elected with 3 votes (itself, a1b2c3d4, c1000000 (this supervisor)), where 2"
    assert won in told(*VOTES, ELECTED, late)


def test_a_leader_that_was_gone_is_not_said_to_have_led_until_it_was_back() -> None:
    later = ElectionView(GROUP, "topology", "leader", "leading", 5, GAMMA, 3.25, electorate="e1")
    log = (
        *(*VOTES, ELECTED, event(4, "LeaseRenewed", BETA)),
        event(20, "LeaderElected", GAMMA, term=5, leader=GAMMA, votes=2, needed=2),
        event(21, "LeaseRenewed", GAMMA, term=5),
        event(40, "LeaseLost", BETA, boot=2, reason="its service ended"),
    )
    said = told(*log, view=later)
    assert " led in term 4 from 22:13:24. It left no word of an end; when its" in said
    assert "was back, at 22:14:00, its service ended by itself [b7000000:2:40]." in said


def test_a_leader_whose_log_died_with_it_is_told_of_by_its_followers() -> None:
    later = ElectionView(GROUP, "topology", "leader", "leading", 5, GAMMA, 3.25, electorate="e1")
    log = (event(4, "LeaderFollowed", ALPHA, leader=BETA), *VOTES[1:])
    said = " ".join(
        story(later, Ring(GAMMA, health={BETA: "confirmed"}), terms(log, later), When(WALL + 60))
    )
    assert "Before, b7000000 led in term 4 from 22:13:24. It left no word of an end" in said


def test_a_service_that_ended_while_its_supervisor_was_restarted_led_until_then() -> None:
    later = ElectionView(GROUP, "topology", "leader", "leading", 5, GAMMA, 3.25, electorate="e1")
    log = (
        *(*VOTES, ELECTED, event(4, "LeaseRenewed", BETA)),
        event(10, "LeaseLost", BETA, boot=2, reason="its service ended"),
        event(21, "LeaseRenewed", GAMMA, term=5),
        event(20, "LeaderElected", GAMMA, term=5, leader=GAMMA, votes=2, needed=2),
    )
    assert "led in term 4 from 22:13:24 to 22:13:30. It stopped" in told(*log, view=later)


def test_a_leader_that_is_stopping_says_why_it_does() -> None:
    view = ElectionView(GROUP, "topology", "none", "leading", 4, "", electorate="e1")
    demoting = event(9, "LeaderDemoting", BETA, reason="told to step down")
    said = told(*VOTES, ELECTED, demoting, view=view)
    assert "It is about to stop because an operator told it to step down [b7000000:1:9]." in said


def test_who_misses_several_is_told_to_look_from_their_side_before_they_depart() -> None:
    seats = tuple(SeatView(member, member[:2], heard_s=30.0) for member in (ALPHA, BETA, GAMMA))
    view = ElectionView(
        *(GROUP, "topology", "none", "asking", 4), electorate="e1", needed=2, seats=seats
    )
    ring = Ring(GAMMA, health={ALPHA: "confirmed", BETA: "confirmed"})
    first, *others = steps(view, ring, ())
    assert (first.command, "who is cut off" in first.what) == ("", True)
    commands = [step.command for step in others]
    assert commands == ["hab sup depart a1b2c3d4", "hab sup depart b7000000"]


def test_the_only_voter_is_no_majority_of_several() -> None:
    seats = (SeatView(GAMMA, "g"),)
    view = ElectionView(
        *(GROUP, "topology", "leader", "leading", 4, GAMMA, 3.0),
        electorate="e1",
        needed=1,
        seats=seats,
    )
    said = told(view=view)
    assert "and it makes it longer by itself" in said
    assert "1 member votes (electorate e1" in said
