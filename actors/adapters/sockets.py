"""ZeroMQ sockets of the ring with every option that matters, and what their monitors tell.

Sources: libzmq 4.3.5 `doc/zmq_setsockopt.adoc`, `doc/zmq_socket_monitor.adoc`; ZMTP 3.1.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

import zmq

from actors.adapters.curve import ZAP_DOMAIN
from actors.wire.codec import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from actors.adapters.curve import CurvePair

Socket: TypeAlias = "zmq.Socket[bytes]"
Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"

HEARTBEAT_MS: Final = 1_000
DEAD_MS: Final = 3_000  # without a heartbeat, or with unacknowledged TCP data
HANDSHAKE_MS: Final = 2_000  # for a TCP connection, and again for its handshake
RECONNECT_MS: Final = 200
RECONNECT_MAX_MS: Final = 5_000
SEND_LIMIT: Final = 64  # messages in a pipe; more wait in the outbox, where they can get late
RECEIVE_LIMIT: Final = 256
BACKLOG: Final = 512  # a whole ring may dial again at once, after a key turned

_LISTENER_EVENTS: Final = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
_DIALLER_EVENTS: Final = (
    zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
HANDSHAKE_FAILED: Final = frozenset(
    {
        zmq.EVENT_HANDSHAKE_FAILED_AUTH,
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    }
)


def listener(context: Context, pair: CurvePair | None) -> tuple[Socket, Socket]:
    """A ROUTER, not bound yet, and its monitor. With a pair it serves CURVE, else plain."""
    socket = context.socket(zmq.ROUTER)
    _configure(socket)
    socket.backlog = BACKLOG
    socket.router_mandatory = 1  # an answer to who has gone raises instead of vanishing
    socket.zap_domain = ZAP_DOMAIN
    if pair is not None:
        socket.curve_server = 1
        socket.curve_publickey, socket.curve_secretkey = pair.public, pair.secret
    return socket, socket.get_monitor_socket(_LISTENER_EVENTS)


def dialler(context: Context, endpoint: str, pair: CurvePair | None) -> tuple[Socket, Socket]:
    """A DEALER that connects to `endpoint`, and its monitor. Nothing queues before it is up."""
    socket = context.socket(zmq.DEALER)
    _configure(socket)
    socket.immediate = 1
    if pair is not None:
        socket.curve_serverkey = pair.public
        socket.curve_publickey, socket.curve_secretkey = pair.public, pair.secret
    monitor = socket.get_monitor_socket(_DIALLER_EVENTS)
    if endpoint.startswith("tcp://["):
        socket.ipv6 = 1
    socket.connect(endpoint)
    return socket, monitor


def close(socket: Socket, monitor: Socket) -> None:
    """Close both at once, dropping what is queued."""
    socket.disable_monitor()
    monitor.close(0)
    socket.close(0)


def monitor_events(monitor: Socket) -> list[tuple[int, int]]:
    """The waiting (event, value) pairs of a monitor."""
    events: list[tuple[int, int]] = []
    while True:
        try:
            parts = monitor.recv_multipart(zmq.DONTWAIT)
        except zmq.ZMQError:
            return events
        event, value = struct.unpack("=hi", parts[0][:6])
        events.append((event, value))


def endpoint_of(address: str) -> str:
    """`host:port` as a ZeroMQ endpoint."""
    return f"tcp://{address}"


def _configure(socket: Socket) -> None:
    socket.linger = 0
    socket.sndhwm, socket.rcvhwm = SEND_LIMIT, RECEIVE_LIMIT
    socket.maxmsgsize = MAX_FRAME_BYTES
    socket.heartbeat_ivl, socket.heartbeat_timeout = HEARTBEAT_MS, DEAD_MS
    socket.heartbeat_ttl = DEAD_MS
    socket.tcp_maxrt = DEAD_MS
    socket.handshake_ivl = HANDSHAKE_MS
    socket.connect_timeout = HANDSHAKE_MS
    socket.reconnect_ivl, socket.reconnect_ivl_max = RECONNECT_MS, RECONNECT_MAX_MS
