"""A client of a control gateway, for the command line: synchronous, no thread, light to import.

What went wrong is told apart by the socket's own monitor: nobody listens (`NoSupervisorError`), the
handshake is cut short (`SecretRefusedError`, twice in a row, because a supervisor that is just
ending cuts one short too), or no answer in time (`GetTimeoutError`).
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator
from typing import Final, Self

import zmq

from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_frames import decode_frame, encode_frame
from actors.adapters.control_keys import control_keys
from actors.errors import (
    ActorDiedError,
    ActorTaskError,
    ActorUnavailableError,
    GetTimeoutError,
    HabError,
    NoSupervisorError,
    OutcomeUnknown,
    Refused,
    SecretRefusedError,
    WireError,
)
from actors.messages.base import Message
from actors.messages.control import RequestEnded
from actors.messages.envelope import Envelope
from actors.messages.runtime import CallFailed

MAX_FRAME_BYTES: Final = 1 << 20
RETRY_S: Final = 0.2  # an actor that just died is usually back by then
# Asked again after a lost connection these would act twice: a supervisor that ends itself because
# of one would end again as soon as it is back.
_ONCE: Final = frozenset({"StopSupervisor", "KillActor", "CreateActor", "CallMethod"})
_EVENTS: Final = (
    zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


def new_request_id() -> str:
    """A request id nobody else has."""
    return os.urandom(8).hex()


def gateway_path(member: str) -> str:
    """The address of a control gateway: ours, or that of the member with this id (prefix)."""
    return f"{member}/control" if member else "control"


def error_of(failed: CallFailed) -> HabError:
    """The error of `actors.errors` that a `CallFailed` names."""
    match failed.kind:
        case "ActorDiedError":
            return ActorDiedError(failed.text)
        case "ActorUnavailableError":
            return ActorUnavailableError(failed.text)
        case "ActorTaskError":
            return ActorTaskError(failed.text, failed.traceback)
        case "Refused":
            return Refused(failed.text, failed.code or "refused", failed.exit_code)


def client_socket(
    context: zmq.Context[zmq.Socket[bytes]], at: Endpoint, secret: str, timeout_s: float
) -> zmq.Socket[bytes]:
    """A DEALER that proves it knows `secret`, not yet connected to `at`."""
    keys = control_keys(secret)
    socket = context.socket(zmq.DEALER)
    socket.ipv6 = at.ipv6
    socket.linger = 0
    socket.immediate = True
    socket.maxmsgsize = MAX_FRAME_BYTES
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 1000
    socket.handshake_ivl = max(1, int(timeout_s * 1000))
    socket.connect_timeout = max(1, int(timeout_s * 1000))
    # The gateway must notice that a client is gone, and the client that the gateway is.
    socket.heartbeat_ivl = 1000
    socket.heartbeat_timeout = 3000
    socket.curve_serverkey = keys.server.public
    socket.curve_publickey = keys.client.public
    socket.curve_secretkey = keys.client.secret
    return socket


class ConnectionWatch:
    """What the monitor of a client's socket says about its connection to `endpoint`."""

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str) -> None:
        self.monitor = socket.get_monitor_socket(_EVENTS)
        self.connected = False
        self.was_connected = False
        self.losses = 0  # of the connection; it may be back by the time one looks
        self._endpoint = endpoint
        self._cut_short = 0

    def close(self, socket: zmq.Socket[bytes]) -> None:
        """Stop watching; `socket` is the one that was watched."""
        socket.disable_monitor()
        self.monitor.close(0)

    def read(self) -> HabError | None:
        """Read what is there; the definite failure it means, if any (never once it has worked)."""
        error: HabError | None = None
        while self.monitor.poll(0):
            frames = self.monitor.recv_multipart()
            event, value = struct.unpack("=HI", frames[0])
            error = self._note(event, value) or error
        return None if self.connected or self.was_connected else error

    def _note(self, event: int, value: int) -> HabError | None:
        match event:
            case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.connected = self.was_connected = True
                self._cut_short = 0
            case zmq.EVENT_DISCONNECTED:
                self.connected = False
                self.losses += 1
            case zmq.EVENT_CLOSED:
                return NoSupervisorError(self._endpoint)
            case zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return SecretRefusedError(self._endpoint)
            case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                return NoSupervisorError(self._endpoint, "what listens there speaks otherwise")
            case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                if value == errno.EAGAIN:
                    return NoSupervisorError(self._endpoint, "what listens there does not answer")
                self._cut_short += 1
                if self._cut_short > 1:
                    return SecretRefusedError(self._endpoint)
            case _:
                pass
        return None


