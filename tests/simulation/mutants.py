"""Mutants: rules of leadership and updates left out one at a time, and what hunts each down.

A rule that can be left out unnoticed is not tested. Those of the election's pure rules are hunted
by a plan of the model (`tests/property/test_election_model.py`, which runs them in CI). Those of
what carries the rules out are hunted by a scenario of whole supervisors: the text of the rule is
replaced in a copy of the sources, which then runs in a process of its own.

By hand: `scripts/mutants` prints a table, `scripts/mutants NAME...` a part of it. On 2026-11-25,
seeds until each fell: vote not persisted 1, directory not fsynced 87, start-wait left out 1, votes
not refused under a promise 7, lease counted from the ack 5, round id without instance 103, stamps
not compared 43, change before the last commit 2, quorum off by one 1, watchdog off 1, health gate
skipped 2, epoch not monotonic 1, rollout step without majority 1, drain skipped 1.
Clean code held on all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SCENARIOS: Final = Path(__file__).parent / "scenarios"
MOST: Final = 500  # seeds within which a mutant has to fall

sys.path.insert(0, str(ROOT / "tests" / "property"))

import pytest  # noqa: E402 - the path comes first
import test_election_model as model  # noqa: E402

from actors.simulation.run import SimulationOptions, run_simulation  # noqa: E402


@dataclass(frozen=True)
class Text:
    """Texts of a source file are replaced (old → new); `scenario` hunts it.

    `first` is near the first seed that found it when it was written: so the hunt is short.
    """

    file: str
    changes: dict[str, str]
    scenario: str
    first: int = 0


@dataclass(frozen=True)
class Rule:
    """One of the model's mutants, by its name there, with the plan that hunts it."""

    name: str


@dataclass(frozen=True)
class Hunt:
    """How a hunt ended: the seed it fell at and why, seeds tried, and those clean code broke at."""

    hunter: str
    seeds: int
    fell_at: int | None
    broken: str
    clean_broken: tuple[int, ...]


MUTANTS: Final[dict[str, Text | Rule]] = {
    "vote not persisted": Rule("a vote is told before it is on disk"),
    "directory not fsynced": Text(
        "actors/simulation/disk.py",
        {"        self._disk.sync_directory()\n        if self._queue:": "        if self._queue:"},
        "leader-torn-writes",
        80,
    ),
    "start-wait left out": Rule("no wait after a start"),
    "votes not refused under a promise": Rule("votes in spite of a promise"),
    "lease counted from the ack": Rule("a lease counts from the ack"),
    "round id without instance": Rule("a round's name is without the instance"),
    "stamps not compared": Rule("stamps are not compared"),
    "change before the last commit": Rule("a change before the last is committed"),
    "quorum off by one": Rule("a quorum is one too small"),
    "watchdog off": Text(
        "actors/launcher/groups.py",
        {
            "if now >= group.leader_until_s:": "if now >= NEVER:",
            "min(group.leader_until_s, group.timeout_at_s,": "min(group.timeout_at_s,",
        },
        "leader-paused",
    ),
    "health gate skipped": Text(
        "actors/update/moves.py",
        {"        if not well and not broken:": "        if False:"},
        "rolling-sick",
    ),
    "epoch not monotonic": Text(
        "actors/update/memory.py",
        {" or rollout.epoch < known.epoch": ""},
        "rolling-undecided",
    ),
    "rollout step without majority": Text(
        "actors/update/conduct.py",
        {"not is_majority(set(state.holders), scene.seated)": "state.me not in state.holders"},
        "rolling-undecided",
    ),
    "drain skipped": Text(
        "actors/update/turn.py",
        {"    if on.now - turn.since_s < on.drain_s:": "    if on.drain_s < 0:"},
        "rolling",
    ),
}


def hunt(name: str) -> Hunt:
    """Try seed after seed until the mutant falls; then clean code on the same seeds."""
    mutant = MUTANTS[name]
    return _hunt_rule(mutant) if isinstance(mutant, Rule) else _hunt_text(mutant)


# ── rules of the model ──


def _hunt_rule(rule: Rule) -> Hunt:
    mutant = model.MUTANTS[rule.name]
    plan = model.PLANS[mutant.plan]
    seeds = range(mutant.first, mutant.first + MOST)
    broken = ""
    with pytest.MonkeyPatch.context() as patch:
        if mutant.target:
            patch.setattr(f"actors.election.{mutant.target}", mutant.instead)
        hunted = replace(plan, **(mutant.change or {}))
        fell_at = None
        for seed in seeds:
            broken = _breaks(hunted, seed)
            if broken:
                fell_at = seed
                break
    tried = range(seeds.start, fell_at + 1) if fell_at is not None else seeds
    clean = tuple(seed for seed in tried if _breaks(plan, seed))
    return Hunt(f"model: {mutant.plan}", len(tried), fell_at, broken, clean)


def _breaks(plan: model.Plan, seed: int) -> str:
    try:
        model.Model(seed, plan).run()
    except model.BrokenError as error:
        return str(error)
    return ""


# ── texts in a copy of the sources ──


def _hunt_text(mutant: Text) -> Hunt:
    with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
        copy = Path(directory)
        shutil.copytree(
            ROOT / "actors", copy / "actors", ignore=shutil.ignore_patterns("__pycache__")
        )
        target = copy / mutant.file
        target.write_text(mutated(mutant))
        options = {"scenario": mutant.scenario, "first": mutant.first, "seeds": MOST}
        done = subprocess.run(
            [sys.executable, __file__, json.dumps(options)],
            env={**os.environ, "PYTHONPATH": str(copy)},
            cwd=copy,
            capture_output=True,
            text=True,
            check=True,
        )
    said = json.loads(done.stdout)
    assert said["sources"].startswith(directory), "the copy is not what ran"
    fell_at = said["fell_at"]
    last = mutant.first + MOST if fell_at is None else fell_at + 1
    tried = range(mutant.first, last)
    clean = tuple(seed for seed in tried if violations(mutant.scenario, seed))
    return Hunt(f"scenario: {mutant.scenario}", len(tried), fell_at, said["broken"], clean)


def mutated(mutant: Text) -> str:
    """The source file with the rule left out. Fails if a text is not there just once."""
    source = (ROOT / mutant.file).read_text()
    for old, new in mutant.changes.items():
        count = source.count(old)
        assert count == 1, f"{mutant.file} has {old!r} {count} times"
        source = source.replace(old, new)
    return source


def violations(scenario: str, seed: int) -> list[str]:
    """What a scenario breaks under a seed, a crash of the simulator included."""
    text = (SCENARIOS / f"{scenario}.toml").read_text()
    try:
        return run_simulation(SimulationOptions(seed, scenario=text)).judgement.violations
    except Exception as error:  # noqa: BLE001 - a mutant may break anything
        return [f"simulator: {type(error).__name__}: {error}"]


def _search(scenario: str, first: int, seeds: int) -> None:
    """What runs on the copy: says where its first violation is."""
    import actors

    said = {"sources": actors.__file__, "fell_at": None, "broken": ""}
    for seed in range(first, first + seeds):
        if broken := violations(scenario, seed):
            said |= {"fell_at": seed, "broken": broken[0]}
            break
    print(json.dumps(said))  # noqa: T201 - its answer


if __name__ == "__main__":
    _search(**json.loads(sys.argv[1]))
