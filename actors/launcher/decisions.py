"""The launcher's decisions: `(state, input, now) → (state, actions)`, nothing else in or out.

Safety: deadlines that are due take effect before the input is looked at, so a late renewal never
revives a leader-role group and a late leader-role start is refused. A key has at most one live
group. An end is told to its owner once and kept until its key is started again, so that a
supervisor that was away learns of it. The launcher's own end is bounded: `END_S` after TERM it is
gone, whatever supervisor and services do.

The simulation runs this module with simulated processes; `actors.launcher.loop` with real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, assert_never

from actors.launcher import groups, supervision
from actors.launcher.groups import Group
from actors.launcher.protocol import (
    EXIT_FAILED,
    Exited,
    Hello,
    List,
    Listing,
    Own,
    OwnerDied,
    Ready,
    Renew,
    Running,
    Start,
    Started,
    StartFailed,
    Stop,
    StopRequest,
    Welcome,
)
from actors.launcher.supervision import CONNECT_TIMEOUT_S, Supervisor, Verdict
from actors.launcher.vocabulary import (
    Action,
    Adopted,
    Begin,
    Disconnected,
    Ended,
    Executed,
    Exit,
    Forked,
    GroupGone,
    Input,
    Notify,
    Record,
    Restart,
    Say,
    SignalSupervisor,
    SpawnFailed,
    SupervisorEnded,
    SupervisorStarted,
    TableRead,
    Tell,
    Terminate,
    Tick,
    Vanished,
)

NEVER: Final = float("inf")
SUPERVISOR: Final = "supervisor"  # its own key in the process table
END_S: Final = 28.5  # from TERM to the end at the latest, so that 30 s hold on a slow machine too
SUPERVISOR_TERM: Final = 0.60  # of that: the supervisor stops services with their signals and hooks
SUPERVISOR_KILL: Final = 0.65  # … it gets KILL; services have the usual 8 s from here
SERVICES_KILL: Final = 0.95  # … every group has had its KILL
EXITS_MAX: Final = 4096  # ends remembered; a supervisor has about a thousand services
FAREWELL: Final = "Hasta la vista, services."


@dataclass(frozen=True, slots=True)
class Ending:
    """The launcher is on its way out, first `supervisor`, then `services`.

    `term_at_s` and `kill_at_s` are for the supervisor, `services_by_s` for the groups, at `by_s`
    the launcher gives up waiting.
    """

    code: int
    stage: Literal["supervisor", "services", "over"]
    services_by_s: float = NEVER
    by_s: float = NEVER
    term_at_s: float = NEVER
    kill_at_s: float = NEVER


@dataclass(frozen=True, slots=True)
class State:
    """All the launcher knows: key → live group, key → last end, the supervisor, its own end.

    `connect_timeout_s` is for a supervisor to register, `end_s` from TERM to the launcher's end.
    """

    pid: int
    boot_id: str
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    end_s: float = END_S
    groups: Mapping[str, Group] = field(default_factory=dict)
    exits: Mapping[str, Exited] = field(default_factory=dict)
    supervisor: Supervisor = field(default_factory=Supervisor)
    ending: Ending | None = None
    damaged: Mapping[str, str] = field(default_factory=dict)  # files of the process table
    groups_due_s: float = NEVER  # no group has anything due before; keeps a step from asking all


Decision: TypeAlias = tuple[State, list[Action]]


def step(state: State, received: Input, now: float) -> Decision:
    """The next state, and what is to be done, in order."""
    state, actions = _due(state, now)
    state, more = _handle(state, received, now)
    state, last = _finish(state, now)
    return state, [*actions, *more, *last]


def wake_at(state: State) -> float:
    """The CLOCK_BOOTTIME instant of the next `Tick`, infinity for none."""
    ending = state.ending
    if ending is None:
        return min(state.groups_due_s, supervision.wake_at(state.supervisor))
    by_s = NEVER if ending.stage == "over" else ending.by_s
    return min(state.groups_due_s, ending.term_at_s, ending.kill_at_s, by_s)


def leads(state: State) -> bool:
    """Whether any group is in the leader role (its instant of death must not be overslept)."""
    return any(group.leader_until_s != NEVER for group in state.groups.values())


def _handle(state: State, received: Input, now: float) -> Decision:
    match received:
        case Tick():
            return state, []
        case Begin(predecessor, stopped):
            supervisor, actions = supervision.begin(predecessor, stopped, now)
            return replace(state, supervisor=supervisor), actions
        case TableRead():
            return _table_read(state, received)
        case Adopted(key=key):
            return _settle(state, key, groups.adopt(received, now), now)
        case Vanished():
            return _vanished(state, received)
        case Forked() | Executed() | SpawnFailed() | Ended() | GroupGone():
            return _process(state, received, now)
        case SupervisorStarted(pid):
            started = supervision.started(state.supervisor, pid, now, state.connect_timeout_s)
            return replace(state, supervisor=started), groups.who_leads(state.groups.values())
        case SupervisorEnded():
            return _supervisor_ended(state, received, now)
        case Disconnected():
            return replace(state, supervisor=supervision.disconnected(state.supervisor, now)), []
        case Terminate():
            return _terminate(state, now)
        case Restart():
            return _restart(state, now)
        case Hello():
            return _registered(state)
        case Ready(status):
            return state, [Notify("READY=1" + (f"\nSTATUS={status}" if status else ""))]
        case Start():
            return _start(state, received, now)
        case Stop():
            return _stop(state, received, now)
        case List(ask):
            return state, [Tell(_listing(state, ask))]
        case Own():
            return _own(state, received, now)
        case OwnerDied(owner):
            return _owner_died(state, owner, now)
        case Renew(key=key):
            group = state.groups.get(key)
            if group is None:
                return state, []  # its end is told already
            return _settle(state, key, groups.renew(group, received), now)
        case _:
            assert_never(received)


def _table_read(state: State, found: TableRead) -> Decision:
    """Say what was wrong with the process table, and tell the first supervisor, which logs it."""
    actions: list[Action] = []
    for file, aside in found.damaged.items():
        kept = f"; set aside as {aside}" if aside else ""
        actions.append(Say(f"The process table {file} was damaged{kept}"))
    if found.skipped:
        actions.append(Say(f"{found.skipped} lines of the process table could not be used"))
    actions += [
        Say(f"The process table did not know of {one}; found by its mark") for one in found.unlisted
    ]
    told = {file: aside for file, aside in found.damaged.items() if aside}
    return replace(state, damaged=told), actions


# ── processes ──


def _start(state: State, asked: Start, now: float) -> Decision:
    reason = _objection(state, asked, now)
    if reason:
        return state, [Tell(StartFailed(asked.ask, asked.key, reason))]
    present = state.groups.get(asked.key)
    if present is not None:
        return _settle(state, asked.key, (replace(present, after=asked), []), now)
    exits = {key: end for key, end in state.exits.items() if key != asked.key}
    return _settle(replace(state, exits=exits), asked.key, groups.begin(asked), now)


def _objection(state: State, asked: Start, now: float) -> str:
    """Why a start is refused, or nothing. A key whose group is being wiped out may be reused."""
    present = state.groups.get(asked.key)
    if state.ending is not None and state.ending.stage != "supervisor":
        return "the launcher is ending"
    if asked.key in ("", SUPERVISOR) or not asked.argv:
        return "a process needs a key and a program"
    if asked.leader_until_s and asked.leader_until_s <= now:
        late_ms = round((now - asked.leader_until_s) * 1000)
        return f"the leader's lease ended {late_ms} ms before the start"
    if present is not None and not (present.killed or present.ended):
        return f"it already runs as pid {present.pid}"
    if present is not None and present.after is not None:
        return f"pid {present.pid} is being killed and another start waits for its end"
    return ""


def _stop(state: State, asked: Stop, now: float) -> Decision:
    group = state.groups.get(asked.key)
    if group is None:
        end = state.exits.get(asked.key, Exited(asked.key, 0))
        return state, [Tell(replace(end, owner="", asks=(asked.ask,)))]
    actions: list[Action] = []
    if group.after is not None:
        waiting, group = group.after, replace(group, after=None)
        actions = [Tell(StartFailed(waiting.ask, waiting.key, "it was stopped before it began"))]
    state, more = _settle(state, asked.key, groups.stop(group, asked, now), now)
    return state, [*actions, *more]


def _own(state: State, asked: Own, now: float) -> Decision:
    group = state.groups.get(asked.key)
    if group is not None:
        owned = replace(group, owner=asked.owner)
        leader = owned.leader_until_s != NEVER
        told = Started(asked.ask, owned.key, owned.pid, owned.start_ticks, owned.started_s, leader)
        state, _ = _settle(state, asked.key, (owned, []), now)
        answer: list[Action] = [Tell(told)] if asked.ask else []
        return state, [Record(asked.key, asked.owner, leader), *answer]
    end = state.exits.get(asked.key, Exited(asked.key, 0))
    if asked.ask:
        return state, [Tell(replace(end, owner="", asks=(asked.ask,)))]
    return state, [Tell(replace(end, owner=asked.owner, asks=()))]


def _owner_died(state: State, owner: str, now: float) -> Decision:
    actions: list[Action] = []
    for key, group in state.groups.items():
        if group.owner == owner and group.ends_with_owner:
            state, more = _settle(state, key, groups.kill(group, "owner", now), now)
            actions += more
    return state, actions


def _process(
    state: State, received: Forked | Executed | SpawnFailed | Ended | GroupGone, now: float
) -> Decision:
    """What the outside reports about a group; reports about an earlier one of its key are late."""
    group = state.groups.get(received.key)
    if group is None or (
        not isinstance(received, Forked | SpawnFailed) and received.pid != group.pid
    ):
        return state, []
    match received:
        case Forked():
            life = groups.forked(group, received, now)
        case Executed():
            life = groups.executed(group)
        case SpawnFailed(reason=reason):
            life = groups.failed(group, reason)
        case Ended():
            life = groups.ended(group, received, now)
        case GroupGone():
            life = groups.gone(group)
        case _:
            assert_never(received)
    return _settle(state, received.key, life, now)


def _vanished(state: State, found: Vanished) -> Decision:
    text = f"{found.key} (pid {found.pid}) ended while no launcher ran; exit code unknown"
    end = Exited(found.key, found.pid, owner=found.owner)
    exits = state.exits if found.ends_with_owner else {**state.exits, found.key: end}
    return replace(state, exits=exits), [Say(text)]


def _settle(state: State, key: str, life: groups.Life, now: float) -> Decision:
    """Put a group back, or its end in its place, and then start what waited for the key."""
    group, actions = life
    if group is not None:
        due_s = min(state.groups_due_s, groups.wake_at(group))
        return replace(state, groups={**state.groups, key: group}, groups_due_s=due_s), actions
    was = state.groups[key]
    exits = state.exits
    told = next((a.report for a in actions if isinstance(a, Tell)), None)
    if was.executed and not was.ends_with_owner and isinstance(told, Exited):
        exits = {name: end for name, end in exits.items() if name != key}
        for oldest in list(exits)[: max(0, len(exits) + 1 - EXITS_MAX)]:
            del exits[oldest]
        exits[key] = replace(told, asks=())
    left = {name: other for name, other in state.groups.items() if name != key}
    state = replace(state, groups=left, exits=exits)
    if was.after is None:
        return state, actions
    state, more = _start(state, was.after, now)
    return state, [*actions, *more]


def _listing(state: State, ask: str) -> Listing:
    alive = tuple(
        Running(group.key, group.pid, group.start_ticks, group.started_s, group.adopted)
        for _, group in sorted(state.groups.items())
        if group.executed and not group.ended
    )
    return Listing(
        ask, alive, tuple(replace(end, asks=()) for _, end in sorted(state.exits.items()))
    )


# ── the supervisor ──


def _registered(state: State) -> Decision:
    back = state.supervisor.phase == "starting" and state.supervisor.registered
    supervisor = supervision.registered(state.supervisor)
    state = replace(state, supervisor=supervisor)
    damaged = state.damaged if supervisor.starts == 1 else {}
    actions: list[Action] = [
        Tell(Welcome(state.pid, state.boot_id, supervisor.starts, damaged=dict(damaged)))
    ]
    if back:
        actions.append(Say(f"Supervisor registered again as pid {supervisor.pid}"))
    if state.ending is not None and state.ending.stage == "supervisor":
        actions.append(Tell(StopRequest("terminate")))
    return state, actions


def _restart(state: State, now: float) -> Decision:
    if state.ending is not None:
        return state, []
    supervisor, actions = supervision.restart(state.supervisor, now)
    said = Say("Restarting the supervisor; services are left alone")
    return replace(state, supervisor=supervisor), [said, *actions]


def _supervisor_ended(state: State, end: SupervisorEnded, now: float) -> Decision:
    """Hooks die with it, requests of it are nobody's any more, services are left alone."""
    if end.pid != state.supervisor.pid:
        return state, []
    actions: list[Action] = []
    orphans = dict(state.groups)
    for key, group in orphans.items():
        orphan = replace(group, asks=(), start_ask="", after=None)
        if orphan.ends_with_owner and not orphan.killed:
            orphan, more = groups.kill(orphan, "owner", now)
            actions += more
        orphans[key] = orphan
    state = replace(state, groups=orphans, groups_due_s=now)
    if state.ending is not None:
        state, more = _end_services(state, now)
        return state, [*actions, *more]
    supervisor, verdict, more = supervision.ended(
        state.supervisor, end.code, end.signal, end.reason, now
    )
    state, last = _judge(replace(state, supervisor=supervisor), verdict, now)
    return state, [*actions, *more, *last]


