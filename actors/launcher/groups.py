"""One process group's life as a pure function: starting, running, stopping, until all is gone.

A group ends when its *leader* process has ended and no other member is left; only then is the end
reported and the key free again. What remains after the leader has gone gets TERM, and KILL after
`LINGER_S` (as systemd does with what is left in a unit's control group). KILL to a group is atomic
in the kernel against fork, so a group that only forks cannot outrun it; KILL is repeated with each
probe for those who move into the group later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from actors.launcher.protocol import EndedBy, Exited, Renew, Start, Started, StartFailed, Stop
from actors.launcher.vocabulary import (
    Action,
    Adopted,
    Ended,
    Forget,
    Forked,
    Probe,
    Record,
    Say,
    SignalGroup,
    Spawn,
    Tell,
)

LINGER_S: Final = 2.0  # for members that outlive their leader to end by themselves after TERM
PROBE_FIRST_S: Final = 0.02  # groups are mostly gone at once
PROBE_MAX_S: Final = 0.25
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Group:
    """A process group the launcher keeps. Instants are CLOCK_BOOTTIME; `NEVER` where unset.

    `executed`: its program runs. `ended`: its leader process is gone. `killed`: KILL was sent.
    `leader_until_s` is when a leader-role group dies. `after` waits for the key to be free.
    """

    key: str
    owner: str
    ends_with_owner: bool
    stop_signal: str
    stop_timeout_s: float
    start_ask: str = ""
    timeout_s: float = 0.0
    pid: int = 0
    start_ticks: int = 0
    started_s: float = 0.0
    adopted: bool = False
    executed: bool = False
    ended: bool = False
    killed: bool = False
    code: int | None = None
    signal: int | None = None
    ended_by: EndedBy = "itself"
    leader_until_s: float = NEVER
    timeout_at_s: float = NEVER
    kill_at_s: float = NEVER
    probe_at_s: float = NEVER
    probe_s: float = PROBE_FIRST_S
    asks: tuple[str, ...] = ()
    after: Start | None = None


Life: TypeAlias = tuple[Group | None, list[Action]]  # None: the group is gone


def begin(start: Start) -> Life:
    """A group for an accepted request."""
    group = Group(
        key=start.key,
        owner=start.owner,
        ends_with_owner=start.ends_with_owner,
        stop_signal=start.stop_signal,
        stop_timeout_s=start.stop_timeout_s,
        start_ask=start.ask,
        timeout_s=start.timeout_s,
        leader_until_s=start.leader_until_s or NEVER,
    )
    return group, [Spawn(start)]


def adopt(found: Adopted, now: float) -> Life:
    """A group that outlived an earlier launcher.

    One whose owner died with that launcher's supervisor is killed; so is one in the leader role,
    because nobody watched its lease meanwhile and nobody knows how long it still runs.
    """
    group = Group(
        key=found.key,
        owner=found.owner,
        ends_with_owner=found.ends_with_owner,
        stop_signal=found.stop_signal,
        stop_timeout_s=found.stop_timeout_s,
        pid=found.pid,
        start_ticks=found.start_ticks,
        started_s=found.started_s,
        adopted=True,
        executed=True,
    )
    name = f"{found.key} (pid {found.pid})"
    if not found.alive:
        gone, actions = ended(group, Ended(found.key, found.pid, group_remains=True), now)
        return gone, [Say(f"{name} ended while no launcher ran; ending what is left"), *actions]
    if found.was_leader:
        group, actions = kill(group, "fence", now)
        text = f"{name} was in the leader role, unfenced since the earlier launcher died: killed"
        return group, [Say(text), *actions]
    if found.ends_with_owner:
        group, actions = kill(group, "owner", now)
        return group, [Say(f"{name} outlived its owner: killed"), *actions]
    text = f"Adopting {name} of an earlier launcher; its exit code will not be known"
    return group, [Say(text)]


def forked(group: Group, born: Forked, now: float) -> Life:
    """The child exists: its clocks start, and what was decided meanwhile reaches it."""
    group = replace(
        group,
        pid=born.pid,
        start_ticks=born.start_ticks,
        started_s=now,
        timeout_at_s=now + group.timeout_s if group.timeout_s > 0 else NEVER,
    )
    return group, []


def executed(group: Group) -> Life:
    """The program runs."""
    told = Started(group.start_ask, group.key, group.pid, group.start_ticks, group.started_s)
    return replace(group, executed=True), [Tell(told)] if group.start_ask else []


def failed(group: Group, reason: str) -> Life:
    """The program could not be run."""
    actions: list[Action] = [Forget(group.key)]
    if group.start_ask:
        actions.append(Tell(StartFailed(group.start_ask, group.key, reason)))
    if group.asks:
        actions.append(Tell(Exited(group.key, 0, ended_by="stop", asks=group.asks)))
    return None, actions


def stop(group: Group, asked: Stop, now: float) -> tuple[Group, list[Action]]:
    """Signal the group and set the instant of its KILL (an earlier one stays)."""
    if asked.ask:
        group = replace(group, asks=(*group.asks, asked.ask))
    if asked.signal in ("KILL", "SIGKILL") or asked.timeout_s <= 0:
        return kill(group, "stop", now)
    group = replace(
        group,
        ended_by="stop" if group.ended_by == "itself" and not group.ended else group.ended_by,
        kill_at_s=min(group.kill_at_s, now + asked.timeout_s),
    )
    return group, [SignalGroup(group.key, group.pid, asked.signal)]


def kill(group: Group, why: EndedBy, now: float) -> tuple[Group, list[Action]]:
    """KILL the group now."""
    by = why if group.ended_by == "itself" and not group.ended else group.ended_by
    group = replace(
        group,
        ended_by=by,
        killed=True,
        leader_until_s=NEVER,
        timeout_at_s=NEVER,
        kill_at_s=NEVER,
        probe_at_s=now + PROBE_FIRST_S,
    )
    return group, [SignalGroup(group.key, group.pid, "KILL")]


def ended(group: Group, end: Ended, now: float) -> Life:
    """The leader process is gone; the group may not be."""
    group = replace(group, ended=True, code=end.code, signal=end.signal)
    if not end.group_remains:
        return gone(group)
    group = replace(  # what is left of a leader-role group still dies at its instant
        group,
        timeout_at_s=NEVER,
        kill_at_s=min(group.kill_at_s, now + LINGER_S),
        probe_at_s=now + PROBE_FIRST_S,
        probe_s=PROBE_FIRST_S,
    )
    if group.killed:
        return group, []
    return group, [SignalGroup(group.key, group.pid, "TERM")]


def gone(group: Group) -> Life:
    """Nothing is left: the end is reported and the key is free."""
    return None, [Forget(group.key), Tell(last_words(group))]


def last_words(group: Group) -> Exited:
    """How the group ended, for its owner and whoever asked for the end."""
    # An owner that died has no use for the end of what died with it; its successor neither.
    owner = "" if group.ended_by == "owner" else group.owner
    return Exited(
        key=group.key,
        pid=group.pid,
        code=group.code,
        signal=group.signal,
        ended_by=group.ended_by,
        owner=owner,
        asks=group.asks,
    )


def renew(group: Group, renewal: Renew) -> tuple[Group, list[Action]]:
    """Move the instant of death of a leader-role group; never to an earlier one, 0 ends the role.

    The caller has let deadlines that are due take effect first: a renewal never revives.
    """
    if group.killed or group.ended:
        return group, []
    was = group.leader_until_s
    if renewal.until_s <= 0:
        until = NEVER
    else:
        until = renewal.until_s if was == NEVER else max(was, renewal.until_s)
    group = replace(group, leader_until_s=until)
    if (was == NEVER) == (until == NEVER):
        return group, []
    return group, [Record(group.key, group.owner, until != NEVER)]


def due(group: Group, now: float) -> tuple[Group, list[Action]]:
    """Do what the clock demands."""
    if now >= group.leader_until_s:
        late_ms = round((now - group.leader_until_s) * 1000)
        group, actions = kill(group, "fence", now)
        text = f"{group.key} (pid {group.pid}): its lease was not renewed in time; killed"
        return group, [*actions, Say(f"{text} {late_ms} ms after the instant")]
    if now >= group.timeout_at_s:
        group, actions = kill(group, "timeout", now)
        return group, [*actions, Say(f"{group.key} (pid {group.pid}) took too long; killed")]
    if now >= group.kill_at_s:
        return kill(group, group.ended_by, now)
    if now >= group.probe_at_s:
        thorough = group.killed and group.probe_s >= PROBE_MAX_S
        actions = []
        if group.killed:
            actions.append(SignalGroup(group.key, group.pid, "KILL"))
        if group.ended:
            actions.append(Probe(group.key, group.pid, thorough))
        longer = min(group.probe_s * 2, PROBE_MAX_S)
        return replace(group, probe_at_s=now + longer, probe_s=longer), actions
    return group, []


def who_leads(groups: Iterable[Group]) -> list[Action]:
    """Tell a new supervisor whom it has to end if we die before it has asked for anything.

    It waits in the pipe: a supervisor that is up only after our death still reads it.
    """
    return [
        Tell(Started("", group.key, group.pid, group.start_ticks, group.started_s, leads=True))
        for group in sorted(groups, key=lambda group: group.key)
        if group.leader_until_s != NEVER and group.pid and not group.ended
    ]


def wake_at(group: Group) -> float:
    """The next instant at which `due` has something to do."""
    return min(group.leader_until_s, group.timeout_at_s, group.kill_at_s, group.probe_at_s)
