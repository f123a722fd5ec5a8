"""What README.md asks its reader to type: its blocks, in order, and what is named in its prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"```(\S*)\s*")
_FILE = re.compile(r"# (\w+\.py)")
_PRINTS = re.compile(r"\s*print\(.*\)\s+# (.+)")


class UnknownBlockError(Exception):
    """The README has a block nobody here knows how to type."""


@dataclass(frozen=True)
class Commands:
    """A block of shell commands, a line each."""

    line: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """A block to be saved as `name`; `prints` is what its comments say it prints."""

    line: int
    name: str
    text: str
    prints: tuple[str, ...]


@dataclass(frozen=True)
class Transcript:
    """What the last command above prints, but for ids, times and numbers."""

    line: int
    text: str


Block = Commands | Program | Transcript


def blocks(text: str) -> list[Block]:
    """Every block, in order. Raises UnknownBlockError."""
    found: list[Block] = []
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if line.startswith(("    ", "\t")):
            raise UnknownBlockError(
                f"line {number}: an indented block; fence it and say what it is"
            )
        if (fence := _FENCE.fullmatch(line)) is None:
            continue
        body: list[str] = []
        for _, inner in lines:
            if inner.startswith("```"):
                break
            body.append(inner)
        found.append(_block(number, fence[1], body))
    return found


def _block(number: int, language: str, body: list[str]) -> Block:
    match language:
        case "sh":
            return Commands(number, tuple(line for line in body if line.strip()))
        case "python" if body and (name := _FILE.fullmatch(body[0])):
            prints = tuple(said[1] for line in body if (said := _PRINTS.fullmatch(line)))
            return Program(number, name[1], "\n".join(body) + "\n", prints)
        case "text":
            return Transcript(number, "\n".join(body))
        case _:
            raise UnknownBlockError(f"line {number}: a block of {language or 'no language'}")


def sentences(text: str) -> list[str]:
    """The sentences of what a command prints, without what differs from day to day.

    Lines are filled, but for indented ones.
    """
    for pattern, word in (
        (r"\n(?=\S)", " "),
        (r"\b(one|two) \([^)]*\)", "MEMBER"),
        (r"\b[0-9a-f]{8}\.[0-9.a-f]+", "ELECTORATE"),
        (r"\b[0-9a-f]{8}(:\d+:\d+)?\b", "ID"),
        (r"\((now|\w+ ago)\)", "(AGO)"),
        (r"\d+([.:]\d+)*", "N"),
    ):
        text = re.sub(pattern, word, text)
    found = (said.strip() for line in text.splitlines() for said in re.split(r"(?<=\.) ", line))
    return [said for said in found if said]


def mentioned(text: str) -> Iterator[str]:
    """The commands that the prose names: code spans that begin with `hab` or a script."""
    return (words for words in _spans(text) if re.match(r"(hab |\./scripts/)", words))


def paths(text: str) -> Iterator[str]:
    """The files and folders of the project that the prose names."""
    spans = (words.partition(" ")[0] for words in _spans(text))  # a script may have options
    return (path for path in spans if re.match(r"(actors|cli|tests|scripts)/", path))


def _spans(text: str) -> Iterator[str]:
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))
