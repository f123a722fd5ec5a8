"""The supervisor's port to the launcher, over a real socketpair."""

import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from actors.adapters.launcher import PORT, LauncherPort
from actors.launcher import protocol
from actors.launcher.identity import boottime, start_ticks
from actors.launcher.link import Link, hello, inherited_fd
from actors.messages.base import Message
from actors.messages.envelope import Envelope, Ticket
from actors.messages.process import (
    LauncherLost,
    ListProcesses,
    OwnerDied,
    OwnProcess,
    ProcessExited,
    ProcessInfo,
    ProcessList,
    ProcessStarted,
    RenewLeader,
    StartFailed,
    StartProcess,
    StopProcess,
    SupervisorReady,
    SupervisorStop,
)
from actors.messages.runtime import CallFailed

sys.path.insert(0, str(Path(__file__).parent))
from launcher_rig import eventually


class Post:
    """The few words of a world that a port needs, kept for the test to read."""

    def __init__(self) -> None:
        self.told: SimpleQueue[tuple[str, Message]] = SimpleQueue()
        self.handler: Any = None

    def register_port(self, path: str, handler: Any) -> None:
        assert path == PORT
        self.handler = handler

    def tell(self, to: str, message: Message, **_more: object) -> None:
        self.told.put((to, message))

    def answer(self, envelope: Envelope, message: Message, *, more: bool = False) -> None:
        assert not more
        assert envelope.ticket is not None
        self.told.put((f"answer {envelope.ticket.call}", message))

    def send(self, message: Message, call: str = "") -> None:
        ticket = Ticket("service/a", call) if call else None
        self.handler(Envelope(PORT, "service/a", message, ticket=ticket))

    def next(self) -> tuple[str, Message]:
        return self.told.get(timeout=10)


class Pair:
    """A launcher's end and the port's; the port's descriptor has at least the number `least`."""

    def __init__(self, least: int = 3) -> None:
        theirs, ours = socket.socketpair()
        with theirs:
            inherited = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, least)
        self.launcher = Link(ours)
        self.post = Post()
        self.port = LauncherPort(self.post, inherited)  # type: ignore[arg-type]
        self.frames: list[protocol.Frame] = []

    def hears(self) -> protocol.Frame:
        def some() -> bool:
            self.frames += self.launcher.receive()
            return bool(self.frames)

        eventually("a request", some)
        return self.frames.pop(0)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    assert pair.hears() == protocol.Hello(os.getpid())
    yield pair
    pair.port.close()
    pair.launcher.close()


