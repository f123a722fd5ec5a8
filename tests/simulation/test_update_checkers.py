"""The checkers of updates find what they are for, in logs that were falsified."""

from __future__ import annotations

from simulation_rig import Doctored

from actors.messages.base import Event
from actors.messages.rollout import RolloutKept, RolloutStep, TurnBegan, TurnEnded
from actors.messages.service import HealthChanged
from actors.messages.update import ReleaseTaken
from actors.simulation.eventlog import Logged
from actors.simulation.plan import Fault, Plan, Service, Setup

UPDATES = (
    "one_turn_at_a_time",
    "turns_drain_first",
    "turns_are_among_the_well",
    "steps_follow_each_other",
    "epochs_only_grow",
    "updates_arrive",
)
RELEASE = "2.0.0/20260201000000"
TWO = f"core/web/{RELEASE}"
PLAN = Plan(
    Setup(2, services=(Service("web", (0, 1), strategy="at-once"),)),
    faults_s=170.0,
    faults=(Fault("release", 1.0, machines=(0, 1), detail=f"web {RELEASE}"),),
)


def broken(doctored: Doctored, events: list[Logged]) -> set[str]:
    return {text.partition(":")[0] for text in doctored.judged(events).violations}


def turn(machine: int) -> TurnBegan:
    return TurnBegan("web.default", 1, machine, TWO)


def test_updates_and_their_turns_are_judged() -> None:
    true = Doctored(PLAN)
    assert true.judged().violations == []
    assert true.judged().judged["updates_arrive"] == 1

    def not_taken(logged: Logged) -> Event | None:
        return None if isinstance(logged.event, ReleaseTaken) else logged.event

    assert "updates_arrive" in broken(true, true.changed(not_taken))

    at_s = true.phase_s("faults") + 100.0
    true.events = true.added(at_s, 0, turn(0))
    assert "one_turn_at_a_time" not in broken(true, true.events)
    both = true.added(at_s + 1.0, 1, turn(1))
    assert "one_turn_at_a_time" in broken(true, both)
    ended = TurnEnded("web.default", 1, 0, TWO, "done", "healthy")
    true.events = true.added(at_s + 0.5, 0, ended)
    after = true.added(at_s + 1.0, 1, turn(1))
    assert "one_turn_at_a_time" not in broken(true, after)

    true.events = true.added(at_s + 2.0, 0, RolloutStep("web.default", 5, 1, 1, "rolling", TWO))
    fewer = true.added(at_s + 3.0, 0, RolloutStep("web.default", 4, 2, 2, "rolling", TWO))
    assert "epochs_only_grow" in broken(true, fewer)
    true.events = true.added(at_s + 2.0, 1, RolloutKept("web.default", 5, 1, 1))
    lowered = true.added(at_s + 3.0, 1, RolloutKept("web.default", 4, 2, 2))
    assert "epochs_only_grow" in broken(true, lowered)


def step(number: int, term: int = 1, epoch: int = 1, turn: str = "") -> RolloutStep:
    return RolloutStep("web.default", epoch, term, number, "rolling", TWO, turn)


def test_a_later_conductor_goes_on_from_what_was_decided() -> None:
    true = Doctored(PLAN)
    at_s = true.phase_s("faults") + 100.0
    true.events = true.added(at_s, 0, step(5))
    assert "steps_follow_each_other" not in broken(true, true.added(at_s, 1, step(6, term=2)))
    assert "steps_follow_each_other" in broken(true, true.added(at_s, 1, step(5, term=2)))
    true.events = true.added(at_s, 0, step(6, epoch=3))
    fewer = true.added(at_s, 1, step(7, term=2, epoch=2))
    assert "steps_follow_each_other" in broken(true, fewer)


def test_a_turn_that_does_not_drain_is_found() -> None:
    true = Doctored(PLAN)
    at_s = true.phase_s("faults") + 100.0
    true.events = true.added(at_s, 1, step(1, turn=true.member(0)))
    assert "turns_drain_first" in broken(true, true.added(at_s + 1.0, 0, turn(0)))
    assert "turns_drain_first" not in broken(true, true.added(at_s + 2.5, 0, turn(0)))


def test_a_turn_beside_a_sick_member_is_found() -> None:
    true = Doctored(PLAN)
    at_s = true.phase_s("faults") + 100.0
    true.events = true.added(at_s, 0, HealthChanged("web", "critical", "web.default"))
    assert "turns_are_among_the_well" in broken(true, true.added(at_s + 15.0, 1, turn(1)))
    assert "turns_are_among_the_well" not in broken(true, true.added(at_s + 5.0, 1, turn(1)))
    assert "turns_are_among_the_well" not in broken(true, true.added(at_s + 15.0, 0, turn(0)))
