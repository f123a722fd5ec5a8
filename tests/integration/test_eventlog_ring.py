"""The `events` actors of three members over their real logs, on one machine without sockets."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from actors.adapters.clock import SystemClock
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.eventlog import SqliteEventLog
from actors.adapters.eventport import EventPort
from actors.adapters.store import FileStore
from actors.adapters.timers import ThreadTimers
from actors.effects import Spawn
from actors.errors import Refused
from actors.eventlog.actor import EventsActor
from actors.eventlog.filters import key
from actors.messages.base import Event, split_address
from actors.messages.control import RequestEnded
from actors.messages.envelope import Envelope, Ticket
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.ring import Member, MembersChanged, MemberView, QueryMembers, Subscribe
from actors.messages.runtime import ActorList, CallFailed, KillActor, ListActors
from actors.runtime.guardian import Guardian
from actors.runtime.world import World

IDS = [letter * 32 for letter in "abc"]


class Noted(Event, frozen=True):
    n: int
    sentence: ClassVar[str] = "note {n}"


class Supervisor:
    """A world with a log, its port and its `events` actor; `gossip` is played by the ring."""

    def __init__(self, ring: "Ring", member: str, path: Path) -> None:
        self.ring = ring
        self.clock = SystemClock()
        self.timers = ThreadTimers(self.clock)
        self.dispatcher = ThreadDispatcher()
        self.store = FileStore(path)
        self.log = SqliteEventLog(
            path / "events.db",
            member,
            self.clock,
            lambda: self.world.hlc_now(),  # noqa: PLW0108 - the world comes later
        )
        self.world = World(
            member=member,
            boot=str(self.log.boot),
            seed="",
            clock=self.clock,
            timers=self.timers,
            dispatcher=self.dispatcher,
            store=self.store,
            network=self,
            events=self.log,
        )
        self.port = EventPort(self.log, self.world)
        self.subscribers: set[str] = set()
        self.world.register_port("gossip", self.gossip)
        self.world.start_root(Guardian, (Spawn("events", EventsActor),))

    def send(self, envelope: Envelope) -> None:
        """The network: at once, to whoever is reachable; what is lost is lost silently."""
        member, _ = split_address(envelope.to)
        there = self.ring.supervisors.get(member or "")
        if there is not None and member not in self.ring.cut:
            there.world.hlc_merge(envelope.hlc)
            there.world.deliver(envelope)

    def gossip(self, envelope: Envelope) -> None:
        if isinstance(envelope.message, Subscribe):
            self.subscribers.add(envelope.sender)
            if self.ring.known:
                self.world.tell(envelope.sender, self.ring.members(), sender="gossip")

    def close(self) -> None:
        self.timers.close()
        self.dispatcher.close()
        self.port.close()
        self.log.close()
        self.store.close()


class Ring:
    def __init__(self, path: Path) -> None:
        self.cut: set[str] = set()
        self.known = True
        self.health = dict.fromkeys(IDS, "alive")
        self.supervisors = {}
        for member in IDS:
            self.supervisors[member] = Supervisor(self, member, path / member[:1])

    def members(self) -> MembersChanged:
        return MembersChanged(
            tuple(
                MemberView(Member(member, 1, ""), health)  # type: ignore[arg-type]
                for member, health in self.health.items()
            )
        )

    def tell_all(self) -> None:
        for supervisor in self.supervisors.values():
            supervisor.world.tell("events", self.members(), sender="gossip")

    def __getitem__(self, number: int) -> Supervisor:
        return self.supervisors[IDS[number]]

    def close(self) -> None:
        for supervisor in self.supervisors.values():
            supervisor.close()


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    ring = Ring(tmp_path)
    yield ring
    ring.close()


def ask(supervisor: Supervisor, query: QueryEvents, timeout_s: float = 10) -> EventPage:
    answer = supervisor.world.ask("events", query).get(timeout=timeout_s)
    assert isinstance(answer, EventPage)
    return answer


def whole(supervisor: Supervisor, query: QueryEvents, timeout_s: float = 60) -> EventPage:
    """Ask until nobody is missing: a busy machine may keep a disk for longer than a gather waits.

    An answer without a member names it; whatever it does name is all there is of the others.
    """
    deadline = supervisor.clock.now() + timeout_s
    while (page := ask(supervisor, query)).missing:
        assert supervisor.clock.now() < deadline, f"still missing: {page.missing}"
    return page


def notes(events: tuple[EventRecord, ...] | list[EventRecord]) -> list[object]:
    return [event.fields["n"] for event in events if event.kind == "Noted"]


NOTES = QueryEvents(kind="Noted")


def test_an_answer_holds_what_was_emitted_just_before_the_question(ring: Ring) -> None:
    for n in range(20):
        ring[0].world.emit("a", Noted(n))
        assert notes(ask(ring[0], NOTES).events) == list(range(n + 1))


def test_one_question_to_the_ring_is_answered_in_causal_order(ring: Ring) -> None:
    for n in range(30):
        here, there = ring[n % 3].world, ring[(n + 1) % 3].world
        here.emit("a", Noted(n))
        there.hlc_merge(here.hlc_now())  # and tells the next, who logs only then
    page = whole(ring[1], QueryEvents(kind="Noted", ring=True))
    assert notes(page.events) == list(range(30))
    assert list(page.events) == sorted(page.events, key=key)
    one = whole(ring[1], QueryEvents(kind="Noted", member="c"))
    assert notes(one.events) == list(range(2, 30, 3))


def test_a_member_whose_disk_is_slow_is_named_and_never_left_out_silently(ring: Ring) -> None:
    entered, goes_on = threading.Event(), threading.Event()

    def hang(_: tuple[EventRecord, ...]) -> None:
        entered.set()
        goes_on.wait(60)

    ring[0].world.emit("a", Noted(1))
    ring[2].log.subscribe(hang)  # on the thread that writes
    ring[2].world.emit("a", Noted(2))
    assert entered.wait(10)
    ring[2].world.emit("a", Noted(3))  # its log has to write before it can answer
    try:
        page = ask(ring[0], QueryEvents(kind="Noted", ring=True))
        assert (notes(page.events), page.missing) == ([1], (IDS[2],))
    finally:
        goes_on.set()
    assert notes(whole(ring[0], QueryEvents(kind="Noted", ring=True)).events) == [1, 2, 3]


def test_the_ring_pages_without_gap_or_repetition(ring: Ring) -> None:
    for n in range(50):
        ring[n % 3].world.emit("a", Noted(n))
    found: list[EventRecord] = []
    query, more = QueryEvents(kind="Noted", ring=True, limit=7), True
    while more:
        page = whole(ring[0], query)
        found += page.events
        more = page.more
        end = found[-1]
        query = QueryEvents(kind="Noted", ring=True, limit=7, after=end.id, after_hlc=end.hlc)
    assert sorted(map(str, notes(found))) == sorted(str(n) for n in range(50))
    assert found == sorted(found, key=key)


def test_silent_and_dead_members_are_named_after_two_seconds(ring: Ring) -> None:
    ring[0].world.emit("a", Noted(1))
    ring[1].world.emit("a", Noted(2))
    ring.cut = {IDS[1]}
    ring.health[IDS[2]] = "confirmed"
    ring.tell_all()
    began = ring[0].clock.now()
    page = ask(ring[0], QueryEvents(kind="Noted", ring=True))
    assert 1.5 < ring[0].clock.now() - began < 5
    assert notes(page.events) == [1]
    assert page.missing == (IDS[1], IDS[2])


def test_before_the_ring_is_known_the_answer_says_so(tmp_path: Path) -> None:
    ring = Ring(tmp_path)
    try:
        ring.known = False
        events = ring[0].world.cells["events"]
        ring[0].world.ask("node", KillActor("events")).get(timeout=10)
        until(lambda: ring[0].world.cells.get("events") not in (None, events))
        assert ask(ring[0], QueryEvents(ring=True)).missing == ("*",)
        assert ask(ring[0], NOTES).missing == ()
    finally:
        ring.close()


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    clock = SystemClock()
    deadline, pause = clock.now() + timeout_s, threading.Event()
    while not condition():
        assert clock.now() < deadline
        pause.wait(0.01)


class Follower:
    """Follows through a supervisor as the control gateway does."""

    def __init__(self, supervisor: Supervisor, query: QueryEvents, call: str = "7") -> None:
        self.supervisor = supervisor
        self.pages: list[EventPage] = []
        self.failed: list[CallFailed] = []
        self.call = call
        supervisor.world.register_port("port/control", self.hear)
        ticket = Ticket("port/control", call)
        supervisor.world.tell("events", query, sender="port/control", ticket=ticket)

    def hear(self, envelope: Envelope) -> None:
        if isinstance(envelope.message, EventPage):
            assert envelope.answers == self.call
            assert envelope.more
            self.pages.append(envelope.message)
        elif isinstance(envelope.message, CallFailed):
            self.failed.append(envelope.message)

    @property
    def events(self) -> list[EventRecord]:
        return [event for page in self.pages for event in page.events]

    def end(self) -> None:
        self.supervisor.world.tell("events", RequestEnded(self.call), sender="port/control")


def test_following_the_ring_shows_each_event_once_in_causal_order(ring: Ring) -> None:
    ring[2].world.emit("a", Noted(0))
    follower = Follower(ring[0], QueryEvents(kind="Noted", ring=True, follow=True, last=10))
    until(lambda: notes(follower.events) == [0])
    for n in range(1, 61):
        here, there = ring[n % 3].world, ring[(n + 1) % 3].world
        here.emit("a", Noted(n))
        there.hlc_merge(here.hlc_now())
        if n % 20 == 0:
            until(lambda: len(follower.events) > 5)
    until(lambda: len(follower.events) >= 61)
    assert notes(follower.events) == list(range(61))
    follower.end()


def test_an_ended_follower_hears_nothing_more_and_costs_nothing(ring: Ring) -> None:
    follower = Follower(ring[0], QueryEvents(kind="Noted", follow=True))
    ring[0].world.emit("a", Noted(1))
    until(lambda: notes(follower.events) == [1])
    follower.end()
    handled: list[int] = []

    def idle() -> bool:
        answer = ring[0].world.ask("node", ListActors()).get(timeout=10)
        assert isinstance(answer, ActorList)
        handled.append({info.name: info.handled for info in answer.actors}["events"])
        return len(handled) > 60 and handled[-1] == handled[-50]

    until(idle)
    ring[0].world.emit("a", Noted(2))
    assert notes(ask(ring[0], NOTES).events) == [1, 2]
    assert notes(follower.events) == [1]


def test_strangers_may_neither_follow_nor_ask_for_the_ring(ring: Ring) -> None:
    world = ring[0].world
    heard: list[Envelope] = []
    stranger = "f" * 32
    ring.supervisors[stranger] = ring[0]  # frames for it arrive here, where they are looked at
    world.register_port("stranger", heard.append, abroad=True)
    ticket = Ticket(f"{stranger}/stranger", "1")
    for query in (QueryEvents(follow=True), QueryEvents(ring=True)):
        world.tell("events", query, sender=f"{stranger}/stranger", ticket=ticket)
    until(lambda: len(heard) == 2)
    del ring.supervisors[stranger]
    refusals = [envelope.message for envelope in heard]
    assert all(isinstance(refusal, CallFailed) for refusal in refusals)


def test_made_up_answers_harm_nobody(ring: Ring) -> None:
    instance = ring[0].world.cells["events"]
    forged = EventPage((EventRecord(f"{IDS[1]}:1:1", 1, 1, "a", "K", "forged"),), upto=2**62)
    for answers in ("", "nonsense", "1.1.0." + IDS[0], "9" * 400, "1.1.1." + IDS[1], "1.1.1.x"):
        ring[0].world.tell("events", forged, sender=f"{IDS[2]}/events", answers=answers)
    assert ask(ring[0], NOTES).events == ()
    assert ring[0].world.cells["events"] is instance


def test_the_log_answers_only_what_it_understands(ring: Ring) -> None:
    with pytest.raises(Refused):
        ring[0].world.ask("port/eventlog", QueryMembers()).get(timeout=10)
