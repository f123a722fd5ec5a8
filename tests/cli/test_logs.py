from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.node.layout import StateLayout
from cli.svclogs import Tail

Hab = Callable[..., Result]


def _write(layout: StateLayout, name: str, text: str) -> Path:
    path = layout.services / "redis" / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("word", ["redis", "core/redis", "core/redis/4.0", "redis.default"])
def test_logs_are_read_without_a_supervisor_by_any_name_of_the_service(
    hab: Hab, layout: StateLayout, word: str
) -> None:
    _write(layout, "redis.stdout.log", "one\ntwo\nthree\n")
    _write(layout, "redis.stderr.log", "oops\n")
    said = hab("svc", "logs", word, "-n", "2")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == ["two", "three", "(E): oops"]
    assert hab("svc", "logs", word, "--stream", "stderr").stdout == "oops\n"


def test_logs_of_a_hook_are_asked_for_by_its_name(hab: Hab, layout: StateLayout) -> None:
    _write(layout, "init.stdout.log", "hello\n")
    assert hab("svc", "logs", "redis", "--hook", "init").stdout == "hello\n"
    missing = hab("svc", "logs", "redis")
    assert missing.exit_code == 1
    assert "output of: init" in missing.stderr


def test_a_named_service_is_found_by_its_package(hab: Hab, layout: StateLayout) -> None:
    assert hab("svc", "load", "core/redis", "--name", "cache").exit_code == 0
    path = layout.services / "cache" / "logs" / "cache.stdout.log"
    path.parent.mkdir(parents=True)
    path.write_text("here\n")
    assert hab("svc", "logs", "core/redis").stdout == "here\n"


def test_a_service_without_logs_is_said_with_the_directory(hab: Hab, layout: StateLayout) -> None:
    said = hab("svc", "logs", "nginx")
    assert said.exit_code == 1
    assert str(layout.services / "nginx" / "logs") in said.stderr


@pytest.mark.parametrize("count", [0, 1, 3, 5000])
def test_the_last_lines_are_the_last_whole_lines_of_a_large_file(
    tmp_path: Path, count: int
) -> None:
    path = tmp_path / "log"
    lines = [b"%06d %s" % (number, b"x" * 90) for number in range(4000)]
    path.write_bytes(b"\n".join(lines) + b"\nhalf a li")
    with Tail(path) as tail:
        assert tail.last(count) == (lines[-count:] if count else [])


def test_following_sees_lines_once_and_whole_and_goes_on_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\nhal")
    with Tail(path) as tail:
        assert tail.last(10) == [b"old"]
        assert list(tail.new()) == []
        with path.open("ab") as file:
            file.write(b"f\nnew\n")
        assert list(tail.new()) == [b"half", b"new"]
        path.write_bytes(b"")  # copied away and emptied
        assert list(tail.new()) == []
        with path.open("ab") as file:
            file.write(b"again\n")
        assert list(tail.new()) == [b"again"]


def _rotate(path: Path, keep: int = 3) -> None:
    """As the launcher does: copy, empty, then shift the names."""
    path.with_name(path.name + ".0").write_bytes(path.read_bytes())
    path.write_bytes(b"")
    for number in range(keep, 0, -1):
        old = path.with_name(f"{path.name}.{number - 1}")
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number}"))


@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_following_misses_nothing_that_was_rotated_away_between_two_looks(
    tmp_path: Path, rotations: int
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    _rotate(path)
    path.write_bytes(b"old\nhal")
    with Tail(path) as tail:
        assert tail.last(10) == [b"old"]
        wanted = [b"half"]
        with path.open("ab") as file:
            file.write(b"f\n")
        for number in range(rotations):
            with path.open("ab") as file:
                file.write(b"%d %s\n" % (number, b"x" * 20 * number))
            wanted.append(b"%d %s" % (number, b"x" * 20 * number))
            _rotate(path)
        with path.open("ab") as file:
            file.write(b"longer than what was read before the first of them\n")
        assert list(tail.new()) == [*wanted, b"longer than what was read before the first of them"]
        assert list(tail.new()) == []


def test_lines_as_json_say_their_stream(hab: Hab, layout: StateLayout) -> None:
    _write(layout, "redis.stdout.log", "one\n")
    _write(layout, "redis.stderr.log", "oops\n")
    lines = [json.loads(line) for line in hab("svc", "logs", "redis", "--json").stdout.splitlines()]
    assert {line.pop("schema") for line in lines} == {"svc.logs/1"}
    assert lines == [
        {"service": "redis", "hook": None, "stream": "stdout", "text": "one"},
        {"service": "redis", "hook": None, "stream": "stderr", "text": "oops"},
    ]


def test_a_file_that_comes_later_is_followed_from_its_beginning(tmp_path: Path) -> None:
    with Tail(tmp_path / "log") as tail:
        assert tail.last(10) == []
        assert list(tail.new()) == []
        (tmp_path / "log").write_bytes(b"first\n")
        assert list(tail.new()) == [b"first"]
