"""One outgoing connection: a DEALER, its monitor, and which key it was dialled with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import zmq

from actors.adapters import sockets

if TYPE_CHECKING:
    from actors.adapters.curve import CurvePair

# What its monitor told: it is up, was up and broke, was turned away, or nobody is there.
News: TypeAlias = Literal["up", "broke", "turned away", "nobody"]


class Link:
    """A DEALER to one endpoint. `up` while a finished handshake stands.

    libzmq reconnects a broken connection by itself; one that was turned away is to be closed.
    """

    __slots__ = ("endpoint", "monitor", "pair", "socket", "up", "used_s")

    def __init__(
        self, context: sockets.Context, endpoint: str, pair: CurvePair | None, now: float
    ) -> None:
        self.endpoint = endpoint
        self.pair = pair
        self.socket, self.monitor = sockets.dialler(context, endpoint, pair)
        self.up = False
        self.used_s = now

    def news(self) -> list[News]:
        """What happened since last asked, in order."""
        told: list[News] = []
        for event, _value in sockets.monitor_events(self.monitor):
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.up = True
                told.append("up")
            elif event in sockets.HANDSHAKE_FAILED:
                self.up = False
                told.append("turned away")
            elif event == zmq.EVENT_DISCONNECTED and self.up:
                self.up = False
                told.append("broke")
            elif event == zmq.EVENT_CONNECT_RETRIED and not self.up:
                told.append("nobody")
        return told

    def close(self) -> None:
        """Close at once."""
        sockets.close(self.socket, self.monitor)
