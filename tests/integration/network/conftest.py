"""Networks of several members in this process, on loopback, each with a small world of its own."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.keys import KeyCache, RingKeys
from actors.adapters.network import NetworkOptions, ZmqNetwork
from actors.messages.base import Event, Message
from actors.messages.envelope import Envelope
from actors.messages.gossip import Ack, Ping
from actors.messages.ring import KeysHeld, RingChosen, Route

RING = "00112233445566ff"
DEADLINE_S = 8.0


def wait_for(claim: Callable[[], Any], what: str = "", within_s: float = DEADLINE_S) -> Any:
    """The first truthy value of `claim`; fails the test if there is none in time."""
    end = time.monotonic() + within_s
    pause = threading.Event()
    while time.monotonic() < end:
        if value := claim():
            return value
        pause.wait(0.002)
    raise AssertionError(f"not within {within_s} s: {what or claim}")


@pytest.fixture(autouse=True, scope="session")
def _many_files() -> None:
    """Let this process have the 600 connections some tests make: both ends are in it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))


class World:
    """One member: what its network delivers, gives back, tells and emits; pings are acked."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.ring_id = ""
        self.got: list[Envelope] = []
        self.lost: list[tuple[Envelope, str]] = []
        self.told: list[Message] = []
        self.events: list[Event] = []
        self.acks: set[int] = set()
        self.network: ZmqNetwork | None = None
        self._ports: dict[str, Callable[[Envelope], None]] = {}
        self._ticks = count(1)

    def deliver(self, envelope: Envelope) -> str:
        self.got.append(envelope)
        if isinstance(envelope.message, Ping) and self.network is not None:
            self.send(envelope.sender, Ack(envelope.message.seq))
        elif isinstance(envelope.message, Ack):
            self.acks.add(envelope.message.seq)
        return ""

    def undeliverable(self, envelope: Envelope, reason: str) -> None:
        self.lost.append((envelope, reason))

    def tell(self, to: str, message: Message, *, sender: str = "") -> None:
        assert (to, sender) == ("gossip", "port/net")
        self.told.append(message)

    def register_port(self, path: str, handler: Callable[[Envelope], None]) -> None:
        self._ports[path] = handler

    def emit(self, actor: str, event: Event) -> str:
        assert actor == "port/net"
        assert event.text()
        self.events.append(event)
        return ""

    def hlc_now(self) -> int:
        return next(self._ticks)

    def hlc_merge(self, remote: int) -> int:
        return remote

    # ── for the tests ──

    def mail(self, message: Message) -> None:
        """Say something to the network's port, as gossip would."""
        self._ports["port/net"](Envelope("port/net", "gossip", message))

    def send(self, to: str, message: Message, **fields: Any) -> None:
        """Send through the network."""
        assert self.network is not None
        self.network.send(Envelope(to, "gossip", message, hlc=self.hlc_now(), **fields))

    def ping(self, other: World, number: int) -> None:
        """Ping the other's gossip."""
        self.send(f"{other.member}/gossip", Ping(number))

    def reaches(self, other: World, number: int, within_s: float = DEADLINE_S) -> None:
        """Ping until acked, for whoever is not there yet."""
        end = time.monotonic() + within_s
        while number not in self.acks:
            assert time.monotonic() < end, f"{self.member[:4]} does not reach {other.member[:4]}"
            self.ping(other, number)
            threading.Event().wait(0.05)

    def heard(self, kind: type[Message]) -> list[Any]:
        """What the network told gossip, of a kind."""
        return [message for message in self.told if isinstance(message, kind)]

    def stats(self) -> dict[str, int]:
        """The network's counters."""
        assert self.network is not None
        return self.network.stats()


class Members:
    """Starts members and closes them all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.worlds: list[World] = []

    def start(
        self,
        *,
        keys: str = "",
        listen: str = "127.0.0.1:0",
        ring: str = RING,
        member: str = "",
        options: NetworkOptions | None = None,
    ) -> World:
        """A member; with `keys`, the texts of its ring keys separated by blank lines."""
        world = World(member or f"{len(self.worlds) + 1:x}" * 32)
        ring_keys = None
        if keys:
            ring_keys = RingKeys(self.cache(world, keys.split("\n\n\n")), "ring")
        options = options or NetworkOptions(key_watch_s=0.2)
        world.network = ZmqNetwork(world, listen, ring_keys, options)
        self.worlds.append(world)
        if ring:
            world.mail(RingChosen(ring))
        return world

    def cache(self, world: World, texts: list[str] = ()) -> KeyCache:  # type: ignore[assignment]
        """The key cache of a member."""
        cache = KeyCache(self.root / world.member[:4])
        for text in texts:
            cache.import_text(text)
        return cache

    def introduce(self, *worlds: World, keys: bool = False) -> None:
        """Give each a route to all others, with the keys these say they hold."""
        for world in worlds:
            for other in worlds:
                if other is not world:
                    held = other.heard(KeysHeld)[-1].keys if keys else ()
                    assert other.network is not None
                    world.mail(Route(other.member, other.network.address, held))

    def close(self) -> None:
        """Close what is still open."""
        for world in self.worlds:
            if world.network is not None:
                world.network.close()


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    """Starts members; all are closed at the end."""
    started = Members(tmp_path)
    yield started
    started.close()


@pytest.fixture
def wait() -> Callable[..., Any]:
    """`wait_for`."""
    return wait_for
