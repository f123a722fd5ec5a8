"""The event log's way to the disk: opens, counts boots, writes, prunes, and lives through failures.

For one thread. What the log has to say about itself is left in `notices`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from actors.adapters.eventdb import Connect, EventWriter, set_aside, split_id
from actors.adapters.sealed import seal, unseal
from actors.adapters.syscalls import Syscalls
from actors.messages.base import Event
from actors.messages.events import EventLogResumed, EventLogStalled, EventRecord
from actors.messages.runtime import StateFileDamaged
from actors.ports import Clock
from actors.runtime.hlc import pack

_log = logging.getLogger(__name__)

RETRY_S: Final = 2.0  # between attempts to write to a disk that failed
PRUNE_S: Final = 60.0
PRUNE_EVENTS: Final = 2_000  # written since the last pruning: about a megabyte
MAX_WAITING: Final = 20_000  # events kept in memory; about 10 MB


class Journal:
    """Records on their way into the database at `path`."""

    def __init__(
        self, path: Path, clock: Clock, max_age_s: float, max_bytes: int, open_database: Connect
    ) -> None:
        self._path = path
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_bytes = max_bytes
        self._open_database = open_database
        self._db: EventWriter | None = None
        self._file: tuple[int, int] | None = None  # the file that is open
        self._retry_at = 0.0
        self._prune_at = 0.0
        self._since_prune = 0
        self._kept = self._lost_unsaid = self._last_lost = 0
        self.reason = ""  # why the disk cannot be written, if so
        self.lost = 0
        self.last_hlc = 0
        self.generation = 0  # grows when the database is another file than before
        self.unwritten: deque[EventRecord] = deque()
        self.notices: list[Event] = []
        self.boot = 0
        self.boot = self._begin()

    # ── the boot number ──

    def _begin(self) -> int:
        """Open the database and count this boot, durably; a number never given before.

        It is kept in a file of its own too, so that it outlives a damaged database. With both
        lost, or a disk that takes neither, the Unix time is greater than any number of boots.
        """
        known, damaged = self._counted()
        try:
            self._open()
            assert self._db is not None
            known = max(known, self._db.get("boot"), self._db.last()[1])
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        afresh = self.generation > 0 or self._db is None
        boot = known + 1
        if (afresh or damaged) and not known:
            boot = max(boot, int(self._clock.wall()))
        try:
            self._count(boot)
            if self._db is not None:
                self._db.put(boot=boot)
        except (sqlite3.Error, OSError) as error:
            _log.warning("the boot number cannot be kept: %s", error)
            boot = max(boot, int(self._clock.wall()))
        return boot

    def _counted(self) -> tuple[int, bool]:
        """The boot number on file, and whether the file was damaged."""
        try:
            content = unseal(self._count_path.read_bytes())
        except FileNotFoundError:
            return 0, False
        except OSError:
            return 0, True
        if content is None or not content.isdigit():
            return 0, True
        return int(content), False

    def _count(self, boot: int) -> None:
        calls, new = Syscalls(), self._count_path.with_suffix(".boot.new")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        fd = calls.create(new)
        try:
            calls.write(fd, seal(str(boot).encode()))
            calls.fsync(fd)
        finally:
            calls.close(fd)
        calls.rename(new, self._count_path)
        calls.sync_directory(self._path.parent)

    @property
    def _count_path(self) -> Path:
        return self._path.with_name(f"{self._path.name}.boot")

    # ── writing ──

    def write(self, records: Iterable[EventRecord]) -> None:
        """Write `records` and what waited before them; what cannot be written waits, bounded."""
        self.unwritten.extend(records)
        while len(self.unwritten) > MAX_WAITING:
            self.lose(self.unwritten.popleft().id)
        if self.reason and self._clock.now() < self._retry_at:
            return
        try:
            self._write()
            self._prune()
        except (sqlite3.Error, OSError) as error:
            self._failed(error)
        except Exception:  # noqa: BLE001 - a record no database takes must not stop the next
            _log.exception("events could not be written")
            while self.unwritten:
                self.lose(self.unwritten.popleft().id)

    def lose(self, event_id: str) -> None:
        """Count an event that will never be written."""
        parts = split_id(event_id)
        self.lost += 1
        self._lost_unsaid += 1
        self._last_lost = parts[2] if parts else 0

    def corrupt(self, reason: str) -> None:
        """A reader found the database damaged: begin a new one."""
        self._failed(sqlite3.DatabaseError(reason))

    def close(self) -> None:
        """Close the database; in order, unless the disk failed."""
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close(clean=not self.reason)
            except (sqlite3.Error, OSError) as error:
                _log.warning("the event log did not close in order: %s", error)

    def _write(self) -> None:
        if self._db is not None and _identity(self._path) != self._file:
            self.generation += 1
            raise FileNotFoundError(f"{self._path.name} was removed or replaced")
        if self._db is None:
            self._open()
        assert self._db is not None
        if self.unwritten:
            self._db.append(self.unwritten)
        written = len(self.unwritten)
        self.unwritten.clear()
        self._since_prune += written
        if self.reason:
            self.reason = ""
            self._kept = written
        if self._kept or self._lost_unsaid:
            self.notices.append(EventLogResumed(self._kept, self._lost_unsaid, self._last_lost))
            self._kept = self._lost_unsaid = 0

    def _open(self) -> None:
        self._db = EventWriter(self._path, self._open_database)
        self.last_hlc = max(self.last_hlc, self._db.last()[0])
        self._file = _identity(self._path)
        if self.boot:
            self._db.put(boot=self.boot)

    def _prune(self) -> None:
        now = self._clock.now()
        if self._db is None or (self._since_prune < PRUNE_EVENTS and now < self._prune_at):
            return
        self._since_prune, self._prune_at = 0, now + PRUNE_S
        self._db.prune(pack(self._clock.wall() - self._max_age_s), self._max_bytes)

    # ── failing ──

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        """Set a corrupt database aside and begin a new one; wait for any other disk."""
        if type(error) is sqlite3.DatabaseError:  # its subclasses are not about the file's content
            self._begin_anew(error)
        else:
            self._stall(error)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        _log.error("the event log is damaged: %s", error)
        try:
            db, self._db = self._db, None
            if db is not None:
                db.close(clean=False)
            aside = set_aside(self._path)
            self.generation += 1
            self.notices.append(StateFileDamaged(path=self._path.name, aside=aside))
            self._open()
        except (sqlite3.Error, OSError) as again:
            self._stall(again)
        else:
            self._retry_at = 0.0

    def _stall(self, error: sqlite3.Error | OSError) -> None:
        self._retry_at = self._clock.now() + RETRY_S
        if not self.reason:
            self.notices.append(EventLogStalled(str(error)))
        self.reason = str(error) or type(error).__name__
        self.close()  # opened anew at the next attempt: the file itself may have gone


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has this name: SQLite would go on writing to one that was removed."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
