import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.launcher import marks
from actors.launcher.identity import start_ticks
from actors.launcher.table import Entry

ENTRY = Entry("service:a", 0, 0, 0.0, owner="service/a", prefix="a.default", stdout="/var/log/a")
HERE = "7.9"


def test_a_mark_counts_for_the_pid_and_place_it_was_made_for_alone() -> None:
    text = marks.written(marks.mark(HERE, ENTRY), 100)
    environ = b"\0".join((b"A=b", f"{marks.NAME}={text}".encode(), b"C=d", b""))
    told = marks.read(environ, HERE, 100)
    assert told is not None
    assert (told["key"], told["owner"], told["stdout"]) == ("service:a", "service/a", "/var/log/a")
    for where, pid in ((HERE, 101), (HERE, 10), ("7.99", 100), ("7", 100)):
        assert marks.read(environ, where, pid) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 90_000, "\xff"])
def test_no_environment_is_too_odd_to_be_read(text: str) -> None:
    environ = f"{marks.NAME}=5 {HERE} {text}".encode("latin-1")
    assert marks.read(environ, HERE, 5) is None


def test_only_those_are_unlisted_of_whose_key_the_table_knows_no_living_process() -> None:
    listed = {key: Entry(key, pid, 1, 0.0) for key, pid in (("a", 10), ("b", 11), ("c", 12))}
    found = [Entry("a", 10, 1, 0.0), Entry("a", 20, 5, 0.0), Entry("b", 21, 5, 0.0)]
    found += [Entry("d", 24, 9, 0.0), Entry("d", 23, 6, 0.0), Entry("c", 12, 1, 0.0)]
    chosen = marks.unlisted(listed, {"a"}, found)
    assert {key: entry.pid for key, entry in chosen.items()} == {"b": 21, "d": 23}


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A place, and a process with its mark that leads a session and has a child with the same."""
    where = marks.place(str(tmp_path))
    script = (
        "import os, sys\n"
        f"env = {{{marks.NAME!r}: f'{{os.getpid()}} {{sys.argv[1]}}'}}\n"
        "os.execve('/bin/sh', ['sh', '-c', 'setsid sleep 60 & echo up; wait'], env)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, marks.mark(where, ENTRY)],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield where, process.pid
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in map(int, children):
        os.kill(child, 9)
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_survivor_is_found_and_not_what_inherited_its_environment(
    marked: tuple[str, int],
) -> None:
    where, pid = marked
    (found,) = marks.survivors(where)
    assert (found.key, found.pid, found.start_ticks) == ("service:a", pid, start_ticks(pid))
    assert (found.owner, found.stdout) == ("service/a", "/var/log/a")
    assert list(marks.survivors("0.0")) == []
