"""From a process to nothing: signal, end, post-stop, and what a crash leaves behind."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Ask, Cancel, Effect, Emit, Persist, Send
from actors.messages.depot import WritePidFile
from actors.messages.process import ProcessEnded, ProcessExited, StopProcess
from actors.messages.service import AnswerOverdue, ServiceGone
from actors.service.hooks import (
    HEALTH_CHECK,
    POST_RUN,
    POST_STOP,
    POST_STOP_S,
    exit_words,
    process_key,
    start_hook,
)
from actors.service.life import (
    Decision,
    Life,
    Moment,
    acts_as_leader,
    desire,
    goes,
    spec_of,
    stop_signal,
    stop_timeout_s,
)
from actors.service.record import Position, record_path
from actors.service.rendering import PACKAGES, forget
from actors.service.starting import LAUNCHER, fail, hook_key, persist
from actors.service.updating import leaves

SETTLE_SPARE_S = 0.1  # between the KILL of a demoted leader and the instant it must be gone
GRACE_S = 10.0  # after its KILL a process that is not reported gone is asked about again


def stop(life: Life, reason: str, at: Moment) -> Decision:
    """Ask the process to end; the hooks beside it end at once."""
    said = leaves(life)
    life, effects = end_beside(life)
    record = life.record
    if record is not None and life.withdrawn and goes(life):
        life = replace(life, record=msgspec.structs.replace(record, unproven=True))
    life = replace(life, phase="stopping", reason=reason, health="unknown", withdrawn=False)
    life, order = order_stop(life, at)
    return life, [*said, *effects, Cancel("settle"), Cancel("withdrawn"), *order]


def order_stop(life: Life, at: Moment) -> Decision:
    """The order itself, which may be repeated with another timeout.

    A leader that is told to be none any more has ended by then.
    """
    timeout_s, told = stop_timeout_s(life), life.part.told
    if acts_as_leader(life) and told is not None and told.settle_by_s:
        timeout_s = min(timeout_s, max(0.0, told.settle_by_s - at.now - SETTLE_SPARE_S))
    life = replace(life, number=life.number + 1)
    call = f"{at.instance}:stop:{life.number}"
    order = StopProcess(process_key(life.name), stop_signal(life), timeout_s)
    return replace(life, call=call), [
        Ask(LAUNCHER, order, call),
        After(timeout_s + GRACE_S, AnswerOverdue(call), name="answer"),
    ]


def stopped_process(life: Life, end: ProcessExited, at: Moment) -> Decision:
    """The process has gone as it was asked to: only now its post-stop hook."""
    words = exit_words(end.code, end.signal)
    pid = life.pid or end.pid
    life = replace(life, pid=None, call="", last_exit=words, up_since_s=None, delay_s=0.0)
    life = acts_no_more(life, for_good=life.part.stuck)
    life, effects = after_stop(life, at)
    return life, [
        Emit(ProcessEnded(end.key, pid, words)),
        Cancel("answer"),
        Cancel("settle"),
        Send(PACKAGES, WritePidFile(life.name)),
        *effects,
    ]


def acts_no_more(life: Life, *, for_good: bool) -> Life:
    """Its process has ended, and with it the role; `for_good`: it leads no more in that term."""
    record = life.record
    if record is None:
        return life
    acts = record.acts
    over = max(record.over, acts.term) if for_good and acts.role == "leader" else record.over
    record = msgspec.structs.replace(record, acts=Position(), acted=False, over=over)
    part = replace(life.part, hook="", bring=Position(), ending=False, handing="")
    return replace(life, record=record, part=part)


def after_stop(life: Life, at: Moment) -> Decision:
    """Run post-stop, if there is one to run."""
    record = life.record
    if record is None or not record.init_done or POST_STOP not in record.hooks:
        return stopped(life)
    limit_s = POST_STOP_S if life.halted_s is None else life.halted_s / 2
    life, key = hook_key(replace(life, phase="post_stop"), POST_STOP, at)
    start = start_hook(POST_STOP, key, record, at.options, limit_s)
    return replace(life, hook=key), [Ask(LAUNCHER, start, key)]


def stopped(life: Life) -> Decision:
    """All is over: at rest. The next start looks for the package anew."""
    record = life.record
    life = replace(
        life,
        phase="down",
        reason="",
        hook="",
        call="",
        health="unknown",
        package=None,
        stop_timeout_s=None,
        aborting=False,
    )
    life, effects = forget(life)
    if record is None:
        return life, effects
    brought = life.taken is not None and life.taken.restarts
    package = life.taking or (record.package if life.again or brought else None)
    rest = msgspec.structs.replace(
        record, init_done=False, post_run_done=False, pid=None, package=package
    )
    if life.taken is not None and brought:
        rest = msgspec.structs.replace(rest, config=life.taken.config)
    life = replace(life, record=rest, again=False, taking=None, taking_until_s=0.0, taken=None)
    return life, effects if desire(life) == "gone" else [*effects, persist(life)]


def crashed(life: Life, end: ProcessExited, at: Moment) -> Decision:
    """The process ended and nobody had asked for it; a leader's leads no more in its term."""
    assert life.record is not None, "a process without a record"
    words = exit_words(end.code, end.signal)
    if end.ended_by == "fence":
        words = f"{words}, its lease was not renewed in time"
    record = msgspec.structs.replace(
        life.record, pid=None, init_done=False, restarts=life.record.restarts + 1
    )
    pid = life.pid or end.pid
    life, effects = end_beside(life)
    life = replace(life, pid=None, last_exit=words, health="critical", record=record)
    life = replace(life, withdrawn=False)
    life = acts_no_more(life, for_good=True)
    life = replace(life, ended_pid=pid, ended_at=at.now)
    life, more = fail(life, f"the process ended: {words}", at, failed=False)
    return life, [
        Emit(ProcessEnded(end.key, pid, words)),
        *effects,
        Cancel("settle"),
        Cancel("handover"),
        Send(PACKAGES, WritePidFile(life.name)),
        *more,
        persist(life),
    ]


def end_beside(life: Life) -> Decision:
    """End the hooks that run beside the process, and the reminders of their next runs."""
    effects: list[Effect] = [Cancel(HEALTH_CHECK), Cancel(POST_RUN)]
    beside = sorted(key for _, key in life.beside)
    keys = [life.health_hook, life.post_run_hook, life.part.hook, *beside]
    effects += [Send(LAUNCHER, StopProcess(key, "KILL", 0.0)) for key in keys if key]
    life = replace(
        life,
        health_hook="",
        post_run_hook="",
        beside=frozenset(),
        due=frozenset(),
        rendering="",
        part=replace(life.part, hook="", ending=False),
    )
    return life, effects


def finish(life: Life) -> Decision:
    """Nothing is left of it: say so, and forget it."""
    life = replace(life, phase="gone", spec=spec_of(life), record=None)
    followed = spec_of(life).update_strategy != "none"
    return life, [
        Send("service", ServiceGone(life.name)),
        Send("specs", ServiceGone(life.name)),
        *([Send("update", ServiceGone(life.name))] if followed else []),
        Persist(record_path(life.name), None),
    ]
