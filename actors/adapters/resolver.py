"""Names of hosts to addresses, without making anyone wait: each look-up has a thread of its own."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Final

DEFAULT_PORT: Final = 9638
_AT_ONCE: Final = 16  # a resolver that hangs must not cost a thread for each retry of each seed


def split(address: str) -> tuple[str, int]:
    """`host[:port]` or `[v6][:port]` as its parts. Raises ValueError with what is wrong."""
    host, port = address.strip(), ""
    if host.startswith("["):
        host, closed, port = host[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError(f"not an address: {address!r}")
        port = port[1:]
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
        port = port or "none"
    number = int(port) if port.isascii() and port.isdecimal() else (0 if port else DEFAULT_PORT)
    if not host or not 0 < number < 65_536:
        raise ValueError(f"not an address: {address!r} (host, or host:port)")
    return host, number


def literal(address: str) -> str | None:
    """The address as libzmq wants it if its host is an IP address; None if it is a name.

    Raises ValueError for what is neither.
    """
    host, port = split(address)
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    return f"[{host}]:{port}" if ip.version == 6 else f"{host}:{port}"


class Resolver:
    """Looks names up anew each time; `done(address or None, reason)` on a thread of its own."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(_AT_ONCE)

    def resolve(self, address: str, done: Callable[[str | None, str], None]) -> None:
        """Answer at once for IP addresses, later for names. Never raises, never blocks."""
        try:
            known = literal(address)
            host, port = split(address)
        except ValueError as error:
            done(None, str(error))
            return
        if known is not None:
            done(known, "")
        elif not self._room.acquire(blocking=False):
            done(None, f"{host} is not looked up: {_AT_ONCE} look-ups are under way")
        else:
            threading.Thread(
                target=self._look_up, args=(host, port, done), name=f"resolve {host}", daemon=True
            ).start()

    def _look_up(self, host: str, port: int, done: Callable[[str | None, str], None]) -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            done(None, f"{host} does not resolve: {error}")
        else:
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            done(literal(f"[{found[0][4][0]}]:{port}"), "")
        finally:
            self._room.release()
