"""The ring's network: frames over ZeroMQ, one I/O thread that owns every socket.

Actors' threads encode and queue; the I/O thread sends, receives, decodes, admits and delivers. One
ROUTER listens, a DEALER dials each peer on demand. A frame takes the connection its addressee was
just heard on (an ack finds its way also to who cannot be dialled, or is not known yet), else the
peer's own link; until there is one it waits in the peer's outbox, until its deadline.

Delivery is at most once, and in order while one connection lasts. What could not be sent and waits
for an answer goes back to the runtime; the rest is counted.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import zmq

from actors.adapters import sockets
from actors.adapters.clock import SystemClock
from actors.adapters.curve import Zap
from actors.adapters.inbound import PORT, Inbound, InboundWorld
from actors.adapters.keychain import Keychain
from actors.adapters.links import Links
from actors.adapters.listener import Listener
from actors.adapters.outbound import Outbound, OutboundWorld
from actors.adapters.outbox import Outbox, Waiting
from actors.adapters.peers import Peer, Ways
from actors.adapters.resolver import Resolver
from actors.adapters.wakeup import Wakeup
from actors.errors import HostError, WireError
from actors.messages.base import MemberId, Message, split_address
from actors.messages.envelope import Envelope
from actors.messages.ring import (
    Dial,
    DialFailed,
    KeysHeld,
    LinkClosed,
    RingChosen,
    RingKeyTurned,
    Route,
    Unroute,
)
from actors.wire import codec
from actors.wire.vocabulary import Door

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.adapters.keys import RingKeys

GOSSIP: Final = "gossip"

_BIND_AGAIN_S: Final = 0.002  # the port of the listener before is free in a moment
_BREATHER_S: Final = 0.05  # after a failed turn, which may fail again

_split = lru_cache(maxsize=4_096)(split_address)
_log = logging.getLogger(__name__)


class NetworkWorld(InboundWorld, OutboundWorld, Protocol):
    """What the network asks of the runtime (`actors.runtime.world.World` has it)."""

    ring_id: str

    def tell(self, to: str, message: Message, *, sender: str = "") -> None:
        """Tell an actor of this member."""

    def register_port(self, path: str, handler: Callable[[Envelope], None]) -> None:
        """Take mail for a port."""

    def hlc_now(self) -> int:
        """Tick the hybrid logical clock."""


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Bounds of the edge. Deadlines: how long a frame may wait to be sent."""

    max_links: int = 512
    max_inbound: int = 1_024  # a peer bounds its links to us, so on average ours are as few
    outbox_frames: int = 4_096
    outbox_bytes: int = 8 << 20
    deadline_s: float = 1.0  # a probe period
    asking_deadline_s: float = 3.0  # somebody waits for the answer
    dial_deadline_s: float = 5.0
    key_watch_s: float = 2.0  # between looks at the key cache


class _Outgoing(NamedTuple):
    member: MemberId
    frame: Waiting


class _Resolved(NamedTuple):
    peer: Peer
    address: str
    found: str | None
    reason: str


