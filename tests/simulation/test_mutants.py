"""Mutants can be hunted at any time: each still applies, and some of them fall here and now."""

from __future__ import annotations

import pytest
from mutants import MUTANTS, SCENARIOS, Rule, Text, hunt, model, mutated

RUN_HERE = (
    "quorum off by one",
    "watchdog off",
    "health gate skipped",
    "epoch not monotonic",
    "rollout step without majority",
    "drain skipped",
)


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_applies_and_has_a_hunter(name: str) -> None:
    match MUTANTS[name]:
        case Rule(rule):
            assert model.MUTANTS[rule].plan in model.PLANS
        case Text(scenario=scenario) as text:
            assert mutated(text)
            assert (SCENARIOS / f"{scenario}.toml").is_file()


@pytest.mark.parametrize("name", RUN_HERE)
def test_a_mutant_falls_and_clean_code_does_not(name: str) -> None:
    found = hunt(name)
    assert found.fell_at is not None
    assert found.broken
    assert found.clean_broken == ()
