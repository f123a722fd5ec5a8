"""Services: what the operator wants (`ServiceSpec`), how it stands (`ServiceStatus`), the commands.

A service is known by its name: the package's name, or `--name`. Its group is
`<name>.<group>[@<org>]`.
"""

from __future__ import annotations

from typing import ClassVar, Final, Literal, TypeAlias

import msgspec

from actors.messages.base import Event, MemberId, Message

Topology: TypeAlias = Literal["standalone", "leader"]
Strategy: TypeAlias = Literal["none", "at-once", "rolling"]
Health: TypeAlias = Literal["ok", "warning", "critical", "unknown"]
HEALTHY: Final[frozenset[Health]] = frozenset({"ok", "warning"})
UpdateState: TypeAlias = Literal[
    "unknown",  # the depot has not answered yet
    "current",  # what is offered is what it runs
    "installing",
    "taking",  # installed; the service goes to it as soon as it can
    "rolling",  # it goes there when it is its turn
    "held",  # what is offered cannot be had, or not be run: it stays with what it runs
    "unasked",  # the depot does not answer
    "pinned",  # its ident names one release
    "stopped",  # nothing of it is to run
]
Stage: TypeAlias = Literal[
    "waiting", "initializing", "starting", "up", "stopping", "down", "backoff", "failed"
]


class ServiceSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """The desired state of one service: the content of `specs/<name>.spec` (TOML, Habitat's keys).

    `ident` is a package ident, or empty for a plain command (`cmd`). `binds` are
    `name:service.group[@org]`. Times in seconds. `restarts` is the durable counter of
    `hab svc restart`. `drain`, `health_grace` and `on_failure` are for strategy `rolling`.
    """

    ident: str
    name: str = ""
    group: str = "default"
    org: str = ""
    bldr_url: str = ""
    channel: str = "stable"
    topology: Topology = "standalone"
    update_strategy: Strategy = "none"
    update_condition: Literal["latest", "track-channel"] = "latest"
    binds: tuple[str, ...] = ()
    binding_mode: Literal["strict", "relaxed"] = "strict"
    config_from: str = ""
    desired_state: Literal["up", "down"] = "up"
    shutdown_timeout: int | None = None
    health_check_interval: int = 30
    bootstrap_expect: int = 3
    drain: int = 2
    health_grace: int = 10
    on_failure: Literal["halt", "rollback"] = "halt"
    cmd: tuple[str, ...] = ()
    cwd: str = ""
    restarts: int = 0

    @property
    def service(self) -> str:
        """The service's name: `name`, or the package's name."""
        return self.name or self.ident.split("/")[1]

    @property
    def service_group(self) -> str:
        """`<name>.<group>[@<org>]`."""
        return f"{self.service}.{self.group}" + (f"@{self.org}" if self.org else "")


class UpdateStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the update of a service stands, for one whose strategy is carried out.

    `offered` is the release to go to, empty while none is known; `reason` says why it waits.
    `next_poll_s`: when the depot is asked next, by CLOCK_BOOTTIME in `UpdateTold`, from now on in
    `Services`; 0 for never.
    """

    state: UpdateState = "unknown"
    offered: str = ""
    reason: str = ""
    next_poll_s: float = 0.0


class ServiceStatus(msgspec.Struct, frozen=True):
    """How a service stands. `since_s`: CLOCK_BOOTTIME of the last change of `stage`.

    `elapsed_s` whole seconds in the stage when asked; `reason` says why it waits or failed;
    `next_try_s` seconds until the next start when in backoff (from `since_s` on in
    `ServiceSettled`, from now on in `Services`); `restarts` counts starts after an end nobody asked
    for; `last_exit` words of the last end. `config` is the version of the group's configuration
    that it runs (or last ran) with, 0 for none. `role` is what it acts as in its group, empty for a
    standalone service; then `leader` leads the group in `term`. `update` is filled in where it is
    asked for.
    """

    spec: ServiceSpec
    package: str
    stage: Stage
    reason: str = ""
    pid: int | None = None
    elapsed_s: int = 0
    restarts: int = 0
    next_try_s: float = 0.0
    last_exit: str = ""
    health: Health = "unknown"
    term: int = 0
    since_s: float = 0.0
    update: UpdateStatus | None = None
    role: Literal["", "none", "leader", "follower"] = ""
    leader: MemberId = ""
    config: int = 0


# ── commands: control → specs, answered by Accepted, then Settled (or CallFailed) ──


class LoadService(Message, frozen=True):
    """Load a service, or find it loaded the same; `force` merges onto what is stored.

    `given` names the fields of `spec` that the operator gave (a merge touches only those).
    `wait`: answer `Settled` once the outcome is known. `install` is a HART file to install first.
    """

    spec: ServiceSpec
    given: tuple[str, ...] = ()
    force: bool = False
    wait: bool = True
    install: str = ""


class UpdateService(Message, frozen=True):
    """Change the given fields of a loaded service."""

    service: str
    spec: ServiceSpec
    given: tuple[str, ...]
    wait: bool = True


class UnloadService(Message, frozen=True):
    """Stop and forget. `ident` is a package ident, a service name or a service group."""

    service: str
    shutdown_timeout: int | None = None
    wait: bool = True


class StopService(Message, frozen=True):
    """Stop, keeping all options."""

    service: str
    shutdown_timeout: int | None = None
    wait: bool = True


class StartService(Message, frozen=True):
    """Start again; what was never loaded is loaded (with defaults), and the answer says so."""

    service: str
    wait: bool = True


class RestartService(Message, frozen=True):
    """Raise the spec's restart counter: the service is stopped and started once."""

    service: str
    wait: bool = True


class QueryServices(Message, frozen=True):
    """Asks for the status of one service (ident, name or group) or all; answered by `Services`."""

    service: str = ""


class Services(Message, frozen=True):
    """Status of the services asked about, sorted by name."""

    services: tuple[ServiceStatus, ...] = ()


class Accepted(Message, frozen=True):
    """The command is durable; what it asks for will happen even if everything dies now."""

    text: str
    event_id: str = ""
    unchanged: bool = False


class Progress(Message, frozen=True):
    """A line to show while a command runs; `done`/`total` for a bar when total > 0."""

    text: str
    done: int = 0
    total: int = 0


class Settled(Message, frozen=True):
    """The outcome of a command; `reason` says what a `waiting` one waits for."""

    service: str
    outcome: Literal["up", "down", "gone", "failed", "waiting"]
    reason: str = ""
    event_id: str = ""


# ── between specs, services and the census ──


class QuerySpecs(Message, frozen=True):
    """service → specs: asks for all specs; `SpecsListed` follows once the directory was read."""


class SpecsListed(Message, frozen=True):
    """specs → service: every spec there is; a service that is not among them is to end."""

    specs: tuple[ServiceSpec, ...] = ()


class SpecChanged(Message, frozen=True):
    """specs → service → `service/<name>`: the spec as it is now on disk.

    `shutdown_timeout` is the operator's word for the stop this change brings, if any.
    """

    spec: ServiceSpec
    shutdown_timeout: int | None = None


class SpecGone(Message, frozen=True):
    """specs → service → `service/<name>`: the spec is no more; stop, clean up, end."""

    service: str
    shutdown_timeout: int | None = None


class WantSpec(Message, frozen=True):
    """`service/<name>` → service: a new instance asks for its spec; `SpecChanged` or `SpecGone`."""

    service: str


class ServiceGone(Message, frozen=True):
    """`service/<name>` → service and specs: nothing runs, nothing is left to do for it."""

    service: str


class HaltService(Message, frozen=True):
    """service → `service/<name>`: the supervisor ends; stop within `limit_s`, and stay down."""

    limit_s: float


