"""The lifecycle of one service: `(life, message) → (life, effects)`, and nothing else.

Safety. A start is asked for only in phase `starting`, which is reached only through an answer of
the launcher that nothing lives under the service's key, or through the end of the process before;
and the launcher has at most one process a key. `init` and `post-stop` run only in phases in which
no process lives.
Liveness. Each phase that awaits an answer asks again when it is late; `stopping` ends because the
launcher kills, `post_stop` because its hook is bounded, `initializing` because a stop ends its
hook. At rest (`down`) and while the process runs, what is wanted is compared with what is, after
each message: nothing has to remember a command that came in the middle of something else.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Cancel, Effect, Emit, Send
from actors.messages.base import Message
from actors.messages.depot import (
    PackageResolved,
    RenderingFailed,
    ServicePrepared,
    TemplatesRead,
)
from actors.messages.files import DirectoryListed
from actors.messages.groups import GroupFacts, SealedOpened
from actors.messages.process import (
    ProcessAdopted,
    ProcessExited,
    ProcessStarted,
    StartFailed,
    StopProcess,
)
from actors.messages.ring import Census
from actors.messages.runtime import CallFailed, PersistFailed
from actors.messages.service import (
    AnswerOverdue,
    FactsOverdue,
    GatesDue,
    HaltService,
    HookDue,
    Progress,
    PublishService,
    RetryStart,
    SpecChanged,
    SpecGone,
    StartSettled,
    WantSpec,
)
from actors.messages.update import TakeRelease
from actors.service import hooks
from actors.service.gates import CENSUS_LATE, CENSUS_UNKNOWN
from actors.service.hook_runs import has_hook, hook_due, hook_ended
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    desire,
    follows,
    outdated,
    spec_of,
    stop_timeout_s,
)
from actors.service.reconfiguring import rewritten
from actors.service.record import Record, decode
from actors.service.rendering import adopt, adopted, again, user_changed
from actors.service.sealed import applied, opened
from actors.service.starting import (
    LAUNCHER,
    beside,
    check,
    downloading,
    gates,
    not_started,
    own,
    persist,
    prepared,
    read,
    resolve,
    resolved,
    started,
    subscribe,
    unresolved,
)
from actors.service.stopping import (
    after_stop,
    crashed,
    finish,
    order_stop,
    stop,
    stopped_process,
)
from actors.service.telling import tell
from actors.service.updating import take

FACTS_S = 2.0  # parent and launcher answer in milliseconds, unless they are being restarted


def begin(life: Life, data: bytes | None, at: Moment) -> Decision:
    """A new instance has read its record (`data`): ask for what only others know."""
    life, effects = own(replace(life, record=decode(data)), at)
    return life, [*effects, *_want_spec(life)]


def step(life: Life, message: Message, call: str, at: Moment) -> Decision:
    """The next state and what it asks for; `call` is what `message` answers, or empty."""
    after, effects = _react(life, message, call, at)
    while True:
        moved, more = _onward(after, at)
        effects = _in_order(effects, more)
        if moved is after:
            break
        after = moved
    again = isinstance(message, SpecChanged | PublishService)
    after, told = tell(life, after, at, again=again)
    said = [effect for effect in effects if isinstance(effect, Emit)]
    rest = [effect for effect in effects if not isinstance(effect, Emit)]
    return after, [*said, *told, *rest]


def _onto(effects: list[Effect], decision: Decision) -> Decision:
    life, more = decision
    return life, [*effects, *more]


def _in_order(effects: list[Effect], more: list[Effect]) -> list[Effect]:
    return [*effects, *more] if more else effects


def _react(life: Life, message: Message, call: str, at: Moment) -> Decision:
    match message:
        case SpecChanged(spec, timeout):
            changed = replace(life, spec=spec, gone=False)
            return _wanted(life, _timeout(changed, timeout), at)
        case SpecGone(_, timeout):
            return _wanted(life, _timeout(replace(life, gone=True), timeout), at)
        case HaltService(limit_s):
            return _wanted(life, replace(life, halted_s=limit_s), at)
        case ProcessStarted(key=key):
            return _started(life, message, call, at) if key == _key(life) else (life, [])
        case StartFailed(key, reason):
            return _start_failed(life, key, reason, call, at)
        case ProcessExited(key=key):
            if key == _key(life):
                return _exited(life, message, call, at)
            return hook_ended(life, key, message, at)
        case PackageResolved() if call == life.call and life.phase == "resolving":
            life, effects = resolved(life, message, at)
            return life, [Cancel("answer"), *effects]
        case TemplatesRead() if call == life.call and life.phase == "resolving":
            life, effects = read(life, message, at)
            return life, [Cancel("answer"), *effects]
        case Progress(text) if call and call == life.call and life.phase == "resolving":
            return downloading(life, text)
        case ServicePrepared() if call == life.call and life.phase == "preparing":
            life, effects = prepared(life, message, at)
            return life, [Cancel("answer"), *effects]
        case TemplatesRead() | ServicePrepared() | CallFailed() if call and call == life.rendering:
            return _beside(life, message, at)
        case CallFailed() if call and call == life.call:
            return _refused(life, message, at)
        case Census():
            return _heard(replace(life, census=message), at)
        case GroupFacts():
            life, effects = applied(life, message, at)
            return _onto(effects, _heard(life, at))
        case SealedOpened() if call == life.opening:
            life, effects = opened(life, message)
            return _onto(effects, _heard(life, at))
        case DirectoryListed():
            changed = user_changed(life, message, at)
            return (life, []) if changed is life else _heard(changed, at)
        case PersistFailed(path, reason) if life.phase == "starting" and life.pid is None:
            return not_started(life, f"{path} cannot be written: {reason}", at)
        case TakeRelease(resolved_now):
            return take(life, resolved_now, at)
        case HookDue(hook, pid):
            return hook_due(life, hook, pid, at)
        case _:
            return _reminded(life, message, at)


def _reminded(life: Life, message: Message, at: Moment) -> Decision:
    match message:
        case RetryStart() if life.phase == "backoff":
            return check(life, at)
        case StartSettled(pid) if life.phase == "settling" and pid == life.pid:
            health = life.health if has_hook(life, hooks.HEALTH_CHECK) else "ok"
            return replace(life, phase="up", health=health, failed=False), []
        case GatesDue() if follows(life):
            late = life.phase == "waiting" and life.reason == CENSUS_UNKNOWN
            return replace(life, reason=CENSUS_LATE if late else life.reason), subscribe()
        case AnswerOverdue(call) if call == life.call:
            return _ask_again(life, at)
        case FactsOverdue() if life.spec is None and not life.gone:
            return life, _want_spec(life)
        case (
            PackageResolved()
            | TemplatesRead()
            | ServicePrepared()
            | CallFailed()
            | PersistFailed()
            | RetryStart()
            | StartSettled()
            | GatesDue()
            | AnswerOverdue()
            | FactsOverdue()
            | PublishService()
            | Progress()
            | SealedOpened()
        ):
            return life, []  # late: about something that is over
        case _:
            raise AssertionError(f"{life.name} does not understand {message!r}")


# ── what is wanted ──


def _wanted(before: Life, life: Life, at: Moment) -> Decision:
    """What is wanted may have changed: leave what leads elsewhere; `_onward` does the rest."""
    same = desire(before) == desire(life) and before.spec == life.spec
    match life.phase:
        case "checking" | "resolving" | "waiting" | "preparing" | "backoff" if not same:
            at_rest = replace(
                life, phase="down", reason="", call="", delay_s=0.0, package=None, failed=False
            )
            return at_rest, [Cancel("answer"), Cancel("gates"), Cancel("start")]
        case "initializing" if not life.aborting and outdated(life):
            order = StopProcess(life.hook, "TERM", stop_timeout_s(life))
            return replace(life, aborting=True, reason="the init hook is ended"), [
                Send(LAUNCHER, order)
            ]
        case "stopping" if life.stop_timeout_s != before.stop_timeout_s or (
            life.halted_s != before.halted_s
        ):
            return order_stop(life, at)
        case "gone" if desire(life) != "gone":
            return replace(life, phase="down"), []
        case _:
            return life, []


def _onward(life: Life, at: Moment) -> Decision:
    """One step from what is towards what is wanted; the same life where there is none to take."""
    match life.phase:
        case "discovering" if life.asked and (life.spec is not None or life.gone):
            return _discovered(life, at)
        case "down" if desire(life) == "up":
            return resolve(life, at)
        case "down" if life.record is not None and life.record.init_done:
            return after_stop(life, at)  # it ended unseen, or the stop was not finished
        case "down" if desire(life) == "gone":
            return finish(life)
        case "settling" | "up" if outdated(life):
            return stop(life, _why_stopped(life), at)
        case "settling" | "up" if life.record is not None and life.record.spec != life.spec:
            record = msgspec.structs.replace(life.record, spec=spec_of(life))
            life = replace(life, record=record)
            return life, [persist(life)]
        case _:
            return life, []


def _why_stopped(life: Life) -> str:
    if life.halted_s is not None:
        return "the supervisor ends"
    match desire(life):
        case "gone":
            return "it was unloaded"
        case "down":
            return "it was stopped"
        case _:
            return "its spec changed; it starts again"


def _timeout(life: Life, said: int | None) -> Life:
    return life if said is None else replace(life, stop_timeout_s=said)


# ── its files ──


def _heard(life: Life, at: Moment) -> Decision:
    """Something of what the service's files are made of is another."""
    if life.phase == "waiting":
        return gates(life, at)
    return again(life, at) if life.phase in RUNNING else (life, [])


