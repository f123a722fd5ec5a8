"""As much of Redis's protocol as a test asks: one command, one reply."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self, TypeAlias

Reply: TypeAlias = "str | int | list[Reply] | None"


class RedisSaysError(Exception):
    """Redis answered with an error: it has not done what was asked."""


class Redis:
    """A connection. Raises OSError where none comes about, or an answer is late or cut short."""

    def __init__(self, port: int, timeout_s: float = 1.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, *words: str | int) -> Reply:
        said = [str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(said), *(b"$%d\r\n%s\r\n" % (len(w), w) for w in said)]
        self._socket.sendall(b"".join(parts))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection was closed in the middle of an answer")
        kind, text = line[:1], line[1:-2].decode()
        match kind:
            case b"+":
                return text
            case b"-":
                raise RedisSaysError(text)
            case b":":
                return int(text)
            case b"$":
                return self._file.read(int(text) + 2)[:-2].decode() if int(text) >= 0 else None
            case b"*":
                return [self._reply() for _ in range(int(text))]
            case _:
                raise ConnectionResetError(f"no answer of Redis: {line!r}")
