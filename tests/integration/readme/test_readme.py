"""README.md as a stranger reads it: every block typed in order, every command it names known.

The blocks are parsed from the file; one that nobody knows how to type fails, and so does one that
comes after a failure. The demo installs its Redis and its Caddy from PyPI once.
"""

from __future__ import annotations

import click
import pytest
from readme_blocks import (
    Block,
    Commands,
    Program,
    Transcript,
    UnknownBlockError,
    blocks,
    mentioned,
    paths,
    sentences,
)
from readme_reader import CHECKOUT, Stranger
from supervisor_rig import eventually

from cli.main import hab

README = (CHECKOUT / "README.md").read_text()
BLOCKS = blocks(README)


@pytest.mark.parametrize("block", BLOCKS, ids=[f"line-{block.line}" for block in BLOCKS])
def test_the_readme_can_be_typed_as_it_stands(stranger: Stranger, block: Block) -> None:
    before = [b for b in BLOCKS[: BLOCKS.index(block)] if isinstance(b, Commands)]
    assert stranger.typed == sum(len(b.lines) for b in before), "something above was not typed"
    match block:
        case Program():
            stranger.save(block)
        case Commands(lines=lines):
            for line in lines:
                stranger.type(line)
        case Transcript(text=text):
            printed = sentences(stranger.printed)
            assert [said for said in sentences(text) if said not in printed] == [], printed
    stranger.look()


def test_when_all_is_typed_nothing_runs_any_more(stranger: Stranger) -> None:
    lines = [line for block in BLOCKS if isinstance(block, Commands) for line in block.lines]
    assert stranger.typed == len(lines) > 20
    for name, process in stranger.staying.items():
        eventually(f"{name} has ended", lambda p=process: p.poll() is not None, 30)
    eventually("nothing is left", lambda: not stranger.processes(), 30)


def test_every_program_of_the_readme_is_run(stranger: Stranger) -> None:
    lines = [line for block in BLOCKS if isinstance(block, Commands) for line in block.lines]
    programs = [block for block in BLOCKS if isinstance(block, Program)]
    assert programs
    for program in programs:
        assert program.prints
        assert any(program.name in line for line in lines)


@pytest.mark.parametrize("words", sorted(set(mentioned(README))))
def test_a_command_that_the_prose_names_exists_with_its_options(words: str) -> None:
    program, *rest = words.split()
    if program != "hab":
        assert (CHECKOUT / program).is_file()
        return
    command: click.Command = hab
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        group = command
        for name in rest.pop(0).split("|"):  # alternatives, as in `hab pkg sign|verify`
            found = group.get_command(click.Context(group), name)
            assert found is not None, f"{words}: {group.name} has no {name}"
            command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("-")} <= known | {"--help", "-h"}


def test_every_file_that_the_map_of_the_code_names_is_there() -> None:
    named = set(paths(README))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (CHECKOUT / path).exists()] == []


@pytest.mark.parametrize(
    "text",
    ["```ruby\nputs 1\n```", "```\nhab\n```", "```python\nprint(1)\n```", "so:\n\n    hab sup"],
)
def test_a_block_that_nobody_can_type_is_refused(text: str) -> None:
    with pytest.raises(UnknownBlockError):
        blocks(text)
