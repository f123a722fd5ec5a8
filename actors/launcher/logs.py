"""Follows the files that processes write to, prints their lines, and rotates them.

A process keeps its descriptor for life, so a file is never moved away: what it holds is copied
and the file truncated (O_APPEND: the next write lands at its start). Copying goes in pieces, one a
tick, and only the last one is followed by the truncation at once, so little can be lost between.
A file that shrank was truncated by someone else and is read from its start.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

PrintLine: TypeAlias = Callable[[str, str, str], None]  # preamble, key, text

LINE_BYTES_MAX: Final = 16 * 1024  # a longer line is shown in pieces
READ_BYTES: Final = 64 * 1024  # a file and tick: others get their turn
BACKLOG_BYTES_MAX: Final = 4 * 1024 * 1024  # further behind than this, lines are skipped
COPY_BYTES: Final = 4 * 1024 * 1024  # a tick; copied inside the kernel
POLL_MIN_S: Final = 0.05  # while lines come
POLL_MAX_S: Final = 0.4  # an idle file; doubled from the least, so that all are due together
LAST_READS: Final = 64  # at the end of a process: up to 4 MiB of what it said last
RETRY_ROTATION_S: Final = 60.0  # the disk is full: it will not be better in a tick


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rotate at `size_bytes` (0: never), keep `keep` old files (`.1` is the youngest)."""

    size_bytes: int = 10_000_000
    keep: int = 5


@dataclass(frozen=True, slots=True)
class Output:
    """A file to follow. `fd` (read and write) is the follower's from then on.

    Lines appear as `<prefix>(<key>): …`; without a prefix the file is rotated, not shown.
    """

    path: str
    fd: int
    prefix: str
    key: str


class _Follower:
    """One file: its descriptor, what was read of it, and the copy that is under way."""

    __slots__ = (
        *("copied", "copy_fd", "due_s", "fd", "key", "offset", "part", "path", "poll_s"),
        *("prefix", "rotate_s"),
    )

    def __init__(self, output: Output, now: float) -> None:
        self.path = output.path
        self.fd = output.fd
        self.prefix = output.prefix
        self.key = output.key
        self.offset = os.fstat(output.fd).st_size
        self.part = b""
        self.poll_s = POLL_MIN_S
        self.due_s = now
        self.rotate_s = now
        self.copy_fd = -1
        self.copied = 0


