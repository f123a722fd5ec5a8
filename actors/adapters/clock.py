"""The machine's clocks."""

from __future__ import annotations

import time

# macOS has no CLOCK_BOOTTIME; its CLOCK_MONOTONIC already counts the time asleep.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """`ports.Clock` of this machine."""

    def now(self) -> float:
        """Seconds since boot, time asleep included."""
        return time.clock_gettime(_BOOTTIME)

    def wall(self) -> float:
        """Unix seconds; may step."""
        return time.time()
