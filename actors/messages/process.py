"""What is said to the launcher's port (`port/launcher`) about processes, and what it reports.

A process is known by its `key`: `service:<name>` for a service's main process,
`hook:<name>:<hook>:<n>` for a hook, `host:<id>` for an actor host. One key has at most one live
process.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from actors.messages.base import Event, Message


class StartProcess(Message, frozen=True):
    """Start a process in its own process group; answered by `ProcessStarted` or `StartFailed`.

    `env` is the whole environment. `user`/`group` empty: the launcher's own. Output goes to
    `stdout`/`stderr` (paths, opened O_APPEND; truncated first when `truncate`; `/dev/null`; empty:
    where the launcher's own goes), followed by the launcher under `prefix` unless it is empty and
    shown as `<prefix>(O)`, `(E)`, or `(HK)` for keys that begin with `hook:`. `owner` is the actor
    to hear of its end; a process whose `ends_with_owner` is true is killed when that owner dies
    (hooks). `leader_until_s` is the CLOCK_BOOTTIME instant at which the launcher kills a
    leader-role group; 0 for none. `stop_signal` and `stop_timeout_s` are for the launcher itself,
    should it have to end the process.
    """

    key: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    cwd: str = ""
    user: str = ""
    group: str = ""
    stdout: str = ""
    stderr: str = ""
    truncate: bool = False
    prefix: str = ""
    owner: str = ""
    ends_with_owner: bool = False
    timeout_s: float = 0.0
    leader_until_s: float = 0.0
    stop_signal: str = "TERM"
    stop_timeout_s: float = 8.0


class ProcessStarted(Message, frozen=True):
    """The process runs. `start_ticks` is its start time in clock ticks since boot (identity)."""

    key: str
    pid: int
    start_ticks: int = 0
    started_s: float = 0.0


class StartFailed(Message, frozen=True):
    """The process could not be started; nothing runs under `key` because of this request."""

    key: str
    reason: str


class ProcessExited(Message, frozen=True):
    """The process and its group ended. `code` is None when it is not known (adopted processes).

    `ended_by` says who wanted it: the process itself, a `StopProcess`, its `timeout_s`, the fence
    of a leader whose lease ran out, or the death of its owner. `signal` is what it died of.
    """

    key: str
    pid: int
    code: int | None = None
    signal: int | None = None
    ended_by: Literal["itself", "stop", "timeout", "fence", "owner"] = "itself"


class StopProcess(Message, frozen=True):
    """Send `signal` to the process group, then KILL after `timeout_s`; `ProcessExited` follows."""

    key: str
    signal: str = "TERM"
    timeout_s: float = 8.0


class OwnProcess(Message, frozen=True):
    """`owner` is to hear of the end of `key`: an actor that starts anew takes its process over.

    Answered by `ProcessStarted` if it lives, or by `ProcessExited`: the last end of the key, with
    pid 0 where none is known.
    """

    key: str
    owner: str


class RenewLeader(Message, frozen=True):
    """The leader-role group of `key` dies at `until_s` (CLOCK_BOOTTIME) and not before.

    Never moved to an earlier instant; 0 says that it leads no more. Not answered: when the launcher
    came too late, `ProcessExited` says so.
    """

    key: str
    until_s: float


class SupervisorReady(Message, frozen=True):
    """node → launcher: the supervisor serves; a service manager hears `READY=1` and `status`."""

    status: str = ""


class ListProcesses(Message, frozen=True):
    """Asks the launcher what runs; answered by `ProcessList`."""


class ProcessInfo(msgspec.Struct, frozen=True):
    """One live process. `adopted`: an earlier launcher started it; its exit code stays unknown."""

    key: str
    pid: int
    start_ticks: int = 0
    started_s: float = 0.0
    adopted: bool = False


class ProcessList(Message, frozen=True):
    """Everything the launcher keeps alive, and the last end of each key that has no process now."""

    processes: tuple[ProcessInfo, ...] = ()
    ended: tuple[ProcessExited, ...] = ()


class LauncherLost(Message, frozen=True):
    """The launcher is gone: leader-role groups are to be killed, the supervisor ends."""


class SupervisorStop(Message, frozen=True):
    """The launcher asks for the end: `terminate` stops services first, `restart` leaves them."""

    how: Literal["terminate", "restart"]


class OwnerDied(Message, frozen=True):
    """node → launcher: the actor `owner` died; its processes that end with their owner end now."""

    owner: str


class ProcessBegan(Event, frozen=True):
    """A service's process was started."""

    key: str
    pid: int
    sentence: ClassVar[str] = "{key} runs as pid {pid}"


class ProcessAdopted(Event, frozen=True):
    """A process that outlived an earlier supervisor was taken over."""

    key: str
    pid: int
    sentence: ClassVar[str] = "{key} was reattached as pid {pid}"


class ProcessEnded(Event, frozen=True):
    """A service's process ended; `how` in words ("exit 0", "signal 9", "unknown")."""

    key: str
    pid: int
    how: str
    sentence: ClassVar[str] = "{key} (pid {pid}) ended: {how}"
