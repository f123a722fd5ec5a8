"""What must hold of updates: turns one at a time, after a drain, among the well; steps that stay.

A turn is a member's from the step that gives it, which a majority holds, to its proof. Steps are
ordered by term and number (`actors/update/memory.py`); who conducts learns all that were decided
before, so numbers never fall from one term to the next, and no epoch does.

Invariants: 36 `one_turn_at_a_time`, 37 `turns_are_among_the_well`, 38 `steps_follow_each_other`,
38 to 40 `updates_arrive`, 41 `epochs_only_grow`, `steps_follow_each_other`; DESIGN's drain
`turns_drain_first`. Who conducts, and how soon what ends: `rollout_checkers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from actors.messages.election_events import LeaderElected
from actors.messages.ring import MemberHealthChanged
from actors.messages.rollout import RolloutKept, RolloutStep, TurnBegan, TurnEnded
from actors.messages.service import HEALTHY, HealthChanged, ServiceSpec, ServiceStageChanged
from actors.messages.simulation import MachineStarted, SupervisorGone
from actors.simulation.arrivals import Arrivals
from actors.simulation.leadership import member_of
from actors.simulation.plan import Plan
from actors.simulation.story import NEVER, Story

# A member's word is 3 s old at most when leave to stop is given; that holds for 4.5 s from then on.
ILL_S: Final = 10.0  # in which everybody who gives turns knows of an illness
# By how much a drain may be shorter by true time than by the clock of a member, which may be fast.
SHORTER: Final = 0.9

Verdicts: TypeAlias = Iterator[str | None]


def one_turn_at_a_time(story: Story, plan: Plan) -> Verdicts:
    """36: while a member is between its stop and its proof, no other of the group is stopped.

    Who is confirmed dead, or lost its machine, is skipped and does not count.
    """
    del plan
    opened: dict[str, dict[str, float]] = {}  # group → member → since
    for logged in story.events:
        member = member_of(logged)
        match logged.event:
            case TurnBegan(group):
                others = {m: at for m, at in opened.setdefault(group, {}).items() if m != member}
                opened[group][member] = logged.at_s
                text = f"{group}: {member[:8]} at {logged.at_s:.3f} s, in a turn too: {others}"
                yield text if others else None
            case TurnEnded(group):
                opened.setdefault(group, {}).pop(member, None)
            case MemberHealthChanged(gone, "confirmed") | SupervisorGone(member=gone, how="power"):
                for turns in opened.values():
                    turns.pop(gone, None)
            case _:
                pass


def epochs_only_grow(story: Story, plan: Plan) -> Verdicts:
    """41: epochs that a member has on disk, or says are decided, never decrease."""
    del plan
    last: dict[tuple[str, str, bool], int] = {}
    members: dict[int, str] = {}
    for logged in story.events:
        match logged.event:
            case MachineStarted(number, member):
                members[number] = member
            case RolloutKept(group, epoch) | RolloutStep(group, epoch):
                key = members[logged.machine], group, isinstance(logged.event, RolloutStep)
                before = last.get(key, 0)
                last[key] = epoch
                text = f"{group} on machine {logged.machine}: epoch {before}, then {epoch}"
                yield text if epoch < before else None
            case _:
                pass


def steps_follow_each_other(story: Story, plan: Plan) -> Verdicts:
    """38, 41: a step that was decided is known to all later conductors: they go on from it.

    A conductor that never had a majority, or that did not ask one, uses a number again. A group
    that was founded anew, by members that know nothing of the old one, begins anew as well.
    """
    del plan
    won: dict[tuple[int, str, int], str] = {}  # machine, group, term → the electorate it won it in
    groups: dict[tuple[str, str], set[tuple[int, int, int]]] = {}
    for logged in story.events:
        match logged.event:
            case LeaderElected(group, "update", electorate, term):
                won[logged.machine, group, term] = electorate
            case RolloutStep(group, epoch, term, step):
                electorate = won.get((logged.machine, group, term), "")
                groups.setdefault((group, electorate), set()).add((term, step, epoch))
            case _:
                pass
    for (group, _), decided in groups.items():
        for (term, step, epoch), later in pairwise(sorted(decided)):
            fine = later[1] > step and later[2] >= epoch
            text = f"{group}: step {step} of term {term}, epoch {epoch}; then {later}"
            yield None if fine else text


def turns_drain_first(story: Story, plan: Plan) -> Verdicts:
    """Nothing is stopped for a turn before it has been out of the census for the drain time.

    It leaves the census after the step that gives it the turn; that step was logged before.
    """
    del plan
    drain_s = SHORTER * ServiceSpec("").drain
    given: dict[str, tuple[str, float]] = {}  # group → whose turn, since when at the earliest
    for logged in story.events:
        match logged.event:
            case RolloutStep(group, turn=turn):
                if given.get(group, ("", 0.0))[0] != turn:
                    given[group] = turn, logged.at_s
            case TurnBegan(group) if group in given:
                turn, since_s = given[group]
                after_s = logged.at_s - since_s
                early = turn == member_of(logged) and after_s < drain_s
                text = f"{group}: {turn[:8]} was stopped {after_s:.3f} s after it had its turn"
                yield text if early else None
            case _:
                pass


def turns_are_among_the_well(story: Story, plan: Plan) -> Verdicts:
    """37: no member is stopped for a turn while another is up and known to be ill.

    Who is ill itself may go: that takes nobody away.
    """
    ill: dict[tuple[int, str], float] = {}  # machine, service → since
    machines = {one.name: one.machines for one in plan.setup.services}
    for logged in story.events:
        match logged.event:
            case HealthChanged(service, health):
                if health in HEALTHY:
                    ill.pop((logged.machine, service), None)
                else:
                    ill.setdefault((logged.machine, service), logged.at_s)
            case ServiceStageChanged(service, stage) if stage != "up":
                ill.pop((logged.machine, service), None)
            case SupervisorGone(machine):
                ill = {key: at_s for key, at_s in ill.items() if key[0] != machine}
            case TurnBegan(group):
                name = group.partition(".")[0]
                known = [
                    machine
                    for machine in machines.get(name, ())
                    if logged.at_s - ill.get((machine, name), NEVER) > ILL_S
                ]
                text = f"{group} on machine {logged.machine} was stopped, ill are: {known}"
                yield text if known and (logged.machine, name) not in ill else None
            case _:
                pass


def updates_arrive(story: Story, plan: Plan) -> Verdicts:
    """38 to 40: at the end all run the release offered last, or none what does not work.

    A run waits for that, as long as it may take.
    """
    if "end" not in story.phases:
        return
    seen = Arrivals()
    for logged in story.events:
        seen.see(logged)
    up = sorted(life.machine for life in story.up_at_end())
    for one in plan.setup.services:
        if one.strategy == "none" or one.pinned or one.name not in seen.offered:
            continue
        missing = [*seen.missing(one, up), *seen.unready(one, up)]
        yield f"{one.name}: {', '.join(missing)}" if missing else None


CHECKERS: Final = (
    one_turn_at_a_time,
    epochs_only_grow,
    steps_follow_each_other,
    turns_drain_first,
    turns_are_among_the_well,
    updates_arrive,
)
