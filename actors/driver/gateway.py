"""A connection to a supervisor's control gateway: one thread, which owns the socket."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections import deque
from dataclasses import dataclass
from itertools import count
from typing import Final

import zmq

from actors.adapters.control_client import ConnectionWatch, client_socket, gateway_path
from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_frames import decode_frame, encode_frame
from actors.driver.connection import Settle
from actors.errors import HabError, NoSupervisorError, WireError
from actors.messages.base import Message
from actors.messages.envelope import Envelope
from actors.messages.primitives import CallMethod, CreateActor
from actors.messages.runtime import CallFailed, KillActor

BATCH: Final = 50  # frames of a multipart message when they queue
# After a lost connection these are not asked again: they would be done twice.
_ONCE: Final = (CallMethod, CreateActor, KillActor)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    frame: bytes
    settle: Settle
    once: bool


class GatewayConnection:
    """Connects at once; raises NoSupervisorError, SecretRefusedError."""

    def __init__(self, address: str, secret: str, timeout_s: float) -> None:
        self._address = address
        self._at = Endpoint(address)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = client_socket(self._context, self._at, secret, timeout_s)
        self._watch = ConnectionWatch(self._socket, address)
        self._socket.connect(self._at.url)
        # Unlike a client of the command line a driver may come back: its ids are its own for ever.
        self._prefix = os.urandom(6).hex()
        self._numbers = count(1)
        self._open: dict[str, _Open] = {}
        self._outbox: deque[bytes] = deque()
        self._asked: deque[tuple[str, _Open] | bytes | None] = deque()
        self._woken = False
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._connected = threading.Event()
        self._refusal: HabError | None = None
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)
        self._thread.start()
        if not self._connected.wait(timeout_s):
            self._refusal = NoSupervisorError(address, "no connection in time")
        if self._refusal is not None:
            self.close()
            raise self._refusal

    @property
    def attend(self) -> None:
        """Nobody helps: the answers come to this connection's own thread."""

    def ask(self, message: Message, member: str, settle: Settle | None) -> None:
        """Queue a request. Raises WireError for what is too large to be sent."""
        if settle is None:
            self._put(encode_frame(Envelope(gateway_path(member), "", message)))
            return
        call = f"{self._prefix}-{next(self._numbers)}"
        frame = encode_frame(Envelope(gateway_path(member), "", message, id=call))
        self._put((call, _Open(frame, settle, isinstance(message, _ONCE))))

    def close(self) -> None:
        """End the session; what is open is answered no more."""
        self._put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ── the thread ──

    def _put(self, job: tuple[str, _Open] | bytes | None) -> None:
        self._asked.append(job)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):  # full: it is awake; closed: nobody is left
                self._wake_w.send(b"!")

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._watch.monitor, zmq.POLLIN)
        poller.register(self._wake_r.fileno(), zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        while True:
            blocked = bool(self._outbox) and self._watch.connected
            poller.modify(self._socket, zmq.POLLIN | (zmq.POLLOUT if blocked else 0))
            ready = dict(poller.poll())
            if self._watch.monitor in ready:
                self._connection()
            if self._wake_r.fileno() in ready:
                with contextlib.suppress(BlockingIOError):
                    self._wake_r.recv(4096)
                self._woken = False
            if not self._take_asked():
                break
            self._send()
            if ready.get(self._socket, 0) & zmq.POLLIN:
                self._read()
        self._watch.close(self._socket)
        # What was told and never asked about has left before the session ends.
        self._socket.close(500)
        self._context.term()
        self._at.close()
        self._wake_r.close()
        self._wake_w.close()

    def _take_asked(self) -> bool:
        while self._asked:
            job = self._asked.popleft()
            if job is None:
                self._send()
                return False
            if isinstance(job, bytes):
                self._outbox.append(job)
            else:
                self._open[job[0]] = job[1]
                self._outbox.append(job[1].frame)
        return True

    def _send(self) -> None:
        outbox = self._outbox
        while outbox and self._watch.connected:
            frames = [outbox.popleft() for _ in range(min(BATCH, len(outbox)))]
            try:
                self._socket.send_multipart(frames, zmq.DONTWAIT)
            except zmq.Again:
                outbox.extendleft(reversed(frames))
                return

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            if data:
                self._answer(data)

    def _answer(self, data: bytes) -> None:
        try:
            envelope = decode_frame(data)
        except WireError as error:
            _log.warning("an answer of %s cannot be read: %s", self._address, error)
            return
        if envelope.more:
            return
        if (one := self._open.pop(envelope.answers, None)) is not None:
            one.settle(envelope.message)

    def _connection(self) -> None:
        before, losses = self._watch.connected, self._watch.losses
        error = self._watch.read()
        now = self._watch.connected
        if before and self._watch.losses > losses:
            self._lost()
            before = False  # now: it is back already
        if now and not before:
            if self._connected.is_set():
                waiting = set(self._outbox)
                again = [one.frame for one in self._open.values() if one.frame not in waiting]
                self._outbox.extendleft(reversed(again))
            self._connected.set()
        elif error is not None and not self._connected.is_set():
            self._refusal = error
            self._connected.set()

    def _lost(self) -> None:
        """Calls may have been executed, and must not be made twice: their callers are told."""
        waiting = set(self._outbox)  # those never left: they are sent when it is back
        text = f"the connection to {self._address} was lost; the call may have been executed"
        for call, one in list(self._open.items()):
            if one.once and one.frame not in waiting:
                del self._open[call]
                one.settle(CallFailed("ActorUnavailableError", text))
