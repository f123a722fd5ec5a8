"""A hybrid logical clock: wall time that never runs backwards and respects cause and effect.

A reading packs 48 bits of Unix milliseconds and a 16-bit counter into one integer, so that
readings compare as integers. If event a led to event b, hlc(a) < hlc(b); and the milliseconds stay
within the clock skew of the members that talk to each other (Kulkarni, Demirbas et al., "Logical
Physical Clocks", 2014, §4). Unlike the paper's, a full counter carries into the milliseconds: the
reading stays unique, and the next real millisecond catches up.

A remote reading more than `MAX_AHEAD_S` ahead of the wall clock is not merged: one member with a
clock a year ahead must not drag the ring along.
"""

from __future__ import annotations

import threading
from typing import Final

COUNTER_BITS: Final = 16
MAX_AHEAD_S: Final = 60.0  # more is a broken clock, not skew


def pack(wall_s: float, counter: int = 0) -> int:
    """Pack a wall time in Unix seconds; before 1970 counts as 1970."""
    return (max(0, int(wall_s * 1000)) << COUNTER_BITS) + counter


def wall_s(reading: int) -> float:
    """Unpack the wall part of a reading, Unix seconds."""
    return (reading >> COUNTER_BITS) / 1000


def is_too_far_ahead(remote: int, now_wall_s: float) -> bool:
    """Whether a remote reading is further ahead of `now_wall_s` than skew explains."""
    return remote >= pack(now_wall_s + MAX_AHEAD_S + 0.001)


class Hlc:
    """One member's clock. Any thread may read it: actors of both lanes and adapters emit events."""

    def __init__(self, last: int = 0) -> None:
        self._last = last
        self._lock = threading.Lock()

    @property
    def last(self) -> int:
        """The latest reading given; 0 before the first."""
        return self._last

    def tick(self, now_wall_s: float) -> int:
        """Read for a local event or a sending: greater than every one before."""
        with self._lock:
            self._last = max(self._last + 1, pack(now_wall_s))
            return self._last

    def merge(self, remote: int, now_wall_s: float) -> int:
        """Read for a receipt: greater than `remote` too, unless that is too far ahead."""
        with self._lock:
            seen = 0 if is_too_far_ahead(remote, now_wall_s) else remote
            self._last = max(self._last + 1, seen + 1, pack(now_wall_s))
            return self._last
