"""A world of one machine on virtual time, and an actor that does what the test's book says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.effects import Effect, RestartPolicy, Spawn
from actors.messages.base import Event, Message
from actors.runtime.actor import Actor, Context
from actors.runtime.guardian import Guardian
from actors.runtime.world import World
from actors.simulation.lanes import Pace
from actors.simulation.machine import Machine
from actors.simulation.node import RootActor
from actors.simulation.ring import Ring

Reaction = Callable[[Actor, Any], list[Effect]]


class BookActor(Actor):
    """Notes what it hears and reacts as its book says."""

    def __init__(self, context: Context, book: Book) -> None:
        super().__init__(context)
        self.book = book
        book.instances.append(self)

    def started(self) -> list[Effect]:
        self.book.began.append((self.context.name, self.context.instance))
        reaction = self.book.at_start.get(self.context.name)
        return reaction(self) if reaction else []

    def step(self, message: Message) -> list[Effect]:
        self.book.heard.append((self.context.name, self.context.instance, message))
        reaction = self.book.reactions.get(type(message))
        return reaction(self, message) if reaction else []


class UrgentBookActor(BookActor):
    lane = "urgent"


@dataclass
class Book:
    """What book actors do and what became of them."""

    reactions: dict[type[Message], Reaction] = field(default_factory=dict)
    at_start: dict[str, Callable[[Actor], list[Effect]]] = field(default_factory=dict)
    heard: list[tuple[str, int, Message]] = field(default_factory=list)
    began: list[tuple[str, int]] = field(default_factory=list)
    instances: list[BookActor] = field(default_factory=list)

    def spawn(
        self, name: str, policy: RestartPolicy | None = None, *, urgent: bool = False
    ) -> Spawn:
        actor_class = UrgentBookActor if urgent else BookActor
        return Spawn(name, actor_class, (self,), policy or RestartPolicy())

    def messages(self, name: str, instance: int | None = None) -> list[Message]:
        return [m for n, i, m in self.heard if n == name and instance in (None, i)]

    def instance(self, name: str) -> BookActor:
        """The latest instance of a name."""
        return [actor for actor in self.instances if actor.context.name == name][-1]


@dataclass
class Lone:
    """One machine with a bare guardian and the children of the test."""

    ring: Ring
    machine: Machine

    @property
    def world(self) -> World:
        assert self.machine.supervisor is not None
        return self.machine.supervisor.world

    def tell(self, to: str, message: Message, **more: Any) -> None:
        self.world.tell(to, message, **more)

    def run(self, seconds: float = 1.0) -> None:
        self.ring.run_for(seconds)

    def wait(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        assert self.ring.run_until(condition, within_s), "did not come true in virtual time"

    def ask(self, to: str, message: Message) -> Message | None:
        return self.ring.ask(self.machine, to, message)

    def events(self, kind: type[Event]) -> list[Any]:
        return [logged.event for logged in self.ring.log.events if isinstance(logged.event, kind)]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def begin() -> Iterator[Callable[..., Lone]]:
    def start(*children: Spawn, seed: str = "1", pace: Pace | None = None) -> Lone:
        ring = Ring(seed, pace=pace)
        machine = ring.add(lambda _process: RootActor(Guardian, (children,)))
        machine.start()
        lone = Lone(ring, machine)
        lone.wait(lambda: machine.supervisor is not None and "node" in lone.world.cells)
        lone.run(0.1)
        return lone

    return start
