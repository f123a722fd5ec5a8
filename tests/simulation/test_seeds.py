"""The share of seeds and scenarios that runs in CI; every checker has something to judge in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
import seeds
from simulation_rig import SCENARIOS, scenario_run, seed_run

from actors.simulation.checkers import CHECKERS
from actors.simulation.run import Result

NAMES = sorted(path.stem for path in SCENARIOS.glob("*.toml"))
SIZES_OF_CHANGES = (5, 20, 40)  # 10 is the scenario's own
PART = 10  # seeds of one test
LED_PARTS = [(members, first) for members, led in seeds.LED.items() for first in led[::PART]]


def _fine(result: Result) -> None:
    assert result.judgement.violations == [], result.report
    assert result.verdict == "ok"


@pytest.mark.parametrize("seed", seeds.CI, ids=str)
def test_what_is_drawn_breaks_nothing(seed: seeds.Seed) -> None:
    _fine(seed_run(seed))


@pytest.mark.parametrize(("seed", "taught"), seeds.FAILED.items(), ids=str)
def test_no_seed_fails_twice(seed: seeds.Seed, taught: str) -> None:
    assert taught
    _fine(seed_run(seed))


@pytest.mark.parametrize(("members", "first"), LED_PARTS)
def test_elections_under_a_swarm_break_nothing(members: int, first: int) -> None:
    for seed in range(first, first + PART):
        _fine(scenario_run("leader-swarm", members, seed))


@pytest.mark.parametrize(("led", "taught"), seeds.LED_FAILED.items(), ids=str)
def test_no_election_fails_twice(led: tuple[int, int], taught: str) -> None:
    assert taught
    _fine(scenario_run("leader-swarm", *led))


@pytest.mark.parametrize(("rolled", "taught"), seeds.ROLLED_FAILED.items(), ids=str)
def test_no_update_fails_twice(rolled: tuple[str, int], taught: str) -> None:
    assert taught
    name, seed = rolled
    _fine(scenario_run(name, seed=seed))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_scripted_breaks_nothing(name: str) -> None:
    _fine(scenario_run(name))


@pytest.mark.parametrize("supervisors", SIZES_OF_CHANGES)
def test_a_change_costs_little_at_every_size(supervisors: int) -> None:
    result = scenario_run("changes", supervisors)
    _fine(result)
    assert result.judgement.judged["a_change_costs_little"] == 2


def test_no_checker_has_nothing_to_judge() -> None:
    judged: Counter[str] = Counter()
    for seed in (*seeds.CI, *seeds.FAILED):
        judged.update(seed_run(seed).judgement.judged)
    for name in NAMES:
        judged.update(scenario_run(name).judgement.judged)
    idle = [checker.__name__ for checker in CHECKERS if not judged[checker.__name__]]
    assert idle == []


def test_a_seed_is_one_execution_under_any_hash_seed() -> None:
    words = ["sim", "run", "--seed", "5", "--supervisors", "5", "--for", "40s"]
    program = "from cli.main import main; main()"
    said = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        said.add(done.stdout)
    (report,) = said
    assert report.splitlines()[-1].startswith("ok ")
