from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from cli.output import cell, duration_words, table

PROGRAM = "from cli.output import table; table(('name', 'state'), [('redis', 'up'), ('web', None)])"


def _on_a_terminal(**environ: str) -> str:
    master, slave = pty.openpty()
    try:
        settings = {**os.environ, "TERM": "xterm", **environ}
        program = [sys.executable, "-c", PROGRAM]
        subprocess.run(program, stdout=slave, env=settings, check=True, timeout=60)
        return os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)


def test_a_piped_table_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(("name", "state"), [("redis", "up"), ("web", None), ("long-name", True)])
    assert capsys.readouterr().out.splitlines() == [
        "name       state",
        "redis      up",
        "web        <none>",
        "long-name  yes",
    ]


def test_a_table_on_a_terminal_has_colour_unless_it_is_not_wanted() -> None:
    assert "\x1b[32m" in _on_a_terminal(NO_COLOR="")
    plain = _on_a_terminal(NO_COLOR="1")
    assert "\x1b[32m" not in plain
    assert "redis" in plain
    assert "\x1b" not in _on_a_terminal(TERM="dumb")


def test_a_cell_is_never_empty() -> None:
    assert [cell(value) for value in (None, "", (), 0, False, ("a", "b"))] == [
        "<none>",
        "<none>",
        "<none>",
        "0",
        "no",
        "a,b",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "never"), (0.9, "0s"), (61, "1m1s"), (7320, "2h2m"), (360000, "4d4h")],
)
def test_a_length_of_time_is_said_in_two_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words
