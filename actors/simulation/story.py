"""An event log, indexed for checkers: who lived when, what was wrong when, who saw what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actors.messages.node import SupervisorEnding
from actors.messages.ring import MemberHealthChanged
from actors.messages.runtime import ActorStarted
from actors.messages.simulation import (
    FaultBegan,
    FaultEnded,
    MachineStarted,
    MembersSeen,
    PhaseBegan,
    RumorsSeen,
    SupervisorGone,
)
from actors.simulation.eventlog import Logged

if TYPE_CHECKING:
    from actors.simulation.leadership import Leadership

NEVER = float("inf")


@dataclass(slots=True)
class ProcessLife:
    """A supervisor process of `member` on `machine`, from `up_s` to `down_s` (true seconds)."""

    machine: int
    member: str
    boot: int
    up_s: float
    ending_s: float = NEVER  # when it began to end of itself
    down_s: float = NEVER
    how: str = ""


@dataclass(slots=True)
class Trouble:
    """A fault while it lasted."""

    fault: FaultBegan
    began_s: float
    ended_s: float = NEVER

    @property
    def what(self) -> str:
        """Its kind."""
        return self.fault.what

    def touches(self, machine: int) -> bool:
        """Whether the machine is one of those it strikes directly."""
        return machine in self.fault.machines

    def overlaps(self, begin_s: float, end_s: float) -> bool:
        """Whether it was there at some time between."""
        return self.began_s <= end_s and self.ended_s >= begin_s


@dataclass(slots=True)
class Opinion:
    """That `observer` (a life) held `member` to be `health`, from `at_s` on."""

    observer: ProcessLife
    at_s: float
    member: str
    health: str
    incarnation: int
    epoch: int
    reason: str
    life: int = 0  # of its gossip actor: another one begins with what the disk remembers


@dataclass(slots=True)
class Story:
    """The index. Times are true seconds since the start of the run."""

    events: Sequence[Logged]
    phases: dict[str, float] = field(default_factory=dict)
    lives: list[ProcessLife] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    opinions: list[Opinion] = field(default_factory=list)
    views: list[tuple[float, MembersSeen]] = field(default_factory=list)
    rumors: list[tuple[float, RumorsSeen]] = field(default_factory=list)
    end_s: float = 0.0
    leadership: Leadership | None = None  # the same of leaders, once a checker asks for it

    def life_at(self, machine: int, at_s: float) -> ProcessLife | None:
        """The life of a machine's supervisor at a time."""
        for life in self.lives:
            if life.machine == machine and life.up_s <= at_s < life.down_s:
                return life
        return None

    def lives_of(self, member: str) -> list[ProcessLife]:
        """All lives of a member, in order."""
        return [life for life in self.lives if life.member == member]

    def was_up(self, member: str, begin_s: float, end_s: float) -> bool:
        """Whether one life of the member covers the whole time."""
        return any(life.up_s <= begin_s and life.down_s >= end_s for life in self.lives_of(member))

    def up_at_end(self) -> list[ProcessLife]:
        """The lives that outlast the run."""
        return [life for life in self.lives if life.down_s == NEVER]


def read(events: Sequence[Logged]) -> Story:
    """Index a log."""
    story = Story(events)
    current: dict[int, ProcessLife] = {}
    open_troubles: list[Trouble] = []
    gossips: Counter[int] = Counter()
    for logged in events:
        at_s = story.end_s = logged.at_s
        match logged.event:
            case MachineStarted(number, member, boot):
                life = current[number] = ProcessLife(number, member, boot, at_s)
                story.lives.append(life)
            case SupervisorEnding() if logged.machine in current:
                current[logged.machine].ending_s = at_s
            case SupervisorGone(number, how=how):
                life_or_none = current.pop(number, None)
                if life_or_none is not None:
                    life_or_none.down_s, life_or_none.how = at_s, how
            case FaultBegan() as fault:
                trouble = Trouble(fault, at_s)
                story.troubles.append(trouble)
                open_troubles.append(trouble)
            case FaultEnded(what, machines):
                _close(open_troubles, what, machines, at_s)
            case PhaseBegan(phase):
                story.phases[phase] = at_s
            case MemberHealthChanged(member, health, incarnation, reason, epoch):
                observer = current.get(logged.machine)
                if observer is not None:
                    heard = Opinion(observer, at_s, member, health, incarnation, epoch, reason)
                    heard.life = gossips[logged.machine]
                    story.opinions.append(heard)
            case ActorStarted("gossip"):
                gossips[logged.machine] += 1
            case MembersSeen() as seen:
                story.views.append((at_s, seen))
            case RumorsSeen() as held:
                story.rumors.append((at_s, held))
            case _:
                pass
    return story


def _close(troubles: list[Trouble], what: str, machines: tuple[int, ...], at_s: float) -> None:
    for trouble in troubles:
        if trouble.what == what and trouble.fault.machines == machines:
            trouble.ended_s = at_s
            troubles.remove(trouble)
            return
