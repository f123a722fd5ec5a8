from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.eventlog.filters import Filter, key, member_of
from actors.eventlog.merge import HOLD_S, POLL_S, RingTail, TailAsk, merge
from actors.messages.events import EventPage, EventRecord, QueryEvents

MEMBERS = [letter * 32 for letter in "abcd"]


def record(member: str, seq: int, hlc: int) -> EventRecord:
    return EventRecord(f"{member}:1:{seq}", hlc / 1000, hlc, "a", "K", "text")


@st.composite
def logs(draw: st.DrawFn) -> dict[str, list[EventRecord]]:
    """Each member's log: its own HLC grows strictly, members' readings may be equal."""
    found = {}
    for member in MEMBERS[: draw(st.integers(1, 4))]:
        readings = sorted(draw(st.sets(st.integers(1, 60), max_size=25)))
        found[member] = [record(member, seq, hlc) for seq, hlc in enumerate(readings, 1)]
    return found


def page(log: list[EventRecord], query: QueryEvents, upto: int = 100) -> EventPage:
    """One member's answer, as its log gives it."""
    admitted = [event for event in log if Filter.of(query).admits(event)]
    if query.last:
        return EventPage(tuple(admitted[-query.last :]), upto=upto)
    more = len(admitted) > query.limit
    return EventPage(tuple(admitted[: query.limit]), more, upto=0 if more else upto)


@given(logs(), st.integers(1, 12), st.integers(1, 12))
def test_pages_put_together_are_all_events_sorted_none_twice(
    logs: dict[str, list[EventRecord]], limit: int, fits: int
) -> None:
    expected = sorted((event for log in logs.values() for event in log), key=key)
    shown: list[EventRecord] = []
    query, more = QueryEvents(limit=limit), True
    while more:
        # A member's page may end before the limit: it is bounded in bytes too.
        theirs = msgspec.structs.replace(query, limit=min(limit, fits))
        merged = merge({member: page(log, theirs) for member, log in logs.items()}, limit)
        assert len(merged.events) <= limit
        shown += merged.events
        more = merged.more
        if more:
            assert merged.events, "a full page makes progress"
            hlc, event_id = key(shown[-1])
            query = QueryEvents(limit=limit, after=event_id, after_hlc=hlc)
    assert shown == expected


@given(logs(), st.integers(1, 12))
def test_the_newest_of_the_ring_are_the_newest_of_all(
    logs: dict[str, list[EventRecord]], last: int
) -> None:
    expected = sorted((event for log in logs.values() for event in log), key=key)[-last:]
    pages = {member: page(log, QueryEvents(last=last)) for member, log in logs.items()}
    assert list(merge(pages, limit=1000, last=last).events) == expected


@given(logs(), st.randoms(use_true_random=False))
def test_the_order_in_which_members_answer_changes_nothing(
    logs: dict[str, list[EventRecord]], random: object
) -> None:
    pages = {member: page(log, QueryEvents()) for member, log in logs.items()}
    items = list(pages.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert merge(dict(items), 1000) == merge(pages, 1000)


@dataclass
class Ring:
    """Members that log, answer late, lose answers; and someone who follows them all."""

    limit: int
    tail: RingTail
    now: float = 0.0
    hlc: int = 0
    logs: dict[str, list[EventRecord]] = field(default_factory=dict)
    on_the_way: list[tuple[float, TailAsk, EventPage]] = field(default_factory=list)
    shown: list[EventRecord] = field(default_factory=list)

    def emit(self, member: str) -> None:
        self.hlc += 1
        log = self.logs.setdefault(member, [])
        log.append(record(member, len(log) + 1, self.hlc))

    def ask(self, delay_s: float, *, lost: bool) -> None:
        for ask in self.tail.ask(self.now):
            hlc, event_id = ask.cursor
            query = QueryEvents(after=event_id, after_hlc=hlc, limit=self.limit)
            self.hlc += 1  # a question is a message: the answer's clock is ahead of all before
            answer = page(self.logs.get(ask.member, []), query, upto=self.hlc)
            if not lost:
                self.on_the_way.append((self.now + delay_s, ask, answer))

    def step(self, delay_s: float) -> None:
        self.now += delay_s
        for entry in sorted((e for e in self.on_the_way if e[0] <= self.now), key=lambda e: e[0]):
            self.on_the_way.remove(entry)
            self.tail.take(entry[1].member, entry[1].number, entry[2], self.now)
            self.shown += self.tail.release(self.now)
        self.shown += self.tail.release(self.now)

    def settle(self) -> None:
        for _ in range(200):
            self.ask(0.0, lost=False)
            self.step(POLL_S)

    @property
    def all(self) -> list[EventRecord]:
        return sorted((event for log in self.logs.values() for event in log), key=key)


STEPS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(MEMBERS), max_size=5),  # who logs
        st.floats(0, 1),  # how long answers take, as a share of what is allowed
        st.booleans(),  # whether they are lost
        st.floats(0.01, 1.5),  # how much time passes
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 5))
def test_following_shows_every_event_once_whatever_is_late_or_lost(
    steps: list[tuple[list[str], float, bool, float]], limit: int
) -> None:
    ring = Ring(limit, RingTail(last=0, most_held=4))
    ring.tail.follow(MEMBERS, 0.0)
    for who, delay, lost, passes_s in steps:
        for member in who:
            ring.emit(member)
        ring.ask(delay * 3 * HOLD_S, lost=lost)
        ring.step(passes_s)
    ring.settle()
    assert sorted(ring.shown, key=key) == ring.all
    assert ring.tail.missing(ring.now) == ()


