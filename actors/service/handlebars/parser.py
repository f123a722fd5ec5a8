"""From text to a tree: blocks matched, whitespace control and the rule of lines of their own.

A block, else, end, partial, decorator or comment tag that stands alone on its line takes the line's
blanks and its newline with it. A `~` takes all whitespace on its side. Both together behave as in
handlebars-rust 6.x, whose parser decides them tag by tag with the two marks kept in `_Reader`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from actors.service.handlebars.grammar import Scanner, Tag
from actors.service.handlebars.tree import (
    Block,
    Body,
    Call,
    Comment,
    Decorator,
    Expression,
    Node,
    Partial,
    Path,
    Source,
    Template,
    Text,
)

DEPTH_LIMIT: Final = 60  # of blocks in blocks; with partials the renderer has a limit of its own
TEXT_LIMIT: Final = 4 * 1024 * 1024  # characters of a template; a configuration file is text
# What Rust's trim() takes: White_Space of Unicode.
WHITESPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
BLANKS: Final = " \t"
_SKIPPED: Final = " \t\r\n"  # what the grammar skips between tags
_REST_EMPTY: Final = re.compile(r"[ \t]*+[\r\n]")


def parse(text: str, name: str, path: str = "") -> Template:
    """The tree of a template. Raises TemplateError.

    `name` is how partials call it; errors say `path`, or where none is given `name` too.
    """
    source = Source(path or name, text)
    if len(text) > TEXT_LIMIT:
        raise source.error(f"the template has more than {TEXT_LIMIT} characters", 0)
    return _Reader(source, name).read()


@dataclass(slots=True)
class _Open:
    """A block that is not closed yet: its branches, the last of which is being filled.

    `heads` are the tags that began them, each with whether it stood alone on its line; the branch
    of a plain else has none.
    """

    heads: list[tuple[Tag, bool]]
    branches: list[list[Node]] = field(default_factory=lambda: [[]])

    @property
    def tag(self) -> Tag:
        """The tag that opened it."""
        return self.heads[0][0]

    @property
    def otherwise(self) -> bool:
        """Whether it is in its `{{else}}`."""
        return len(self.branches) > len(self.heads)


class _Reader:
    """One pass over one source.

    `_trims`: the last tag had a `~` on its right. `_line`: the last tag stood alone on its line,
    and the rest of that line is still to be dropped from the next text.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._name = name
        self._scanner = Scanner(source)
        self._top: list[Node] = []
        self._open: list[_Open] = []
        self._trims = False
        self._line = False

    def read(self) -> Template:
        """Read everything."""
        text, at = self._source.text, 0
        while at < len(text):
            begin = _after_blanks(text, at)
            if begin < len(text) and not text.startswith("{{", begin):
                cooked, end = _raw_text(text, begin, "{{")
                self._add_text(at, text[at:begin] + cooked)
                at = end
                continue
            if begin != at and not self._trims:
                self._add_text(at, text[at:begin])
            if begin == len(text):
                break
            tag = self._scanner.tag(begin)
            self._add(tag)
            at = self._raw_body(tag) if tag.kind == "raw_block" else tag.end
        if self._open:
            tag = self._open[-1].tag
            raise self._source.error(f"{{{{#{_name(tag)}}}}} is never closed", tag.start)
        return Body(self._source, tuple(self._top), self._name)

    # ── text ──

    @property
    def _nodes(self) -> list[Node]:
        """What is being filled."""
        return self._open[-1].branches[-1] if self._open else self._top

    def _add_text(self, at: int, text: str) -> None:
        self._nodes.append(Text(at, self._trimmed(text)))
        self._line = False

    def _trimmed(self, text: str) -> str:
        """Text as the tag before it leaves it."""
        if self._trims:
            return text.lstrip(WHITESPACE)
        if self._line:
            text = text.lstrip(BLANKS)
            return text[2:] if text.startswith("\r\n") else text.removeprefix("\n")
        return text

    def _trim_before(self, tag: Tag) -> None:
        """Let a tag's tildes take effect."""
        nodes = self._nodes
        if tag.trims_left and nodes and isinstance(last := nodes[-1], Text):
            nodes[-1] = Text(last.offset, last.text.rstrip(WHITESPACE))
        self._trims = tag.trims_right

    def _own_line(self, tag: Tag) -> None:
        """Find out whether a tag stands alone on its line, and drop the line's beginning."""
        text = self._source.text
        self._line = False
        if tag.end < len(text) and not _REST_EMPTY.match(text, tag.end):
            return
        alone = _ends_with_empty_line(text, tag.start)
        nodes = self._nodes
        if alone and nodes and isinstance(last := nodes[-1], Text):
            nodes[-1] = Text(last.offset, last.text.rstrip(BLANKS))
        self._line = alone

    # ── tags ──

    def _add(self, tag: Tag) -> None:
        if tag.kind != "comment":  # a comment leaves the tilde of the tag before it in force
            self._trim_before(tag)
        if tag.kind == "expression":
            self._nodes.append(Expression(tag.start, tag.call))
            return
        self._own_line(tag)
        match tag.kind:
            case "comment":
                self._nodes.append(Comment(tag.start))
            case "block" | "raw_block" | "decorator_block" | "partial_block":
                self._push(tag)
            case "else" | "else_chain":
                self._branch(tag)
            case "end" | "raw_end":
                self._close(tag)
            case "decorator":
                self._nodes.append(Decorator(tag.start, tag.call, None))
            case "partial":
                self._nodes.append(self._partial(tag))

    def _partial(self, tag: Tag) -> Partial:
        indent = ""
        if not tag.trims_left:
            text, begin = self._source.text, tag.start
            while begin and text[begin - 1] in BLANKS:
                begin -= 1
            indent = text[begin : tag.start]
        return Partial(tag.start, tag.call, None, indent, self._line and not tag.trims_left)

    def _push(self, tag: Tag) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise self._source.error(f"blocks are nested deeper than {DEPTH_LIMIT}", tag.start)
        self._open.append(_Open([(tag, self._line and not tag.trims_left)]))

    def _raw_body(self, tag: Tag) -> int:
        """Read what a raw block holds, and its end tag; where that ends."""
        text = self._source.text
        begin = _after_blanks(text, tag.end)
        cooked, end = _raw_text(text, begin, "{{{{")
        if end == len(text):
            raise self._source.error(f"{{{{{{{{{_name(tag)}}}}}}}}} is never closed", tag.start)
        self._nodes.append(Text(begin, self._trimmed(cooked)))
        closing = self._scanner.raw_end(end)
        self._add(closing)
        return closing.end

    def _branch(self, tag: Tag) -> None:
        block = self._open[-1] if self._open else None
        if block is None or block.tag.kind != "block":
            raise self._source.error("{{else}} outside of a block", tag.start)
        if block.otherwise:
            raise self._source.error("a second {{else}} in one block", tag.start)
        if len(self._open) + len(block.heads) > DEPTH_LIMIT:
            raise self._source.error(f"more than {DEPTH_LIMIT} {{{{else …}}}}", tag.start)
        if tag.kind == "else_chain":
            block.heads.append((tag, self._line and not tag.trims_left))
        block.branches.append([])

    def _close(self, tag: Tag) -> None:
        name = str(tag.call.name)
        if not self._open:
            raise self._source.error(f"{{{{/{name}}}}} closes nothing", tag.start)
        block = self._open[-1]
        opened = block.tag
        raw = opened.kind == "raw_block"
        named = name == _name(opened) or (not name and opened.kind not in ("block", "raw_block"))
        if not named or raw != (tag.kind == "raw_end"):
            line = self._source.text.count("\n", 0, opened.start) + 1
            raise self._source.error(
                f"{{{{/{name}}}}} closes {{{{#{_name(opened)}}}}} of line {line}", tag.start
            )
        self._open.pop()
        self._nodes.append(self._node(block))

    def _node(self, block: _Open) -> Node:
        tag, indents = block.heads[0]
        bodies = [Body(self._source, tuple(nodes)) for nodes in block.branches]
        if tag.kind == "decorator_block":
            return Decorator(tag.start, tag.call, bodies[0])
        if tag.kind == "partial_block":
            return Partial(tag.start, tag.call, bodies[0], "", indents)
        inverse = bodies.pop() if block.otherwise else None
        for (head, alone), body in reversed(list(zip(block.heads[1:], bodies[1:], strict=True))):
            chained = Block(head.start, head.call, head.params, body, inverse, alone)
            inverse = Body(self._source, (chained,))
        return Block(tag.start, tag.call, tag.params, bodies[0], inverse, indents)


