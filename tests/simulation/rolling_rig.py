"""A group whose members roll, on whole simulated supervisors, and what is done to its conductor."""

from __future__ import annotations

import msgspec
import pytest

from actors.messages.base import Event
from actors.messages.election_orders import Elections, QueryElections
from actors.messages.ring import MemberHealthChanged
from actors.messages.rollout import (
    QueryRollouts,
    Rollouts,
    RolloutView,
    TurnBegan,
    TurnEnded,
)
from actors.messages.runtime import KillActor
from actors.messages.service import (
    LoadService,
    QueryServices,
    Services,
    ServiceSpec,
    ServiceStatus,
)
from actors.messages.simulation import SupervisorGone
from actors.simulation.machine import Machine
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor

GROUP = "web.default"
ONE = "core/web/1.0.0/20260101000000"
TWO = "core/web/2.0.0/20260201000000"
SPEC = ServiceSpec(
    ident="core/web", update_strategy="rolling", health_grace=2, drain=1, health_check_interval=1
)
LED = msgspec.structs.replace(SPEC, topology="leader")


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


def strike_conductor(group: Group, how: str, away_s: float = 20.0) -> None:
    """Kill, pause or cut off whoever conducts, and let it come back after a while."""
    ring, conductor = group.ring, group.conductor()
    assert conductor is not None
    match how:
        case "actor" | "service":
            assert conductor.supervisor is not None
            name = "update/web" if how == "actor" else "service/web"
            conductor.supervisor.world.tell("node", KillActor(name), sender="port/test")
        case "supervisor":
            conductor.kill_supervisor()
        case "pause":
            conductor.pause()
            ring.run_for(away_s)
            conductor.resume()
        case "split":
            others = {m.address for m in ring.machines} - {conductor.address}
            ring.fabric.partition({conductor.address}, others)
            ring.run_for(2 * away_s)
            ring.fabric.heal()
        case "power":
            conductor.power_off()
            ring.run_for(away_s)
            conductor.start()
        case _:
            pytest.fail(f"nobody knows how to strike by {how}")


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
