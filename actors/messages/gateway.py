"""What is asked over HTTP, what one service tells about itself, and what is answered."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from actors.messages.base import Event, Message
from actors.messages.depot import PackageInfo
from actors.messages.ring import SysInfo
from actors.messages.service import ServiceStatus


class HttpAsked(Message, frozen=True):
    """`port/http` → gateway: a GET of `path`. `trusted`: secrets may be told.

    Answered by `HttpAnswered`.
    """

    path: str
    trusted: bool = False


class HttpAnswered(Message, frozen=True):
    """gateway → `port/http`: the status, and the document that becomes JSON (None: no body)."""

    status: int
    document: object = None


class QueryReport(Message, frozen=True):
    """gateway → `service/<name>`: asks for everything about the service; `ServiceReport`."""


class ServiceReport(Message, frozen=True):
    """All that a service's actor knows and others may ask.

    `path` is the service's directory, `values` its merged configuration, `user`/`group` the account
    it runs as (empty: the supervisor's own). `backoff_s` are the least and the greatest pause
    before a start after a failure, and the time up after which they begin anew. `ended_pid` ended
    `ended_s` seconds ago without having been asked to (negative: nothing did in this actor's life).
    """

    status: ServiceStatus
    sys: SysInfo = SysInfo()
    backoff_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    package: PackageInfo | None = None
    path: str = ""
    hooks: tuple[str, ...] = ()
    values: dict[str, object] = {}
    user: str = ""
    group: str = ""
    initialized: bool = False
    ended_pid: int | None = None
    ended_s: float = -1.0


class PlanService(Message, frozen=True):
    """control → service → `service/<name>`: what would `config` change? Answered by `ServicePlan`.

    `config` is TOML, in place of what was applied to the group; None: what counts now.
    """

    service: str
    config: bytes | None = None


class PlannedFile(msgspec.Struct, frozen=True):
    """A file that would change (`config/…`, `hooks/…`, `files/…`); None: it is not there.

    Contents that would make the answer too large are left out; then `shown` is false.
    """

    path: str
    before: bytes | None = None
    after: bytes | None = None
    shown: bool = True


class ServicePlan(Message, frozen=True):
    """What would change of a running service, what would follow, and what its templates say."""

    service: str
    then: Literal["nothing", "reconfigure", "restart"]
    files: tuple[PlannedFile, ...] = ()
    said: tuple[str, ...] = ()


class QueryConfiguration(Message, frozen=True):
    """control → service → `service/<name>`: the configuration in force; `ServiceConfiguration`."""

    service: str


class ServiceConfiguration(Message, frozen=True):
    """All layers of a service's configuration, as its files were made with it, as one TOML."""

    service: str
    toml: str = ""


class ReadHookOutput(Message, frozen=True):
    """Asks `port/packages` for what a service's hook wrote at its last run; `HookOutput`."""

    service: str
    hook: str


class HookOutput(Message, frozen=True):
    """The end of what a hook wrote, at most 64 KiB of each."""

    stdout: str = ""
    stderr: str = ""


class GatherOverdue(Message, frozen=True):
    """gateway to itself: the answers for request `number` are late."""

    number: int


class HttpOpened(Event, frozen=True):
    """The HTTP gateway listens."""

    address: str
    guarded: str
    sentence: ClassVar[str] = "the HTTP gateway listens on {address} ({guarded})"


class HttpUnavailable(Event, frozen=True):
    """The HTTP gateway cannot listen; it tries again, everything else goes on."""

    address: str
    reason: str
    sentence: ClassVar[str] = "the HTTP gateway cannot listen on {address}: {reason}"
