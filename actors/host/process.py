"""The host's loop: connect, say who we are, make the instance, run calls in order."""

from __future__ import annotations

import os
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
    HostCalls,
    HostHello,
    HostReady,
    HostReturn,
    HostReturns,
)

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
        self._socket = client_socket(self._context, secret, HANDSHAKE_S)
        self._watch = ConnectionWatch(self._socket, endpoint)
        self._instance: Instance | None = None
        self._greeted = False
        self._exit: int | None = None
        self._poller = zmq.Poller()
        self._poller.register(self._watch.monitor, zmq.POLLIN)
        self._poller.register(self._socket, zmq.POLLIN)

    def serve(self) -> int:
        """Run until there is no supervisor any more; the exit code."""
        self._socket.connect(self._at.url)
        lonely_since = time.monotonic()
        while self._exit is None:
            ready = dict(self._poller.poll(1000))
            if self._watch.monitor in ready:
                self._connection()
            if self._socket in ready:
                self._read()
            if self._watch.connected:
                lonely_since = time.monotonic()
            elif time.monotonic() - lonely_since > LONELY_S:
                self._exit = 0
        self._socket.disable_monitor()
        self._socket.close(500)
        self._context.term()
        self._at.close()
        return self._exit

    def _connection(self) -> None:
        self._watch.read()
        if not self._watch.connected:
            self._greeted = False
        elif not self._greeted:
            self._greeted = True
            ready = self._instance is not None
            self._send(HostHello(self._name, self._number, os.getpid(), ready))

    def _read(self) -> None:
        while self._exit is None:
            try:
                data = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            if not data:
                continue
            try:
                message = decode_frame(data).message
            except WireError:
                continue  # a supervisor of another release says what we need not know
            if isinstance(message, HostCalls) and self._instance is not None:
                self._run(message, self._instance)
            elif isinstance(message, HostBegin) and self._instance is None:
                self._begin(message)

    def _begin(self, message: HostBegin) -> None:
        try:
            self._instance = Instance.make(message.cls, message.args)
        except CannotBeMadeError as error:
            self._send(HostBroken(self._name, self._number, str(error), error.traceback))
            self._exit = _BROKEN
            return
        self._send(HostReady(self._name, self._number, os.getpid()))

    def _run(self, message: HostCalls, instance: Instance) -> None:
        for call in message.calls:
            returned = instance.call(call)
            if call.number:
                # At once, although frames of many would be cheaper: the next call may take hours.
                self._return(returned)

    def _return(self, returned: HostReturn) -> None:
        if self._watch.monitor.poll(0):
            self._connection()  # a new connection wants to know first who we are
        self._send(HostReturns((returned,)))

    def _send(self, message: Message) -> None:
        self._socket.send(encode_frame(Envelope("control", "", message)))
