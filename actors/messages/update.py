"""Updates: which release a service is to run, how it is found, and how the service goes to it.

`service/<name>` tells `update` how it stands (`ServiceSettled`); `update/<name>` asks `depot` what
there is, has it installed, and asks the service to take it.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from actors.messages.base import Event, Message
from actors.messages.depot import PackageResolved
from actors.messages.groups import GroupConfig
from actors.messages.service import UpdateStatus

Condition: TypeAlias = Literal["latest", "track-channel"]


class FindRelease(Message, frozen=True):
    """update → depot → port/packages: which release should run; `ReleaseFound` or `CallFailed`.

    `latest`: the newest of `channel` of the depot at `url` (empty: this machine's) and of what is
    installed, never older than `running`. `track-channel`: the newest of the channel, whichever
    that is.
    """

    ident: str
    channel: str
    url: str
    condition: Condition
    running: str = ""


class ReleaseFound(Message, frozen=True):
    """The release to run, fully qualified; empty where there is none. `depot` was asked."""

    ident: str
    depot: str


class WatchDepots(Message, frozen=True):
    """update → port/packages: these depots matter (as specs name them), in place of earlier ones.

    Of those that are folders of this machine each change is told (`DepotChanged`); others are
    polled.
    """

    urls: tuple[str, ...] = ()


class DepotChanged(Message, frozen=True):
    """port/packages → update → `update/<name>`: something was uploaded, promoted or demoted."""

    url: str


class TakeRelease(Message, frozen=True):
    """`update/<name>` → `service/<name>`: run this installed package; `Ok` or `CallFailed`.

    Refused where the service cannot run it. `Ok` is no promise: who asked looks what runs. After
    `not_after_s` (CLOCK_BOOTTIME; 0 for never) it is not followed any more.
    """

    resolved: PackageResolved
    not_after_s: float = 0.0


class TakeConfiguration(Message, frozen=True):
    """`update/<name>` → `service/<name>`: run with this configuration of the group, None for none.

    `Ok` or `CallFailed`: refused where no files can be made with it, or it cannot be opened; not
    `available` while that is not known. `check`: only say whether it could. `Ok` is no promise: who
    asked looks what runs. After `not_after_s` (CLOCK_BOOTTIME) nothing is stopped for it any more.
    """

    config: GroupConfig | None
    not_after_s: float = 0.0
    check: bool = False


class WithdrawService(Message, frozen=True):
    """`update/<name>` → `service/<name>`: be out of the census for `for_s` from now, and run on.

    It is over sooner when the service is stopped.
    """

    for_s: float


class ReturnService(Message, frozen=True):
    """`service/<name>` reminds itself: nobody keeps it out of the census any more."""


class EndUpdates(Message, frozen=True):
    """update → `update/<name>`: the service is unloaded, or updates itself no more; then end."""


class AnswersDue(Message, frozen=True):
    """`update` to itself: answer what was asked under `call` with what is known."""

    call: str


class WantUpdate(Message, frozen=True):
    """`update/<name>` → update: a new instance asks how its service stands."""

    service: str


class UpdateTold(Message, frozen=True):
    """`update/<name>` and update → specs: how the update stands; None: nobody updates it."""

    service: str
    status: UpdateStatus | None


class TickDue(Message, frozen=True):
    """`update/<name>` reminds itself: look again, or (`stand`) take part in the election again."""

    what: str = ""


class PollDue(Message, frozen=True):
    """`update/<name>` reminds itself: ask the depot."""


class UpdateFound(Event, frozen=True):
    """A release to go to was found."""

    service: str
    running: str
    offered: str
    depot: str
    service_group: str = ""
    sentence: ClassVar[str] = "{service} is to go from {running} to {offered}, found in {depot}"


class UpdateHeld(Event, frozen=True):
    """A release cannot be had, or not be run; the service stays with the one it runs."""

    service: str
    running: str
    offered: str
    reason: str
    service_group: str = ""
    sentence: ClassVar[str] = "{service} stays with {running}, {offered} is not taken: {reason}"


class DepotUnasked(Event, frozen=True):
    """The depot of a service could not be asked for updates."""

    service: str
    reason: str
    service_group: str = ""
    sentence: ClassVar[str] = "the updates of {service} are not known: {reason}"


class ConfigurationTaken(Event, frozen=True):
    """A service goes to another configuration of its group in its turn; 0 is none."""

    service: str
    running: int
    taken: int
    service_group: str = ""
    sentence: ClassVar[str] = "{service} goes from configuration {running} to configuration {taken}"


class ReleaseTaken(Event, frozen=True):
    """A service goes to another release."""

    service: str
    running: str
    taken: str
    service_group: str = ""
    sentence: ClassVar[str] = "{service} goes from {running} to {taken}"
