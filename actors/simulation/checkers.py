"""What must hold of every run, judged from its event log alone.

Safety is judged throughout, liveness from the last disturbance on. A checker counts what it judged:
one that had nothing proves nothing. Numbers are of invariants, listed by `tests`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from actors.messages.gossip import MemberAnnounced
from actors.messages.runtime import (
    ActorFailed,
    ActorKilled,
    ActorParked,
    ActorStarted,
    ActorStopped,
    NodeEscalated,
    StateFileDamaged,
)
from actors.messages.simulation import MembersSeen, RumorsSeen
from actors.node.lifecycle import SERVICES_S
from actors.simulation import (
    fencing_checkers,
    group_checkers,
    leader_checkers,
    recovery_checkers,
    rollout_checkers,
    service_checkers,
    suitability_checkers,
    traffic_checkers,
    update_checkers,
)
from actors.simulation.eventlog import Logged
from actors.simulation.plan import (
    CALM_BEFORE_S,
    Plan,
    detection_s,
    dissemination_s,
    floor_s,
    reunion_s,
)
from actors.simulation.story import NEVER, Opinion, ProcessLife, Story, Trouble, read

RESTART_S: Final = 5.0  # from an actor's death to its next instance
STRETCH_S: Final = 120.0  # how far back a trouble excuses a death: the longest damped suspicion
MOST_LOSS: Final = 0.1  # up to here members count as connected
CRASH_BACK_S: Final = 4.0  # a supervisor that ran well is back so soon after a crash
CRASHING_BACK_S: Final = 34.0  # one that crashes again and again: the launcher waits up to 30 s
AT_ONCE_S: Final = 2.0  # what a command may take to reach its actor


@dataclass(slots=True)
class Judgement:
    """What was judged how often, and what broke, in words."""

    judged: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """A story and the plan behind it."""

    story: Story
    plan: Plan

    @property
    def size(self) -> int:
        """N."""
        return self.plan.setup.supervisors

    @property
    def spread_s(self) -> float:
        """D."""
        return dissemination_s(self.size)

    @property
    def detection_s(self) -> float:
        """C."""
        return detection_s(self.size)

    @property
    def is_connected(self) -> bool:
        """Whether links, as they are when nothing is wrong, are good enough to promise anything."""
        return self.plan.setup.quality.loss <= MOST_LOSS

    def is_calm(self, begin_s: float, end_s: float, *, but: Trouble | None = None) -> bool:
        """Whether nothing (but one trouble) was wrong, and all processes lived, in a span."""
        if any(t.overlaps(begin_s, end_s) for t in self.story.troubles if t is not but):
            return False
        spared = but.fault.machines if but is not None else ()
        return not any(
            begin_s <= moment <= end_s
            for life in self.story.lives
            if life.machine not in spared
            for moment in (life.up_s, life.down_s)
        )


# A verdict: None, it held; else what broke.
Verdicts: TypeAlias = Iterator[str | None]
Checker: TypeAlias = Callable[[Case], Verdicts]


def judge(events: list[Logged], plan: Plan) -> Judgement:
    """Run every checker over a log."""
    case = Case(read(events), plan)
    judgement = Judgement()
    for checker in CHECKERS:
        name = checker.__name__
        judgement.judged[name] = 0
        for verdict in checker(case):
            judgement.judged[name] += 1
            if verdict is not None:
                judgement.violations.append(f"{name}: {verdict}")
    return judgement


# ── the event log itself ──


def event_ids_have_no_gap(case: Case) -> Verdicts:
    """Ids of a life count from 1; hybrid clocks of a life grow."""
    last: dict[str, tuple[int, int]] = {}
    for logged in case.story.events:
        if logged.machine < 0:
            continue
        life, _, number = logged.id.rpartition(":")
        seq, hlc = last.get(life, (0, 0))
        last[life] = int(number), logged.hlc
        if int(number) != seq + 1:
            yield f"{logged.id} follows {life}:{seq}"
        elif logged.hlc <= hlc:
            yield f"{logged.id} has clock {logged.hlc}, its predecessor {hlc}"
        else:
            yield None


def causes_come_first(case: Case) -> Verdicts:
    """An event's cause is in the log before it."""
    if any(trouble.what == "garbage" for trouble in case.story.troubles):
        return  # a flipped bit in a frame may name a cause that never was
    known: set[str] = set()
    for logged in case.story.events:
        if logged.cause:
            yield None if logged.cause in known else f"{logged.id} is caused by {logged.cause}"
        known.add(logged.id)


# ── actors and processes ──


