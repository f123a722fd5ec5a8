"""How well this member itself is: the local health multiplier (Lifeguard, LHA-Probe).

A member that is slow, or whose links are bad, sees everybody fail. The more signs of that it has
(probes that fail without even the helpers' answers, suspicions about itself), the longer it waits
before it accuses others.
"""

from __future__ import annotations

from typing import Final

MAX_SCORE: Final = 8  # S of the paper: at most nine times as patient


class Awareness:
    """The local health score, 0 (fine) to `MAX_SCORE`; `enabled` False is plain SWIM."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._score = 0

    @property
    def score(self) -> int:
        """The score now."""
        return self._score

    @property
    def factor(self) -> int:
        """What probe timeouts and intervals are multiplied by."""
        return self._score + 1

    def worse(self, by: int = 1) -> None:
        """One or more signs that the fault is here."""
        if self._enabled:
            self._score = min(MAX_SCORE, self._score + by)

    def better(self) -> None:
        """A probe was answered."""
        self._score = max(0, self._score - 1)