def _name(tag: Tag) -> str:
    """How a tag must be closed; a name that is computed cannot be spelled."""
    match tag.call.name:
        case str() as name:
            return name
        case Path(raw=raw):
            return raw
        case Call():
            return ""


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SKIPPED:
        at += 1
    return at


def _ends_with_empty_line(text: str, end: int) -> bool:
    """Whether nothing but blanks stands before `end` on its line."""
    while end and text[end - 1] in BLANKS:
        end -= 1
    return end == 0 or text[end - 1] in "\n\r"


def _raw_text(text: str, at: int, stop: str) -> tuple[str, int]:
    r"""Text up to the next `stop` and where it ends, escapes resolved.

    `\{{` is `{{` as text; two or more backslashes before `{{` are one less, and the tag counts.
    """
    parts: list[str] = []
    while True:
        found = text.find("{{", at)
        if found < 0:
            parts.append(text[at:])
            return "".join(parts), len(text)
        slashes = found
        while slashes > at and text[slashes - 1] == "\\":
            slashes -= 1
        count = found - slashes
        if count == 1:
            end = found + (4 if text.startswith("{{{{", found) else 2)
            parts += (text[at:slashes], text[found:end])
            at = end
            continue
        parts.append(text[at : found - 1] if count else text[at:found])
        if text.startswith(stop, found):
            return "".join(parts), found
        parts.append(text[found : found + 1])
        at = found + 1
