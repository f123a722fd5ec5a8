"""`port/launcher`: what actors say about processes, over the inherited socketpair and back.

One thread reads reports and writes requests; nobody waits in the port's handler. It emits no
events: actors know what an end means. When the launcher is gone, leader-role groups are killed,
everyone who waits hears `ActorUnavailableError` and the node hears `LauncherLost`, once.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from actors.launcher import protocol
from actors.launcher.fence import Leaders
from actors.launcher.identity import start_ticks
from actors.launcher.link import Link
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

if TYPE_CHECKING:
    from actors.messages.base import Message
    from actors.messages.envelope import Envelope
    from actors.runtime.world import World

PORT: Final = "port/launcher"
NODE: Final = "node"
_WAKE_BYTES: Final = 4096
_GONE: Final = CallFailed("ActorUnavailableError", "the launcher is gone")


class LauncherPort:
    """The supervisor's end of the line to its launcher; `fd` is taken over.

    Says hello (again: `actors.launcher.link.hello` may have come first) and registers
    `port/launcher` with `world`. `launcher_pid`, `boot_id` and `damaged` (files of its process
    table that were, and where they were set aside) are known once `welcomed` is set.
    """

    def __init__(self, world: World, fd: int) -> None:
        self.launcher_pid = 0
        self.boot_id = ""
        self.damaged: dict[str, str] = {}
        self.welcomed = threading.Event()
        self._world = world
        self._link = Link(socket.socket(fileno=fd))
        os.set_inheritable(fd, False)
        self._lock = threading.Lock()  # guards `_asks`, `_lost` and the order of `_outbox`
        self._outbox: deque[protocol.Request] = deque([protocol.Hello(os.getpid())])
        self._asks: dict[str, Envelope] = {}
        self._asked = 0
        self._leaders = Leaders()  # guarded by `_lock` as well
        self._lost = False
        self._closing = False
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._thread = threading.Thread(target=self._run, name="launcher", daemon=True)
        world.register_port(PORT, self._handle)
        self._thread.start()

    def close(self) -> None:
        """Stop talking; the launcher sees the connection end."""
        self._closing = True
        self._ring()
        self._thread.join()

    # ── any thread ──

    def _handle(self, envelope: Envelope) -> None:
        with self._lock:
            request = _GONE if self._lost else self._request(envelope)
            if not isinstance(request, CallFailed):
                self._outbox.append(request)
                self._leaders.asked(request)
        if not isinstance(request, CallFailed):
            self._ring()
        elif envelope.ticket is not None:
            self._world.answer(envelope, request)

    def _request(self, envelope: Envelope) -> protocol.Request | CallFailed:
        match envelope.message:
            case StartProcess() as start:
                fields = {name: getattr(start, name) for name in start.__struct_fields__}
                return protocol.Start(ask=self._ask(envelope), **fields)
            case StopProcess(key, signal, timeout_s):
                return protocol.Stop(self._ask(envelope), key, signal, timeout_s)
            case OwnProcess(key, owner):
                return protocol.Own(self._ask(envelope), key, owner)
            case ListProcesses():
                return protocol.List(self._ask(envelope))
            case OwnerDied(owner):
                return protocol.OwnerDied(owner)
            case RenewLeader(key, until_s):
                return protocol.Renew(key, until_s)
            case SupervisorReady(status):
                return protocol.Ready(status)
            case other:
                text = f"{PORT} does not understand {type(other).__name__}"
                return CallFailed("Refused", text)

    def _ask(self, envelope: Envelope) -> str:
        self._asked += 1
        ask = str(self._asked)
        self._asks[ask] = envelope
        return ask

    def _ring(self) -> None:
        with self._lock:
            if self._lost:  # the descriptor may be somebody else's by now
                return
            with contextlib.suppress(BlockingIOError):  # full: it is awake already
                os.write(self._waker, b"!")

    # ── the thread ──

    def _run(self) -> None:
        link = self._link
        try:
            while not self._closing and not link.closed:
                self._write()
                if link.closed:
                    break
                woken, heard = self._sleep(link)
                if woken:
                    os.read(self._wake, _WAKE_BYTES)
                if heard:
                    for frame in link.receive():
                        self._hear(frame)
        finally:
            self._end()

    def _sleep(self, link: Link) -> tuple[bool, bool]:
        """Wait for a ring of our own, or for the launcher; which of the two came.

        With poll(2): beside a thousand services the inherited descriptor has a number that is too
        great for select(2).
        """
        end = link.fileno()
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        poller.register(end, select.POLLIN | (select.POLLOUT if link.wants_room else 0))
        events = dict(poller.poll())
        return self._wake in events, bool(events.get(end, 0) & ~select.POLLOUT)

    def _write(self) -> None:
        while self._outbox:
            self._link.send(self._outbox.popleft())
        self._link.flush()

    def _hear(self, frame: protocol.Frame) -> None:
        if isinstance(frame, protocol.Started | protocol.Exited):
            with self._lock:
                self._leaders.told(frame)
        match frame:
            case protocol.Welcome(pid, boot_id, damaged=damaged):
                self.launcher_pid, self.boot_id, self.damaged = pid, boot_id, damaged
                self.welcomed.set()
            case protocol.Started(ask, key, pid, ticks, started_s):
                self._answer(ask, ProcessStarted(key, pid, ticks, started_s))
            case protocol.StartFailed(ask, key, reason):
                self._answer(ask, StartFailed(key, reason))
            case protocol.Exited():
                told = _exited(frame)
                if frame.owner:
                    cause, trace = self._behind(frame.asks)
                    self._world.tell(frame.owner, told, sender=PORT, cause=cause, trace=trace)
                for ask in frame.asks:
                    self._answer(ask, told)
            case protocol.Listing(ask, processes, exits):
                running = tuple(map(_info, processes))
                self._answer(ask, ProcessList(running, tuple(map(_exited, exits))))
            case protocol.StopRequest(how):
                self._world.tell(NODE, SupervisorStop(how), sender=PORT)
            case _:
                return  # `Rejected`: a launcher of another release; whoever asked times out

    def _behind(self, asks: tuple[str, ...]) -> tuple[str, str]:
        """Cause and trace of the newest of our requests that an end answers, if it answers any."""
        with self._lock:
            found = [self._asks[ask] for ask in asks if ask in self._asks]
        return (found[-1].cause, found[-1].trace) if found else ("", "")

    def _answer(self, ask: str, message: Message) -> None:
        with self._lock:
            envelope = self._asks.pop(ask, None)
        if envelope is not None:
            self._world.answer(envelope, message)

    def _end(self) -> None:
        with self._lock:
            self._lost = True
            waiting = list(self._asks.values())
            self._asks.clear()
            leaders = [] if self._closing else self._leaders.to_kill()
        for pid, ticks in leaders:
            _kill(pid, ticks)
        if not self._link.closed:
            self._write()
            self._link.close()
        for fd in (self._wake, self._waker):
            os.close(fd)
        for envelope in waiting:
            self._world.answer(envelope, _GONE)
        if not self._closing:
            self._world.tell(NODE, LauncherLost(), sender=PORT)


def _kill(pid: int, ticks: int) -> None:
    """KILL a process group, if its first process is the one that was meant."""
    if start_ticks(pid) == ticks:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _exited(report: protocol.Exited) -> ProcessExited:
    return ProcessExited(report.key, report.pid, report.code, report.signal, report.ended_by)


def _info(running: protocol.Running) -> ProcessInfo:
    return ProcessInfo(
        running.key, running.pid, running.start_ticks, running.started_s, running.adopted
    )
