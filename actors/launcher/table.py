"""The durable process table: what runs, so that the next launcher can adopt it.

A journal of JSON lines, each with a checksum: a header, then a line for each process that began
(`+`), changed hands (`=`) or is gone (`-`), rewritten (temporary name, rename) when most of it is
history. A line is one `write`, so it is there or not when the launcher is killed. Nothing is
fsynced: after a power cut the boot id differs and no process of the table can be alive.
A damaged line is skipped, a table of another boot is empty: no content prevents a start.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

HISTORY_MAX: Final = 512  # lines about the past before the journal is rewritten
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One live process; (boot id, pid, start_ticks) is its identity.

    `leader`: it was in the leader role when last heard. `prefix` and the paths are for following
    its output.
    """

    key: str
    pid: int
    start_ticks: int
    started_s: float
    owner: str = ""
    ends_with_owner: bool = False
    leader: bool = False
    stop_signal: str = "TERM"
    stop_timeout_s: float = 8.0
    prefix: str = ""
    stdout: str = ""
    stderr: str = ""
    argv: tuple[str, ...] = ()


class ProcessTable:
    """The journal at `path` for this `boot_id`; `trouble` holds the last write error, or ''."""

    def __init__(self, path: str, boot_id: str) -> None:
        self.entries: dict[str, Entry] = {}
        self.skipped = 0
        self.trouble = ""
        self._path = path
        self._boot_id = boot_id
        self._history = 0
        self._fd = -1
        self._load()
        self._rewrite()

    def begin(self, entry: Entry) -> None:
        """A process began; on return it is in the table for whoever survives us."""
        self.entries[entry.key] = entry
        self._append("+", asdict(entry))

    def record(self, key: str, owner: str, leader: bool) -> None:
        """It changed its owner or its role."""
        entry = self.entries.get(key)
        if entry is not None and (entry.owner, entry.leader) != (owner, leader):
            self.entries[key] = replace(entry, owner=owner, leader=leader)
            self._append("=", {"key": key, "owner": owner, "leader": leader})

    def forget(self, key: str) -> None:
        """It is gone."""
        if self.entries.pop(key, None) is not None:
            self._append("-", {"key": key})

    def close(self) -> None:
        """Close the journal, and remove it when nothing is left to adopt."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if not self.entries:
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _load(self) -> None:
        try:
            with open(self._path, "rb") as file:
                lines = file.read().split(b"\n")
        except OSError:
            return
        records = [_unseal(line) for line in lines if line]
        header = records[0] if records else None
        if header is None or header.get("boot") != self._boot_id or not self._boot_id:
            self.skipped = len(records)
            return
        for record in records[1:]:
            if record is None or not self._replay(record):
                self.skipped += 1

    def _replay(self, record: dict[str, Any]) -> bool:
        try:
            kind, body = record["op"], record["body"]
            if kind == "+":
                entry = _entry(body)
                self.entries[entry.key] = entry
            elif kind == "=":
                old = self.entries[body["key"]]
                new = replace(old, owner=str(body["owner"]), leader=bool(body["leader"]))
                self.entries[old.key] = new
            else:
                self.entries.pop(body["key"], None)
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def _append(self, kind: str, body: dict[str, Any]) -> None:
        self._history += 1
        if self._fd < 0 or self.trouble or self._history > HISTORY_MAX + 2 * len(self.entries):
            self._rewrite()
            return
        line = _seal({"op": kind, "body": body})
        try:
            if os.write(self._fd, line) != len(line):
                self.trouble = "short write"  # the next change rewrites the whole
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def _rewrite(self) -> None:
        """Write the present alone under a temporary name and put it in the journal's place."""
        lines = [_seal({"version": VERSION, "boot": self._boot_id})]
        lines += [_seal({"op": "+", "body": asdict(entry)}) for entry in self.entries.values()]
        temporary = f"{self._path}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            fd = os.open(temporary, flags, 0o600)  # it holds command lines
            try:
                for line in lines:
                    if os.write(fd, line) != len(line):
                        raise OSError(0, "short write")  # noqa: TRY301
                os.rename(temporary, self._path)
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._history, self.trouble = fd, 0, ""


def _seal(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _unseal(line: bytes) -> dict[str, Any] | None:
    crc, _, text = line.partition(b" ")
    if crc != b"%08x" % zlib.crc32(text):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _entry(body: dict[str, Any]) -> Entry:
    """An entry from its record; a later release's fields are dropped, missing ones defaulted."""
    known = {item.name: body[item.name] for item in fields(Entry) if item.name in body}
    entry = Entry(**{**known, "argv": tuple(known.get("argv", ()))})
    if type(entry.pid) is not int or entry.pid <= 1 or type(entry.key) is not str:
        raise ValueError("not a process")
    return entry
