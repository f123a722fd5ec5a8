"""The launcher's end of the socketpair to the supervisor, and the supervisor's own plain end.

Neither side ever waits in a write: what does not go at once is kept, up to a bound; a supervisor
that reads nothing for so long is cut off, and the launcher's patience with it begins to run.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

from actors.launcher.protocol import (
    ENV_FD,
    Frame,
    Hello,
    ProtocolError,
    Rejected,
    Splitter,
    decode,
    encode,
)

OUT_BYTES_MAX: Final = 16 * 1024 * 1024
READ_BYTES: Final = 256 * 1024
REJECTS_MAX: Final = 100  # lines that are no message, before the connection is given up


class Link:
    """One connection. `closed` once it is over; `fileno` to be watched meanwhile."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.closed = False
        self.rejected = 0
        self._socket = end
        self._splitter = Splitter()
        self._out = bytearray()

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._socket.fileno()

    @property
    def wants_room(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._out)

    def send(self, frame: Frame) -> None:
        """Send, or keep until there is room."""
        if self.closed:
            return
        try:
            self._out += encode(frame)
        except ProtocolError as error:
            self._out += encode(Rejected(str(error)))
        self.flush()
        if len(self._out) > OUT_BYTES_MAX:
            self.close()

    def flush(self) -> None:
        """Write what goes without waiting."""
        while self._out and not self.closed:
            try:
                sent = self._socket.send(memoryview(self._out)[:READ_BYTES])
            except (BlockingIOError, InterruptedError):
                return
            except (BrokenPipeError, ConnectionResetError):
                self._out.clear()  # what it said before it died is still to be read, then the end
                return
            except OSError:
                self.close()
                return
            del self._out[:sent]

    def receive(self) -> list[Frame]:
        """What has arrived; empty when nothing has, or it is over (`closed`)."""
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""
        if not data:
            self.close()
            return []
        try:
            lines = self._splitter.feed(data)
        except ProtocolError:
            self.close()
            return []
        frames: list[Frame] = []
        for line in lines:
            try:
                frames.append(decode(line))
            except ProtocolError as error:
                self._reject(str(error))
        return frames

    def close(self) -> None:
        """End the connection."""
        self.closed = True
        self._out.clear()
        self._socket.close()

    def _reject(self, reason: str) -> None:
        self.rejected += 1
        if self.rejected > REJECTS_MAX:
            self.close()
        self.send(Rejected(reason))


def inherited_fd(env: Mapping[str, str] | None = None) -> int | None:
    """The descriptor a launcher left us, or None when no launcher started this process."""
    text = (os.environ if env is None else env).get(ENV_FD, "")
    return int(text) if text.isdigit() else None


def hello(fd: int) -> None:
    """Register with the launcher: the first thing a supervisor does, before its heavy imports.

    A launcher that is gone is noticed later, by whoever reads.
    """
    with contextlib.suppress(OSError):
        os.write(fd, encode(Hello(os.getpid())))
