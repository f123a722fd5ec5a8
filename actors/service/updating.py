"""Going to another release: what `update/<name>` asks for, and when the service can follow."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Cancel, Effect, Emit, Reply, Send
from actors.messages.depot import PackageInfo, PackageResolved
from actors.messages.process import StopProcess
from actors.messages.runtime import CallFailed, Ok
from actors.messages.update import ConfigurationTaken, ReleaseTaken, ReturnService, TakeRelease
from actors.service.gates import binds_problem
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    config_version,
    desire,
    goes,
    outdated,
    package_of,
    spec_of,
    stop_timeout_s,
)
from actors.service.starting import LAUNCHER, persist
from actors.service.users import choose


def take(life: Life, order: TakeRelease, at: Moment) -> Decision:
    """Go to a package: at once where that is possible, else not at all; who asks asks again.

    Refused where the service could not start in it: what runs is left alone.
    """
    package, problem = order.resolved.package, _problem(life, order.resolved, at)
    if problem:
        return life, [Reply(CallFailed("Refused", problem, "not-runnable"))]
    ran = package_of(life)
    done: Effect = Reply(Ok(f"{life.name} goes to {package.ident}"))
    if order.not_after_s and at.now > order.not_after_s:
        return life, [done]
    if life.taking is not None and life.taking.ident == package.ident:
        until_s = max(life.taking_until_s, order.not_after_s) if life.taking_until_s else 0.0
        return replace(life, taking_until_s=until_s), [done]
    if desire(life) != "up" or outdated(life):
        return life, [done]
    if ran is not None and ran.ident == package.ident:
        return stays(life), [done]
    record = life.record
    # An init hook may never end; who conducts a rollout has given it its time.
    begins = life.phase == "initializing" and order.not_after_s > 0 and not life.aborting
    if record is None or not (begins or life.phase in (*RUNNING, "backoff", "waiting")):
        return life, [done]
    held = replace(life, record=msgspec.structs.replace(record, target=package.ident))
    if life.phase in RUNNING:  # what leads hands over before its stop
        return replace(held, taking=package, taking_until_s=order.not_after_s), [done]
    said = [_goes(life, ran, package), done]
    if begins:
        unproven = msgspec.structs.replace(record, unproven=True)
        life = replace(life, record=unproven, taking=package, aborting=True)
        life = replace(life, reason=f"it goes to {package.ident}; the init hook is ended")
        return life, [*said, Send(LAUNCHER, StopProcess(life.hook, "TERM", stop_timeout_s(life)))]
    at_rest = msgspec.structs.replace(
        record, package=package, target=package.ident, unproven=order.not_after_s > 0
    )
    rest = replace(held, phase="down", reason="", call="", package=None, record=at_rest)
    rest = replace(rest, failed=False, delay_s=0.0)
    return rest, [*said, Cancel("answer"), Cancel("gates"), Cancel("start")]


def leaves(life: Life) -> list[Effect]:
    """What is said when it is stopped to go to another release, or configuration."""
    taken = life.taken
    if taken is not None and taken.restarts:
        version = taken.config.version if taken.config is not None else 0
        return [takes(life, version)]
    return [_goes(life, package_of(life), life.taking)] if life.taking is not None else []


def takes(life: Life, version: int) -> Effect:
    """What is said when it goes to another configuration of its group."""
    group = spec_of(life).service_group
    return Emit(ConfigurationTaken(life.name, config_version(life), version, group))


def is_late(life: Life, at: Moment) -> bool:
    """Whether it was not stopped in time for what it was told to go to."""
    until_s = life.taking_until_s
    if life.taken is not None and life.taken.restarts:
        until_s = life.taken.not_after_s
    return goes(life) and 0 < until_s < at.now and not outdated(life)


def stays(life: Life) -> Life:
    """It stays in the release, and with the configuration, that it runs."""
    life = replace(life, taken=None)
    if life.taking is None:
        return life
    life = replace(life, taking=None, taking_until_s=0.0)
    record, runs = life.record, package_of(life)
    if record is None or runs is None:
        return life
    return replace(life, record=msgspec.structs.replace(record, target=runs.ident))


def _goes(life: Life, before: PackageInfo | None, package: PackageInfo) -> Effect:
    ident = before.ident if before is not None else ""
    return Emit(ReleaseTaken(life.name, ident, package.ident, spec_of(life).service_group))


def aborted(life: Life) -> Life:
    """The init hook was ended: at rest, in the release it was ended for, if it was for one."""
    record, package = life.record, life.taking
    life = replace(life, phase="down", reason="", aborting=False, taking=None)
    if record is None or package is None or outdated(life):
        return life
    taken = msgspec.structs.replace(record, package=package, target=package.ident)
    return replace(life, package=None, record=taken, failed=False, delay_s=0.0)


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
