"""The same request twice is one request: answers of the last while, by request id.

A client that lost its connection asks again under the same id. While the first is open, the newest
asker gets the answer; once answered, the answer is repeated. Bounded in time and number: what has
left the window is done again, which every command must bear (they are idempotent on their own; the
window spares the surprise of a second restart).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from actors.messages.base import Message
from actors.messages.runtime import CallFailed

WINDOW_S = 600.0  # longer than any client keeps asking
WINDOW_SIZE = 4096  # answers of commands are short


@dataclass(slots=True)
class _Entry:
    since_s: float
    call: str
    answer: Message | None = None


class RequestWindow:
    """Requests that write, by id; `now` is passed in, seconds."""

    def __init__(self, window_s: float = WINDOW_S, size: int = WINDOW_SIZE) -> None:
        self._window_s = window_s
        self._size = size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, request_id: str, call: str, now: float) -> str | Message | None:
        """None: new, do it. A call: it is open under that call. A message: it was answered so."""
        self._expire(now)
        entry = self._entries.get(request_id)
        if entry is not None:
            return entry.call if entry.answer is None else entry.answer
        self._entries[request_id] = _Entry(now, call)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return None

    def settle(self, request_id: str, answer: Message) -> None:
        """The last answer came. One that leaves the outcome open does not count: do it again."""
        entry = self._entries.get(request_id)
        if entry is None:
            return
        if isinstance(answer, CallFailed) and answer.kind == "ActorUnavailableError":
            del self._entries[request_id]
        else:
            entry.answer = answer

    def _expire(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if now - oldest.since_s < self._window_s:
                return
            self._entries.popitem(last=False)