class ControlClient:
    """Asks a control gateway, one request at a time; `close` it, or use it in a `with`."""

    def __init__(self, endpoint: str, secret: str, connect_timeout_s: float = 2.0) -> None:
        self.endpoint = endpoint
        self._timeout_s = connect_timeout_s
        self._at = Endpoint(endpoint)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._socket = client_socket(self._context, self._at, secret, connect_timeout_s)
        except BaseException:
            self._context.term()
            raise
        self._watch = ConnectionWatch(self._socket, endpoint)
        self._socket.connect(self._at.url)
        self._poller = zmq.Poller()
        self._poller.register(self._watch.monitor, zmq.POLLIN)
        self._poller.register(self._socket, zmq.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; open requests end with it."""
        if not self._socket.closed:
            self._watch.close(self._socket)
            self._socket.close(0)
            self._context.term()
            self._at.close()

    def request(
        self,
        message: Message,
        *,
        member: str = "",
        timeout_s: float | None = 30.0,
        request_id: str | None = None,
    ) -> Iterator[Message]:
        """Ask, and yield each answer until the last; `member` is a member id (prefix).

        `timeout_s` bounds the time to the last answer (None: no bound). The same `request_id`
        again is the same request, also over a lost connection. Raises NoSupervisorError,
        SecretRefusedError, GetTimeoutError, OutcomeUnknown, and what a `CallFailed` stands for.
        """
        call = request_id or new_request_id()
        envelope = Envelope(gateway_path(member), "", message, id=call, trace=call)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._connect()
        finished = False
        try:
            for answer, last in self._answers(envelope, deadline):
                finished = last
                if isinstance(answer, CallFailed):
                    finished = True
                    raise error_of(answer)
                yield answer
        finally:
            if not finished:
                self._abandon(call)

    def _answers(
        self, envelope: Envelope, deadline: float | None
    ) -> Iterator[tuple[Message, bool]]:
        """Send, send again where that is safe, and yield (answer, whether it is the last)."""
        once = type(envelope.message).__name__ in _ONCE
        frame = encode_frame(envelope)
        self._socket.send(frame)
        sent, losses = True, self._watch.losses
        began = False
        while True:
            if self._watch.losses == losses:  # else there is something to do at once
                self._wait(deadline, envelope)
            if self._watch.losses > losses:
                if once:
                    raise OutcomeUnknown(
                        f"the connection to {self.endpoint} was lost before the answer came"
                    )
                sent, losses = False, self._watch.losses
            if not self._watch.connected:
                continue
            if not sent:
                self._socket.send(frame)
                sent = True
            while (answer := self._receive(envelope.id)) is not None:
                unavailable = (
                    isinstance(answer.message, CallFailed)
                    and answer.message.kind == "ActorUnavailableError"
                )
                if unavailable and not began and not once and _left(deadline) > RETRY_S:
                    time.sleep(RETRY_S)
                    self._socket.send(frame)
                    continue
                began = True
                yield answer.message, not answer.more
                if not answer.more:
                    return

    def _connect(self) -> None:
        limit = time.monotonic() + self._timeout_s
        while not self._watch.connected:
            if error := self._watch.read():
                raise error
            if self._watch.connected:
                return
            left = _left(limit)
            if left <= 0:
                raise NoSupervisorError(self.endpoint, "no connection in time")
            self._watch.monitor.poll(int(left * 1000) + 1)

    def _wait(self, deadline: float | None, envelope: Envelope) -> None:
        left = _left(deadline)
        if left <= 0:
            raise GetTimeoutError(
                f"no answer from {self.endpoint} to {type(envelope.message).__name__} in time; "
                "it may still happen, asking again is safe"
            )
        self._poller.poll(int(min(left, 60.0) * 1000) + 1)
        self._watch.read()

    def _receive(self, call: str) -> Envelope | None:
        while self._socket.poll(0):
            frame = self._socket.recv()
            if not frame:
                continue  # the gateway looks whether we are still there
            try:
                answer = decode_frame(frame)
            except WireError as error:
                raise WireError(
                    error.reason, f"{self.endpoint} answered what this release cannot read: {error}"
                ) from error
            if answer.answers == call:
                return answer
        return None

    def _abandon(self, call: str) -> None:
        """Tell the gateway that nobody waits for this request any more."""
        if self._watch.connected and not self._socket.closed:
            try:
                ended = Envelope("control", "", RequestEnded(call))
                self._socket.send(encode_frame(ended), zmq.DONTWAIT)
            except zmq.ZMQError:
                return  # the session's end says the same


def _left(deadline: float | None) -> float:
    return 60.0 if deadline is None else deadline - time.monotonic()
