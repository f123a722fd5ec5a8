"""From what the process acts as to what the election wants it to act as.

Safety: a process acts as leader from before it is told (the record says so first, and the launcher
has the instant of its death) until it has ended, or hook `role-changed none` has succeeded. Only
then is the election told that it does not. It is never told to lead, nor started as leader, but by
a word of the election for the present start, in a term in which no process of it ended before.
Liveness: who cannot be told is stopped, by the instant at which it has to be settled, and starts
again in its new role. Hooks are bounded; one that brings what is wanted no more is killed, except
`none`, which has a second. What the election is told is repeated with each of its questions.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from actors.effects import After, Ask, Cancel, Effect, Emit, Send
from actors.messages.election_orders import RoleChanged, RoleSettled, ServiceFitness
from actors.messages.process import ProcessExited, RenewLeader, StopProcess
from actors.messages.service import HandOverOverdue, HookFailed
from actors.service.hooks import (
    BESIDE_S,
    NONE_S,
    NOT_NOW,
    ROLE_CHANGED,
    process_key,
    start_hook,
)
from actors.service.life import (
    RUNNING,
    Decision,
    Life,
    Moment,
    acts_as_leader,
    outdated,
    package_of,
    takes_part,
)
from actors.service.part import position
from actors.service.record import Position
from actors.service.rendering import again, view_of
from actors.service.starting import (
    ELECTION,
    LAUNCHER,
    await_fresh,
    gates,
    hook_key,
    launch,
    persist,
    role_taken,
)
from actors.service.stopping import SETTLE_SPARE_S, order_stop, stop

HAND_OVER_S = 5.0  # for a successor to be found and the process to be told; then it is stopped
HALTED_HAND_OVER_S = 3.0  # the same when the supervisor ends
SHORTEST_S = 0.05  # a hook with less time than that is not run


def hear(life: Life, told: RoleChanged, at: Moment) -> Decision:
    """The election's word."""
    record, before = life.record, life.part.told
    if not takes_part(life) or record is None:
        return life, []
    if told.kind != "topology" or told.service_group != record.stands:
        return life, []
    if told.role == "leader" and told.term <= record.over:
        # It missed that its process of this term has ended.
        missed = ServiceFitness(record.stands, "topology", leads=False, failed=True)
        return life, [Send(ELECTION, missed)]
    why = (told.reason or life.part.why) if told.role == "none" else ""
    part = replace(life.part, told=told, asking=False, late=False, answered=False, why=why)
    life = replace(life, part=part)
    changed = before is None or position(before) != position(told)
    match life.phase:
        case "waiting":
            return gates(life, at)
        case "preparing" if changed:
            return gates(life, at)
        case "confirming":
            return launch(life, at)
        case "initializing" if acts_as_leader(life) and told.role != "leader" and not life.aborting:
            order = StopProcess(life.hook, "KILL", 0.0)
            reason = "it leads no more; the init hook is ended"
            return replace(life, aborting=True, reason=reason), [Send(LAUNCHER, order)]
        case "stopping" if acts_as_leader(life) and told.settle_by_s:
            return order_stop(life, at)
        case "settling" | "up":
            return again(life, at)
        case _:
            return life, []


def answer(life: Life) -> Decision:
    """Say that it is so, once it is."""
    part, record = life.part, life.record
    if part.answered or part.told is None or record is None or not _settled(life, part.told):
        return life, []
    told = part.told
    settled = RoleSettled(record.stands, told.kind, told.role, told.term)
    return replace(life, part=replace(part, answered=True)), [Send(ELECTION, settled)]


def _settled(life: Life, told: RoleChanged) -> bool:
    record = life.record
    assert record is not None
    if life.phase in RUNNING:
        done = record.acted and record.acts == position(told) and not life.part.hook
        return done and not (told.role == "none" and acts_as_leader(life))
    return told.role == "none" and not acts_as_leader(life)


# ── while the process runs ──


def act(life: Life, at: Moment) -> Decision:
    """One step of a live process towards what the election wants; the same life for none."""
    part, record, told = life.part, life.record, life.part.told
    if told is None or record is None or life.phase not in RUNNING:
        return life, []
    wanted = position(told)
    if part.hook:
        return _interrupt(life, wanted)
    if part.stuck:
        return _restart(life, at)
    if record.acts.role == "leader" and wanted.role != "leader":
        return _demote(life, told, at)
    if wanted.role == "leader" and record.acts != wanted:
        return _take(life, told, at)
    if record.acts == wanted and record.acted:
        return life, []
    if wanted.role != "none" and not _files_tell(life):
        return life, []
    return _tell(life, wanted, NONE_S if wanted.role == "none" else BESIDE_S, at)


def _interrupt(life: Life, wanted: Position) -> Decision:
    part = life.part
    if part.ending or part.bring == wanted or part.bring.role == "none":
        return life, []
    kill = StopProcess(part.hook, "KILL", 0.0)
    return replace(life, part=replace(part, ending=True)), [Send(LAUNCHER, kill)]


def _take(life: Life, told: RoleChanged, at: Moment) -> Decision:
    """It is to lead: it is fenced, and said to lead, before it is told."""
    if told.kill_at_s <= at.now:
        return await_fresh(life)
    assert life.record is not None
    record = msgspec.structs.replace(life.record, acts=position(told), acted=False)
    life = replace(life, record=record)
    fence = RenewLeader(process_key(life.name), told.kill_at_s)
    taken: list[Effect] = [Send(LAUNCHER, fence), role_taken(life), persist(life)]
    life, effects = again(life, at)
    return life, [*taken, *effects]


