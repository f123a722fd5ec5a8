"""What must hold of what is given to groups: nothing accepted is lost, files follow it, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from actors.messages.runtime import ActorStarted
from actors.messages.simulation import (
    CommandAnswered,
    FactGiven,
    FactsSeen,
    FilesWritten,
    MachineStarted,
    ProcessGone,
    ProcessRan,
    ServicesSeen,
)
from actors.simulation.plan import Plan
from actors.simulation.roles import GROUP
from actors.simulation.service_checkers import forgetful
from actors.simulation.story import Story
from actors.simulation.workload import config_data, file_data

CONFIG: Final = "config/app.conf"
MOST_LOSS: Final = 0.1

Verdicts: TypeAlias = Iterator[str | None]


def accepted_facts_hold(story: Story, plan: Plan) -> Verdicts:
    """At the end all know the same of groups: nothing below what was accepted, as it was given."""
    if "end" not in story.phases or plan.setup.quality.loss > MOST_LOSS:
        return
    given, least = _given(story)
    last = _last_facts(story)
    up = sorted(life.machine for life in story.up_at_end())
    for name in sorted({*least, *(name for seen in last.values() for name in seen.facts)}):
        known = {machine: last[machine].facts.get(name) for machine in up if machine in last}
        if len(set(known.values())) > 1:
            yield f"{name} differs at the end: {known}"
            continue
        version, data = next(iter(known.values()), None) or (0, "")
        if version < least.get(name, 0):
            yield f"{name} is at version {version} at the end, {least[name]} was accepted"
        elif version and (version, data) not in given.get(name, set()):
            yield f"{name} is {data!r} (version {version}) at the end, which nobody gave"
        else:
            yield None


def _given(story: Story) -> tuple[dict[str, set[tuple[int, str]]], dict[str, int]]:
    """By fact: what was given, and the greatest version that a machine accepted and still has."""
    facts: dict[int, FactGiven] = {}
    given: dict[str, set[tuple[int, str]]] = {}
    least: dict[str, int] = {}
    unsure = forgetful(story)
    for logged in story.events:
        match logged.event:
            case FactGiven(number, _, _, group, name, version) as fact:
                facts[number] = fact
                data = file_data(version) if name else config_data(version)
                given.setdefault(_name(group, name), set()).add((version, data.decode()))
            case CommandAnswered(number, "accepted") if number in facts:
                fact = facts[number]
                if fact.machine not in unsure:
                    key = _name(fact.group, fact.name)
                    least[key] = max(least.get(key, 0), fact.version)
            case _:
                pass
    return given, least


def _name(group: str, file: str) -> str:
    return f"{group}/{file}" if file else group


def _last_facts(story: Story) -> dict[int, FactsSeen]:
    found = (logged.event for logged in story.events)
    return {seen.machine: seen for seen in found if isinstance(seen, FactsSeen)}


def files_follow_the_facts(story: Story, plan: Plan) -> Verdicts:
    """At the end the files of what is up are made of what the ring knows.

    On the way each version is written once: a version that is written is above the one before, and
    where a process runs, nothing changed and nothing was started, nothing is written.
    """
    surely = {s.name for s in plan.setup.services if s.is_steady and s.starts_surely}
    unsure = forgetful(story)
    before: dict[tuple[int, str], FilesWritten] = {}
    fresh: set[tuple[int, str]] = set()  # started since its files were written
    alive: set[tuple[int, str]] = set()
    for logged in story.events:
        match logged.event:
            case ActorStarted(name) if name.startswith("service/"):
                fresh.add((logged.machine, name.removeprefix("service/")))
            case MachineStarted(machine):
                fresh |= {(machine, service) for service in surely}
            case ProcessRan(machine, key) | ProcessGone(machine, key) as event:
                kind, _, rest = key.partition(":")
                service, _, hook = rest.partition(":")
                if kind == "service" or hook.startswith("init:"):
                    fresh.add((machine, service))
                if kind == "service":
                    alive -= {(machine, service)}
                    alive |= {(machine, service)} if isinstance(event, ProcessRan) else set()
            case FilesWritten(machine, service) as written if machine not in unsure:
                where = machine, service
                if service in surely and where in before:
                    was_started = where in fresh or where not in alive
                    yield _again(logged.at_s, before[where], written, was_started=was_started)
                before[where] = written
                fresh.discard(where)
            case _:
                pass
    if "end" in story.phases and plan.setup.quality.loss <= MOST_LOSS:
        yield from _made_of(story, before, surely)


def _again(
    at_s: float, before: FilesWritten, written: FilesWritten, *, was_started: bool
) -> str | None:
    where = f"{written.service} on machine {written.machine} at {at_s:.3f} s"
    if CONFIG in written.changed and written.version <= before.version:
        return f"{where}: version {written.version} is written after {before.version}"
    if not written.changed and not was_started:
        return f"{where}: the same files are written again"
    return None


def _made_of(
    story: Story, written: dict[tuple[int, str], FilesWritten], surely: set[str]
) -> Verdicts:
    facts = _last_facts(story)
    events = (logged.event for logged in story.events)
    services = {seen.machine: seen for seen in events if isinstance(seen, ServicesSeen)}
    for life in story.up_at_end():
        machine = life.machine
        if machine not in services or machine not in facts:
            continue
        for service, (stage, _) in services[machine].services.items():
            files = written.get((machine, service))
            if stage != "up" or files is None or service not in surely:
                continue
            known, group = facts[machine].facts, f"{service}.{GROUP}"
            version = known.get(group, (0, ""))[0]
            named = {name.partition("/")[::2]: data for name, (_, data) in known.items()}
            wanted = {file: data for (of, file), data in named.items() if of == group and file}
            text = f"{service} on machine {machine} has files of {files.version} {files.files}"
            fine = (files.version, files.files) == (version, wanted)
            yield None if fine else f"{text} at the end, known are {version} {wanted}"
