"""Where a control gateway listens: a TCP address or the path of a socket, as ZeroMQ wants it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from actors.errors import HostError

SUN_PATH: Final = 103  # bytes of a socket's path on every system; Linux takes four more


class Endpoint:
    """A ZeroMQ endpoint for `address`: `HOST:PORT`, a socket's path, or an endpoint already.

    The path of a socket may be longer than the system's limit on Linux: then the directory is
    opened, and the socket is named through `/proc/self/fd` for as long as this object lives.
    """

    def __init__(self, address: str) -> None:
        self._directory = -1
        if "://" not in address:
            address = f"ipc://{address}" if "/" in address else f"tcp://{address}"
        self.address = address
        self.url = address
        if address.startswith("ipc://"):
            path = Path(address.removeprefix("ipc://"))
            if len(os.fsencode(path)) > SUN_PATH:
                self.url = f"ipc://{self._short(path)}"

    @property
    def ipv6(self) -> bool:
        """Whether the host is an IPv6 address: `[…]:PORT`."""
        return self.address.startswith("tcp://[")

    @property
    def path(self) -> Path | None:
        """The socket's file, if it is one."""
        is_ipc = self.address.startswith("ipc://")
        return Path(self.address.removeprefix("ipc://")) if is_ipc else None

    def close(self) -> None:
        """Give the directory back, if one was opened."""
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _short(self, path: Path) -> str:
        if not sys.platform.startswith("linux"):
            raise HostError(f"the path of the control socket is too long: {path}")
        try:
            self._directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return str(path)  # there is no such directory: nobody listens there either
        return f"/proc/self/fd/{self._directory}/{path.name}"
