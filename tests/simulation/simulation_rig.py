"""Runs that several tests look at are run once; event logs can be doctored and judged again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from seeds import Seed

from actors.messages.base import Event
from actors.simulation.checkers import Judgement, judge
from actors.simulation.eventlog import Logged
from actors.simulation.plan import Plan
from actors.simulation.run import Result, Run, SimulationOptions, run_simulation

SCENARIOS: Final = Path(__file__).parent / "scenarios"


@cache
def seed_run(seed: Seed) -> Result:
    """The end of a seed, without its events."""
    return _light(run_simulation(SimulationOptions(*seed)))


@cache
def scenario_run(name: str, supervisors: int | None = None, seed: int = 1) -> Result:
    """The end of a scenario, without its events."""
    text = (SCENARIOS / f"{name}.toml").read_text()
    return _light(run_simulation(SimulationOptions(seed, supervisors, scenario=text)))


def _light(result: Result) -> Result:
    result.events.clear()
    return result


class Doctored:
    """The log of a plan's run, to be falsified."""

    def __init__(self, plan: Plan) -> None:
        run = Run("doctored", plan)
        run.all_phases()
        self.plan = plan
        self.run = run
        self.events = list(run.ring.log.events)

    def judged(self, events: list[Logged] | None = None) -> Judgement:
        """What the checkers say of a log (or of the true one)."""
        return judge(self.events if events is None else events, self.plan)

    def member(self, machine: int) -> str:
        """The id of a machine's member."""
        return self.run.ring.machines[machine].member

    def phase_s(self, name: str) -> float:
        """When a phase began."""
        found = (e.at_s for e in self.events if getattr(e.event, "phase", "") == name)
        return next(found)

    def added(self, at_s: float, machine: int, event: Event) -> list[Logged]:
        """The log with one more event, of the simulator (machine -1) or in a machine's name."""
        more = Logged(int(at_s * 1e9), -1, "sim:more", 0, "sim", event)
        events = self.events
        if machine >= 0:
            # Numbered and stamped like its neighbour's, so that only what it says is wrong.
            events = [e for e in events if e.machine != machine or e.at_s <= at_s]
            last = [e for e in events if e.machine == machine][-1]
            life, _, number = last.id.rpartition(":")
            more = replace(more, machine=machine, id=f"{life}:{int(number) + 1}", hlc=last.hlc + 1)
        return sorted([*events, more], key=lambda e: e.at_ns)

    def changed(self, change: Callable[[Logged], Event | None]) -> list[Logged]:
        """The log with what `change` makes of each event; None leaves the event out."""
        new = ((logged, change(logged)) for logged in self.events)
        return [replace(logged, event=event) for logged, event in new if event is not None]
