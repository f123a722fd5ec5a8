"""The durable process table: what runs, so that the next launcher can adopt it.

A journal of JSON lines, each with a checksum: a header, then a line for each process that began
(`+`), changed hands (`=`) or is gone (`-`), rewritten (temporary name, rename) when most of it is
history. A line is one `write`, so it is there or not when the launcher is killed. Nothing is
fsynced: after a power cut the boot id differs and no process of the table can be alive.
There are two copies, each line numbered, so that what is damaged in one is read in the other.
Damage is told (`damaged`, the file set aside), a table of another boot is empty: no content
prevents a start. What both have lost, `actors.launcher.marks` finds among the living processes.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import zlib
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from actors.launcher.protocol import Start

HISTORY_MAX: Final = 512  # lines about the past before the journal is rewritten
VERSION: Final = 1
COPY: Final = ".copy"  # what the second copy's name ends with
ASIDE: Final = ".damaged"  # and what a damaged one is renamed to


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


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    item.name: {
        "str": (str,),
        "int": (int,),
        "bool": (bool,),
        "float": (float, int),
        "tuple[str, ...]": (tuple,),
    }[str(item.type)]
    for item in fields(Entry)
}


class ProcessTable:
    """The journal at `path` and its copy, for this `boot_id`.

    `trouble` holds the last write error, or ''; `damaged` what the start found: file → where it
    was set aside, `skipped` how many lines of both could not be read.
    """

    def __init__(self, path: str, boot_id: str) -> None:
        self.entries: dict[str, Entry] = {}
        self.damaged: dict[str, str] = {}
        self.skipped = 0
        self._copies = (_Copy(path), _Copy(path + COPY))
        self._boot_id = boot_id
        self._history = 0
        self._number = 0  # of the last line
        self._load()
        self._rewrite()

    @property
    def trouble(self) -> str:
        """Why a copy cannot be written, or ''."""
        return next((copy.trouble for copy in self._copies if copy.trouble), "")

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
        for copy in self._copies:
            copy.close()
            if not self.entries:
                copy.remove()

    def _load(self) -> None:
        lines: dict[int, dict[str, Any]] = {}
        dated = False
        for copy in self._copies:
            records = copy.read()
            if records is None:
                continue
            good = [record for record in records if record is not None]
            boots = {record["boot"] for record in good if "boot" in record}
            if boots - {self._boot_id} or not self._boot_id:
                continue  # all of them ended with that boot
            dated = dated or bool(boots)
            if len(good) < len(records) or not boots:
                self.skipped += len(records) - len(good)
                self.damaged[os.path.basename(copy.path)] = copy.set_aside()
            for at, record in enumerate(good):
                lines.setdefault(_number(record, at), record)
        for number in sorted(lines) if dated else ():  # without a header: perhaps another boot's
            self._number = number
            if not self._replay(lines[number]):
                self.skipped += 1

    def _replay(self, record: dict[str, Any]) -> bool:
        if "boot" in record:
            self.entries.clear()  # a rewritten table: the present follows
            return True
        try:
            kind, body = record["op"], record["body"]
            if kind == "+":
                entry = entry_of(body)
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
        if self.trouble or self._history > HISTORY_MAX + 2 * len(self.entries):
            self._rewrite()
            return
        line = self._sealed({"op": kind, "body": body})
        for copy in self._copies:
            copy.append(line)  # where it fails, the next change rewrites the whole

    def _rewrite(self) -> None:
        """Put the present alone in the journal's place."""
        lines = [self._sealed({"version": VERSION, "boot": self._boot_id})]
        lines += [self._sealed({"op": "+", "body": asdict(e)}) for e in self.entries.values()]
        for copy in self._copies:
            copy.rewrite(lines)
        self._history = 0

    def _sealed(self, record: dict[str, Any]) -> bytes:
        self._number += 1
        return _seal({"n": self._number, **record})


class _Copy:
    """One file of the journal."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.trouble = ""
        self._fd = -1

    def read(self) -> list[dict[str, Any] | None] | None:
        """Its lines, None for one that is damaged; None if there is no file."""
        try:
            with open(self.path, "rb") as file:
                return [_unseal(line) for line in file.read().split(b"\n") if line]
        except FileNotFoundError:
            return None
        except OSError:
            return []

    def set_aside(self) -> str:
        """Rename it, in the place of one set aside before; its new name, or ''."""
        try:
            os.replace(self.path, self.path + ASIDE)
        except OSError:
            return ""
        return os.path.basename(self.path) + ASIDE

    def append(self, line: bytes) -> None:
        """Add a line, in one write."""
        try:
            short = os.write(self._fd, line) != len(line)
            self.trouble = "short write" if short else ""
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def rewrite(self, lines: list[bytes]) -> None:
        """Write these lines alone under a temporary name, and put that in the file's place."""
        temporary = f"{self.path}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        try:
            fd = os.open(temporary, flags, 0o600)  # it holds command lines
            try:
                for line in lines:
                    if os.write(fd, line) != len(line):
                        raise OSError(0, "short write")  # noqa: TRY301
                os.rename(temporary, self.path)
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            self.trouble = error.strerror or str(error)
            return
        self.close()
        self._fd, self.trouble = fd, ""

    def close(self) -> None:
        """Write no more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def remove(self) -> None:
        """Nothing is left to adopt."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)


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


def entry_for(start: Start) -> Entry:
    """What the table is to hold, but for the process's identity."""
    return Entry(
        key=start.key,
        pid=0,
        start_ticks=0,
        started_s=0.0,
        owner=start.owner,
        ends_with_owner=start.ends_with_owner,
        leader=start.leader_until_s > 0,
        stop_signal=start.stop_signal,
        stop_timeout_s=start.stop_timeout_s,
        prefix=start.prefix,
        stdout=start.stdout,
        stderr=start.stderr,
        argv=start.argv,
    )


def _number(record: dict[str, Any], at: int) -> int:
    number = record.get("n", at)  # an earlier release wrote none
    return number if type(number) is int else at


def entry_of(body: dict[str, Any]) -> Entry:
    """An entry from its record; a later release's fields are dropped, missing ones defaulted.

    Raises KeyError, TypeError or ValueError for what is none.
    """
    known = {item.name: body[item.name] for item in fields(Entry) if item.name in body}
    entry = Entry(**{**known, "argv": tuple(known.get("argv", ()))})
    for item in fields(Entry):
        value, wanted = getattr(entry, item.name), _TYPES[item.name]
        if type(value) not in wanted or (type(value) is float and not math.isfinite(value)):
            raise TypeError(item.name)
    if entry.pid <= 1 or not all(type(word) is str for word in entry.argv):
        raise ValueError("not a process")
    return entry
