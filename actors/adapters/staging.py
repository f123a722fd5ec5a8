"""Directories on their way into or out of the store: not yet, or no longer, packages.

Each is locked by who works in it. One that nobody holds is what a killed process left, and goes
with the next install or uninstall beside it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from actors.adapters.trees import make_directories, remove_tree

STAGING: Final = ".hab-pkg-install-"  # Habitat's name for what is not yet a package
STALE_S: Final = 60.0  # between making a directory and locking it lie microseconds


@contextlib.contextmanager
def staged(parent: Path, release: str) -> Iterator[Path]:
    """An empty directory of our own in `parent`, gone afterwards with what is left in it."""
    outer = _make(parent, release)
    lock = os.open(outer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_stale(parent)
        yield outer
    finally:
        remove_tree(outer)
        os.close(lock)


def remove_stale(parent: Path) -> None:
    """Remove what processes that are no more have left in `parent`."""
    for path in parent.glob(f"{STAGING}*"):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # gone meanwhile
        try:
            if time.time() - os.fstat(fd).st_mtime > STALE_S:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(path)
        except BlockingIOError:
            pass  # somebody works in it
        finally:
            os.close(fd)


def _make(parent: Path, release: str) -> Path:
    while True:
        make_directories(parent)
        try:
            return Path(tempfile.mkdtemp(prefix=f"{STAGING}{release}", dir=parent))
        except FileNotFoundError:  # an uninstall just took the empty parent away
            continue
