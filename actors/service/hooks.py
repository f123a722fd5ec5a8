"""Hooks: how each is run, what its exit code means, when the next health check is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.messages.process import StartProcess
from actors.messages.service import Health
from actors.service.environment import role_environment, service_environment
from actors.service.options import ServiceOptions
from actors.service.record import Position, Record

if TYPE_CHECKING:
    from random import Random

INIT = "init"
POST_RUN = "post-run"
HEALTH_CHECK = "health-check"
POST_STOP = "post-stop"
RECONFIGURE = "reconfigure"
RELOAD = "reload"  # of old packages; both run in place of a restart
FILE_UPDATED = "file-updated"
ROLE_CHANGED: Final = "role-changed"
SUITABILITY: Final = "suitability"

NOT_NOW: Final = 75  # EX_TEMPFAIL of sysexits.h: the hook says that it cannot, not that it failed
NONE_S: Final = 1.0  # for `role-changed none`: the election waits for it, and so does a successor
SUITABILITY_S: Final = 0.9  # the election waits 2 s for both
BESIDE_S = 600.0  # a hook that tells the process of a change, and hangs, ends
POST_STOP_S = 60.0  # a stop must end; Habitat does not wait for this hook at all
UNHEALTHY_INTERVAL_S = 30.0  # after anything but OK the next check is due at the latest then
CHECK_FIRST_S = 1.0  # a process that has just started is checked sooner, and ever more seldom
CHECK_LEAST_S = 10.0  # a health check slower than this and than its interval says nothing
HEALTH: dict[int | None, Health] = {0: "ok", 1: "warning", 2: "critical"}


def start_hook(
    hook: str,
    key: str,
    record: Record,
    options: ServiceOptions,
    limit_s: float,
    *,
    brings: Position | None = None,
    dissolved: bool = False,
) -> StartProcess:
    """The process of one run of `hook`; `limit_s` seconds, 0 for no limit.

    `brings` is the position that hook `role-changed` is to bring, as its arguments too.
    """
    base = f"{record.path}/logs/{hook}"
    said = () if brings is None else (brings.role, str(brings.term))
    return StartProcess(
        key=key,
        argv=(f"{record.path}/hooks/{hook}", *said),
        env={
            **service_environment(options.environment, record.spec, record.package, record.path),
            **_role(record, brings, dissolved=dissolved),
        },
        cwd=record.path,
        user=record.user,
        group=record.group,
        stdout=f"{base}.stdout.log",
        stderr=f"{base}.stderr.log",
        truncate=True,
        prefix=f"{record.spec.service_group} hook[{hook}]",
        owner=owner(record.spec.service),
        ends_with_owner=True,
        timeout_s=limit_s,
    )


def start_service(
    key: str,
    record: Record,
    options: ServiceOptions,
    signal: str,
    timeout_s: float,
    *,
    leader_until_s: float = 0.0,
) -> StartProcess:
    """The service's own process: its run hook, or its command.

    `leader_until_s`: it starts as leader, and is killed then unless its lease is renewed.
    """
    spec = record.spec
    base = f"{record.path}/logs/{spec.service}"
    return StartProcess(
        key=key,
        argv=spec.cmd or (f"{record.path}/hooks/run",),
        env={
            **service_environment(options.environment, spec, record.package, record.path),
            **_role(record),
        },
        cwd=spec.cwd or record.path,
        user=record.user,
        group=record.group,
        stdout=f"{base}.stdout.log",
        stderr=f"{base}.stderr.log",
        prefix=spec.service_group,
        owner=owner(record.spec.service),
        stop_signal=signal,
        stop_timeout_s=timeout_s,
        leader_until_s=leader_until_s,
    )


def _role(
    record: Record, brings: Position | None = None, *, dissolved: bool = False
) -> dict[str, str]:
    if not record.stands:
        return {}
    return role_environment(brings or record.acts, dissolved=dissolved)


def owner(service: str) -> str:
    """The name of a service's actor."""
    return f"service/{service}"


def process_key(service: str) -> str:
    """The key of a service's own process."""
    return f"service:{service}"


def check_limit_s(interval_s: float) -> float:
    """Seconds a health check may take."""
    return max(interval_s, CHECK_LEAST_S)


def health_of(code: int | None) -> Health:
    """What a health check's exit code says; anything unknown, or an end by signal, is unknown."""
    return HEALTH.get(code, "unknown")


def next_check_s(
    health: Health, interval_s: float, *, first_ok: bool, random: Random, up_s: float
) -> float:
    """Seconds to the next health check: spread out once when it is OK, sooner when it is not.

    A process is checked again at the latest when it has run about twice as long as it has now
    (`up_s`), so that one that takes a while to serve, or fails after a while, is seen to.
    """
    due_s = min(interval_s, UNHEALTHY_INTERVAL_S)
    if health == "ok":
        due_s = random.uniform(0, interval_s) if first_ok else interval_s
    return min(due_s, random.uniform(0.5, 1.0) * max(CHECK_FIRST_S, up_s))


def exit_words(code: int | None, signal: int | None) -> str:
    """How a process ended, in words."""
    if signal is not None:
        return f"signal {signal}"
    return "unknown" if code is None else f"exit {code}"