def no_actor_fails(case: Case) -> Verdicts:
    """19, 22: whatever arrives and whatever a disk holds, no actor raises."""
    for logged in case.story.events:
        if isinstance(logged.event, ActorFailed):
            failed = logged.event
            yield f"{logged.at_s:.3f} s, machine {logged.machine}: {failed.name}: {failed.error}"
        elif isinstance(logged.event, ActorStarted):
            yield None


def dead_actors_are_back(case: Case) -> Verdicts:
    """Every death is followed by a start within seconds, unless somebody decided otherwise."""
    ends = (ActorStarted, ActorStopped, ActorParked, NodeEscalated)
    waiting: dict[tuple[int, str], Logged] = {}
    for logged in case.story.events:
        event = logged.event
        if isinstance(event, ActorFailed | ActorKilled):
            waiting[logged.machine, event.name] = logged
        elif isinstance(event, ends):
            death = waiting.pop((logged.machine, event.name), None)
            if death is not None:
                yield _late(case, death, logged.at_s)
    for death in waiting.values():
        yield _late(case, death, case.story.end_s)


def _late(case: Case, death: Logged, until_s: float) -> str | None:
    story, machine = case.story, death.machine
    if until_s - death.at_s <= RESTART_S:
        return None
    life = story.life_at(machine, death.at_s)
    if life is None or life.down_s <= death.at_s + RESTART_S:
        return None  # the process died with it
    standstills = (t for t in story.troubles if t.what in ("pause", "freeze"))
    if any(t.touches(machine) and t.overlaps(death.at_s, until_s) for t in standstills):
        return None
    name = getattr(death.event, "name", "?")
    return f"{name} of machine {machine} died at {death.at_s:.3f} s, not back by {until_s:.3f} s"


def supervisors_are_back(case: Case) -> Verdicts:
    """A supervisor that crashed is started again by its launcher."""
    story = case.story
    for life in story.lives:
        if not life.how or life.how in ("power", "exit 84", "exit 86"):
            continue
        steady = life.down_s - life.up_s > 60
        limit_s = life.down_s + (CRASH_BACK_S if steady else CRASHING_BACK_S)
        starts = [n.up_s for n in story.lives if n.machine == life.machine and n.up_s > life.down_s]
        hindered = any(
            t.touches(life.machine) and t.overlaps(life.up_s, limit_s)
            for t in story.troubles
            if t.what not in ("crash", "kill", "publish", "hold", "sever", "degrade", "wall")
        )
        if hindered or limit_s > story.end_s:
            continue
        back = bool(starts) and starts[0] <= limit_s
        yield None if back else f"machine {life.machine} ({life.how}) not back by {limit_s:.1f} s"


# ── the ring ──


def incarnations_never_decrease(case: Case) -> Verdicts:
    """7: what a member announces of itself grows over all its lives; nobody goes back on it."""
    announced: dict[str, tuple[int, int]] = {}
    for logged in case.story.events:
        member = logged.id.partition(":")[0]
        if isinstance(logged.event, StateFileDamaged) and logged.event.path == "INCARNATION":
            announced.pop(member, None)  # it goes on above what the ring remembers, once it hears
        elif isinstance(logged.event, MemberAnnounced):
            number = logged.event.epoch, logged.event.incarnation
            before = announced.get(member, (0, 0))
            announced[member] = number
            yield None if number > before else f"{member[:8]} announced {number} after {before}"
    seen: dict[tuple[int, int, str], tuple[int, int]] = {}
    for opinion in case.story.opinions:
        key = opinion.observer.machine, opinion.life, opinion.member
        number = opinion.epoch, opinion.incarnation
        if number < seen.get(key, (0, 0)) and opinion.health != "departed":
            yield f"machine {key[0]} went back on {opinion.member[:8]} at {opinion.at_s:.3f} s"
        seen[key] = number


def the_innocent_are_not_confirmed(case: Case) -> Verdicts:
    """4, 13: nobody is taken for dead who lived, and was connected, all the time before.

    A cut of one link, and a pause shorter than a suspicion, are no excuse.
    """
    if case.plan.setup.quality.loss > 0:
        return
    story = case.story
    for opinion in story.opinions:
        if opinion.health != "confirmed":
            continue
        if opinion.reason.startswith("remembered"):
            continue
        since_s = max(0.0, opinion.at_s - STRETCH_S)
        since_s = max(since_s, _first_up(case, opinion))
        if story.was_up(opinion.member, since_s, opinion.at_s):
            excused = any(_excuses(case, t, since_s, opinion) for t in story.troubles)
            text = f"{opinion.member[:8]} on machine {opinion.observer.machine}"
            reason = f"at {opinion.at_s:.3f} s: {opinion.reason}"
            yield None if excused else f"{text} {reason}"


