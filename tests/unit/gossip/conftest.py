"""A ring in virtual time: pure machines, a heap, a network with loss, delay, cuts and ring ids."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from actors.effects import After, Cancel, Emit, Load, Persist, Reply, Send
from actors.gossip.core import Moment, RingOption
from actors.gossip.protocol import Ring
from actors.messages.base import Message, split_address
from actors.messages.envelope import Ticket
from actors.messages.gossip import JoinReply, JoinRequest, SaveSnapshot
from actors.messages.ring import (
    DepartMember,
    DepartureAsked,
    Dial,
    DialFailed,
    RingChosen,
    Route,
    Unroute,
)
from actors.messages.runtime import Loaded, PersistFailed

EPOCH_WALL = 1_800_000_000.0  # the wall clock at virtual time 0
BACK_S = 1.5  # so long a connection that somebody spoke on is the way back to it
_size = msgspec.msgpack.Encoder().encode


class Node:
    """A member: its machine, its disk, its routes, what it said locally."""

    def __init__(self, world: World, member: str, address: str, **option: Any) -> None:
        self.world = world
        self.member = member
        self.address = address
        self.option = option
        self.disk: dict[str, bytes] = {}
        self.epoch = 0
        self.life = 0
        self.up = False
        self.paused = False
        self.held: list[tuple[str, Message]] = []
        self.broken_disk = False
        self.start()

    def start(self) -> None:
        self.life += 1
        self.epoch = int(self.world.wall)
        self.ring = Ring(
            self.member,
            RingOption(address=self.address, epoch=self.epoch, **self.option),
        )
        self.up = True
        self.paused = False
        self.held = []
        self.routes: dict[str, str] = {}
        self.back: dict[str, tuple[str, float]] = {}
        self.ring_id = ""
        self.timers: dict[str, int] = {}
        self.events: list[Any] = []
        self.told: list[tuple[str, Message]] = []
        self.stays = False  # it does not depart though it is told to
        self.replies: list[Message] = []
        self.world.bound[self.address] = self
        self.perform(self.ring.started())

    def kill(self) -> None:
        self.up = False
        if self.world.bound.get(self.address) is self:
            del self.world.bound[self.address]

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        held, self.held = self.held, []
        for sender, message in held:
            self.hear(message, sender)

    def hear(self, message: Message, sender: str = "", ticket: Ticket | None = None) -> None:
        if not self.up:
            return
        if self.paused:
            self.held.append((sender, message))
            return
        world = self.world
        moment = Moment(
            world.now,
            world.wall + self.world.skew.get(self.member, 0.0),
            sender,
            world.random,
            ticket,
        )
        self.perform(self.ring.step(moment, message))

    def perform(self, effects: list[Any]) -> None:
        world, life = self.world, self.life
        for at, effect in enumerate(effects):
            match effect:
                case Send(to, message):
                    self.send(to, message)
                case After(delay, message, name):
                    number = self.timers[name] = self.timers.get(name, 0) + 1
                    world.after(delay, lambda n=name, k=number, m=message: self.fire(life, n, k, m))
                case Cancel(name):
                    self.timers[name] = self.timers.get(name, 0) + 1
                case Emit(event):
                    self.events.append((world.now, event))
                case Reply(message):
                    self.replies.append(message)
                case Persist(path, data):
                    if self.broken_disk:
                        world.after(0.0, lambda p=path: self.alive(life, PersistFailed(p, "full")))
                        return
                    self.disk[path] = data
                case Load(path):
                    assert at == len(effects) - 1
                    data = self.disk.get(path)
                    world.after(0.0, lambda p=path, d=data: self.alive(life, Loaded(p, d)))
                case _:
                    raise AssertionError(effect)

    def alive(self, life: int, message: Message, sender: str = "") -> None:
        if life == self.life:
            self.hear(message, sender)

    def fire(self, life: int, name: str, number: int, message: Message) -> None:
        if life == self.life and self.timers.get(name) == number:
            self.hear(message)

    def send(self, to: str, message: Message) -> None:
        world, life = self.world, self.life
        member, path = split_address(to)
        if member is not None:
            address = self.routes.get(member)
            back, heard_s = self.back.get(member, (None, -1e9))
            if back is not None and (address is None or world.now - heard_s < BACK_S):
                address = back  # by the connection it spoke on
            if address is not None:
                world.carry(self, address, member, message)
            return
        if path == "gossip":
            world.after(0.0, lambda: self.alive(life, message))
        elif path == "port/net":
            self.net(message)
        elif isinstance(message, SaveSnapshot):
            self.disk["ring.dat"] = message.data
        elif isinstance(message, DepartureAsked) and not self.stays:  # as the node does
            world.after(0.01, lambda: self.alive(life, DepartMember(self.member, force=True)))
        else:
            self.told.append((path, message))

    def net(self, message: Message) -> None:
        world, life = self.world, self.life
        match message:
            case Route(member, address):
                self.routes[member] = address
            case Unroute(member):
                self.routes.pop(member, None)
                self.back.pop(member, None)
            case RingChosen(ring_id):
                self.ring_id = ring_id
            case Dial(seed, sent):
                world.dials[self.member] += 1
                if seed in world.unresolvable or seed not in world.bound:
                    failed = DialFailed(seed, "refused")
                    world.after(0.01, lambda: self.alive(life, failed))
                else:
                    world.carry(self, seed, "", sent)
            case _:
                raise AssertionError(message)

    def sees(self, other: str) -> str:
        entry = self.ring.core.members.get(other)
        return entry.health if entry is not None else ""


class World:
    """Time, network, nodes. One seed is one run."""

    def __init__(self, seed: int = 0) -> None:
        self.now = 1000.0
        self.random = Random(seed)
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.number = 0
        self.nodes: list[Node] = []
        self.bound: dict[str, Node] = {}
        self.unresolvable: set[str] = set()
        self.loss = 0.0
        self.lossy: dict[str, float] = {}
        self.cut: Callable[[str, str], bool] = lambda _a, _b: False
        self.delay_s = 0.002
        self.spread_s = 0.003
        self.sent: Counter[str] = Counter()
        self.to: Counter[tuple[str, str, str]] = Counter()
        self.bytes = 0
        self.frames = 0
        self.largest = 0
        self.dials: Counter[str] = Counter()
        self.skew: dict[str, float] = {}
        self.duplicate = 0.0
        self.watch: Callable[[Node, str, Message], None] | None = None

    @property
    def wall(self) -> float:
        return EPOCH_WALL + self.now

    def member(self, number: int) -> str:
        return f"{Random(f'id{number}').getrandbits(128):032x}"

    def add(self, number: int | None = None, **option: Any) -> Node:
        number = len(self.nodes) if number is None else number
        address = option.pop("address", f"10.0.0.{number}:9638")
        node = Node(self, self.member(number), address, **option)
        self.nodes.append(node)
        return node

    def after(self, delay: float, call: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.heap, (self.now + delay, self.number, call))

    def carry(self, source: Node, address: str, member: str, message: Message) -> None:
        size = len(_size(message))
        self.bytes += size
        self.frames += 1
        kind = type(message).__name__
        self.sent[kind] += 1
        self.to[source.member, member, kind] += 1
        if not isinstance(message, (JoinReply,)) and not kind.startswith("Sync"):
            self.largest = max(self.largest, size)
        if self.watch is not None:
            self.watch(source, member, message)
        copies = 2 if self.random.random() < self.duplicate else 1
        ring = source.ring_id
        for _ in range(copies):
            delay = self.delay_s + self.random.random() * self.spread_s
            self.after(delay, lambda: self.arrive(source, ring, address, member, message))

    def arrive(self, source: Node, ring: str, address: str, member: str, message: Message) -> None:
        node = self.bound.get(address)
        if node is None or self.cut(source.member, node.member):
            return
        bad = (self.loss, self.lossy.get(source.member, 0.0), self.lossy.get(node.member, 0.0))
        if any(p and self.random.random() < p for p in bad):
            return
        if source.member == node.member:
            return  # the network takes nothing from its own member
        if not isinstance(message, (JoinRequest, JoinReply)) and (
            not node.ring_id or ring != node.ring_id or member != node.member
        ):
            return
        node.back[source.member] = (source.address, self.now)
        node.hear(message, f"{source.member}/gossip")

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> float:
        """Run; returns how long it took until `until` held (checked each 0.1 s), or all."""
        start, end = self.now, self.now + seconds
        check = self.now
        while self.heap and self.heap[0][0] <= end:
            at, _, call = self.heap[0]
            if until is not None and at >= check:
                self.now = max(self.now, check)
                if until():
                    return self.now - start
                check += 0.1
                continue
            heapq.heappop(self.heap)
            self.now = at
            call()
        self.now = end
        if until is not None:
            assert until(), f"not within {seconds} s"
        return self.now - start

    # ── whole rings ──

    def ring(self, size: int, **option: Any) -> None:
        """`size` members that know the first one as seed, settled."""
        for number in range(size):
            self.add(number, seeds=("10.0.0.0:9638",), **option)
        if size > 1:
            self.run(60, self.all_alive)

    def up(self) -> list[Node]:
        return [node for node in self.nodes if node.up]

    def all_alive(self) -> bool:
        up = self.up()
        return all(one.sees(other.member) == "alive" for one in up for other in up)

    def all_see(self, member: str, health: str) -> bool:
        return all(one.sees(member) == health for one in self.up() if one.member != member)

    def equal(self) -> bool:
        return len({node.ring.core.digest.total for node in self.up()}) == 1

    def confirmations(self) -> list[tuple[float, str, str]]:
        """(when, by whom, of whom) of every death declared."""
        return [
            (at, node.member, event.member)
            for node in self.nodes
            for at, event in node.events
            if type(event).__name__ == "MemberHealthChanged" and event.health == "confirmed"
        ]


@pytest.fixture
def ring_world() -> type[World]:
    return World
