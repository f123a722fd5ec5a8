"""What `update/<name>` knows of one service and its updates, and what it tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from actors.effects import Effect
from actors.messages.depot import PackageResolved
from actors.messages.service import ServiceSpec, ServiceStatus, UpdateState, UpdateStatus

if TYPE_CHECKING:
    from random import Random

Question: TypeAlias = Literal["", "release", "package", "taking"]
BACKOFF_MOST = 16  # periods between two tries of what fails again and again
READY = frozenset(("up", "starting", "backoff", "failed", "waiting"))  # stages that can go


@dataclass(frozen=True, slots=True)
class Moment:
    """What one step may know of the outside. `now` is CLOCK_BOOTTIME, `instance` unique.

    `wall`: Unix time. `period_s`: seconds between two questions to a depot that answers.
    """

    now: float
    random: Random
    instance: str
    period_s: float
    wall: float = 0.0


@dataclass(frozen=True, slots=True)
class Updating:
    """One service's update. Instants by CLOCK_BOOTTIME, seconds.

    `standing` is what the service told last. `question` is what `call` waits for. `package` is the
    offered release once it is installed. `rests`: nothing more is asked for until the next poll, or
    word of the service. `unasked` says why the depot's last answer is missing, `refused` why the
    offered release cannot be had or run, `fails` how often in a row. `told` is what was told last,
    `said` the failure that was. `goes`: the service goes to what is offered by itself; else it is
    only asked what that is.
    """

    service: str
    goes: bool = True
    standing: ServiceStatus | None = None
    offered: str = ""
    depot: str = ""
    package: PackageResolved | None = None
    question: Question = ""
    call: str = ""
    number: int = 0
    rests: bool = False
    unasked: str = ""
    refused: str = ""
    fails: int = 0
    next_poll_s: float = 0.0
    told: UpdateStatus | None = None
    said: str = ""


Decision: TypeAlias = tuple[Updating, list[Effect]]


def spec_of(updating: Updating) -> ServiceSpec | None:
    """The spec of the service, once it is known."""
    return updating.standing.spec if updating.standing else None


def running(updating: Updating) -> str:
    """The release the service runs, or is about to; empty while there is none."""
    return updating.standing.package if updating.standing else ""


def is_pinned(spec: ServiceSpec) -> bool:
    """Whether the ident names exactly one release."""
    return spec.ident.count("/") == 3


def followed(spec: ServiceSpec) -> tuple[str, str, str, str]:
    """What decides which release is offered; another one makes what was found old."""
    return spec.ident, spec.channel, spec.bldr_url, spec.update_condition


def state_of(updating: Updating) -> UpdateState:
    """How the update stands, in a word."""
    spec = spec_of(updating)
    if spec is None:
        return "unknown"
    if is_pinned(spec):
        return "pinned"
    if spec.desired_state == "down":
        return "stopped"
    if not updating.offered:
        return "unasked" if updating.unasked else "unknown"
    if updating.offered == running(updating):
        return "unasked" if updating.unasked else "current"
    if updating.refused:
        return "held"
    return "taking" if updating.package else "installing"


def status_of(updating: Updating) -> UpdateStatus:
    """What others are told."""
    state, spec = state_of(updating), spec_of(updating)
    reason = updating.refused if state == "held" else updating.unasked
    if state == "installing" and updating.said:
        reason = f"tried again after: {updating.said}"
    if state == "pinned" and spec is not None:
        reason = f"{spec.ident} names one release"
    if state == "taking" and updating.standing is not None and updating.standing.stage not in READY:
        reason = f"the service takes it when it can; it is {updating.standing.stage} now"
    return UpdateStatus(state, updating.offered, reason, updating.next_poll_s)
