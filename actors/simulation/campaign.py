"""Many seeds over all cores: each run in one process, nothing shared; stops on failures."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from actors.simulation.run import SimulationOptions, run_simulation

RECYCLE_AFTER: Final = 200  # runs of one worker process, so that garbage cannot add up


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """Seeds `first` to `first + seeds - 1`; stops once `max_failures` have failed.

    `workers` 0: one a core. The other fields are as in `SimulationOptions`.
    """

    first: int = 0
    seeds: int = 1000
    supervisors: int | None = None
    for_s: float | None = None
    scenario: str = ""
    workers: int = 0
    max_failures: int = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """One seed's end. `broken` says what broke; a crash of the simulator itself breaks too."""

    seed: int
    sha256: str
    steps: int
    virtual_s: float
    broken: tuple[str, ...] = ()
    judged: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Totals:
    """What was judged over many seeds: verdicts by checker, and the seeds that had any."""

    seeds: int = 0
    failed: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    judging: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.seeds += 1
        self.failed += bool(outcome.broken)
        self.verdicts.update(outcome.judged)
        self.judging.update(name for name, times in outcome.judged.items() if times)

    def lines(self) -> list[str]:
        """A table for people: a checker that judged nothing proved nothing."""
        names = sorted(self.verdicts, key=lambda name: (-self.judging[name], name))
        rows = [("verdicts", "seeds", "checker")]
        rows += [(f"{self.verdicts[name]}", f"{self.judging[name]}", name) for name in names]
        return [f"{verdicts:>10}  {seeds:>6}  {name}" for verdicts, seeds, name in rows]


def run_campaign(options: CampaignOptions) -> Iterator[Outcome]:
    """Outcomes as they come, in no order; ends early after `max_failures` failures."""
    seeds = iter(range(options.first, options.first + options.seeds))
    workers = options.workers or os.cpu_count() or 1
    failures = 0
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),  # fork would share what threads hold
        max_tasks_per_child=RECYCLE_AFTER,
    ) as pool:
        waiting: set[Future[Outcome]] = set()
        for seed in islice(seeds, 2 * workers):
            waiting.add(pool.submit(_one, options, seed))
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                outcome = future.result()
                failures += bool(outcome.broken)
                yield outcome
            if failures >= options.max_failures:
                for future in waiting:
                    future.cancel()
                return
            for seed in islice(seeds, len(done)):
                waiting.add(pool.submit(_one, options, seed))


def _one(options: CampaignOptions, seed: int) -> Outcome:
    run = SimulationOptions(seed, options.supervisors, options.for_s, options.scenario)
    try:
        result = run_simulation(run)
    except Exception as error:  # noqa: BLE001 - a seed that breaks the simulator is a find as well
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"simulator: {type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        return Outcome(seed, "", 0, 0.0, (text,))
    judgement = result.judgement
    return Outcome(
        seed,
        result.sha256,
        result.steps,
        result.virtual_s,
        tuple(judgement.violations),
        judgement.judged,
    )
