"""A power cut at every system call, with every outcome a disk may leave behind.

What is not fsynced may be lost or half there; names not fsynced may be missing, in journal order.
"""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.adapters.store import FileStore
from actors.adapters.syscalls import Syscalls


class PowerCut(OSError):  # noqa: N818 - it is what happens, not what went wrong
    def __init__(self) -> None:
        super().__init__(errno.EIO, "power cut")


class Disk(Syscalls):
    """A disk that loses its power after `budget` calls, and then forgets what was not fsynced."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.paths: dict[int, Path] = {}
        self.dirty: set[Path] = set()
        self.undo: list[tuple[Path, Callable[[], None]]] = []

    def _spend(self) -> None:
        if self.budget <= 0:
            raise PowerCut
        self.budget -= 1

    def create(self, path: Path) -> int:
        self._spend()
        fd = super().create(path)
        self.paths[fd] = path
        self.dirty.add(path)
        return fd

    def write(self, fd: int, data: bytes) -> None:
        if self.budget <= 0:
            super().write(fd, data[: len(data) // 2])
        self._spend()
        super().write(fd, data)

    def fsync(self, fd: int) -> None:
        self._spend()
        super().fsync(fd)
        self.dirty.discard(self.paths[fd])

    def rename(self, old: Path, new: Path) -> None:
        self._spend()
        before = new.read_bytes() if new.exists() else None
        super().rename(old, new)
        if old in self.dirty:
            self.dirty.remove(old)
            self.dirty.add(new)
        self.undo.append((new.parent, lambda: _put(new, before)))

    def unlink(self, path: Path) -> None:
        self._spend()
        before = path.read_bytes() if path.exists() else None
        super().unlink(path)
        self.undo.append((path.parent, lambda: _put(path, before)))

    def mkdir(self, path: Path) -> None:
        self._spend()
        super().mkdir(path)

    def sync_directory(self, path: Path) -> None:
        self._spend()
        super().sync_directory(path)
        self.undo = [(parent, back) for parent, back in self.undo if parent != path]

    def settle(self, names_kept: int, bytes_kept: float) -> None:
        """Leave the first `names_kept` unsynced renames and a part of each unsynced file."""
        for path in self.dirty:
            if path.exists():
                content = path.read_bytes()
                path.write_bytes(content[: int(len(content) * bytes_kept)])
        for _, back in reversed(self.undo[names_kept:]):
            back()


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def run(store: FileStore, writes: dict[str, bytes | None]) -> dict[str, str | None]:
    answers: dict[str, str | None] = {}
    heard = threading.Event()

    def done(path: str, reason: str | None) -> None:
        answers[path] = reason
        if len(answers) == len(writes):
            heard.set()

    for path, data in writes.items():
        store.write(path, data, True, lambda reason, path=path: done(path, reason))
    assert heard.wait(10)
    return answers


def contents(root: Path, paths: list[str]) -> dict[str, bytes | None]:
    store = FileStore(root)
    found: dict[str, bytes | None] = {}
    asides: list[str | None] = []

    def note(path: str, data: bytes | None, aside: str | None) -> None:
        found[path] = data
        asides.append(aside)

    for path in paths:
        store.read(path, True, lambda data, aside, path=path: note(path, data, aside))
    store.close()
    assert set(asides) == {None}, "a power cut must not even damage a file"
    assert list(root.rglob(".habring-tmp-*")) == []
    return found


OLD: dict[str, bytes | None] = {"INCARNATION": b"old 1", "specs/a": b"old 2", "specs/b": b"old 3"}
NEW: dict[str, bytes | None] = {
    "INCARNATION": b"new 1",
    "specs/a": None,
    "specs/b": b"new 3",
    "specs/c": b"new 4",
}


@pytest.mark.parametrize("bytes_kept", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("names_kept", [0, 1, 2, 3, 9])
def test_after_a_power_cut_anywhere_each_file_is_old_or_new_and_what_was_accepted_is_new(
    tmp_path: Path, names_kept: int, bytes_kept: float
) -> None:
    finished = False
    for budget in range(100):
        root = tmp_path / f"cut-{budget}"
        store = FileStore(root)
        assert set(run(store, OLD).values()) == {None}
        store.close()

        disk = Disk(budget)
        store = FileStore(root, disk)
        answers = run(store, NEW)
        store.close()
        disk.settle(names_kept, bytes_kept)

        found = contents(root, list(NEW))
        for path, data in found.items():
            if answers[path] is None:
                assert data == NEW[path]
            else:
                assert data in {OLD.get(path), NEW[path]}
        if set(answers.values()) == {None}:
            finished = True
            break
    assert finished
