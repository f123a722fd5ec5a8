"""The gateway's listening socket: CURVE with the secret's keys, and who may come (ZAP, RFC 27)."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import Final

import zmq
from zmq.utils import z85

from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_frames import prepare
from actors.adapters.control_keys import control_keys
from actors.errors import HostError

_REFUSALS: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Listener:
    """A bound ROUTER with its own context, its ZAP handler and its monitor.

    A context of its own, because a context has one ZAP handler and the ring's port has another.
    """

    def __init__(self, address: str, secret: str, max_frame_bytes: int, heartbeat_s: float) -> None:
        prepare()  # before anybody can send a frame
        keys = control_keys(secret)
        self._client = z85.decode(keys.client.public)
        self._at = Endpoint(address)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.zap = self._context.socket(zmq.REP)
        self.zap.linger = 0
        self.zap.bind("inproc://zeromq.zap.01")
        self.router = router = self._context.socket(zmq.ROUTER)
        router.linger = 500  # the last answers of a supervisor that ends
        router.router_mandatory = True
        router.maxmsgsize = max_frame_bytes
        router.handshake_ivl = 2000
        router.heartbeat_ivl = int(heartbeat_s * 1000)
        router.heartbeat_timeout = int(heartbeat_s * 3000)
        router.ipv6 = self._at.ipv6
        router.curve_server = True
        router.curve_publickey = keys.server.public
        router.curve_secretkey = keys.server.secret
        router.zap_domain = b"control"
        self.monitor = router.get_monitor_socket(_REFUSALS)
        try:
            self._bind(address)
        except BaseException:
            self.close()
            raise

    @property
    def endpoint(self) -> str:
        """Where it listens, the port filled in: `HOST:PORT` or a path."""
        if self._at.path is not None:
            return str(self._at.path)
        bound = self.router.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(bound, bytes)
        return bound.decode().rstrip("\0").removeprefix("tcp://")

    def _bind(self, address: str) -> None:
        path = self._at.path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                before = os.umask(0o177)
                try:
                    self.router.bind(self._at.url)
                finally:
                    os.umask(before)
            else:
                self.router.bind(self._at.url)
        except (zmq.ZMQError, OSError) as error:
            raise HostError(
                f"the control gateway cannot listen on {address}: {error}; "
                "another one may run there, --listen-ctl chooses another address"
            ) from error

    def authenticate(self) -> bool:
        """Answer one waiting question of the handshake; whether the client is let in."""
        version, request, _domain, _address, _identity, mechanism, *credentials = (
            self.zap.recv_multipart()
        )
        known = mechanism == b"CURVE" and credentials == [self._client]
        status = [b"200", b"OK"] if known else [b"400", b"not the control secret"]
        self.zap.send_multipart([version, request, *status, b"control" if known else b"", b""])
        return known

    def refusals(self) -> int:
        """How many handshakes have failed since the last time."""
        count = 0
        while self.monitor.poll(0):
            frames = self.monitor.recv_multipart()
            event, _value = struct.unpack("=HI", frames[0])
            count += bool(event & _REFUSALS)
        return count

    def close(self) -> None:
        """Close everything; waits half a second for answers on their way."""
        with contextlib.suppress(zmq.ZMQError):
            self.router.disable_monitor()
        self.monitor.close(0)
        self.router.close()
        self.zap.close()
        self._context.term()
        if self._at.path is not None:
            self._at.path.unlink(missing_ok=True)
        self._at.close()
