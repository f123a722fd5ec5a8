"""The bound end: one ROUTER on the gossip port, who is connected to it, and its key.

libzmq fixes a listener's key when it binds, and ends the connections it accepted when it unbinds;
so turning to another ring key revision closes this socket and opens the next. Peers dial again
within milliseconds, and try the other key first thing.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

import zmq

from actors.adapters import sockets
from actors.errors import HostError

if TYPE_CHECKING:
    from actors.adapters.curve import CurvePair

_TAKEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


class Listener:
    """A ROUTER that listens on `address` (`host:port`, port 0 for any) once `bind` succeeded."""

    def __init__(self, context: sockets.Context, address: str, pair: CurvePair | None) -> None:
        self.pair = pair
        self.address = address
        self.bound = False
        self.socket, self.monitor = sockets.listener(context, pair)
        if address.startswith("["):
            self.socket.ipv6 = 1
        self._accepted: set[int] = set()

    def __len__(self) -> int:
        """How many connections stand."""
        return len(self._accepted)

    def bind(self) -> bool:
        """Listen; False while the address is still taken. Raises HostError for other reasons."""
        try:
            self.socket.bind(sockets.endpoint_of(self.address))
        except zmq.ZMQError as error:
            if error.errno in _TAKEN:
                return False
            raise HostError(f"cannot listen on {self.address}: {error}") from error
        self.bound = True
        endpoint = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint, bytes)
        self.address = endpoint.decode().removeprefix("tcp://").rstrip("\0")
        return True

    def bind_first(self) -> None:
        """Listen, or raise HostError, also where the address is taken."""
        if not self.bind():
            raise HostError(
                f"cannot listen on {self.address}: the address is in use; another supervisor "
                "may run there, --listen-gossip chooses another address"
            )

    def refused_handshakes(self) -> int:
        """Take note of who came and went; how many were turned away by the handshake."""
        refused = 0
        for event, value in sockets.monitor_events(self.monitor):
            if event == zmq.EVENT_ACCEPTED:
                self._accepted.add(value)
            elif event == zmq.EVENT_DISCONNECTED:
                self._accepted.discard(value)
            elif event in {
                zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
                zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
            }:
                refused += 1  # who fails the key check is counted there
        return refused

    def close(self) -> None:
        """Close at once; the port is free."""
        sockets.close(self.socket, self.monitor)
