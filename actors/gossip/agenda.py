"""What is due when: one heap for all of gossip's deadlines, so that one timer is enough."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TypeAlias

Due: TypeAlias = tuple[str, str]  # what, about whom (may be empty)


class Agenda:
    """Deadlines by (what, about whom). Setting one again moves it; there is one of each."""

    __slots__ = ("_heap", "_number", "_set")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Due]] = []
        self._set: dict[Due, tuple[float, int]] = {}
        self._number = 0  # ties go in the order they were set

    def __len__(self) -> int:
        return len(self._set)

    def __contains__(self, due: object) -> bool:
        return due in self._set

    def at(self, when_s: float, what: str, about: str = "") -> None:
        """Set a deadline."""
        due = (what, about)
        self._number += 1
        self._set[due] = (when_s, self._number)
        heapq.heappush(self._heap, (when_s, self._number, due))

    def cancel(self, what: str, about: str = "") -> None:
        """Forget a deadline, if it is set."""
        self._set.pop((what, about), None)

    def first_s(self) -> float | None:
        """When the earliest deadline is; None without one."""
        while self._heap:
            when_s, number, due = self._heap[0]
            if self._set.get(due) == (when_s, number):
                return when_s
            heapq.heappop(self._heap)
        return None

    def run(self, now: float, handle: Callable[[str, str], None]) -> None:
        """Handle everything due, earliest first, what is set meanwhile for now included."""
        while (when_s := self.first_s()) is not None and when_s <= now:
            what, about = heapq.heappop(self._heap)[2]
            del self._set[what, about]
            handle(what, about)
