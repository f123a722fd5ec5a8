"""Hybrid clock readings as ages: what is too old to be news, and what comes from the future.

The layout (Unix milliseconds above a 16-bit counter) is the runtime's, see its `hlc`.
"""

from __future__ import annotations

from typing import Final

COUNTER_BITS: Final = 16
MAX_AHEAD_S: Final = 60.0  # more is a broken clock, not skew
KEEP_S: Final = 72 * 3600.0  # A: tombstones and the departed are remembered that long
RESTAMP_S: Final = KEEP_S / 4  # owners renew their stamps so often
STALE_S: Final = KEEP_S / 2  # an unknown fact older than that is of somebody gone


def reading(wall_s: float) -> int:
    """The first reading of a wall time, Unix seconds."""
    return max(0, int(wall_s * 1000)) << COUNTER_BITS


def age_s(stamp: int, wall_s: float) -> float:
    """Seconds since `stamp` was made; negative if it lies ahead."""
    return wall_s - (stamp >> COUNTER_BITS) / 1000


def is_ahead(stamp: int, wall_s: float) -> bool:
    """Whether `stamp` is further ahead than skew explains."""
    return age_s(stamp, wall_s) < -MAX_AHEAD_S


class StampClock:
    """Gives stamps: each greater than the one before and than every credible one seen."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, wall_s: float) -> int:
        """A new stamp.

        After the wall clock was set back by much, stamps go back too: others would refuse them
        otherwise, and an owner's incarnation outranks its stamps.
        """
        last = 0 if is_ahead(self._last, wall_s) else self._last
        self._last = max(last + 1, reading(wall_s))
        return self._last

    def seen(self, stamp: int, wall_s: float) -> None:
        """Respect a stamp of another member, unless it comes from the future."""
        if stamp > self._last and not is_ahead(stamp, wall_s):
            self._last = stamp
