"""Plans drawn from the seed: which kinds of faults occur at all is drawn first, as in a swarm test.

So runs differ in kind and not only in detail. Some plans are calm instead (`calm`).
"""

from __future__ import annotations

import random
from dataclasses import replace
from math import log2
from typing import Final

from actors.simulation.calm import draw_calm
from actors.simulation.fabric import LinkQuality
from actors.simulation.lanes import Pace
from actors.simulation.machine import Quartz
from actors.simulation.plan import Fault, Kind, Plan, Service, Setup
from actors.simulation.processes import Behaviour
from actors.simulation.scheduler import MICROSECOND, generator
from actors.simulation.work import draw_facts, with_more_work

# Kinds a swarm draws from, by weight. The rest is for scenarios, which know what they ask for.
_WEIGHTS: Final[dict[Kind, int]] = {
    "partition": 3,
    "one-way": 1,
    "hold": 2,
    "sever": 2,
    "degrade": 2,
    "crash": 4,
    "launcher": 1,
    "power": 2,
    "stop": 1,
    "pause": 2,
    "freeze": 1,
    "wall": 1,
    "disk": 1,
    "tear": 1,
    "damage": 1,
    "wipe": 1,
    "kill": 3,
    "command": 4,
    "service": 1,
    "publish": 4,
    "garbage": 1,
    "replay": 1,
}
VERBS: Final = ("load", "unload", "stop", "start", "restart")
FILES: Final = ("INCARNATION", "RING_ID", "ring.dat")
ACTORS: Final = ("gossip", "gossip/snapshot", "census", "specs", "service", "depot", "control")


def draw_plan(seed: str, supervisors: int, faults_s: float) -> Plan:
    """The plan of a seed."""
    draw = generator(seed, "plan")
    plain = _draw_setup(draw, supervisors)
    setup = with_more_work(generator(seed, "work"), plain)
    calm = draw_calm(generator(seed, "quiet"), setup, faults_s)
    if calm is not None:
        return calm
    kinds = _draw_kinds(draw, plain)
    # About one fault in four seconds on a small ring; twice that on the largest.
    count = int(faults_s / draw.uniform(2.0, 10.0) * (1 + log2(supervisors) / 8))
    faults = [_draw_fault(draw, kinds, plain, faults_s) for _ in range(count if kinds else 0)]
    faults += draw_facts(generator(seed, "facts"), setup, faults_s)
    faults.sort(key=lambda fault: fault.at_s)
    return Plan(setup, faults_s, tuple(_with_one_amnesia(faults)))


def _draw_setup(draw: random.Random, supervisors: int) -> Setup:
    permanent = draw.choice((0, 1, min(3, supervisors)))
    rough = draw.random()
    quality = LinkQuality(
        delay_ns=draw.choice((50, 200, 2_000, 20_000)) * MICROSECOND,
        spread_ns=draw.choice((100, 1_000, 10_000)) * MICROSECOND,
        tail=draw.choice((0.0, 0.001, 0.01)),
        tail_ns=draw.choice((10_000, 100_000, 300_000)) * MICROSECOND,
        loss=draw.choice((0.0, 0.0, 0.01, 0.05, 0.1)) if rough < 0.5 else 0.0,
        duplicate=draw.choice((0.0, 0.01, 0.1)) if rough < 0.3 else 0.0,
        reorder=draw.choice((0.0, 0.01, 0.2)) if rough < 0.3 else 0.0,
    )
    pace = Pace(
        late=draw.choice((0.0, 0.05, 0.3)),
        slow=draw.choice((0.0, 0.002, 0.01)),
        slow_ns=draw.choice((5_000, 50_000)) * MICROSECOND,
    )
    drift = draw.choice((0.0, 0.0001, 0.05))
    wrong_s = draw.choice((0.0, 0.5, 20.0))
    quartz = tuple(
        Quartz(
            rate=1 + drift * draw.uniform(-1, 1),
            booted_s=draw.uniform(10, 1e6),
            wall_error_s=wrong_s * draw.uniform(-1, 1),
        )
        for _ in range(supervisors)
    )
    stagger_s = draw.choice((0.0, 0.05, 1.0)) if supervisors <= 20 else 0.02
    seeds = draw.choice((1, 2, min(3, supervisors)))
    services = tuple(_draw_service(draw, n, supervisors) for n in range(draw.choice((0, 1, 3))))
    return Setup(supervisors, permanent, seeds, stagger_s, False, quality, pace, quartz, services)


