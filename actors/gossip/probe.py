"""One probe of one member: ping (again, while silent), then through helpers, then the verdict.

The verdict falls as soon as the target has answered, or every helper has answered or admitted that
it could not reach it, and not only at the end of the period (memberlist's).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from actors.messages.base import MemberId

TIMEOUT_PERIODS: Final = 0.35  # two of them, direct and through helpers, fit a period
MAX_TIMEOUT_PERIODS: Final = 0.6  # however slow the link: the probe must end before the next
PINGS: Final = 3  # within one timeout: a lost frame is not yet a lost member
HELPERS: Final = 3  # SWIM's k
HELPER_PATIENCE: Final = 0.8  # of a timeout, then it answers "I live, it does not" (Lifeguard)


class Purpose(Enum):
    """Why a member is probed."""

    ROUND = "round"  # its turn
    CHECK = "check"  # somebody accuses it, or its connection broke
    LAST = "last"  # its suspicion ends: one direct probe before it is declared dead
    DEPART = "depart"  # an operator wants to depart it: does anybody hear it?


class Probe:
    """A running probe. `seq` answers to it; `due_s` is its next stage."""

    __slots__ = (
        "asked",
        "heard_by",
        "patience_s",
        "pings",
        "purpose",
        "silent",
        "start_s",
        "target",
        "timeout_s",
    )

    def __init__(self, target: MemberId, purpose: Purpose, now: float, timeout_s: float) -> None:
        self.target = target
        self.purpose = purpose
        self.start_s = now
        self.timeout_s = timeout_s
        self.pings = 0
        self.asked: list[MemberId] = []  # helpers
        self.silent: set[MemberId] = set()  # helpers that admitted they do not reach it
        self.heard_by: list[MemberId] = []  # helpers that reach it

    @property
    def has_helpers(self) -> bool:
        """Whether its second stage has begun."""
        return bool(self.asked)

    def next_ping_s(self) -> float:
        """When the next ping of the first stage, or the stage's end, is due."""
        return self.start_s + self.timeout_s * self.pings / PINGS

    def end_s(self) -> float:
        """When the first stage is over."""
        return self.start_s + self.timeout_s

    def missed(self) -> int:
        """Helpers that said nothing at all: a sign that the fault is here."""
        return len(self.asked) - len(self.silent) - len(self.heard_by)


class RoundTrip:
    """The usual time to an ack and how it varies (Jacobson, 1988), for the probe timeout."""

    __slots__ = ("_mean_s", "_spread_s")

    def __init__(self) -> None:
        self._mean_s = 0.0
        self._spread_s = 0.0

    def add(self, seconds: float) -> None:
        """Take one more measurement."""
        error = seconds - self._mean_s
        self._mean_s += error / 8
        self._spread_s += (abs(error) - self._spread_s) / 4

    def timeout_s(self, period_s: float) -> float:
        """How long to wait for an ack before asking others."""
        expected = self._mean_s + 4 * self._spread_s
        return min(MAX_TIMEOUT_PERIODS * period_s, max(TIMEOUT_PERIODS * period_s, expected))
