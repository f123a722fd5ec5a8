"""The host's loop: connect, say who we are, make the instance, run calls in order."""

from __future__ import annotations

import os
import select
import time
from typing import Final

import zmq

from actors.adapters.control_client import ConnectionWatch, client_socket
from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_frames import decode_frame, encode_frame
from actors.errors import WireError
from actors.host.instance import CannotBeMadeError, Instance
from actors.messages.base import Message
from actors.messages.envelope import Envelope
from actors.messages.primitives import (
    HostBegin,
    HostBroken,
    HostHello,
    HostReady,
)
from actors.wire.calls import decode_call, encode_return, is_call_frame

LONELY_S: Final = 60.0  # without a supervisor for so long, there will be none: its launcher is gone
HANDSHAKE_S: Final = 10.0
_BROKEN: Final = 1  # exit code of a host whose actor could not be made


class HostProcess:
    """One actor's process, `instance` being its life's number."""

    def __init__(self, name: str, instance: int, endpoint: str, secret: str) -> None:
        self._name = name
        self._number = instance
        self._at = Endpoint(endpoint)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = client_socket(self._context, self._at, secret, HANDSHAKE_S)
        self._watch = ConnectionWatch(self._socket, endpoint)
        self._instance: Instance | None = None
        self._greeted = -1  # losses of the connection before the last greeting
        self._exit: int | None = None
        # The sockets' descriptors by the system's poll: zmq's own costs more than the call itself.
        self._poller = select.poll()
        for socket in (self._watch.monitor, self._socket):
            self._poller.register(int(socket.getsockopt(zmq.FD)), select.POLLIN)

    def serve(self) -> int:
        """Run until there is no supervisor any more; the exit code."""
        self._socket.connect(self._at.url)
        lonely_since = time.monotonic()
        while self._exit is None:
            # Descriptors tell of changes only: ask the sockets themselves before going to sleep.
            if _readable(self._socket):
                self._read()
                continue
            if _readable(self._watch.monitor):
                self._connection()
                continue
            self._poller.poll(1000)
            if self._watch.connected:
                lonely_since = time.monotonic()
            elif time.monotonic() - lonely_since > LONELY_S:
                self._exit = 0
        self._watch.close(self._socket)
        self._socket.close(500)
        self._context.term()
        self._at.close()
        return self._exit

    def _connection(self) -> None:
        self._watch.read()
        # By losses: while an answer waited to be sent the connection may have gone and come back.
        if self._watch.connected and self._greeted != self._watch.losses:
            self._greeted = self._watch.losses
            ready = self._instance is not None
            self._send(HostHello(self._name, self._number, os.getpid(), ready))

    def _read(self) -> None:
        for data in self._socket.recv_multipart():
            if is_call_frame(data):
                self._run(data)
            elif data:
                self._hear(data)

    def _hear(self, data: bytes) -> None:
        try:
            message = decode_frame(data).message
        except WireError:
            return  # a supervisor of another release says what we need not know
        if isinstance(message, HostBegin) and self._instance is None:
            self._begin(message)

    def _begin(self, message: HostBegin) -> None:
        try:
            self._instance = Instance.make(message.cls, message.args)
        except CannotBeMadeError as error:
            self._send(HostBroken(self._name, self._number, str(error), error.traceback))
            self._exit = _BROKEN
            return
        self._send(HostReady(self._name, self._number, os.getpid()))

    def _run(self, data: bytes) -> None:
        try:
            call = decode_call(data)
        except WireError:
            return
        if self._instance is None:
            return
        returned = self._instance.call(call)
        if call.number:
            # At once, although many in a frame would be cheaper: the next call may take hours.
            self._socket.send(encode_return(returned))

    def _send(self, message: Message) -> None:
        self._socket.send(encode_frame(Envelope("control", "", message)))


def _readable(socket: zmq.Socket[bytes]) -> bool:
    return bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)
