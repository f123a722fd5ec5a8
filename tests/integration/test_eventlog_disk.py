import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from actors.adapters.eventdb import EventReader, connect
from actors.adapters.eventlog import SqliteEventLog
from actors.adapters.journal import MAX_WAITING
from actors.messages.base import Event
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.runtime.hlc import Hlc

MEMBER = "0123456789abcdef0123456789abcdef"


class Noted(Event, frozen=True):
    n: int
    note: str = ""
    sentence: ClassVar[str] = "note {n}: {note}"


class Broken(Event, frozen=True):
    sentence: ClassVar[str] = "{absent}"


@dataclass
class TestClock:
    """A clock a test turns."""

    __test__ = False
    at: float = 1_700_000_000.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return self.at


@dataclass
class Bench:
    """Logs opened one after another on the same file."""

    path: Path
    clock: TestClock = field(default_factory=TestClock)
    hlc: Hlc = field(default_factory=Hlc)
    logs: list[SqliteEventLog] = field(default_factory=list)

    def open(self, **options: Any) -> SqliteEventLog:
        clock = self.clock
        log = SqliteEventLog(
            self.path, MEMBER, clock, lambda: self.hlc.tick(clock.wall()), **options
        )
        self.logs.append(log)
        return log


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path / "sup" / "events.db")
    yield bench
    for log in bench.logs:
        log.close()


def flushed(log: SqliteEventLog) -> None:
    heard = threading.Event()
    log.flush(heard.set)
    assert heard.wait(10)


def read(log: SqliteEventLog, query: QueryEvents | None = None) -> EventPage:
    flushed(log)
    reader = EventReader(log.path, MEMBER, connect)
    try:
        return reader.read(query or QueryEvents(), log.waiting)
    finally:
        reader.close()


def read_all(log: SqliteEventLog) -> tuple[EventRecord, ...]:
    page = read(log)
    events = page.events
    while page.more:
        page = read(log, QueryEvents(after=events[-1].id))
        events += page.events
    return events


def numbers(events: tuple[EventRecord, ...]) -> list[object]:
    return [event.fields["n"] for event in events if event.kind == "Noted"]


def test_what_was_emitted_is_there_after_a_flush_with_all_it_says(bench: Bench) -> None:
    log = bench.open()
    first = log.emit("node", Noted(1, "one"), "", "request 5")
    second = log.emit("service/redis", Noted(2, "two"), first, "request 5")
    assert (first, second) == (f"{MEMBER}:1:1", f"{MEMBER}:1:2")
    one, two = read(log).events
    assert (one.id, one.actor, one.kind, one.text) == (first, "node", "Noted", "note 1: one")
    assert (two.cause, two.trace, two.fields) == (first, "request 5", {"n": 2, "note": "two"})
    assert (one.wall, one.hlc < two.hlc) == (bench.clock.at, True)


def test_events_become_durable_by_themselves(bench: Bench) -> None:
    log = bench.open()
    written = threading.Event()
    log.subscribe(lambda _: written.set())
    log.emit("node", Noted(1))
    assert written.wait(5)
    assert log.state().waiting == 0


def test_numbers_are_gapless_within_a_boot_and_boots_are_counted(bench: Bench) -> None:
    for boot in (1, 2, 3):
        log = bench.open()
        ids = [log.emit("node", Noted(n)) for n in range(5)]
        assert ids == [f"{MEMBER}:{boot}:{n}" for n in range(1, 6)]
        log.close()
    log = bench.open()
    assert log.last_hlc == bench.hlc.last
    assert [event.id for event in read(log).events] == [
        f"{MEMBER}:{boot}:{n}" for boot in (1, 2, 3) for n in range(1, 6)
    ]


