import errno
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.adapters.sealed import seal
from actors.adapters.store import CLOSED, FileStore
from actors.adapters.syscalls import Syscalls


def write(store: FileStore, path: str, data: bytes | None, *, sealed: bool = True) -> str | None:
    answers: list[str | None] = []
    heard = threading.Event()
    store.write(path, data, sealed, lambda reason: (answers.append(reason), heard.set())[0])
    assert heard.wait(10)
    return answers[0]


def read(store: FileStore, path: str, *, sealed: bool = True) -> tuple[bytes | None, str | None]:
    answers: list[tuple[bytes | None, str | None]] = []
    heard = threading.Event()
    store.read(path, sealed, lambda *answer: (answers.append(answer), heard.set())[0])
    assert heard.wait(10)
    return answers[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileStore]:
    store = FileStore(tmp_path / "sup")
    yield store
    store.close()


def test_a_write_is_read_back_also_by_the_next_process(store: FileStore, tmp_path: Path) -> None:
    assert write(store, "INCARNATION", b"7") is None
    assert write(store, "specs/redis.spec", b"ident = 'core/redis'", sealed=False) is None
    assert read(store, "INCARNATION") == (b"7", None)
    store.close()
    again = FileStore(tmp_path / "sup")
    assert read(again, "INCARNATION") == (b"7", None)
    assert read(again, "specs/redis.spec", sealed=False) == (b"ident = 'core/redis'", None)
    again.close()


def test_files_and_directories_are_for_their_owner_alone(store: FileStore, tmp_path: Path) -> None:
    write(store, "a/b/secret", b"x")
    assert stat.S_IMODE((tmp_path / "sup/a/b/secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "sup/a/b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "sup").stat().st_mode) == 0o700


def test_what_is_absent_reads_as_absent_and_removes_fine(store: FileStore) -> None:
    assert read(store, "none") == (None, None)
    assert read(store, "no/such/directory") == (None, None)
    assert write(store, "no/such/directory", None) is None
    write(store, "there", b"x")
    assert write(store, "there", None) is None
    assert read(store, "there") == (None, None)


@pytest.mark.parametrize(
    "damage", [b"", seal(b"state")[:-1], seal(b"state")[:20], b"\0" * 90, b"never sealed"]
)
def test_a_damaged_file_is_set_aside_and_said(
    store: FileStore, tmp_path: Path, damage: bytes
) -> None:
    write(store, "votes/a", b"state")
    (tmp_path / "sup/votes/a").write_bytes(damage)
    assert read(store, "votes/a") == (None, "votes/a.damaged-1")
    assert (tmp_path / "sup/votes/a.damaged-1").read_bytes() == damage
    assert read(store, "votes/a") == (None, None)
    (tmp_path / "sup/votes/a").write_bytes(damage)
    assert read(store, "votes/a") == (None, "votes/a.damaged-2")


def test_asides_are_bounded(store: FileStore, tmp_path: Path) -> None:
    write(store, "a", b"x")
    for _ in range(101):
        (tmp_path / "sup/a").write_bytes(b"bad")
        _, aside = read(store, "a")
    assert aside == "a.damaged-99"
    assert len(list((tmp_path / "sup").iterdir())) == 99


def test_a_directory_in_place_of_a_file_never_stops_the_store(
    store: FileStore, tmp_path: Path
) -> None:
    write(store, "warm", b"x")
    (tmp_path / "sup/INCARNATION").mkdir()
    assert read(store, "INCARNATION") == (None, "INCARNATION.damaged-1")
    assert write(store, "INCARNATION", b"8") is None
    (tmp_path / "sup/specs").mkdir()
    assert read(store, "specs", sealed=False) == (None, "specs")  # a person's: never moved
    assert str(write(store, "specs", b"x", sealed=False)).startswith("EISDIR")


def test_paths_that_escape_are_refused(store: FileStore, tmp_path: Path) -> None:
    for bad in ("../out", "/tmp/out", "a/../../out", ""):
        assert "not a path below" in str(write(store, bad, b"x"))
        assert read(store, bad) == (None, bad)
    assert list(tmp_path.iterdir()) == [tmp_path / "sup"]


