from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import Result

from cli.main import COMMANDS
from cli.main import hab as root
from cli.problem import suggestion

Hab = Callable[..., Result]


def _walk(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            yield from _walk(inner, (*path, name))


PATHS = sorted(_walk(root))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "hab")
def test_every_command_has_help_that_needs_no_supervisor(hab: Hab, path: tuple[str, ...]) -> None:
    shown = hab(*path, "--help")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Usage: hab")
    assert len(lines[2].strip()) > 10, "it says what it does"
    assert hab(*path, "-h").stdout == shown.stdout


@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "hab")
def test_every_option_has_help(path: tuple[str, ...]) -> None:
    command: click.Command = root
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help, f"{path} {param.opts}"


def test_a_group_s_short_help_agrees_with_its_commands(hab: Hab) -> None:
    for name in COMMANDS:
        assert f"  {name} " in hab("--help").stdout


# The post, line by line, and the options it lists; what they ask for is checked elsewhere.
POST = [
    "sup run",
    "sup run --listen-gossip 127.0.0.1:9700 --listen-http 127.0.0.1:9701",
    "sup run --listen-gossip 0.0.0.0 --listen-http 0.0.0.0",
    "sup run --override-name web",
    "sup run --org acme",
    "sup run --peer 10.0.0.1 --peer 10.0.0.2:9638 --peer sup-3",
    "sup run -r ring",
    "sup run --ring ring --permanent-peer",
    "sup run -I",
    "sup run core/redis --topology leader --strategy rolling --group acme",
    "service load yourorigin/yourpkg --topology leader --strategy rolling --group acme",
    "service load core/postgresql",
    "service load core/redis/4.0.1/20170101000000 --force --bind db:postgresql.acme",
    "service load core/redis -t leader -s at-once -f -u https://depot.example.org",
    "service load core/redis --override-name web --remote-sup sup-2",
    "svc load core/redis -r sup-2:9632 --channel unstable --update-condition track-channel",
    "svc load core/redis --binding-mode relaxed -i 10 --shutdown-timeout 3",
    "service unload yourorigin/yourpkg",
    "service stop core/postgresql",
    "service start core/redis",
    "svc restart core/redis",
    "svc update core/redis --bind",
    "svc update core/redis --bind --strategy at-once",
    "svc update core/redis --strategy none --channel stable",
    "svc status",
    "svc status core/redis --json",
    "start core/redis --topology leader --strategy rolling --group acme --peer 10.0.0.1",
    "start core/redis --listen-gossip 0.0.0.0:9700 --override-name other --org acme -r ring",
    "start core/redis -I --url https://depot.example.org --bind db:postgresql.acme@org",
    "stop core/redis",
    "sup term",
    "sup restart -r sup-2",
    "sup depart a1b2c3d4",
    "sup secret generate",
]


@pytest.mark.parametrize("line", POST)
def test_the_post_s_spellings_are_understood(line: str) -> None:
    command: click.Command = root
    words = line.split()
    context = click.Context(root, info_name="hab")
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    command.make_context(line, words)


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("svc laod", "load"),
        ("svc stats", "status"),
        ("sup runn", "run"),
        ("rign members", "ring"),
        ("ring key genrate", "generate"),
        ("actor lst", "list"),
        ("svc load core/redis --toplogy leader", "--topology"),
        ("sup run --permanent-per", "--permanent-peer"),
        ("svc load core/redis --topology leadr", "leader"),
    ],
)
def test_a_mistyped_word_is_a_usage_error_with_the_nearest_one(
    hab: Hab, line: str, near: str
) -> None:
    said = hab(*line.split())
    assert said.exit_code == 2
    assert near in said.stderr
    assert said.stdout == ""


def test_words_that_resemble_nothing_get_no_suggestion() -> None:
    assert suggestion("xyzzy", ["load", "unload"]) == ""


def test_the_version_is_told(hab: Hab) -> None:
    from actors import __version__

    said = hab("--version")
    assert said.exit_code == 0
    assert said.stdout.startswith(f"hab {__version__}")


@pytest.mark.parametrize("shell", ["zsh", "fish", "bash"])
def test_completion_is_printed_for_each_shell(hab: Hab, shell: str) -> None:
    said = hab("completion", shell)
    assert said.exit_code == 0, said.output
    assert "_HAB_COMPLETE" in said.stdout


def _modules(*words: str) -> set[str]:
    """Modules that `hab WORDS` imports in a process of its own."""
    program = (
        "import sys\n"
        "from cli.main import hab\n"
        f"hab({list(words)!r}, prog_name='hab', standalone_mode=False)\n"
        "print('\\n'.join(['MODULES', *sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.partition("MODULES\n")[2].split())


HEAVY = {"zmq", "rich", "nacl", "pykka", "sqlite3", "asyncio", "msgpack", "httpx", "starlette"}


def test_help_of_the_root_loads_no_command_and_no_heavy_library() -> None:
    loaded = _modules("--help")
    assert not loaded & HEAVY
    assert "msgspec" not in loaded
    assert not {name for name in loaded if name.startswith("actors.messages")}


@pytest.mark.parametrize("words", [("svc", "-h"), ("svc", "status", "-h"), ("sup", "-h")])
def test_help_of_a_group_loads_no_heavy_library(words: tuple[str, ...]) -> None:
    assert not _modules(*words) & HEAVY


def test_a_read_verb_loads_neither_rich_nor_the_server_side() -> None:
    program = (
        "import sys\n"
        "import actors.adapters.control_client\n"
        "import cli.svcstatus\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert not loaded & (HEAVY - {"zmq", "msgpack", "asyncio"})
    assert "actors.adapters.control_server" not in loaded
    assert "actors.runtime" not in loaded
    assert "actors.adapters.sealed" not in loaded
    messages = {name.removeprefix("actors.messages.") for name in loaded if ".messages." in name}
    assert messages == {"base", "control", "envelope", "runtime", "service"}
