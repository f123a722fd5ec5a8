"""What must hold of services: no healthy process dies by our hand, no accepted command is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from actors.messages.runtime import StateFileDamaged
from actors.messages.simulation import (
    CensusSeen,
    CommandAnswered,
    CommandGiven,
    FaultBegan,
    FilesWritten,
    ProcessActs,
    ProcessGone,
    ProcessRan,
    ServicesSeen,
)
from actors.messages.update import ReleaseTaken
from actors.simulation.arrivals import Arrivals
from actors.simulation.leader_checkers import leadership
from actors.simulation.plan import Plan, Service
from actors.simulation.roles import GROUP
from actors.simulation.story import Story

PREFIX: Final = "service:"
PATIENCE_S: Final = (
    40.0  # a stop may take a deaf process its whole timeout, and a start its backoff
)
# Whose machine or launcher ends with the services on it.
ENDS: Final = ("power", "wipe", "damage", "stop", "depart")
# What a machine may forget that lost its disk, or on whose disk nothing could be written.
FORGETS: Final = ("wipe", "damage", "tear", "disk")

Verdicts: TypeAlias = Iterator[str | None]


@dataclass(slots=True)
class _Wish:
    """The last command about a service on a machine: what is wanted, and whether that is sure."""

    verb: str
    at_s: float
    answered: bool = False


def _services(plan: Plan) -> dict[tuple[int, str], Service]:
    return {(m, s.name): s for s in plan.setup.services for m in s.machines}


def healthy_processes_survive(story: Story, plan: Plan) -> Verdicts:
    """A steady service process ends by a command, a kill by hand, or with its machine alone.

    Another release is a command, and one that does not work may end by itself; new configuration
    is one where the package has no hook for it. Killing actors, supervisors and launchers is none.
    A process that acts as leader may have lost its lease; and one whose member has a lease may be
    on its way to act so, which is reason enough where the launcher dies.
    """
    leases = [lease for lease in leadership(story).leases if lease.kind == "topology"]
    services = _services(plan)
    steady = {key for key, service in services.items() if service.is_steady}
    reasons: dict[int, float] = {}  # machine → when everything on it was told to end
    commands: dict[tuple[int, str], float] = {}
    given: dict[int, tuple[int, str]] = {}
    leads: set[tuple[int, int]] = set()  # machine and pid
    arrivals = Arrivals()
    for logged in story.events:
        arrivals.see(logged)
        match logged.event:
            case ProcessActs(machine, pid=pid, role=role):
                leads -= {(machine, pid)}
                leads |= {(machine, pid)} if role == "leader" else set()
            case FaultBegan(what, machines, detail=detail):
                for machine in machines:
                    if what in ENDS:
                        reasons[machine] = logged.at_s
                    elif what == "service":
                        commands[machine, detail] = logged.at_s
            case CommandGiven(number, machine=machine, verb=verb, service=service):
                if verb != "start":
                    commands[machine, service] = logged.at_s
                    given[number] = machine, service
            case CommandAnswered(number) if number in given:
                commands[given[number]] = logged.at_s  # whoever stood still hears of it late
            case ReleaseTaken(service=service):
                commands[logged.machine, service] = logged.at_s
            case FilesWritten(machine, service, changed=changed) if "config/app.conf" in changed:
                if (machine, service) in steady and not services[machine, service].reconfigures:
                    commands[machine, service] = logged.at_s
            case ProcessGone(machine, key, pid, how) if key.startswith(PREFIX):
                name = key.removeprefix(PREFIX)
                if (machine, name) not in steady or (machine, pid) in leads:
                    continue
                if (name, arrivals.runs.get((machine, name))) in arrivals.ailing:
                    continue
                where = machine, f"{name}.{GROUP}"
                held = (one for one in leases if (one.machine, one.service_group) == where)
                if any(one.began_s <= logged.at_s < one.ended_s for one in held):
                    continue
                since_s = max(
                    reasons.get(machine, -PATIENCE_S), commands.get((machine, name), -PATIENCE_S)
                )
                explained = logged.at_s - since_s < PATIENCE_S or _overlaps(
                    story, machine, ("stop", "depart"), since_s
                )
                text = f"{key} (pid {pid}) on machine {machine} ended at {logged.at_s:.3f} s: {how}"
                yield None if explained else text


def one_process_a_service(story: Story, plan: Plan) -> Verdicts:
    """No service ever has two processes on a machine."""
    del plan
    alive: dict[tuple[int, str], int] = {}
    for logged in story.events:
        match logged.event:
            case ProcessRan(machine, key, pid) if key.startswith(PREFIX):
                other = alive.get((machine, key))
                alive[machine, key] = pid
                yield None if other is None else f"{key} on machine {machine}: pids {other}, {pid}"
            case ProcessGone(machine, key, pid) if alive.get((machine, key)) == pid:
                del alive[machine, key]
            case _:
                pass


def accepted_commands_hold(story: Story, plan: Plan) -> Verdicts:
    """At the end each service is as the last command about it wanted, if that was accepted."""
    if "end" not in story.phases:
        return
    services = _services(plan)
    wishes, last = _wishes(story)
    unsure = forgetful(story)
    up = {life.machine for life in story.up_at_end()}
    for (machine, name), wish in sorted(wishes.items()):
        seen = last.get(machine)
        uncertain = not wish.answered or machine in unsure or machine not in up
        if uncertain or story.phases["end"] - wish.at_s < PATIENCE_S:
            continue
        if seen is None:
            yield f"machine {machine} does not tell its services"
            continue
        stage, pid = seen.services.get(name, ("gone", 0))
        service = services.get((machine, name))
        fine = _fulfills(wish.verb, stage, service) and (stage != "up" or pid > 0)
        text = f"{name} on machine {machine} is {stage} (pid {pid})"
        yield None if fine else f"{text} after {wish.verb!r} was accepted"


def _fulfills(verb: str, stage: str, service: Service | None) -> bool:
    match verb:
        case "unload":
            return stage == "gone"
        case "stop":
            return stage == "down"
        case _ if service is not None and service.topology == "leader":
            return stage not in ("gone", "down")  # whether it may start is its election's matter
        case _ if service is not None and service.is_steady and service.starts_surely:
            return stage == "up"
        case _:
            return stage not in ("gone", "down")


def _wishes(story: Story) -> tuple[dict[tuple[int, str], _Wish], dict[int, ServicesSeen]]:
    """The last commands, and what was seen last; a `restart` starts what was stopped."""
    given: dict[int, tuple[tuple[int, str], _Wish]] = {}
    wishes: dict[tuple[int, str], _Wish] = {}
    last: dict[int, ServicesSeen] = {}
    for logged in story.events:
        match logged.event:
            case CommandGiven(number, machine, _, verb, service):
                given[number] = (machine, service), _Wish(verb, logged.at_s)
                known = wishes.get((machine, service))
                if known is not None:
                    known.answered = False  # until this one is answered, nothing is sure
            case CommandAnswered(number, outcome):
                if number not in given:
                    continue  # of a group's fact
                key, wish = given[number]
                before = wishes.get(key)
                if outcome == "accepted":
                    wish.answered = True
                    wishes[key] = wish
                elif outcome != "unknown" and before is not None:
                    before.answered = True  # refused or unchanged: all is as before
            case ServicesSeen(machine) as seen:
                last[machine] = seen
            case _:
                pass
    return wishes, last


def forgetful(story: Story) -> set[int]:
    """Machines that may have lost what they had made durable."""
    machines = {m for t in story.troubles if t.what in FORGETS for m in t.fault.machines}
    for logged in story.events:
        if isinstance(logged.event, StateFileDamaged):
            machines.add(logged.machine)
    return machines


def the_census_is_true(story: Story, plan: Plan) -> Verdicts:
    """20, 46: at the end every census lists exactly the services that are up, everywhere alike."""
    if "end" not in story.phases or plan.setup.quality.loss > 0.1:
        return
    services: dict[int, ServicesSeen] = {}
    found: dict[int, CensusSeen] = {}
    for logged in story.events:
        match logged.event:
            case ServicesSeen(machine) as seen:
                services[machine] = seen
            case CensusSeen(machine) as census:
                found[machine] = census
            case _:
                pass
    up = story.up_at_end()
    if any(life.machine not in services for life in up):
        yield "a machine does not tell its services"
        return
    truth: dict[str, set[str]] = {}
    wavering: set[str] = set()  # a crash loop is up and down all the time
    for service in plan.setup.services:
        if not (service.is_steady and service.starts_surely):
            wavering.add(f"{service.name}.default")
    for life in up:
        for name, (stage, _) in services[life.machine].services.items():
            if stage == "up":
                truth.setdefault(f"{name}.default", set()).add(life.member)
    for life in up:
        known = found.get(life.machine)
        if known is None:
            yield f"machine {life.machine} has no census"
            continue
        wrong = [
            name
            for name in sorted({*truth, *known.groups} - wavering)
            if set(known.groups.get(name, ())) != truth.get(name, set())
        ]
        yield f"machine {life.machine} is wrong about {', '.join(wrong)}" if wrong else None


def _overlaps(story: Story, machine: int, kinds: tuple[str, ...], since_s: float) -> bool:
    return any(
        t.what in kinds and t.touches(machine) and t.ended_s >= since_s
        for t in story.troubles
        if t.began_s <= since_s
    )
