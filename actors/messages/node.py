"""What is said to and by the node about the supervisor process itself: its end, and what it is."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from actors.messages.base import Event, Message

Ending: TypeAlias = Literal["terminate", "restart", "departed"]


class EndProcess(Message, frozen=True):
    """node → `port/process`: flush what is pending and end this process with `code`.

    84: done, the launcher ends too; 86: this member has departed; anything else: start again.
    """

    code: int
    reason: str


class StopAllServices(Message, frozen=True):
    """node → `service`: stop every service, specs untouched; answered by `Ok` when all are down."""


class EndingOverdue(Message, frozen=True):
    """A stage of the ending took too long: go on without it."""

    stage: str


class SeatsOverdue(Message, frozen=True):
    """The seats of a member that departs were not given up in time: it departs without."""


class SupervisorStarted(Event, frozen=True):
    """A supervisor process began; `previous` says how the one before it ended, where known."""

    version: str
    pid: int
    launcher_pid: int
    previous: str = ""
    sentence: ClassVar[str] = (
        "supervisor {version} started as pid {pid} under launcher {launcher_pid}"
    )


class SupervisorEnding(Event, frozen=True):
    """The supervisor process is about to end on purpose."""

    how: Ending
    reason: str = ""
    sentence: ClassVar[str] = "supervisor ends ({how}) {reason}"


class SupervisorEnded(Event, frozen=True):
    """The last word of a supervisor process that ended in order."""

    code: int
    sentence: ClassVar[str] = "supervisor process ends with code {code}"