def _draw_service(draw: random.Random, number: int, supervisors: int) -> Service:
    machines = draw.sample(range(supervisors), draw.randint(1, min(3, supervisors)))
    behaviour = draw.choice(
        (
            Behaviour(),
            Behaviour(),
            Behaviour(stop_s=2.0),
            Behaviour(deaf=True),
            Behaviour(lingers=True),
            Behaviour(runs_s=5.0, code=1, spread=0.9),
            Behaviour(runs_s=0.05, code=1),
            Behaviour(unrunnable="exec format error"),
        )
    )
    return Service(f"web{number}", tuple(sorted(machines)), behaviour)


def _draw_kinds(draw: random.Random, setup: Setup) -> tuple[Kind, ...]:
    """Each kind is in the swarm or not, by a coin; then they come by their weights."""
    possible = [
        kind
        for kind in _WEIGHTS
        if (setup.supervisors > 1 or kind != "partition")
        and (setup.services or kind not in ("command", "service"))
    ]
    chosen = [kind for kind in possible if draw.random() < 0.5]
    return tuple(kind for kind in chosen for _ in range(_WEIGHTS[kind]))


def _draw_fault(
    draw: random.Random, kinds: tuple[Kind, ...], setup: Setup, faults_s: float
) -> Fault:
    supervisors = setup.supervisors
    what = draw.choice(kinds)
    at_s = round(draw.uniform(0, faults_s), 3)
    length_s = draw.choice((0.2, 1.0, 4.0, 15.0, 40.0)) * draw.uniform(0.5, 1.5)
    fault = Fault(what, at_s, round(min(length_s, faults_s - at_s), 3))
    one = (draw.randrange(supervisors),)
    match what:
        case "partition" | "one-way":
            size = draw.randint(1, max(1, supervisors // 2))
            return replace(fault, machines=tuple(sorted(draw.sample(range(supervisors), size))))
        case "hold" | "sever":
            others = tuple(n for n in range(supervisors) if n not in one and draw.random() < 0.3)
            return replace(fault, machines=one, others=others)
        case "degrade":
            return replace(fault, machines=one, amount=draw.choice((0.05, 0.3, 0.8)))
        case "freeze":
            return replace(fault, machines=one, amount=float(draw.random() < 0.3))
        case "wall":
            amount = draw.choice((-3600.0, -30.0, 30.0, 3600.0))
            return replace(fault, machines=one, amount=amount)
        case "disk":
            return replace(fault, machines=one, detail=draw.choice(("ENOSPC", "EIO")))
        case "damage":
            return replace(fault, machines=one, detail=draw.choice(FILES))
        case "kill":
            return replace(fault, machines=one, detail=draw.choice(ACTORS), for_s=0.0)
        case "command" | "service":
            service = draw.choice(setup.services)
            machine = draw.choice(service.machines)
            verb = f"{draw.choice(VERBS)} " if what == "command" else ""
            detail = f"{verb}{service.name}"
            return replace(fault, machines=(machine,), detail=detail, for_s=0.0)
        case "crash" | "publish" | "garbage" | "replay":
            return replace(fault, machines=one, for_s=0.0)
        case _:
            return replace(fault, machines=one)


def _with_one_amnesia(faults: list[Fault]) -> list[Fault]:
    """Only the first fault that makes a member forget its ring.

    Two members without a ring that meet each other and nobody else found a second one, rightly.
    """
    forgetful = [f for f in faults if f.what == "wipe" or f.detail == "RING_ID"]
    return [f for f in faults if f not in forgetful[1:]]