def _first_up(case: Case, opinion: Opinion) -> float:
    lives = case.story.lives_of(opinion.member)
    return lives[0].up_s if lives else 0.0


def _excuses(case: Case, trouble: Trouble, since_s: float, opinion: Opinion) -> bool:
    if not trouble.overlaps(since_s, opinion.at_s):
        return False
    length_s = min(trouble.ended_s, opinion.at_s) - trouble.began_s
    machines, others = trouble.fault.machines, trouble.fault.others
    match trouble.what:
        case "pause" | "freeze":
            return length_s >= floor_s(case.size)
        case "partition" | "one-way" | "hold" | "sever":
            one_link = len(machines) == 1 and len(others) == 1 and case.size > 2
            return not one_link
        case "degrade":
            return True
        case "disk":
            return True  # who cannot write an incarnation cannot refute
        case "depart":
            return True
        case _:
            return False


def the_dead_are_noticed(case: Case) -> Verdicts:
    """2, 12: who is gone is confirmed, or said goodbye, everywhere within C."""
    story = case.story
    if not case.is_connected:
        return
    for life in story.lives:
        limit_s = life.down_s + case.detection_s
        if limit_s > story.end_s or life.down_s < story.phases.get("faults", NEVER):
            continue
        if any(
            o.machine == life.machine and o.up_s > life.down_s and o.up_s < limit_s + 5
            for o in story.lives
        ):
            continue
        but = next(
            (t for t in story.troubles if t.touches(life.machine) and _caused(t, life)), None
        )
        if not case.is_calm(life.down_s - CALM_BEFORE_S, limit_s, but=but):
            continue
        for observer in story.lives:
            if observer.up_s < life.down_s - CALM_BEFORE_S and observer.down_s > limit_s:
                yield _noticed(case, observer, life, limit_s)


def _caused(trouble: Trouble, life: ProcessLife) -> bool:
    return abs(trouble.began_s - life.down_s) < AT_ONCE_S * 20


def _noticed(case: Case, observer: ProcessLife, life: ProcessLife, limit_s: float) -> str | None:
    if any(
        o.observer is observer
        and o.member == life.member
        and o.health in ("confirmed", "departed")
        and life.down_s - CALM_BEFORE_S <= o.at_s <= limit_s
        for o in case.story.opinions
    ):
        return None
    text = f"machine {observer.machine} does not know by {limit_s:.1f} s"
    return f"{text} that {life.member[:8]} is gone since {life.down_s:.1f} s"


def the_living_refute(case: Case) -> Verdicts:
    """5: a living member that is accused is alive again everywhere within D."""
    story = case.story
    if not case.is_connected:
        return
    bad: dict[tuple[int, int, str], Opinion] = {}
    for opinion in story.opinions:
        key = opinion.observer.machine, opinion.observer.boot, opinion.member
        accused = bad.pop(key, None)
        if accused is not None and opinion.health == "alive":
            yield _refuted(case, accused, opinion.at_s)
        if opinion.health in ("suspect", "confirmed"):
            bad[key] = accused or opinion
    for accused in bad.values():
        yield _refuted(case, accused, story.end_s)


def _refuted(case: Case, accused: Opinion, until_s: float) -> str | None:
    story = case.story
    limit_s = accused.at_s + case.spread_s
    if until_s <= limit_s:
        return None
    if not story.was_up(accused.member, accused.at_s, limit_s):
        return None
    if accused.observer.down_s < limit_s or not case.is_calm(accused.at_s - 60, limit_s):
        return None
    text = f"machine {accused.observer.machine} held {accused.member[:8]} to be {accused.health}"
    return f"{text} from {accused.at_s:.3f} s to {until_s:.3f} s"


def the_ring_forms(case: Case) -> Verdicts:
    """1, 23: all that start with one reachable seed know all others within D."""
    story = case.story
    if not case.is_connected or "faults" not in story.phases:
        return
    began_s = max((life.up_s for life in story.lives if life.boot == 1), default=0.0)
    limit_s = began_s + case.spread_s
    seen = {view.number: (at_s, view) for at_s, view in story.views if at_s <= limit_s + 2}
    members = {life.member for life in story.lives if life.up_s < story.phases["faults"]}
    for life in story.lives:
        if life.up_s >= story.phases["faults"]:
            continue
        _, view = seen.get(life.machine, (0.0, None))
        missing = members - _alive(view) if view is not None else members
        yield (
            f"machine {life.machine} does not see {len(missing)} members by {limit_s:.1f} s"
            if missing
            else None
        )


