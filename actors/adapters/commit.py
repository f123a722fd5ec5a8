"""Group commit: several state files made durable together, each failing or succeeding alone.

Each new content goes to a temporary file beside its target and is fsynced before it is renamed;
then each directory is fsynced once. After a power cut a file holds its old content or its new,
and the new one once success was reported (Pillai et al., "All File Systems Are Not Created Equal",
OSDI 2014, on why each step is needed).

A failed fsync is not tried again on the same file: the kernel may have dropped the dirty pages and
call the next one a success. The temporary file is thrown away and the reason reported.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path, PurePosixPath

from actors.adapters.syscalls import Syscalls

_TEMPORARY = re.compile(r"\.habring-tmp-\d+-\d+")


def locate(root: Path, path: str) -> Path:
    """Find the file `path` names below `root`; `ValueError` for one that would lie outside."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in path:
        raise ValueError(f"{path!r} is not a path below the state directory")
    if _TEMPORARY.fullmatch(pure.name):
        raise ValueError(f"{path!r} is a name kept for temporary files")
    return root / pure


def reason_of(error: OSError | ValueError) -> str:
    """Say why, for people and for tests: `ENOSPC: No space left on device`."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{errno.errorcode.get(error.errno, error.errno)}: {os.strerror(error.errno)}"
    return str(error)


class _File:
    """One file on its way; `reason` once it has failed."""

    __slots__ = ("content", "fd", "path", "reason", "target", "temporary")

    def __init__(self, path: str, content: bytes | None) -> None:
        self.path = path
        self.content = content
        self.target = Path()
        self.temporary: Path | None = None
        self.fd: int | None = None
        self.reason: str | None = None


def _attempt(files: list[_File], act: Callable[[_File], None]) -> None:
    for file in files:
        if file.reason is None:
            try:
                act(file)
            except (OSError, ValueError) as error:
                file.reason = reason_of(error)


class GroupCommit:
    """Makes groups of files below `root` durable; for one thread."""

    def __init__(self, root: Path, calls: Syscalls) -> None:
        self._root = root
        self._calls = calls
        self._numbers = count()
        self._visited: set[Path] = set()

    def prepare(self) -> None:
        """Make the root, and clear what an earlier process left half written below it."""
        self._make_directory(self._root)
        children = [child for child in self._root.iterdir() if not child.is_symlink()]
        for directory in [self._root, *sorted(child for child in children if child.is_dir())]:
            self._clear(directory)

    def commit(self, contents: Mapping[str, bytes | None]) -> dict[str, str | None]:
        """Write (None removes) all of path → content; path → why it failed, or None.

        After a reason the file holds its old content, or the new where only the fsync of its
        directory failed.
        """
        files = [_File(path, content) for path, content in contents.items()]
        written = [file for file in files if file.content is not None]
        removed = [file for file in files if file.content is None]
        _attempt(files, self._locate)
        _attempt(written, self._create)
        _attempt(written, self._fill)
        _attempt(written, self._sync)
        for file in written:
            self._close(file)
        _attempt(written, self._rename)
        _attempt(removed, self._remove)
        for file in written:
            self._discard(file)
        self._sync_directories(files)
        return {file.path: file.reason for file in files}

    def _locate(self, file: _File) -> None:
        file.target = locate(self._root, file.path)
        if file.content is not None or file.target.parent.is_dir():
            self._make_directory(file.target.parent)
            self._clear(file.target.parent)

    def _create(self, file: _File) -> None:
        name = f".habring-tmp-{os.getpid()}-{next(self._numbers)}"
        file.temporary = file.target.parent / name
        file.fd = self._calls.create(file.temporary)

    def _fill(self, file: _File) -> None:
        assert file.fd is not None
        assert file.content is not None
        self._calls.write(file.fd, file.content)

    def _sync(self, file: _File) -> None:
        assert file.fd is not None
        self._calls.fsync(file.fd)

    def _close(self, file: _File) -> None:
        if file.fd is not None:
            with contextlib.suppress(OSError):  # after a good fsync close has nothing to lose
                self._calls.close(file.fd)

    def _rename(self, file: _File) -> None:
        assert file.temporary is not None
        self._calls.rename(file.temporary, file.target)
        file.temporary = None

    def _remove(self, file: _File) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._calls.unlink(file.target)

    def _discard(self, file: _File) -> None:
        if file.temporary is not None:
            with contextlib.suppress(OSError):
                self._calls.unlink(file.temporary)

    def _sync_directories(self, files: list[_File]) -> None:
        done = [file for file in files if file.reason is None and file.target.parent.is_dir()]
        for directory in sorted({file.target.parent for file in done}):
            here = [file for file in done if file.target.parent == directory]
            try:
                self._calls.sync_directory(directory)
            except OSError as error:
                for file in here:
                    file.reason = reason_of(error)

    def _make_directory(self, directory: Path) -> None:
        """Make a directory and its parents, durably."""
        if directory.is_dir():
            return
        self._make_directory(directory.parent)
        with contextlib.suppress(FileExistsError):
            self._calls.mkdir(directory)
        self._calls.sync_directory(directory.parent)

    def _clear(self, directory: Path) -> None:
        """Remove leftover temporary files, once a directory: the lock keeps others out."""
        if directory in self._visited:
            return
        self._visited.add(directory)
        with contextlib.suppress(OSError):
            for child in directory.iterdir():
                if _TEMPORARY.fullmatch(child.name):
                    self._calls.unlink(child)
