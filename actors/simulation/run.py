"""One run: form the ring, let the faults happen, heal, demand that all is well, judge, report.

The report is a function of the options alone: its last line is the verdict and the digest of the
event log. The event log it stands on is in the result.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from actors.errors import UsageError
from actors.messages.simulation import PhaseBegan
from actors.simulation.arrivals import ARRIVES_S, Arrivals
from actors.simulation.checkers import Judgement, judge
from actors.simulation.drawing import draw_plan
from actors.simulation.eventlog import Logged
from actors.simulation.faults import Faults
from actors.simulation.machine import Machine, Quartz
from actors.simulation.observer import Observer
from actors.simulation.plan import Plan, dissemination_s, reunion_s
from actors.simulation.ring import Ring
from actors.simulation.scenario import read_scenario
from actors.simulation.supervisors import supervisor
from actors.simulation.workload import Workload

DEFAULT_SUPERVISORS: Final = 5
DEFAULT_S: Final = 60.0
LOOK_S: Final = 1.0  # between two looks at the ring while it should agree
STEADY_S: Final = 5.0  # and so long it has to go on agreeing
RESTAMP_S: Final = 70.0  # who had a clock ahead of all others stamps its facts anew within 60 s
SETTLE_S: Final = 3.0  # for services to start
START_S: Final = 3.0  # for processes to start
COLLECT: Final = (50_000, 50, 50)  # objects and collections between those of the garbage collector

Verdict = Literal["ok", "broken"]


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """What to run. None: as the scenario says, or the default.

    `for_s` is the length of the faults phase in virtual seconds; forming the ring before it and
    healing after it take what they take, within the limits that are checked.
    """

    seed: int = 0
    supervisors: int | None = None
    for_s: float | None = None
    scenario: str = ""  # the text of a scenario file; empty: drawn from the seed
    journal: bool = False  # keep a line for each step, to find where two runs differ


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run. `steps` counts what the scheduler ran; `report` is text for stdout."""

    verdict: Verdict
    sha256: str
    report: str
    judgement: Judgement
    plan: Plan
    steps: int
    virtual_s: float
    events: list[Logged] = field(repr=False, default_factory=list)
    journal: list[str] = field(repr=False, default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 9 when an invariant broke."""
        return 0 if self.verdict == "ok" else 9


def plan_of(options: SimulationOptions) -> Plan:
    """The plan of the options. Raises `UsageError` for a scenario that cannot be read."""
    if options.supervisors is not None and options.supervisors < 1:
        raise UsageError("a ring has at least one supervisor")
    if options.scenario:
        seed = str(options.seed)
        return read_scenario(options.scenario, options.supervisors, options.for_s, seed)
    count = options.supervisors or DEFAULT_SUPERVISORS
    return draw_plan(
        str(options.seed), count, DEFAULT_S if options.for_s is None else options.for_s
    )


def read_scenario_file(path: str) -> str:
    """The text of a scenario file. Raises `UsageError` where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the scenario {path}: {error}") from error


def run_simulation(options: SimulationOptions) -> Result:
    """Run, judge, report. Raises `UsageError` for a scenario that cannot be read."""
    plan = plan_of(options)
    run = Run(str(options.seed), plan)
    if options.journal:
        run.ring.scheduler.journal = []
    with _collecting_seldom():
        run.all_phases()
        ring = run.ring
        judgement = judge(ring.log.events, plan)
    sha256 = ring.log.sha256()
    verdict: Verdict = "broken" if judgement.violations else "ok"
    report = _report(options.seed, run, judgement, f"{verdict} {sha256}")
    return Result(
        verdict,
        sha256,
        report,
        judgement,
        plan,
        ring.scheduler.steps,
        ring.scheduler.now_s,
        ring.log.events,
        ring.scheduler.journal or [],
    )


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Let the garbage collector walk the ring less often: nearly all of it lives to the end."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Run:
    """A ring and its plan, phase by phase."""

    def __init__(self, seed: str, plan: Plan) -> None:
        setup = plan.setup
        self.plan = plan
        self.ring = Ring(
            seed,
            quality=setup.quality,
            pace=setup.pace,
            keyed=setup.keyed,
            watched=setup.watched,
        )
        self.workload = Workload(self.ring, setup.services)
        self.faults = Faults(self.ring, self.workload)
        self.observer = Observer(self.ring)
        self.arrivals = Arrivals()
        self.ring.log.observers.append(self.arrivals.see)
        self.formed_s = self.healed_s = -1.0
        ring = self.ring
        ring.fabric.remembers = any(f.what in ("garbage", "replay") for f in plan.faults)
        addresses = [ring.address(number) for number in range(setup.supervisors)]
        for number in range(setup.supervisors):
            seeds = tuple(addresses[: setup.seeds])
            root = supervisor(
                seeds,
                permanent=number < setup.permanent,
                keyed=setup.keyed,
                poll_s=setup.poll_s,
            )
            machine = ring.add(root, setup.quartz[number] if setup.quartz else Quartz())
            for service in setup.services:
                if service.suitability:
                    machine.suitability[service.name] = service.suitability[
                        number % len(service.suitability)
                    ]
                machine.behaviours[f"service:{service.name}"] = service.behaviour
                for hook, behaviour in service.hooks:
                    machine.behaviours[f"hook:{service.name}:{hook}:"] = behaviour

    def all_phases(self) -> None:
        """The whole run."""
        self.form()
        self.suffer()
        self.heal()

    def form(self) -> None:
        """All machines start and find one another."""
        ring, setup = self.ring, self.plan.setup
        ring.log.note(PhaseBegan("form"))
        for machine in ring.machines:
            machine.start()
            ring.run_for(setup.stagger_s)
        ring.run_for(START_S)
        self.formed_s = self._until_agreed(reunion_s(setup), steady_s=0.0)
        for service in setup.services:
            for number in service.machines:
                self.workload.give(ring.machines[number], "load", service.name)
        ring.run_for(SETTLE_S if setup.services else 0.0)

    def suffer(self) -> None:
        """The faults of the plan happen."""
        ring = self.ring
        ring.log.note(PhaseBegan("faults"))
        self.faults.schedule(self.plan.faults)
        ring.run_for(self.plan.faults_s)

    def heal(self) -> None:
        """Everything is repaired; within its limit the ring has to be whole, and stay so."""
        ring, setup = self.ring, self.plan.setup
        self.faults.heal()
        ring.log.note(PhaseBegan("heal"))
        ring.run_for(START_S)
        limit_s = reunion_s(setup) + 60.0
        self.healed_s = self._until_agreed(limit_s, steady_s=STEADY_S)
        self._wait_for_updates(ring.scheduler.now_s)
        began_s = ring.scheduler.now_s
        patience_s = max(RESTAMP_S, 2 * dissemination_s(setup.supervisors))
        while not self._is_settled() and ring.scheduler.now_s - began_s < patience_s:
            ring.run_for(LOOK_S)
        ring.log.note(PhaseBegan("end"))

    def _wait_for_updates(self, healed_s: float) -> None:
        """Let what is offered arrive, as long as that may take after all is well."""
        ring = self.ring
        if self.arrivals.offered:
            self.observer.look_at_services()
        while self._is_missing() and ring.scheduler.now_s - healed_s < ARRIVES_S:
            ring.run_for(LOOK_S)
            self.observer.look_at_services()

    def _is_missing(self) -> bool:
        up = [m.number for m in self.ring.machines if is_expected(m)]
        return any(
            self.arrivals.missing(service, up) or self.arrivals.unready(service, up)
            for service in self.plan.setup.services
        )

    def _is_settled(self) -> bool:
        observer = self.observer
        observer.look_at_rumors()
        observer.look_at_services()
        observer.look_at_facts()
        led = any(service.topology == "leader" for service in self.plan.setup.services)
        if led:
            observer.look_at_elections()
        surely = {s.name for s in self.plan.setup.services if s.is_steady and s.starts_surely}
        return (
            observer.services_rest(is_expected, surely)
            and observer.same_rumors(is_expected)
            and observer.same_census(is_expected)
            and observer.same_facts(is_expected)
            and (not led or observer.each_is_led(is_expected))
        )

    def _until_agreed(self, limit_s: float, steady_s: float) -> float:
        """Look until all agree, and go on agreeing; seconds that took, -1 if they do not."""
        ring = self.ring
        began_s = ring.scheduler.now_s
        since_s = -1.0
        while ring.scheduler.now_s - began_s < limit_s + steady_s:
            self.observer.look()
            now_s = ring.scheduler.now_s
            if not self.observer.agree(is_expected):
                since_s = -1.0
            elif since_s < 0:
                since_s = now_s
            if since_s >= 0 and now_s - since_s >= steady_s:
                return since_s - began_s
            ring.run_for(LOOK_S)
        return -1.0


def is_expected(machine: Machine) -> bool:
    """Whether a machine should be a living member now."""
    return machine.wanted


def _report(seed: int, run: Run, judgement: Judgement, last: str) -> str:
    plan, ring = run.plan, run.ring
    setup = plan.setup
    quality = setup.quality
    size = f"{setup.supervisors} supervisors ({setup.permanent} permanent)"
    delay = f"{quality.delay_ns / 1e6:g} ms and up to {quality.spread_ns / 1e6:g} ms more"
    odds = f"loss {quality.loss:g}, duplicate {quality.duplicate:g}, reorder {quality.reorder:g}"
    work = (
        f"{ring.scheduler.steps} steps, {ring.fabric.sent} frames, {ring.fabric.sent_bytes} bytes"
    )
    lines = [
        f"seed {seed}, {size}, plan {plan.name}: {plan.faults_s:g} s, {len(plan.faults)} faults",
        f"links: {delay}, {odds}",
        *(fault.describe() for fault in plan.faults),
        f"ring formed after {_took(run.formed_s)}, healed after {_took(run.healed_s)}",
        f"{ring.scheduler.now_s:.3f} virtual seconds, {work}, {len(ring.log.events)} events",
        f"last draw {ring.scheduler.last_draw():016x}",
    ]
    kinds = Counter(type(logged.event).__name__ for logged in ring.log.events)
    lines += [f"{count:8} {kind}" for kind, count in sorted(kinds.items())]
    lines += [f"{count:8} times judged: {name}" for name, count in judgement.judged.items()]
    lines += [f"BROKEN {violation}" for violation in judgement.violations]
    return "\n".join([*lines, last]) + "\n"


def _took(seconds: float) -> str:
    return "its limit: never" if seconds < 0 else f"{seconds:.1f} s"
