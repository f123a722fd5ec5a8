"""Going to another release: what `update/<name>` asks for, and when the service can follow."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Cancel, Effect, Emit, Reply
from actors.messages.depot import PackageResolved
from actors.messages.runtime import CallFailed, Ok
from actors.messages.update import ReleaseTaken, ReturnService, TakeRelease
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
from actors.service.starting import persist
from actors.service.users import choose


def take(life: Life, order: TakeRelease, at: Moment) -> Decision:
    """Go to a package: at once where that is possible, else not at all; who asks asks again.

    Refused where the service could not start in it: what runs is left alone.
    """
    package, problem = order.resolved.package, _problem(life, order.resolved, at)
    if problem:
        return life, [Reply(CallFailed("Refused", problem, "not-runnable"))]
    ran = life.taking or package_of(life)
    done: Effect = Reply(Ok(f"{life.name} goes to {package.ident}"))
    if order.not_after_s and at.now > order.not_after_s:
        return life, [done]
    if desire(life) != "up" or outdated(life) or (ran and ran.ident == package.ident):
        return life, [done]
    record = life.record
    if record is None or life.phase not in (*RUNNING, "backoff", "waiting"):
        return life, [done]
    held = replace(life, record=msgspec.structs.replace(record, target=package.ident))
    group, ident = spec_of(life).service_group, ran.ident if ran else ""
    said = [Emit(ReleaseTaken(life.name, ident, package.ident, group)), done]
    if life.phase in RUNNING:
        return replace(held, taking=package), said  # what leads hands over before its stop
    at_rest = msgspec.structs.replace(
        record, package=package, target=package.ident, unproven=order.not_after_s > 0
    )
    rest = replace(held, phase="down", reason="", call="", package=None, record=at_rest)
    rest = replace(rest, failed=False, delay_s=0.0)
    return rest, [*said, Cancel("answer"), Cancel("gates"), Cancel("start")]


def withdraw(life: Life, for_s: float) -> Decision:
    """Be out of the census for a while, so that nobody is sent here who would be cut off."""
    if life.phase not in RUNNING:
        return life, []
    return replace(life, withdrawn=True), [After(for_s, ReturnService(), name="withdrawn")]


def proven(life: Life) -> Decision:
    """It is up and healthy in the release it went to: who is bound to it may use it again."""
    assert life.record is not None, "a proof of nothing"
    life = replace(life, record=msgspec.structs.replace(life.record, unproven=False))
    return life, [persist(life)]


def _problem(life: Life, resolved: PackageResolved, at: Moment) -> str:
    """Why a start in the package would surely fail, if so."""
    package, named = resolved.package, spec_of(life).ident.split("/")
    if package.ident.split("/")[: len(named)] != named:
        return f"its spec names {spec_of(life).ident}, which {package.ident} is not"
    if not package.runnable:
        return f"{package.ident} has neither hooks/run nor run"
    switch = at.options.can_switch_user
    account = choose(package, resolved.users, resolved.groups, can_switch=switch)
    return account if isinstance(account, str) else binds_problem(spec_of(life), package)
