"""The event log of a simulated ring: in memory, merged, with one digest for the whole run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from actors.messages.base import Event
from actors.messages.runtime import ActorFailed
from actors.runtime.world import World
from actors.simulation.scheduler import Scheduler

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Logged:
    """One event. `at_ns` is true (virtual) time, which only the simulator knows.

    `machine` numbers the supervisor from 0; -1 for what the simulator itself did.
    """

    at_ns: int
    machine: int
    id: str
    hlc: int
    actor: str
    event: Event
    cause: str = ""
    trace: str = ""

    @property
    def at_s(self) -> float:
        """True time in seconds."""
        return self.at_ns / 1_000_000_000

    def line(self) -> bytes:
        """The canonical line: what the digest covers. Tracebacks name files of this machine."""
        event = self.event
        if isinstance(event, ActorFailed) and event.traceback:
            event = msgspec.structs.replace(event, traceback="")
        head = f"{self.at_ns} {self.id} {self.hlc} {self.actor} {self.cause} {self.trace} "
        return head.encode() + _encode(event) + b"\n"


class RingLog:
    """All events of a ring, in the order in which they happened."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.events: list[Logged] = []
        self._digest = hashlib.sha256()
        self._hashed = 0
        self.observers: list[Callable[[Logged], None]] = []
        self._own = 0

    def append(self, logged: Logged) -> None:
        """Take an event."""
        self.events.append(logged)
        for observer in self.observers:
            observer(logged)

    def note(self, event: Event) -> None:
        """An event of the simulator's own: a fault, a phase, what is seen from outside."""
        self._own += 1
        self.append(Logged(self._scheduler.now, -1, f"sim:{self._own}", 0, "sim", event))

    def sha256(self) -> str:
        """The digest over all canonical lines so far."""
        for logged in self.events[self._hashed :]:
            self._digest.update(logged.line())
        self._hashed = len(self.events)
        return self._digest.hexdigest()


class MemorySink:
    """`ports.EventSink` of one process life: numbers its events, gapless from 1."""

    def __init__(self, log: RingLog, scheduler: Scheduler, machine: int) -> None:
        self._log = log
        self._scheduler = scheduler
        self._machine = machine
        self._seq = 0

    def attach(self, world: World) -> None:
        """Number the events of `world`."""
        self._world = world
        self._prefix = f"{world.member}:{world.boot}:"

    def emit(self, actor: str, event: Event, cause: str, trace: str) -> str:
        """Take an event; its id."""
        self._seq += 1
        number = f"{self._prefix}{self._seq}"
        now, hlc = self._scheduler.now, self._world.hlc_now()
        self._log.append(Logged(now, self._machine, number, hlc, actor, event, cause, trace))
        return number
