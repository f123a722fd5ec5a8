"""The grammar of what stands between `{{` and `}}`: which tag it is, and what it says.

The language is that of handlebars-rust's grammar (a PEG): alternatives are tried in order and
repetitions never give back, which is why the patterns here are possessive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, TypeAlias

from actors.errors import TemplateError
from actors.service.handlebars.literals import (
    BLANK,
    LETTER,
    NESTING_LIMIT,
    literal_end,
    literal_value,
    skip,
)
from actors.service.handlebars.paths import PATH, read_path
from actors.service.handlebars.tree import Call, Constant, Parameter, Path, Source

Kind: TypeAlias = Literal[
    "expression",
    "else",
    "else_chain",  # {{else if x}}
    "block",
    "raw_block",
    "decorator",
    "decorator_block",
    "partial",
    "partial_block",
    "end",
    "raw_end",
    "comment",
]

_WORD: Final = re.compile(rf"{LETTER}++")
_KEYWORD: Final = re.compile(rf"(?>as|else){BLANK}(?!{LETTER})")
_PARTIAL_NAME: Final = re.compile(r"[A-Za-z0-9\-_@\u0080-\U0010ffff/.]++|'(?>\\'|[^'])++'")
_LONG_COMMENT: Final = re.compile(rf"\{{\{{!{BLANK}--(?s:.*?)--\}}\}}")
_COMMENT: Final = re.compile(r"\{\{!(?s:.*?)\}\}")
_ELSE: Final = re.compile(r"else|\^")


PIECES_LIMIT: Final = 100_000  # tags and parameters of a template; about a second


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `trims_left`/`trims_right`: it has a `~` on that side. `params`: of `as |…|`."""

    kind: Kind
    start: int
    end: int
    call: Call
    trims_left: bool = False
    trims_right: bool = False
    params: tuple[str, ...] = ()


