"""What must hold of every file of the project (after TigerBeetle's `tidy.zig`).

That each wire message has a golden frame is tested where the frames are (`tests/wire`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("actors", "cli", "tests", "scripts")
VAGUE = {
    "utils",
    "util",
    "common",
    "helpers",
    "helper",
    "manager",
    "managers",
    "misc",
    "base_utils",
}
MOST_LINES = 500
LONGER = {
    "actors/adapters/depot_routes.py": "one HTTP API, a short function for each of its paths",
    "actors/gossip/protocol.py": "the one place that knows all parts of gossip",
}
BY_ACTOR = {
    "actors.service.lifecycle": "its tests are the stories of whole services",
    "actors.service.discovery": "likewise",
    "actors.service.unwritten": "likewise",
    "actors.service.telling": "likewise",
    "actors.service.taking": "likewise, of one whose turn it is",
    "actors.specs.waiting": "commands and their outcomes (unit/specs) are its tests",
}
FEATURES = ("messages", "wire", "gossip", "census", "specs", "service", "depot", "control")
FEATURES += ("eventlog", "election", "update")
MERGE = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
MACHINE = re.compile(r"/(?:work|home/\w+|tmp/wt|root/\.\w+)/|shared/(?:DESIGN|STYLE|reference)")


def files(*parts: str) -> Iterator[Path]:
    """Python files of the project, or of some of its folders."""
    for part in parts or PARTS:
        yield from sorted(path for path in (ROOT / part).rglob("*.py") if path.is_file())


def named(path: Path) -> str:
    """A file as seen from the top of the project."""
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    """The module in a file."""
    return named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(path: Path) -> Iterator[str]:
    """What a file imports, anywhere in it: modules, and names of modules."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def pure() -> dict[str, Path]:
    """Modules of rules and of messages: those without a shell."""
    found = [p for feature in FEATURES for p in files(f"actors/{feature}")]
    return {module(path): path for path in found if path.name != "actor.py"}


def test_nothing_is_called_by_what_it_is_not() -> None:
    code = files("actors", "cli", "scripts")
    words = {named(path): set(re.split(r"[/_.]", named(path))) for path in code}
    assert not [path for path, parts in words.items() if parts & VAGUE]


def test_each_module_says_what_it_is() -> None:
    code = files("actors", "cli", "scripts")
    assert not [named(p) for p in code if not ast.get_docstring(ast.parse(p.read_text()))]


def test_no_file_is_long_but_those_with_a_reason() -> None:
    long = {named(path) for path in files() if len(path.read_text().splitlines()) > MOST_LINES}
    assert long == set(LONGER)


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    tracked = [*files(), *ROOT.glob("*.md"), ROOT / "pyproject.toml", *ROOT.glob(".ci/*")]
    here = Path(__file__)
    assert not [named(p) for p in tracked if p != here and MACHINE.search(p.read_text())]


def test_no_file_holds_both_sides_of_a_merge() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("*.toml")]
    texts += [path for part in PARTS for path in (ROOT / part).rglob("*") if path.is_file()]
    marked = [
        named(path)
        for path in texts
        if "__pycache__" not in path.parts and MERGE.search(path.read_bytes())
    ]
    assert marked == []


def test_each_pure_module_is_reached_by_a_test() -> None:
    """Imported by a test, or by a pure module of its feature that is."""
    rules = pure()
    reached = {one for path in files("tests") for one in imported(path)} & rules.keys()
    waiting = list(reached)
    while waiting:
        name = waiting.pop()
        feature = name.split(".")[1]
        near = {o for o in imported(rules[name]) if o.startswith(f"actors.{feature}.")}
        waiting += (near & rules.keys()) - reached
        reached |= near & rules.keys()
    left = {name for name, path in rules.items() if path.name != "__init__.py"} - reached
    assert left == set(BY_ACTOR)
