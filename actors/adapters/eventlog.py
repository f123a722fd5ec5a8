"""The event log of a real supervisor: numbered at once, durable in 100 ms, off the actors' path.

`emit` only numbers an event and queues it; a writer thread commits all that waits. A disk that is
full or broken stops nothing: the newest events wait in memory, what had to be dropped is counted,
and both are said in the log once it can be written again. A corrupt database is set aside.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from actors.adapters.eventdb import Connect, connect, split_id
from actors.adapters.journal import MAX_WAITING, PRUNE_S, RETRY_S, Journal
from actors.messages.base import Event, MemberId
from actors.messages.events import EventRecord
from actors.ports import Clock

_log = logging.getLogger(__name__)

SOURCE: Final = "port/eventlog"  # the actor named in what the log says about itself
COMMIT_S: Final = 0.1
MAX_FIELD: Final = 16_000  # characters of a text field: a traceback of 200 frames
DEFAULT_AGE_S: Final = 14 * 86_400.0
DEFAULT_BYTES: Final = 64 << 20

Done: TypeAlias = Callable[[], None]
Subscriber: TypeAlias = Callable[[tuple[EventRecord, ...]], None]


@dataclass(frozen=True, slots=True)
class _Emitted:
    """An event as it was emitted; the writer turns it into a record."""

    seq: int
    wall: float
    hlc: int
    actor: str
    event: Event
    cause: str
    trace: str


@dataclass(frozen=True, slots=True)
class LogState:
    """How the log stands: `reason` why it cannot be written, if so; `lost` events of this boot."""

    boot: int
    emitted: int
    waiting: int
    lost: int
    reason: str = ""


class SqliteEventLog:
    """`ports.EventSink` over SQLite at `path`. Any thread may emit, flush and subscribe.

    `hlc` gives a new reading of the hybrid logical clock (not called before the first `emit`);
    `last_hlc` is the greatest in the log as it was found: let the clock start from it.
    """

    def __init__(
        self,
        path: Path,
        member: MemberId,
        clock: Clock,
        hlc: Callable[[], int],
        *,
        max_age_s: float = DEFAULT_AGE_S,
        max_bytes: int = DEFAULT_BYTES,
        open_database: Connect = connect,
    ) -> None:
        self.path = path
        self.member = member
        self.open_database = open_database
        self._clock = clock
        self._hlc = hlc
        self._journal = Journal(path, clock, max_age_s, max_bytes, open_database)
        self.boot = self._journal.boot
        self.last_hlc = self._journal.last_hlc
        self._prefix = f"{member}:{self.boot}:"
        self._wake = threading.Condition()
        self._seq = 0
        self._handled = 0  # events up to this number have been written, or tried
        self._pending: deque[_Emitted] = deque()
        self._overrun: deque[int] = deque()  # numbers dropped because the writer hangs
        self._barriers: list[Done] = []
        self._waiting: tuple[EventRecord, ...] = ()
        self._damage = ""
        self._subscribers: list[Subscriber] = []
        self._closing = False
        self._over = False  # the writer has taken its last batch
        self._thread = threading.Thread(target=self._run, name="eventlog", daemon=True)
        self._thread.start()

    # ── any thread ──

    def emit(self, actor: str, event: Event, cause: str = "", trace: str = "") -> str:
        """Number an event and take it for the log; its id. Never waits for the disk."""
        with self._wake:
            self._seq += 1
            emitted = _Emitted(
                self._seq, self._clock.wall(), self._hlc(), actor, event, cause, trace
            )
            if not self._pending:
                self._wake.notify()
            self._pending.append(emitted)
            if len(self._pending) > MAX_WAITING:
                self._overrun.append(self._pending.popleft().seq)
            return f"{self._prefix}{self._seq}"

    def flush(self, done: Done) -> None:
        """Call `done` (on any thread) once all that was emitted is durable.

        Where the disk fails `done` is called after the attempt: a command must not hang with it.
        """
        with self._wake:
            if self._handled < self._seq and not self._over:
                self._barriers.append(done)
                self._wake.notify()
                return
        done()

    def flush_to(self, event_id: str, done: Done) -> None:
        """Call `done` once the event, if it is one of this boot, is durable."""
        parts = split_id(event_id)
        if parts is None or parts[:2] != (self.member, self.boot) or parts[2] <= self._handled:
            done()
        else:
            self.flush(done)

    def upto(self, done: Callable[[int], None]) -> None:
        """Call `done(hlc)` once every event with an HLC up to it can be read."""
        with self._wake:
            reading = self._hlc()
        self.flush(lambda: done(reading))

    def subscribe(self, subscriber: Subscriber) -> Done:
        """Hand every batch to `subscriber` (it must not block) once written; returns the end."""
        with self._wake:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._wake, contextlib.suppress(ValueError):
                self._subscribers.remove(subscriber)

        return unsubscribe

    @property
    def waiting(self) -> tuple[EventRecord, ...]:
        """Events the disk has not taken so far."""
        return self._waiting

    @property
    def generation(self) -> int:
        """Grows when the database was set aside: readers have to open the new one."""
        return self._journal.generation

    def state(self) -> LogState:
        """How the log stands."""
        with self._wake:
            waiting = len(self._pending) + len(self._waiting)
            lost = self._journal.lost + len(self._overrun)
            return LogState(self.boot, self._seq, waiting, lost, self._journal.reason)

    def damaged(self, reason: str) -> None:
        """A reader found the database corrupt: let the writer set it aside."""
        with self._wake:
            self._damage = reason
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, if the disk takes it, and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ── the writer's thread ──

    def _run(self) -> None:
        while True:
            batch, barriers, damage = self._next()
            records = tuple(self._record(emitted) for emitted in batch)
            while self._overrun:
                self._journal.lose(f"{self._prefix}{self._overrun.popleft()}")
            if damage:
                self._journal.corrupt(damage)
            self._journal.write(records)
            self._say()
            with self._wake:
                self._waiting = tuple(self._journal.unwritten)
                self._handled = max(self._handled, batch[-1].seq if batch else 0)
                subscribers = list(self._subscribers)
                self._over = self._closing and not self._pending and not self._barriers
            for done in barriers:
                _call(done)
            for subscriber in subscribers if records else ():
                _call(subscriber, records)
            if self._over:
                self._journal.close()
                return

    def _next(self) -> tuple[list[_Emitted], list[Done], str]:
        """Wait for something to do, and a little longer for company."""
        with self._wake:
            idle_s = RETRY_S if self._journal.reason else PRUNE_S
            self._wake.wait_for(lambda: self._pending or self._is_urgent(), idle_s)
            if self._pending:
                self._wake.wait_for(self._is_urgent, COMMIT_S)
            batch, barriers, damage = list(self._pending), self._barriers, self._damage
            self._pending.clear()
            self._barriers, self._damage = [], ""
            return batch, barriers, damage

    def _is_urgent(self) -> bool:
        return bool(self._barriers or self._damage or self._closing)

    def _say(self) -> None:
        """Emit what the journal has to say about itself; it goes with the next batch."""
        notices, self._journal.notices = self._journal.notices, []
        for event in notices:
            self.emit(SOURCE, event)

    def _record(self, emitted: _Emitted) -> EventRecord:
        event = emitted.event
        try:
            fields = {
                name: _plain(msgspec.to_builtins(getattr(event, name), str_keys=True))
                for name in event.__struct_fields__
            }
            text = _clean(event.text())
        except Exception:  # noqa: BLE001 - an event that cannot be told still happened
            _log.exception("%s cannot be written in full", type(event).__name__)
            fields, text = {}, type(event).__name__
        return EventRecord(
            f"{self._prefix}{emitted.seq}",
            emitted.wall,
            emitted.hlc,
            _clean(emitted.actor),
            type(event).__name__,
            text,
            _clean(emitted.cause),
            _clean(emitted.trace),
            fields,
        )


def _plain(value: object) -> object:
    """A value with every text in it clean and of bounded length."""
    match value:
        case str():
            return _clean(value)
        case dict():
            return {_clean(str(name)): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def _clean(text: str) -> str:
    """A text that UTF-8 can write: file names may hold bytes that are no characters."""
    kept = text if len(text) <= MAX_FIELD else f"{text[:MAX_FIELD]}…"
    return kept.encode("utf-8", "backslashreplace").decode()


def _call(call: Callable[..., None], *args: object) -> None:
    try:
        call(*args)
    except Exception:  # noqa: BLE001 - a listener's mistake must not end the log
        _log.exception("a listener of the event log raised")