def _judge(state: State, verdict: Verdict, now: float) -> Decision:
    match verdict:
        case "go on":
            return state, []
        case "stopped" | "failed":
            code = 0 if verdict == "stopped" else EXIT_FAILED
            state = replace(state, ending=_ending(state, code, now))
            state, actions = _end_services(state, now)
            return state, [Notify("STOPPING=1"), *actions]
        case "hopeless":
            # A supervisor that cannot even start is no reason to end healthy services.
            ending = Ending(1, "over")
            left = ", ".join(sorted(state.groups))
            said: list[Action] = (
                [Say(f"Left running for the next launcher: {left}")] if left else []
            )
            return replace(state, ending=ending), [*said, Exit(1)]
        case _:
            assert_never(verdict)


# ── the end ──


def _ending(state: State, code: int, now: float) -> Ending:
    return Ending(
        code=code,
        stage="supervisor",
        term_at_s=now + state.end_s * SUPERVISOR_TERM,
        kill_at_s=now + state.end_s * SUPERVISOR_KILL,
        services_by_s=now + state.end_s * SERVICES_KILL,
        by_s=now + state.end_s,
    )


def _terminate(state: State, now: float) -> Decision:
    if state.ending is not None:
        return state, []
    supervisor = state.supervisor
    state = replace(state, ending=_ending(state, 0, now))
    said: list[Action] = [Notify("STOPPING=1"), Say("Stopping the supervisor and its services")]
    if supervisor.phase == "up":
        return state, [*said, Tell(StopRequest("terminate"))]
    if supervisor.phase == "starting":
        return state, said  # asked as soon as it registers
    state, actions = _end_services(state, now)
    return state, [*said, *actions]


