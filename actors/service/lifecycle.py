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
from actors.messages.election_orders import AskRole, Elections, ReadSuitability, RoleChanged
from actors.messages.files import DirectoryListed
from actors.messages.gateway import HookOutput
from actors.messages.groups import GroupFacts, SealedOpened
from actors.messages.process import (
    ProcessExited,
    ProcessStarted,
    StartFailed,
    StopProcess,
)
from actors.messages.ring import Census
from actors.messages.runtime import CallFailed, Ok, PersistFailed
from actors.messages.service import (
    HEALTHY,
    AnswerOverdue,
    FactsOverdue,
    GatesDue,
    HaltService,
    HandOverOverdue,
    HookDue,
    Progress,
    PublishService,
    RetryStart,
    RoleDue,
    SpecChanged,
    SpecGone,
    StandDue,
    StartSettled,
)
from actors.messages.update import (
    ReturnService,
    TakeConfiguration,
    TakeRelease,
    WithdrawService,
)
from actors.service import fitness, hooks, leaving, roles, suitability, unwritten
from actors.service.discovery import FACTS_S, discovered, nothing_lives, want_spec
from actors.service.gates import CENSUS_LATE, CENSUS_UNKNOWN
from actors.service.hook_runs import has_hook, hook_due, hook_ended, run_due
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    desire,
    follows,
    goes,
    is_unproven,
    outdated,
    spec_of,
    stop_timeout_s,
    takes_part,
    wants_role,
)
from actors.service.part import has_role
from actors.service.reconfiguring import is_telling, rewritten
from actors.service.record import decode
from actors.service.rendering import adopted, again, user_changed
from actors.service.sealed import applied, opened
from actors.service.starting import (
    ELECTION,
    LAUNCHER,
    ROLE_S,
    ask_why,
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
    roleless,
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
from actors.service.taking import follow
from actors.service.telling import tell
from actors.service.updating import is_late, leaves, proven, stays


def begin(life: Life, data: bytes | None, at: Moment) -> Decision:
    """A new instance has read its record (`data`): ask for what only others know."""
    life, effects = own(replace(life, record=decode(data)), at)
    return life, [*effects, *want_spec(life)]


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
        case RoleChanged():
            return roles.hear(life, message, at)
        case ReadSuitability():
            return suitability.asked(life, message)
        case Ok() | CallFailed() if call and call == life.call and life.phase == "withdrawing":
            return leaving.answered(life, message)
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
        case PersistFailed():
            return unwritten.again(life)
        case TakeRelease() | TakeConfiguration() | WithdrawService() | ReturnService():
            return follow(life, message, at)
        case HookDue(hook, pid):
            return hook_due(life, hook, pid, at)
        case Elections() | HookOutput() | CallFailed() if call:
            return _of_its_part(life, message, call, at)
        case _:
            return _reminded(life, message, at)


def _of_its_part(
    life: Life, message: Elections | HookOutput | CallFailed, call: str, at: Moment
) -> Decision:
    """Answers that concern its part in an election."""
    match message:
        case HookOutput() if call == life.part.measuring:
            return suitability.printed(life, message)
        case CallFailed(text=text) if call == life.part.measuring:
            return suitability.failed(life, f"could not be run: {text}", suitability.CANNOT_SAY)
        case CallFailed() if call == life.part.hook:
            return roles.lost(life, call, at)
        case Elections():
            found = (view for view in message.elections if view.kind == "topology")
            why = next((view.reason for view in found), life.part.why)
            life = replace(life, part=replace(life.part, why=why))
            return gates(life, at) if life.phase == "waiting" else (life, [])
        case _:
            return life, []


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
            return life, want_spec(life)
        case StandDue():
            return fitness.stand_again(life)
        case RoleDue() if wants_role(life) and not has_role(life.part):
            return _ask_role_again(life, at)
        case HandOverOverdue() if life.part.handing:
            return replace(life, part=replace(life.part, handing="over")), []
        case (
            PackageResolved()
            | TemplatesRead()
            | ServicePrepared()
            | CallFailed()
            | RetryStart()
            | StartSettled()
            | GatesDue()
            | AnswerOverdue()
            | FactsOverdue()
            | PublishService()
            | Progress()
            | SealedOpened()
            | RoleDue()
            | HandOverOverdue()
            | Elections()
            | HookOutput()
            | Ok()
        ):
            return life, []  # late: about something that is over
        case _:
            raise AssertionError(f"{life.name} does not understand {message!r}")


# ── what is wanted ──


def _wanted(before: Life, life: Life, at: Moment) -> Decision:
    """What is wanted may have changed: leave what leads elsewhere; `_onward` does the rest."""
    same = desire(before) == desire(life) and before.spec == life.spec
    match life.phase:
        case "checking" | "resolving" | "waiting" | "preparing" | "confirming" | "backoff" if (
            not same
        ):
            at_rest = replace(
                life, phase="down", reason="", call="", delay_s=0.0, package=None, failed=False
            )
            return at_rest, [Cancel(name) for name in ("answer", "gates", "start", "role")]
        case "withdrawing" if life.halted_s is not None:
            return replace(life, phase="down", call=""), [Cancel("answer")]
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
    moved, effects = fitness.stand(life)
    if moved is not life:
        return moved, effects
    moved, effects = _as_desired(life, at)
    if moved is life and takes_part(life):
        moved, effects = _in_its_part(life, at)
    return run_due(life, at) if moved is life else (moved, effects)


def _in_its_part(life: Life, at: Moment) -> Decision:
    """One step in its part in the election, if it has one to take."""
    moved, effects = roles.act(life, at)
    if moved is life:
        moved, effects = roles.answer(life)
    if moved is life:
        moved, effects = suitability.read(life, at)
    return moved, effects


def _as_desired(life: Life, at: Moment) -> Decision:
    """One step towards what the operator wants."""
    match life.phase:
        case "discovering" if life.asked and (life.spec is not None or life.gone):
            return discovered(life, at)
        case "down" if leaving.owes(life) and not _ended_unseen(life):
            return leaving.withdraw(life, at)
        case "down" if desire(life) == "up":
            return resolve(life, at)
        case "down" if _ended_unseen(life):
            return after_stop(life, at)
        case "down" if desire(life) == "gone" and not leaving.stays(life):
            return finish(life)
        case "settling" | "up" if is_late(life, at):
            return stays(life), []
        case "settling" | "up" if outdated(life) or goes(life):
            if roles.hands_over(life):
                return roles.hand_over(life, _why_stopped(life))
            return stop(life, _why_stopped(life), at)
        case "up" if is_unproven(life) and life.health in HEALTHY and not is_telling(life):
            return proven(life)
        case "settling" | "up" if life.part.handing:
            return roles.kept(life)
        case "settling" | "up" if life.record is not None and life.record.spec != life.spec:
            record = msgspec.structs.replace(life.record, spec=spec_of(life))
            life = replace(life, record=record)
            return life, [persist(life)]
        case _:
            return life, []


def _ended_unseen(life: Life) -> bool:
    """Whether its process ended unseen, or its stop was not finished."""
    return life.record is not None and life.record.init_done


def _why_stopped(life: Life) -> str:
    if life.halted_s is not None:
        return "the supervisor ends"
    match desire(life):
        case "gone":
            return "it was unloaded"
        case "down":
            return "it was stopped"
        case _ if outdated(life) or not goes(life):
            return "its spec changed; it starts again"
        case _:
            return f"it goes to {life.taking.ident if life.taking else 'another configuration'}"


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
    if life.phase == "waiting" and isinstance(answer, ServicePrepared):
        return roleless(life, answer)
    if life.phase not in RUNNING:
        seen = None if isinstance(answer, CallFailed) else life.seen
        return replace(life, rendering="", seen=seen), []
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
            if outdated(life) or goes(life):  # it was handing over before its stop
                said = leaves(life)
                life, effects = stopped_process(life, end, at)
                return life, [*said, *effects]
            return crashed(life, end, at)
        case "discovering" | "checking":
            return nothing_lives(life, end)
        case _:
            return life, []


def _start_failed(life: Life, key: str, reason: str, call: str, at: Moment) -> Decision:
    if key == _key(life):
        if life.phase != "starting" or call != life.call:
            return life, []
        return not_started(life, f"it could not be started: {reason}", at)
    return hook_ended(life, key, ProcessExited(key, 0), at, reason)


# ── answers that do not come ──


def _ask_role_again(life: Life, at: Moment) -> Decision:
    """Ask for the role if none was told, and why there is none."""
    assert life.record is not None
    group, untold = life.record.stands, life.part.told is None
    part = replace(life.part, asking=untold or life.part.asking, late=True)
    life, effects = ask_why(replace(life, part=part), at)
    if untold:
        effects = [Send(ELECTION, AskRole(group, "topology")), *effects]
    effects.append(After(ROLE_S, RoleDue(), name="role"))
    if life.phase == "waiting":
        return _onto(effects, gates(life, at))
    return life, effects


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
        case "withdrawing":
            return leaving.overdue(life, at)
        case "stopping":
            return order_stop(life, at)
        case _:
            return life, []


def _refused(life: Life, answer: CallFailed, at: Moment) -> Decision:
    if life.phase in ("resolving", "preparing"):
        return unresolved(life, answer, at)
    return life, [After(FACTS_S, AnswerOverdue(life.call), name="answer")]
