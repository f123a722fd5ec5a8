"""State files on a real disk: one thread, group commit, checksums, damaged files set aside."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from actors.adapters.commit import GroupCommit, locate
from actors.adapters.sealed import seal, unseal
from actors.adapters.syscalls import Syscalls

_log = logging.getLogger(__name__)

MOST_ASIDE: Final = 99  # a disk that damages a file at each start must not fill up with copies
CLOSED: Final = "the store is closed"

WriteDone: TypeAlias = Callable[[str | None], None]
ReadDone: TypeAlias = Callable[[bytes | None, str | None], None]


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


_Request: TypeAlias = _Write | _Read | None


class FileStore:
    """`ports.Store` below a directory. Requests are served in order, on one thread.

    Writes that wait together are committed together; of two that name the same file only the later
    is written, and both hear how that went. Files are for their owner alone (0600, directories
    0700). Paths that would leave the directory are refused.
    """

    def __init__(self, directory: Path, calls: Syscalls | None = None) -> None:
        self._root = directory
        self._calls = calls or Syscalls()
        self._group = GroupCommit(directory, self._calls)
        self._lock = threading.Lock()
        self._closed = False
        self._queue: SimpleQueue[_Request] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def write(self, path: str, data: bytes | None, sealed: bool, done: WriteDone) -> None:
        """Make durable (None removes), then `done(None)`, or `done(reason)`.

        After a reason the file holds its old content, or the new where only the last step failed.
        """
        content = seal(data) if sealed and data is not None else data
        if not self._enqueue(_Write(path, content, done)):
            done(CLOSED)

    def read(self, path: str, sealed: bool, done: ReadDone) -> None:
        """Read, then `done(data or None, name it was set aside under or None)`.

        A file that can be neither read nor moved is reported under its own name.
        """
        if not self._enqueue(_Read(path, sealed, done)):
            done(None, None)

    def close(self) -> None:
        """Serve what is queued, then end the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _enqueue(self, request: _Write | _Read) -> bool:
        with self._lock:
            if not self._closed:
                self._queue.put(request)
            return not self._closed

    # ── the thread ──

    def _run(self) -> None:
        try:
            self._group.prepare()
        except OSError:
            _log.exception("cannot prepare %s", self._root)  # each request will say so as well
        while True:
            batch = [self._queue.get()]
            with contextlib.suppress(Empty):
                while True:
                    batch.append(self._queue.get_nowait())
            for kind, run in groupby(batch, key=type):
                requests = list(run)
                if kind is _Write:
                    self._commit([request for request in requests if isinstance(request, _Write)])
                for request in requests:
                    if isinstance(request, _Read):
                        _call(request.done, *self._load(request.path, request.sealed))
                    elif request is None:
                        return

    def _commit(self, writes: list[_Write]) -> None:
        reasons = self._group.commit({write.path: write.content for write in writes})
        for write in writes:
            _call(write.done, reasons[write.path])

    def _load(self, path: str, sealed: bool) -> tuple[bytes | None, str | None]:
        try:
            content = self._calls.read(locate(self._root, path))
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except (OSError, ValueError) as error:
            _log.warning("cannot read %s: %s", path, error)
            return None, self._set_aside(path) if sealed else path
        data = unseal(content) if sealed else content
        return (data, None) if data is not None else (None, self._set_aside(path))

    def _set_aside(self, path: str) -> str:
        """Rename a damaged file out of the way; its own name if that fails too."""
        names = [f"{path}.damaged-{number}" for number in range(1, MOST_ASIDE + 1)]
        free = (name for name in names if not os.path.lexists(self._root / name))
        try:
            target = locate(self._root, path)
            aside = next(free, names[-1])
            self._calls.rename(target, self._root / aside)
            self._calls.sync_directory(target.parent)
        except (OSError, ValueError) as error:
            _log.warning("cannot set %s aside: %s", path, error)
            return path
        return aside


def _call(done: Callable[..., None], *answer: bytes | str | None) -> None:
    try:
        done(*answer)
    except BaseException:  # noqa: BLE001 - a caller's mistake must not end the store
        _log.exception("a caller of the store raised")