def _end_services(state: State, now: float) -> Decision:
    """Stop every group; each gets its own time, within what is left of the launcher's."""
    assert state.ending is not None
    if state.ending.stage != "supervisor":
        return state, []
    limit = state.ending.services_by_s
    gone = replace(state.supervisor, phase="gone", pid=0, start_at_s=NEVER, kill_at_s=NEVER)
    ending = replace(state.ending, stage="services", term_at_s=NEVER, kill_at_s=NEVER)
    state = replace(state, ending=ending, supervisor=gone)
    actions: list[Action] = []
    for key, group in state.groups.items():
        last = replace(group, after=None, kill_at_s=min(group.kill_at_s, max(limit, now)))
        life: groups.Life = (last, [])
        if group.kill_at_s == NEVER and not group.killed:  # it was not asked to end before
            order = Stop("", key, group.stop_signal, min(group.stop_timeout_s, limit - now))
            life = groups.stop(last, order, now)
        state, more = _settle(state, key, life, now)
        actions += more
    return state, actions


def _finish(state: State, now: float) -> Decision:
    """End when the last group is gone, or when time is up."""
    ending = state.ending
    if ending is None or ending.stage == "over":
        return state, []
    if ending.stage == "supervisor" and now < ending.by_s:
        return state, []
    if state.groups and now < ending.by_s:
        return state, []
    state = replace(state, ending=replace(ending, stage="over"))
    left = ", ".join(f"{group.key} (pid {group.pid})" for group in state.groups.values())
    said = Say(f"Could not be ended: {left}" if left else FAREWELL)
    return state, [said, Exit(ending.code)]