def _beside(
    life: Life, answer: TemplatesRead | ServicePrepared | CallFailed, at: Moment
) -> Decision:
    """The answer to the one call about its files that is open while the process runs."""
    if life.phase not in RUNNING:
        return replace(life, rendering=""), []
    match answer:
        case TemplatesRead():
            return adopted(life, answer, at)
        case ServicePrepared():
            return rewritten(life, answer, at)
        case CallFailed(text=text):
            # Not as made: the next subscription, or change, tries again.
            return replace(life, rendering="", seen=None, made=None), [
                Emit(RenderingFailed(life.name, text))
            ]


# ── the process ──


def _key(life: Life) -> str:
    return hooks.process_key(life.name)


def _started(life: Life, answer: ProcessStarted, call: str, at: Moment) -> Decision:
    if call != life.call:
        return life, []
    if life.phase == "starting":
        return started(life, answer, at)
    if life.phase in ("discovering", "checking"):
        since_s = answer.started_s or at.now
        life = replace(
            life, phase="discovering", asked=True, pid=answer.pid, call="", up_since_s=since_s
        )
        return life, [Cancel("answer")]
    return life, []


def _exited(life: Life, end: ProcessExited, call: str, at: Moment) -> Decision:
    mine = end.pid == life.pid or (call != "" and call == life.call)
    if not mine:
        return life, []  # the end of an earlier process, told twice
    match life.phase:
        case "stopping":
            return stopped_process(life, end, at)
        case "settling" | "up":
            return crashed(life, end, at)
        case "discovering" | "checking":
            return _nothing_lives(life, end)
        case _:
            return life, []


