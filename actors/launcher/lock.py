"""One launcher a state directory: an exclusive flock on its file `LOCK`, held for life.

The file holds the launcher's pid for people and for `hab sup term`; only the lock counts, so what
an earlier one left in it never blocks. The kernel drops the lock with the process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import Final

_RETRY_S: Final = 0.6  # someone asking who holds the lock holds it himself for a moment
_STEP_S: Final = 0.05


class LockHeldError(Exception):
    """Another launcher runs on this directory; `holder` is its pid, or None if it does not say."""

    def __init__(self, path: str, holder: int | None) -> None:
        text = f"Could not acquire exclusive lock on lock file '{path}'."
        super().__init__(f"{text} Is another Supervisor process running?")
        self.holder = holder


def acquire(path: str) -> int:
    """Take the lock and write our pid; returns the descriptor that holds it.

    Raises `LockHeldError`, or `OSError` when the file cannot be used at all.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    deadline = time.monotonic() + _RETRY_S
    while not _try(fd, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            holder = _pid(fd)
            os.close(fd)
            raise LockHeldError(path, holder)
        time.sleep(_STEP_S)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def holder(path: str) -> int | None:
    """The pid of the launcher that holds the lock now; None when nobody does.

    0 when somebody does whose pid cannot be read (it is just starting).
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try(fd, fcntl.LOCK_SH):
            return None
        return _pid(fd) or 0
    finally:
        os.close(fd)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _pid(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).strip()
    return int(text) if text.isdigit() else None
