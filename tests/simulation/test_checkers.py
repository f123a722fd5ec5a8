"""Each checker can fail: a true log is fine, and the same log falsified is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest
from msgspec.structs import replace
from simulation_rig import Doctored
from test_leader_checkers import ALSO_JUDGED, BREACHES
from test_rollout_checkers import ROLLOUTS
from test_update_checkers import UPDATES

from actors.messages.gossip import MemberAnnounced
from actors.messages.ring import MemberHealthChanged
from actors.messages.runtime import ActorFailed, ActorKilled
from actors.messages.simulation import (
    CensusSeen,
    FactsSeen,
    FilesWritten,
    FrameCarried,
    MachineStarted,
    MembersSeen,
    ProcessGone,
    ProcessRan,
    RumorsSeen,
    ServicesSeen,
    SupervisorGone,
)
from actors.simulation.checkers import CHECKERS
from actors.simulation.eventlog import Logged
from actors.simulation.plan import Fault, Plan, Service, Setup

Doctor: TypeAlias = Callable[[Doctored], list[Logged]]

CALM: Final = Plan(Setup(4, services=(Service("web", (0, 1)),)), 90.0, name="calm")
STRUCK: Final = Plan(
    Setup(4, services=(Service("web", (0, 1)),)),
    200.0,
    (
        Fault("crash", 35.0, machines=(1,)),
        Fault("power", 75.0, 60.0, machines=(2,)),
    ),
    name="struck",
)
LEFT: Final = Plan(Setup(4), 60.0, (Fault("depart", 20.0, machines=(3,), others=(0,)),))
IDLE: Final = Plan(Setup(3, watched=True), 60.0, name="idle")
CHANGED: Final = Plan(Setup(3, watched=True), 40.0, (Fault("publish", 20.0, machines=(1,)),))

APPLIED: Final = Plan(
    Setup(3, services=(Service("web", (0, 1), reconfigures=True),)),
    60.0,
    (
        Fault("apply", 20.0, machines=(2,), amount=1, detail="web"),
        Fault("upload", 30.0, machines=(1,), amount=2, detail="web keys.txt"),
    ),
    name="applied",
)


def _without_one_event(log: Doctored) -> list[Logged]:
    middle = [e for e in log.events if e.machine == 1][5]
    return [e for e in log.events if e is not middle]


def _caused_by_nothing(log: Doctored) -> list[Logged]:
    caused = next(e for e in log.events if e.cause)
    return [dataclasses.replace(e, cause="nobody:1:1") if e is caused else e for e in log.events]


def _failed(log: Doctored) -> list[Logged]:
    return log.added(log.phase_s("heal") - 1, 0, ActorFailed("census", 1, "ValueError: no"))


def _killed_for_good(log: Doctored) -> list[Logged]:
    return log.added(log.phase_s("faults") + 5, 0, ActorKilled("census", 1))


def _never_back(log: Doctored) -> list[Logged]:
    gone_s = next(
        e.at_s
        for e in log.events
        if isinstance(e.event, SupervisorGone) and e.event.how.startswith("signal")
    )
    return [
        e
        for e in log.events
        if not (isinstance(e.event, MachineStarted) and e.event.number == 1 and e.at_s > gone_s)
        and (e.machine != 1 or e.at_s <= gone_s)
    ]


def _announced_less(log: Doctored) -> list[Logged]:
    return log.added(log.phase_s("heal"), 0, MemberAnnounced(0, 1))


def _opinion(health: str) -> Doctor:
    def doctor(log: Doctored) -> list[Logged]:
        thought = MemberHealthChanged(log.member(1), health, 1, "doctored", 1 << 40)  # type: ignore[arg-type]
        return log.added(log.phase_s("faults") + 70, 0, thought)

    return doctor


def _unnoticed(log: Doctored) -> list[Logged]:
    gone = log.member(2)
    return log.changed(
        lambda e: (
            None
            if isinstance(e.event, MemberHealthChanged)
            and (e.event.member, e.event.health) == (gone, "confirmed")
            else e.event
        )
    )


def _seen(kind: type, change: Callable[[Any], Any], *, machine: int = 1) -> Doctor:
    """What is seen of one machine is another thing."""

    def doctor(log: Doctored) -> list[Logged]:
        def altered(logged: Logged) -> Any:
            event: Any = logged.event
            number = getattr(event, "number", getattr(event, "machine", -1))
            return change(event) if isinstance(event, kind) and number == machine else event

        return log.changed(altered)

    return doctor


def _lonely(seen: MembersSeen) -> MembersSeen:
    return replace(seen, members={seen.member: ("alive", 1)})


def _process(event: type[ProcessGone | ProcessRan], *more: str) -> Doctor:
    def doctor(log: Doctored) -> list[Logged]:
        ran = next(
            e.event
            for e in log.events
            if isinstance(e.event, ProcessRan) and e.event.key == "service:web"
        )
        pid = ran.pid if event is ProcessGone else ran.pid + 1000
        return log.added(log.phase_s("heal") - 1, -1, event(ran.machine, "service:web", pid, *more))

    return doctor


def _frame(size: int, bodies: int, kind: str = "Ping") -> Doctor:
    def doctor(log: Doctored) -> list[Logged]:
        at_s = log.phase_s("heal") - 19.0
        return log.added(at_s, -1, FrameCarried(0, 1, kind, size, bodies))

    return doctor


def _written_again(log: Doctored) -> list[Logged]:
    return log.added(log.phase_s("heal"), -1, FilesWritten(0, "web", 1, {"keys.txt": "version 2"}))


def _stayed(log: Doctored) -> list[Logged]:
    return log.changed(
        lambda e: replace(e.event, how="exit 0") if isinstance(e.event, SupervisorGone) else e.event
    )


CASES: Final[list[tuple[str, Plan, Doctor]]] = [
    ("event_ids_have_no_gap", CALM, _without_one_event),
    ("causes_come_first", CALM, _caused_by_nothing),
    ("no_actor_fails", CALM, _failed),
    ("dead_actors_are_back", CALM, _killed_for_good),
    ("supervisors_are_back", STRUCK, _never_back),
    ("incarnations_never_decrease", CALM, _announced_less),
    ("the_innocent_are_not_confirmed", CALM, _opinion("confirmed")),
    ("the_dead_are_noticed", STRUCK, _unnoticed),
    ("the_living_refute", CALM, _opinion("suspect")),
    ("the_ring_forms", CALM, _seen(MembersSeen, _lonely)),
    ("the_ring_heals", CALM, _seen(MembersSeen, _lonely)),
    ("the_ring_heals", CALM, _seen(MembersSeen, lambda seen: replace(seen, ring_id="other"))),
    ("stores_become_equal", CALM, _seen(RumorsSeen, lambda seen: replace(seen, digest="other"))),
    ("departed_means_departed", LEFT, _stayed),
    ("healthy_processes_survive", CALM, _process(ProcessGone, "signal 9")),
    ("one_process_a_service", CALM, _process(ProcessRan)),
    ("accepted_commands_hold", CALM, _seen(ServicesSeen, lambda seen: replace(seen, services={}))),
    ("the_census_is_true", CALM, _seen(CensusSeen, lambda seen: replace(seen, groups={}))),
    ("accepted_facts_hold", APPLIED, _seen(FactsSeen, lambda seen: replace(seen, facts={}))),
    ("files_follow_the_facts", APPLIED, _seen(FilesWritten, lambda seen: replace(seen, version=0))),
    ("files_follow_the_facts", APPLIED, _written_again),
    ("frames_stay_small", IDLE, _frame(1400, 0)),
    ("idle_rings_are_quiet", IDLE, _frame(60, 1)),
    ("idle_rings_are_quiet", IDLE, _frame(60, 0, "News")),
    ("a_change_costs_little", CHANGED, _frame(60, 1000)),
]
_logs: dict[str, Doctored] = {}


def _log(plan: Plan) -> Doctored:
    key = repr(plan)
    if key not in _logs:
        _logs[key] = Doctored(plan)
    return _logs[key]


def test_there_is_a_case_for_every_checker() -> None:
    by_hand = {
        *ALSO_JUDGED,
        *UPDATES,
        *ROLLOUTS,
        *(name for name, _ in BREACHES),
    }  # in logs of their own
    cases = {name for name, _, _ in CASES}
    assert cases | by_hand == {checker.__name__ for checker in CHECKERS}


@pytest.mark.parametrize(("name", "plan", "doctor"), CASES)
def test_a_falsified_log_is_found_out(name: str, plan: Plan, doctor: Doctor) -> None:
    log = _log(plan)
    assert log.judged().violations == []
    found = log.judged(doctor(log)).violations
    assert any(text.startswith(f"{name}: ") for text in found), found
