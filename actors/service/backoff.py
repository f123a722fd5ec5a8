"""How long to wait before the next try: decorrelated jitter.

After Brooker, "Exponential Backoff And Jitter" (AWS, 2015): services that failed together do not
come back together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def next_delay_s(previous_s: float, least_s: float, most_s: float, random: Random) -> float:
    """Seconds to wait; `previous_s` is the wait before, 0 for the first."""
    if previous_s <= 0:
        return min(least_s, most_s)
    return min(most_s, random.uniform(least_s, max(least_s, 3 * previous_s)))
