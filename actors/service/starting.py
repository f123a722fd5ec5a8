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
from actors.messages.election_orders import AskRole, QueryElections
from actors.messages.process import OwnProcess, ProcessBegan, ProcessStarted
from actors.messages.ring import Subscribe
from actors.messages.runtime import CallFailed
from actors.messages.service import (
    AccountMissing,
    AnswerOverdue,
    GatesDue,
    HookDue,
    RetryStart,
    RoleDue,
    RoleTaken,
    ServiceSpec,
    StartSettled,
)
from actors.service.backoff import next_delay_s
from actors.service.gates import (
    CENSUS_LATE,
    CENSUS_UNKNOWN,
    ROLE_UNKNOWN,
    binds_problem,
    leader_wanted,
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
    takes_part,
)
from actors.service.part import has_role, position, shown
from actors.service.reconcile import holds, reconcile
from actors.service.record import Position, Record, encode, record_path
from actors.service.rendering import (
    PACKAGES,
    beside_call,
    files_tell,
    make,
    order,
    parsed,
    read_templates,
    said,
    unlisted,
    view_of,
    watch_user,
)
from actors.service.users import choose
from actors.service.view import Made, View

LAUNCHER = "port/launcher"
ELECTION = "election"
ANSWER_S = 10.0  # every answer awaited here takes milliseconds; asking again is always safe
ASK_AGAIN_S = 0.5  # an actor that was not there is restarted within this, mostly
SUBSCRIBE_S = 5.0  # a subscription is a message too: it is repeated
SETTLE_S = 0.2  # a program that cannot start at all has ended by then
FRESH_S = 0.3  # a leader's rounds are 0.4 s apart
ROLE_S = 1.0  # between two questions for a role, and for why there is none
LEASE_LEFT_S = 0.1  # with less than that left a start as leader would mostly come too late


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
    life = replace(life, taken=None)
    life, asked = ask_role(life)  # never from what was told before
    life, why = ask_why(life, at)
    life, effects = _resolve(life, spec, record, at)
    return life, [*asked, *why, *effects]


def _resolve(life: Life, spec: ServiceSpec, record: Record | None, at: Moment) -> Decision:
    if spec.cmd:
        return gates(life, at)
    question = ResolvePackage(spec.ident, True, spec.config_from, spec.channel, spec.bldr_url)
    if record and record.package and reconcile(record.spec, spec) != "restart":
        question = ResolvePackage(record.package.ident, config_from=spec.config_from)
    elif record and holds(record.target, spec):
        question = msgspec.structs.replace(question, ident=record.target)
    return ask(life, "depot", question, "package", at)


def ask_role(life: Life) -> Decision:
    """Ask the election for the role; what it told before counts no more."""
    if not takes_part(life):
        return life, []
    assert life.record is not None
    part = replace(life.part, told=None, asking=True, late=False, stuck=False, handing="", why="")
    question = AskRole(life.record.stands, "topology")
    return replace(life, part=part), [
        Send(ELECTION, question),
        After(ROLE_S, RoleDue(), name="role"),
    ]


def ask_why(life: Life, at: Moment) -> Decision:
    """Ask what the election waits for."""
    if life.record is None or not takes_part(life):
        return life, []
    question = QueryElections(life.record.stands)
    life = replace(life, number=life.number + 1)
    return life, [Ask(ELECTION, question, f"{at.instance}:why:{life.number}")]


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
    said: list[Effect] = []
    if chosen.notice and switch:  # who cannot switch runs nothing as anybody else, and knows it
        said = [Emit(AccountMissing(life.name, chosen.notice, spec_of(life).service_group))]
    return life, [*said, *subscribe(), watch_user(life, at), *effects]


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
    """Wait for the ring, binds and a role, or make the files and put them in place."""
    spec, seen = spec_of(life), view_of(life)
    reason = waiting_for(spec, life.package, life.census)
    if not reason and life.package is not None and seen is None:
        reason = _unseen(life)
    if not reason and takes_part(life) and not has_role(life.part):
        return _await_role(life, seen, at)
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


def _unseen(life: Life) -> str:
    """Why there is nothing yet to make the files of."""
    place = shown(life.part, life.record, files_tell(life), runs=False)
    if takes_part(life) and place is not None and unlisted(life, place):
        return f"its leader {place.leader[:8]} is not in the census of the ring"
    return CENSUS_UNKNOWN


def _await_role(life: Life, seen: View | None, at: Moment) -> Decision:
    """Wait for a role, with files that tell of none: the suitability hook needs them."""
    reason = _lacks(life)
    life = replace(life, phase="waiting", reason=reason, call="")
    if life.package is None or seen is None or seen == life.seen:
        return life, [Cancel("answer")]
    made = make(life, seen, life.package, at)
    if isinstance(made, str):
        return fail(life, made, at, failed=True)
    life, call = beside_call(replace(life, seen=seen, made=made), "render", at)
    return life, [Cancel("answer"), *said(life), Ask(PACKAGES, order(life, made), call)]


def _lacks(life: Life) -> str:
    """Why there is no role yet; what the election waits for is said with it."""
    part, group = life.part, spec_of(life).service_group
    if not part.late and (part.told is None or not part.why):
        return ROLE_UNKNOWN
    if part.told is None and not part.why:
        return f"no word from the election of {group} yet"
    return leader_wanted(group)


