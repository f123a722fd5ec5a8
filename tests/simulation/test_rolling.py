"""Rolling updates by whole supervisors: elections, turns and services as they are."""

from __future__ import annotations

import msgspec
import pytest

from actors.messages.base import Event
from actors.messages.election_events import LeaseLost, LeaseRenewed
from actors.messages.election_orders import Elections, QueryElections
from actors.messages.ring import MemberHealthChanged
from actors.messages.rollout import (
    OrderRollout,
    QueryRollouts,
    Rollouts,
    RolloutStep,
    RolloutView,
    TurnBegan,
    TurnEnded,
)
from actors.messages.runtime import CallFailed, KillActor, Ok
from actors.messages.service import (
    LoadService,
    QueryServices,
    Services,
    ServiceSpec,
    ServiceStatus,
)
from actors.messages.simulation import SupervisorGone
from actors.messages.update import ReleaseTaken
from actors.simulation.machine import Machine
from actors.simulation.processes import Behaviour
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor

GROUP = "web.default"
ONE = "core/web/1.0.0/20260101000000"
TWO = "core/web/2.0.0/20260201000000"
SPEC = ServiceSpec(
    ident="core/web", update_strategy="rolling", health_grace=2, drain=1, health_check_interval=1
)


class Group:
    """Supervisors whose members roll together."""

    def __init__(self, seed: str, spec: ServiceSpec = SPEC, *, keyed: bool = True) -> None:
        self.ring = Ring(seed, keyed=keyed)
        seeds = (self.ring.address(0),)
        for number in range(3):
            self.ring.add(supervisor(seeds, permanent=number == 0, keyed=keyed)).start()
        self.ring.run_for(10.0)
        for machine in self.ring.machines:
            self.ring.ask(machine, "specs", LoadService(spec))
        self.until(lambda: all(self.status(m).stage == "up" for m in self.ring.machines), 60.0)

    def until(self, condition: object, within_s: float = 180.0) -> None:
        """Let time pass, second by second, until something holds."""
        for _ in range(int(within_s)):
            if condition():  # type: ignore[operator]
                return
            self.ring.run_for(1.0)
        views = [self.view(m) for m in self.ring.machines if m.supervisor is not None]
        pytest.fail(f"not within {within_s} s: {views}")

    def status(self, machine: Machine) -> ServiceStatus:
        if machine.supervisor is None or not machine.supervisor.is_up:
            return ServiceStatus(SPEC, "", "down")
        answer = self.ring.ask(machine, "specs", QueryServices())
        if not isinstance(answer, Services) or not answer.services:
            return ServiceStatus(SPEC, "", "down")
        return answer.services[0]

    def view(self, machine: Machine) -> RolloutView | None:
        answer = self.ring.ask(machine, "update", QueryRollouts(GROUP))
        return answer.rollouts[0] if isinstance(answer, Rollouts) and answer.rollouts else None

    def conductor(self) -> Machine | None:
        """The machine that conducts, once there is one."""
        for machine in self.ring.machines:
            if machine.supervisor is None or not machine.supervisor.is_up:
                continue
            answer = self.ring.ask(machine, "election", QueryElections(GROUP))
            if isinstance(answer, Elections):
                for found in answer.elections:
                    if found.kind == "update" and found.role == "leader":
                        return machine
        return None

    def offer(self, release: str) -> None:
        self.ring.offers["core/web"] = release

    def all_run(self, release: str) -> bool:
        found = [self.status(machine) for machine in self.ring.machines]
        return all(s.stage == "up" and s.package == release for s in found)

    def events(self, kind: type[Event]) -> list[tuple[float, int, Event]]:
        return [(e.at_s, e.machine, e.event) for e in self.ring.log.events if type(e.event) is kind]

    def is_over(self) -> bool:
        """Whether every member knows the rollout to be done."""
        views = [self.view(machine) for machine in self.ring.machines]
        return all(v is not None and v.rollout and v.rollout.state == "done" for v in views)

    def check(self) -> None:
        """At most one turn was open at any time, but for the dead; no actor has failed."""
        opened: dict[int, float] = {}
        numbers = {machine.member: machine.number for machine in self.ring.machines}
        for logged in self.ring.log.events:
            match logged.event:
                case TurnBegan():
                    assert not opened, f"{logged.machine} at {logged.at_s}, while {opened}"
                    opened[logged.machine] = logged.at_s
                case TurnEnded():
                    opened.pop(logged.machine, None)
                case MemberHealthChanged(member, "confirmed"):
                    opened.pop(numbers[member], None)  # it is skipped, whatever it does
                case SupervisorGone(number=machine, how="power"):
                    opened.pop(machine, None)  # its service has died too
                case _:
                    assert type(logged.event).__name__ != "ActorFailed", logged.event


def conducted(seed: str, spec: ServiceSpec = SPEC, *, keyed: bool = True) -> Group:
    group = Group(seed, spec, keyed=keyed)
    group.until(lambda: group.conductor() is not None)
    return group


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
    conductor = group.conductor()
    assert conductor is not None
    match how:
        case "actor":
            assert conductor.supervisor is not None
            conductor.supervisor.world.tell("node", KillActor("update/web"), sender="port/test")
        case "supervisor":
            conductor.kill_supervisor()
        case "pause":
            conductor.pause()
            group.ring.run_for(20.0)
            conductor.resume()
        case "split":
            others = {m.address for m in group.ring.machines} - {conductor.address}
            group.ring.fabric.partition({conductor.address}, others)
            group.ring.run_for(30.0)
            group.ring.fabric.heal()
        case _:
            conductor.power_off()
            group.ring.run_for(20.0)
            conductor.start()
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


LED = msgspec.structs.replace(SPEC, topology="leader")


def leads(group: Group, kind: str) -> set[int]:
    """The machines whose own election says that they lead."""
    found = set()
    for machine in group.ring.machines:
        if machine.supervisor is None or not machine.supervisor.is_up:
            continue
        answer = group.ring.ask(machine, "election", QueryElections(GROUP))
        if isinstance(answer, Elections):
            views = [v for v in answer.elections if v.kind == kind and v.role == "leader"]
            found |= {machine.number for _ in views}
    return found


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
