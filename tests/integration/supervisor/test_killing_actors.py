"""Kill every kind of actor while services run and commands come in.

A run kills each actor `KILL_ROUNDS` times in random order (3 in CI; the promise is 20, by hand:
`KILL_ROUNDS=20 KILL_SEED=7 pytest …`), never one actor more often than its intensity allows.
"""

from __future__ import annotations

import os
import random
import threading
import time
import tomllib
from dataclasses import dataclass, field

from supervisor_rig import Machine, alive, eventually

from actors.errors import ActorUnavailableError, GetTimeoutError, HabError, Refused
from actors.messages.base import Message
from actors.messages.service import (
    Accepted,
    LoadService,
    ServiceSpec,
    StartService,
    StopService,
    UnloadService,
)

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.randrange(1, 1_000_000)
SPACING_S = 2.1  # five deaths in ten seconds are allowed, a sixth escalates
WHOLE_S = 5.0  # after each kill the tree is whole again in this
STEADY = ("plain", "hooked")  # nobody commands these: their processes are to go on


def test_killing_every_actor_loses_no_process_no_command_and_no_cause(machine: Machine) -> None:
    print(f"KILL_ROUNDS={ROUNDS} KILL_SEED={SEED}")  # noqa: T201 - to run it again
    random_ = random.Random(SEED)
    machine.package(
        "acme/hooked", hooks={"init": "exit 0", "health-check": "exit 0", "post-run": "exit 0"}
    )
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "plain")
    machine.hab("svc", "load", "acme/hooked", "--health-check-interval", "1")
    before = {name: machine.up(name) for name in STEADY}
    boss = machine.info()
    kills = Kills(machine, frozenset(machine.actors()))
    operator = Operator(machine, random.Random(SEED + 1))
    operator.thread.start()
    try:
        for _ in range(ROUNDS):
            names = sorted(set(machine.actors()) - {"node"})
            random_.shuffle(names)
            for name in names:
                kills.kill(name)
    finally:
        operator.end()
    assert operator.failure is None, operator.failure

    after = machine.info()
    assert boss is not None
    assert after is not None
    assert after.supervisor_pid == boss.supervisor_pid, "an intensity was exceeded"
    assert {name: machine.up(name) for name in STEADY} == before
    for service, wanted in operator.wanted.items():
        eventually(
            f"{service} is {wanted}: {machine.services().get(service)}",
            lambda service=service, wanted=wanted: machine.stage(service) == wanted,
        )
    kills.each_is_told_with_its_cause()
    assert operator.commands > len(kills.done) / 4, "too few commands came in between"
    machine.hab("sup", "term")
    assert machine.wait() == 0


@dataclass
class Kills:
    """Kills actors, each in its turn and not too often, and remembers which event said so."""

    machine: Machine
    tree: frozenset[str]  # who has to be there for the tree to be whole
    last_s: dict[str, float] = field(default_factory=dict)
    done: list[tuple[str, int, str]] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """Kill an actor and wait until all that were there are there again."""
        machine = self.machine
        eventually(
            "its turn", lambda: time.monotonic() - self.last_s.get(name, 0.0) > SPACING_S, 5.0
        )
        actor = machine.actors().get(name)
        if actor is None or actor.state != "ALIVE":
            assert name.startswith("service/churn"), f"{name}: {actor}"
            return
        try:
            event = machine.kill_actor(name)
        except Refused:
            assert name.startswith("service/churn")
            return
        self.last_s[name] = time.monotonic()
        self.done.append((name, actor.instance, event))
        eventually(f"{name} is back, all whole", lambda: self._whole(name, actor.instance), WHOLE_S)

    def _whole(self, name: str, instance: int) -> bool:
        actors = self.machine.actors()
        if name.startswith("service/churn") and name not in actors:
            return True  # unloaded meanwhile
        if name not in actors or actors[name].instance <= instance:
            return False
        if not self.tree <= set(actors):
            return False  # a parent is back and has not begun all of its children
        return all(a.state == "ALIVE" for a in actors.values())

    def each_is_told_with_its_cause(self) -> None:
        """Request, death, restart and start of each kill are in the log, each by the former."""
        events = self.machine.events(actor="node")
        admitted = {event.id for event in self.machine.events("RequestAdmitted")}
        killed = {e.cause: e for e in events if e.kind == "ActorKilled"}
        restarting = {e.cause: e for e in events if e.kind == "ActorRestarting"}
        started = {
            (e.fields["name"], e.fields["instance"]): e for e in events if e.kind == "ActorStarted"
        }
        by_id = {event.id: event for event in events}
        for name, instance, request in self.done:
            assert request in admitted
            death = killed.get(request)
            assert death is not None, f"the kill of {name} ({request}) left no event"
            assert death.fields["name"] == name
            assert restarting[death.id].fields["name"] == name
            if name.startswith("service/churn"):
                continue  # the operator's unload may have come before the kill or the next instance
            assert death.fields["instance"] == instance
            event, chain = started[name, instance + 1], []
            while event.cause in by_id:
                event = by_id[event.cause]
                chain.append(event.kind)
            assert event.cause == request, f"{name}: {chain} leads to {event.cause}, not {request}"


