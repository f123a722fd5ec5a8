"""An event log, indexed for checkers of leadership: clocks, leases, votes, and who acted as leader.

A lease is counted by its holder's own clock. What the log says of each clock (`ClockRead`) turns
its end into true time, in which leases of several members can be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from actors.messages.base import Event
from actors.messages.election_events import LeaseLost, LeaseRenewed
from actors.messages.simulation import (
    ClockRead,
    FaultBegan,
    FaultEnded,
    LauncherBegan,
    LauncherGone,
    MachineStarted,
    ProcessActs,
    ProcessGone,
    SupervisorGone,
)
from actors.simulation.eventlog import Logged
from actors.simulation.story import NEVER

KEY_PREFIX = "service:"
STANDSTILLS = ("pause", "freeze")  # of a supervisor; a freeze is one of the launcher as well

E = TypeVar("E", bound=Event)


@dataclass(slots=True)
class Clock:
    """A machine's CLOCK_BOOTTIME: since when (true), what it read then, how fast it went on."""

    pieces: list[tuple[float, float, float]] = field(default_factory=list)

    def true_s(self, own_s: float) -> float:
        """The first true second at which it reads `own_s`; infinity where it never does."""
        later = [began_s for began_s, _, _ in self.pieces[1:]]
        for (began_s, read_s, rate), next_s in zip(self.pieces, [*later, NEVER], strict=True):
            if rate > 0:
                at_s = began_s + (own_s - read_s) / rate
            else:
                at_s = began_s if own_s <= read_s else NEVER
            if at_s < next_s:
                return at_s
        return NEVER

    def stood_still_s(self, begin_s: float, end_s: float) -> float:
        """When it first stood still in a span; infinity if it did not."""
        stood = (at_s for at_s, _, rate in self.pieces if rate == 0 and begin_s <= at_s < end_s)
        return next(stood, NEVER)


@dataclass(slots=True)
class Lease:
    """That `member` led from `began_s` to `ended_s` (true), by rounds that followed each other."""

    machine: int
    member: str
    service_group: str
    kind: str
    electorate: str
    term: int
    began_s: float
    ended_s: float
    renewals: int = 1

    @property
    def place(self) -> tuple[str, str, str]:
        """What has one leader at a time."""
        return self.service_group, self.kind, self.electorate


@dataclass(slots=True)
class Acting:
    """That a process acted as leader, from `began_s` on until `ended_s`."""

    machine: int
    member: str
    service_group: str
    pid: int
    term: int
    began_s: float
    ended_s: float = NEVER


Span = tuple[float, float]


@dataclass(slots=True)
class Leadership:
    """The index. Times are true seconds since the start of the run."""

    clocks: dict[int, Clock] = field(default_factory=lambda: defaultdict(Clock))
    leases: list[Lease] = field(default_factory=list)
    actings: list[Acting] = field(default_factory=list)
    launchers: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    supervisors: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    orderly: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # ends
    pauses: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    freezes: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    events: dict[type[Event], list[Logged]] = field(default_factory=lambda: defaultdict(list))

    def said(self, kind: type[E]) -> list[tuple[Logged, E]]:
        """All events of a kind, in order."""
        found = self.events.get(kind, [])
        return [(one, one.event) for one in found if isinstance(one.event, kind)]

    def holder(self, service_group: str, at_s: float, kind: str = "topology") -> Lease | None:
        """Who leads a group at an instant."""
        return next(
            (
                lease
                for lease in self.leases
                if lease.service_group == service_group
                and lease.kind == kind
                and lease.began_s <= at_s < lease.ended_s
            ),
            None,
        )

    def runs_at(self, machine: int, at_s: float) -> bool:
        """Whether a supervisor process is there, paused or not."""
        return any(began <= at_s < ended for began, ended in self.supervisors.get(machine, ()))

    def is_orphaned(self, machine: int, at_s: float) -> bool:
        """Whether neither launcher nor supervisor is there; frozen ones are."""
        lives = self.launchers.get(machine, ())
        launched = any(began <= at_s < ended for began, ended in lives)
        return not launched and not self.runs_at(machine, at_s)

    def orphaned_s(self, machine: int, begin_s: float, end_s: float) -> float:
        """When, within a span, the last of launcher and supervisor was gone; else infinity."""
        spans = (*self.launchers.get(machine, ()), *self.supervisors.get(machine, ()))
        ends = (ended for _, ended in spans if begin_s < ended < end_s)
        return min((at_s for at_s in ends if self.is_orphaned(machine, at_s)), default=NEVER)

    def excuse(self, acting: Acting, at_s: float, grace_s: float) -> str:
        """Why a process may act as leader without a lease: `frozen`, `unfenced`, or no reason.

        `grace_s` is what whoever runs again needs to end it. A supervisor that ends by itself, for
        want of a launcher, has ended it before. Where both are gone, whatever becomes of the
        machine, there is nobody that a thaw could wake.
        """
        ended_itself = any(
            acting.began_s < ended_s <= at_s for ended_s in self.orderly[acting.machine]
        )
        if self.is_orphaned(acting.machine, at_s) and not ended_itself:
            return "unfenced"
        for began_s, ended_s in self.freezes.get(acting.machine, ()):
            if began_s <= at_s <= ended_s + grace_s and acting.began_s <= ended_s:
                return "frozen"
        launcher = self._runs(self.launchers, acting.machine, at_s, grace_s)
        paused = _within(self.pauses.get(acting.machine, ()), at_s, grace_s)
        supervisor = self._runs(self.supervisors, acting.machine, at_s, grace_s) and not paused
        return "" if launcher or supervisor or ended_itself else "unfenced"

    @staticmethod
    def _runs(lives: dict[int, list[Span]], machine: int, at_s: float, grace_s: float) -> bool:
        """Whether it runs at `at_s`, and for long enough to have acted."""
        return any(
            began_s + grace_s <= at_s < ended_s for began_s, ended_s in lives.get(machine, ())
        )


