"""One simulated machine with specs, services and depot on it, and eyes on its processes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.depot.actor import DepotActor
from actors.effects import Effect, RestartPolicy, Spawn
from actors.launcher.protocol import Start
from actors.messages.base import Event, Message
from actors.messages.depot import PackageInfo
from actors.messages.election_orders import RoleChanged
from actors.messages.envelope import Envelope
from actors.messages.groups import GroupFacts
from actors.messages.node import StopAllServices
from actors.messages.process import ProcessExited, SupervisorStop
from actors.messages.ring import Census, PublishRumor, Subscribe
from actors.messages.runtime import KillActor
from actors.messages.service import QueryServices, Services, ServiceStatus
from actors.runtime.actor import Actor, Context
from actors.runtime.guardian import Guardian
from actors.service.actor import ServicesActor
from actors.service.options import ServiceOptions
from actors.simulation.machine import Machine
from actors.simulation.node import RootActor, SupervisorProcess
from actors.simulation.processes import Behaviour, Process
from actors.simulation.ring import Ring
from actors.simulation.service_ports import FilesPort, PackagesPort, Shelf
from actors.specs.actor import SpecsActor
from actors.update.actor import UpdateOption, UpdatesActor

_STAND_IN = Path(__file__).parent / "electing.py"
_LOADED = importlib.util.spec_from_file_location("electing", _STAND_IN)
assert _LOADED is not None
assert _LOADED.loader is not None
electing = importlib.util.module_from_spec(_LOADED)
sys.modules["electing"] = electing
_LOADED.loader.exec_module(electing)

OPTIONS = ServiceOptions(root="/hab", svc_dir="/hab/svc", environment={"PATH": "/bin"})
PERIOD_S = 60.0  # between two polls of a depot
POLICY = RestartPolicy(intensity=1000)  # these tests kill more than an operator would


def package(
    name: str = "web",
    version: str = "1.0",
    hooks: tuple[str, ...] = ("run",),
    release: str = "20260101000000",
    **more: Any,
) -> PackageInfo:
    ident = f"acme/{name}/{version}/{release}"
    return PackageInfo(ident, f"/hab/pkgs/{ident}", "x86_64-linux", hooks=hooks, **more)


class Ear(Actor):
    """Stands in for a neighbour: notes what it hears, and answers census subscriptions."""

    def __init__(self, context: Context, heard: list[tuple[str, Message]], rig: Rig) -> None:
        super().__init__(context)
        self.heard = heard
        self.rig = rig

    def step(self, message: Message) -> list[Effect]:
        self.heard.append((self.context.name, message))
        if isinstance(message, Subscribe) and self.rig.census is not None:
            for answer in (self.rig.facts, self.rig.census):
                self.rig.tell(self.envelope.sender, answer)
        return []


class Root(Guardian):
    """A guardian that also hears the launcher's wish to end."""

    def other(self, message: Message) -> list[Effect]:
        if isinstance(message, SupervisorStop | ProcessExited):
            return []
        return super().other(message)