class Logs:
    """All followed files. `tick` does a bounded amount of work; `due_s` is when it has some."""

    def __init__(self, print_line: PrintLine, rotation: Rotation | None = None) -> None:
        self.skipped_bytes = 0
        self.trouble = ""
        self._print = print_line
        self._rotation = rotation or Rotation()
        self._files: dict[str, list[_Follower]] = {}
        self._next_s = _NEVER

    def follow(self, process: str, output: Output, now: float) -> None:
        """Follow a file from its present end until `process` is finished."""
        self._files.setdefault(process, []).append(_Follower(output, now))
        self._next_s = now

    def due_s(self) -> float:
        """The instant of the next tick with something to do; infinity without files."""
        return self._next_s

    def tick(self, now: float) -> None:
        """Show what is new, go on with rotations."""
        if now < self._next_s:
            return
        earliest_s = _NEVER
        for group in self._files.values():
            for file in group:
                if now >= file.due_s:
                    self._turn(file, now)
                earliest_s = min(earliest_s, file.due_s)
        self._next_s = earliest_s

    def finish(self, process: str) -> None:
        """The process ended: show its last words and let go of its files."""
        for file in self._files.pop(process, []):
            with contextlib.suppress(OSError):
                for _ in range(LAST_READS):
                    if not self._read(file):
                        break
                self._flush_part(file)
            if file.copy_fd >= 0:
                self._abandon(file)
            os.close(file.fd)

    def close(self) -> None:
        """Let go of everything."""
        for process in list(self._files):
            self.finish(process)

    def _turn(self, file: _Follower, now: float) -> None:
        try:
            size = os.fstat(file.fd).st_size
            news = size != file.offset and self._read(file)
            if file.copy_fd >= 0:
                self._copy(file, now)
            elif 0 < self._rotation.size_bytes <= size and now >= file.rotate_s:
                self._begin_copy(file)
                news = True
        except OSError as error:
            self.trouble = f"{file.path}: {error.strerror or error}"
            self._abandon(file)
            file.rotate_s = now + RETRY_ROTATION_S
            news = False
        busy = news or file.copy_fd >= 0
        if not busy and file.part and file.poll_s >= POLL_MAX_S:
            self._flush_part(file)  # a prompt, or a line whose end never comes
        file.poll_s = POLL_MIN_S if busy else min(file.poll_s * 2, POLL_MAX_S)
        # On a grid, so that idle files share their wake-ups.
        grid_s = (now // file.poll_s + 1) * file.poll_s
        file.due_s = now if file.copy_fd >= 0 else grid_s

    # ── showing ──

    def _read(self, file: _Follower) -> bool:
        """Show the next piece; whether there was one."""
        size = os.fstat(file.fd).st_size
        if size < file.offset:
            self._flush_part(file)
            file.offset = 0
        behind = size - file.offset
        if behind > BACKLOG_BYTES_MAX:
            self.skipped_bytes += behind - READ_BYTES
            self._flush_part(file)
            if file.prefix:
                text = f"… {behind - READ_BYTES} bytes not shown, see {file.path}"
                self._print(file.prefix, file.key, text)
            file.offset = size - READ_BYTES
        if not file.prefix:
            file.offset = size
            return behind > 0
        data = os.pread(file.fd, READ_BYTES, file.offset)
        file.offset += len(data)
        if data:
            self._show(file, data)
        return bool(data)

    def _show(self, file: _Follower, data: bytes) -> None:
        *lines, rest = (file.part + data).split(b"\n")
        for line in lines:
            self._line(file, line)
        while len(rest) > LINE_BYTES_MAX:
            self._line(file, rest[:LINE_BYTES_MAX])
            rest = rest[LINE_BYTES_MAX:]
        file.part = rest

    def _line(self, file: _Follower, line: bytes) -> None:
        for start in range(0, max(len(line), 1), LINE_BYTES_MAX):
            piece = line[start : start + LINE_BYTES_MAX].removesuffix(b"\r")
            self._print(file.prefix, file.key, _printable(piece.decode(errors="replace")))

    def _flush_part(self, file: _Follower) -> None:
        if file.part:
            part, file.part = file.part, b""
            self._line(file, part)

    # ── rotating ──

    def _begin_copy(self, file: _Follower) -> None:
        if self._rotation.keep > 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            file.copy_fd = os.open(f"{file.path}.0", flags, 0o644)
            owner = os.fstat(file.fd)
            with contextlib.suppress(OSError):
                os.fchmod(file.copy_fd, 0o644)
                os.fchown(file.copy_fd, owner.st_uid, owner.st_gid)
            file.copied = 0
        else:
            self._read(file)
            os.ftruncate(file.fd, 0)
            file.offset = 0

    def _copy(self, file: _Follower, now: float) -> None:
        moved = copy_range(file.fd, file.copy_fd, file.copied, COPY_BYTES)
        file.copied += moved
        size = os.fstat(file.fd).st_size
        if size < file.copied:  # truncated by someone else: nothing left to rotate
            self._abandon(file)
            return
        if size - file.copied >= COPY_BYTES and file.copied < 4 * self._rotation.size_bytes:
            return
        file.copied += copy_range(file.fd, file.copy_fd, file.copied, size)
        os.ftruncate(file.fd, 0)  # nothing may come between this and the copy's last read
        self._show_copied(file)
        os.close(file.copy_fd)
        file.copy_fd = -1
        file.rotate_s = now
        self._shift(file.path)

    def _show_copied(self, file: _Follower) -> None:
        """Show what the copy has and the console has not; the file itself begins anew."""
        behind = file.copied - file.offset
        if file.prefix and behind > 0:
            begin = max(file.offset, file.copied - READ_BYTES)
            self.skipped_bytes += begin - file.offset
            self._show(file, os.pread(file.copy_fd, READ_BYTES, begin))
        file.offset = 0

    def _shift(self, path: str) -> None:
        """`.0` (just copied) becomes `.1`, `.1` `.2`, and so on; the oldest is overwritten."""
        for number in range(self._rotation.keep, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}.{number - 1}", f"{path}.{number}")

    def _abandon(self, file: _Follower) -> None:
        if file.copy_fd >= 0:
            os.close(file.copy_fd)
            file.copy_fd = -1
            with contextlib.suppress(OSError):
                os.unlink(f"{file.path}.0")


_NEVER: Final = float("inf")


def copy_range(source: int, target: int, offset: int, count: int) -> int:
    """Append up to `count` bytes of `source` from `offset` on to `target`; returns how many."""
    done = 0
    while done < count:
        try:
            moved = os.copy_file_range(source, target, count - done, offset + done)
        except (OSError, AttributeError):  # not this file system, or not Linux
            data = os.pread(source, min(count - done, READ_BYTES), offset + done)
            moved = os.write(target, data) if data else 0
        if not moved:
            break
        done += moved
    return done


def _printable(text: str) -> str:
    """Without the control characters that would disturb a terminal or forge another line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\t\x1b" else "�" for c in text)
