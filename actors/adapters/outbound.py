"""The way out: what waits for each peer, by which connection it goes, when it is given up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

import zmq

from actors.adapters.peers import Peer, Way, Ways
from actors.wire import codec

if TYPE_CHECKING:
    from actors.adapters.links import Links
    from actors.adapters.outbox import Waiting
    from actors.messages.envelope import Envelope

_FRESH_S: Final = 1.5  # a way back is believed for a probe period and a half


class OutboundWorld(Protocol):
    """What the way out asks of the runtime."""

    def undeliverable(self, envelope: Envelope, reason: str) -> None:
        """Give back what could not be sent and somebody waits for."""


class Outbound:
    """Sends what waits, in order, as far as connections take it; owned by the I/O thread."""

    def __init__(
        self, world: OutboundWorld, links: Links, ways: Ways, counts: Counter[str]
    ) -> None:
        self._world = world
        self._links = links
        self._ways = ways
        self._counts = counts
        self._waiting: dict[str, Peer] = {}  # those with something in their outbox

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def frames(self) -> int:
        """How many frames wait."""
        return sum(len(peer.outbox) for peer in list(self._waiting.values()))

    def put(self, peer: Peer, frame: Waiting) -> None:
        """Queue a frame; what its outbox has no room for is given up."""
        self._waiting[peer.name] = peer
        dropped = peer.outbox.put(frame)
        if dropped:
            self._counts["overflowed"] += len(dropped)
            self.give_up(peer, dropped, "too much waits for its member")

    def give_up(self, peer: Peer, frames: list[Waiting], reason: str) -> None:
        """Count frames as lost; those that wait for an answer go back to the runtime."""
        self._counts["dropped"] += len(frames)
        for frame in frames:
            if frame.envelope is not None:
                self._world.undeliverable(frame.envelope, f"{reason} ({peer.name[:8]})")

    def forget(self, peer: Peer) -> None:
        """Nothing waits for it any more."""
        self._waiting.pop(peer.name, None)

    def send(self, now: float) -> tuple[list[Peer], list[Peer]]:
        """Send what can be sent; the peers nothing waits for now, and seeds not reached in time."""
        settled: list[Peer] = []
        overdue: list[Peer] = []
        for peer in list(self._waiting.values()):
            self._flush(peer, now)
            if peer.outbox and (late := peer.outbox.late(now)):
                if peer.is_seed:
                    overdue.append(peer)
                    continue
                self._counts["late"] += len(late)
                self.give_up(peer, late, "not sent in time")
            if not peer.outbox:
                self.forget(peer)
                settled.append(peer)
        return settled, overdue

    def _flush(self, peer: Peer, now: float) -> None:
        """Send what waits as far as the way there takes it."""
        while peer.outbox:
            way = self._way(peer, now)
            if way is None:
                self._links.want(peer, now)
                return
            frames = peer.outbox.batch()
            piece = codec.encode_batch(frames)
            try:
                if way.route is None:
                    way.socket.send(piece, zmq.DONTWAIT)
                else:
                    way.socket.send_multipart([way.route, piece], zmq.DONTWAIT)
            except zmq.Again:
                self._counts["full"] += 1
                return
            except zmq.ZMQError:
                self._ways.forget(peer.name)  # the connection it came on is gone
                continue
            peer.outbox.sent(len(frames))
            if peer.link is not None:
                peer.link.used_s = now
            self._counts["sent_frames"] += len(frames)
            self._counts["sent_bytes"] += len(piece)

    def _way(self, peer: Peer, now: float) -> Way | None:
        back = self._ways.back(peer.name)
        if back is not None and (now - back.heard_s < _FRESH_S or not peer.address):
            return back
        if peer.link is not None and peer.link.up:
            return Way(peer.link.socket, None, now)
        return None
