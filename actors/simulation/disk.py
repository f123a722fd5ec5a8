"""A simulated disk, which outlives the processes that write to it, and the store on it.

The store commits as the real one does: temporary name, fsync, rename, fsync of the directory. So a
write that was answered is there after any crash; one that was not may be there or not; and where
the plan lets the disk itself misbehave (`tear`), the file may hold a prefix, garbage, or nothing.
Sealed files carry a checksum, so a torn one is noticed and set aside.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from actors.simulation.scheduler import SECOND, Life, Scheduler

DIGEST_BYTES: Final = 16
MOST_ASIDE: Final = 99  # damaged copies kept of one file
FLUSHED_S: Final = 5.0  # after so long a kernel has written a directory by itself

WriteDone: TypeAlias = Callable[[str | None], None]
ReadDone: TypeAlias = Callable[[bytes | None, str | None], None]


@dataclass(slots=True)
class DiskFaults:
    """What the disk does wrong at present: `failing` is the reason every write fails with.

    `tear`: how likely a write in flight leaves a torn file when its process or machine dies.
    Times in seconds: a commit takes `commit_s` up to twice that, with a rare `stall_s`.
    """

    failing: str = ""
    tear: float = 0.0
    commit_s: float = 0.004
    stall: float = 0.001
    stall_s: float = 0.5


@dataclass(slots=True)
class Disk:
    """The files of one machine, path → content (sealed content included), and its faults."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: DiskFaults = field(default_factory=DiskFaults)
    unsynced: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)

    def put(self, path: str, content: bytes | None, now: int) -> None:
        """Rename a file into its place, or remove it: no power cut survives that by itself."""
        self.unsynced.setdefault(path, (now, self.files.get(path)))
        if content is None:
            self.files.pop(path, None)
        else:
            self.files[path] = content

    def sync_directory(self) -> None:
        """Make durable which names there are, and what they name."""
        self.unsynced.clear()

    def lose_power(self, now: int, draw: random.Random) -> None:
        """Names that no sync made durable are as they were, unless the kernel wrote them."""
        for path, (at_ns, before) in self.unsynced.items():
            if now - at_ns < FLUSHED_S * SECOND and draw.random() < 0.5:
                self.files.pop(path, None)
                if before is not None:
                    self.files[path] = before
        self.unsynced.clear()

    def damage(self, path: str, draw: random.Random) -> None:
        """Tear a file: a prefix of it, garbage, a flipped bit, or nothing is left."""
        content = self.files.get(path)
        if content is not None:
            self.files[path] = torn(content, draw)


@dataclass(frozen=True, slots=True)
class _Write:
    path: str
    content: bytes | None
    done: WriteDone


@dataclass(frozen=True, slots=True)
class _Read:
    path: str
    sealed: bool
    done: ReadDone


class SimulatedStore:
    """`ports.Store` of one process life: one batch at a time, in order, each in sampled time."""

    def __init__(self, scheduler: Scheduler, life: Life, disk: Disk, draw: random.Random) -> None:
        self._scheduler = scheduler
        self._life = life
        self._disk = disk
        self._random = draw
        self.on_change: Callable[[str], None] = lambda _path: None  # a file is another now
        self._queue: list[_Write | _Read] = []
        self._batch: list[_Write | _Read] = []  # on its way to the disk

    def write(self, path: str, data: bytes | None, sealed: bool, done: WriteDone) -> None:
        """Make durable (None removes), then `done(None)` or `done(reason)`."""
        content = seal(data) if sealed and data is not None else data
        self._add(_Write(path, content, done))

    def read(self, path: str, sealed: bool, done: ReadDone) -> None:
        """`done(data or None, name it was set aside under or None)`."""
        self._add(_Read(path, sealed, done))

    def crash(self, *, power: bool) -> None:
        """The process died (or the machine lost `power`) now, whatever was being written."""
        if power:
            self._disk.lose_power(self._scheduler.now, self._random)
        for request in self._batch:
            if isinstance(request, _Write):
                self._leave(request, power=power)
        self._batch.clear()
        self._queue.clear()

    # ── the writer ──

    def _add(self, request: _Write | _Read) -> None:
        self._queue.append(request)
        if not self._batch:
            self._begin()

    def _begin(self) -> None:
        faults, draw = self._disk.faults, self._random
        self._batch, self._queue = self._queue, []
        took_s = faults.commit_s * (1 + draw.random())
        if draw.random() < faults.stall:
            took_s += faults.stall_s * draw.random()
        due = self._scheduler.now + int(took_s * SECOND)
        self._scheduler.at(due, self._life, self._finish)

    def _finish(self) -> None:
        batch, self._batch = self._batch, []
        failing = self._disk.faults.failing
        answers: list[Callable[[], None]] = []
        for request in batch:
            if isinstance(request, _Read):
                answers.append(partial(request.done, *self._load(request)))
            elif failing:
                answers.append(partial(request.done, failing))
            else:
                self._disk.put(request.path, request.content, self._scheduler.now)
                self.on_change(request.path)
                answers.append(partial(request.done, None))
        self._disk.sync_directory()
        if self._queue:
            self._begin()
        for answer in answers:
            answer()

    def _leave(self, write: _Write, *, power: bool) -> None:
        """What a write in flight leaves behind: the old content, the new, or worse."""
        draw, faults = self._random, self._disk.faults
        if write.content is not None and draw.random() < faults.tear:
            self._disk.files[write.path] = torn(write.content, draw)
        # A killed process may have got as far as the rename; a power cut undoes an unsynced one.
        elif draw.random() < (0.25 if power else 0.5):
            self._disk.put(write.path, write.content, self._scheduler.now)
            self._disk.sync_directory()

    def _load(self, read: _Read) -> tuple[bytes | None, str | None]:
        content = self._disk.files.get(read.path)
        if content is None:
            return None, None
        if not read.sealed:
            return content, None
        data = unseal(content)
        return (data, None) if data is not None else (None, self._set_aside(read.path))

    def _set_aside(self, path: str) -> str:
        files = self._disk.files
        names = (f"{path}.damaged-{number}" for number in range(1, MOST_ASIDE + 1))
        aside = next((name for name in names if name not in files), f"{path}.damaged-{MOST_ASIDE}")
        files[aside] = files.pop(path)
        return aside


def seal(data: bytes) -> bytes:
    """`data` behind its checksum."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest() + data


def unseal(content: bytes) -> bytes | None:
    """The data of sealed content; None if it was torn or altered."""
    data = content[DIGEST_BYTES:]
    return data if seal(data) == content else None


def torn(content: bytes, draw: random.Random) -> bytes:
    """What may be left of `content`: a prefix, garbage of its length, a flipped bit, nothing."""
    if not content:
        return b"\0"
    match draw.randrange(4):
        case 0:
            return content[: draw.randrange(len(content))]
        case 1:
            return draw.randbytes(len(content))
        case 2:
            flipped = bytearray(content)
            flipped[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            return bytes(flipped)
        case _:
            return b""