def _files_tell(life: Life) -> bool:
    """Whether its files say what it is to act as, or cannot."""
    if package_of(life) is None or (life.shut and life.made is None):
        return True
    return not life.rendering and life.seen is not None and life.seen == view_of(life)


def _demote(life: Life, told: RoleChanged, at: Moment) -> Decision:
    """It is to lead no more: its hook has a moment to tell it, or it ends."""
    limit_s = NONE_S
    if told.settle_by_s:
        limit_s = min(limit_s, told.settle_by_s - at.now - 2 * SETTLE_SPARE_S)
    if not _has_hook(life) or limit_s < SHORTEST_S:
        return _restart(life, at)
    none = position(told) if told.role == "none" else Position("none", told.term)
    return _tell(life, none, limit_s, at)


def _restart(life: Life, at: Moment) -> Decision:
    """End the process; it starts again in the role that it has then."""
    reason = "its role changed; it starts again"
    return stop(replace(life, again=not outdated(life)), reason, at)


def _tell(life: Life, bring: Position, limit_s: float, at: Moment) -> Decision:
    """Have the hook tell the process; without a hook there is nothing to tell."""
    record, told = life.record, life.part.told
    assert record is not None
    assert told is not None
    if not _has_hook(life):
        return _acts(life, bring, at)
    life, key = hook_key(life, ROLE_CHANGED, at)
    start = start_hook(
        *(ROLE_CHANGED, key, record, at.options, limit_s),
        brings=bring,
        dissolved=told.dissolved != "",
    )
    life = replace(life, part=replace(life.part, hook=key, bring=bring, ending=False))
    return life, [Ask(LAUNCHER, start, key)]


def hook_ended(life: Life, end: ProcessExited, how: str, at: Moment) -> Decision:
    """The role-changed hook ended; `how` it failed, empty if it did not.

    A process that can take its role only by starting anew is stopped, which is no failure.
    """
    part = life.part
    bring, killed = part.bring, part.ending
    life = replace(life, part=replace(part, hook="", bring=Position(), ending=False))
    if life.phase not in RUNNING or killed:
        return life, []
    if not how:
        return _acts(life, bring, at)
    if end.code == NOT_NOW and bring.role != "leader":
        return _restart(life, at)
    leads = acts_as_leader(life)
    harmless = bring.role == "none" and not leads
    then = "it goes on" if harmless else "it is stopped, and starts again in its role"
    group = life.record.stands if life.record else ""
    said = HookFailed(life.name, f"{ROLE_CHANGED} {bring.role}", f"{how}; {then}", group)
    if harmless:
        life, effects = _acts(life, bring, at)
        return life, [Emit(said), *effects]
    return replace(life, part=replace(life.part, stuck=True)), [Emit(said)]


def _acts(life: Life, acts: Position, at: Moment) -> Decision:
    """The process acts in that position from now on."""
    record = life.record
    assert record is not None
    led, same = record.acts.role == "leader", record.acts == acts
    life = replace(life, record=msgspec.structs.replace(record, acts=acts, acted=True))
    effects: list[Effect] = [] if same else [role_taken(life)]
    if led and acts.role != "leader":
        effects.append(Send(LAUNCHER, RenewLeader(process_key(life.name), 0.0)))
    life, told = answer(life)  # before the disk, which may fail: the record only says too much
    effects += [*told, persist(life)]
    life, more = again(life, at)
    return life, [*effects, *more]


def _has_hook(life: Life) -> bool:
    return life.record is not None and ROLE_CHANGED in life.record.hooks


def is_telling(life: Life) -> bool:
    """Whether its process is being told of a role, or is about to be: other hooks wait for that."""
    told, record = life.part.told, life.record
    if life.part.hook:
        return True
    if told is None or record is None or not takes_part(life) or not _has_hook(life):
        return False
    return record.acts != position(told) or not record.acted


# ── before a stop ──


def hands_over(life: Life) -> bool:
    """Whether it has to hand over the lead before it is stopped."""
    return acts_as_leader(life) and life.phase in RUNNING and life.part.handing != "over"


def hand_over(life: Life, why: str) -> Decision:
    """Have the election look for a successor; the election's word demotes it."""
    if life.part.handing:
        return life, []
    limit_s = HAND_OVER_S if life.halted_s is None else HALTED_HAND_OVER_S
    part = replace(life.part, handing="asked")
    life = replace(life, part=part, reason=f"{why}; it hands over the lead first")
    return life, [After(limit_s, HandOverOverdue(), name="handover")]


def kept(life: Life) -> Decision:
    """It is wanted after all: it need not hand over."""
    if not life.part.handing:
        return life, []
    part = replace(life.part, handing="")
    return replace(life, part=part, reason=""), [Cancel("handover")]


def lost(life: Life, key: str, at: Moment) -> Decision:
    """The launcher could not be asked for the hook."""
    how = "could not be run: the launcher did not answer"
    if key != life.part.hook:
        return life, []
    return hook_ended(life, ProcessExited(key, 0), how, at)
