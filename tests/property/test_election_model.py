"""Elections under schedules that misbehave, and what each rule is there for: without it, it breaks.

Run longer by hand: `HAB_MODEL_SEEDS=2000 pytest tests/property/test_election_model.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.effects import Effect
from actors.election import ballot, electorate, state, timing
from actors.election.ballot import Ballot
from actors.election.state import Decision, Election
from actors.messages.base import MemberId
from actors.messages.election import Electorate, StoreElectorate

sys.path.insert(0, str(Path(__file__).parent))

from election_model import BrokenError, Model, Plan

SEEDS = int(os.environ.get("HAB_MODEL_SEEDS", "6"))
MOST = 500  # seeds within which a rule left out must be seen to be missing

EVERYTHING = (*Plan.weights, ("isolate", 1.0), ("cut_off", 1.0), ("stumble", 1.0))
SEATS = (*EVERYTHING, ("gossip", 2.0))
CALM = Plan(weights=(("heal", 1.0),), loss=0.0, late=0.0, slow_disk=0.0)

PLANS = {
    "three": Plan(3, weights=EVERYTHING),
    "five, who compare suitability": Plan(5, hook=True, weights=EVERYTHING),
    "seven": Plan(7, faults_s=25.0, weights=EVERYTHING),
    "one, and two that join and leave": Plan(1, spares=2, weights=SEATS, seats_s=1.0),
    "two, and three that join and leave": Plan(2, spares=3, weights=SEATS, seats_s=1.0, hook=True),
    "three, and three that join and leave": Plan(
        3, spares=3, weights=SEATS, seats_s=0.7, every_s=3.0
    ),
    "acks that take seconds": Plan(
        3,
        late=0.4,
        late_s=2.4,
        loss=0.0,
        every_s=1.5,
        weights=(("cut_off", 3.0), ("heal", 3.0), ("stumble", 3.0)),
    ),
    "one sleeps while the others change": Plan(
        3,
        spares=2,
        every_s=12.0,
        seats_s=0.7,
        faults_s=80.0,
        loss=0.02,
        late=0.02,
        weights=(("sleeper", 3.0), ("heal", 1.0)),
    ),
    "one sleeps, and learns by gossip": Plan(
        3,
        spares=2,
        every_s=4.0,
        seats_s=0.5,
        faults_s=80.0,
        loss=0.02,
        late=0.02,
        weights=(("sleeper", 3.0), ("heal", 1.0), ("gossip", 3.0)),
    ),
    "a leader alone with newcomers": Plan(
        3,
        spares=3,
        every_s=6.0,
        seats_s=2.0,
        faults_s=60.0,
        loss=0.02,
        late=0.02,
        weights=(("usurp", 3.0), ("heal", 2.0)),
    ),
    "rounds are lost, records are not": Plan(
        3,
        spares=3,
        every_s=3.0,
        seats_s=0.4,
        faults_s=60.0,
        loss=0.0,
        late=0.0,
        round_loss=0.85,
        weights=(("cut_off", 3.0), ("heal", 2.0)),
    ),
    "handed over, and killed": Plan(
        3,
        every_s=0.3,
        loss=0.02,
        late=0.2,
        late_s=1.0,
        weights=(("step_down", 3.0), ("crash", 3.0), ("heal", 1.0)),
    ),
    "disks that fail": Plan(
        3, spares=2, weights=SEATS, seats_s=1.5, bad_disk=0.2, hook=True, heal_s=20.0
    ),
    "followers forget": Plan(3, every_s=4.0, weights=(("forget", 3.0), ("heal", 3.0))),
    "two foundings": Plan(
        3, 3, heal_s=50.0, faults_s=15.0, every_s=2.0, weights=(*EVERYTHING, ("gossip", 3.0))
    ),
    "founded by three at once": Plan(3, found=True),
    "founded by five at once": Plan(5, found=True, every_s=0.5),
}


# Seeds that failed, and what each taught.
FAILED = {
    ("one sleeps while the others change", 300): "a record's term is over to stand in",
    ("two, and three that join and leave", 316): "who reads first begins further apart",
}


@pytest.mark.parametrize("name", PLANS)
def test_one_leads_at_a_time_and_somebody_does_when_all_is_healed(name: str) -> None:
    for seed in range(SEEDS):
        Model(seed, PLANS[name]).run()


@pytest.mark.parametrize(("name", "seed"), FAILED)
def test_what_failed_once_holds(name: str, seed: int) -> None:
    Model(seed, PLANS[name]).run()


def test_of_two_foundings_the_earlier_is_left_with_all_members_and_greater_terms() -> None:
    for seed in range(SEEDS):
        model = Model(seed, PLANS["two foundings"])
        model.run()
        states = [m.state for m in model.machines.values() if m.state is not None]
        assert {s.record.id for s in states if s.record is not None} == {"e1"}
        assert all(s.is_voter for s in states), seed
        before = max((term for name, term in model.leaders if name == "e2"), default=0)
        assert max(term for name, term in model.leaders if name == "e1") > before


def test_two_oaths_let_the_last_of_three_lead_after_a_promise_time() -> None:
    for seed in range(SEEDS):
        model = Model(seed, replace(CALM, drift=True))
        model.run_until(15.0)
        last, *gone = sorted(model.machines)
        for member in gone:
            model.kill(member)
        model.run_until(25.0)
        assert model.holders() == []
        survivor = model.machines[last]
        assert survivor.state is not None
        survivor.state = replace(survivor.state, sworn=frozenset(gone))
        model.run_until(32.0)
        assert model.holders() == [last]
        assert survivor.state.record is not None
        assert [voter.member for voter in survivor.state.record.voters] == [last]


# ── what each rule is there for ──


def stores_without_promise(
    known: Election, _leader: MemberId, order: StoreElectorate, _now: float, _random: object
) -> Decision:
    record = known.record
    newer = order.record if record is None else electorate.newest(record, order.record)
    raised = ballot.raised(known.ballot, order.term)
    return state.keep(known, msgspec.structs.replace(raised, record=newer))


def record_alone(known: Ballot, record: Electorate) -> Ballot:
    return msgspec.structs.replace(known, record=record)


_writes = ballot.writes


def first_slot_only(place: str, written: Ballot, _weak: int = 0) -> list[Effect]:
    return _writes(place, written)[:1]


def always_slot_0_first(place: str, written: Ballot, _weak: int = 0) -> list[Effect]:
    return _writes(place, written)


@dataclass(frozen=True)
class Mutant:
    """A rule left out: what is put in its place, and which plan hunts it, from which seed on.

    The seed is the first that found it when it was written: the hunt is short while it stays so.
    """

    plan: str
    target: str = ""
    instead: Callable[..., Any] | None = None
    first: int = 0
    change: dict[str, Any] | None = None


_ACKS = "acks that take seconds"
MUTANTS = {
    "a vote is told before it is on disk": Mutant("three", change={"syncs": False}),
    "a ballot is told when one slot has it": Mutant("three", "ballot.writes", first_slot_only, 90),
    "a ballot is written over its only good slot": Mutant(
        "disks that fail", "ballot.writes", always_slot_0_first
    ),
    "no wait after a start": Mutant(
        "followers forget", "timing.waits_until_s", lambda began_s: began_s
    ),
    "votes in spite of a promise": Mutant("three", "voting.binds", lambda *_: False, 24),
    "a lease counts from the ack": Mutant(
        _ACKS, "timing.lease_until_s", lambda _, heard_s: heard_s + timing.LEASE_S
    ),
    "a round's name is without the instance": Mutant(
        _ACKS, "leading.round_name", lambda _, count: str(count), 34
    ),
    "stamps are not compared": Mutant(
        "one sleeps while the others change", "electorate.is_older", lambda *_: False, 20
    ),
    "a record does not raise the term": Mutant(
        "one sleeps, and learns by gossip", "ballot.with_record", record_alone, 10
    ),
    "a change before the last is committed": Mutant(
        "a leader alone with newcomers", "electorate.may_change", lambda *_: True
    ),
    "a quorum is one too small": Mutant(
        "three", "electorate.needed", lambda voters, *_: max(1, len(voters) // 2)
    ),
    "a stored record is no promise": Mutant(
        "rounds are lost, records are not", "voting.stores", stores_without_promise, 20
    ),
    "a released term is resumed": Mutant(
        "handed over, and killed", "rules.resumes", lambda known: known.won, 60
    ),
}


def breaks(plan: Plan, seed: int) -> bool:
    try:
        Model(seed, plan).run()
    except BrokenError:
        return True
    return False


@pytest.mark.parametrize("name", MUTANTS)
def test_without_this_rule_it_breaks_within_500_seeds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = MUTANTS[name]
    plan = replace(PLANS[mutant.plan], **(mutant.change or {}))
    if mutant.target:
        monkeypatch.setattr(f"actors.election.{mutant.target}", mutant.instead)
    found = (s for s in range(mutant.first, mutant.first + MOST) if breaks(plan, s))
    seed = next(found, None)
    assert seed is not None
    monkeypatch.undo()
    if not mutant.change:
        assert not breaks(plan, seed)  # it is the rule that makes the difference


# ── how long it takes ──


@pytest.mark.parametrize("members", [3, 5, 7])
def test_a_killed_leader_is_replaced_within_seven_seconds(members: int) -> None:
    for seed in range(SEEDS):
        model = Model(seed, replace(CALM, members=members))
        model.run_until(15.0)
        (leader,) = model.holders()
        model.kill(leader)
        model.run_until(22.0)
        assert model.holders(), seed
        assert model.holders() != [leader]


def test_a_single_member_leads_as_soon_as_its_start_wait_is_over() -> None:
    model = Model(1, replace(CALM, members=1))
    model.run_until(6.5)
    assert len(model.holders()) == 1


def test_one_seed_is_one_execution() -> None:
    plan = PLANS["three"]
    first, second = Model(7, plan), Model(7, plan)
    first.run()
    second.run()
    assert list(first.story()) == list(second.story())
