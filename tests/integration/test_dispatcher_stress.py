"""The real mailbox under real threads: never one actor on two threads, no lost wake-up.

Run on the dispatcher of production (a thread a lane) and on one with eight threads that share a
queue, where nothing but the mailbox keeps an actor on one thread at a time.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

import pytest

from actors.adapters.clock import SystemClock
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.store import FileStore
from actors.adapters.timers import ThreadTimers
from actors.effects import After, Effect, Persist, Reply, Send, Spawn
from actors.messages.base import Message
from actors.messages.runtime import ActorInfo, ActorList, KillActor, ListActors, Ok
from actors.ports import Dispatcher, Lane, Store, Turn
from actors.runtime.actor import Actor, Context
from actors.runtime.guardian import Guardian
from actors.runtime.mailbox import Mailbox, MailboxEmpty
from actors.runtime.world import World

MEMBER = "0123456789abcdef0123456789abcdef"


class EightThreads:
    """A dispatcher whose threads all serve all lanes: any wake-up given twice shows."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Turn | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(8)]
        for thread in self._threads:
            thread.start()

    def ready(self, turn: Turn, lane: Lane) -> None:
        del lane
        self._queue.put(turn)

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (turn := self._queue.get()) is not None:
            turn.turn()


class InstantStore:
    """Answers from another thread at once, so that the answer races the end of the turn."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(
        self, path: str, data: bytes | None, sealed: bool, done: Callable[[str | None], None]
    ) -> None:
        del path, data, sealed
        self._queue.put(lambda: done(None))

    def read(
        self, path: str, sealed: bool, done: Callable[[bytes | None, str | None], None]
    ) -> None:
        del path, sealed
        self._queue.put(lambda: done(None, None))

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (call := self._queue.get()) is not None:
            call()


class Numbered(Message, frozen=True):
    sender: int
    number: int


class Total(Message, frozen=True):
    """Asks how many messages were handled; answered by `Ok`."""


class Bounce(Message, frozen=True):
    left: int


class Inbox(Actor):
    """Notes whether two threads are ever inside, and whether a sender's messages keep order."""

    lane: ClassVar[Lane] = "normal"
    overlaps: ClassVar[list[str]] = []
    disorders: ClassVar[list[str]] = []

    def __init__(self, context: Context, peer: str) -> None:
        super().__init__(context)
        self._inside = threading.Lock()
        self._last: dict[int, int] = {}
        self._peer = peer
        self._total = 0

    def step(self, message: Message) -> list[Effect]:
        if not self._inside.acquire(blocking=False):
            self.overlaps.append(self.context.name)
        try:
            return self._step(message)
        finally:
            self._inside.release()

    def _step(self, message: Message) -> list[Effect]:
        match message:
            case Numbered(sender, number):
                if number <= self._last.get(sender, -1):
                    self.disorders.append(f"{self.context.name}: {number} of {sender}")
                self._last[sender] = number
                self._total += 1
                if number % 7 == 0:
                    return [Persist("a", b"x"), Send(self._peer, Bounce(3))]
                return [After(0.0, Bounce(0), name="again")] if number % 5 == 0 else []
            case Bounce(left):
                return [Send(self._peer, Bounce(left - 1))] if left else []
            case Total():
                return [Reply(Ok(str(self._total)))]
            case _:
                return super().step(message)


class UrgentInbox(Inbox):
    lane: ClassVar[Lane] = "urgent"


NAMES = [f"inbox/{number}" for number in range(6)]


@pytest.fixture(params=["lanes", "eight"])
def dispatcher(request: pytest.FixtureRequest) -> Iterator[Dispatcher]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    dispatcher = ThreadDispatcher() if request.param == "lanes" else EightThreads()
    Inbox.overlaps.clear()
    Inbox.disorders.clear()
    yield dispatcher
    dispatcher.close()
    sys.setswitchinterval(interval)


@pytest.fixture(params=["instant", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    store = InstantStore() if request.param == "instant" else FileStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def world(dispatcher: Dispatcher, store: Store) -> Iterator[World]:
    clock = SystemClock()
    timers = ThreadTimers(clock)
    world = World(
        member=MEMBER,
        boot="1",
        seed="",
        clock=clock,
        timers=timers,
        dispatcher=dispatcher,
        store=store,
    )
    children = tuple(
        Spawn(name, UrgentInbox if number % 2 else Inbox, (NAMES[(number + 1) % len(NAMES)],))
        for number, name in enumerate(NAMES)
    )
    world.start_root(Guardian, children)
    yield world
    timers.close()


def together(count: int, act: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def actors(world: World) -> dict[str, ActorInfo]:
    answer = world.ask("node", ListActors()).get(timeout=30)
    assert isinstance(answer, ActorList)
    return {info.name: info for info in answer.actors}


def until_all_are_alive(world: World) -> None:
    deadline = world.clock.now() + 30
    while [actors(world)[name].state for name in NAMES] != ["ALIVE"] * len(NAMES):
        assert world.clock.now() < deadline


def test_many_senders_each_message_is_handled_once_in_order_on_one_thread(world: World) -> None:
    until_all_are_alive(world)
    senders, each = 4, 900

    def send(sender: int) -> None:
        for number in range(each):
            for name in NAMES:
                world.tell(name, Numbered(sender, number))

    together(senders, send)
    totals = [world.ask(name, Total()).get(timeout=60) for name in NAMES]
    assert totals == [Ok(str(senders * each))] * len(NAMES)
    assert Inbox.overlaps == []
    assert Inbox.disorders == []


def test_an_actor_that_falls_idle_again_and_again_loses_no_wake_up(world: World) -> None:
    until_all_are_alive(world)

    def ask(sender: int) -> None:
        for number in range(300):  # each waits for its answer: the mailbox runs empty each time
            world.tell(NAMES[sender], Numbered(sender, number))
            assert world.ask(NAMES[sender], Total()).get(timeout=30) == Ok(str(number + 1))

    together(len(NAMES), ask)
    assert Inbox.overlaps == []


class Counter:
    """A mailbox and the barest turn; `handled` grows just before the turn ends."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.mailbox = Mailbox(lambda: dispatcher.ready(self, "urgent"))
        self.handled = 0

    def turn(self) -> None:
        self.mailbox.allow()
        with contextlib.suppress(MailboxEmpty):
            self.mailbox.get()
            self.handled += 1
        self.mailbox.finish()


def test_mail_put_at_the_very_end_of_a_turn_is_handled(dispatcher: Dispatcher) -> None:
    counter, clock = Counter(dispatcher), SystemClock()
    deadline = clock.now() + 60
    for number in range(10_000):
        counter.mailbox.put("mail")
        while counter.handled <= number:  # spins: the next put is to meet the end of this turn
            assert clock.now() < deadline


def test_killing_amid_mail_leaves_every_name_with_an_instance_that_answers(world: World) -> None:
    until_all_are_alive(world)
    over = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not over.is_set():
            for name in NAMES:
                world.tell(name, Numbered(sender, number))
            number += 1
            over.wait(0.001)

    def kill() -> None:
        for name in NAMES * 2:
            until_all_are_alive(world)
            world.ask("node", KillActor(name)).get(timeout=30)

    together(4, lambda number: (kill(), over.set())[1] if number == 0 else send(number))
    until_all_are_alive(world)
    for name in NAMES:
        assert isinstance(world.ask(name, Total()).get(timeout=30), Ok)
    assert Inbox.overlaps == []
    assert {actors(world)[name].instance for name in NAMES} == {3}
