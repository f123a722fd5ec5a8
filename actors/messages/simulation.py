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
    others: tuple[int, ...] = ()
    amount: float = 0.0
    detail: str = ""
    sentence: ClassVar[str] = "fault: {what} {detail} on machines {machines} {others}"


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


class RumorsSeen(Event, frozen=True):
    """What machine `number` holds of rumors: how many, and a digest over them."""

    number: int
    count: int
    digest: str
    sentence: ClassVar[str] = "machine {number} holds {count} rumors ({digest})"


class FrameCarried(Event, frozen=True):
    """A frame left `source` for `target` (machine numbers); only where frames are watched.

    `bodies` counts claims and rumors in it.
    """

    source: int
    target: int
    kind: str
    size_bytes: int
    bodies: int = 0
    sentence: ClassVar[str] = "{kind} from machine {source} to {target} ({size_bytes} bytes)"


class CommandGiven(Event, frozen=True):
    """Somebody gave a command about a service to machine `machine`; `number` names it."""

    number: int
    machine: int
    member: str
    verb: str
    service: str
    sentence: ClassVar[str] = "command {number}: {verb} {service} on machine {machine}"


class CommandAnswered(Event, frozen=True):
    """A command was answered: `accepted`, `unchanged` (it was so already), `refused`, or `unknown`.

    What is unknown may have happened.
    """

    number: int
    outcome: str
    said: str = ""
    event_id: str = ""
    sentence: ClassVar[str] = "command {number} was {outcome}: {said}"


class FactGiven(Event, frozen=True):
    """Somebody gave a group a configuration (`name` empty) or a file, at machine `machine`.

    `number` names the command, as in `CommandGiven`; `CommandAnswered` tells what came of it.
    """

    number: int
    machine: int
    member: str
    group: str
    name: str
    version: int
    sentence: ClassVar[str] = "command {number}: version {version} of {name} for {group}"


class FilesWritten(Event, frozen=True):
    """The files of a service were put in place on machine `machine`.

    `version` is what its `app.conf` says, `files` the content of its files by name, `changed` the
    names of what did not hold this before.
    """

    machine: int
    service: str
    version: int
    files: dict[str, str]
    changed: tuple[str, ...] = ()
    sentence: ClassVar[str] = "machine {machine}: files of {service} at {version}: {changed}"


class ProcessRan(Event, frozen=True):
    """The kernel of machine `machine` has a new process."""

    machine: int
    key: str
    pid: int
    sentence: ClassVar[str] = "machine {machine}: {key} runs as pid {pid}"


class ProcessGone(Event, frozen=True):
    """The kernel of machine `machine` has lost a process; `how`: exit N, signal N, or power."""

    machine: int
    key: str
    pid: int
    how: str
    sentence: ClassVar[str] = "machine {machine}: {key} (pid {pid}) ended: {how}"


class ServicesSeen(Event, frozen=True):
    """The services of machine `machine`, asked from outside: name → (stage, pid or 0)."""

    machine: int
    member: str
    services: dict[str, tuple[str, int]]
    sentence: ClassVar[str] = "machine {machine} has {services}"


class FactsSeen(Event, frozen=True):
    """What was applied to groups, as machine `machine` knows it: fact → (version, data).

    A fact is named by its group, a file by its group and name with a slash between.
    """

    machine: int
    member: str
    facts: dict[str, tuple[int, str]]
    sentence: ClassVar[str] = "machine {machine} knows {facts}"


class CensusSeen(Event, frozen=True):
    """The census of machine `machine`: group → members that are up there."""

    machine: int
    member: str
    groups: dict[str, tuple[str, ...]]
    sentence: ClassVar[str] = "machine {machine} finds {groups}"


class ClockRead(Event, frozen=True):
    """CLOCK_BOOTTIME of machine `number`: from `own_s` on, at `rate` seconds a true second.

    A rate of 0 says that it stands still, as while a hypervisor takes the machine out of time.
    """

    number: int
    own_s: float
    rate: float
    sentence: ClassVar[str] = "machine {number}: its clock reads {own_s:.3f} s, rate {rate:.4f}"


class LauncherBegan(Event, frozen=True):
    """A launcher began on machine `number`."""

    number: int
    pid: int
    sentence: ClassVar[str] = "machine {number}: launcher {pid} began"


class LauncherGone(Event, frozen=True):
    """The launcher of machine `number` ended; `how` is `exit N`, `signal N` or `power`."""

    number: int
    pid: int
    how: str
    sentence: ClassVar[str] = "machine {number}: launcher {pid} ended: {how}"


class ProcessActs(Event, frozen=True):
    """The process of a service acts in another role from now on, and in no other.

    While a hook tells it to lead it counts as leading already; a hook that tells it to stop counts
    when it has ended well.
    """

    machine: int
    member: str
    service_group: str
    pid: int
    role: str
    term: int
    sentence: ClassVar[str] = "machine {machine}: pid {pid} acts as {role} of {service_group}"


class WriteTaken(Event, frozen=True):
    """What a leading process wrote reached a process that checks terms: `taken`, or refused.

    Said of the first write of each `source` and `term`; `newest` is the greatest term known there.
    """

    machine: int
    service_group: str
    source: int
    term: int
    newest: int
    taken: bool
    sentence: ClassVar[str] = (
        "machine {machine}: a write of {source} in term {term} of {service_group}, taken: {taken}"
    )


class ElectionsSeen(Event, frozen=True):
    """The elections at machine `machine`, asked from outside, by `<group>/<kind>`.

    Each: role, leader, term, electorate, what it does, whether its lease (or promise) lasts.
    """

    machine: int
    member: str
    elections: dict[str, tuple[str, str, int, str, str, bool]]
    sentence: ClassVar[str] = "machine {machine} sees elections {elections}"