def _within(spans: Sequence[Span], at_s: float, grace_s: float) -> bool:
    return any(began_s <= at_s <= ended_s + grace_s for began_s, ended_s in spans)


def member_of(logged: Logged) -> str:
    """The member in whose name an event is."""
    return logged.id.partition(":")[0]


def read_leadership(events: Sequence[Logged]) -> Leadership:
    """Index a log."""
    found = Leadership()
    acting: dict[tuple[int, int], Acting] = {}
    for logged in events:
        event, at_s = logged.event, logged.at_s
        found.events[type(event)].append(logged)
        match event:
            case ClockRead(number, own_s, rate):
                found.clocks[number].pieces.append((at_s, own_s, rate))
            case LauncherBegan(number):
                found.launchers[number].append((at_s, NEVER))
            case LauncherGone(number):
                _end(found.launchers[number], at_s)
            case MachineStarted(number):
                found.supervisors[number].append((at_s, NEVER))
            case SupervisorGone(number, how=how):
                _end(found.supervisors[number], at_s)
                if how.startswith("exit"):
                    found.orderly[number].append(at_s)
            case FaultBegan(what, machines) if what in STANDSTILLS:
                for number in machines:
                    _spans(found, what)[number].append((at_s, NEVER))
            case FaultEnded(what, machines) if what in STANDSTILLS:
                for number in machines:
                    _end(_spans(found, what)[number], at_s)
            case ProcessActs() | ProcessGone():
                _act(found, acting, event, at_s)
            case _:
                pass
    _leases(found, events)
    return found


def _spans(found: Leadership, what: str) -> dict[int, list[Span]]:
    return found.pauses if what == "pause" else found.freezes


def _end(spans: list[Span], at_s: float) -> None:
    if spans and spans[-1][1] == NEVER:
        spans[-1] = spans[-1][0], at_s


def _act(
    found: Leadership,
    acting: dict[tuple[int, int], Acting],
    event: ProcessActs | ProcessGone,
    at_s: float,
) -> None:
    key = event.machine, event.pid
    before = acting.get(key)
    if isinstance(event, ProcessActs) and event.role == "leader":
        if before is not None and before.term == event.term:
            return
        acting[key] = Acting(
            *key[:1], event.member, event.service_group, *key[1:], event.term, at_s
        )
        found.actings.append(acting[key])
    else:
        acting.pop(key, None)
    if before is not None:
        before.ended_s = at_s


def _leases(found: Leadership, events: Sequence[Logged]) -> None:
    """Join renewals into leases, by clocks as they turned out to go."""
    current: dict[tuple[int, str, str], Lease] = {}
    for logged in events:
        event, at_s, machine = logged.event, logged.at_s, logged.machine
        if isinstance(event, LeaseRenewed):
            key = machine, event.service_group, event.kind
            ended_s = found.clocks[machine].true_s(event.until_s)
            lease = current.get(key)
            same = lease is not None and (lease.member, lease.electorate, lease.term) == (
                member_of(logged),
                event.electorate,
                event.term,
            )
            if lease is not None and same and at_s <= lease.ended_s:
                lease.ended_s = max(lease.ended_s, ended_s)
                lease.renewals += 1
                continue
            lease = Lease(
                machine,
                member_of(logged),
                event.service_group,
                event.kind,
                event.electorate,
                event.term,
                at_s,
                ended_s,
            )
            current[key] = lease
            found.leases.append(lease)
        elif isinstance(event, LeaseLost):
            lost = current.get((machine, event.service_group, event.kind))
            if lost is not None and lost.term == event.term:
                lost.ended_s = min(lost.ended_s, at_s)
