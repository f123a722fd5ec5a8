"""The event log's database: SQLite, one table in the order of the ring.

The key is (hlc, boot, seq), so that appending, pruning by age and reading on all run along it. WAL
lets readers go on while the writer commits; `synchronous=FULL` makes a commit survive a power cut.
"""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from actors.adapters.syscalls import FILE_MODE
from actors.eventlog.filters import Filter, fitting, key, limit_of
from actors.messages.base import MemberId
from actors.messages.events import EventPage, EventRecord, QueryEvents

VERSION: Final = 1
BUSY_S: Final = 5.0  # readers and the writer meet only for moments
WAL_BYTES: Final = 4 << 20  # what the write-ahead log is cut back to
PRUNE_SHARE: Final = 20  # a twentieth of the events goes when the log is full: rarely, not much

Connect: TypeAlias = Callable[[Path], sqlite3.Connection]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  hlc INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, wall REAL NOT NULL,
  actor TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, cause TEXT NOT NULL,
  trace TEXT NOT NULL, fields TEXT NOT NULL, PRIMARY KEY (hlc, boot, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS events_by_number ON events (boot, seq);
"""
_LARGEST: Final = (1 << 63) - 1  # integer of SQLite
_COLUMNS = "boot, seq, wall, hlc, actor, kind, text, cause, trace, fields"

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, object]).decode


def connect(path: Path) -> sqlite3.Connection:
    """Open a database as SQLite ships it; used by one thread at a time, not always the same."""
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def split_id(event_id: str) -> tuple[MemberId, int, int] | None:
    """An event id as (member, boot, seq); None if it is none."""
    member, _, rest = event_id.partition(":")
    boot, _, seq = rest.partition(":")
    if not (boot.isdecimal() and seq.isdecimal() and len(boot) < 16 and len(seq) < 16):
        return None
    return member, int(boot), int(seq)


class EventWriter:
    """The writing connection; its methods raise `sqlite3.Error` and `OSError`."""

    def __init__(self, path: Path, open_database: Connect) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        self._db = open_database(path)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise sqlite3.DatabaseError(f"written by a later release (format {version})")
        self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
        if not self.get("clean"):
            (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(str(verdict))
        self.put(clean=0)

    def get(self, name: str) -> int:
        """A number kept beside the events; 0 if absent."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def put(self, **values: int) -> None:
        """Keep numbers beside the events, durably."""
        self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def last(self) -> tuple[int, int]:
        """The greatest HLC and the greatest boot number in the log."""
        row = self._db.execute("SELECT max(hlc), max(boot) FROM events").fetchone()
        return int(row[0] or 0), int(row[1] or 0)

    def append(self, records: Iterable[EventRecord]) -> None:
        """Write events; on the disk, all or none, when this returns."""
        rows = [_row(record) for record in records]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT OR IGNORE INTO events (boot, seq, wall, hlc, actor, kind, text, cause,"
                " trace, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def prune(self, before_hlc: int, max_bytes: int) -> None:
        """Drop events older than `before_hlc`, and the oldest while there are too many bytes."""
        self._db.execute("DELETE FROM events WHERE hlc < ?", (before_hlc,))
        while self.used_bytes() > max_bytes:
            (count,) = self._db.execute("SELECT count(*) FROM events").fetchone()
            if not count:
                return
            self._db.execute(
                "DELETE FROM events WHERE hlc <="
                " (SELECT hlc FROM events ORDER BY hlc LIMIT 1 OFFSET ?)",
                (count // PRUNE_SHARE,),
            )

    def used_bytes(self) -> int:
        """Bytes of the file that hold something; what was freed is used again."""
        pages, free, page_size = (
            int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * page_size

    def close(self, *, clean: bool) -> None:
        """Close; `clean` spares the next start the check of the whole file."""
        try:
            if clean:
                self.put(clean=1)
        finally:
            self._db.close()


def set_aside(path: Path) -> str:
    """Rename a damaged database and its companions; the name it has now. Raises `OSError`."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    aside = f"{path.name}.damaged-{number}"
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(path.with_name(aside + suffix))
    path.rename(path.with_name(aside))
    return aside


@dataclass(frozen=True, slots=True)
class _Range:
    """A query as SQL: `where` with its values; narrows, the filter has the last word."""

    where: str
    values: tuple[object, ...]


class EventReader:
    """A reading connection, for one thread; its methods raise `sqlite3.Error`."""

    def __init__(self, path: Path, member: MemberId, open_database: Connect) -> None:
        self._member = member
        self._db = open_database(path)
        self._db.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def read(self, query: QueryEvents, waiting: tuple[EventRecord, ...]) -> EventPage:
        """The page a query means; `waiting` are events that could not be written yet."""
        span = self._range(query)
        way = "DESC" if query.last else "ASC"
        cursor = self._db.execute(
            f"SELECT {_COLUMNS} FROM events WHERE {span.where}"  # noqa: S608 - constants only
            f" ORDER BY hlc {way}, boot {way}, seq {way}",
            span.values,
        )
        try:
            return page_of(query, map(self._record, cursor), waiting)
        finally:
            cursor.close()

    def _range(self, query: QueryEvents) -> _Range:
        conditions: list[tuple[str, tuple[object, ...]]] = []
        if query.after_hlc:
            conditions.append(("hlc >= ?", (min(query.after_hlc, _LARGEST),)))
        elif query.after and (parts := split_id(query.after)) and parts[0] == self._member:
            conditions.append(("(boot, seq) > (?, ?)", parts[1:]))
        if query.since:
            conditions.append(("wall >= ?", (query.since,)))
        if query.until:
            conditions.append(("wall <= ?", (query.until,)))
        if query.actor != "*" and "[" not in query.actor:
            conditions.append(("actor GLOB ?", (query.actor,)))
        if query.kind != "*" and "[" not in query.kind and query.kind.isascii():
            conditions.append(("lower(kind) GLOB ?", (query.kind.lower(),)))
        where = " AND ".join(condition for condition, _ in conditions) or "1"
        return _Range(where, tuple(value for _, values in conditions for value in values))

    def _record(
        self, row: tuple[int, int, float, int, str, str, str, str, str, str]
    ) -> EventRecord:
        boot, seq, wall, hlc, actor, kind, text, cause, trace, fields = row
        return EventRecord(
            f"{self._member}:{boot}:{seq}",
            wall,
            hlc,
            actor,
            kind,
            text,
            cause,
            trace,
            _decode(fields),
        )


def _row(record: EventRecord) -> tuple[object, ...]:
    parts = split_id(record.id)
    assert parts is not None
    return (
        *parts[1:],
        record.wall,
        record.hlc,
        record.actor,
        record.kind,
        record.text,
        record.cause,
        record.trace,
        _encode(record.fields).decode(),
    )


def page_of(
    query: QueryEvents, stored: Iterable[EventRecord], waiting: tuple[EventRecord, ...]
) -> EventPage:
    """The page a query means, of `stored` events in the query's order and of those in memory."""
    accepts = Filter.of(query)
    newest_first = bool(query.last)
    extra = sorted(filter(accepts.admits, waiting), key=key, reverse=newest_first)
    written_meanwhile = {key(record) for record in extra}
    found = heapq.merge(
        (r for r in stored if accepts.admits(r) and key(r) not in written_meanwhile),
        extra,
        key=key,
        reverse=newest_first,
    )
    events, more = fitting(found, limit_of(query))
    return EventPage(tuple(reversed(events))) if newest_first else EventPage(events, more)
