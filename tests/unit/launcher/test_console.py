import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.launcher.console import BUFFER_BYTES_MAX, Console


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def test_lines_carry_preamble_and_key(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        console = Console(file.fileno())
        console.say("hello\nthere")
        console.line("redis.default", "O", "ready")
        console.flush()
    expected = "hab-launch(MN): hello\nhab-launch(MN): there\nredis.default(O): ready\n"
    assert (tmp_path / "out").read_text() == expected


def test_json_lines_have_habitats_keys(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        console = Console(file.fileno(), json_lines=True)
        console.line("redis.default", "E", 'say "ü"')
        console.flush()
    record = json.loads((tmp_path / "out").read_text())
    assert record == {"preamble": "redis.default", "logkey": "E", "content": 'say "ü"'}


def test_a_full_pipe_costs_lines_and_no_time_and_is_said(pipe: list[int]) -> None:
    console = Console(pipe[1])
    for number in range(40_000):
        console.line("a", "O", f"{number} " + "x" * 40)
        console.flush()
    assert console.dropped > 0
    assert console.waiting_fd >= 0
    assert os.get_blocking(pipe[1]), "the shell's pipe is as it was"
    seen = b""
    while console.waiting_fd >= 0:
        seen += os.read(pipe[0], 65536)
        console.flush()
    os.set_blocking(pipe[0], False)
    while True:
        try:
            seen += os.read(pipe[0], 65536)
            console.flush()
        except BlockingIOError:
            break
    lines = seen.decode().splitlines()
    assert f"{console.dropped} lines of output were not shown" in lines[-1]
    assert len(lines) == 40_000 - console.dropped + 1
    assert len(seen) < 4 * BUFFER_BYTES_MAX


def test_a_closed_reader_costs_all_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    console = Console(writer)
    os.close(reader)
    console.say("nobody reads this")
    console.flush()
    console.say("nor this")
    console.flush()
    assert console.dropped == 2
    assert console.waiting_fd == -1
    os.close(writer)


def test_a_socket_is_not_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        console = Console(ours.fileno())
        for _ in range(20_000):
            console.line("a", "O", "x" * 100)
        console.flush()
        assert console.dropped > 0
        assert ours.getblocking()
        console._socket.close()  # type: ignore[union-attr]
