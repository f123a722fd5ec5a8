import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.launcher import process
from actors.launcher.logs import BACKLOG_BYTES_MAX, LINE_BYTES_MAX, Logs, Output, Rotation


class Followed:
    """A file, its writer, its follower, and a clock that jumps."""

    def __init__(self, path: Path, prefix: str = "a.default", size: int = 0, keep: int = 3) -> None:
        self.path = path
        self.lines: list[str] = []
        self.logs = Logs(lambda _p, _k, text: self.lines.append(text), Rotation(size, keep))
        self.writer = process.open_log(str(path), truncate=False)
        fd = process.open_log(str(path), truncate=False)
        self.now = 0.0
        self.logs.follow("service:a", Output(str(path), fd, prefix, "O"), self.now)

    def write(self, data: bytes) -> None:
        assert os.write(self.writer, data) == len(data)

    def tick(self, times: int = 1) -> list[str]:
        for _ in range(times):
            self.now = max(self.now, self.logs.due_s())
            self.logs.tick(self.now)
        return self.lines


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path / "out")


def test_only_what_comes_is_shown(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old\n")
    followed = Followed(tmp_path / "out")
    followed.write(b"new\nhalf")
    assert followed.tick() == ["new"]
    followed.write(b" line\r\n")
    assert followed.tick() == ["new", "half line"]


def test_an_end_shows_the_last_words(followed: Followed) -> None:
    followed.write(b"one\ntwo")
    followed.logs.finish("service:a")
    assert followed.lines == ["one", "two"]
    assert followed.logs.due_s() != followed.now or followed.tick()


def test_a_line_without_end_is_shown_in_pieces(followed: Followed) -> None:
    followed.write(b"x" * (3 * LINE_BYTES_MAX + 5))
    followed.tick(30)
    assert [len(line) for line in followed.lines] == [LINE_BYTES_MAX] * 3 + [5]


@given(st.binary(max_size=300))
def test_binary_output_forges_no_line(data: bytes) -> None:
    lines: list[str] = []
    logs = Logs(lambda _p, _k, text: lines.append(text))
    fd = os.memfd_create("log", os.MFD_CLOEXEC)
    logs.follow("x", Output("memory", fd, "p", "O"), 0.0)
    os.write(fd, data)
    logs.finish("x")
    assert not any(set(line) & set("\n\r\0\a\b\x85\u2028") for line in lines)


def test_a_file_truncated_by_others_is_read_from_its_start(followed: Followed) -> None:
    followed.write(b"a long first line\n")
    followed.tick()
    os.ftruncate(followed.writer, 0)
    followed.write(b"again\n")
    assert followed.tick() == ["a long first line", "again"]


def test_a_flood_is_skipped_and_said(followed: Followed) -> None:
    followed.write(b"flood\n" * (BACKLOG_BYTES_MAX // 6 + 1000))
    followed.write(b"last\n")
    followed.tick(3)
    assert "bytes not shown" in followed.lines[0]
    assert followed.lines[-1] == "last"
    assert len(followed.lines) < 12_000


@pytest.mark.parametrize("prefix", ["a.default", ""])
def test_rotation_keeps_every_line_and_the_writer(tmp_path: Path, prefix: str) -> None:
    followed = Followed(tmp_path / "out", prefix, size=1000, keep=3)
    wanted = []
    for number in range(400):
        line = f"line {number}"
        wanted.append(line)
        followed.write(line.encode() + b"\n")
        if number % 7 == 0:
            followed.tick(3)
    followed.tick(5)
    assert followed.lines == (wanted if prefix else [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.1", "out.2", "out.3"]
    kept = "".join((tmp_path / name).read_text() for name in ("out.3", "out.2", "out.1", "out"))
    assert kept.splitlines() == wanted[-len(kept.splitlines()) :]
    assert (tmp_path / "out").stat().st_size < 1200
    assert (tmp_path / "out.1").stat().st_mode & 0o777 == 0o644


def test_a_rotation_that_fails_is_said_and_loses_nothing(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "out", size=100)
    (tmp_path / "out.0").mkdir()
    followed.write(b"x" * 99 + b"\n" + b"y\n")
    followed.tick(3)
    assert "out" in followed.logs.trouble
    assert followed.lines == ["x" * 99, "y"]
    (tmp_path / "out.0").rmdir()
    followed.now += 61
    followed.tick(3)
    assert (tmp_path / "out.1").read_bytes().endswith(b"y\n")


def test_without_files_there_is_nothing_to_wake_up_for() -> None:
    logs = Logs(lambda *_: None)
    logs.tick(0.0)
    assert logs.due_s() == float("inf")
