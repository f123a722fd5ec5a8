"""uvicorn's HTTP protocol with patience that ends: slow clients lose their own connection only."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HEADER_LIMIT: Final = 16 * 1024  # bytes of one request's head


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """Seconds: `head_s` for a request's head to arrive, `stall_s` for one piece to move."""

    head_s: float = 10.0
    stall_s: float = 30.0


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, with an end to waiting: for a request's head, and for who does not read.

    uvicorn itself closes a connection only between requests, and asyncio's `close` waits until all
    is written, which a client that reads nothing would prevent for ever.
    """

    limits = ServeLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head = _Alarm(self.limits.head_s, transport)
        self._unread = _Alarm(self.limits.stall_s, transport)
        self._head.start()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head has one span of time to become whole, however it trickles."""
        super().data_received(data)
        cycle = getattr(self, "cycle", None)
        if cycle is not None and not cycle.response_complete:
            self._head.stop()
        else:
            self._head.start()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it must take something in time."""
        super().pause_writing()
        self._unread.start()

    def resume_writing(self) -> None:
        """It did."""
        super().resume_writing()
        self._unread.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._head.stop()
        self._unread.stop()
        super().connection_lost(exc)


def server_config(
    app: ASGIApp, *, connections: int, limits: ServeLimits, stop_s: int
) -> uvicorn.Config:
    """Uvicorn as every server here runs it: bounded, patient for so long, silent.

    `stop_s`: seconds that what is under way has when the server ends.
    """
    protocol = type("LimitedProtocol", (PatientProtocol,), {"limits": limits})
    return uvicorn.Config(
        app,
        interface="asgi3",  # uvicorn takes a bound method for an older form
        http=protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        h11_max_incomplete_event_size=HEADER_LIMIT,
        timeout_keep_alive=round(max(limits.head_s, 1)),
        timeout_graceful_shutdown=stop_s,
    )


class _Alarm:
    """Ends a connection when its time has passed; started twice, the first time counts."""

    def __init__(self, seconds: float, transport: asyncio.Transport) -> None:
        self._seconds = seconds
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._ring)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        # With a reset, so that the kernel does not keep what the client never reads.
        reset = struct.pack("ii", 1, 0)
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, reset
        )
        self._transport.abort()
