"""The checkers of rollouts find what they are for, in logs that were falsified."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec.structs import replace
from simulation_rig import Doctored

from actors.messages.base import Event
from actors.messages.election_events import LeaseRenewed
from actors.messages.rollout import RolloutStep, TurnEnded
from actors.messages.simulation import FrameCarried, ProcessGone
from actors.messages.update import ReleaseTaken, UpdateFound
from actors.simulation.eventlog import Logged
from actors.simulation.plan import Fault, Plan, Service, Setup
from actors.simulation.rollout_checkers import CHECKERS

ROLLOUTS = tuple(checker.__name__ for checker in CHECKERS)
RELEASE = "2.0.0/20260201000000"
TWO = f"core/web/{RELEASE}"
THREE = "core/web/3.0.0/20260301000000"
GROUP = "web.default"
PLAN = Plan(
    Setup(3, keyed=True, poll_s=1.0, services=(Service("web", (0, 1, 2), strategy="rolling"),)),
    faults_s=200.0,
    faults=(
        Fault("release", 70.0, machines=(0, 1, 2), detail=f"web {RELEASE}"),
        Fault("crash", 81.0, aim="conductor web"),
    ),
)
PINNED = Plan(
    Setup(2, watched=True, services=(Service("web", (0, 1), strategy="at-once", pinned=True),)),
    faults_s=120.0,
    faults=(Fault("release", 10.0, machines=(0, 1), detail=f"web {RELEASE}"),),
)


@cache
def run(plan: Plan) -> Doctored:
    true = Doctored(plan)
    assert true.judged().violations == []
    return true


def broken(events: list[Logged], plan: Plan = PLAN) -> dict[str, str]:
    found = run(plan).judged(events).violations
    return {text.partition(":")[0]: text for text in found}


def with_events(*more: tuple[float, int, Event]) -> dict[str, str]:
    """What breaks with these events, times from a quiet moment on; they are in order."""
    true, before = run(PLAN), run(PLAN).events
    at_s = true.phase_s("faults") + 155.0
    for after_s, machine, event in more:
        true.events = true.added(at_s + after_s, machine, event)
    found = broken(true.events)
    true.events = before
    return found


def step(state: str = "rolling", turn: int = -1, attempt: int = 1, **more: Any) -> RolloutStep:
    who = run(PLAN).member(turn) if turn >= 0 else ""
    known = RolloutStep(GROUP, 9, 9, 9, state, THREE, who, attempt=attempt)
    return replace(known, **more)


def failed(turns: int) -> TurnEnded:
    return TurnEnded(GROUP, 9, turns, THREE, "failed", "it ended")


def taken(running: str = TWO, release: str = THREE) -> ReleaseTaken:
    return ReleaseTaken("web", running, release, GROUP)


def test_who_conducts_and_leads_is_found() -> None:
    true = run(PLAN)
    last = [e for e in true.events if isinstance(e.event, LeaseRenewed)][-1]
    assert isinstance(last.event, LeaseRenewed)
    both = replace(last.event, kind="topology")
    assert "conductors_lead_nobody" in broken(true.added(last.at_s + 0.01, last.machine, both))
    other = (last.machine + 1) % 3
    assert "conductors_lead_nobody" not in broken(true.added(last.at_s + 0.01, other, both))


def test_a_second_failure_has_to_halt_soon() -> None:
    halts = "failures_halt_soon"
    begun = (0.0, 1, step(turn=0, attempt=2))
    assert "never halted" in with_events(begun, (1.0, 0, failed(2)))[halts]
    late = with_events(begun, (1.0, 0, failed(2)), (6.0, 1, step("halted")))
    assert "goes on until" in late[halts]
    assert halts not in with_events(begun, (1.0, 0, failed(2)), (2.0, 1, step("halted")))
    first = (0.0, 1, step(turn=0, attempt=1))
    assert halts not in with_events(first, (1.0, 0, failed(1)))


def test_a_release_that_failed_on_two_members_is_found() -> None:
    failing = (
        (0.5, 2, taken()),
        (0.6, 0, taken()),
        (0.7, 1, step(turn=0, attempt=2)),
        (1.0, 0, failed(2)),
        (2.0, 1, step("halted")),
    )
    assert "runs on machines [2, 0]" in with_events(*failing)["failures_halt_soon"]


def test_a_halt_without_a_reason_is_found() -> None:
    assert "nothing_halts_for_nothing" in with_events((0.0, 1, step("halted")))
    back = step(what=f"goes back to {TWO}, because it failed")
    assert "nothing_halts_for_nothing" in with_events((0.0, 1, back))


def test_a_rollout_that_ends_with_its_conductor_is_found() -> None:
    true = run(PLAN)
    struck_s = true.phase_s("faults") + 81.0

    def silent(logged: Logged) -> Event | None:
        late = isinstance(logged.event, RolloutStep) and logged.at_s > struck_s
        return None if late else logged.event

    assert "nothing is decided" in broken(true.changed(silent))["rollouts_go_on"]

    def elsewhere(logged: Logged) -> Event:
        event = logged.event
        if isinstance(event, RolloutStep) and logged.at_s > struck_s:
            return replace(event, target=THREE)
        return event

    assert f"goes to {THREE}" in broken(true.changed(elsewhere))["rollouts_go_on"]


def test_a_member_that_is_updated_twice_is_found() -> None:
    assert "nobody_is_updated_twice" not in with_events((0.0, 1, taken()))
    assert "nobody_is_updated_twice" in with_events((0.0, 1, taken(TWO, TWO)))
    assert "nobody_is_updated_twice" in with_events((0.0, 1, taken()), (1.0, 1, taken()))


def test_who_is_skipped_alive_is_found() -> None:
    name = run(PLAN).member(2)[:8]
    skips = step(what=f"skips {name}: gone, or stopped")
    assert "the_skipped_are_gone" in with_events((0.0, 1, skips))


def test_an_update_that_takes_too_long_is_found() -> None:
    again = taken(THREE, TWO)
    assert "updates_end_in_time" not in with_events((-30.0, 1, again))
    assert "updates_end_in_time" in with_events((40.0, 1, again))


def test_what_is_done_to_a_pinned_service_is_found() -> None:
    true = run(PINNED)
    assert true.judged().judged["the_pinned_rest"] == 1
    at_s = true.phase_s("faults") + 100.0
    events: tuple[tuple[int, Event], ...] = (
        (0, UpdateFound("web", "", TWO, "file:///hab/depot")),
        (0, taken()),
        (0, step()),
        (-1, ProcessGone(0, "service:web", 1003, "signal 15")),
        (-1, FrameCarried(0, 1, "News", 100, 1)),
    )
    for machine, event in events:
        assert "the_pinned_rest" in broken(true.added(at_s, machine, event), PINNED), event