def test_leftover_temporary_files_are_removed(tmp_path: Path) -> None:
    places = [tmp_path / "sup", tmp_path / "sup/specs", tmp_path / "sup/a/deep"]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / ".habring-tmp-123-4").write_bytes(b"half")
    (tmp_path / "sup/keep").write_bytes(seal(b"kept"))
    store = FileStore(tmp_path / "sup")
    assert read(store, "keep") == (b"kept", None)
    write(store, "a/deep/file", b"x")
    store.close()
    assert list(tmp_path.rglob(".habring-tmp-*")) == []


class Failing(Syscalls):
    """Fails the calls named until told otherwise."""

    def __init__(self, error: int, *names: str) -> None:
        self.error = error
        self.names = set(names)

    def _fail(self, name: str) -> None:
        if name in self.names:
            raise OSError(self.error, "injected")

    def create(self, path: Path) -> int:
        self._fail("create")
        return super().create(path)

    def write(self, fd: int, data: bytes) -> None:
        super().write(fd, data[: len(data) // 2] if "write" in self.names else data)
        self._fail("write")

    def fsync(self, fd: int) -> None:
        self._fail("fsync")
        super().fsync(fd)

    def rename(self, old: Path, new: Path) -> None:
        self._fail("rename")
        super().rename(old, new)

    def read(self, path: Path) -> bytes:
        self._fail("read")
        return super().read(path)


@pytest.mark.parametrize("call", ["create", "write", "fsync", "rename"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_full_or_broken_disk_is_reported_and_the_old_content_stays(
    tmp_path: Path, call: str, error: int
) -> None:
    calls = Failing(error)
    store = FileStore(tmp_path / "sup", calls)
    assert write(store, "INCARNATION", b"old") is None
    calls.names = {call}
    assert str(write(store, "INCARNATION", b"new")).startswith(errno.errorcode[error])
    assert read(store, "INCARNATION") == (b"old", None)
    assert [path.name for path in (tmp_path / "sup").iterdir()] == ["INCARNATION"]
    calls.names = set()
    assert write(store, "INCARNATION", b"new") is None
    assert read(store, "INCARNATION") == (b"new", None)
    store.close()


def test_a_sealed_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    calls = Failing(errno.EIO)
    store = FileStore(tmp_path / "sup", calls)
    write(store, "rumors", b"x")
    calls.names = {"read"}
    assert read(store, "rumors") == (None, "rumors.damaged-1")
    calls.names = {"read", "rename"}
    write(store, "rumors", b"x")
    assert read(store, "rumors") == (None, "rumors")
    store.close()


class Gate(Syscalls):
    """Holds the first file until told, so that others queue behind it; counts fsyncs."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.held = threading.Event()
        self.directory_syncs = 0

    def create(self, path: Path) -> int:
        self.held.set()
        assert self.opened.wait(10)
        return super().create(path)

    def sync_directory(self, path: Path) -> None:
        self.directory_syncs += 1
        super().sync_directory(path)


def test_writes_that_wait_together_share_the_fsync_of_their_directory(tmp_path: Path) -> None:
    (tmp_path / "sup").mkdir()
    calls = Gate()
    store = FileStore(tmp_path / "sup", calls)
    order: list[str] = []
    store.write("first", b"x", True, lambda _: order.append("first"))
    assert calls.held.wait(10)
    for number in range(50):
        store.write(f"f{number}", b"x", True, lambda _, n=number: order.append(f"f{n}"))
    store.write("f0", b"later", True, lambda _: order.append("again"))
    store.read("f0", True, lambda data, _: order.append(str(data)))
    store.write("f0", b"last", True, lambda _: order.append("last"))
    store.read("f0", True, lambda data, _: order.append(str(data)))
    calls.opened.set()
    store.close()
    numbered = [f"f{number}" for number in range(50)]
    assert order == ["first", *numbered, "again", "b'later'", "last", "b'last'"]
    assert calls.directory_syncs == 3


def test_a_caller_that_raises_or_comes_late_harms_nobody(store: FileStore) -> None:
    store.write("a", b"x", True, lambda _: 1 / 0)
    assert write(store, "b", b"y") is None
    store.close()
    assert write(store, "b", b"z") == CLOSED
    assert read(store, "b") == (None, None)