class Operator:
    """Loads, stops, starts and unloads services all the while; knows what was accepted last."""

    def __init__(self, machine: Machine, random_: random.Random) -> None:
        self.wanted: dict[str, str] = {}  # service → stage that the last accepted command means
        self.commands = 0
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="operator")
        self._machine = machine
        self._random = random_
        self._ended = threading.Event()

    def end(self) -> None:
        """Give no more commands."""
        self._ended.set()
        self.thread.join(60)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._command()
        except BaseException as error:  # noqa: BLE001 - for the test to show
            self.failure = error

    def _command(self) -> None:
        service = f"churn{self._random.randrange(4)}"
        stage = self.wanted.get(service, "")
        match stage, self._random.randrange(3):
            case "", _:
                spec = ServiceSpec("", name=service, cmd=("sleep", "1000"))
                self._accepted(LoadService(spec, ("name", "cmd"), wait=False), service, "up")
            case "up", 0 | 1:
                self._accepted(StopService(service, wait=False), service, "down")
            case "down", 0 | 1:
                self._accepted(StartService(service, wait=False), service, "up")
            case _:
                self._accepted(UnloadService(service, wait=False), service, "")

    def _accepted(self, command: Message, service: str, stage: str) -> None:
        """Ask until it is accepted, as an operator would; then it is durable."""
        deadline = time.monotonic() + 20
        while True:
            try:
                accepted = self._machine.ask(command, Accepted, 2.0)
                break
            except (ActorUnavailableError, GetTimeoutError):
                assert time.monotonic() < deadline, f"not accepted: {command}"
            except Refused as refused:  # an earlier asking had been heard
                assert refused.code == "not-loaded"  # noqa: PT017
                assert isinstance(command, UnloadService)
                accepted = None
                break
            except HabError as error:
                raise AssertionError(f"{command}: {error!r}") from error
        path = self._machine.layout.specs / f"{service}.spec"
        if stage:
            assert tomllib.loads(path.read_text())["desired_state"] == stage
        else:
            assert not path.exists()
        if accepted is not None and not accepted.unchanged:
            assert accepted.event_id
        self.wanted[service] = stage
        self.commands += 1


def test_deaths_beyond_the_intensity_restart_the_supervisor_and_no_service(
    machine: Machine,
) -> None:
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    pid = machine.up("web")
    before = machine.ready()
    for _ in range(6):
        eventually("gossip lives", lambda: machine.actors()["gossip"].state == "ALIVE")
        machine.kill_actor("gossip")
    after = eventually(
        "another supervisor process answers",
        lambda: (info := machine.info()) and info.supervisor_pid != before.supervisor_pid and info,
    )
    assert after
    assert after.launcher_pid == before.launcher_pid
    assert machine.up("web") == pid
    (escalated,) = machine.events("NodeEscalated")
    assert escalated.fields["name"] == "gossip"
    assert escalated.cause in {e.id for e in machine.events("ActorKilled")}


def test_killing_the_node_restarts_the_supervisor_and_no_service(machine: Machine) -> None:
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    pid, before = machine.up("web"), machine.supervisor()
    assert "restarts itself" in machine.hab("actor", "kill", "node").out
    eventually(
        "another supervisor process answers",
        lambda: (info := machine.info()) and info.supervisor_pid != before,
    )
    assert machine.up("web") == pid


def test_a_service_actor_that_dies_too_often_is_parked_until_a_command_needs_it(
    machine: Machine,
) -> None:
    machine.start()
    for name in ("web", "other"):
        machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", name)
    pid, other, boss = machine.up("web"), machine.up("other"), machine.supervisor()
    for _ in range(6):
        eventually("it lives", lambda: machine.actors()["service/web"].state == "ALIVE")
        machine.kill_actor("service/web")
    eventually("it is parked", lambda: machine.actors()["service/web"].state == "PARKED")
    assert alive(pid)
    assert machine.up("other") == other
    assert machine.supervisor() == boss
    (parked,) = machine.events("ActorParked")
    assert parked.fields["retry_s"] == 60.0

    machine.hab("svc", "stop", "web", "--timeout", "10")
    assert not alive(pid), "a command calls the parked actor back"
