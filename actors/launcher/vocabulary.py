"""What happens to the launcher (inputs) and what it decides to do (actions): plain frozen values.

Requests of the supervisor (`actors.launcher.protocol`) are inputs too, reports to it are actions
wrapped in `Tell`. All instants are CLOCK_BOOTTIME seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from actors.launcher.protocol import Report, Request, Start

# ── inputs ──


@dataclass(frozen=True, slots=True)
class Begin:
    """The launcher starts; `predecessor` is the pid of an earlier launcher's supervisor, or 0.

    `stopped`: it stands still (SIGSTOP), so it will not end by itself.
    """

    predecessor: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class TableRead:
    """The process table was read: `damaged` file → where it was set aside (or ''), `skipped` lines.

    `unlisted` are processes that it did not know of and that were found by their marks.
    """

    damaged: Mapping[str, str]
    skipped: int = 0
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopted:
    """A process of an earlier launcher is found. `alive`: it, not merely some of its group."""

    key: str
    pid: int
    start_ticks: int
    started_s: float
    owner: str
    ends_with_owner: bool
    was_leader: bool
    stop_signal: str
    stop_timeout_s: float
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Vanished:
    """A process of an earlier launcher that ended unseen."""

    key: str
    pid: int
    owner: str
    ends_with_owner: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; nothing else."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A child for `key` exists; its program does not run yet."""

    key: str
    pid: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Executed:
    """The program of `key` runs."""

    key: str
    pid: int


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The program of `key` could not be run; no process is left of the attempt."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The process `pid` of `key` ended; `group_remains`: others of its group are alive."""

    key: str
    pid: int
    code: int | None = None
    signal: int | None = None
    group_remains: bool = False


@dataclass(frozen=True, slots=True)
class GroupGone:
    """Nothing is left of the group of `key`."""

    key: str
    pid: int


@dataclass(frozen=True, slots=True)
class SupervisorStarted:
    """The supervisor process exists."""

    pid: int


@dataclass(frozen=True, slots=True)
class SupervisorEnded:
    """The supervisor process ended, or could not be started (`reason`, pid 0)."""

    pid: int
    code: int | None = None
    signal: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The supervisor closed its end, or broke the protocol for good."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """TERM or INT arrived."""


@dataclass(frozen=True, slots=True)
class Restart:
    """HUP arrived."""


Input: TypeAlias = (
    Begin
    | TableRead
    | Adopted
    | Vanished
    | Tick
    | Forked
    | Executed
    | SpawnFailed
    | Ended
    | GroupGone
    | SupervisorStarted
    | SupervisorEnded
    | Disconnected
    | Terminate
    | Restart
    | Request
)

# ── actions ──


@dataclass(frozen=True, slots=True)
class StartSupervisor:
    """Start the supervisor process; heard back as `SupervisorStarted` or `SupervisorEnded`."""


@dataclass(frozen=True, slots=True)
class SignalSupervisor:
    """Signal the supervisor's process group."""

    pid: int
    signal: str


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a process; heard back as `Forked`, `Executed`, or `SpawnFailed`."""

    start: Start


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """Signal a process group."""

    key: str
    pid: int
    signal: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Is anything left of the group? If not: `GroupGone`. `thorough`: the unreaped do not count."""

    key: str
    pid: int
    thorough: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Make durable who owns a live process and whether it is in the leader role."""

    key: str
    owner: str
    leader: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """The process of `key` is gone: drop it from the durable table, close its files."""

    key: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a report to the supervisor, if one is connected."""

    report: Report


@dataclass(frozen=True, slots=True)
class Say:
    """Print a line of the launcher's own."""

    text: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the service manager (systemd): `READY=1`, `STOPPING=1`, `STATUS=…`, a line each."""

    lines: str


@dataclass(frozen=True, slots=True)
class Exit:
    """End the launcher with `code`; nothing follows."""

    code: int


Action: TypeAlias = (
    StartSupervisor
    | SignalSupervisor
    | Spawn
    | SignalGroup
    | Probe
    | Record
    | Forget
    | Tell
    | Say
    | Notify
    | Exit
)