def the_ring_heals(case: Case) -> Verdicts:
    """9, 10, 11, 14: after the last disturbance all see exactly the living alive, in one ring."""
    story = case.story
    if "end" not in story.phases or not case.is_connected:
        return
    up = story.up_at_end()
    members = {life.member for life in up}
    last = {view.number: (at_s, view) for at_s, view in story.views}
    disturbed_s = max(
        [story.phases["heal"]]
        + [m for life in story.lives for m in (life.up_s, life.down_s) if m != NEVER]
    )
    limit_s = reunion_s(case.plan.setup)
    rings: set[str] = set()
    for life in up:
        at_s, view = last.get(life.machine, (0.0, None))
        if view is None or view.member != life.member:
            yield f"machine {life.machine} was never asked"
            continue
        rings.add(view.ring_id)
        wrong = _alive(view) ^ members
        if wrong:
            names = ", ".join(sorted(member[:8] for member in wrong))
            yield f"machine {life.machine} is wrong about {names} at the end"
        elif at_s - disturbed_s > limit_s + AT_ONCE_S:
            yield f"machine {life.machine} took {at_s - disturbed_s:.1f} s (limit {limit_s:.0f})"
        else:
            yield None
    if len(rings) > 1:
        yield f"{len(rings)} rings at the end: {', '.join(sorted(rings))}"


def stores_become_equal(case: Case) -> Verdicts:
    """14, 15: at the end all hold the same rumors."""
    story = case.story
    if "end" not in story.phases or not case.is_connected:
        return
    last = {held.number: held for _, held in story.rumors}
    digests = Counter(
        last[life.machine].digest for life in story.up_at_end() if life.machine in last
    )
    if digests:
        common = digests.most_common(1)[0][0]
        for life in story.up_at_end():
            held: RumorsSeen | None = last.get(life.machine)
            same = held is not None and held.digest == common
            yield None if same else f"machine {life.machine} holds other rumors"


def departed_means_departed(case: Case) -> Verdicts:
    """11: who is departed by command begins to leave within D, and nobody takes it for alive again.

    Its services may take their time to stop; so long after D it is gone.
    """
    story = case.story
    for trouble in story.troubles:
        if trouble.what != "depart":
            continue
        for number in trouble.fault.machines:
            life = story.life_at(number, trouble.began_s)
            limit_s = trouble.began_s + case.spread_s
            if life is None or limit_s > story.end_s or not case.is_connected:
                continue
            if not case.is_calm(trouble.began_s - 5, limit_s, but=trouble):
                continue
            left = life.ending_s <= limit_s
            yield None if left else f"machine {number} does not leave by {limit_s:.1f} s"
            gone_s = limit_s + SERVICES_S
            if gone_s <= story.end_s and case.is_calm(limit_s, gone_s, but=trouble):
                gone = life.down_s <= gone_s and life.how == "exit 86"
                yield None if gone else f"machine {number} has not left by {gone_s:.1f} s"
            views = {view.number: view for at_s, view in story.views if at_s > gone_s}
            for view in views.values():
                health = view.members.get(life.member, ("departed", 0))[0]
                fine = health == "departed"
                yield None if fine else f"machine {view.number} holds the departed to be {health}"


def _alive(view: MembersSeen) -> set[str]:
    return {member for member, (health, _) in view.members.items() if health == "alive"}


def _of_story(check: Callable[[Story, Plan], Verdicts]) -> Checker:
    def checker(case: Case) -> Verdicts:
        return check(case.story, case.plan)

    checker.__name__ = check.__name__
    return checker


LED: Final = (leader_checkers, fencing_checkers, suitability_checkers, recovery_checkers)
GROUPS: Final = (update_checkers, rollout_checkers, *LED)
CHECKERS: Final[tuple[Checker, ...]] = (
    event_ids_have_no_gap,
    causes_come_first,
    no_actor_fails,
    dead_actors_are_back,
    supervisors_are_back,
    incarnations_never_decrease,
    the_innocent_are_not_confirmed,
    the_dead_are_noticed,
    the_living_refute,
    the_ring_forms,
    the_ring_heals,
    stores_become_equal,
    departed_means_departed,
    _of_story(service_checkers.healthy_processes_survive),
    _of_story(service_checkers.one_process_a_service),
    _of_story(service_checkers.accepted_commands_hold),
    _of_story(service_checkers.the_census_is_true),
    _of_story(group_checkers.accepted_facts_hold),
    _of_story(group_checkers.files_follow_the_facts),
    *(_of_story(check) for module in GROUPS for check in module.CHECKERS),
    _of_story(traffic_checkers.frames_stay_small),
    _of_story(traffic_checkers.idle_rings_are_quiet),
    _of_story(traffic_checkers.a_change_costs_little),
)
