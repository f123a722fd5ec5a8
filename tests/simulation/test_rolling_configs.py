"""Configurations that roll, by whole supervisors: elections, turns, files and services."""

from __future__ import annotations

import pytest
from rolling_rig import GROUP, LED, SPEC, TWO, Group, conducted, leads, strike_conductor

from actors.messages.base import Event
from actors.messages.groups import ApplyConfig, ConfigApplied, GroupConfig, GroupFacts, QueryGroup
from actors.messages.ring import Census, QueryCensus
from actors.messages.rollout import OrderRollout, RolloutStep, TurnBegan, TurnEnded
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import Accepted, LoadService, ServiceSpec
from actors.messages.update import ConfigurationTaken
from actors.simulation.machine import Machine
from actors.simulation.processes import Behaviour
from actors.simulation.supervisors import supervisor


def give(group: Group, machine: Machine, version: int, *, rolling: bool = True) -> object:
    """Somebody applies a configuration at a machine; what is answered."""
    config = GroupConfig(GROUP, version, b"version = %d\n" % version, rolling=rolling)
    return group.ring.ask(machine, "census", ApplyConfig(config))


def versions(group: Group) -> list[int]:
    """What each member runs with, by its own word, while it is up."""
    found = [group.status(machine) for machine in group.ring.machines]
    return [status.config if status.stage == "up" else -1 for status in found]


def in_force(group: Group, machine: Machine) -> int:
    known = group.ring.ask(machine, "census", QueryGroup(GROUP))
    config = known.configs.get(GROUP) if isinstance(known, GroupFacts) else None
    return config.version if config is not None else 0


def all_run(group: Group, version: int) -> bool:
    """All run with it, and all know it to be in force."""
    if any(v != version for v in versions(group)):
        return False
    up = [m for m in group.ring.machines if m.supervisor is not None]
    return all(in_force(group, machine) == version for machine in up)


def apart(group: Group) -> None:
    """No member took a configuration outside a turn of its own, but while all were to have it."""
    group.check()
    turns: set[int] = set()
    for logged in group.ring.log.events:
        match logged.event:
            case TurnBegan():
                turns.add(logged.machine)
            case TurnEnded():
                turns.discard(logged.machine)
            case ConfigurationTaken():
                assert logged.machine in turns, logged
            case _:
                pass


def kinds(group: Group, kind: type[Event]) -> list[Event]:
    return [event for _, _, event in group.events(kind)]


def test_a_configuration_reaches_one_member_after_the_other_and_is_in_force_then() -> None:
    group = conducted("1")
    first = group.ring.machines[0]
    assert isinstance(give(group, first, 5), Accepted)
    group.until(lambda: group.events(ConfigurationTaken))
    assert sorted(versions(group))[1:] == [0, 0]
    assert in_force(group, first) == 0
    group.until(lambda: all_run(group, 5) and group.is_over())
    apart(group)
    assert len(group.events(TurnBegan)) == 3
    assert ConfigApplied(GROUP, 5, 12) in kinds(group, ConfigApplied)
    steps = [e for e in kinds(group, RolloutStep) if isinstance(e, RolloutStep)]
    assert {s.target for s in steps} == {"configuration 5"}
    assert steps[-1].what == "all members have gone"
    group.ring.run_for(60.0)
    assert len(group.events(TurnBegan)) == 3
    census = group.ring.ask(first, "census", QueryCensus())
    assert isinstance(census, Census)
    assert {one.info.config for one in census.groups[GROUP]} == {5}


def test_one_that_makes_a_member_sick_goes_back_and_is_not_tried_again() -> None:
    group = conducted("2")
    canary = min(group.ring.machines, key=lambda m: m.member)
    assert isinstance(give(group, canary, 3, rolling=False), Accepted)
    group.until(lambda: all_run(group, 3))
    group.ring.run_for(5.0)
    canary.behaviours["service:web"] = Behaviour(runs_s=0.5, code=1)  # of its next processes
    assert isinstance(give(group, canary, 5), Accepted)
    group.until(lambda: any("goes back" in str(e) for e in kinds(group, RolloutStep)))
    del canary.behaviours["service:web"]
    group.until(lambda: all_run(group, 3) and group.is_over())
    apart(group)
    assert {machine for _, machine, _ in group.events(TurnBegan)} == {canary.number}
    began = len(group.events(TurnBegan))
    group.ring.run_for(60.0)
    assert len(group.events(TurnBegan)) == began
    view = group.view(canary)
    assert view is not None
    assert (view.in_force, view.staged) == (3, 5)
    assert isinstance(give(group, canary, 6), Accepted)
    group.until(lambda: all_run(group, 6) and group.is_over())
    apart(group)


