"""How long a suspect has to refute (Lifeguard, LHA-Suspicion), and the damping of flaps.

Starts long and shrinks towards its floor with each further, independent accuser: one bad link
does not kill, a dead member does not linger.
"""

from __future__ import annotations

from math import ceil, log, log10
from typing import Final

CONFIRMERS: Final = 3  # K: accusers beyond the first that bring the floor
FLOOR_PERIODS: Final = 2.5  # alpha; memberlist has 4, but 2 confirmers and no last probe
STRETCH: Final = 6.0  # beta: the ceiling in floors
MAX_ACCUSERS: Final = CONFIRMERS + 1  # more add nothing, and cost bytes
FLAP_DECAY_S: Final = 300.0  # a flap is forgiven after so long
MAX_FLAPS: Final = 3  # 2^3: a suspicion at most eight times as long


def floor_s(members: int, period_s: float) -> float:
    """The shortest a suspicion lasts, seconds, in a ring of `members`."""
    return FLOOR_PERIODS * max(1.0, log10(max(1, members))) * period_s


def suspicion_s(accusers: int, others: int, floor: float) -> float:
    """Seconds from its start a suspicion lasts.

    `accusers` counts all, the first included; `others` the living that could accuse beside us.
    """
    wanted = min(CONFIRMERS, max(0, others))
    confirmed = accusers - 1
    if confirmed >= wanted:
        return floor
    ceiling = STRETCH * floor
    return max(floor, ceiling - (ceiling - floor) * log(confirmed + 1) / log(wanted + 1))


class Suspicion:
    """One running suspicion: when it began and who accuses. `stretch` damps a flapping member."""

    __slots__ = ("accusers", "due_s", "probing", "start_s", "stretch")

    def __init__(self, start_s: float, stretch: float) -> None:
        self.start_s = start_s
        self.stretch = stretch
        self.accusers: set[str] = set()
        self.due_s = 0.0
        self.probing = False  # the last probe is running

    def accuse(self, accusers: tuple[str, ...]) -> bool:
        """Take more accusers; whether one of them counts and is new."""
        before = len(self.accusers)
        for accuser in accusers:
            if len(self.accusers) < MAX_ACCUSERS:
                self.accusers.add(accuser)
        return len(self.accusers) > before

    def end_s(self, members: int, others: int, period_s: float, *, lifeguard: bool) -> float:
        """The instant it ends if nothing else is heard; plain SWIM waits the floor, always."""
        floor = floor_s(members, period_s)
        if not lifeguard:
            return self.start_s + floor
        length = suspicion_s(max(1, len(self.accusers)), others, floor)
        return self.start_s + length * self.stretch


class Flaps:
    """How often a member was lately declared dead and came back within the same life."""

    __slots__ = ("_count", "_last_s")

    def __init__(self) -> None:
        self._count = 0
        self._last_s = 0.0

    def count(self, now: float) -> int:
        """Flaps not yet forgiven."""
        forgiven = int((now - self._last_s) / FLAP_DECAY_S)
        return max(0, self._count - forgiven)

    def add(self, now: float) -> None:
        """It flapped."""
        self._count = min(MAX_FLAPS, self.count(now) + 1)
        self._last_s = now

    def stretch(self, now: float) -> float:
        """What its next suspicion is multiplied by."""
        return float(2 ** self.count(now))


def sends(members: int) -> int:
    """How often a member passes one piece of news on: ⌈ln N⌉ + 7.

    News each holder sends s times misses a member with about exp(-s), hence a ring with N·exp(-s).
    """
    return ceil(log(max(2, members))) + 7