def test_a_descriptor_too_great_for_select_is_no_trouble() -> None:
    """A launcher that follows the files of 1,000 services inherits such a one to its supervisor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = 1200
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, number + 100), hard), hard))
    pair = Pair(number)
    try:
        assert pair.hears() == protocol.Hello(os.getpid())
        pair.launcher.send(protocol.Welcome(7, "boot", 1))
        assert pair.port.welcomed.wait(10)
        pair.post.send(ListProcesses(), "list")
        assert pair.hears() == protocol.List("1")
    finally:
        pair.port.close()
        pair.launcher.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_requests_go_out_in_order_and_answers_find_their_asker(pair: Pair) -> None:
    post, launcher = pair.post, pair.launcher
    launcher.send(protocol.Welcome(7, "boot", 1))
    assert pair.port.welcomed.wait(10)
    assert (pair.port.launcher_pid, pair.port.boot_id) == (7, "boot")
    post.send(StartProcess("service:a", ("x",), {"A": "b"}, stop_signal="QUIT"), "start")
    post.send(StartProcess("service:b", ("x",)), "second")
    post.send(ListProcesses(), "list")
    post.send(OwnProcess("service:a", "service/a"), "own")
    post.send(StopProcess("service:a", "INT", 2.0), "stop")
    post.send(RenewLeader("service:a", 9.0))
    post.send(OwnerDied("service/a"))
    post.send(SupervisorReady("up"))
    start = pair.hears()
    assert start == protocol.Start("1", "service:a", ("x",), {"A": "b"}, stop_signal="QUIT")
    assert [pair.hears() for _ in range(7)] == [
        protocol.Start("2", "service:b", ("x",), {}),
        protocol.List("3"),
        protocol.Own("4", "service:a", "service/a"),
        protocol.Stop("5", "service:a", "INT", 2.0),
        protocol.Renew("service:a", 9.0),
        protocol.OwnerDied("service/a"),
        protocol.Ready("up"),
    ]
    launcher.send(protocol.StartFailed("2", "service:b", "no"))
    launcher.send(protocol.Started("1", "service:a", 5, 6, 7.0))
    running = protocol.Running("service:a", 5, 6, 7.0, True)
    end = protocol.Exited("service:a", 5, None, 15, "stop", "service/a", ("5", "4", "77"))
    launcher.send(protocol.Listing("3", (running,), (end,)))
    launcher.send(end)
    launcher.send(protocol.StopRequest("restart"))
    told = ProcessExited("service:a", 5, None, 15, "stop")
    assert [post.next() for _ in range(7)] == [
        ("answer second", StartFailed("service:b", "no")),
        ("answer start", ProcessStarted("service:a", 5, 6, 7.0)),
        ("answer list", ProcessList((ProcessInfo("service:a", 5, 6, 7.0, True),), (told,))),
        ("service/a", told),
        ("answer stop", told),
        ("answer own", told),
        ("node", SupervisorStop("restart")),
    ]


def test_a_lost_launcher_is_told_to_the_node_and_to_all_who_wait(pair: Pair) -> None:
    pair.post.send(ListProcesses(), "list")
    pair.hears()
    pair.launcher.close()
    to, message = pair.post.next()
    assert to == "answer list"
    assert isinstance(message, CallFailed)
    assert pair.post.next() == ("node", LauncherLost())
    pair.post.send(StartProcess("service:a", ("x",)), "late")
    assert pair.post.next()[0] == "answer late"


def test_leaders_are_killed_when_the_launcher_is_lost_and_no_other_process(pair: Pair) -> None:
    """Nobody else would end them once their lease is over."""
    post, launcher = pair.post, pair.launcher
    children = {
        key: subprocess.Popen(["sleep", "60"], start_new_session=True)
        for key in ("service:leader", "service:follower")
    }
    try:
        for key, child in children.items():
            until_s = boottime() + 60.0 if key == "service:leader" else 0.0
            post.send(StartProcess(key, ("sleep", "60"), leader_until_s=until_s), key)
            start = pair.hears()
            assert isinstance(start, protocol.Start)
            ticks = start_ticks(child.pid)
            launcher.send(protocol.Started(start.ask, key, child.pid, ticks, 1.0))
            assert post.next()[1] == ProcessStarted(key, child.pid, ticks, 1.0)
        launcher.close()
        assert post.next() == ("node", LauncherLost())
        assert children["service:leader"].wait(10) == -signal.SIGKILL
        assert children["service:follower"].poll() is None
    finally:
        for child in children.values():
            child.kill()
            child.wait(10)


def test_a_launcher_that_died_while_its_supervisor_booted_leaves_word_who_leads() -> None:
    theirs, ours = socket.socketpair()
    launcher, fd = Link(ours), theirs.detach()
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        ticks = start_ticks(child.pid)
        launcher.send(protocol.Started("", "service:leader", child.pid, ticks, 1.0, leads=True))
        hello(fd)
        launcher.close()  # killed: it never reads that
        post = Post()
        port = LauncherPort(post, fd)  # type: ignore[arg-type]
        assert post.next() == ("node", LauncherLost())
        assert child.wait(10) == -signal.SIGKILL
        assert not port.welcomed.is_set()
    finally:
        child.kill()
        child.wait(10)


def test_what_the_port_does_not_understand_is_refused(pair: Pair) -> None:
    pair.post.send(LauncherLost(), "what")
    to, message = pair.post.next()
    assert to == "answer what"
    assert isinstance(message, CallFailed)
    assert message.kind == "Refused"


def test_many_threads_may_send_and_nobody_waits_for_a_launcher_that_does_not_read(
    pair: Pair,
) -> None:
    count, big = 50, {"X": "y" * 20_000}

    def talk(name: str) -> None:
        for number in range(count):
            pair.post.send(StartProcess(f"{name}:{number}", ("x",), big), f"{name}:{number}")

    threads = [threading.Thread(target=talk, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    keys = [pair.hears().key for _ in range(4 * count)]  # type: ignore[union-attr]
    for name in ("t0", "t1", "t2", "t3"):
        mine = [key for key in keys if key.startswith(name)]
        assert mine == [f"{name}:{number}" for number in range(count)]


def test_a_supervisor_can_register_before_its_port_exists() -> None:
    theirs, ours = socket.socketpair()
    link = Link(ours)
    fd = inherited_fd({protocol.ENV_FD: str(theirs.fileno())})
    assert fd == theirs.fileno()
    hello(fd)
    assert link.receive() == [protocol.Hello(os.getpid())]
    theirs.close()
    assert link.receive() == []
    assert link.closed
    assert inherited_fd({}) is None
