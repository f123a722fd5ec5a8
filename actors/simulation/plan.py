"""What a run consists of, as data: the machines, the faults with their times, the phases.

A plan is drawn from the seed (`drawing`) or read from a scenario file (`scenario`). The run only
carries it out, so a plan can be printed, edited, cut down and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, log2, log10
from typing import Final, Literal, TypeAlias, get_args

from actors.messages.rollout import OnFailure
from actors.messages.service import Strategy, Topology
from actors.messages.update import Condition
from actors.simulation.fabric import LinkQuality
from actors.simulation.lanes import Pace
from actors.simulation.machine import Quartz
from actors.simulation.processes import Behaviour

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
    "apply",  # somebody gives the group of the service `detail` configuration version `amount`
    "upload",  # the same with a file: "web1 keys.txt" say
    "service",  # SIGKILL to the process of the service `detail`
    "publish",  # the member changes a fact of its own
    "depart",  # `machines` are departed by command given at `others`
    "release",  # the depot offers a release: `detail` is "web1 2.0.0/20260201000000"; all poll soon
    "bad-release",  # a release as above does not work: "web1 2.0.0/20260201000000 crashes"
    "no-depot",  # `machines` cannot reach the depot
    "no-install",  # the release `detail` (as above) cannot be installed by anybody
    "step-down",  # somebody tells the leader of the service `detail` to step down
    "sick",  # the health check of the service `detail` says critical
    "unsure",  # its hook `suitability` cannot say (75); it takes `amount` seconds if that is given
    "garbage",  # frames that are no frames arrive
    "replay",  # frames seen earlier arrive once more
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
AIMS: Final = ("leader", "followers", "others", "conductor")
CALM_BEFORE_S: Final = 30.0  # of peace before a death, or nobody can say when it has to be known


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: from `at_s` (true seconds since the start of the faults phase) for `for_s`.

    `aim` in place of `machines`: "leader db" is the machine that leads the service db at that time,
    "followers db" as many others of it as may be lost, "others db" all machines but the leader's;
    "conductor db" is the machine that conducts the updates of db.
    """

    what: Kind
    at_s: float
    for_s: float = 0.0
    machines: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    amount: float = 0.0
    detail: str = ""
    aim: str = ""

    def describe(self) -> str:
        """One line for people."""
        others = f" / {_numbers(self.others)}" if self.others else ""
        more = f" {self.detail}" if self.detail else ""
        amount = f" {self.amount:g}" if self.amount else ""
        length = f" for {self.for_s:.1f} s" if self.for_s else ""
        what = f"{self.what}{amount}{more}"
        whom = self.aim or _numbers(self.machines)
        return f"{self.at_s:8.3f} s  {what} {whom}{others}{length}"


@dataclass(frozen=True, slots=True)
class Service:
    """A service loaded on `machines` before anything goes wrong, and how its program behaves.

    `hooks` says the same of hooks that do not just end well. `reconfigures`: its package has a hook
    for new configuration; else that is a restart. One of topology leader has a hook for its roles,
    and one for `suitability` if it is given: a number for each machine of the ring. One that is
    `pinned` names the first release, and no other.
    """

    name: str
    machines: tuple[int, ...]
    behaviour: Behaviour = field(default_factory=Behaviour)
    hooks: tuple[tuple[str, Behaviour], ...] = ()
    reconfigures: bool = False
    topology: Topology = "standalone"
    suitability: tuple[int, ...] = ()
    expect: int = 3  # members of the group before it is founded
    strategy: Strategy = "none"
    condition: Condition = "latest"
    on_failure: OnFailure = "halt"
    pinned: bool = False

    @property
    def is_steady(self) -> bool:
        """Whether it runs until it is told to end."""
        return self.behaviour.runs_s == float("inf")

    @property
    def starts_surely(self) -> bool:
        """Whether each start of it leads to a process."""
        init = dict(self.hooks).get("init", Behaviour())
        return not self.behaviour.unrunnable and not init.fails


@dataclass(frozen=True, slots=True)
class Setup:
    """The ring before anything goes wrong.

    The first `permanent` machines are permanent peers; each machine has the first `seeds` machines
    as seeds. They start in order, `stagger_s` apart.
    `watched`: each frame is an event. `poll_s`: between two questions to the depot.
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
    poll_s: float = 60.0


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


def floor_s(members: int) -> float:
    """The shortest a suspicion lasts."""
    return 2.5 * max(1.0, log10(members))


def detection_s(members: int) -> float:
    """C: from a death to everybody knowing it. 15 is Lifeguard's ceiling in floors of 1 s."""
    return 3 + 6 * floor_s(members) + dissemination_s(members)


def reunion_s(setup: Setup) -> float:
    """How long a healed ring may take until all see all alive.

    N + D periods with a permanent peer on each side, which a plan cannot promise of every split; so
    the longer of that and 60 + D.
    """
    return max(60.0, setup.supervisors) + dissemination_s(setup.supervisors)


def _numbers(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers)) or "-"
