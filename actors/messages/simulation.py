"""What the simulator itself puts into the event log: faults, phases, what is seen from outside.

A checker reads these beside the supervisors' own events; on a live ring a chaos experiment says
the same of itself.
"""

from __future__ import annotations

from typing import ClassVar

from actors.messages.base import Event


class MachineStarted(Event, frozen=True):
    """A supervisor process began on machine `number`."""

    number: int
    member: str
    boot: int
    sentence: ClassVar[str] = "machine {number}: supervisor of member {member} began (boot {boot})"


class SupervisorGone(Event, frozen=True):
    """A supervisor process ended; `how` is `exit N`, `signal N` or `power`."""

    number: int
    member: str
    boot: int
    how: str
    sentence: ClassVar[str] = "machine {number}: supervisor of member {member} ended: {how}"


class FaultBegan(Event, frozen=True):
    """A fault of the plan takes effect; `what` names it, `machines` are those it touches."""

    what: str
    machines: tuple[int, ...] = ()
    detail: str = ""
    sentence: ClassVar[str] = "fault: {what} {detail} on machines {machines}"


class FaultEnded(Event, frozen=True):
    """A fault of the plan is undone."""

    what: str
    machines: tuple[int, ...] = ()
    sentence: ClassVar[str] = "fault over: {what} on machines {machines}"


class PhaseBegan(Event, frozen=True):
    """The run enters a phase: `settle`, `faults`, `heal`, `liveness`, `end`."""

    phase: str
    sentence: ClassVar[str] = "phase: {phase}"


class MembersSeen(Event, frozen=True):
    """How machine `number` sees the ring, asked from outside: member id → (health, incarnation)."""

    number: int
    member: str
    ring_id: str
    members: dict[str, tuple[str, int]]
    settled: bool = True
    sentence: ClassVar[str] = "machine {number} ({member}) sees {members}"
