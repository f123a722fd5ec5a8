"""The way in: pieces from a socket are split, decoded, judged, and handed to the runtime."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

import zmq

from actors.adapters.peers import Way, Ways
from actors.adapters.refusals import Refusals
from actors.errors import WireError
from actors.messages.base import Event, MemberId
from actors.wire import codec
from actors.wire.admission import Gate, refusal

if TYPE_CHECKING:
    from actors.adapters.sockets import Socket
    from actors.messages.envelope import Envelope
    from actors.messages.ring import FrameRefused
    from actors.wire.vocabulary import Door

PORT: Final = "port/net"
PIECES_PER_TURN: Final = 256  # of one socket, so that no sender keeps the others waiting


class InboundWorld(Protocol):
    """What the way in asks of the runtime."""

    member: MemberId

    def deliver(self, envelope: Envelope) -> str:
        """Hand over an admitted frame; why it is not taken, or ""."""

    def emit(self, actor: str, event: Event) -> str:
        """Write an event."""

    def hlc_merge(self, remote: int) -> int:
        """Take a peer's clock into account."""


class Inbound:
    """Takes frames of one ring through one door, and remembers the way back to who sent them."""

    def __init__(self, world: InboundWorld, door: Door, ways: Ways, counts: Counter[str]) -> None:
        self._world = world
        self._door = door
        self._ways = ways
        self._counts = counts
        self._gate = Gate(world.member, "", door)
        self.refusals = Refusals()

    def belong_to(self, ring: str) -> None:
        """From now on only frames of this ring are taken, and joins."""
        self._gate = Gate(self._world.member, ring, self._door)

    def receive(self, socket: Socket, now: float, *, routed: bool) -> None:
        """Take what has arrived; `routed`: a routing id comes first."""
        for _ in range(PIECES_PER_TURN):
            # Asking first: an exception for "nothing there" costs as much as ten frames.
            if not int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                return
            try:
                route = socket.recv(zmq.DONTWAIT) if routed else None
                piece = socket.recv(zmq.DONTWAIT, copy=False)
            except zmq.ZMQError:
                return
            if piece.more:
                while socket.getsockopt(zmq.RCVMORE):
                    socket.recv(zmq.DONTWAIT, copy=False)
                self.refuse("multipart", _address_of(piece), now)
            else:
                self._take(piece, Way(socket, route, now))

    def refuse(self, reason: str, who: str, now: float, count: int = 1) -> None:
        """Count a refusal, and say so now and then."""
        if reason == "own":  # we are among our own seeds: no one's fault
            self.refusals.counts[reason] += count
        elif count:
            self._say(self.refusals.add(reason, who, now, count))

    def say_what_is_due(self, now: float) -> None:
        """Write the events for what was only counted so far."""
        self._say(self.refusals.due(now))

    def _take(self, piece: zmq.Frame, way: Way) -> None:
        data = piece.bytes
        self._counts["received_bytes"] += len(data)
        try:
            frames = codec.decode_batch(data)
        except WireError as error:
            self.refuse(error.reason, _address_of(piece), way.heard_s)
            return
        self._counts["received_frames"] += len(frames)
        for frame in frames:
            if reason := self._admit(frame, way):
                self.refuse(reason, _address_of(piece), way.heard_s)

    def _admit(self, data: bytes, way: Way) -> str | None:
        """Deliver a frame, or say why not."""
        try:
            frame = codec.decode(data)
        except WireError as error:
            return error.reason
        reason = refusal(self._gate, frame)
        if reason is None:
            self._ways.heard(frame.source, way)
            self._world.hlc_merge(frame.envelope.hlc)
            return self._world.deliver(frame.envelope) or None
        return reason

    def _say(self, events: list[FrameRefused]) -> None:
        for event in events:
            self._world.emit(PORT, event)


def _address_of(piece: zmq.Frame) -> str:
    """The IP address a piece came from."""
    with contextlib.suppress(zmq.ZMQError, TypeError):
        address = piece.get("Peer-Address")
        return address if isinstance(address, str) else ""
    return ""