@pytest.mark.parametrize("how", ["actor", "service", "supervisor", "power", "pause", "split"])
def test_the_death_of_the_conductor_only_delays_a_configuration(how: str) -> None:
    group = conducted("3")
    give(group, group.ring.machines[1], 5)
    group.until(lambda: group.events(TurnBegan))
    strike_conductor(group, how)
    group.until(lambda: all_run(group, 5) and group.is_over(), 300.0)
    apart(group)


def test_who_was_cut_off_while_it_rolled_takes_it_in_its_turn() -> None:
    group = conducted("4")
    conductor = group.conductor()
    away = next(m for m in group.ring.machines if m is not conductor)
    near = next(m for m in group.ring.machines if m not in (conductor, away))
    others = {m.address for m in group.ring.machines} - {away.address}
    group.ring.fabric.partition({away.address}, others)
    group.ring.run_for(40.0)
    give(group, near, 5)
    group.until(lambda: in_force(group, near) == 5)
    assert group.status(away).config == 0
    group.ring.fabric.heal()
    group.until(lambda: all_run(group, 5) and group.is_over())
    apart(group)
    assert len(group.events(TurnBegan)) == 3


def test_one_for_all_at_once_ends_what_rolls_and_a_newer_staged_one_replaces_it() -> None:
    group = conducted("5")
    first = group.ring.machines[0]
    give(group, first, 5)
    group.until(lambda: group.events(TurnBegan))
    refused = give(group, first, 4, rolling=False)
    assert isinstance(refused, CallFailed)
    assert refused.text == "version 4 is not above the staged one, 5"
    give(group, first, 6, rolling=False)
    group.until(lambda: all_run(group, 6))
    group.until(lambda: (v := group.view(first)) and v.rollout and v.rollout.state == "aborted")
    group.ring.run_for(10.0)
    give(group, first, 7)
    group.until(lambda: any(e.taken == 7 for e in kinds(group, ConfigurationTaken)))  # type: ignore[attr-defined]
    give(group, first, 8)
    group.until(lambda: all_run(group, 8) and group.is_over())
    apart(group)


def test_a_member_that_joins_meanwhile_goes_in_its_turn_and_an_operator_can_pause() -> None:
    group = conducted("6")
    first = group.ring.machines[0]
    give(group, first, 5)
    group.until(lambda: group.events(TurnBegan))
    assert isinstance(group.ring.ask(first, "update", OrderRollout(GROUP, "pause")), Ok)
    joins = group.ring.add(supervisor((group.ring.address(0),), permanent=False, keyed=True))
    joins.start()
    group.ring.run_for(10.0)
    group.ring.ask(joins, "specs", LoadService(SPEC))
    group.until(lambda: group.status(joins).stage == "up")
    group.ring.run_for(20.0)
    assert group.status(joins).config == 0
    assert len(group.events(TurnBegan)) == 1
    assert isinstance(group.ring.ask(first, "update", OrderRollout(GROUP, "resume")), Ok)
    group.until(lambda: all_run(group, 5) and group.is_over())
    apart(group)
    assert len(group.events(TurnBegan)) == 4


def test_a_release_and_a_configuration_go_one_after_the_other_the_leader_last() -> None:
    group = conducted("7", spec=LED)
    group.until(lambda: leads(group, "topology") and leads(group, "update"))
    (leader,) = leads(group, "topology")
    give(group, group.ring.machines[0], 5)
    group.until(lambda: group.events(TurnBegan))
    group.offer(TWO)
    group.until(lambda: all_run(group, 5) and group.all_run(TWO) and group.is_over(), 400.0)
    apart(group)
    targets = [e.target for e in kinds(group, TurnBegan) if isinstance(e, TurnBegan)]
    assert targets == sorted(targets, key=lambda target: target == TWO)
    went = [machine for _, machine, event in group.events(TurnBegan)]
    assert went[2] == leader


def test_a_group_that_does_not_roll_refuses_and_names_the_next_step() -> None:
    group = Group("8", ServiceSpec(ident="core/web"))
    refused = give(group, group.ring.machines[0], 5)
    assert isinstance(refused, CallFailed)
    assert "3 of 3 members of web.default do not take turns" in refused.text
    assert "`hab svc load --strategy rolling --force`" in refused.text