class Rig:
    """The machine, its shelf of packages, and the history of its processes."""

    def __init__(self, seed: str) -> None:
        self.ring = Ring(seed)
        self.shelf = Shelf()
        self.heard: list[tuple[str, Message]] = []
        self.starts: list[Start] = []
        self.broken: list[str] = []  # what must never be seen
        self.census: Census | None = Census(1, {})
        self.facts = GroupFacts()
        self.files: FilesPort | None = None
        self.org = ""
        self.answers = 0
        self.office = electing.Office()
        self.machine: Machine = self.ring.add(self._root)
        self.programs: dict[str, Behaviour] = {"hook:": Behaviour(runs_s=0.02)}
        self.machine._behaviour = self._behaviour  # type: ignore[method-assign]
        self._watch_processes()
        self.machine.start()
        self.run(1.0)

    def _root(self, process: SupervisorProcess) -> RootActor:
        scheduler, life, world = self.ring.scheduler, process.life, process.world
        self.files = FilesPort(scheduler, life, world, self.machine.disk)
        PackagesPort(scheduler, life, world, self.shelf)
        ears = tuple(Spawn(n, Ear, (self.heard, self), POLICY) for n in ("gossip", "census"))
        children = (
            *ears,
            Spawn("depot", DepotActor, (), POLICY),
            Spawn("update", UpdatesActor, (UpdateOption(PERIOD_S),), POLICY),
            Spawn("service", ServicesActor, (OPTIONS,), POLICY),
            Spawn("specs", SpecsActor, (self.org,), POLICY),
            Spawn("election", electing.StandIn, (self,), POLICY),
        )
        return RootActor(Root, (children,))

    def _watch_processes(self) -> None:
        """Let the office hear of each process that starts or ends."""
        note = self.machine._process

        def noted(process: Process, how: str) -> None:
            note(process, how)
            self.office.noted(process, how)

        self.machine._process = noted  # type: ignore[method-assign]
        self.machine.table.note = noted

    def _behaviour(self, start: Start) -> Behaviour:
        """Called as a process starts: the moment at which a double start would show."""
        self.starts.append(start)
        kind, name = start.key.split(":")[:2]
        alive = [p for p in self.live() if p.start.key == f"service:{name}"]
        if kind == "service" and alive:
            self.broken.append(f"{start.key} started twice")
        if start.key.startswith((f"hook:{name}:init:", f"hook:{name}:post-stop:")) and alive:
            self.broken.append(f"{start.key} under a live process")
        found = [p for p in self.programs if start.key.startswith(p)]
        return self.programs[max(found, key=len)] if found else Behaviour()

    # ── verbs ──

    @property
    def world(self) -> Any:
        assert self.machine.supervisor is not None
        return self.machine.supervisor.world

    def run(self, seconds: float = 1.0) -> None:
        self.ring.run_for(seconds)

    def tell(self, to: str, message: Message) -> None:
        if self.machine.supervisor is not None:
            self.world.tell(to, message, sender="port/test")

    def command(self, message: Message, within_s: float = 60.0, to: str = "specs") -> list[Any]:
        """All answers to a command, the last one included."""
        answers: list[Envelope] = []
        self.world.call(to, message, answers.append)
        self.ring.run_until(lambda: bool(answers) and not answers[-1].more, within_s)
        return [envelope.message for envelope in answers]

    def send(self, message: Message, to: str = "specs") -> list[Envelope]:
        """Send a command and go on; its answers arrive in the list."""
        answers: list[Envelope] = []
        if self.machine.supervisor is not None and "node" in self.world.cells:
            self.world.call(to, message, answers.append)
        return answers

    def numbered(self, message: Message) -> list[tuple[int, Envelope]]:
        """Send a command to specs; its answers arrive numbered in the order of all answers."""
        answers: list[tuple[int, Envelope]] = []

        def heard(envelope: Envelope) -> None:
            self.answers += 1
            answers.append((self.answers, envelope))

        if self.machine.supervisor is not None and "node" in self.world.cells:
            self.world.call("specs", message, heard)
        return answers

    def elect(self, role: str) -> None:
        """Have the election say so, as far as it can."""
        told = RoleChanged(self.office.group, "topology", role, 0)  # type: ignore[arg-type]
        self.tell("election", told)

    def kill(self, name: str) -> None:
        if self.machine.supervisor is not None:
            self.world.tell("node", KillActor(name))

    def stop_all(self) -> list[Any]:
        return self.command(StopAllServices(), to="service")

    # ── eyes ──

    def live(self) -> list[Process]:
        return [p for p in self.machine.table.processes.values() if p.leader]

    def pid(self, service: str) -> int | None:
        found = [p.pid for p in self.live() if p.start.key == f"service:{service}"]
        assert len(found) < 2
        return found[0] if found else None

    def hooks(self, service: str, hook: str) -> list[str]:
        return [s.key for s in self.starts if s.key.startswith(f"hook:{service}:{hook}:")]

    def status(self, service: str = "") -> ServiceStatus:
        answer = self.command(QueryServices(service))[-1]
        assert isinstance(answer, Services), answer
        return answer.services[0]

    def statuses(self) -> dict[str, ServiceStatus]:
        answer = self.command(QueryServices())[-1]
        assert isinstance(answer, Services), answer
        return {status.spec.service: status for status in answer.services}

    def until(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        assert self.ring.run_until(condition, within_s), "did not come true in virtual time"

    def events(self, kind: type[Event]) -> list[Any]:
        return [logged.event for logged in self.ring.log.events if isinstance(logged.event, kind)]

    def rumors(self) -> list[PublishRumor]:
        return [m for n, m in self.heard if n == "gossip" and isinstance(m, PublishRumor)]

    def spec_files(self) -> dict[str, bytes]:
        files = self.machine.disk.files
        return {p: d for p, d in files.items() if p.startswith("specs/")}


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig("1")
    made.shelf.add(package())
    yield made
    assert made.broken == []
    assert made.office.broken == []
    failures = [e for e in made.ring.log.events if type(e.event).__name__ == "ActorFailed"]
    assert failures == []


@pytest.fixture
def make_rig() -> Callable[[str], Rig]:
    return Rig


@pytest.fixture
def make_package() -> Callable[..., PackageInfo]:
    return package
