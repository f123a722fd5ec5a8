"""Virtual time: a heap of what is due, in integer nanoseconds, ties broken by the seed.

One thread runs everything. What belongs to a process life waits while the life is frozen and is
forgotten when it ends; nothing else can stop or reorder it.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeAlias

SECOND: Final = 1_000_000_000  # nanoseconds
MICROSECOND: Final = 1_000

Call: TypeAlias = Callable[[], None]
# [due, seeded tie-break, order of pushing, life or None, call or None once cancelled]
Entry: TypeAlias = list[Any]
LIFE: Final = 3
CALL: Final = 4


class Life:
    """One life of a simulated process: `alive` until it ends, `frozen` while it takes no turns."""

    __slots__ = ("alive", "frozen", "waiting")

    def __init__(self) -> None:
        self.alive = True
        self.frozen = False
        self.waiting: list[Entry] = []  # what came due while frozen


class Scheduler:
    """The one clock and the one queue of a simulation."""

    def __init__(self, seed: str) -> None:
        self.now = 0
        self.steps = 0  # what was run: deliveries, timers, disk answers, turns
        self._heap: list[Entry] = []
        self._soon: list[tuple[Life, Call]] = []
        self._order = count()
        self._random = random.Random(f"{seed}:scheduler")  # noqa: S311 - a simulation's own
        self._bits = self._random.getrandbits
        self.interrupted: BaseException | None = None
        self.journal: list[str] | None = None  # a line for each step, where wanted

    @property
    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self.now / SECOND

    def at(self, due: int, life: Life | None, call: Call) -> Entry:
        """Run `call` at `due` (now, if that is past) unless `life` has ended by then."""
        entry: Entry = [max(due, self.now), self._bits(32), next(self._order), life, call]
        heapq.heappush(self._heap, entry)
        return entry

    def after(self, delay_s: float, life: Life | None, call: Call) -> Entry:
        """Run `call` in `delay_s` virtual seconds."""
        return self.at(self.now + int(delay_s * SECOND), life, call)

    def soon(self, life: Life, call: Call) -> None:
        """Run `call` at this very instant, when the present event is over."""
        self._soon.append((life, call))

    # ── running ──

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.run_until(self.now + int(seconds * SECOND))

    def run_until(self, end: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run all that is due until `end`, or until `stop()` holds after an event; says which."""
        heap, soon, pop = self._heap, self._soon, heapq.heappop
        if soon:
            self._run_soon()
        while heap and heap[0][0] <= end:
            if stop is not None and stop():
                return True
            entry = pop(heap)
            call = entry[4]
            if call is None:
                continue
            life = entry[3]
            if life is not None:
                if not life.alive:
                    continue
                if life.frozen:
                    life.waiting.append(entry)
                    continue
            self.now = entry[0]
            self.steps += 1
            if self.journal is not None:
                self.journal.append(f"{self.now} {entry[1]} {_name(call)}")
            call()
            if soon:
                self._run_soon()
            if self.interrupted is not None:
                interrupted, self.interrupted = self.interrupted, None
                raise interrupted
        if stop is not None and stop():
            return True
        self.now = max(self.now, end)
        return False

    def _run_soon(self) -> None:
        soon = self._soon
        while soon:
            if len(soon) > 1:  # lanes interleave by the seed
                chosen = self._bits(16) % len(soon)
                soon[chosen], soon[-1] = soon[-1], soon[chosen]
            life, call = soon.pop()
            if not life.alive:
                continue
            if life.frozen:
                life.waiting.append([self.now, 0, next(self._order), life, call])
                continue
            self.steps += 1
            call()

    # ── lives ──

    def freeze(self, life: Life) -> None:
        """Take no turns, hear nothing; timers come due all the same and wait."""
        life.frozen = True

    def thaw(self, life: Life) -> None:
        """Go on: what came due meanwhile runs now, in the order in which it came due."""
        if not life.frozen:
            return
        life.frozen = False
        waiting, life.waiting = life.waiting, []
        for number, entry in enumerate(waiting):
            entry[0] = self.now + number * MICROSECOND  # one after the other, as a process would
            heapq.heappush(self._heap, entry)

    def postpone(self, life: Life, by_ns: int) -> None:
        """Shift all that is still to come for `life`: its machine's clock stood still."""
        for entry in self._heap:
            if entry[LIFE] is life:
                entry[0] += by_ns
        heapq.heapify(self._heap)

    def end(self, life: Life) -> None:
        """The life is over: whatever was to come for it will not."""
        life.alive = False
        life.waiting.clear()

    def last_draw(self) -> int:
        """One more draw, at the end of a run: equal runs end with equal draws ("unseed")."""
        return self._bits(64)


def _name(call: Call) -> str:
    """What a step does, in words that are the same in each run."""
    inner = getattr(call, "func", call)  # of a partial
    return str(getattr(inner, "__qualname__", type(inner).__name__))


def generator(seed: str, label: str) -> random.Random:
    """A component's own source of randomness, fixed by the seed and its label."""
    return random.Random(f"{seed}:{label}")  # noqa: S311 - a simulation's own
