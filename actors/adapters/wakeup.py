"""How other threads wake one that polls: a file descriptor, written at most once per sleep.

The sleeper says that it goes to sleep, then looks for work once more, then polls; who brings work
queues it first and rings only a sleeper. So no work is missed, and a busy one costs no system call.
"""

from __future__ import annotations

import os
from contextlib import suppress


class Wakeup:
    """`ring` from any thread; `doze` and `hush` are the sleeper's, before and after it polls."""

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self.handle = self._write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:  # macOS
            self.handle, self._write = os.pipe()
            os.set_blocking(self.handle, False)
            os.set_blocking(self._write, False)
        self._asleep = False

    def ring(self) -> None:
        """Wake the sleeper, if it sleeps. Work is queued before."""
        if self._asleep:
            self._asleep = False
            with suppress(OSError):
                os.write(self._write, (1).to_bytes(8, "little"))

    def doze(self) -> None:
        """From now on a ring wakes; look for work once more, then poll."""
        self._asleep = True

    def hush(self, *, rung: bool) -> None:
        """Awake; `rung`: the poll found the handle readable."""
        self._asleep = False
        if rung:
            with suppress(BlockingIOError):
                os.read(self.handle, 8)

    def close(self) -> None:
        """Give the descriptors back; ringing afterwards does nothing."""
        self._asleep = False
        os.close(self.handle)
        if self._write != self.handle:
            os.close(self._write)