class ZmqNetwork:
    """`ports.Network` over ZeroMQ, and `port/net` for gossip. Runs from construction to `close`.

    `listen` is `host:port`; `keys` the ring key's revisions, None for a ring without a key. Raises
    HostError if it cannot listen.
    """

    def __init__(
        self,
        world: NetworkWorld,
        listen: str,
        keys: RingKeys | None = None,
        options: NetworkOptions | None = None,
    ) -> None:
        codec.prepare()
        self._world = world
        self._options = options or NetworkOptions()
        self._ring = ""
        self._now = SystemClock().now
        self._counts: Counter[str] = Counter()
        self._mail: deque[_Outgoing | Envelope | _Resolved] = deque()
        self._peers: dict[str, Peer] = {}
        self._ways = Ways()
        self._resolver = Resolver()
        self._dials = 0
        self._next_look_s = 0.0
        self._closing = False
        self._breather = threading.Event()
        self._context: sockets.Context = zmq.Context(1)
        self._context.max_sockets = 4 * self._options.max_links + 64
        self._poller = zmq.Poller()
        self._wakeup = Wakeup()
        self._zap = Zap(self._context)
        self._keychain = keychain = Keychain(keys)
        door = Door.KEYED if keychain.keyed else Door.OPEN
        self._inbound = Inbound(world, door, self._ways, self._counts)
        self._links = Links(
            context=self._context,
            poller=self._poller,
            keychain=keychain,
            ways=self._ways,
            limit=self._options.max_links,
            counts=self._counts,
        )
        self._outbound = Outbound(world, self._links, self._ways, self._counts)
        self._listener = Listener(self._context, listen, keychain.serve(()))
        if keychain.keyed:
            self._zap.accept(keychain.accepted())
        try:
            self._listener.bind_first()
        except HostError:
            self._release()
            raise
        self.address = self._listener.address
        for source in (self._wakeup.handle, self._zap.socket):
            self._poller.register(source, zmq.POLLIN)
        self._attend_listener()
        world.register_port(PORT, self._on_mail)
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    # ── from other threads ──

    def send(self, envelope: Envelope) -> None:
        """Encode and queue for `envelope.to`'s member; never blocks, never raises."""
        member, _ = _split(envelope.to)
        if member is None or self._closing:
            self._world.undeliverable(envelope, "no member to send to")
            return
        try:
            data = codec.encode(envelope, self._world.member, self._ring)
        except WireError as error:
            self._counts["unsendable"] += 1
            self._world.undeliverable(envelope, str(error))
            return
        asks = envelope.ticket is not None
        wait = self._options.asking_deadline_s if asks else self._options.deadline_s
        frame = Waiting(self._now() + wait, data, envelope if asks else None)
        self._mail.append(_Outgoing(member, frame))
        self._wakeup.ring()

    def stats(self) -> dict[str, int]:
        """Counters since the start, and how many of each there are now; for metrics."""
        return {
            **{
                f"refused_{reason}": count
                for reason, count in self._inbound.refusals.counts.items()
            },
            **self._counts,
            "links": len(self._links),
            "inbound": len(self._listener),
            "waiting": self._outbound.frames(),
        }

    def close(self) -> None:
        """Stop, give back what waits, free the port. Returns when that is done."""
        if not self._closing:
            self._closing = True
            self._wakeup.ring()
            self._thread.join()
            self._release()

    def _on_mail(self, envelope: Envelope) -> None:
        if isinstance(envelope.message, RingChosen):
            # At once: what gossip sends next is already stamped with it.
            self._ring = self._world.ring_id = envelope.message.ring_id
            self._inbound.belong_to(self._ring)
        self._mail.append(envelope)
        self._wakeup.ring()

    # ── the I/O thread ──

    def _run(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - logged with its traceback
                # One bad turn must not end the ring's only thread: what it held is lost, counted.
                self._counts["errors"] += 1
                _log.exception("network turn failed")
                self._breather.wait(_BREATHER_S)

    def _turn(self) -> None:
        pause_s = 0.02 if self._outbound else self._options.key_watch_s
        if not self._listener.bound:
            pause_s = _BIND_AGAIN_S
        self._wakeup.doze()
        if self._mail or self._closing:
            pause_s = 0
        ready = dict(self._poller.poll(int(pause_s * 1_000)))
        now = self._now()
        self._wakeup.hush(rung=self._wakeup.handle in ready)
        for source in ready:
            self._attend(source, now)
        if not self._listener.bound and self._listener.bind():
            self._counts["key_turns"] += 1
        self._take_mail(now)
        settled, overdue = self._outbound.send(now)
        for peer in settled:
            if not peer.address:
                self._peers.pop(peer.name, None)
        for peer in overdue:
            self._tell_gossip(DialFailed(peer.address, "no answer in time"))
            self._forget(peer)
        if now >= self._next_look_s:
            self._next_look_s = now + self._options.key_watch_s
            self._keep_house(now)

    def _attend(self, source: object, now: float) -> None:
        listener, peer = self._listener, self._links.peer_of(source)
        if peer is not None and peer.link is not None:
            if source is peer.link.socket:
                peer.link.used_s = now
                self._inbound.receive(peer.link.socket, now, routed=False)
            elif reason := self._links.watch(peer, now):
                self._unreachable(peer, reason)
        elif source is listener.socket:
            self._inbound.receive(listener.socket, now, routed=True)
        elif source is listener.monitor:
            self._inbound.refuse("handshake", "", now, listener.refused_handshakes())
        elif source is self._zap.socket:
            self._zap.answer(self._has_room, lambda why, who: self._inbound.refuse(why, who, now))

    def _take_mail(self, now: float) -> None:
        mail = self._mail
        for _ in range(len(mail)):
            match mail.popleft():
                case _Outgoing(member, frame):
                    self._enqueue(member, frame)
                case _Resolved() as resolved:
                    self._resolved(resolved, now)
                case Envelope(message=message):
                    self._told(message, now)

    def _told(self, message: Message, now: float) -> None:
        match message:
            case RingChosen():
                self._tell_keys()
            case Route(member, address, keys):
                peer = self._peer(member)
                known, peer.keys = peer.keys, keys
                if peer.address != address:
                    self._links.drop(peer)
                    peer.address, peer.endpoint = address, ""
                    self._look_up(peer)
                if known != keys:
                    self._turn_key()
            case Unroute(member):
                if member in self._peers:
                    self._withdraw(self._peers[member])
                self._ways.forget(member)
                self._turn_key()
            case Dial(seed, inner):
                self._dial_seed(seed, inner, now)
            case _:
                self._counts["ignored"] += 1

    # ── peers ──

    def _peer(self, name: str) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            outbox = Outbox(self._options.outbox_frames, self._options.outbox_bytes)
            peer = self._peers[name] = Peer(name, outbox)
        return peer

    def _look_up(self, peer: Peer) -> None:
        address = peer.address

        def done(found: str | None, reason: str) -> None:
            self._mail.append(_Resolved(peer, address, found, reason))
            self._wakeup.ring()

        self._resolver.resolve(address, done)

    def _resolved(self, resolved: _Resolved, now: float) -> None:
        peer = resolved.peer
        if self._peers.get(peer.name) is not peer or peer.address != resolved.address:
            return
        if resolved.found is None:
            self._unreachable(peer, resolved.reason)
        else:
            peer.endpoint = sockets.endpoint_of(resolved.found)
            self._links.want(peer, now)

    def _dial_seed(self, seed: str, message: Message, now: float) -> None:
        try:
            envelope = Envelope("/gossip", GOSSIP, message, hlc=self._world.hlc_now())
            data = codec.encode(envelope, self._world.member, self._ring)
        except WireError as error:
            self._tell_gossip(DialFailed(seed, str(error)))
            return
        self._dials += 1
        peer = self._peer(f"dial/{self._dials}")
        peer.is_seed, peer.address = True, seed
        peer.dialled_s = now
        self._outbound.put(peer, Waiting(now + self._options.dial_deadline_s, data, None))
        self._look_up(peer)

    def _withdraw(self, peer: Peer) -> None:
        self._outbound.give_up(peer, peer.outbox.clear(), "its member was withdrawn")
        self._forget(peer)

    def _unreachable(self, peer: Peer, reason: str) -> None:
        """Say so once: a seed is given up, a member is tried again when it is wanted."""
        if peer.is_seed:
            if peer.outbox:
                self._tell_gossip(DialFailed(peer.address, reason))
            self._forget(peer)
        elif not peer.reported:
            peer.reported = True
            self._tell_gossip(LinkClosed(peer.name, reason))

    def _forget(self, peer: Peer) -> None:
        self._links.drop(peer)
        self._peers.pop(peer.name, None)
        self._outbound.forget(peer)

    # ── sending ──

    def _enqueue(self, member: MemberId, frame: Waiting) -> None:
        peer = self._peers.get(member)
        if peer is None:
            if self._ways.back(member) is None:
                self._counts["unrouted"] += 1
                if frame.envelope is not None:
                    self._world.undeliverable(frame.envelope, f"no route to member {member[:8]}")
                return
            peer = self._peer(member)
        self._outbound.put(peer, frame)

    # ── house ──

    def _keep_house(self, now: float) -> None:
        self._inbound.say_what_is_due(now)
        for peer in list(self._peers.values()):
            self._links.close_idle(peer, now, self._options.dial_deadline_s)
            if peer.is_seed and peer.link is None and not peer.outbox:
                self._forget(peer)
        if self._keychain.refresh():
            self._turn_key()
            self._tell_keys()

    def _turn_key(self) -> None:
        """Serve with the newest revision that all hold; a change closes and opens the port."""
        if not self._keychain.keyed:
            return
        pair = self._keychain.serve([peer.keys for peer in self._peers.values()])
        self._zap.accept(self._keychain.accepted())
        if pair == self._listener.pair:
            return
        self._inbound.receive(self._listener.socket, self._now(), routed=True)
        for source in (self._listener.socket, self._listener.monitor):
            self._poller.unregister(source)
        self._ways.closed(self._listener.socket)
        self._listener.close()
        self._listener = Listener(self._context, self.address, pair)
        self._attend_listener()
        self._world.emit(PORT, RingKeyTurned(self._keychain.served))
        self._tell_keys()

    def _attend_listener(self) -> None:
        for source in (self._listener.socket, self._listener.monitor):
            self._poller.register(source, zmq.POLLIN)

    def _tell_keys(self) -> None:
        if self._keychain.keyed:
            self._tell_gossip(KeysHeld(self._keychain.revisions, self._keychain.served))

    def _has_room(self) -> bool:
        return len(self._listener) <= self._options.max_inbound

    def _tell_gossip(self, message: Message) -> None:
        self._world.tell(GOSSIP, message, sender=PORT)

    def _release(self) -> None:
        for peer in list(self._peers.values()):
            self._outbound.give_up(peer, peer.outbox.clear(), "this member is stopping")
            self._links.drop(peer)
        self._listener.close()
        self._zap.socket.close(0)
        self._wakeup.close()
        self._context.destroy(0)
