"""What a service manager is told: sd_notify(3) datagrams to `NOTIFY_SOCKET`, and its watchdog."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

_US: Final = 1_000_000.0


class ServiceManager:
    """systemd, if it started us; silently nobody otherwise.

    Takes its variables out of `env`, so that no child speaks in the launcher's name.
    `watchdog_s` is how often `alive` is to be said (half of what systemd allows), or infinity.
    """

    def __init__(self, env: MutableMapping[str, str]) -> None:
        address = env.pop("NOTIFY_SOCKET", "")
        allowed_us = env.pop("WATCHDOG_USEC", "")
        for_pid = env.pop("WATCHDOG_PID", "")
        self.watchdog_s = float("inf")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = not for_pid or for_pid == str(os.getpid())
        if self._address and ours and allowed_us.isdigit() and int(allowed_us) > 0:
            self.watchdog_s = int(allowed_us) / _US / 2
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def tell(self, lines: str) -> None:
        """Send assignments, a line each (`READY=1`, `STOPPING=1`, `STATUS=…`, `MAINPID=…`)."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(lines.encode(), self._address)
        except OSError:
            return  # a manager that does not listen is no reason to stop

    def alive(self) -> None:
        """Say that the launcher's loop turns."""
        self.tell("WATCHDOG=1")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
