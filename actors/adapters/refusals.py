"""What was refused at the edge: counted for ever, said at most once in a while."""

from __future__ import annotations

from collections import Counter
from typing import Final

from actors.messages.ring import FrameRefused

SAY_EVERY_S: Final = 10.0
_KINDS_LIMIT: Final = 256  # a flood of made-up senders must not fill memory
_ANYONE: Final = "many"


class Refusals:
    """Counts by reason, and `FrameRefused` events with how many since the last one of a kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._unsaid: Counter[tuple[str, str]] = Counter()
        self._said_s: dict[tuple[str, str], float] = {}

    def add(self, reason: str, peer: str, now: float, count: int = 1) -> list[FrameRefused]:
        """Count a refusal; the event to write now, if one is due."""
        self.counts[reason] += count
        kind = (reason, peer)
        if kind not in self._said_s and len(self._said_s) >= _KINDS_LIMIT:
            kind = (reason, _ANYONE)
        self._unsaid[kind] += count
        return self._say(kind) if self._is_due(kind, now) else []

    def due(self, now: float) -> list[FrameRefused]:
        """Events for what was counted and not yet said; called now and then."""
        events: list[FrameRefused] = []
        for kind in [kind for kind in self._unsaid if self._is_due(kind, now)]:
            events += self._say(kind)
        for kind, said in list(self._said_s.items()):
            if kind not in self._unsaid and now - said >= SAY_EVERY_S:
                del self._said_s[kind]
        return events

    def _is_due(self, kind: tuple[str, str], now: float) -> bool:
        if now - self._said_s.get(kind, now - SAY_EVERY_S) < SAY_EVERY_S:
            return False
        self._said_s[kind] = now
        return True

    def _say(self, kind: tuple[str, str]) -> list[FrameRefused]:
        return [FrameRefused(kind[0], kind[1] or "unknown", self._unsaid.pop(kind))]
