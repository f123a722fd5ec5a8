"""The few system calls that make a file durable, as an object, so that tests can cut the power."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700


class Syscalls:
    """What the store does to a disk; every method raises `OSError`."""

    def create(self, path: Path) -> int:
        """Open a new file for writing, for its owner alone."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)

    def write(self, fd: int, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def fsync(self, fd: int) -> None:
        """Wait until the file's content is on the disk."""
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Close a file."""
        os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file a name, taking it from whatever had it, in one step."""
        os.rename(old, new)  # noqa: PTH104 - one system call, as named

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        os.unlink(path)  # noqa: PTH108 - one system call, as named

    def mkdir(self, path: Path) -> None:
        """Make a directory for its owner alone."""
        os.mkdir(path, DIRECTORY_MODE)  # noqa: PTH102 - one system call, as named

    def sync_directory(self, path: Path) -> None:
        """Wait until the names in a directory are on the disk."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self, path: Path) -> bytes:
        """Read a whole file."""
        return path.read_bytes()