class Scanner:
    """Reads tags of one source. `furthest` is where reading failed last, and what was expected."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._pieces = 0
        self._furthest = 0
        self._expected = ""

    def tag(self, start: int) -> Tag:
        """The tag that begins at `start`. Raises TemplateError where there is none."""
        self._furthest, self._expected = start, "a tag"
        self._count(start)
        text = self._text
        for comment in (_LONG_COMMENT, _COMMENT):
            if found := comment.match(text, start):
                return Tag("comment", start, found.end(), Call(""))
        if text.startswith("{{!", start):
            raise self._source.error("the comment is not closed by }}", start)
        if text.startswith("{{{{", start):
            tag = self._raw(start)
        else:
            tag = self._else(start) or self._sigil(start)
        return tag if tag is not None else self._fail(start)

    def raw_end(self, start: int) -> Tag:
        """The end of a raw block, which begins at `start`."""
        self._furthest, self._expected = start, "{{{{/…}}}}"
        at, left = self._tilde(start + 4)
        if not text_at(self._text, at, "/"):
            self._fail(start)
        name, at = self._optional(_WORD, self._skip(at + 1))
        tag = self._closed("raw_end", start, at, Call(name), left=left, brackets="}}}}")
        return tag if tag is not None else self._fail(start)

    # ── tags ──

    def _raw(self, start: int) -> Tag | None:
        at, left = self._tilde(start + 4)
        line = self._line(at)
        if line is None:
            return None
        call, params, at = line
        return self._closed("raw_block", start, at, call, left=left, params=params, brackets="}}}}")

    def _else(self, start: int) -> Tag | None:
        at, left = self._tilde(start + 2)
        found = _ELSE.match(self._text, at)
        if found is None:
            return None
        if tag := self._closed("else", start, found.end(), Call(""), left=left):
            return tag
        line = self._line(self._skip(found.end()))
        if line is None:
            return None
        call, params, at = line
        return self._closed("else_chain", start, at, call, left=left, params=params)

    def _sigil(self, start: int) -> Tag | None:
        """Any other tag, told by the character it begins with."""
        at, left = self._tilde(start + 2)
        after = self._skip(at + 1)
        match self._text[at : at + 1]:
            case "#":
                return self._opening(start, after, left)
            case "/":
                name, end = self._optional(_PARTIAL_NAME, after)
                if tag := self._closed("end", start, end, Call(name), left=left):
                    return tag
                name, end = self._optional(_WORD, after)  # a helper's name may hold $ and :
                return self._closed("end", start, end, Call(name), left=left)
            case ">":
                return self._including("partial", start, after, left)
            case "*":
                line = self._line(after)
                if line is None:
                    return None
                return self._closed("decorator", start, line[2], line[0], left=left, params=line[1])
            case "&":
                named = self._name(after)
                if named is None:
                    return None
                return self._closed("expression", start, named[1], Call(named[0]), left=left)
            case "{":
                return self._triple(start, at, left)
            case _:
                found = self._expression(at)
                if found is None:
                    return None
                return self._closed("expression", start, found[1], found[0], left=left)

    def _opening(self, start: int, at: int, left: bool) -> Tag | None:
        if text_at(self._text, at, ">"):
            return self._including("partial_block", start, self._skip(at + 1), left)
        kind: Kind = "block"
        if text_at(self._text, at, "*"):
            kind, at = "decorator_block", self._skip(at + 1)
        line = self._line(at)
        if line is None:
            return None
        call, params, at = line
        return self._closed(kind, start, at, call, left=left, params=params)

    def _including(self, kind: Kind, start: int, at: int, left: bool) -> Tag | None:
        """A partial: its name may be a file's path, or a call."""
        name: str | Path | Call
        if found := _PARTIAL_NAME.match(self._text, at):
            name, at = found.group(), found.end()
        else:
            named = self._name(at)
            if named is None:
                return None
            name, at = named
        params, pairs, at = self._arguments(at)
        return self._closed(kind, start, at, Call(name, params, pairs), left=left)

    def _triple(self, start: int, at: int, left: bool) -> Tag | None:
        """`{{{x}}}`, the tildes inside, or `{{~{x}~}}`."""
        if at == start + 2:
            inner, inside_left = self._tilde(at + 1)
            found = self._expression(inner)
            if found is not None and (
                tag := self._closed(
                    "expression", start, found[1], found[0], left=inside_left, brackets="}}}"
                )
            ):
                return tag
        found = self._expression(self._skip(at + 1))
        if found is None:
            return None
        call, end = found
        end = self._skip(end)
        if not text_at(self._text, end, "}"):
            self._missing(end, "}")
            return None
        return self._closed("expression", start, end + 1, call, left=left)

    def _closed(
        self,
        kind: Kind,
        start: int,
        at: int,
        call: Call,
        *,
        left: bool,
        params: tuple[str, ...] = (),
        brackets: str = "}}",
    ) -> Tag | None:
        """The tag, if it ends at `at` but for blanks and a tilde."""
        at, right = self._tilde(at)
        if not text_at(self._text, at, brackets):
            self._missing(at, brackets)
            return None
        return Tag(kind, start, at + len(brackets), call, left, right, params)

    # ── what tags are made of ──

    def _line(self, at: int) -> tuple[Call, tuple[str, ...], int] | None:
        """`name params as |a b|`: the content of a tag that begins a block."""
        found = _WORD.match(self._text, at)
        if found is None:
            self._missing(at, "a name")
            return None
        params, pairs, at = self._arguments(found.end())
        names, at = self._block_params(at)
        return Call(found.group(), params, pairs), names, at

    def _block_params(self, at: int) -> tuple[tuple[str, ...], int]:
        start, text = at, self._text
        at = self._skip(at)
        if not text.startswith("as", at) or not text_at(text, bar := self._skip(at + 2), "|"):
            return (), start
        names: list[str] = []
        at = self._skip(bar + 1)
        while len(names) < 2 and (found := _WORD.match(text, at)):
            names.append(found.group())
            at = self._skip(found.end())
        if not names or not text_at(text, at, "|"):
            self._missing(at, "one or two names, then |")
            return (), start
        return tuple(names), at + 1

    def _expression(self, at: int) -> tuple[Call, int] | None:
        """`name params`, or a name alone."""
        if found := _WORD.match(self._text, at):
            params, pairs, end = self._arguments(found.end())
            if params or pairs:
                return Call(found.group(), params, pairs), end
        named = self._name(at)
        return None if named is None else (Call(named[0]), named[1])

    def _name(self, at: int) -> tuple[Path | Call, int] | None:
        if text_at(self._text, at, "("):
            return self._call(at, 0)
        return self._path(at)

    def _arguments(
        self, at: int, depth: int = 0
    ) -> tuple[tuple[Parameter, ...], tuple[tuple[str, Parameter], ...], int]:
        params: list[Parameter] = []
        pairs: dict[str, Parameter] = {}
        while True:
            start = self._skip(at)
            if found := _WORD.match(self._text, start):
                equals = self._skip(found.end())
                if text_at(self._text, equals, "=") and (
                    valued := self._parameter(self._skip(equals + 1), depth)
                ):
                    pairs[found.group()], at = valued
                    continue
            given = self._parameter(start, depth)
            if given is None:
                return tuple(params), tuple(pairs.items()), at
            params.append(given[0])
            at = given[1]

    def _parameter(self, at: int, depth: int) -> tuple[Parameter, int] | None:
        text = self._text
        self._count(at)
        if _KEYWORD.match(text, at):
            self._missing(at, "a parameter")
            return None
        if (literal := self._literal(at)) is not None:
            return literal
        if text_at(text, at, "("):
            return self._call(at, depth)
        return self._path(at)

    def _call(self, at: int, depth: int) -> tuple[Call, int] | None:
        """A call in parentheses: a name with parameters, or a path that names a helper."""
        if depth >= NESTING_LIMIT:
            raise self._source.error(f"nested deeper than {NESTING_LIMIT} parentheses", at)
        text, start = self._text, self._skip(at + 1)
        if found := _WORD.match(text, start):
            params, pairs, end = self._arguments(found.end(), depth + 1)
            if (params or pairs) and text_at(text, end := self._skip(end), ")"):
                return Call(found.group(), params, pairs), end + 1
            self._missing(self._skip(end), ")")
        path = self._path(start)
        if path is None:
            return None
        end = self._skip(path[1])
        if not text_at(text, end, ")"):
            self._missing(end, ")")
            return None
        return Call(path[0]), end + 1

    def _path(self, at: int) -> tuple[Path, int] | None:
        found = PATH.match(self._text, at)
        if found is None:
            self._missing(at, "a name, a path or a value")
            return None
        return read_path(found.group()), found.end()

    def _literal(self, at: int) -> tuple[Constant, int] | None:
        try:
            end = literal_end(self._text, at)
        except TemplateError as error:
            raise self._source.error(error.reason, at) from error
        if end is None:
            return None
        text = self._text[at:end]
        try:
            return Constant(literal_value(text)), end
        except (ValueError, RecursionError) as error:
            raise self._source.error(f"{text} is not a value", at) from error

    # ── small things ──

    def _skip(self, at: int) -> int:
        return skip(self._text, at)

    def _tilde(self, at: int) -> tuple[int, bool]:
        """Past blanks and one tilde, and whether there was one."""
        at = self._skip(at)
        if text_at(self._text, at, "~"):
            return self._skip(at + 1), True
        return at, False

    def _optional(self, pattern: re.Pattern[str], at: int) -> tuple[str, int]:
        found = pattern.match(self._text, at)
        return (found.group(), found.end()) if found else ("", at)

    def _count(self, at: int) -> None:
        self._pieces += 1
        if self._pieces > PIECES_LIMIT:
            reason = f"the template has more than {PIECES_LIMIT} tags and parameters"
            raise self._source.error(reason, at)

    def _missing(self, at: int, expected: str) -> None:
        if at >= self._furthest:
            self._furthest, self._expected = at, expected

    def _fail(self, start: int) -> NoReturn:
        """Raise what was expected where reading came furthest."""
        text, at = self._text, self._furthest
        found = "the end of the template" if at >= len(text) else repr(text[at : at + 10])
        tag = text[start : start + 40].split("\n", 1)[0]
        hint = ""
        if text_at(text, at, "["):
            hint = "; an element of a list is written a.[0]"
        reason = f"expected {self._expected}, found {found} (in {tag!r}){hint}"
        raise self._source.error(reason, min(at, len(text)))


def text_at(text: str, at: int, wanted: str) -> bool:
    """Whether `wanted` stands at `at`."""
    return text.startswith(wanted, at)
