"""What must hold of updates: one turn at a time, epochs that only grow, and that all arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from actors.messages.ring import MemberHealthChanged
from actors.messages.rollout import RolloutStep, TurnBegan, TurnEnded
from actors.messages.simulation import FaultBegan, ServicesSeen, SupervisorGone
from actors.messages.update import ReleaseTaken
from actors.simulation.plan import Plan
from actors.simulation.story import Story

ARRIVES_S: Final = 150.0  # from the last release that was offered to the end of what it takes
FIRST: Final = "1.0.0/20260101000000"

Verdicts: TypeAlias = Iterator[str | None]


def one_turn_at_a_time(story: Story, plan: Plan) -> Verdicts:
    """36: while a member is between its stop and its proof, no other of the group is stopped.

    Who is confirmed dead, or lost its machine, is skipped and does not count.
    """
    del plan
    opened: dict[str, dict[str, float]] = {}  # group → member → since
    members = {life.machine: life.member for life in story.lives}
    for logged in story.events:
        member = members.get(logged.machine, "")
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
    """41: what a member says is decided never has a lesser epoch than what it said before."""
    del plan
    last: dict[tuple[int, str], int] = {}
    for logged in story.events:
        match logged.event:
            case RolloutStep(group, epoch):
                before = last.get((logged.machine, group), 0)
                last[logged.machine, group] = epoch
                text = f"{group} on machine {logged.machine}: epoch {before}, then {epoch}"
                yield text if epoch < before else None
            case _:
                pass


def updates_arrive(story: Story, plan: Plan) -> Verdicts:
    """38 to 40: at the end all run the release offered last, unless nobody can install it."""
    if "end" not in story.phases:
        return
    offered: dict[str, tuple[float, str]] = {}
    unsound: set[tuple[str, str]] = set()
    runs: dict[tuple[int, str], str] = {}
    stages: dict[tuple[int, str], str] = {}
    for logged in story.events:
        match logged.event:
            case FaultBegan("release", detail=detail):
                service, _, release = detail.partition(" ")
                offered[service] = logged.at_s, release
            case FaultBegan("no-install", detail=detail):
                service, _, release = detail.partition(" ")
                unsound.add((service, release))
            case ReleaseTaken(service, taken=taken):
                runs[logged.machine, service] = "/".join(taken.split("/")[2:])
            case ServicesSeen(machine) as seen:
                stages.update({(machine, s): stage for s, (stage, _) in seen.services.items()})
            case _:
                pass
    up = {life.machine for life in story.up_at_end()}
    for one in plan.setup.services:
        at_s, wanted = offered.get(one.name, (0.0, FIRST))
        late = story.phases["end"] - at_s < ARRIVES_S
        if one.strategy == "none" or one.name not in offered or late:
            continue
        for machine in sorted(up & set(one.machines)):
            key = machine, one.name
            found = runs.get(key, FIRST)
            if (one.name, wanted) in unsound:
                fine = found != wanted
            else:
                fine = found == wanted and stages.get(key) == "up"
            text = f"{one.name} on machine {machine} runs {found}, {stages.get(key)}"
            yield None if fine else f"{text}; {wanted} was offered"


CHECKERS: Final = (one_turn_at_a_time, epochs_only_grow, updates_arrive)
