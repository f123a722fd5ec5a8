"""Plans drawn from the seed: which kinds of faults occur at all is drawn first, as in a swarm test.

So runs differ in kind and not only in detail. Some plans are calm instead (`calm`), and some are
about a group that has a leader.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from math import log2
from typing import Final

from actors.election import ballot
from actors.election.state import BALLOTS
from actors.simulation.calm import draw_calm
from actors.simulation.fabric import LinkQuality
from actors.simulation.lanes import Pace
from actors.simulation.machine import Quartz
from actors.simulation.plan import Fault, Kind, Plan, Service, Setup
from actors.simulation.processes import Behaviour
from actors.simulation.roles import GROUP
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
# Kinds that an election is threatened by, drawn for groups that have a leader.
LEADER_WEIGHTS: Final[dict[Kind, int]] = {
    "partition": 4,
    "one-way": 2,
    "hold": 2,
    "sever": 1,
    "degrade": 1,
    "crash": 4,
    "launcher": 2,
    "power": 2,
    "stop": 1,
    "pause": 3,
    "freeze": 2,
    "wall": 1,
    "disk": 1,
    "tear": 2,
    "damage": 1,
    "wipe": 1,
    "kill": 3,
    "command": 2,
    "service": 2,
    "step-down": 2,
    "sick": 1,
}
SHARE: Final = 0.25  # of the plans that are not calm
SIZES: Final = (3, 5, 7)  # of groups with a leader
MOST: Final = 9  # supervisors; a larger ring adds nothing to an election but its cost
LEAST_S: Final = 30.0  # a founding, and time for more than one leader
VERBS: Final = ("load", "unload", "stop", "start", "restart")
_MANY: Final = ("partition", "one-way")  # of sides, drawn with the leader on one by chance
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
    led = draw_elections(generator(seed, "led"), plain, faults_s)
    if led is not None:
        return led
    kinds = _draw_kinds(draw, plain)
    # About one fault in four seconds on a small ring; twice that on the largest.
    count = int(faults_s / draw.uniform(2.0, 10.0) * (1 + log2(supervisors) / 8))
    faults = [_draw_fault(draw, kinds, plain, faults_s) for _ in range(count if kinds else 0)]
    faults += draw_facts(generator(seed, "facts"), setup, faults_s)
    faults.sort(key=lambda fault: fault.at_s)
    return Plan(setup, faults_s, tuple(_with_one_amnesia(faults)))


def draw_elections(draw: random.Random, setup: Setup, faults_s: float) -> Plan | None:
    """A plan about one group with a leader; None if this is no seed for one, or no ring."""
    sizes = [size for size in SIZES if size <= setup.supervisors]
    if draw.random() >= SHARE or not sizes or setup.supervisors > MOST or faults_s < LEAST_S:
        return None
    service = _draw_led(draw, draw.choice(sizes), setup.supervisors)
    setup = replace(setup, services=(service,))
    weights = {kind: weight for kind, weight in LEADER_WEIGHTS.items() if draw.random() < 0.5}
    faults: list[Fault] = []
    if weights:
        swarm = Swarm(weights, draw.uniform(2.0, 8.0), draw.choice((0.0, 0.3, 0.6)))
        faults = draw_swarm(draw, setup, faults_s, swarm)
    faults.sort(key=lambda fault: fault.at_s)
    return Plan(setup, faults_s, tuple(faults), "elections")


def _draw_led(draw: random.Random, members: int, supervisors: int) -> Service:
    """A group with a leader, whose members differ in suitability in every second plan."""
    machines = tuple(sorted(draw.sample(range(supervisors), members)))
    values = tuple(draw.randrange(3) for _ in range(supervisors)) if draw.random() < 0.5 else ()
    return Service("db", machines, topology="leader", suitability=values, expect=members)


@dataclass(frozen=True, slots=True)
class Swarm:
    """Faults to be drawn: by weight, one in `every_s`, a share of them aimed at leaders."""

    weights: dict[Kind, int]
    every_s: float
    leader: float = 0.0


def draw_swarm(draw: random.Random, setup: Setup, faults_s: float, swarm: Swarm) -> list[Fault]:
    """Faults of a swarm, in no order."""
    kinds = tuple(kind for kind, weight in swarm.weights.items() for _ in range(weight))
    led = [service.name for service in setup.services if service.topology == "leader"]
    faults = []
    for _ in range(int(faults_s / swarm.every_s)):
        fault = _draw_fault(draw, kinds, setup, faults_s)
        if led and fault.what not in _MANY and draw.random() < swarm.leader:
            fault = replace(fault, machines=(), others=(), aim=f"leader {draw.choice(led)}")
        faults.append(fault)
    return _with_one_amnesia(faults)


def draw_quartz(draw: random.Random, supervisors: int, drift: float) -> tuple[Quartz, ...]:
    """Clocks of which half run as wrong as can be."""
    rates = [1 + drift * draw.choice((-1, 1, draw.uniform(-1, 1))) for _ in range(supervisors)]
    return tuple(Quartz(rate=rate, booted_s=draw.uniform(10, 1e6)) for rate in rates)


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
            return replace(fault, machines=one, detail=draw.choice((*FILES, *_ballots(setup))))
        case "kill":
            actors = (*ACTORS, *_elections(setup))
            return replace(fault, machines=one, detail=draw.choice(actors), for_s=0.0)
        case "step-down" | "sick" | "unsure":
            service = draw.choice([s for s in setup.services if s.topology == "leader"])
            machine = draw.choice(service.machines or range(supervisors))
            return replace(fault, machines=(machine,), detail=service.name)
        case "command" | "service":
            service = draw.choice(setup.services)
            machine = draw.choice(service.machines or range(supervisors))
            verb = f"{draw.choice(VERBS)} " if what == "command" else ""
            detail = f"{verb}{service.name}"
            return replace(fault, machines=(machine,), detail=detail, for_s=0.0)
        case "crash" | "publish" | "garbage" | "replay":
            return replace(fault, machines=one, for_s=0.0)
        case _:
            return replace(fault, machines=one)


def _elections(setup: Setup) -> tuple[str, ...]:
    """The actors of elections, as often as all others: those are what is to be hunted."""
    led = [s for s in setup.services if s.topology == "leader"]
    one = [f"election/{service.name}.{GROUP}/topology" for service in led]
    return (*one * 4, "election", "election/rounds") if led else ()


def _ballots(setup: Setup) -> tuple[str, ...]:
    led = [s for s in setup.services if s.topology == "leader"]
    places = (f"{BALLOTS}/{service.name}.{GROUP}:topology" for service in led)
    return tuple(ballot.path(place, slot) for place in places for slot in range(ballot.SLOTS))


def _with_one_amnesia(faults: list[Fault]) -> list[Fault]:
    """Only the first fault that makes a member forget its ring.

    Two members without a ring that meet each other and nobody else found a second one, rightly.
    """
    forgetful = [f for f in faults if f.what == "wipe" or f.detail == "RING_ID"]
    return [f for f in faults if f not in forgetful[1:]]
