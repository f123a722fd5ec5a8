"""What rolling updates have to achieve: who conducts, halts that are due, and ends that come soon.

Limits are counted from the last disturbance. What somebody gives to a group or to its depot is
none, unless it is the release itself. C is the time from a death until all know of it, E an
election's, D news' (`plan`).

Invariants: 35 `conductors_lead_nobody`, 37 `failures_halt_soon`, `nothing_halts_for_nothing`, 38
`rollouts_go_on`, `nobody_is_updated_twice`, 39 `the_skipped_are_gone`, 38 to 40
`updates_end_in_time`, 41 `the_pinned_rest`. What must hold of each turn: `update_checkers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, log2
from typing import Final, TypeAlias

from actors.messages.election_events import ElectorateChanged, ElectorateFounded
from actors.messages.ring import MemberHealthChanged
from actors.messages.rollout import RolloutStep, TurnEnded
from actors.messages.simulation import CommandGiven, FrameCarried, ProcessGone
from actors.messages.update import ReleaseTaken, UpdateFound
from actors.simulation.leader_checkers import BRIEF, INSTANT_S, leadership
from actors.simulation.plan import Plan, Service, detection_s
from actors.simulation.roles import GROUP
from actors.simulation.story import NEVER, Story, Trouble

# What is given to groups and depots, or shown: it takes nothing away from anybody.
GIVEN: Final = (
    *("apply", "upload", "publish", "release", "bad-release", "no-install"),
    *("garbage", "replay", "sick", "wall"),
)
STRIKES: Final = ("crash", "launcher", "power", "stop", "pause", "freeze", "partition", "kill")
PEACE_S: Final = 10.0  # before a trouble whose consequences are judged
HALTS_S: Final = 2.6  # two periods by a slow clock, and what disks and links take
ROUGH_S: Final = 6.0  # more, where frames may be lost or late: a question is repeated each second
LATE_NS: Final = 100_000_000  # frames that are later than this cost a question more
GOES_ON_S: Final = 12.0  # a lease of another (7 s), who votes, what they have on disk, a decision
TURN_S: Final = 15.0  # of one member that is well: drain, restart, first check, proof, reports
SKIPPED_S: Final = 6.0  # from what a conductor saw to the decision it made of it
QUIET_S: Final = 95.0  # after the start of the faults: the group is founded, and all has been told

Verdicts: TypeAlias = Iterator[str | None]


def election_s(members: int) -> float:
    """E: seconds an election may take."""
    return 4 * ceil(log2(max(2, members))) + 8


def rolling(plan: Plan) -> dict[str, Service]:
    """The services of a plan that roll, by their groups."""
    return {f"{s.name}.{GROUP}": s for s in plan.setup.services if s.strategy == "rolling"}


def is_calm(story: Story, begin_s: float, end_s: float, *, but: Trouble | None = None) -> bool:
    """Whether nothing (but one trouble) took anything away from anybody in a span."""
    if end_s > story.end_s:
        return False
    spared = but.fault.machines if but is not None else ()
    return not any(
        trouble.overlaps(begin_s, end_s)
        for trouble in story.troubles
        if trouble is not but and trouble.what not in GIVEN
    ) and not any(
        begin_s <= moment <= end_s
        for life in story.lives
        if life.machine not in spared
        for moment in (life.up_s, life.down_s)
    )


def _is_rough(plan: Plan) -> bool:
    quality = plan.setup.quality
    return quality.loss > 0 or (quality.tail > 0 and quality.tail_ns >= LATE_NS)


def _members(story: Story) -> dict[str, int]:
    """Machines by their member, whose short id is a key too."""
    found = {life.member: life.machine for life in story.lives}
    return found | {member[:BRIEF]: machine for member, machine in found.items()}


# ── who conducts ──


def conductors_lead_nobody(story: Story, plan: Plan) -> Verdicts:
    """35: no member holds both leases of a group, while the group has another voter."""
    del plan
    found = leadership(story)
    voters: dict[str, list[tuple[float, int]]] = {}
    for logged in story.events:
        if isinstance(logged.event, ElectorateFounded | ElectorateChanged):
            many = (logged.at_s, len(logged.event.voters.split(", ")))
            voters.setdefault(logged.event.service_group, []).append(many)
    topology = [lease for lease in found.leases if lease.kind == "topology"]
    for lease in found.leases:
        if lease.kind != "update":
            continue
        others = [
            other
            for other in topology
            if (other.member, other.service_group) == (lease.member, lease.service_group)
            and min(other.ended_s, lease.ended_s) - max(other.began_s, lease.began_s) > INSTANT_S
        ]
        if not others:
            yield None
            continue
        at_s = max(others[0].began_s, lease.began_s)
        known = [count for when_s, count in voters.get(lease.service_group, ()) if when_s <= at_s]
        text = f"{lease.service_group}: {lease.member[:BRIEF]} leads and conducts at {at_s:.3f} s"
        yield text if known and known[-1] > 1 else None


# ── failures ──


def failures_halt_soon(story: Story, plan: Plan) -> Verdicts:
    """37: within two periods of a member's second failure nobody is given a turn any more.

    The rollout halts, or goes back; at most one member is left with what failed, beside those that
    have proved themselves in it.
    """
    members = _members(story)
    limit_s = HALTS_S + (ROUGH_S if _is_rough(plan) else 0.0)
    last: dict[str, RolloutStep] = {}
    due: dict[str, tuple[float, RolloutStep]] = {}
    runs = _Runs()
    for logged in story.events:
        runs.see(logged.machine, logged.at_s, logged.event)
        match logged.event:
            case TurnEnded(group, epoch, phase="failed"):
                step = last.get(group)
                mine = step is not None and members.get(step.turn) == logged.machine
                if step is not None and mine and step.epoch == epoch and step.attempt > 1:
                    due[group] = logged.at_s, step
            case RolloutStep(group) as step:
                if group in due:
                    at_s, failed = due.pop(group)
                    over = step.state != "rolling" or step.epoch > failed.epoch
                    if over and is_calm(story, at_s - PEACE_S, at_s + limit_s):
                        late = logged.at_s - at_s > limit_s
                        yield f"{group} goes on until {logged.at_s:.3f} s" if late else None
                        many = runs.unproven(story, failed.target, logged.at_s)
                        text = f"{group}: {failed.target} failed, and runs on machines {many}"
                        yield text if len(many) > 1 else None
                last[group] = step
            case _:
                pass
    for group, (at_s, failed) in due.items():
        if is_calm(story, at_s - PEACE_S, at_s + limit_s):
            yield f"{group} never halted after {failed.turn[:BRIEF]} failed at {at_s:.3f} s"


@dataclass(slots=True)
class _Runs:
    """Which release each machine has gone to since when, and whether a turn has proved it."""

    taken: dict[int, tuple[str, float]] = field(default_factory=dict)
    proven: set[tuple[int, str]] = field(default_factory=set)

    def see(self, machine: int, at_s: float, event: object) -> None:
        match event:
            case ReleaseTaken(taken=taken):
                self.taken[machine] = taken, at_s
            case TurnEnded(target=target, phase="done"):
                self.proven.add((machine, target))
            case _:
                pass

    def unproven(self, story: Story, release: str, at_s: float) -> list[int]:
        """The machines that run a release unproven, and not because a fault struck them in it."""
        return [
            machine
            for machine, (taken, since_s) in self.taken.items()
            if taken == release
            and (machine, release) not in self.proven
            and is_calm(story, since_s, at_s)
        ]


def nothing_halts_for_nothing(story: Story, plan: Plan) -> Verdicts:
    """A rollout halts, or goes back, after a release that does not work, or a fault."""
    states: dict[str, str] = {}
    for logged in story.events:
        match logged.event:
            case RolloutStep(group, state=state, what=what):
                halts = state == "halted" and states.get(group) != "halted"
                states[group] = state
                if halts or what.startswith("goes back"):
                    blamed = _blamed(story, plan, group, logged.at_s)
                    yield None if blamed else f"{group} at {logged.at_s:.3f} s: {what}"
            case _:
                pass


def _blamed(story: Story, plan: Plan, group: str, at_s: float) -> bool:
    """Whether something was wrong lately with the group, its releases or its machines."""
    service = rolling(plan).get(group)
    if service is None or not service.is_steady or not service.starts_surely:
        return True
    since_s = at_s - PEACE_S - 4 * TURN_S
    return any(
        t.what in ("bad-release", "no-install")
        or ((t.what not in GIVEN or t.what == "sick") and t.overlaps(since_s, at_s))
        for t in story.troubles
    )


# ── deaths ──


def rollouts_go_on(story: Story, plan: Plan) -> Verdicts:
    """38: a rollout whose conductor is struck goes on to the same target, soon.

    That is sooner than C + E + 2 T: a leader is replaced within 7 s, whatever the size of the ring.
    """
    limit_s = GOES_ON_S + (2 * ROUGH_S if _is_rough(plan) else 0.0)
    for trouble in story.troubles:
        if trouble.what not in STRIKES:
            continue
        for group, service in rolling(plan).items():
            holder = leadership(story).holder(group, trouble.began_s, "update")
            struck = set(trouble.fault.machines) & set(service.machines)
            if (
                holder is None
                or holder.machine not in struck
                or 2 * len(struck) >= len(service.machines)
            ):
                continue
            steps = _steps(story, group)
            before = [step for at_s, step in steps if at_s < trouble.began_s]
            end_s = trouble.began_s + limit_s
            if (
                not before
                or before[-1].state != "rolling"
                or not is_calm(story, trouble.began_s - PEACE_S, end_s, but=trouble)
            ):
                continue
            after = [s for at_s, s in steps if trouble.began_s <= at_s <= end_s]
            text = f"{group}: struck at {trouble.began_s:.3f} s, nothing is decided for {limit_s} s"
            yield None if after else text
            offered = any(
                t.what == "release" and trouble.began_s - PEACE_S <= t.began_s <= end_s
                for t in story.troubles
            )
            if after and not offered:
                same = after[0].target == before[-1].target
                text = f"{group}: goes to {after[0].target} after {before[-1].target}"
                yield None if same else text


def _steps(story: Story, group: str) -> list[tuple[float, RolloutStep]]:
    return [
        (logged.at_s, logged.event)
        for logged in story.events
        if isinstance(logged.event, RolloutStep) and logged.event.service_group == group
    ]


def nobody_is_updated_twice(story: Story, plan: Plan) -> Verdicts:
    """38: no member goes twice to the release of a rollout, nor to the one it runs."""
    groups = rolling(plan)
    members: dict[int, str] = {}
    epochs: dict[str, int] = {}
    gone: set[tuple[str, str, int, str]] = set()
    for life in story.lives:
        members[life.machine] = life.member
    for logged in story.events:
        match logged.event:
            case RolloutStep(group, epoch):
                epochs[group] = max(epoch, epochs.get(group, 0))
            case ReleaseTaken(_, running, taken, group) if group in groups:
                member = logged.id.partition(":")[0]
                key = member, group, epochs.get(group, 0), taken
                fine = running != taken and key not in gone
                gone.add(key)
                text = f"{group} on machine {logged.machine} at {logged.at_s:.3f} s"
                yield None if fine else f"{text} goes to {taken} again"
            case _:
                pass


def the_skipped_are_gone(story: Story, plan: Plan) -> Verdicts:
    """39: who is skipped was confirmed dead, departed or stopped; never only suspected."""
    del plan
    members = _members(story)
    gone: dict[tuple[int, str], tuple[float, float]] = {}  # observer, who → since, until
    told: set[int] = set()  # machines at which somebody stopped a service
    for logged in story.events:
        match logged.event:
            case MemberHealthChanged(member, health):
                key = logged.machine, member[:BRIEF]
                since_s, until_s = gone.get(key, (NEVER, -NEVER))
                if health in ("confirmed", "departed"):
                    gone[key] = logged.at_s, NEVER
                elif until_s == NEVER:
                    gone[key] = since_s, logged.at_s
            case CommandGiven(machine=machine, verb=verb) if verb in ("stop", "unload"):
                told.add(machine)
            case RolloutStep(group, what=what) if what.startswith("skips "):
                for name in what.removeprefix("skips ").partition(":")[0].split(", "):
                    until_s = gone.get((logged.machine, name), (NEVER, -NEVER))[1]
                    machine = members.get(name, -1)
                    fine = until_s >= logged.at_s - SKIPPED_S or machine in told
                    text = f"{group} at {logged.at_s:.3f} s skips {name}, which is not dead"
                    yield None if fine else text
            case _:
                pass


# ── ends ──


def updates_end_in_time(story: Story, plan: Plan) -> Verdicts:
    """38 to 40: what is offered has reached all within C + E, two polls and n turns.

    Counted from the offer, or from the last disturbance before the last member went.
    """
    size = plan.setup.supervisors
    for service in plan.setup.services:
        if service.strategy == "none" or service.pinned:
            continue
        limit_s = detection_s(size) + election_s(size) + 2 * plan.setup.poll_s
        limit_s += len(service.machines) * TURN_S
        offers = [
            trouble
            for trouble in story.troubles
            if trouble.what == "release" and trouble.fault.detail.split(" ")[0] == service.name
        ]
        if not offers:
            continue
        wanted = offers[-1].fault.detail.split(" ")[1]
        went = [
            logged.at_s
            for logged in story.events
            if isinstance(logged.event, ReleaseTaken)
            and (logged.event.service, logged.event.taken.split("/", 2)[2])
            == (service.name, wanted)
            and logged.at_s >= offers[-1].began_s
        ]
        if went:
            since_s = max(offers[-1].began_s, _last_disturbed_s(story, went[-1]))
            text = f"{service.name} goes to {wanted} {went[-1] - since_s:.0f} s after all is well"
            yield text if went[-1] - since_s > limit_s else None


def _last_disturbed_s(story: Story, before_s: float) -> float:
    """The last instant before another at which something was wrong, or was put right."""
    moments = [
        moment
        for trouble in story.troubles
        if trouble.what not in GIVEN or trouble.what in ("sick", "bad-release", "release")
        for moment in (trouble.began_s, trouble.ended_s)
    ]
    moments += [moment for life in story.lives for moment in (life.up_s, life.down_s)]
    return max((moment for moment in moments if moment <= before_s), default=0.0)


# ── what is pinned ──


def the_pinned_rest(story: Story, plan: Plan) -> Verdicts:
    """41: a service that names one release is not asked about, not stopped, and nothing is told.

    Where frames are watched, and nothing but releases comes, none carries any news.
    """
    pinned = {service.name for service in plan.setup.services if service.pinned}
    if not pinned:
        return
    only_offers = all(fault.what == "release" for fault in plan.faults)
    quiet_s = story.phases.get("faults", NEVER) + QUIET_S
    end_s = story.phases.get("heal", NEVER)
    for logged in story.events:
        match logged.event:
            case ReleaseTaken(service) | UpdateFound(service) if service in pinned:
                yield f"{service}: {logged.event}"
            case RolloutStep(group) if group.partition(".")[0] in pinned:
                yield f"{group}: {logged.event}"
            case ProcessGone(_, key, how=how) if only_offers and key[len("service:") :] in pinned:
                yield f"{key} ended: {how}"
            case FrameCarried(kind=kind, bodies=bodies) if only_offers:
                if bodies and quiet_s <= logged.at_s <= end_s:
                    yield f"{kind} with {bodies} bodies at {logged.at_s:.3f} s"
            case _:
                pass
    for _ in pinned:
        yield None


CHECKERS: Final = (
    conductors_lead_nobody,
    failures_halt_soon,
    nothing_halts_for_nothing,
    rollouts_go_on,
    nobody_is_updated_twice,
    the_skipped_are_gone,
    updates_end_in_time,
    the_pinned_rest,
)
