"""Event logs of leadership, made by hand: a good one, and the words to falsify it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from actors.messages.base import Event
from actors.messages.election_events import (
    ElectorateChanged,
    ElectorateCommitted,
    ElectorateFounded,
    LeaderElected,
    LeaderFollowed,
    LeaseRenewed,
    VoteGiven,
)
from actors.messages.service import SuitabilityMeasured
from actors.messages.simulation import (
    ClockRead,
    ElectionsSeen,
    FaultBegan,
    FaultEnded,
    LauncherBegan,
    LauncherGone,
    MachineStarted,
    PhaseBegan,
    ProcessActs,
    ProcessGone,
    ServicesSeen,
    SupervisorGone,
    WriteTaken,
)
from actors.simulation import (
    leader_checkers,
)
from actors.simulation.eventlog import Logged
from actors.simulation.plan import Plan, Service, Setup
from actors.simulation.story import read

GROUP: Final = "db.default"
E1: Final = "e1"
IDS: Final = ("a" * 32, "b" * 32, "c" * 32)
PLAN: Final = Plan(Setup(3, services=(Service("db", (0, 1, 2), topology="leader"),)), 60.0)
PLACE: Final = (GROUP, "topology", E1)


class Log:
    """A log in the making. Clocks run as wrong as they may: 5 % fast, 5 % slow, right."""

    rates: Final = (1.05, 0.95, 1.0)

    def __init__(self) -> None:
        self.events: list[tuple[float, int, Event]] = []
        for number, rate in enumerate(self.rates):
            self.say(0.0, -1, ClockRead(number, 100.0 * number, rate))
            self.say(0.0, -1, LauncherBegan(number, 10))
            self.say(0.0, -1, MachineStarted(number, IDS[number], 1))
        self.say(0.0, -1, PhaseBegan("faults"))

    def say(self, at_s: float, machine: int, event: Event) -> None:
        """Something is said at a true time."""
        self.events.append((at_s, machine, event))

    def own(self, machine: int, at_s: float) -> float:
        """What a machine's clock reads."""
        return 100.0 * machine + at_s * self.rates[machine]

    def found(self) -> None:
        """All three are the electorate."""
        for machine in range(3):
            self.say(1.0, machine, ElectorateFounded(GROUP, E1, 7, brief(0, 1, 2)))

    def elect(self, at_s: float, machine: int, term: int, *voters: int) -> None:
        """A machine is elected by these, itself included."""
        for voter in (machine, *voters):
            vote = VoteGiven(*PLACE, term, IDS[machine], f"v{voter}")
            self.say(at_s, voter, vote)
        self.say(at_s + 0.01, machine, LeaderElected(*PLACE, term, IDS[machine], 2, 2))

    def suit(
        self, at_s: float, machine: int, term: int, value: int, needs: int | None = None
    ) -> None:
        """A machine reads its suitability."""
        self.say(at_s, machine, SuitabilityMeasured("db", GROUP, term, value, needs))

    def lead(self, begin_s: float, end_s: float, machine: int, term: int) -> None:
        """Rounds from `begin_s` on, the last one acked at `end_s`; each is sent 10 ms before."""
        at_s = begin_s
        while at_s <= end_s:
            self.renew(at_s, machine, term)
            at_s += 0.4

    def renew(self, at_s: float, machine: int, term: int) -> None:
        """A round is acked."""
        sent_s = self.own(machine, at_s - 0.01)
        self.say(at_s, machine, LeaseRenewed(*PLACE, term, sent_s, sent_s + 4.0))

    def act(self, at_s: float, machine: int, term: int, role: str = "leader") -> None:
        """The process of a machine acts as something."""
        self.say(at_s, -1, ProcessActs(machine, IDS[machine], GROUP, 50 + machine, role, term))

    def logged(self) -> list[Logged]:
        """The log as the simulator would have it."""
        numbers: Counter[int] = Counter()
        done = []
        for at_s, machine, event in sorted(self.events, key=lambda said: said[0]):
            numbers[machine] += 1
            life = f"{IDS[machine]}:1" if machine >= 0 else "sim"
            number = f"{life}:{numbers[machine]}"
            done.append(Logged(int(at_s * 1e9), machine, number, 0, "test", event))
        return done

    def judged(self, checker: Callable[..., leader_checkers.Verdicts]) -> tuple[int, list[str]]:
        """How often a checker had something to say, and what it objects to."""
        verdicts = list(checker(read(self.logged()), PLAN))
        return len(verdicts), [verdict for verdict in verdicts if verdict is not None]


def brief(*machines: int) -> str:
    """Machines as events name voters."""
    return ", ".join(IDS[machine][:8] for machine in machines)


def seen(machine: int, leader: int, role: str, *, lasts: bool = True) -> ElectionsSeen:
    """What a machine is seen to think of the election."""
    view = (role, IDS[leader] if leader >= 0 else "", 2, E1, "leading", lasts)
    return ElectionsSeen(machine, IDS[machine], {f"{GROUP}/topology": view})


def good() -> Log:
    """A founding; 0 leads, dies with its machine, 1 is elected and leads; peace at the end."""
    log = Log()
    log.found()
    log.suit(4.5, 0, 1, 7)
    log.suit(4.6, 1, 1, 6)
    log.elect(5.0, 0, 1, 1)
    log.lead(6.0, 30.0, 0, 1)
    log.act(6.05, 0, 1)
    log.act(6.1, 1, 1, "follower")
    log.say(7.0, 1, LeaderFollowed(*PLACE, 1, IDS[0]))
    log.say(8.0, 0, ElectorateChanged(GROUP, E1, 1, 2, brief(0, 1, 2), "a new term"))
    log.say(8.1, 0, ElectorateCommitted(GROUP, E1, 1, 2))
    log.say(30.1, -1, FaultBegan("power", (0,)))
    log.say(30.1, -1, LauncherGone(0, 10, "power"))
    log.say(30.1, -1, SupervisorGone(0, IDS[0], 1, "power"))
    log.say(30.1, -1, ProcessGone(0, "service:db", 50, "power"))
    log.elect(35.0, 1, 2, 2)
    log.lead(35.1, 80.0, 1, 2)
    log.act(35.15, 1, 2)
    log.say(36.0, 2, LeaderFollowed(*PLACE, 2, IDS[1]))
    log.say(40.0, -1, FaultEnded("power", (0,)))
    log.say(40.0, -1, LauncherBegan(0, 20))
    log.say(40.5, -1, MachineStarted(0, IDS[0], 2))
    log.say(41.0, 2, WriteTaken(2, GROUP, 1, 2, 1, taken=True))
    log.say(45.0, -1, PhaseBegan("heal"))
    for machine in range(3):
        services = {"db": ("up", 50 + machine)}
        log.say(79.0, -1, ServicesSeen(machine, IDS[machine], services))
        log.say(79.0, -1, seen(machine, 1, "leader" if machine == 1 else "follower"))
    log.say(80.0, -1, PhaseBegan("end"))
    return log
