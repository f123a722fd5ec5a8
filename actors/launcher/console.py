"""The launcher's own standard output, which must never stop it.

Lines go out as `<preamble>(<key>): <text>`, the preamble in colour if wanted, or as Habitat's JSON
objects with `--json-logging`.
A reader that is slow costs lines, which are counted and the number said when it reads again; one
that is gone costs all of them. A pipe or terminal is opened anew to be non-blocking without making
it so for the shell that shares it; a socket is sent to without waiting.
"""

from __future__ import annotations

import json
import os
import select
import socket
import stat
from collections import deque
from typing import Final

BUFFER_BYTES_MAX: Final = 512 * 1024
_CHUNK: Final = 64 * 1024
_PIPE_BUF: Final = 4096  # what has room when poll says there is some (pipe(7))
OWN: Final = "hab-launch"
_COLORED: Final = "\x1b[36m{}\x1b[0m"  # cyan, as Habitat's: who speaks stands out from what is said


class Console:
    """Writes lines to descriptor `fd`. `waiting_fd` is to be watched for room, -1 when none is."""

    def __init__(
        self, fd: int = 1, *, json_lines: bool = False, own: str = OWN, color: bool = False
    ) -> None:
        self.dropped = 0
        self._json = json_lines
        self._mark = _COLORED if color else "{}"
        self._own = own
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._unsaid = 0
        self._closed = False
        self._socket: socket.socket | None = None
        self._fd, self._polite = self._open(fd)

    def say(self, text: str) -> None:
        """A line of the launcher's own."""
        for line in text.splitlines() or [""]:
            self.line(self._own, "MN", line)

    def line(self, preamble: str, key: str, text: str) -> None:
        """A line in the name of `preamble`; `key` says what speaks (O, E, HK, MN, …)."""
        if self._json:
            record = {"preamble": preamble, "logkey": key, "content": text}
            data = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
        else:
            data = f"{self._mark.format(preamble)}({key}): {text}\n"
        self._queue(data.encode(errors="replace"))

    @property
    def waiting_fd(self) -> int:
        """The descriptor to wait for, when lines wait for room."""
        return self._fd if self._lines and not self._closed else -1

    def flush(self) -> None:
        """Write what goes without waiting."""
        while self._lines and not self._closed:
            batch = self._batch()
            try:
                written = self._write(batch)
            except OSError:
                self._closed = True  # nobody reads any more
                self.dropped += batch.count(b"\n") + len(self._lines)
                self._lines.clear()
                self._size = 0
                return
            self._size -= written
            if written < len(batch):
                self._lines.appendleft(batch[written:])
                return
        if self._unsaid and not self._closed:
            lost, self._unsaid = self._unsaid, 0
            self.say(f"{lost} lines of output were not shown: standard output is slow")

    def _queue(self, data: bytes) -> None:
        if self._closed or self._size + len(data) > BUFFER_BYTES_MAX:
            self.dropped += 1
            self._unsaid += 1
            return
        self._lines.append(data)
        self._size += len(data)

    def _batch(self) -> bytes:
        parts = [self._lines.popleft()]
        size = len(parts[0])
        while self._lines and size + len(self._lines[0]) <= _CHUNK:
            parts.append(self._lines.popleft())
            size += len(parts[-1])
        return b"".join(parts)

    def _write(self, batch: bytes) -> int:
        try:
            if self._socket is not None:
                return self._socket.send(batch, socket.MSG_DONTWAIT)
            if self._polite:
                return os.write(self._fd, batch)
            has_room = select.select((), (self._fd,), (), 0)[1]
            return os.write(self._fd, batch[:_PIPE_BUF]) if has_room else 0
        except BlockingIOError:
            return 0

    def _open(self, fd: int) -> tuple[int, bool]:
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            self._closed = True
            return -1, True
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
            return fd, True
        if stat.S_ISFIFO(mode) or os.isatty(fd):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            try:
                return os.open(f"/proc/self/fd/{fd}", flags), True
            except OSError:
                return fd, False  # another user's terminal: written as it is
        return fd, True