def _due(state: State, now: float) -> Decision:
    """What the clock demands, groups in the leader role first."""
    actions: list[Action] = []
    if now >= state.groups_due_s:
        due = [group for group in state.groups.values() if now >= groups.wake_at(group)]
        for group in sorted(due, key=lambda group: group.leader_until_s):
            state, more = _settle(state, group.key, groups.due(group, now), now)
            actions += more
        earliest_s = min(map(groups.wake_at, state.groups.values()), default=NEVER)
        state = replace(state, groups_due_s=earliest_s)
    if state.ending is None:
        if now >= supervision.wake_at(state.supervisor):
            supervisor, verdict, more = supervision.due(state.supervisor, now)
            state, last = _judge(replace(state, supervisor=supervisor), verdict, now)
            actions += [*more, *last]
        return state, actions
    return _due_ending(state, state.ending, actions, now)


def _due_ending(state: State, ending: Ending, actions: list[Action], now: float) -> Decision:
    pid = state.supervisor.pid
    if now >= ending.kill_at_s:
        state, more = _end_services(state, now)  # not waiting for one that even KILL cannot end
        return state, [*actions, SignalSupervisor(pid, "KILL"), *more]
    if now >= ending.term_at_s:
        ending = replace(ending, term_at_s=NEVER)
        actions.append(SignalSupervisor(pid, "TERM"))
    return replace(state, ending=ending), actions
