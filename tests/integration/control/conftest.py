"""A node with a control gateway and the actors of control, and one that stands for the rest."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pykka
import pytest

from actors.adapters.clock import SystemClock
from actors.adapters.control_server import ControlOptions, ControlServer
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.store import FileStore
from actors.adapters.timers import ThreadTimers
from actors.control.actor import ControlActor, HostsActor
from actors.control.process import HostOptions
from actors.driver.processes import LocalProcesses
from actors.effects import Effect, Emit, Reply, Spawn
from actors.messages.base import Event, Message, split_address
from actors.messages.control import QuerySupervisor, RequestEnded, StopSupervisor
from actors.messages.envelope import Envelope, Ticket
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.runtime import Ok
from actors.messages.service import (
    Accepted,
    LoadService,
    Progress,
    QueryServices,
    Services,
    ServiceUnloaded,
    Settled,
)
from actors.runtime.actor import Actor, Context
from actors.runtime.guardian import ROOT_POLICY, Guardian
from actors.runtime.world import World

SECRET = "the secret of the tests"


class Events:
    """An event sink that keeps what it gets."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Event, str, str]] = []

    def emit(self, actor: str, event: Event, cause: str, trace: str) -> str:
        self.kept.append((actor, event, cause, trace))
        return f"event:{len(self.kept)}"

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for _, event, _, _ in list(self.kept) if isinstance(event, kind)]


class Peers(dict[str, World]):
    """A network of worlds in this process, by member id."""

    def send(self, envelope: Envelope) -> None:
        member, _ = split_address(envelope.to)
        assert member is not None
        if (world := self.get(member)) is not None:
            world.deliver(envelope)


class Desk(Actor):
    """Stands for specs and events: says what was done how often, and follows."""

    loads = 0

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._following: dict[str, Ticket] = {}
        self._held: Ticket | None = None

    def step(self, message: Message) -> list[Effect]:
        match message:
            case LoadService(spec) if spec.name == "held":
                Desk.loads += 1
                self._held = self.envelope.ticket
                return []
            case Ok("let go"):
                return [Reply(Settled("held", "up"), ticket=self._held)]
            case LoadService(spec):
                Desk.loads += 1
                return [
                    Emit(ServiceUnloaded(spec.name)),
                    Reply(Accepted("on record"), more=True),
                    Reply(Progress("on its way", 1, 2), more=True),
                    Reply(Settled(spec.name, "up")),
                ]
            case QueryServices(service) if service == "never":
                return []
            case QueryServices():
                return [Reply(Services())]
            case QueryEvents() if self.envelope.ticket is not None:
                self._following[self.envelope.ticket.call] = self.envelope.ticket
                return [Reply(_page(), more=True)]
            case RequestEnded(call):
                self._following.pop(call, None)
                return []
            case Ok("tick"):
                return [Reply(_page(), ticket=t, more=True) for t in self._following.values()]
            case Ok("count"):
                return [Reply(Ok(str(len(self._following))))]
            case _:
                return super().step(message)


def _page() -> EventPage:
    return EventPage((EventRecord("m:1:1", 0.0, 0, "gossip", "Kind", "text"),))


class NodeDouble(Guardian):
    """A guardian that is asked for the supervisor too."""

    def other(self, message: Message) -> list[Effect]:
        match message:
            case QuerySupervisor():
                return [Reply(Ok("supervisor"))]
            case StopSupervisor(how):
                return [Reply(Ok(how))]
            case _:
                return super().other(message)


class Node:
    """One member: world, gateway, hosts as child processes."""

    def __init__(
        self,
        directory: Path,
        endpoint: str = "",
        *,
        peers: Peers | None = None,
        keyed: bool = True,
        allow: tuple[str, ...] | None = None,
        options: ControlOptions | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.events = Events()
        self.member = secrets.token_hex(16)
        self._clock = SystemClock()
        self._timers = ThreadTimers(self._clock)
        self._dispatcher = ThreadDispatcher()
        self._store = FileStore(directory)
        self.world = World(
            member=self.member,
            boot="1",
            seed="seed",
            clock=self._clock,
            timers=self._timers,
            dispatcher=self._dispatcher,
            store=self._store,
            network=peers,
            events=self.events,
        )
        if peers is not None:
            peers[self.member] = self.world
        self.server = ControlServer(
            self.world, endpoint or str(directory / "ctl.sock"), SECRET, options
        )
        self.endpoint = self.server.endpoint
        self.processes = LocalProcesses(self.world)
        secret_file = directory / "CTL_SECRET"
        secret_file.write_text(SECRET)
        hosts = HostOptions(
            argv=(sys.executable, "-m", "actors.host", "--end-with-input"),
            endpoint=self.endpoint,
            secret_file=str(secret_file),
            env={"PYTHONPATH": ":".join(sys.path)},
            allow=allow,
        )
        children = (
            Spawn("specs", Desk, (), ROOT_POLICY),
            Spawn("events", Desk, (), ROOT_POLICY),
            Spawn("control", ControlActor, (keyed,), ROOT_POLICY),
            Spawn("host", HostsActor, (hosts,), ROOT_POLICY),
        )
        self.world.start_root(NodeDouble, children)
        eventually(lambda: all(child.name in self.world.cells for child in children))

    def ask(self, to: str, message: Message) -> Message:
        future: pykka.Future[Message] = self.world.ask(to, message)
        return future.get(timeout=5)

    def close(self) -> None:
        self.processes.close()
        self.server.close()
        self._dispatcher.close()
        self._timers.close()
        self._store.close()


def eventually(is_true: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until it holds; fails when it does not in time."""
    pause = threading.Event()
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it never came true"
        pause.wait(0.005)


MODULE = """
import os, signal, time
import actors

@actors.remote
class Counter:
    def __init__(self, start=0):
        if start < 0:
            raise ValueError("no counting down")
        self.count = start

    def add(self, by=1):
        self.count += by
        return self.count

    def pid(self):
        return os.getpid()

    def fail(self):
        raise ValueError("by design")

    def exit(self, code):
        os._exit(code)

    def exit_after(self, path, code):
        self.wait_for(path)
        os._exit(code)

    def kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def wait_for(self, path):
        open(path + ".awaited", "w").close()
        while not os.path.exists(path):
            time.sleep(0.005)
        return "seen"

    def ask(self, other, by):
        return actors.get(other.add.remote(by))

    def make(self, name):
        made = Counter.options(name=name).remote(40)
        return actors.get(made.add.remote(2))

    def unpackable(self):
        return object()

    def big(self):
        return b"x" * 1_000_000

    def _private(self):
        return 1

class Plain:
    pass
"""


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Nodes that end with the test."""
    nodes: list[Node] = []

    def make(**options: object) -> Node:
        node = Node(tmp_path / f"n{len(nodes)}", **options)  # type: ignore[arg-type]
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    """One node that starts any actor."""
    return make_node()


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module with the actor class `Counter`, importable here and in hosts; its name."""
    name = f"counting_{secrets.token_hex(4)}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def soon() -> Callable[..., None]:
    """Waits until something holds."""
    return eventually


@pytest.fixture
def secret() -> str:
    """The secret of every node."""
    return SECRET


@pytest.fixture
def peers() -> Peers:
    """A network for several nodes."""
    return Peers()


@pytest.fixture
def loads() -> Callable[[], int]:
    """How many `LoadService` were carried out since the test began."""
    before = Desk.loads
    return lambda: Desk.loads - before
