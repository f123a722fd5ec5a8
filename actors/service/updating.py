"""Going to another release: what `update/<name>` asks for, and when the service can follow."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import Cancel, Effect, Emit, Reply
from actors.messages.depot import PackageResolved
from actors.messages.runtime import CallFailed, Ok
from actors.messages.update import ReleaseTaken
from actors.service.gates import binds_problem
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    desire,
    outdated,
    package_of,
    spec_of,
)
from actors.service.stopping import stop
from actors.service.users import choose


def take(life: Life, resolved: PackageResolved, at: Moment) -> Decision:
    """Go to a package: at once where that is possible, else not at all; who asks asks again.

    Refused where the service could not start in it: what runs is left alone.
    """
    package, problem = resolved.package, _problem(life, resolved, at)
    if problem:
        return life, [Reply(CallFailed("Refused", problem, "not-runnable"))]
    ran = package_of(life)
    done: Effect = Reply(Ok(f"{life.name} goes to {package.ident}"))
    if desire(life) != "up" or outdated(life) or (ran and ran.ident == package.ident):
        return life, [done]
    record = life.record
    if record is None or life.phase not in (*RUNNING, "backoff", "waiting"):
        return life, [done]
    held = replace(life, record=msgspec.structs.replace(record, target=package.ident))
    group, ident = spec_of(life).service_group, ran.ident if ran else ""
    said = [Emit(ReleaseTaken(life.name, ident, package.ident, group)), done]
    if life.phase in RUNNING:
        words = f"it goes from {ident} to {package.ident}"
        after, effects = stop(replace(held, taking=package), words, at)
        return after, [*said, *effects]
    at_rest = msgspec.structs.replace(record, package=package, target=package.ident)
    rest = replace(held, phase="down", reason="", call="", package=None, record=at_rest)
    rest = replace(rest, failed=False, delay_s=0.0)
    return rest, [*said, Cancel("answer"), Cancel("gates"), Cancel("start")]


def _problem(life: Life, resolved: PackageResolved, at: Moment) -> str:
    """Why a start in the package would surely fail, if so."""
    package = resolved.package
    if not package.runnable:
        return f"{package.ident} has neither hooks/run nor run"
    switch = at.options.can_switch_user
    account = choose(package, resolved.users, resolved.groups, can_switch=switch)
    return account if isinstance(account, str) else binds_problem(spec_of(life), package)
