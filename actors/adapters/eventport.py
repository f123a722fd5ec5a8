"""`port/eventlog`: answers `QueryEvents` about this member's log, on a thread of its own."""

from __future__ import annotations

import logging
import sqlite3
import threading
from queue import SimpleQueue
from typing import Final

from actors.adapters.eventdb import EventReader, page_of
from actors.adapters.eventlog import SOURCE, SqliteEventLog
from actors.messages.envelope import Envelope
from actors.messages.events import EventPage, QueryEvents
from actors.messages.runtime import CallFailed
from actors.runtime.world import World

MOST: Final = 1_000  # questions that wait; each may read the whole log

_log = logging.getLogger(__name__)


class EventPort:
    """Reads for whoever asks. An answer holds everything that was emitted before the question."""

    def __init__(self, log: SqliteEventLog, world: World) -> None:
        self._log = log
        self._world = world
        self._reader: EventReader | None = None
        self._generation = -1
        self._queue: SimpleQueue[tuple[Envelope, QueryEvents, int] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="eventlog-reader", daemon=True)
        self._thread.start()
        world.register_port(SOURCE, self.handle)

    def handle(self, envelope: Envelope) -> None:
        """Take a question; never blocks."""
        query = envelope.message
        if not isinstance(query, QueryEvents):
            text = f"{SOURCE} does not understand {type(query).__name__}"
            self._world.answer(envelope, CallFailed("Refused", text, "unknown"))
            return
        if self._queue.qsize() >= MOST:
            text = f"{MOST} questions to the event log wait already"
            self._world.answer(envelope, CallFailed("ActorUnavailableError", text))
            return
        self._log.upto(lambda reading: self._queue.put((envelope, query, reading)))

    def close(self) -> None:
        """Answer what was asked, and end the thread; close it before the log."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (question := self._queue.get()) is not None:
            envelope, query, reading = question
            try:
                answer = self._answer(query, reading)
            except Exception as error:  # noqa: BLE001 - whoever asks is told, and the next may ask
                _log.exception("the event log cannot be read")
                text = f"the event log cannot be read: {error}"
                self._world.answer(envelope, CallFailed("ActorUnavailableError", text))
            else:
                self._world.answer(envelope, answer)
        self._forget()

    def _answer(self, query: QueryEvents, reading: int) -> EventPage:
        waiting = self._log.waiting
        try:
            reader = self._current()
            page = reader.read(query, waiting) if reader else page_of(query, (), waiting)
        except sqlite3.Error as error:
            self._forget()
            if type(error) is sqlite3.DatabaseError:  # the file's content, not the disk
                self._log.damaged(str(error))
            raise
        return EventPage(page.events, page.more, upto=0 if page.more else reading)

    def _current(self) -> EventReader | None:
        """A connection to the database as it is now; None while there is no file."""
        if self._generation != self._log.generation:
            self._forget()
        if self._reader is None and self._log.path.exists():
            self._generation = self._log.generation
            self._reader = EventReader(self._log.path, self._log.member, self._log.open_database)
        return self._reader

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
