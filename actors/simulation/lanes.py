"""Turns in virtual time: a process has two lanes, and each gives one turn after the other.

A turn runs at one instant; the time it took keeps its lane busy afterwards. Which lane goes first,
how long a turn takes, and whether a free lane starts at once or a moment later, comes of the seed.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from actors.ports import Lane, Turn
from actors.simulation.scheduler import MICROSECOND, Life, Scheduler

TURN_NS: Final = 5 * MICROSECOND  # the shortest turn
TURN_SPAN_NS: Final = 45 * MICROSECOND  # an ordinary turn takes up to this much longer


@dataclass(frozen=True, slots=True)
class Pace:
    """How turns take time.

    `late`: how likely a free lane starts a turn late, by up to `late_ns` (a busy machine).
    `slow`: how likely a turn takes up to `slow_ns` (a page fault, the interpreter lock).
    """

    late: float = 0.05
    late_ns: int = 200 * MICROSECOND
    slow: float = 0.002
    slow_ns: int = 20_000 * MICROSECOND


class _Queue:
    """One lane: a queue of turns and the instant until which it is busy."""

    __slots__ = ("_life", "_pace", "_random", "_scheduler", "_turns", "_waiting", "busy_until")

    def __init__(self, scheduler: Scheduler, life: Life, draw: random.Random, pace: Pace) -> None:
        self._scheduler = scheduler
        self._life = life
        self._random = draw.random
        self._pace = pace
        self._turns: deque[Turn] = deque()
        self._waiting = False  # a turn is scheduled or running
        self.busy_until = 0

    def add(self, turn: Turn) -> None:
        self._turns.append(turn)
        if self._waiting:
            return
        self._waiting = True
        scheduler = self._scheduler
        if self.busy_until > scheduler.now:
            scheduler.at(self.busy_until, self._life, self.serve)
        elif self._random() < self._pace.late:
            late_ns = int(self._random() * self._pace.late_ns)
            scheduler.at(scheduler.now + late_ns, self._life, self.serve)
        else:
            scheduler.soon(self._life, self.serve)

    def serve(self) -> None:
        self._turns.popleft().turn()
        draw = self._random()
        pace = self._pace
        if draw < pace.slow:
            took_ns = int(self._random() * pace.slow_ns)
        else:
            took_ns = TURN_NS + int(draw * TURN_SPAN_NS)
        scheduler = self._scheduler
        self.busy_until = scheduler.now + took_ns
        if self._turns:
            scheduler.at(self.busy_until, self._life, self.serve)
        else:
            self._waiting = False


class Lanes:
    """`ports.Dispatcher` of one process life."""

    def __init__(self, scheduler: Scheduler, life: Life, draw: random.Random, pace: Pace) -> None:
        self._urgent = _Queue(scheduler, life, draw, pace)
        self._normal = _Queue(scheduler, life, draw, pace)

    def ready(self, turn: Turn, lane: Lane) -> None:
        """Run `turn.turn()` once, soon."""
        (self._urgent if lane == "urgent" else self._normal).add(turn)
