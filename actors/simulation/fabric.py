"""The wires between simulated machines: delays, loss, cuts, stalls, and who listens where.

A link is the way from one machine to one address. Frames of a link keep their order unless the plan
says otherwise, as they would on a TCP connection; a connection that ends takes what is under way
with it, and both ends hear of it (at once if the machine is there to say so, else by heartbeat).
The verbs are turmoil's: partition, repair, hold, release.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from actors.simulation.scheduler import MICROSECOND, SECOND, Life, Scheduler

HIGH_WATER: Final = 64  # frames that wait for a stalled peer, as the real sockets are set
HEARTBEAT_S: Final = 3.0  # a silent connection is closed after this long, as by the real sockets
REMEMBERED: Final = 64  # frames for each address
STRANGER: Final = "198.51.100.1:1"  # where injected frames come from
CONNECT_S: Final = 2.0  # how long dialling an address that swallows everything takes


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """How a link treats frames. Probabilities per frame; `delay_ns` least and `spread_ns` more.

    `tail`: how likely a frame is late by up to `tail_ns`, everything behind it with it.
    """

    delay_ns: int = 100 * MICROSECOND
    spread_ns: int = 400 * MICROSECOND
    tail: float = 0.001
    tail_ns: int = 50_000 * MICROSECOND
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


class Listener(Protocol):
    """A process life that has bound its gossip address."""

    address: str
    life: Life

    def arrive(self, frame: bytes, source: str) -> None:
        """A frame from the machine that listens at `source`."""

    def closed(self, address: str, reason: str) -> None:
        """The connection with `address` ended."""


class Link:
    """One way between two addresses, with the frames that wait on it."""

    __slots__ = (
        "clear_ns",
        "connected",
        "cut",
        "epoch",
        "held",
        "quality",
        "source",
        "target",
        "waiting",
    )

    def __init__(self, source: str, target: str, quality: LinkQuality) -> None:
        self.source = source
        self.target = target
        self.quality = quality
        self.cut = False  # frames vanish
        self.held = False  # frames wait
        self.waiting: list[bytes] = []
        self.clear_ns = 0  # when the last frame will have arrived: order is kept
        self.connected: Life | None = None  # the process at the other end
        self.epoch = 0  # of the connection; frames of an earlier one are lost


class Fabric:
    """All links of a ring, by the addresses they join."""

    def __init__(self, scheduler: Scheduler, draw: random.Random, quality: LinkQuality) -> None:
        self._scheduler = scheduler
        self._draw = draw
        self._random = draw.random
        self.quality = quality
        self.sent = 0
        self.sent_bytes = 0
        self._links: dict[tuple[str, str], Link] = {}
        self._listeners: dict[str, Listener] = {}
        self._cut: Counter[tuple[str, str]] = Counter()  # by how many faults
        self._qualities: dict[tuple[str, str], LinkQuality] = {}
        self.remembers = False  # frames, for replaying them
        self.watch: Callable[[str, str, bytes], None] | None = None  # hears of each frame sent
        self._seen: dict[str, deque[bytes]] = {}  # by the address they were for
        self.names: dict[str, str] = {}  # host:port → address, as a name server would say

    # ── listeners ──

    def listen(self, listener: Listener) -> None:
        """Bind the listener's address."""
        self._listeners[listener.address] = listener

    def leave(self, listener: Listener, *, silent: bool) -> None:
        """The process is gone: its connections end, `silent` when its machine went down with it."""
        address = listener.address
        if self._listeners.get(address) is listener:
            del self._listeners[address]
        for link in self._touching(address):
            if link.connected is not None:
                self._disconnect(link, "the peer is gone", HEARTBEAT_S if silent else 0.001)

    def listens(self, address: str) -> bool:
        """Whether a process is bound there."""
        return address in self._listeners

    # ── sending ──

    def send(self, source: str, address: str, frame: bytes) -> bool:
        """Put a frame on its way; False if it is known not to arrive."""
        link = self._links.get((source, address)) or self._link(source, address)
        self.sent += 1
        self.sent_bytes += len(frame)
        if self.remembers:
            self._seen.setdefault(address, deque(maxlen=REMEMBERED)).append(frame)
        if self.watch is not None:
            self.watch(source, address, frame)
        if link.cut:
            return False
        if link.held:
            if len(link.waiting) >= HIGH_WATER:
                return False
            link.waiting.append(frame)
            return True
        listener = self._listeners.get(address)
        if listener is None:
            return False
        quality = link.quality
        draw = self._random()
        if draw < quality.loss:
            return True
        self._carry(link, listener, frame)
        if quality.duplicate and self._random() < quality.duplicate:
            self._carry(link, listener, frame)
        return True

    def _carry(self, link: Link, listener: Listener, frame: bytes) -> None:
        scheduler, quality = self._scheduler, link.quality
        draw = self._random()
        delay = quality.delay_ns + int(quality.spread_ns * draw * draw)  # most are quick
        if quality.tail and self._random() < quality.tail:
            delay += int(self._random() * quality.tail_ns)
        due = scheduler.now + delay
        if quality.reorder and self._random() < quality.reorder:
            due += int(self._random() * 10 * quality.spread_ns)
        elif due <= link.clear_ns:
            due = link.clear_ns = link.clear_ns + 1
        else:
            link.clear_ns = due
        link.connected = listener.life
        scheduler.at(due, listener.life, partial(self._arrive, link, link.epoch, listener, frame))

    @staticmethod
    def _arrive(link: Link, epoch: int, listener: Listener, frame: bytes) -> None:
        if link.epoch == epoch and not link.cut:
            listener.arrive(frame, link.source)

    # ── strangers ──

    def inject(self, address: str, frame: bytes) -> None:
        """A stranger's frame arrives."""
        listener = self._listeners.get(address)
        if listener is not None:
            due = self._scheduler.now + int(self._random() * SECOND)
            arrive = partial(listener.arrive, frame, STRANGER)
            self._scheduler.at(due, listener.life, arrive)

    def seen(self, address: str) -> list[bytes]:
        """The last frames that were sent to an address, where they are remembered."""
        return list(self._seen.get(address, ()))

    def any_seen(self, draw: random.Random) -> bytes | None:
        """One of the frames remembered."""
        known = sorted(address for address, frames in self._seen.items() if frames)
        return draw.choice(self._seen[draw.choice(known)]) if known else None

    # ── reach ──

    def reaches(self, source: str, address: str) -> bool:
        """Whether frames go through both ways now: what a handshake needs."""
        forth, back = self._link(source, address), self._link(address, source)
        return not (forth.cut or back.cut) and address in self._listeners

    def passes(self, source: str, address: str) -> bool:
        """Whether something sent now, by whatever program, goes through one way."""
        link = self._link(source, address)
        return not (link.cut or link.held)

    def swallows(self, source: str, address: str) -> bool:
        """Whether an attempt to connect hears nothing at all, not even a refusal."""
        return self._link(source, address).cut or self._link(address, source).cut

    # ── faults ──

    def partition(self, one: Iterable[str], other: Iterable[str], *, one_way: bool = False) -> None:
        """Cut the links from `one` side to the `other`, and back unless `one_way`."""
        pairs = _pairs(one, other, one_way=one_way)
        self._cut.update(pairs)
        for pair in pairs:
            if (link := self._links.get(pair)) is not None:
                link.cut = True
                self._disconnect(link, "no heartbeat", HEARTBEAT_S)

    def repair(self, one: Iterable[str], other: Iterable[str], *, one_way: bool = False) -> None:
        """Undo one `partition` of the same arguments; a link cut by others too stays cut."""
        for pair in _pairs(one, other, one_way=one_way):
            self._cut[pair] -= 1
            if self._cut[pair] <= 0:
                del self._cut[pair]
                if (link := self._links.get(pair)) is not None:
                    link.cut = False

    def degrade(self, source: str, address: str, quality: LinkQuality | None) -> None:
        """Treat frames of one link differently from now on; None: as all others."""
        if quality is None:
            self._qualities.pop((source, address), None)
        else:
            self._qualities[source, address] = quality
        self._link(source, address).quality = quality or self.quality

    def hold(self, source: str, address: str) -> None:
        """Stall the link: frames wait."""
        self._link(source, address).held = True

    def release(self, source: str, address: str) -> None:
        """Let a stalled link flush what waited."""
        link = self._link(source, address)
        link.held = False
        waiting, link.waiting = link.waiting, []
        listener = self._listeners.get(address)
        if listener is not None and not link.cut:
            for frame in waiting:
                self._carry(link, listener, frame)

    def sever(self, source: str, address: str) -> None:
        """Break the connection: what is under way is lost, both ends hear of it."""
        for pair in ((source, address), (address, source)):
            self._disconnect(self._link(*pair), "connection reset", 0.001)

    def heal(self) -> None:
        """Undo every fault; all links are as `quality` says, which may have been changed."""
        self._cut.clear()
        self._qualities.clear()
        for link in list(self._links.values()):
            link.cut = False
            link.quality = self.quality
            if link.held:
                self.release(link.source, link.target)

    # ── inside ──

    def _link(self, source: str, address: str) -> Link:
        pair = source, address
        link = self._links.get(pair)
        if link is None:
            link = Link(source, address, self._qualities.get(pair, self.quality))
            link.cut = pair in self._cut
            self._links[pair] = link
        return link

    def _touching(self, address: str) -> list[Link]:
        return [link for pair, link in self._links.items() if address in pair]

    def _disconnect(self, link: Link, reason: str, delay_s: float) -> None:
        link.epoch += 1
        link.waiting.clear()
        link.clear_ns = 0
        if link.connected is None:
            return
        link.connected = None
        for here, there in ((link.source, link.target), (link.target, link.source)):
            listener = self._listeners.get(here)
            if listener is not None:
                late = delay_s * (1 + self._draw.random())
                call: Callable[[], None] = partial(listener.closed, there, reason)
                self._scheduler.at(self._scheduler.now + int(late * SECOND), listener.life, call)


def _pairs(one: Iterable[str], other: Iterable[str], *, one_way: bool) -> list[tuple[str, str]]:
    others = list(other)
    pairs = [(a, b) for a in one for b in others if a != b]
    return pairs if one_way else pairs + [(b, a) for a, b in pairs]
