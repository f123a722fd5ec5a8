"""Calm plans: one thing happens, or nothing, and then there is peace.

A swarm hardly ever leaves a stretch long enough to say when a death has to be known, what a change
may cost, or how quiet an idle ring is. Here each plan leaves one, and frames are watched.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from actors.simulation.lanes import Pace
from actors.simulation.plan import (
    CALM_BEFORE_S,
    Fault,
    Kind,
    Plan,
    Setup,
    detection_s,
    dissemination_s,
)
from actors.simulation.work import draw_facts

SHARE: Final = 0.25  # of all drawn plans
MOST_WATCHED: Final = 50  # supervisors; an event for each frame of a larger ring fills the memory
QUIET_S: Final = 20.0  # so long after the start of its services a ring is idle
IDLE_S: Final = 40.0  # of which half are over before a ring is called idle
STOP_S: Final = 20.0  # an orderly end may take as long as its services do
SPARE_S: Final = 8.0  # by which a stretch is longer than its checker asks for

Sort: TypeAlias = Literal["death", "departure", "changes", "facts", "idle"]
_SORTS: Final[tuple[Sort, ...]] = (*("death",) * 3, "departure", "changes", "facts", "idle")
_DEATHS: Final[tuple[Kind, ...]] = ("power", "power", "launcher", "stop")


def draw_calm(draw: random.Random, setup: Setup, faults_s: float) -> Plan | None:
    """A calm plan on a drawn setup; None if this is no seed for one, or the time is too short."""
    if draw.random() >= SHARE or setup.supervisors < 2:
        return None
    sort = draw.choice(_SORTS)
    setup = replace(setup, watched=setup.supervisors <= MOST_WATCHED)
    match sort:
        case "death":
            faults = _death(draw, setup, faults_s)
        case "departure":
            faults = _departure(draw, setup, faults_s)
        case "changes":
            setup, faults = _quiet(setup), _changes(draw, setup, faults_s)
        case "facts":
            setup = _quiet(setup)
            faults = (faults_s >= IDLE_S and draw_facts(draw, setup, faults_s)) or None
        case _:
            setup, faults = _quiet(setup), (() if faults_s >= IDLE_S else None)
    return None if faults is None else Plan(setup, faults_s, faults, f"calm, {sort}")


def _death(draw: random.Random, setup: Setup, faults_s: float) -> tuple[Fault, ...] | None:
    what = draw.choice(_DEATHS)
    last_s = faults_s - detection_s(setup.supervisors) - SPARE_S
    last_s -= STOP_S if what == "stop" else 0.0
    at_s = _between(draw, CALM_BEFORE_S, last_s)
    if at_s is None:
        return None
    return (Fault(what, at_s, round(faults_s - at_s, 3), (_victim(draw, setup),)),)


def _departure(draw: random.Random, setup: Setup, faults_s: float) -> tuple[Fault, ...] | None:
    at_s = _between(draw, SPARE_S, faults_s - dissemination_s(setup.supervisors) - SPARE_S)
    if at_s is None:
        return None
    victim = _victim(draw, setup)
    asked = draw.choice([n for n in range(setup.supervisors) if n != victim])
    return (Fault("depart", at_s, machines=(victim,), others=(asked,)),)


def _changes(draw: random.Random, setup: Setup, faults_s: float) -> tuple[Fault, ...] | None:
    apart_s = dissemination_s(setup.supervisors) + 1.0
    times = []
    at_s = QUIET_S
    while at_s + apart_s < faults_s:
        times.append(round(at_s, 3))
        at_s += apart_s * draw.uniform(1.0, 2.0)
    machines = [draw.randrange(setup.supervisors) for _ in times]
    faults = (Fault("publish", at, machines=(n,)) for at, n in zip(times, machines, strict=True))
    return tuple(faults) or None


def _victim(draw: random.Random, setup: Setup) -> int:
    """Some machine: a permanent peer, or one that has services, as often as any other."""
    loaded = sorted({machine for service in setup.services for machine in service.machines})
    groups = [range(setup.permanent), loaded, range(setup.supervisors)]
    return draw.choice(draw.choice([group for group in groups if group]))


def _between(draw: random.Random, first_s: float, last_s: float) -> float | None:
    return round(draw.uniform(first_s, last_s), 3) if first_s <= last_s else None


def _quiet(setup: Setup) -> Setup:
    """Links without loss or stalls, clocks that agree, services that just run."""
    quality = replace(setup.quality, tail=0.0, loss=0.0, duplicate=0.0, reorder=0.0)
    quartz = tuple(replace(quartz, wall_error_s=0.0) for quartz in setup.quartz)
    plain = (replace(service, hooks=()) for service in setup.services)
    services = tuple(service for service in plain if service.is_steady and service.starts_surely)
    return replace(setup, quality=quality, pace=Pace(), quartz=quartz, services=services)
