"""How other threads wake one that polls: a file descriptor, written at most once per sleep."""

from __future__ import annotations

import os
from contextlib import suppress


class Wakeup:
    """`ring` from any thread; `hush` by the sleeper, before it looks for work."""

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self.handle = self._write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:  # macOS
            self.handle, self._write = os.pipe()
            os.set_blocking(self.handle, False)
            os.set_blocking(self._write, False)
        self._rung = False

    def ring(self) -> None:
        """Wake the sleeper. Work is queued before: it is seen now or by the look that follows."""
        if not self._rung:
            self._rung = True
            with suppress(OSError):
                os.write(self._write, (1).to_bytes(8, "little"))

    def hush(self) -> None:
        """Take the ringing away."""
        with suppress(BlockingIOError):
            os.read(self.handle, 8)
        self._rung = False

    def close(self) -> None:
        """Give the descriptors back; ringing afterwards does nothing."""
        self._rung = True
        os.close(self.handle)
        if self._write != self.handle:
            os.close(self._write)