def test_threads_that_emit_at_once_get_each_number_once_in_the_order_of_the_clock(
    bench: Bench,
) -> None:
    log = bench.open()
    threads = [
        threading.Thread(target=lambda: [log.emit("a", Noted(n)) for n in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = read_all(log)
    assert [event.id for event in events] == [f"{MEMBER}:1:{n}" for n in range(1, 2001)]


def test_a_flush_for_one_event_waits_for_it_and_for_no_other(bench: Bench) -> None:
    log = bench.open()
    called: list[str] = []
    log.flush_to("nonsense", lambda: called.append("nonsense"))
    log.flush_to("f" * 32 + ":1:7", lambda: called.append("foreign"))
    assert called == ["nonsense", "foreign"]
    heard = threading.Event()
    log.flush_to(log.emit("node", Noted(1)), heard.set)
    assert heard.wait(10)
    reader = EventReader(log.path, MEMBER, connect)
    assert numbers(reader.read(QueryEvents(), ()).events) == [1]
    reader.close()


def test_the_file_is_for_its_owner_alone(bench: Bench) -> None:
    log = bench.open()
    log.emit("node", Noted(1))
    flushed(log)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"events.db", "events.db-wal", "events.db.boot"} <= set(modes)


# ── queries ──


def test_filters_select_by_actor_kind_and_time(bench: Bench) -> None:
    log = bench.open()
    for n in range(6):
        bench.clock.at += 10
        log.emit(f"service/s{n % 2}", Noted(n))
    log.emit("node", Broken())
    start = 1_700_000_000.0
    assert numbers(read(log, QueryEvents(actor="service/s1")).events) == [1, 3, 5]
    assert numbers(read(log, QueryEvents(actor="service/[!s]?")).events) == []
    assert numbers(read(log, QueryEvents(actor="service/s[!1]")).events) == [0, 2, 4]
    assert numbers(read(log, QueryEvents(actor="S*")).events) == []
    assert len(read(log, QueryEvents(kind="BROK*")).events) == 1
    since_until = QueryEvents(since=start + 20, until=start + 40)
    assert numbers(read(log, since_until).events) == [1, 2, 3]


def test_pages_go_on_where_the_last_ended_by_id_or_by_clock(bench: Bench) -> None:
    log = bench.open()
    for n in range(25):
        log.emit("a", Noted(n))
    for by_clock in (False, True):
        found: list[object] = []
        query, more = QueryEvents(limit=10), True
        while more:
            page = read(log, query)
            found += numbers(page.events)
            more = page.more
            end = page.events[-1]
            query = QueryEvents(limit=10, after=end.id, after_hlc=end.hlc if by_clock else 0)
        assert found == list(range(25))


def test_the_newest_events_come_oldest_first(bench: Bench) -> None:
    log = bench.open()
    for n in range(25):
        log.emit("a", Noted(n))
    assert numbers(read(log, QueryEvents(last=3)).events) == [22, 23, 24]
    assert numbers(read(log, QueryEvents(last=100)).events) == list(range(25))


def test_a_page_is_bounded_in_bytes_too(bench: Bench) -> None:
    log = bench.open()
    for n in range(60):
        log.emit("a", Noted(n, "x" * 20_000))
    page = read(log)
    assert page.more
    assert 10 < len(page.events) < 20
    assert numbers(read_all(log)) == list(range(60))
    assert numbers(read(log, QueryEvents(last=50)).events)[-1] == 59
    assert all(len(str(event.fields["note"])) == 16_001 for event in page.events)


def test_an_event_that_cannot_be_told_is_kept_and_foreign_bytes_are_spelled_out(
    bench: Bench,
) -> None:
    log = bench.open()
    log.emit("a", Broken())
    log.emit("a", Noted(1, "name \udcff"))
    broken, noted = read(log).events
    assert (broken.kind, broken.text) == ("Broken", "Broken")
    assert noted.fields["note"] == "name \\udcff"


# ── bounds ──


def test_old_events_go_by_age(bench: Bench) -> None:
    log = bench.open(max_age_s=100.0)
    log.emit("a", Noted(1))
    flushed(log)
    bench.clock.at += 90
    log.emit("a", Noted(2))
    flushed(log)
    bench.clock.at += 65
    log.emit("a", Noted(3))
    assert numbers(read(log).events) == [2, 3]


def test_the_log_is_bounded_in_bytes_and_keeps_the_newest(bench: Bench) -> None:
    log = bench.open(max_bytes=300_000)
    for n in range(6_000):
        log.emit("a", Noted(n, "x" * 100))
        if n % 500 == 0:
            flushed(log)
    flushed(log)
    bench.clock.at += 61
    log.emit("a", Noted(6_000))
    flushed(log)
    assert bench.path.stat().st_size < 3_000_000
    kept = numbers(read_all(log))
    assert 300 < len(kept) < 2_000
    assert kept == list(range(6_001 - len(kept), 6_001))


# ── damage ──


@pytest.mark.parametrize("damage", [b"", b"garbage " * 2000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_database_is_set_aside_with_an_event_and_numbers_go_on(
    bench: Bench, damage: bytes
) -> None:
    log = bench.open()
    log.emit("a", Noted(1))
    log.close()
    bench.path.write_bytes(damage)
    log = bench.open()
    assert log.emit("a", Noted(2)) == f"{MEMBER}:2:1"
    flushed(log)
    events = read(log).events
    assert numbers(events) == [2]
    asides = [event.fields["aside"] for event in events if event.kind == "StateFileDamaged"]
    if damage:  # an empty file is an empty database
        assert asides == ["events.db.damaged-1"]
        assert (bench.path.parent / "events.db.damaged-1").read_bytes()[:7] == damage[:7]


def test_pages_flipped_while_nobody_closed_are_found_at_the_start(bench: Bench) -> None:
    log = bench.open()
    for n in range(2_000):
        log.emit("a", Noted(n, "x" * 100))
    log.close()
    db = sqlite3.connect(bench.path)
    db.execute("UPDATE meta SET value = 0 WHERE name = 'clean'")
    db.commit()
    db.close()
    content = bytearray(bench.path.read_bytes())
    content[8192 : len(content) // 2] = b"\xa5" * (len(content) // 2 - 8192)
    bench.path.write_bytes(content)
    log = bench.open()
    log.emit("a", Noted(7))
    flushed(log)
    events = read(log).events
    assert numbers(events) == [7]
    assert {"Noted", "StateFileDamaged"} == {event.kind for event in events}


def test_damage_a_reader_reports_is_set_aside_while_running(bench: Bench) -> None:
    log = bench.open()
    log.emit("a", Noted(1))
    flushed(log)
    log.damaged("database disk image is malformed")
    log.emit("a", Noted(2))
    flushed(log)
    assert log.generation == 1
    assert {"Noted", "StateFileDamaged"} == {event.kind for event in read(log).events}


@pytest.mark.parametrize("lost", ["database", "count", "both"])
def test_a_boot_number_is_never_given_twice(bench: Bench, lost: str) -> None:
    log = bench.open()
    log.close()
    count = bench.path.with_name("events.db.boot")
    if lost in ("database", "both"):
        bench.path.write_bytes(b"garbage " * 2000)
    if lost in ("count", "both"):
        count.write_bytes(b"torn")
    log = bench.open()
    assert log.boot == (int(bench.clock.at) if lost == "both" else 2)
    again = log.boot + 1
    log.close()
    assert bench.open().boot == again


# ── a disk that fails ──


class Full(sqlite3.Connection):
    """A connection to a disk that is full while `full` is set."""

    full: ClassVar[bool] = False

    def executemany(self, *args: Any, **kwargs: Any) -> sqlite3.Cursor:
        if Full.full:
            raise sqlite3.OperationalError("database or disk is full")
        return super().executemany(*args, **kwargs)


def full_connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Full)


@pytest.fixture
def disk() -> Iterator[Callable[[bool], None]]:
    def fill(full: bool) -> None:
        Full.full = full

    fill(False)
    yield fill
    fill(False)


def test_a_full_disk_keeps_events_in_memory_and_says_so_when_it_is_over(
    bench: Bench, disk: Callable[[bool], None]
) -> None:
    log = bench.open(open_database=full_connect)
    log.emit("a", Noted(1))
    flushed(log)
    disk(True)
    log.emit("a", Noted(2))
    assert numbers(read(log).events) == [1, 2]
    assert "full" in log.state().reason
    log.emit("a", Noted(3))
    assert numbers(read(log, QueryEvents(last=2, kind="Noted")).events) == [2, 3]
    disk(False)
    bench.clock.at += 3
    log.emit("a", Noted(4))
    flushed(log)
    flushed(log)
    events = read(log).events
    assert numbers(events) == [1, 2, 3, 4]
    assert [event.id for event in events] == [f"{MEMBER}:1:{n + 1}" for n in range(len(events))]
    kinds = [event.kind for event in events]
    assert kinds.count("EventLogStalled") == kinds.count("EventLogResumed") == 1
    assert log.state().reason == ""
    log.close()
    assert numbers(read(bench.open()).events) == [1, 2, 3, 4]


def test_memory_is_bounded_and_what_is_lost_is_counted(
    bench: Bench, disk: Callable[[bool], None]
) -> None:
    log = bench.open(open_database=full_connect)
    disk(True)
    for n in range(MAX_WAITING + 500):
        log.emit("a", Noted(n))
    flushed(log)
    flushed(log)
    assert log.state().waiting <= MAX_WAITING + 1
    assert log.state().lost >= 500
    disk(False)
    bench.clock.at += 3
    log.emit("a", Noted(-1))
    flushed(log)
    flushed(log)
    (resumed,) = read(log, QueryEvents(kind="EventLogResumed")).events
    assert resumed.fields["lost"] == log.state().lost
    oldest = read(log, QueryEvents(limit=1)).events[0]
    assert oldest.id == f"{MEMBER}:1:{log.state().lost + 1}"


def test_a_directory_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "sup").write_bytes(b"a file where the directory should be")
    bench = Bench(tmp_path / "sup" / "events.db")
    log = bench.open()
    assert log.boot >= int(bench.clock.at)
    log.emit("a", Noted(1))
    flushed(log)
    assert [event.kind for event in log.waiting] == ["Noted"]
    (tmp_path / "sup").unlink()
    bench.clock.at += 3
    log.emit("a", Noted(2))
    assert numbers(read(log).events) == [1, 2]
    log.close()


def test_a_database_deleted_underneath_begins_anew(bench: Bench) -> None:
    log = bench.open()
    log.emit("a", Noted(1))
    flushed(log)
    for path in bench.path.parent.iterdir():
        path.unlink()
    log.emit("a", Noted(2))
    flushed(log)
    bench.clock.at += 3
    log.emit("a", Noted(3))
    flushed(log)
    events = read(log).events
    assert numbers(events) == [2, 3]
    assert "EventLogStalled" in {event.kind for event in events}
    (bench.path.parent / "events.db.boot").unlink(missing_ok=True)
    log.close()
    assert bench.open().boot == 2


def test_a_listener_that_raises_harms_nobody_and_one_may_stop_listening(bench: Bench) -> None:
    log = bench.open()
    heard: list[str] = []
    log.subscribe(lambda _: 1 / 0)
    stop = log.subscribe(lambda records: heard.extend(record.id for record in records))
    log.emit("a", Noted(1))
    flushed(log)
    flushed(log)
    stop()
    stop()
    log.emit("a", Noted(2))
    flushed(log)
    log.close()
    assert heard == [f"{MEMBER}:1:1"]
    log.flush(lambda: heard.append("after close"))
    assert heard[-1] == "after close"
