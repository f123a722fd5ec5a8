"""A mailbox that grants one message a turn, and decides when its actor needs another turn.

`get` raises `MailboxEmpty` once the allowance of a turn is used: pykka's own loop calls it outside
its `try`, so the exception ends the turn cleanly and the loop runs unmodified. One lock per mailbox
guards the one race that matters: a message put while the turn is ending must lead to another turn,
and never to two at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pykka  # noqa: F401 - first: pykka's submodules need its own import order
from pykka._envelope import Envelope as PykkaEnvelope

LIMIT = 10_000  # messages; beyond it the actor is `overloaded`, killed, and re-reads its facts


class MailboxEmpty(Exception):  # noqa: N818 - a signal that ends a turn, not a fault
    """The turn's allowance is used."""


class Mailbox:
    """The inbox of one actor instance (pykka's `ActorInbox`), with the instance's turn state."""

    __slots__ = (
        "_active",
        "_allowed",
        "_closed",
        "_held",
        "_lock",
        "_queue",
        "_ready",
        "_urgent",
        "killed",
    )

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._lock = threading.Lock()
        self._queue: deque[Any] = deque()
        # Answers of the disk; they pass a held mailbox. Few ever: an empty deque has 700 bytes.
        self._urgent: list[Any] = []
        self._allowed = 0
        self._active = False  # a turn is queued or running
        self._held = False  # the actor waits for the disk: mail stays
        self._closed = False
        self.killed = ""  # why the instance is to die before its next message; empty: it lives on

    # ── pykka's ActorInbox ──

    def put(self, envelope: Any) -> bool:
        """Add mail; False if the instance is gone. Never blocks."""
        with self._lock:
            if self._closed:
                return False
            self._queue.append(envelope)
            if self._active or self._held:
                return True
            self._active = True
        self._ready()
        return True

    def get(self) -> PykkaEnvelope[Any]:
        """The one message of this turn.

        Raises:
            MailboxEmpty: the turn is over.
        """
        if not self._allowed:
            raise MailboxEmpty
        self._allowed = 0
        with self._lock:
            if self._urgent:
                return PykkaEnvelope(self._urgent.pop(0))
            if self._held or not self._queue:
                raise MailboxEmpty
            return PykkaEnvelope(self._queue.popleft())

    def empty(self) -> bool:
        """Always true for pykka's teardown: leftover mail is the runtime's, see `close`."""
        return True

    # ── the runtime's side ──

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def oldest(self) -> Any | None:
        """The message that waits longest, if any."""
        try:
            return self._queue[0]
        except IndexError:
            return None

    def allow(self) -> None:
        """A turn begins: one `get` is granted."""
        self._allowed = 1

    def finish(self) -> None:
        """A turn ended: ask for another if mail waits."""
        with self._lock:
            wanted = self.killed or self._urgent or (self._queue and not self._held)
            if not wanted or self._closed:
                self._active = False
                return
        self._ready()

    def kill(self, why: str) -> None:
        """Die before the next message; does not queue behind mail, nor behind the disk."""
        self.killed = self.killed or why
        self.wake()

    def wake(self) -> None:
        """Ask for a turn whether or not there is mail (start, kill)."""
        with self._lock:
            if self._active or self._closed:
                return
            self._active = True
        self._ready()

    def hold(self) -> None:
        """Keep mail back until `resume`."""
        self._held = True

    def resume(self, message: Any) -> None:
        """The disk answered: handle `message` before any mail; late answers are dropped."""
        with self._lock:
            if self._closed:
                return
            self._held = False
            self._urgent.append(message)
            if self._active:
                return
            self._active = True
        self._ready()

    @property
    def held(self) -> bool:
        """Whether the actor is suspended."""
        return self._held

    def close(self) -> list[Any]:
        """Refuse all mail from now on; returns what was left."""
        with self._lock:
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            self._urgent.clear()
        return left
