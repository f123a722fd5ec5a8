"""Going to another configuration of the group, in a turn that `update/<name>` was given.

The files are made first, as a trial: what cannot be made, or not be opened, is refused and changes
nothing. Where new files would be a restart, the process is stopped first and the files are made at
its start; else they are written under it, and its hook tells it. Nothing is asked of a process
after the turn's leave has ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import msgspec

from actors.effects import Cancel, Effect, Reply, Send
from actors.messages.groups import GroupConfig
from actors.messages.process import StopProcess
from actors.messages.runtime import CallFailed, Ok
from actors.messages.update import (
    ReturnService,
    TakeConfiguration,
    TakeRelease,
    WithdrawService,
)
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    Taken,
    desire,
    goes,
    outdated,
    package_of,
    ran_config,
    stop_timeout_s,
)
from actors.service.planning import changed_files
from actors.service.reconfiguring import consequence
from actors.service.rendering import again, as_it_runs, make, view_of
from actors.service.sealed import applied, settled
from actors.service.starting import LAUNCHER
from actors.service.updating import take, takes, withdraw
from actors.service.view import Made

UNSETTLED = CallFailed(
    "ActorUnavailableError", "what the service runs with is not known yet", "not-settled"
)


def follow(
    life: Life, order: TakeRelease | TakeConfiguration | WithdrawService | ReturnService, at: Moment
) -> Decision:
    """Do what `update/<name>` asks for."""
    match order:
        case TakeRelease():
            return take(life, order, at)
        case TakeConfiguration():
            return take_configuration(life, order, at)
        case WithdrawService(for_s):
            return withdraw(life, for_s)
        case ReturnService():
            return replace(life, withdrawn=False), []
        case _:
            assert_never(order)


def take_configuration(life: Life, order: TakeConfiguration, at: Moment) -> Decision:
    """Go to a configuration: at once where that is possible, else not at all; it is asked again."""
    config = order.config
    opened = _opened(life, config)
    if isinstance(opened, CallFailed):
        life, effects = _open(life, config, at)
        return life, [*effects, Reply(opened)]
    if life.phase in RUNNING:
        return _running(life, order, opened, at)
    version = config.version if config is not None else 0
    done: Effect = Reply(Ok(f"{life.name} goes to configuration {version}"))
    # An init hook may never end; who conducts a rollout has given it its time.
    begins = life.phase == "initializing" and order.not_after_s > 0 and not life.aborting
    ready = begins or life.phase in ("backoff", "waiting")
    if order.check or not ready or not _may_go(life, order, at):
        return life, [done]
    assert life.record is not None, "it waits for a start without a record"
    record = msgspec.structs.replace(life.record, config=config, unproven=True)
    said = takes(life, version)
    if begins:
        life = replace(life, record=record, aborting=True)
        life = replace(life, reason=f"it goes to configuration {version}; the init hook is ended")
        stop = StopProcess(life.hook, "TERM", stop_timeout_s(life))
        return life, [said, done, Send(LAUNCHER, stop)]
    rest = replace(life, phase="down", reason="", call="", package=None, record=record)
    rest = replace(rest, failed=False, delay_s=0.0)
    return rest, [said, done, Cancel("answer"), Cancel("gates"), Cancel("start")]


def _running(
    life: Life, order: TakeConfiguration, opened: GroupConfig | None, at: Moment
) -> Decision:
    """The process lives: see by a trial what the configuration means for it."""
    made = _trial(life, opened, at)
    if isinstance(made, CallFailed):
        return life, [Reply(made)]
    version = opened.version if opened is not None else 0
    done: Effect = Reply(Ok(f"{life.name} goes to configuration {version}"))
    if order.check or not _may_go(life, order, at):
        return life, [done]
    assert life.made is not None, "a trial of what is not known"
    then = consequence(changed_files(life.made, made), made.hooks)
    taken = Taken(order.config, order.not_after_s, restarts=then == "restart")
    said = [] if taken.restarts else [takes(life, version)]  # else when it is stopped for that
    life, effects = again(settled(replace(life, taken=taken)), at)
    return life, [*said, done, *effects]


def _may_go(life: Life, order: TakeConfiguration, at: Moment) -> bool:
    """Whether it is to go now: not yet there, nor on its way, and while it has leave."""
    late = order.not_after_s > 0 and at.now > order.not_after_s
    here = ran_config(life) == order.config
    under_way = life.taken is not None or goes(life)
    wanted = desire(life) == "up" and not outdated(life) and life.record is not None
    return wanted and not late and not here and not under_way


def _trial(life: Life, opened: GroupConfig | None, at: Moment) -> Made | CallFailed:
    """The files that a configuration would make, or why there are none."""
    package, seen = package_of(life), view_of(life)
    if life.made is None or package is None or seen is None or life.rendering:
        return UNSETTLED
    made = make(as_it_runs(life), replace(seen, config=opened), package, at)
    return CallFailed("Refused", made, "not-renderable") if isinstance(made, str) else made


# ── what is encrypted ──


def _opened(life: Life, config: GroupConfig | None) -> GroupConfig | CallFailed | None:
    """The configuration as it can be read, or why it cannot be."""
    if config is None or not config.sealed:
        return config
    content = life.opened.get(config.data)
    if isinstance(content, bytes):
        return msgspec.structs.replace(config, data=content, sealed=False)
    if content is None or life.next_config != config:
        return UNSETTLED
    text = f"configuration {config.version} cannot be opened here: {content}"
    return CallFailed("Refused", text, "sealed")


def _open(life: Life, config: GroupConfig | None, at: Moment) -> Decision:
    """Have it opened, unless that is under way, or was just tried: then the next try is anew."""
    if config is None or life.told is None:
        return life, []
    if life.next_config == config and life.opened.get(config.data) is not None:
        kept = {data: content for data, content in life.opened.items() if data != config.data}
        return replace(life, opened=kept, next_config=None), []
    if life.next_config == config and life.opening:
        return life, []
    return applied(replace(life, next_config=config), life.told, at)
