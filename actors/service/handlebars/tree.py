"""The tree of a template. All of it is frozen; an offset counts characters of the source's text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from actors.errors import TemplateError
from actors.service.handlebars.values import Json


@dataclass(frozen=True, slots=True)
class Source:
    """Where a template was read from: what errors point into."""

    name: str
    text: str

    def error(self, reason: str, offset: int) -> TemplateError:
        """The error `reason` at the character `offset`."""
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return TemplateError(reason, self.name, line, column)


@dataclass(frozen=True, slots=True)
class Path:
    """A path as written (`raw`) and what it means.

    `relative`: `names` below the scope `level` scopes up. `root`: below the whole context.
    `local`: the variable `names[0]` (`@index`) of the scope `level` up.
    """

    raw: str
    kind: Literal["relative", "root", "local"]
    level: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal: text, number, true, false, null, a list or an object."""

    value: Json


@dataclass(frozen=True, slots=True)
class Call:
    """What stands in a tag or in parentheses: a name, parameters, `key=value` pairs.

    `name` is a word, a path (a helper's name or a value), or a call whose result is the name.
    """

    name: str | Path | Call
    params: tuple[Parameter, ...] = ()
    pairs: tuple[tuple[str, Parameter], ...] = ()

    @property
    def bare(self) -> bool:
        """Whether there is nothing but the name: then it may be a value."""
        return not self.params and not self.pairs


Parameter: TypeAlias = Path | Constant | Call


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself, whitespace control done."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """`{{x}}`, `{{{x}}}` or `{{&x}}`, which are the same here: nothing is ever escaped."""

    offset: int
    call: Call


@dataclass(frozen=True, slots=True)
class Block:
    """`{{#name …}}body{{else}}inverse{{/name}}`, or a raw block; `params` are those of `as |…|`.

    `indents`: alone on its line, so that what it writes first is to be indented in a partial.
    """

    offset: int
    call: Call
    params: tuple[str, ...]
    body: Body
    inverse: Body | None
    indents: bool


@dataclass(frozen=True, slots=True)
class Decorator:
    """`{{#*inline "name"}}body{{/inline}}`; without a body `{{*name}}`."""

    offset: int
    call: Call
    body: Body | None


@dataclass(frozen=True, slots=True)
class Partial:
    """`{{> name}}`, or with a body `{{#> name}}body{{/name}}`. `indent` stands before it."""

    offset: int
    call: Call
    body: Body | None
    indent: str
    indents: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """`{{! … }}`."""

    offset: int


Node: TypeAlias = Text | Expression | Block | Decorator | Partial | Comment


@dataclass(frozen=True, slots=True)
class Body:
    """Nodes in order, and the source that they stand in. `name` only for a whole template."""

    source: Source
    nodes: tuple[Node, ...]
    name: str | None = None


Template: TypeAlias = Body
