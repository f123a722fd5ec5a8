"""What follows a death: the pure rules."""

from __future__ import annotations

import pytest

from actors.effects import RestartPolicy
from actors.runtime.supervision import (
    PARK_S,
    Escalate,
    GiveUp,
    History,
    Park,
    Restart,
    Verdict,
    after_death,
)


def die(policy: RestartPolicy, times: list[float]) -> tuple[History, Verdict]:
    history, verdict = History(), None
    for now in times:
        history, verdict = after_death(policy, history, now)
    assert verdict is not None
    return history, verdict


def test_the_pause_doubles_with_each_death_in_the_period_up_to_its_limit() -> None:
    policy = RestartPolicy(intensity=9, backoff_min_s=0.05, backoff_max_s=1.0)
    verdicts = [die(policy, [0.1 * i for i in range(n)])[1] for n in range(1, 8)]
    assert verdicts == [Restart(s) for s in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("exhausted", "verdict"), [("park", Park(PARK_S)), ("escalate", Escalate())]
)
def test_one_death_more_than_the_intensity_within_the_period_exhausts_it(
    exhausted: str, verdict: Verdict
) -> None:
    policy = RestartPolicy(intensity=5, period_s=10.0, exhausted=exhausted)  # type: ignore[arg-type]
    assert isinstance(die(policy, [0, 1, 2, 3, 4])[1], Restart)
    assert die(policy, [0, 1, 2, 3, 4, 9.9])[1] == verdict


def test_deaths_longer_ago_than_the_period_are_forgotten_and_the_pause_with_them() -> None:
    policy = RestartPolicy(intensity=2, period_s=10.0, backoff_min_s=0.05)
    history, verdict = die(policy, [0, 1, 20])
    assert verdict == Restart(0.05)
    assert history == History((20,), 3)


def test_restarts_are_counted_over_the_whole_life_where_they_are_limited() -> None:
    policy = RestartPolicy(max_restarts=2)
    assert isinstance(die(policy, [0, 100])[1], Restart)
    assert die(policy, [0, 100, 200])[1] == GiveUp()
    assert die(RestartPolicy(max_restarts=0), [0])[1] == GiveUp()