def _nothing_lives(life: Life, end: ProcessExited) -> Decision:
    """The launcher's answer before anything is started: the last end, if it knows of one."""
    words = life.last_exit
    if end.pid:
        words = hooks.exit_words(end.code, end.signal)
    elif life.record is not None and life.record.pid is not None:
        words = "unknown"
    phase = "down" if life.phase == "checking" else life.phase
    life = replace(
        life, phase=phase, asked=True, pid=None, call="", last_exit=words, up_since_s=None
    )
    return life, [Cancel("answer")]


def _discovered(life: Life, at: Moment) -> Decision:
    """All facts are in: take over what lives, or rest."""
    effects: list[Effect] = [Cancel("facts")]
    fresh = life.record is None
    record = life.record or Record(spec=spec_of(life))
    if life.pid is None:
        life = replace(life, phase="down", record=record)
        return life, [*effects, persist(life)] if fresh and not life.gone else effects
    record = msgspec.structs.replace(record, pid=life.pid, init_done=True)
    health = "unknown" if hooks.HEALTH_CHECK in record.hooks else "ok"
    life = replace(
        life,
        phase="up",
        reason="",
        record=record,
        health=health,  # type: ignore[arg-type]
        first_ok=True,
        since_s=life.up_since_s or at.now,
    )
    effects.append(Emit(ProcessAdopted(_key(life), life.pid or 0)))
    life, files = adopt(life, at)
    follow = subscribe() if follows(life) else []
    return life, [*effects, *beside(life), *follow, *files, *([persist(life)] if fresh else [])]


def _start_failed(life: Life, key: str, reason: str, call: str, at: Moment) -> Decision:
    if key == _key(life):
        if life.phase != "starting" or call != life.call:
            return life, []
        return not_started(life, f"it could not be started: {reason}", at)
    return hook_ended(life, key, ProcessExited(key, 0), at, reason)


# ── answers that do not come ──


def _want_spec(life: Life) -> list[Effect]:
    return [Send("service", WantSpec(life.name)), After(FACTS_S, FactsOverdue(), name="facts")]


def _ask_again(life: Life, at: Moment) -> Decision:
    match life.phase:
        case "discovering" | "checking":
            return own(life, at)
        case "resolving":
            return resolve(life, at)
        case "preparing":
            return gates(life, at)
        case "starting":
            return check(life, at)
        case "stopping":
            return order_stop(life, at)
        case _:
            return life, []


def _refused(life: Life, answer: CallFailed, at: Moment) -> Decision:
    if life.phase in ("resolving", "preparing"):
        return unresolved(life, answer, at)
    return life, [After(FACTS_S, AnswerOverdue(life.call), name="answer")]