@given(STEPS, st.integers(1, 5))
def test_following_shows_causal_order_while_members_answer_in_time(
    steps: list[tuple[list[str], float, bool, float]], limit: int
) -> None:
    ring = Ring(limit, RingTail(last=0, most_held=4))
    ring.tail.follow(MEMBERS, 0.0)
    for who, delay, _, passes_s in steps:
        for member in who:
            ring.emit(member)
        ring.ask(delay * 0.2, lost=False)
        ring.step(min(passes_s, 0.3))
    ring.settle()
    assert ring.shown == ring.all


@given(STEPS, st.integers(1, 5))
def test_members_that_come_and_go_cause_no_event_to_be_shown_twice(
    steps: list[tuple[list[str], float, bool, float]], limit: int
) -> None:
    ring = Ring(limit, RingTail(last=0, most_held=4))
    for who, delay, lost, passes_s in steps:
        ring.tail.follow({*who, MEMBERS[0]}, ring.now)
        for member in who:
            ring.emit(member)
        ring.ask(delay, lost=lost)
        ring.step(passes_s)
    ring.tail.follow(MEMBERS, ring.now)
    ring.settle()
    assert sorted(ring.shown, key=key) == ring.all


@given(logs(), st.integers(1, 8))
def test_following_from_the_newest_on_starts_with_the_newest_of_the_ring(
    logs: dict[str, list[EventRecord]], last: int
) -> None:
    tail = RingTail(last)
    tail.follow(logs, 0.0)
    asks = tail.ask(0.0)
    assert all(ask.first for ask in asks)
    for ask in asks:
        assert not tail.release(0.0), "not before everyone has answered"
        tail.take(ask.member, ask.number, page(logs[ask.member], QueryEvents(last=last)), 0.0)
    expected = sorted((event for log in logs.values() for event in log), key=key)
    assert list(tail.release(0.0)) == expected[-last:]
    assert not any(ask.first for ask in tail.ask(POLL_S))


def test_a_silent_member_holds_the_others_back_for_two_seconds_and_is_named() -> None:
    tail = RingTail(last=0)
    tail.follow(MEMBERS[:2], 0.0)
    first, _ = tail.ask(0.0)
    event = record(MEMBERS[0], 1, 10)
    tail.take(MEMBERS[0], first.number, EventPage((event,), upto=11), 0.1)
    assert tail.release(0.1) == ()
    assert tail.release(HOLD_S - 0.1) == ()
    assert tail.release(HOLD_S) == (event,)
    assert MEMBERS[1] in tail.missing(HOLD_S)


def test_a_page_that_repeats_what_was_shown_is_not_shown_again() -> None:
    tail = RingTail(last=0)
    tail.follow(MEMBERS[:1], 0.0)
    events = (record(MEMBERS[0], 1, 10), record(MEMBERS[0], 2, 11))
    for now in (0.0, 1.0):
        (ask,) = tail.ask(now)
        tail.take(MEMBERS[0], ask.number, EventPage(events, upto=12), now)
        assert tail.release(now) == (events if not now else ())


def test_ids_name_their_member() -> None:
    assert member_of(record(MEMBERS[0], 1, 1).id) == MEMBERS[0]
