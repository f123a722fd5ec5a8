"""Hooks while they run: those beside the process, and those that it waits for."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Ask, Effect, Emit
from actors.messages.process import ProcessExited
from actors.messages.service import HookDue, HookFailed
from actors.service import hooks, roles, suitability
from actors.service.backoff import next_delay_s
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    is_unproven,
    outdated,
    spec_of,
)
from actors.service.starting import LAUNCHER, fail, hook_key, launch, persist
from actors.service.stopping import stop, stopped
from actors.service.updating import aborted


def has_hook(life: Life, hook: str) -> bool:
    """Whether the service has a hook of that name in place."""
    return life.record is not None and hook in life.record.hooks


def hook_due(life: Life, hook: str, pid: int, at: Moment) -> Decision:
    """Run a hook beside the process, unless its last run still goes on."""
    record = life.record
    if life.phase not in RUNNING or pid != life.pid or record is None:
        return life, []
    if life.health_hook if hook == hooks.HEALTH_CHECK else life.post_run_hook:
        return life, []
    life, key = hook_key(life, hook, at)
    limit_s = 0.0
    if hook == hooks.HEALTH_CHECK:
        limit_s = hooks.check_limit_s(record.spec.health_check_interval)
        life = replace(life, health_hook=key)
    else:
        life = replace(life, post_run_hook=key)
    start = hooks.start_hook(hook, key, record, at.options, limit_s)
    return life, [Ask(LAUNCHER, start, key)]


def run_beside(life: Life, hook: str, at: Moment) -> Decision:
    """Run a hook that tells the process of a change; once more, if its last run still goes on."""
    record = life.record
    if life.phase not in RUNNING or record is None or hook not in record.hooks:
        return life, []
    if _waits(life, hook):
        return replace(life, due=life.due | {hook}), []
    life, key = hook_key(life, hook, at)
    life = replace(life, beside=life.beside | {(hook, key)}, due=life.due - {hook})
    return life, [
        Ask(LAUNCHER, hooks.start_hook(hook, key, record, at.options, hooks.BESIDE_S), key)
    ]


def _waits(life: Life, hook: str) -> bool:
    """Whether a hook's last run still goes on, or the process is first told of its role."""
    return roles.is_telling(life) or any(running == hook for running, _ in life.beside)


def run_due(life: Life, at: Moment) -> Decision:
    """Run a hook that has waited; the same life where none can."""
    for hook in sorted(life.due):
        if has_hook(life, hook) and not _waits(life, hook):
            return run_beside(life, hook, at)
    return life, []


def hook_ended(life: Life, key: str, end: ProcessExited, at: Moment, reason: str = "") -> Decision:
    """A hook ended, or could not be started (`reason`)."""
    how = _how(end, reason)
    for hook, running in life.beside:
        if running == key:
            return _beside_ended(life, hook, key, how, at)
    if key and key == life.part.hook:
        return roles.hook_ended(life, end, how, at)
    if key and key == life.part.measuring:
        return suitability.hook_ended(life, end, how, at)
    if not key or key not in (life.hook, life.health_hook, life.post_run_hook):
        return life, []
    if key == life.health_hook:
        return _checked(replace(life, health_hook=""), end.code, at)
    if key == life.post_run_hook:
        return _post_run_ended(replace(life, post_run_hook=""), how, at)
    life = replace(life, hook="")
    if life.phase == "post_stop":
        told = _failed(life, hooks.POST_STOP, f"{how}; it is down all the same") if how else []
        life, effects = stopped(life)
        return life, [*told, *effects]
    if life.aborting or outdated(life):
        return aborted(life), []
    if not how:
        return launch(life, at)
    return fail(life, f"Initialization failed! 'init' {how}", at, failed=True)


def _how(end: ProcessExited, reason: str) -> str:
    """How a hook failed, in words; empty if it did not."""
    if reason:
        return f"could not be run: {reason}"
    if end.code is not None:
        return f"exited with status code {end.code}" if end.code else ""
    late = "took too long and was ended" if end.ended_by == "timeout" else "ended"
    return f"{late}: {hooks.exit_words(end.code, end.signal)}"


def _failed(life: Life, hook: str, how: str) -> list[Effect]:
    return [Emit(HookFailed(life.name, hook, how, spec_of(life).service_group))]


def _beside_ended(life: Life, hook: str, key: str, how: str, at: Moment) -> Decision:
    life = replace(life, beside=life.beside - {(hook, key)})
    effects = _failed(life, hook, how) if how else []
    telling = hook in (hooks.RECONFIGURE, hooks.RELOAD)
    if how and telling and is_unproven(life) and life.phase in RUNNING:
        # In its turn only what surely has the new configuration is proof of it.
        reason = f"its {hook} hook failed; it starts again"
        life, more = stop(replace(life, again=True), reason, at)
        return life, [*effects, *more]
    if telling and life.pid is not None and has_hook(life, hooks.HEALTH_CHECK):
        due = HookDue(hooks.HEALTH_CHECK, life.pid)
        effects.append(After(0.0, due, name=hooks.HEALTH_CHECK))
    return life, effects


def _checked(life: Life, code: int | None, at: Moment) -> Decision:
    health = hooks.health_of(code)
    interval_s = spec_of(life).health_check_interval
    began = max(life.up_since_s or 0.0, life.told_s)  # told of another configuration: young again
    up_s = at.now - began if life.up_since_s is not None else interval_s
    due_s = hooks.next_check_s(
        health, interval_s, first_ok=life.first_ok, random=at.random, up_s=up_s
    )
    life = replace(life, health=health, first_ok=life.first_ok and health != "ok")
    due = HookDue(hooks.HEALTH_CHECK, life.pid or 0)
    return life, [After(due_s, due, name=hooks.HEALTH_CHECK)]


def _post_run_ended(life: Life, how: str, at: Moment) -> Decision:
    if not how and life.record is not None:
        record = msgspec.structs.replace(life.record, post_run_done=True)
        life = replace(life, record=record, retry_s=0.0)
        return life, [persist(life)]
    options = at.options
    delay_s = next_delay_s(life.retry_s, options.backoff_min_s, options.backoff_max_s, at.random)
    due = HookDue(hooks.POST_RUN, life.pid or 0)
    return replace(life, retry_s=delay_s), [
        *_failed(life, hooks.POST_RUN, f"{how}; it is tried again in {delay_s:.1f} s"),
        After(delay_s, due, name=hooks.POST_RUN),
    ]
