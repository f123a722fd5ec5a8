"""The simulated network port: envelopes as real frames, over the fabric's links.

Every frame is encoded, carried as bytes, decoded and admitted by the very code of the real adapter
(`actors.wire`); only sockets are missing. What gossip tells `port/net` (routes, dials, the ring id)
means here what it means there.
"""

from __future__ import annotations

from actors.errors import WireError
from actors.messages.base import Message, join_address, split_address
from actors.messages.envelope import Envelope
from actors.messages.ring import (
    Dial,
    DialFailed,
    FrameRefused,
    LinkClosed,
    RingChosen,
    Route,
    Unroute,
)
from actors.runtime.world import World
from actors.simulation.fabric import CONNECT_S, Fabric
from actors.simulation.scheduler import SECOND, Life, Scheduler
from actors.wire.admission import Gate, refusal
from actors.wire.codec import decode, encode
from actors.wire.vocabulary import Door

PORT = "port/net"
FRESH_NS = 3 * SECOND // 2  # an answer takes the connection the question came on
_NEVER = "", -FRESH_NS
REFUSALS_S = 10.0  # refused frames are told of once in this long, by reason and peer


class SimulatedNetwork:
    """`ports.Network` and `port/net` of one process life."""

    def __init__(
        self, scheduler: Scheduler, fabric: Fabric, life: Life, address: str, *, keyed: bool
    ) -> None:
        self.address = address
        self.life = life
        self._scheduler = scheduler
        self._fabric = fabric
        self._door = Door.KEYED if keyed else Door.OPEN
        self._ring = ""
        self._routes: dict[str, str] = {}  # member → address
        self._heard: dict[
            str, tuple[str, int]
        ] = {}  # member → where its last frame came from, when
        self._refused: dict[tuple[str, str], int] = {}

    def attach(self, world: World) -> None:
        """Belong to `world` and bind the address."""
        self._world = world
        self._gate = Gate(world.member, "", self._door)
        world.register_port(PORT, self._handle)
        self._fabric.listen(self)

    # ── ports.Network ──

    def send(self, envelope: Envelope) -> None:
        """Encode and carry; an envelope known to be lost goes to `World.undeliverable`."""
        member, _ = split_address(envelope.to)
        assert member is not None, envelope.to
        heard, at_ns = self._heard.get(member, _NEVER)
        fresh = self._scheduler.now - at_ns < FRESH_NS
        address = heard if fresh else self._routes.get(member)
        if not address:
            self._world.undeliverable(envelope, f"no address of member {member[:8]} is known")
            return
        try:
            frame = encode(envelope, self._world.member, self._ring)
        except WireError as error:
            self._world.undeliverable(envelope, str(error))
            return
        if not self._fabric.send(self.address, address, frame) and envelope.ticket is not None:
            text = f"member {member[:8]} cannot be reached"
            self._scheduler.after(1.0, self.life, lambda: self._world.undeliverable(envelope, text))

    # ── fabric.Listener ──

    def arrive(self, frame: bytes, source: str) -> None:
        """Decode, admit, deliver."""
        try:
            decoded = decode(frame)
        except WireError as error:
            self._refuse(error.reason, source)
            return
        reason = refusal(self._gate, decoded)
        if reason is not None:
            self._refuse(reason, source)
            return
        self._heard[decoded.source] = source, self._scheduler.now
        self._world.hlc_merge(decoded.envelope.hlc)
        if refused := self._world.deliver(decoded.envelope):
            self._refuse(refused, source)

    def closed(self, address: str, reason: str) -> None:
        """Tell gossip whose connection ended."""
        for member, route in sorted(self._routes.items()):
            if route == address:
                self._tell(LinkClosed(member, reason))

    # ── port/net ──

    def _handle(self, envelope: Envelope) -> None:
        message = envelope.message
        match message:
            case Route(member, address):
                self._routes[member] = address
            case Unroute(member):
                self._routes.pop(member, None)
                self._heard.pop(member, None)
            case RingChosen(ring_id):
                self._ring = ring_id
                self._world.ring_id = ring_id
                self._gate = Gate(self._world.member, ring_id, self._door)
            case Dial(seed, said):
                self._dial(seed, said, envelope)
            case _:
                raise AssertionError(f"{PORT} does not understand {message!r}")

    def _dial(self, seed: str, said: Message, asked: Envelope) -> None:
        fabric = self._fabric
        address = fabric.names.get(seed, seed)
        if not fabric.reaches(self.address, address):
            swallowed = fabric.swallows(self.address, address)
            reason = "no answer" if swallowed else "connection refused"
            delay_s = CONNECT_S if swallowed else 0.01
            self._scheduler.after(delay_s, self.life, lambda: self._tell(DialFailed(seed, reason)))
            return
        world = self._world
        sender = join_address(world.member, "gossip")
        envelope = Envelope(
            "/gossip", sender, said, "", asked.cause, asked.trace, world.hlc_now(), asked.ticket
        )
        fabric.send(self.address, address, encode(envelope, world.member, self._ring))

    def _tell(self, message: Message) -> None:
        self._world.tell("gossip", message, sender=PORT)

    def _refuse(self, reason: str, peer: str) -> None:
        key = reason, peer
        if key not in self._refused:
            self._scheduler.after(REFUSALS_S, self.life, lambda: self._report(key))
        self._refused[key] = self._refused.get(key, 0) + 1

    def _report(self, key: tuple[str, str]) -> None:
        count = self._refused.pop(key)
        self._world.emit(PORT, FrameRefused(reason=key[0], peer=key[1], count=count))