def subscribe() -> list[Effect]:
    """Follow the census, and what is applied to groups."""
    return [Send("census", Subscribe(("config",))), After(SUBSCRIBE_S, GatesDue(), name="gates")]


def prepared(life: Life, answer: ServicePrepared, at: Moment) -> Decision:
    """The directory stands: run init, or start at once."""
    if not spec_of(life).cmd and "run" not in answer.hooks:
        return fail(life, "the package has no run hook", at, failed=True)
    life = replace(life, record=_record(life, answer), call="")
    record = life.record
    assert record is not None
    if INIT not in record.hooks:
        return launch(life, at)
    life = replace(life, phase="initializing", reason="the init hook runs")
    life, key = hook_key(life, INIT, at)
    start = start_hook(INIT, key, record, at.options, 0.0)
    return replace(life, hook=key), [Cancel("answer"), Ask(LAUNCHER, start, key)]


def _record(life: Life, answer: ServicePrepared) -> Record:
    """What is about to be started, in the role that its files tell."""
    before, told = life.record or Record(spec_of(life)), life.part.told
    known = takes_part(life) and told is not None
    return Record(
        spec=spec_of(life),
        package=life.package,
        path=answer.path,
        hooks=answer.hooks,
        user=life.user,
        group=life.group,
        restarts=before.restarts,
        target=before.target,
        stands=before.stands,
        acts=position(told) if known and told is not None else Position(),
        shown=files_tell(life),
        over=before.over,
        unproven=before.unproven,
        exports=dict(life.made.exports) if life.made is not None else before.exports,
        config=life.seen.source if life.seen is not None else before.config,
    )


def roleless(life: Life, answer: ServicePrepared) -> Decision:
    """The files of a service that waits for its role are in place."""
    record = _record(replace(life, part=replace(life.part, told=None)), answer)
    life = replace(life, rendering="", record=record)
    return life, [persist(life)]


def launch(life: Life, at: Moment) -> Decision:
    """Write down what is about to run, then ask for it: in the role its files were made for."""
    record, told = life.record, life.part.told
    assert record is not None, "a start without a record"
    until_s = 0.0
    if takes_part(life):
        if told is None or position(told) != record.acts:
            record = msgspec.structs.replace(record, acts=Position())
            return gates(replace(life, record=record, hook=""), at)
        until_s = told.kill_at_s if told.role == "leader" else 0.0
        if told.role == "leader" and until_s <= at.now + LEASE_LEFT_S:
            return confirm(life)
    record = msgspec.structs.replace(record, init_done=True)
    life = replace(life, phase="starting", reason="", hook="", record=record)
    start = start_service(
        process_key(life.name),
        record,
        at.options,
        stop_signal(life),
        stop_timeout_s(life),
        leader_until_s=until_s,
    )
    life, effects = ask(life, LAUNCHER, start, "start", at)
    taken = [role_taken(life)] if record.acts.role == "leader" else []
    return life, [persist(life), *taken, *effects]


def confirm(life: Life) -> Decision:
    """All is ready, but the lease it was told of is nearly over: ask whether it still leads."""
    began = life.phase != "confirming"
    life = replace(life, phase="confirming", reason="asks whether it still leads", hook="", call="")
    life, effects = ask_role(life) if began else await_fresh(life)
    return life, [Cancel("answer"), *effects]


def await_fresh(life: Life) -> Decision:
    """It was told of a lease that is over: ask again, but not before a round can be acked."""
    part = replace(life.part, told=None, asking=True, late=False)
    return replace(life, part=part), [After(FRESH_S, RoleDue(), name="role")]


def role_taken(life: Life) -> Emit:
    """Say what it acts as from now on."""
    assert life.record is not None
    acts = life.record.acts
    return Emit(RoleTaken(life.name, life.record.stands, acts.role, acts.term, acts.leader))


def started(life: Life, answer: ProcessStarted, at: Moment) -> Decision:
    """The process lives: hooks beside it, and a moment before it is called up."""
    assert life.record is not None, "a process without a record"
    record = msgspec.structs.replace(life.record, pid=answer.pid, post_run_done=False, acted=True)
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
    follows = takes_part(life) and record.acts.role == "follower"
    return life, [
        Emit(ProcessBegan(answer.key, answer.pid)),
        *([role_taken(life)] if follows else []),
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
    told = life.part.told
    late = told is None or (told.role == "leader" and told.kill_at_s <= at.now + LEASE_LEFT_S)
    record = msgspec.structs.replace(life.record, init_done=False)
    if record.acts.role == "leader" and late:
        return confirm(replace(life, record=record))
    led = record.acts.role == "leader"
    life = replace(life, record=msgspec.structs.replace(record, acts=Position(), acted=False))
    life, effects = fail(life, reason, at, failed=True)
    return life, [*([role_taken(life)] if led else []), *effects]


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
        part=replace(life.part, asking=False),
    )
    return life, [
        *(Cancel(name) for name in ("answer", "gates", "role")),
        After(delay_s, RetryStart(), name="start"),
    ]


def hook_key(life: Life, hook: str, at: Moment) -> tuple[Life, str]:
    """A key for one run of a hook that no other run has, in any instance."""
    life = replace(life, number=life.number + 1)
    return life, f"hook:{life.name}:{hook}:{at.instance}.{life.number}"


def persist(life: Life) -> Persist:
    """Make the record durable."""
    assert life.record is not None, "nothing to write"
    return Persist(record_path(life.name), encode(life.record))
