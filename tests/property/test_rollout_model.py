"""Rolling updates under schedules that misbehave, and what each rule is there for.

Run longer by hand: `HAB_MODEL_SEEDS=1000 pytest tests/property/test_rollout_model.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.effects import Effect
from actors.messages.rollout import Rollout, Seated, UpdateTurn
from actors.update import conduct, memory, moves, turn
from actors.update.conduct import Conducting
from actors.update.memory import Content, Memory
from actors.update.scene import Scene

sys.path.insert(0, str(Path(__file__).parent))
from rollout_members import SPEC, THREE, TWO
from rollout_model import BrokenError, Model, Plan

SEEDS = int(os.environ.get("HAB_MODEL_SEEDS", "5"))
MOST = 500  # seeds within which a rule left out must be seen to be missing

BACK = msgspec.structs.replace(SPEC, on_failure="rollback")
AND_THREE = ((5.0, TWO), (60.0, THREE))
OPERATORS = (*Plan.weights, ("order", 0.5), ("stray", 1.0))
CALM = Plan(weights=(("heal", 1.0),), loss=0.0, late=0.0, faults_s=60.0, heal_s=60.0)
SLOW = Plan(3, late=0.4, weights=(("appoint", 6.0), ("kill", 1.0), ("heal", 1.0)), every_s=2.0)
RESTLESS = Plan(5, weights=(*Plan.weights, ("appoint", 6.0), ("stray", 3.0)), every_s=2.0)

FIVE, SIX = (f"configuration {n}" for n in (5, 6))

PLANS = {
    "three": Plan(),
    "a configuration": Plan(3, offers=((5.0, FIVE),)),
    "configurations that follow each other": Plan(
        3, offers=((5.0, FIVE), (25.0, SIX), (60.0, "configuration 7"))
    ),
    "a configuration and a release": Plan(3, offers=((5.0, FIVE), (12.0, TWO), (50.0, SIX))),
    "a configuration, then one for all at once": Plan(
        3, offers=((5.0, FIVE), (15.0, f"all {SIX}"), (40.0, "configuration 7"))
    ),
    "a configuration, and conductors that change": replace(RESTLESS, offers=((5.0, FIVE),)),
    "a configuration, and frames that take seconds": replace(SLOW, offers=((5.0, FIVE),)),
    **{
        f"a configuration that {how}, and a good one": Plan(
            3, bad=((FIVE, how),), offers=((5.0, FIVE), (70.0, SIX))
        )
        for how in ("crashes", "is sick", "hangs", "cannot be used")
    },
    **{
        f"a configuration that {how}, and no other": Plan(
            3, bad=((FIVE, how),), offers=((5.0, FIVE),)
        )
        for how in ("crashes", "is sick", "hangs", "cannot be used")
    },
    "one": Plan(1, weights=(("kill", 3.0), ("appoint", 1.0), ("heal", 1.0))),
    "five, and an operator": Plan(5, weights=OPERATORS),
    "five, and conductors that change": RESTLESS,
    "frames that take seconds": SLOW,
    "a topology leader": Plan(3, topology=True),
    "back and forth": Plan(3, offers=((5.0, TWO), (25.0, THREE), (45.0, TWO))),
    **{
        f"a release that {how}": Plan(3, bad=((TWO, how),))
        for how in ("crashes", "is sick", "hangs", "cannot be installed")
    },
    **{
        f"a release that {how}, back, and a good one": Plan(
            3, bad=((TWO, how),), spec=BACK, offers=AND_THREE
        )
        for how in ("crashes", "is sick", "hangs", "cannot be installed")
    },
}


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", sorted(PLANS))
def test_no_two_members_are_down_and_no_decision_is_forgotten(name: str, seed: int) -> None:
    Model(seed, PLANS[name]).whole()


def test_without_faults_each_member_is_stopped_once_and_all_have_gone() -> None:
    for seed in range(5):
        model = Model(seed, replace(CALM, members=5))
        model.whole()
        assert [release for _, _, release in model.stops] == [TWO] * 5
        assert model.decided[-1].state == "done"
        assert len({member for _, member, _ in model.stops}) == 5


@pytest.mark.parametrize("how", ["crashes", "is sick", "hangs", "cannot be installed"])
def test_a_release_that_fails_reaches_the_canary_alone(how: str) -> None:
    model = Model(1, replace(CALM, members=5, bad=((TWO, how),), faults_s=150.0))
    model.whole()
    assert model.decided[-1].state == "halted"
    assert TWO in model.decided[-1].refused
    assert len({m for _, m, _ in model.stops}) == (0 if how == "cannot be installed" else 1)


def test_a_release_that_fails_is_taken_back_where_that_is_wanted() -> None:
    plan = replace(CALM, members=5, bad=((TWO, "crashes"),), spec=BACK, faults_s=150.0)
    model = Model(1, plan)
    model.whole()
    last = model.decided[-1]
    assert (last.state, last.returns, last.epoch) == ("done", True, 2)
    assert len({m for _, m, _ in model.stops}) == 1


def test_a_configuration_reaches_each_member_once_and_is_in_force_then() -> None:
    for seed in range(5):
        model = Model(seed, replace(CALM, members=5, offers=((5.0, FIVE),)))
        model.whole()
        assert [what for _, _, what in model.stops] == [FIVE] * 5
        assert len({member for _, member, _ in model.stops}) == 5
        assert model.configs["in force"] == model.configs["staged"]
        assert model.decided[-1].state == "done"


@pytest.mark.parametrize("how", ["crashes", "is sick", "hangs", "cannot be used"])
def test_a_configuration_that_fails_reaches_the_canary_alone_and_goes_back(how: str) -> None:
    plan = replace(CALM, members=5, bad=((FIVE, how),), offers=((5.0, FIVE),), faults_s=150.0)
    model = Model(1, plan)
    model.whole()
    last = model.decided[-1]
    assert (last.state, last.returns, last.refused) == ("done", True, (FIVE,))
    assert "in force" not in model.configs
    assert {machine.config for machine in model.machines.values()} == {0}
    assert len({m for _, m, _ in model.stops}) == (0 if how == "cannot be used" else 1)


def test_the_topology_leader_goes_last_and_hands_over_before() -> None:
    model = Model(3, replace(CALM, members=3, topology=True))
    leader = model.topology
    model.whole()
    assert [member for _, member, _ in model.stops][-1] == leader
    assert model.topology != leader


# ── rules left out ──


def _no_gate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(moves, "_gate", lambda *_: "")


def _no_majority(patch: pytest.MonkeyPatch) -> None:
    def any_one(members: set[str], seated: Seated) -> bool:
        return bool(members & set(seated.voters))

    patch.setattr(conduct, "is_majority", any_one)


def _no_drain(patch: pytest.MonkeyPatch) -> None:
    real = turn._leave

    def at_once(state: turn.Turn, on: turn.Grounds) -> turn.Decision:
        if on.leads or on.now >= state.not_after_s:
            return real(state, on)
        left, _ = real(state, on)
        return left, []

    patch.setattr(turn, "_leave", at_once)
    patch.setattr(turn, "_withdraw", lambda _: turn.Emit(turn.TurnBegan("", 0, 0, "")))


def _epochs_may_decrease(patch: pytest.MonkeyPatch) -> None:
    def take(kept: Memory, rollout: Rollout) -> tuple[Memory, bool, list[Effect]]:
        content, known = kept.content, kept.content.rollout
        if rollout.term < content.promised:
            return kept, False, []
        if known is not None and rollout.ballot < known.ballot:
            return kept, False, []
        fresh, effects = memory._keep(kept, Content(rollout.term, rollout, content.history))
        return fresh, True, effects

    patch.setattr(memory, "take", take)


def _promises_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    def take(kept: Memory, rollout: Rollout) -> tuple[Memory, bool, list[Effect]]:
        fresh, effects = memory._keep(kept, Content(kept.content.promised, rollout))
        return fresh, True, effects

    patch.setattr(memory, "take", take)


def _turns_are_always_obeyed(patch: pytest.MonkeyPatch) -> None:
    real = turn.granted

    def whenever(state: turn.Turn, order: UpdateTurn, on: turn.Grounds) -> turn.Decision:
        late = UpdateTurn(order.rollout, on.instance, on.now + 60.0)
        return real(state, late, on)

    patch.setattr(turn, "granted", whenever)


def _the_open_turn_is_not_settled(patch: pytest.MonkeyPatch) -> None:
    real = conduct._decide

    def forgetting(state: Conducting, rollout: Rollout, what: str) -> conduct.Decision:
        if state.rollout is None:
            rollout = msgspec.structs.replace(rollout, turn="")
        return real(state, rollout, what)

    patch.setattr(conduct, "_decide", forgetting)
    patch.setattr(moves, "_gate", _gate_without_turns)


def _gate_without_turns(member: str, rollout: Rollout, scene: Scene) -> str:
    """Another safeguard, which would hide that one is missing."""
    del member, rollout, scene
    return ""


MUTANTS: dict[str, tuple[Callable[[Any], None], Plan]] = {
    "the health gate": (_no_gate, PLANS["five, and an operator"]),
    "the majority": (_no_majority, RESTLESS),
    "the drain": (_no_drain, PLANS["three"]),
    "epochs that never decrease": (_epochs_may_decrease, RESTLESS),
    "the promise to a conductor": (_promises_are_forgotten, SLOW),
    "the end of a turn's leave": (_turns_are_always_obeyed, RESTLESS),
    "settling the open turn": (_the_open_turn_is_not_settled, RESTLESS),
}


@pytest.mark.parametrize("rule", sorted(MUTANTS))
def test_without_this_rule_an_invariant_breaks(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out, plan = MUTANTS[rule]
    leave_out(monkeypatch)
    for seed in range(MOST):
        try:
            Model(seed, plan).whole()
        except (BrokenError, AssertionError):
            return
    pytest.fail(f"nothing broke in {MOST} seeds without {rule}")
