"""One build of a package name at a time, below one root: a locked file, free when its holder is."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from actors.errors import Refused


def lock_path(root: Path, name: str) -> Path:
    """The file whose lock a build of packages called `name` holds."""
    return root / "cache" / "src" / f".build-{name}.lock"


@contextlib.contextmanager
def building(root: Path, name: str) -> Iterator[None]:
    """Hold the lock. Raises Refused while another build holds it."""
    path = lock_path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"another build of {name} is under way below {root}; wait for its end", "busy"
            ) from error
        yield
    finally:
        os.close(fd)


def is_building(root: Path, name: str) -> bool:
    """Whether a build holds the lock now."""
    try:
        fd = os.open(lock_path(root, name), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
