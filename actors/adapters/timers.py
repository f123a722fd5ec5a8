"""Timers of the real world: one thread, a heap of due times."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from typing import Final

from actors.ports import Clock

_log = logging.getLogger(__name__)

# The heap is rebuilt without its cancelled entries once these are most of it: an actor that sets a
# timer anew with each message must not leave a year of dead entries behind.
COMPACT_AT: Final = 512
# The wait is cut into pieces: a condition waits on CLOCK_MONOTONIC, which stands still while the
# machine sleeps, so that a due time may pass unseen for at most this long after a thaw.
LONGEST_WAIT_S: Final = 1.0


class _Entry:
    """One timer; ordered by due time, then by the order of setting."""

    __slots__ = ("call", "due", "order")

    def __init__(self, due: float, order: int, call: Callable[[], None]) -> None:
        self.due = due
        self.order = order
        self.call: Callable[[], None] | None = call

    def __lt__(self, other: _Entry) -> bool:
        return (self.due, self.order) < (other.due, other.order)


class ThreadTimers:
    """`ports.Timers` on one thread. Calls must be tiny (queue something); what raises is logged."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[_Entry] = []
        self._order = 0
        self._cancelled = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
        self._thread.start()

    def after(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` in `delay_s` seconds; what is returned cancels it (again and late is fine)."""
        with self._changed:
            self._order += 1
            entry = _Entry(self._clock.now() + max(0.0, delay_s), self._order, call)
            if not self._closed:
                heapq.heappush(self._heap, entry)
                if self._heap[0] is entry:
                    self._changed.notify()
        return lambda: self._cancel(entry)

    def pending(self) -> int:
        """Timers set and neither run nor cancelled."""
        with self._changed:
            return len(self._heap) - self._cancelled

    def close(self) -> None:
        """Forget all timers and end the thread."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._cancelled = 0
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _cancel(self, entry: _Entry) -> None:
        with self._changed:
            if entry.call is None or self._closed:
                return
            entry.call = None
            self._cancelled += 1
            if self._cancelled > max(COMPACT_AT, len(self._heap) // 2):
                self._heap = [kept for kept in self._heap if kept.call is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _run(self) -> None:
        while True:
            call = self._next()
            if call is None:
                return
            try:
                call()
            except BaseException:  # noqa: BLE001 - one bad call must not stop all timers
                _log.exception("a timer's call raised")

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next due call; None when closed."""
        with self._changed:
            while not self._closed:
                if not self._heap:
                    self._changed.wait()
                    continue
                entry = self._heap[0]
                if entry.call is None:
                    heapq.heappop(self._heap)
                    self._cancelled -= 1
                    continue
                wait_s = entry.due - self._clock.now()
                if wait_s > 0:
                    self._changed.wait(min(wait_s, LONGEST_WAIT_S))
                    continue
                heapq.heappop(self._heap)
                call, entry.call = entry.call, None
                return call
            return None