class ServiceHalted(Message, frozen=True):
    """`service/<name>` → service: halted, its process and its post-stop hook have ended."""

    service: str


class PublishService(Message, frozen=True):
    """service → `service/<name>`: tell all again; gossip or `update` may have lost it."""


# ── what `service/<name>` and specs remind themselves of ──


class FactsOverdue(Message, frozen=True):
    """Somebody who was asked when the instance started has not answered: ask again."""


class AnswerOverdue(Message, frozen=True):
    """The answer to `call` is late."""

    call: str


class RetryStart(Message, frozen=True):
    """The backoff is over: try the next start."""


class StartSettled(Message, frozen=True):
    """The process `pid` has outlived the time in which a broken program fails."""

    pid: int


class HookDue(Message, frozen=True):
    """It is time to run `hook` for the process `pid`."""

    hook: str
    pid: int


class GatesDue(Message, frozen=True):
    """A waiting service subscribes to the census again."""


class StandDue(Message, frozen=True):
    """It is time to tell the election again that this member takes part."""


class RoleDue(Message, frozen=True):
    """A service without a role asks for it again, and why there is none."""


class HandOverOverdue(Message, frozen=True):
    """The lead was not handed over in time: the process is stopped all the same."""


class RereadSpecs(Message, frozen=True):
    """The directory of specs could not be read at the start: try again."""


class QueryOverdue(Message, frozen=True):
    """Answer the held question `number` with what is known."""

    number: int


class ServiceSettled(Message, frozen=True):
    """`service/<name>` → specs: its status, told on each change of stage."""

    status: ServiceStatus


class ServiceLoaded(Event, frozen=True):
    """A spec was written for the first time."""

    service: str
    ident: str
    sentence: ClassVar[str] = "{service} was loaded ({ident})"


class SpecUpdated(Event, frozen=True):
    """A stored spec changed; `changed` names the fields."""

    service: str
    changed: str
    sentence: ClassVar[str] = "the spec of {service} changed: {changed}"


class ServiceUnloaded(Event, frozen=True):
    """A spec was removed."""

    service: str
    sentence: ClassVar[str] = "{service} was unloaded"


class SpecRefused(Event, frozen=True):
    """A spec file cannot be used; the others go on."""

    path: str
    reason: str
    sentence: ClassVar[str] = "spec {path} is not used: {reason}"


class ServiceStageChanged(Event, frozen=True):
    """A service moved from one stage to another."""

    service: str
    stage: str
    reason: str
    pid: int = 0
    service_group: str = ""
    sentence: ClassVar[str] = "{service} is {stage}: {reason}"


class AccountMissing(Event, frozen=True):
    """A service runs as the supervisor's own user, since the account of its package is not here."""

    service: str
    reason: str
    service_group: str = ""
    sentence: ClassVar[str] = "{service}: {reason}"


class HealthChanged(Event, frozen=True):
    """A health check's verdict differs from the one before."""

    service: str
    health: str
    service_group: str = ""
    sentence: ClassVar[str] = "health of {service} is {health}"


class HookFailed(Event, frozen=True):
    """A hook failed; `how` in words, with what follows from it."""

    service: str
    hook: str
    how: str
    service_group: str = ""
    sentence: ClassVar[str] = "{hook} of {service} failed: {how}"


class RoleTaken(Event, frozen=True):
    """What a service acts as from now on.

    `leader` is said before anything is told to the process, another role once it does not act as
    leader any more. The end of the process ends the role too.
    """

    service: str
    service_group: str
    role: str
    term: int
    leader: MemberId = ""
    sentence: ClassVar[str] = "role of {service} in {service_group}: {role} (term {term})"


class SuitabilityMeasured(Event, frozen=True):
    """What hook `suitability` said for a term; `needs` of a leader, if not as much as that."""

    service: str
    service_group: str
    term: int
    value: int
    needs: int | None = None
    sentence: ClassVar[str] = "suitability of {service} for term {term} is {value}"
