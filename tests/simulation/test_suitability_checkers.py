"""Checkers of suitability on logs made by hand: whom a voter may elect, and who may not vote."""

from __future__ import annotations

import pytest
from leader_logs import Log

from actors.messages.simulation import FaultBegan, FaultEnded
from actors.simulation import suitability_checkers


@pytest.mark.parametrize(("needs", "fine"), [(0, True), (7, True), (8, False)])
def test_a_voter_may_elect_whoever_offers_what_it_needs(needs: int, *, fine: bool) -> None:
    log = Log()
    log.found()
    log.suit(9.8, 0, 1, 7, 3)
    log.suit(9.8, 1, 1, 9, needs)
    log.elect(10.0, 0, 1, 1)
    judged, broken = log.judged(suitability_checkers.the_fittest_leads)
    assert (judged, broken == []) == (1, fine)


@pytest.mark.parametrize(
    ("measured_s", "asked_s", "fine"),
    [(9.8, 10.0, True), (None, 10.0, False), (None, 25.0, True)],
    ids=["read before", "unread", "over"],
)
def test_who_cannot_say_how_suitable_it_is_votes_for_nobody(
    measured_s: float | None, asked_s: float, *, fine: bool
) -> None:
    log = Log()
    log.found()
    log.say(9.0, -1, FaultBegan("unsure", (1,), detail="db"))
    if measured_s is not None:
        log.suit(measured_s, 1, 1, 7)
    log.suit(9.8, 0, 1, 9)
    log.elect(asked_s, 0, 1, 1)
    log.say(20.0, -1, FaultEnded("unsure", (1,)))
    judged, broken = log.judged(suitability_checkers.who_cannot_say_elects_nobody)
    assert (judged, broken == []) == (1, fine)
