"""From nothing to a process: package, gates, directory, init hook, start, and trying again."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Ask, Cancel, Effect, Emit, Persist, Send
from actors.messages.depot import (
    PackageResolved,
    ResolvePackage,
    ServicePrepared,
    TemplatesRead,
    WritePidFile,
)
from actors.messages.process import OwnProcess, ProcessBegan, ProcessStarted
from actors.messages.ring import Subscribe
from actors.messages.runtime import CallFailed
from actors.messages.service import AnswerOverdue, GatesDue, HookDue, RetryStart, StartSettled
from actors.service.backoff import next_delay_s
from actors.service.gates import (
    CENSUS_LATE,
    CENSUS_UNKNOWN,
    binds_problem,
    needs_census,
    waiting_for,
)
from actors.service.hooks import (
    HEALTH_CHECK,
    INIT,
    POST_RUN,
    owner,
    process_key,
    start_hook,
    start_service,
)
from actors.service.life import (
    Decision,
    Life,
    Moment,
    spec_of,
    stop_signal,
    stop_timeout_s,
)
from actors.service.reconcile import holds, reconcile
from actors.service.record import Record, encode, record_path
from actors.service.rendering import (
    PACKAGES,
    make,
    order,
    parsed,
    read_templates,
    said,
    view_of,
    watch_user,
)
from actors.service.users import choose
from actors.service.view import Made

LAUNCHER = "port/launcher"
ANSWER_S = 10.0  # every answer awaited here takes milliseconds; asking again is always safe
ASK_AGAIN_S = 0.5  # an actor that was not there is restarted within this, mostly
SUBSCRIBE_S = 5.0  # a subscription is a message too: it is repeated
SETTLE_S = 0.2  # a program that cannot start at all has ended by then


def ask(life: Life, to: str, message: msgspec.Struct, what: str, at: Moment) -> Decision:
    """Ask for the one answer to wait for now; earlier ones no longer count."""
    life = replace(life, number=life.number + 1)
    call = f"{at.instance}:{what}:{life.number}"
    life = replace(life, call=call)
    return life, [
        Ask(to, message, call),  # type: ignore[arg-type]
        After(ANSWER_S, AnswerOverdue(call), name="answer"),
    ]


def own(life: Life, at: Moment) -> Decision:
    """Ask for our process, and claim it."""
    return ask(life, LAUNCHER, OwnProcess(process_key(life.name), owner(life.name)), "own", at)


def check(life: Life, at: Moment) -> Decision:
    """Begin a repeated start: never without knowing that nothing lives."""
    return own(replace(life, phase="checking", reason="", asked=False, next_try_s=0.0), at)


def resolve(life: Life, at: Moment) -> Decision:
    """Look for the package: the release that ran if this start repeats one, else the newest.

    Where none is installed that the spec names, it is pulled from the spec's channel.
    """
    spec, record = spec_of(life), life.record
    life = replace(life, phase="resolving", reason="", package=None, next_try_s=0.0)
    life = replace(life, templates=None, census=None, facts=None)  # they may be of long ago
    if spec.cmd:
        return gates(life, at)
    question = ResolvePackage(spec.ident, True, spec.config_from, spec.channel, spec.bldr_url)
    if record and record.package and reconcile(record.spec, spec) != "restart":
        question = ResolvePackage(record.package.ident, config_from=spec.config_from)
    elif record and holds(record.target, spec):
        question = msgspec.structs.replace(question, ident=record.target)
    return ask(life, "depot", question, "package", at)


def downloading(life: Life, text: str) -> Decision:
    """The package is on its way: say how it goes, and wait on."""
    return replace(life, reason=text), [
        After(ANSWER_S, AnswerOverdue(life.call), name="answer"),
    ]


def resolved(life: Life, answer: PackageResolved, at: Moment) -> Decision:
    """The package is known: choose the account, then see what there is to wait for."""
    switch = at.options.can_switch_user
    chosen = choose(answer.package, answer.users, answer.groups, can_switch=switch)
    life = replace(life, call="", package=answer.package)
    problem = chosen if isinstance(chosen, str) else binds_problem(spec_of(life), answer.package)
    if isinstance(chosen, str) or problem:
        return fail(life, problem, at, failed=True)
    life = replace(life, user=chosen.user, group=chosen.group, reason=chosen.notice)
    question = read_templates(life, answer.package)
    life, effects = ask(life, PACKAGES, question, "templates", at)
    return life, [*subscribe(), watch_user(life, at), *effects]


def read(life: Life, answer: TemplatesRead, at: Moment) -> Decision:
    """The templates are known: see what there is to wait for."""
    known = parsed(replace(life, call="", templates=answer))
    if isinstance(known, str):
        return fail(life, known, at, failed=True)
    return gates(known, at)


def unresolved(life: Life, answer: CallFailed, at: Moment) -> Decision:
    """Somebody asked said no, or was not there."""
    if answer.kind != "Refused":
        return life, [After(ASK_AGAIN_S, AnswerOverdue(life.call), name="answer")]
    record, spec = life.record, spec_of(life)
    if life.phase == "resolving" and record and (record.package or holds(record.target, spec)):
        # The release that ran is no longer here: any that the spec names will do.
        rest = msgspec.structs.replace(record, package=None, target="")
        return resolve(replace(life, record=rest), at)
    return fail(life, answer.text, at, failed=True)


def gates(life: Life, at: Moment) -> Decision:
    """Wait for the ring, binds and leader, or make the files and put them in place."""
    spec, seen = spec_of(life), view_of(life)
    reason = waiting_for(spec, life.package, life.census)
    if not reason and life.package is not None and seen is None:
        reason = CENSUS_UNKNOWN
    if reason:
        known = (CENSUS_UNKNOWN, CENSUS_LATE)
        late = reason == CENSUS_UNKNOWN and life.reason in known
        waiting = replace(life, phase="waiting", reason=life.reason if late else reason, call="")
        effects: list[Effect] = [Cancel("answer")]
        if life.package is None and needs_census(spec, None) and life.phase != "waiting":
            effects += subscribe()
        return waiting, effects
    made: Made | str = Made()
    if life.package is not None and seen is not None:
        made = make(life, seen, life.package, at)
    if isinstance(made, str):
        return fail(life, made, at, failed=True)
    life = replace(life, phase="preparing", seen=seen, made=made, rendering="")
    life, effects = ask(life, PACKAGES, order(life, made), "directory", at)
    follow: list[Effect] = [] if life.package is not None else [Cancel("gates")]
    return life, [*said(life), *follow, *effects]


def subscribe() -> list[Effect]:
    """Follow the census, and what is applied to groups."""
    return [Send("census", Subscribe(("config",))), After(SUBSCRIBE_S, GatesDue(), name="gates")]


def prepared(life: Life, answer: ServicePrepared, at: Moment) -> Decision:
    """The directory stands: run init, or start at once."""
    spec = spec_of(life)
    if not spec.cmd and "run" not in answer.hooks:
        return fail(life, "the package has no run hook", at, failed=True)
    record = Record(
        spec=spec,
        package=life.package,
        path=answer.path,
        hooks=answer.hooks,
        user=life.user,
        group=life.group,
        restarts=life.record.restarts if life.record else 0,
        target=life.record.target if life.record else "",
    )
    life = replace(life, record=record, call="")
    if INIT not in record.hooks:
        return launch(life, at)
    life = replace(life, phase="initializing", reason="the init hook runs")
    life, key = hook_key(life, INIT, at)
    start = start_hook(INIT, key, record, at.options, 0.0)
    return replace(life, hook=key), [Cancel("answer"), Ask(LAUNCHER, start, key)]


def launch(life: Life, at: Moment) -> Decision:
    """Write down what is about to run, then ask for it."""
    assert life.record is not None, "a start without a record"
    record = msgspec.structs.replace(life.record, init_done=True)
    life = replace(life, phase="starting", reason="", hook="", record=record)
    start = start_service(
        process_key(life.name), record, at.options, stop_signal(life), stop_timeout_s(life)
    )
    life, effects = ask(life, LAUNCHER, start, "start", at)
    return life, [persist(life), *effects]


def started(life: Life, answer: ProcessStarted, at: Moment) -> Decision:
    """The process lives: hooks beside it, and a moment before it is called up."""
    assert life.record is not None, "a process without a record"
    record = msgspec.structs.replace(life.record, pid=answer.pid, post_run_done=False)
    life = replace(
        life,
        phase="settling",
        reason="",
        call="",
        pid=answer.pid,
        record=record,
        up_since_s=at.now,
        health="unknown",
        first_ok=True,
        retry_s=0.0,
    )
    return life, [
        Emit(ProcessBegan(answer.key, answer.pid)),
        Cancel("answer"),
        Send(PACKAGES, WritePidFile(life.name, answer.pid)),
        After(SETTLE_S, StartSettled(answer.pid), name="settle"),
        *beside(life),
        persist(life),
    ]


def beside(life: Life) -> list[Effect]:
    """Reminders for the hooks that run beside a live process."""
    assert life.record is not None, "a process without a record"
    assert life.pid is not None, "hooks beside no process"
    effects: list[Effect] = []
    if HEALTH_CHECK in life.record.hooks:
        effects.append(After(0.0, HookDue(HEALTH_CHECK, life.pid), name=HEALTH_CHECK))
    if POST_RUN in life.record.hooks and not life.record.post_run_done:
        effects.append(After(0.0, HookDue(POST_RUN, life.pid), name=POST_RUN))
    return effects


def not_started(life: Life, reason: str, at: Moment) -> Decision:
    """The start that was written down did not happen: nothing lives because of it."""
    assert life.record is not None, "a start without a record"
    record = msgspec.structs.replace(life.record, init_done=False)
    return fail(replace(life, record=record), reason, at, failed=True)


def fail(life: Life, reason: str, at: Moment, *, failed: bool) -> Decision:
    """Try again later. `failed`: it could not even be started, as opposed to: it ended."""
    options = at.options
    previous_s = life.delay_s
    if life.up_since_s is not None and at.now - life.up_since_s >= options.cooldown_s:
        previous_s = 0.0
    delay_s = next_delay_s(previous_s, options.backoff_min_s, options.backoff_max_s, at.random)
    life = replace(
        life,
        phase="backoff",
        reason=reason,
        failed=failed,
        call="",
        hook="",
        aborting=False,
        up_since_s=None,
        delay_s=delay_s,
        next_try_s=round(delay_s, 3),
    )
    return life, [Cancel("answer"), Cancel("gates"), After(delay_s, RetryStart(), name="start")]


def hook_key(life: Life, hook: str, at: Moment) -> tuple[Life, str]:
    """A key for one run of a hook that no other run has, in any instance."""
    life = replace(life, number=life.number + 1)
    return life, f"hook:{life.name}:{hook}:{at.instance}.{life.number}"


def persist(life: Life) -> Persist:
    """Make the record durable."""
    assert life.record is not None, "nothing to write"
    return Persist(record_path(life.name), encode(life.record))
