"""The terms of an election as the log tells them, where it does not tell everything."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.election_orders import ElectionView
from actors.messages.events import EventRecord
from cli.electionstory import When, story
from cli.electionterms import terms
from cli.electionviews import Ring

ALPHA, BETA, GAMMA = "a1b2c3d4" * 4, "b7000000" * 4, "c1000000" * 4
GROUP = "redis.acme"
WALL = 1_700_000_000.0
VIEW = ElectionView(GROUP, "topology", "follower", "waiting", 4, BETA, 3.25, electorate="e1")


def event(number: int, kind: str, of: str, **fields: Any) -> EventRecord:
    said = {"service_group": GROUP, "kind": "topology", "term": 4, **fields}
    path = f"election/{GROUP}/topology"
    return EventRecord(f"{of}:1:{number}", WALL + number, number, path, kind, kind, fields=said)


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
