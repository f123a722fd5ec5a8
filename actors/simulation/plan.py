"""What a run consists of, as data: the machines, the faults with their times, the phases.

A plan is drawn from the seed (which kinds of faults occur at all is drawn first, as in a swarm
test, so that runs differ in kind and not only in detail), or read from a scenario file. The run
only carries it out, so a plan can be printed, edited, cut down and replayed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from math import ceil, log2
from typing import Final, Literal, TypeAlias, get_args

from actors.simulation.fabric import LinkQuality
from actors.simulation.lanes import Pace
from actors.simulation.machine import Quartz
from actors.simulation.processes import Behaviour
from actors.simulation.scheduler import MICROSECOND, generator

Kind: TypeAlias = Literal[
    "partition",  # `machines` from `others` (or from the rest), both ways
    "one-way",  # what `machines` send to `others` vanishes
    "hold",  # links from `machines` to `others` stall, and flush when it is over
    "sever",  # connections between `machines` and `others` break, once
    "degrade",  # links from and to `machines` lose, delay, duplicate, reorder: `amount` is the loss
    "crash",  # SIGKILL to the supervisor; the launcher starts it again
    "launcher",  # SIGKILL to the launcher; started again when it is over
    "power",  # the machine loses its power, and has it back when it is over
    "stop",  # TERM to the launcher; started again when it is over
    "pause",  # SIGSTOP to the supervisor, SIGCONT when it is over
    "freeze",  # the whole machine stands still; `amount` 1: its clocks too
    "wall",  # the wall clock steps by `amount` seconds, and back when it is over
    "disk",  # every write fails with `detail`
    "tear",  # writes in flight at a crash leave torn files
    "damage",  # power cut, and the file `detail` is torn when the machine comes back
    "wipe",  # power cut, and a new disk: another member on the old address
    "kill",  # the actor `detail` is killed
    "command",  # somebody gives the command `detail`, "stop web1" say
    "service",  # SIGKILL to the process of the service `detail`
    "publish",  # the member changes a fact of its own
    "depart",  # `machines` are departed by command given at `others`
    "garbage",  # frames that are no frames arrive
    "replay",  # frames seen earlier arrive once more
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

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


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: from `at_s` (true seconds since the start of the faults phase) for `for_s`."""

    what: Kind
    at_s: float
    for_s: float = 0.0
    machines: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    amount: float = 0.0
    detail: str = ""

    def describe(self) -> str:
        """One line for people."""
        others = f" / {_numbers(self.others)}" if self.others else ""
        more = f" {self.detail}" if self.detail else ""
        amount = f" {self.amount:g}" if self.amount else ""
        length = f" for {self.for_s:.1f} s" if self.for_s else ""
        what = f"{self.what}{amount}{more}"
        return f"{self.at_s:8.3f} s  {what} {_numbers(self.machines)}{others}{length}"


@dataclass(frozen=True, slots=True)
class Service:
    """A service loaded on `machines` before anything goes wrong, and how its program behaves."""

    name: str
    machines: tuple[int, ...]
    behaviour: Behaviour = field(default_factory=Behaviour)

    @property
    def is_steady(self) -> bool:
        """Whether it runs until it is told to end."""
        return self.behaviour.runs_s == float("inf")


@dataclass(frozen=True, slots=True)
class Setup:
    """The ring before anything goes wrong.

    The first `permanent` machines are permanent peers; each machine has the first `seeds` machines
    as seeds. They start in order, `stagger_s` apart.
    `watched`: each frame is an event.
    """

    supervisors: int
    permanent: int = 1
    seeds: int = 1
    stagger_s: float = 0.0
    keyed: bool = False
    quality: LinkQuality = field(default_factory=LinkQuality)
    pace: Pace = field(default_factory=Pace)
    quartz: tuple[Quartz, ...] = ()
    services: tuple[Service, ...] = ()
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `faults_s` is the length of the faults phase; healing follows it."""

    setup: Setup
    faults_s: float
    faults: tuple[Fault, ...] = ()
    name: str = "swarm"


def dissemination_s(members: int) -> float:
    """D: seconds within which news reaches everybody (`period` 1 s)."""
    return 2 * ceil(log2(max(2, members))) + 4


def reunion_s(setup: Setup) -> float:
    """How long a healed ring may take until all see all alive.

    N + D periods with a permanent peer on each side, which a plan cannot promise of every split; so
    the longer of that and 60 + D.
    """
    return max(60.0, setup.supervisors) + dissemination_s(setup.supervisors)


# ── drawn from the seed ──


def draw_plan(seed: str, supervisors: int, faults_s: float) -> Plan:
    """The plan of a seed."""
    draw = generator(seed, "plan")
    setup = _draw_setup(draw, supervisors)
    kinds = _draw_kinds(draw, setup)
    # About one fault in four seconds on a small ring; twice that on the largest.
    count = int(faults_s / draw.uniform(2.0, 10.0) * (1 + log2(supervisors) / 8))
    faults = [_draw_fault(draw, kinds, setup, faults_s) for _ in range(count if kinds else 0)]
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


def _numbers(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers)) or "-"
