"""Rolling updates by whole supervisors: elections, turns and services as they are."""

from __future__ import annotations

import pytest
from rolling_rig import GROUP, LED, TWO, Group, conducted, leads, strike_conductor

from actors.messages.election_events import LeaseLost, LeaseRenewed
from actors.messages.rollout import (
    OrderRollout,
    RolloutStep,
    TurnBegan,
)
from actors.messages.runtime import CallFailed, Ok
from actors.messages.update import ReleaseTaken
from actors.simulation.processes import Behaviour


def test_a_group_goes_to_a_newer_release_one_member_after_the_other() -> None:
    group = conducted("1")
    group.offer(TWO)
    group.until(lambda: group.all_run(TWO) and group.is_over())
    group.check()
    assert len(group.events(TurnBegan)) == 3
    steps = [e for _, _, e in group.events(RolloutStep) if isinstance(e, RolloutStep)]
    assert [s.what for s in steps][-1] == "all members have gone"
    assert all(s.epoch == 1 for s in steps)
    for machine in group.ring.machines:
        group.until(lambda machine=machine: group.status(machine).update.state == "current", 30.0)


def test_a_release_that_ends_at_once_halts_at_the_canary_and_an_operator_goes_on() -> None:
    group = conducted("2")
    bad = Behaviour(runs_s=0.5, code=1)
    canary = min(group.ring.machines, key=lambda m: m.member)
    canary.behaviours["service:web"] = bad
    group.offer(TWO)
    group.until(lambda: (v := group.view(canary)) and v.rollout and v.rollout.state == "halted")
    group.check()
    assert {machine for _, machine, _ in group.events(TurnBegan)} == {canary.number}
    view = group.view(canary)
    assert view is not None
    assert view.rollout is not None
    assert "failed twice" in view.rollout.reason
    del canary.behaviours["service:web"]
    asked = next(m for m in group.ring.machines if m is not canary)
    answer = group.ring.ask(asked, "update", OrderRollout(GROUP, "resume"))
    assert isinstance(answer, Ok), answer
    group.until(lambda: group.all_run(TWO) and group.is_over())
    group.check()


@pytest.mark.parametrize("seed", ["3", "5"])
@pytest.mark.parametrize("how", ["actor", "supervisor", "power", "pause", "split"])
def test_the_death_of_the_conductor_only_delays_a_rollout(seed: str, how: str) -> None:
    group = conducted(seed)
    group.offer(TWO)
    group.until(lambda: group.events(TurnBegan))
    strike_conductor(group, how)
    group.until(lambda: group.all_run(TWO) and group.is_over())
    group.check()


def test_in_a_ring_without_a_key_an_order_names_whom_to_ask() -> None:
    group = conducted("1", keyed=False)
    group.offer(TWO)
    group.until(lambda: group.events(TurnBegan))
    conductor = group.conductor()
    assert conductor is not None
    other = next(m for m in group.ring.machines if m is not conductor)
    refused = group.ring.ask(other, "update", OrderRollout(GROUP, "pause"))
    assert isinstance(refused, CallFailed)
    assert f"{conductor.member} conducts" in refused.text
    paused = group.ring.ask(conductor, "update", OrderRollout(GROUP, "pause"))
    assert isinstance(paused, Ok), paused
    group.ring.run_for(60.0)
    assert len(group.events(TurnBegan)) == 1
    resumed = group.ring.ask(conductor, "update", OrderRollout(GROUP, "resume"))
    assert isinstance(resumed, Ok), resumed
    group.until(lambda: group.all_run(TWO) and group.is_over())
    group.check()


@pytest.mark.parametrize("seed", ["7", "8"])
def test_the_topology_leader_never_conducts_and_goes_last_after_handing_over(seed: str) -> None:
    group = conducted(seed, spec=LED)
    group.until(lambda: leads(group, "topology") and leads(group, "update"))
    (leader,) = leads(group, "topology")
    assert leads(group, "update") != {leader}
    group.offer(TWO)
    group.until(lambda: group.all_run(TWO) and group.is_over(), 300.0)
    group.check()
    went = [machine for _, machine, _ in group.events(TurnBegan)]
    assert sorted(set(went)) == [0, 1, 2]
    assert went[-1] == leader
    (gone_s,) = (at_s for at_s, machine, _ in group.events(ReleaseTaken) if machine == leader)
    # It may be elected once more before that, where nobody took the lead from it in time, and after
    # it, updated; but it has let go when it goes.
    held = led(group, LeaseRenewed, leader, gone_s)
    assert led(group, LeaseLost, leader, gone_s)[-1] > held[-1], "it led when it was stopped"


def led(
    group: Group, kind: type[LeaseLost | LeaseRenewed], on: int, before_s: float
) -> list[float]:
    """When a machine said so of its lead, before an instant."""
    return [
        at_s
        for at_s, machine, event in group.events(kind)
        if machine == on
        and at_s < before_s
        and isinstance(event, kind)
        and event.kind == "topology"
    ]
