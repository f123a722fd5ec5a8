"""`port/launcher` of a simulated supervisor: messages to the launcher's protocol and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.launcher import protocol
from actors.launcher.fence import Leaders
from actors.messages.base import Message
from actors.messages.envelope import Envelope
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
from actors.runtime.world import World

PORT: Final = "port/launcher"
_GONE: Final = CallFailed("ActorUnavailableError", "the launcher is gone")


class LauncherPort:
    """One supervisor life's end of the pipe; `request` writes to it, `kill` ends a group."""

    def __init__(
        self,
        pid: int,
        world: World,
        request: Callable[[protocol.Request], None],
        kill: Callable[[int], None],
    ) -> None:
        self._pid = pid
        self._world = world
        self._write = request
        self._kill = kill
        self._leaders = Leaders()
        self._asks: dict[str, Envelope] = {}
        self._asked = 0
        self._lost = False
        world.register_port(PORT, self._handle)

    def hello(self) -> None:
        """Register with the launcher."""
        self._request(protocol.Hello(self._pid))

    def hear(self, report: protocol.Report) -> None:
        """A report of the launcher's arrived."""
        self._leaders.told(report)
        match report:
            case protocol.Started(ask, key, pid, ticks, started_s):
                self._answer(ask, ProcessStarted(key, pid, ticks, started_s))
            case protocol.StartFailed(ask, key, reason):
                self._answer(ask, StartFailed(key, reason))
            case protocol.Exited():
                self._exited(report)
            case protocol.Listing(ask, processes, exits):
                running = tuple(_info(process) for process in processes)
                self._answer(ask, ProcessList(running, tuple(_exited(end) for end in exits)))
            case protocol.StopRequest(how):
                self._world.tell("node", SupervisorStop(how), sender=PORT)
            case protocol.Welcome():
                pass
            case protocol.Rejected(reason):
                raise AssertionError(f"the launcher refused a request: {reason}")

    def _exited(self, report: protocol.Exited) -> None:
        told = _exited(report)
        if report.owner:
            self._world.tell(report.owner, told, sender=PORT)
        for ask in report.asks:
            self._answer(ask, told)

    def lost(self) -> None:
        """The launcher is gone: leaders are killed, whoever waits is told, and the node."""
        self._lost = True
        for pid, _ in self._leaders.to_kill():
            self._kill(pid)
        waiting, self._asks = self._asks, {}
        for envelope in waiting.values():
            self._world.answer(envelope, _GONE)
        self._world.tell("node", LauncherLost(), sender=PORT)

    def _handle(self, envelope: Envelope) -> None:
        message = envelope.message
        if self._lost:
            if envelope.ticket is not None:
                self._world.answer(envelope, _GONE)
            return
        match message:
            case StartProcess():
                self._request(_start(message, self._ask(envelope)))
            case StopProcess(key, signal, timeout_s):
                self._request(protocol.Stop(self._ask(envelope), key, signal, timeout_s))
            case OwnProcess(key, owner):
                self._request(protocol.Own(self._ask(envelope), key, owner))
            case ListProcesses():
                self._request(protocol.List(self._ask(envelope)))
            case OwnerDied(owner):
                self._request(protocol.OwnerDied(owner))
            case RenewLeader(key, until_s):
                self._request(protocol.Renew(key, until_s))
            case SupervisorReady(status):
                self._request(protocol.Ready(status))
            case _:
                raise AssertionError(f"{PORT} does not understand {message!r}")

    def _request(self, request: protocol.Request) -> None:
        self._leaders.asked(request)
        self._write(request)

    def _ask(self, envelope: Envelope) -> str:
        self._asked += 1
        ask = f"{self._pid}.{self._asked}"
        self._asks[ask] = envelope
        return ask

    def _answer(self, ask: str, message: Message) -> None:
        envelope = self._asks.pop(ask, None)
        if envelope is not None:
            self._world.answer(envelope, message)


def _start(message: StartProcess, ask: str) -> protocol.Start:
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    return protocol.Start(ask=ask, **fields)


def _exited(report: protocol.Exited) -> ProcessExited:
    return ProcessExited(report.key, report.pid, report.code, report.signal, report.ended_by)


def _info(running: protocol.Running) -> ProcessInfo:
    return ProcessInfo(
        running.key, running.pid, running.start_ticks, running.started_s, running.adopted
    )
