"""The state of one service's actor, and what others are told of it (derived, never stored)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from actors.effects import Effect
from actors.messages.base import MemberId
from actors.messages.depot import PackageInfo, TemplatesRead
from actors.messages.groups import GroupConfig, GroupFacts
from actors.messages.ring import Census, ServiceInfo
from actors.messages.service import Health, ServiceSpec, ServiceStatus, Stage
from actors.service.gates import CENSUS_UNKNOWN, ROLE_UNKNOWN, leader_wanted
from actors.service.options import ServiceOptions
from actors.service.part import OUTSIDE, Part
from actors.service.reconcile import reconcile
from actors.service.record import Record
from actors.service.templating import Parsed
from actors.service.view import Made, View

if TYPE_CHECKING:
    from random import Random

Phase: TypeAlias = Literal[
    "discovering",  # a new instance asks what is true
    "down",  # nothing lives, nothing is under way
    "checking",  # before a repeated start: does something live after all?
    "resolving",  # asks for the package
    "waiting",  # for binds or a leader
    "preparing",  # the service's directory
    "initializing",  # the init hook runs
    "confirming",  # all is ready to start as leader; does it still lead?
    "starting",  # the launcher was asked for the process
    "settling",  # it lives, but not yet long enough to be called up
    "up",
    "stopping",  # it was asked to end
    "post_stop",  # it has ended, the post-stop hook runs
    "backoff",  # the next start waits
    "withdrawing",  # it gives up its seat in an election it has no part in any more
    "gone",  # unloaded, nothing left to do
]
Desire: TypeAlias = Literal["up", "down", "gone"]
RUNNING: tuple[Phase, ...] = ("settling", "up")
STAGES: dict[Phase, Stage] = {
    "down": "down",
    "checking": "initializing",
    "resolving": "initializing",
    "waiting": "waiting",
    "preparing": "initializing",
    "initializing": "initializing",
    "confirming": "initializing",
    "starting": "starting",
    "settling": "starting",
    "up": "up",
    "stopping": "stopping",
    "post_stop": "stopping",
    "backoff": "backoff",
    "withdrawing": "stopping",
}
DEFAULT_TIMEOUT_S = 8  # Habitat's
UNPROVEN: Final = "it is left out of binds until it is healthy"


@dataclass(frozen=True, slots=True)
class Moment:
    """What one step may know of the outside. `now` is CLOCK_BOOTTIME, `instance` unique."""

    now: float
    random: Random
    instance: str
    member: MemberId
    options: ServiceOptions


@dataclass(frozen=True, slots=True)
class Taken:
    """A configuration of the group that its turn has brought; None for none.

    `restarts`: its files are made at a start of their own. Else after `not_after_s`
    (CLOCK_BOOTTIME) files that were made with it are taken back.
    """

    config: GroupConfig | None
    not_after_s: float
    restarts: bool


@dataclass(frozen=True, slots=True)
class Life:
    """One service as its actor knows it. Times in seconds, instants by CLOCK_BOOTTIME.

    `asked`: the launcher has said what lives. `call` names the one answer awaited now, `hook` the
    one hook that must end first (init, post-stop); `health_hook` and `post_run_hook` run beside the
    process. `delay_s` is the last pause before a start, `next_try_s` the present one, `retry_s` the
    last pause before post-run. `halted_s` bounds the stop when the supervisor ends. `aborting`: the
    init hook is being ended.

    `ended_pid` and `ended_at`: the last end nobody had asked for, of the process or of `init`.

    `told` is what was applied to groups, as it was told; `facts` the same with what is encrypted
    for the own group open: `opened` by ciphertext, a text where it cannot be, `opening` the call
    under way. `held` is the configuration that was in force last, `source` the same as it travels;
    `shut`: the present one cannot be opened, and none was held. `next_config` is what a turn is
    about to bring, `taken` what it has brought, until the files say so.

    `seen` is the view that the files in place were made from, `made` those files, `rendering` the
    one call about them that is open while the process runs. `beside` are the keys of further hooks
    that run beside the process, by hook; `due` those to run once more after that. `again`: it is
    stopped to be started again in the same release; `taking`: to be started in this one, if
    it is stopped for that by `taking_until_s` (0: whenever that is).
    `withdrawn`: it runs, and the ring is told that it is not up; if that is for another release, or
    configuration, until it is healthy in it. `told_s`: when its process was told of one last.
    """

    name: str
    phase: Phase = "discovering"
    reason: str = ""
    since_s: float = 0.0
    # what is wanted
    spec: ServiceSpec | None = None
    gone: bool = False
    halted_s: float | None = None
    stop_timeout_s: int | None = None
    # what is
    asked: bool = False
    pid: int | None = None
    record: Record | None = None
    up_since_s: float | None = None
    last_exit: str = ""
    ended_pid: int | None = None
    ended_at: float | None = None
    health: Health = "unknown"
    first_ok: bool = True
    # what is under way
    package: PackageInfo | None = None
    user: str = ""
    group: str = ""
    call: str = ""
    hook: str = ""
    health_hook: str = ""
    post_run_hook: str = ""
    retry_s: float = 0.0
    number: int = 0
    aborting: bool = False
    # what its files are made of
    templates: TemplatesRead | None = None
    parsed: Parsed | None = None
    census: Census | None = None
    facts: GroupFacts | None = None
    told: GroupFacts | None = None
    opened: Mapping[bytes, bytes | str] = field(default_factory=dict)
    opening: str = ""
    held: GroupConfig | None = None
    source: GroupConfig | None = None
    shut: bool = False
    seen: View | None = None
    made: Made | None = None
    rendering: str = ""
    beside: frozenset[tuple[str, str]] = frozenset()
    due: frozenset[str] = frozenset()
    again: bool = False
    taking: PackageInfo | None = None
    taking_until_s: float = 0.0
    withdrawn: bool = False
    next_config: GroupConfig | None = None
    taken: Taken | None = None
    told_s: float = 0.0
    # its part in the election of a leader
    part: Part = OUTSIDE
    # the next try
    failed: bool = False
    delay_s: float = 0.0
    next_try_s: float = 0.0
    # what was told last
    published: ServiceInfo | None = None


Decision: TypeAlias = tuple[Life, list[Effect]]


def follows(life: Life) -> bool:
    """Whether the service follows the ring: its files, or its start, depend on it."""
    if life.phase in ("preparing", "initializing", "confirming", "starting", *RUNNING):
        return package_of(life) is not None
    return life.phase == "waiting"


def takes_part(life: Life) -> bool:
    """Whether it has a part in the election of a leader; so it waits for a role, and acts in it."""
    return life.record is not None and life.record.stands != ""


def acts_as_leader(life: Life) -> bool:
    """Whether its process, or an init hook that was told so, may act as leader."""
    if life.record is None or life.record.acts.role != "leader":
        return False
    return life.phase in (
        "discovering",
        "checking",
        "initializing",
        "starting",
        "stopping",
        *RUNNING,
    )


def wants_role(life: Life) -> bool:
    """Whether it has to know its role now."""
    return takes_part(life) and (
        life.phase in ("resolving", "waiting", "preparing", "initializing", "confirming", *RUNNING)
    )


def desire(life: Life) -> Desire:
    """What the operator, or the end of the supervisor, wants of it."""
    if life.gone:
        return "gone"
    if life.halted_s is not None or life.spec is None:
        return "down"
    return life.spec.desired_state


def outdated(life: Life) -> bool:
    """Whether what runs, or is about to, is not what is wanted."""
    if desire(life) != "up":
        return True
    return life.record is not None and reconcile(life.record.spec, spec_of(life)) == "restart"


def goes(life: Life) -> bool:
    """Whether its process is to end, so that another release or configuration can start."""
    return life.taking is not None or (life.taken is not None and life.taken.restarts)


def spec_of(life: Life) -> ServiceSpec:
    """The spec that is wanted, or once it is gone the one that ran."""
    if life.spec is not None:
        return life.spec
    return life.record.spec if life.record else ServiceSpec(ident="", name=life.name)


def package_of(life: Life) -> PackageInfo | None:
    """The package that runs, or is about to."""
    return life.package or (life.record.package if life.record else None)


def stage_of(life: Life) -> Stage | None:
    """The stage as others know it; None while nothing is known or nothing is left."""
    if life.phase == "backoff" and life.failed:
        return "failed"
    if life.phase == "waiting" and life.reason in (CENSUS_UNKNOWN, ROLE_UNKNOWN):
        return "initializing"  # an answer is under way, nobody outside has to do anything
    return STAGES.get(life.phase)


def status_of(life: Life) -> ServiceStatus | None:
    """How it stands; None while nothing is known or nothing is left."""
    stage = stage_of(life)
    if stage is None:
        return None
    package = package_of(life)
    return ServiceStatus(
        spec=spec_of(life),
        package=package.ident if package else "",
        stage=stage,
        reason=_reason(life),
        pid=life.pid,
        restarts=life.record.restarts if life.record else 0,
        next_try_s=life.next_try_s if life.phase == "backoff" else 0.0,
        last_exit=life.last_exit,
        health=life.health,
        since_s=life.since_s,
        config=config_version(life),
        **_role(life),
    )


def _reason(life: Life) -> str:
    """Why it waits, with what the election waits for."""
    part = life.part
    if not part.why or not takes_part(life) or (part.told and part.told.role != "none"):
        unproven = life.phase == "up" and is_unproven(life) and not life.reason
        return UNPROVEN if unproven else life.reason
    group = spec_of(life).service_group
    if life.phase == "waiting":
        wanted = life.reason == leader_wanted(group)
        return f"{life.reason}: {part.why}" if wanted else life.reason
    if part.told and life.phase in RUNNING and not life.reason:
        return f"nobody leads {group}: {part.why}"
    return life.reason


def _role(life: Life) -> dict[str, Any]:
    """What it acts as, for its status."""
    if life.record is None or not takes_part(life):
        return {}
    if life.phase not in RUNNING:
        return {"role": "none"}
    acts = life.record.acts
    return {"role": acts.role, "term": acts.term, "leader": acts.leader}


def is_unproven(life: Life) -> bool:
    """Whether it has gone to another release, and nobody is sent to it until it is healthy."""
    return life.record is not None and life.record.unproven


def info_of(life: Life, at: Moment) -> ServiceInfo | None:
    """What the ring is to know of it; None for nothing."""
    if stage_of(life) is None:
        return None
    spec, package = spec_of(life), package_of(life)
    return ServiceInfo(
        member=at.member,
        service_group=spec.service_group,
        package=package.ident if package else "",
        up=life.phase == "up" and not life.withdrawn and not is_unproven(life),
        health=life.health,
        topology=spec.topology,
        strategy=spec.update_strategy,
        sys=at.options.sys,
        permanent=at.options.permanent,
        exports=_exports(life),
        bootstrap_expect=spec.bootstrap_expect,
        config=config_version(life),
    )


def ran_config(life: Life) -> GroupConfig | None:
    """The configuration of its group that its files were made with, as it travels."""
    config = life.record.config if life.record is not None else None
    same = config is not None and config.service_group == spec_of(life).service_group
    return config if same else None


def config_version(life: Life) -> int:
    """The version of that, 0 for none."""
    config = ran_config(life)
    return config.version if config is not None else 0


def _exports(life: Life) -> dict[str, object]:
    """What it exports; a new instance has made no files yet, and tells what was told before."""
    if life.made is not None:
        return dict(life.made.exports)
    return dict(life.record.exports) if life.record is not None else {}


def stop_signal(life: Life) -> str:
    """The signal that asks it to end: the package's, else TERM."""
    package = life.record.package if life.record else life.package
    return package.shutdown_signal if package else "TERM"


def stop_timeout_s(life: Life) -> float:
    """Seconds before KILL: command line, spec, package, 8; never more than the supervisor has."""
    record = life.record
    package = record.package if record else life.package
    ran = record.spec.shutdown_timeout if record else None
    spec = life.spec.shutdown_timeout if life.spec and not life.gone else ran
    said = (life.stop_timeout_s, spec, package.shutdown_timeout if package else None)
    timeout_s = next((s for s in said if s is not None), DEFAULT_TIMEOUT_S)
    return float(timeout_s if life.halted_s is None else min(timeout_s, life.halted_s))
