"""Rendering a tree: scopes, helpers, partials and their indentation, limits.

Indentation follows handlebars-rust: what a partial writes is indented by the blanks before its tag,
line by line, also through blocks in it that stand alone on their line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from actors.errors import TemplateError
from actors.service.handlebars import builtin, habitat
from actors.service.handlebars.scopes import Missing, Scope, Scopes
from actors.service.handlebars.tree import (
    Block,
    Body,
    Call,
    Comment,
    Constant,
    Decorator,
    Expression,
    Node,
    Parameter,
    Partial,
    Path,
    Template,
    Text,
)
from actors.service.handlebars.values import Json, text_of

DEPTH_LIMIT: Final = 100  # of bodies in bodies, partials included; Python's own stack is near
STEPS_LIMIT: Final = 250_000  # nodes; under a second, a real template takes thousands
SIZE_STEP: Final = 1_000  # so much of a helper's parameters counts as one step more
OUTPUT_LIMIT: Final = 4 * 1024 * 1024  # characters; a configuration file is text
PARTIAL_BLOCK: Final = "@partial-block"


@dataclass(frozen=True, slots=True)
class Invocation:
    """A helper's call with its values. `block` where it is called as a block."""

    name: str
    params: tuple[Json, ...]
    pairs: Mapping[str, Json]
    call: Call
    block: Block | None = None


@dataclass(slots=True)
class _Indentation:
    """Where the output stands as to lines. `due`: the next text begins with the indent."""

    indent: str = ""
    due: bool = False
    at_newline: bool = False
    produced: bool = False


class Renderer:
    """One rendering of one template. `log` takes what `{{log}}` says."""

    def __init__(self, root: Json, partials: Mapping[str, Template], log: list[str]) -> None:
        self.scopes = Scopes(root)
        self.log = log
        self._partials = partials
        self._out: list[str] = []
        self._size = 0
        self._steps = 0
        self._depth = 0
        self._lines = _Indentation()
        self._current: str | None = None
        self._blocks: list[str | None] = []  # what `@partial-block` is, innermost last

    def text(self, template: Template) -> str:
        """Render it. Raises TemplateError."""
        self.body(template)
        return "".join(self._out)

    # ── output ──

    def write(self, text: str) -> None:
        """Write `text` as it is."""
        self._size += len(text)
        if self._size > OUTPUT_LIMIT:
            raise TemplateError(f"the output grows beyond {OUTPUT_LIMIT} characters")
        self._out.append(text)

    def write_lines(self, text: str) -> None:
        """Write `text`, indented where a partial is."""
        if not text:
            return
        lines = self._lines
        lines.produced = True
        if lines.indent:
            if lines.due and not text.startswith(("\n", "\r")):
                self.write(lines.indent)
            head, last = text[:-1], text[-1]
            self.write(head.replace("\n", "\n" + lines.indent) + last)
        else:
            self.write(text)
        lines.at_newline = lines.due = text.endswith(("\n", "\r"))

    @contextmanager
    def captured(self) -> Iterator[list[str]]:
        """Collect what is written meanwhile."""
        outer, self._out = self._out, []
        try:
            yield self._out
        finally:
            self._out = outer

    # ── nodes ──

    def body(self, body: Body | None) -> None:
        """Render the nodes of a body; nothing where there is none."""
        if body is None:
            return
        self._current = body.name
        self._depth += 1
        self._spend(1)  # also for an empty body: a loop around it may be long
        for node in body.nodes:
            try:
                self._spend(1)
                self._node(node)
            except TemplateError as error:
                if error.line:
                    raise
                raise body.source.error(error.reason, node.offset) from error
        self._depth -= 1

    def _spend(self, steps: int) -> None:
        """Count what is done. Raises TemplateError beyond the limits."""
        self._steps += steps
        if self._depth > DEPTH_LIMIT:
            raise TemplateError(
                f"nested deeper than {DEPTH_LIMIT} levels; does a partial include itself?"
            )
        if self._steps > STEPS_LIMIT:
            raise TemplateError(f"rendering takes more than {STEPS_LIMIT} steps")

    def _node(self, node: Node) -> None:
        match node:
            case Text(text=text):
                self.write_lines(text)
            case Expression(call=call):
                self._expression(call)
            case Block(call=call, indents=indents):
                self._helper(self._invocation(call, node), indents=indents)
            case Decorator():
                self._decorator(node)
            case Partial():
                self._partial(node)
            case Comment():
                pass

    def _expression(self, call: Call) -> None:
        """A helper, if there is one of that name; else a bare name is a value."""
        if not call.bare or exists(self._name(call)):
            self._helper(self._invocation(call), indents=False)
            return
        assert not isinstance(call.name, str)
        value = self.value(call.name)
        if not isinstance(value, Missing):
            self.write_lines(text_of(value))

    def _decorator(self, node: Decorator) -> None:
        name = self._name(node.call)
        if name != "inline":
            raise TemplateError(f"there is no decorator {name!r}; the only one is inline")
        params = [self._given(param) for param in node.call.params]
        if not params or not isinstance(params[0], str):
            raise TemplateError('inline needs a name: {{#*inline "name"}}')
        if node.body is None:
            raise TemplateError('inline needs content: {{#*inline "name"}}…{{/inline}}')
        self.scopes.current.partials[params[0]] = node.body

    # ── helpers ──

    def value(self, parameter: Parameter) -> Json | Missing:
        """What a parameter is."""
        match parameter:
            case Constant(value=value):
                return value
            case Path():
                return self.scopes.find(parameter)
            case Call():
                return self._result(self._invocation(parameter))

    def _given(self, parameter: Parameter) -> Json:
        """What a parameter is to a helper: null for what is missing."""
        value = self.value(parameter)
        return None if isinstance(value, Missing) else value

    def _name(self, call: Call) -> str:
        match call.name:
            case str() as name:
                return name
            case Path(raw=raw):
                return raw
            case Call() as inner:
                return text_of(self._given(inner))

    def _invocation(self, call: Call, block: Block | None = None) -> Invocation:
        name = self._name(call)
        params = tuple(self._given(param) for param in call.params)
        pairs = {key: self._given(param) for key, param in call.pairs}
        sizes = (len(p) for p in params if isinstance(p, str | list | dict))
        self._spend(sum(sizes) // SIZE_STEP)
        if not exists(name):
            raise TemplateError(unknown_helper(name, params, block=block is not None))
        return Invocation(name, params, pairs, call, block)

    def _result(self, call: Invocation) -> Json:
        """A helper's result in parentheses: its value, or as text what it writes."""
        if compute := builtin.VALUES.get(call.name) or builtin.CONDITIONS.get(call.name):
            return compute(call.name, call.params)
        with self.captured() as written:
            self._call(call)
        return "".join(written)

    def _helper(self, call: Invocation, *, indents: bool) -> None:
        """Call a helper where its output goes to the page."""
        lines = self._lines
        due, produced = lines.due, lines.produced
        lines.produced = False
        lines.due = due or (indents and lines.at_newline)
        self._call(call)
        self._after(due=due, produced=produced)

    def _after(self, *, due: bool, produced: bool) -> None:
        """Whether an indent is due after something that may have written nothing."""
        lines = self._lines
        if lines.produced:
            lines.due = lines.at_newline
        else:
            lines.due, lines.produced = due, produced

    def _call(self, call: Invocation) -> None:
        if compute := builtin.VALUES.get(call.name):
            self.write_lines(text_of(compute(call.name, call.params)))
        elif test := builtin.CONDITIONS.get(call.name):
            true = test(call.name, call.params)
            if call.block is None:
                self.write(text_of(true))
            else:
                self.body(call.block.body if true else call.block.inverse)
        elif write := habitat.TEXTS.get(call.name):
            self.write(write(call.name, call.params, self.scopes.root, OUTPUT_LIMIT))
        else:
            BLOCKS[call.name](self, call)

    # ── partials ──

    def _partial(self, node: Partial) -> None:
        name = self._name(node.call)
        params = [self._given(param) for param in node.call.params]
        pairs = {key: self._given(param) for key, param in node.call.pairs}
        lines = self._lines
        due, produced, indent = lines.due, lines.produced, lines.indent
        lines.due = node.indents and (lines.at_newline or bool(node.indent))
        lines.produced = False
        before = self._current
        if before == name:
            raise TemplateError(f"the partial {name!r} includes itself")
        if name == PARTIAL_BLOCK:
            self._partial_block(node)
        else:
            found = self.scopes.partial(name) or self._partials.get(name)
            if found is None and node.body is None:
                raise TemplateError(self._no_partial(name))
            base = merged(params[0] if params else self.scopes.current.base, pairs)
            variables = dict(self.scopes.current.variables)
            self.scopes.push(Scope(base, params=pairs, variables=variables))
            self._blocks.append(self._content(node.body) if found is not None else None)
            lines.indent = indent + node.indent
            self.body(found if found is not None else node.body)
            self._blocks.pop()
            self.scopes.pop()
        self._current = before
        lines.indent = indent
        self._after(due=due, produced=produced)

    def _partial_block(self, node: Partial) -> None:
        content = self._blocks[-1] if self._blocks else None
        if content is not None:
            self.write(content)
        elif node.body is not None:
            self.body(node.body)
        else:
            raise TemplateError("there is no @partial-block: the partial was included without one")

    def _content(self, body: Body | None) -> str | None:
        """The content given with a partial, rendered in the partial's scope."""
        if body is None:
            return None
        with self.captured() as written:
            self.body(body)
        return "".join(written)

    def _no_partial(self, name: str) -> str:
        known = ", ".join(sorted(self._partials)[:10])
        return f"there is no partial {name!r}" + (f"; there are {known}" if known else "")


BLOCKS: Final = {**builtin.BLOCKS, "eachAlive": habitat.each_alive}
HELPERS: Final = frozenset(
    (*builtin.VALUES, *builtin.CONDITIONS, *habitat.TEXTS, *builtin.BLOCKS, "eachAlive")
)


def exists(name: str) -> bool:
    """Whether there is a helper of that name; then a bare name is its call."""
    return name in HELPERS


def unknown_helper(name: str, params: tuple[Json, ...], *, block: bool) -> str:
    """What to say when something that is not a helper is called."""
    if params and isinstance(params[0], list) and not block:
        return f"there is no helper {name!r}; an element of a list is written {name}.[0]"
    near = [known for known in sorted(HELPERS) if known.lower() == name.lower()]
    return f"there is no helper {name!r}" + (f"; did you mean {near[0]}?" if near else "")


def merged(base: Json, pairs: Mapping[str, Json]) -> Json:
    """The scope of a partial that is given `key=value`s."""
    if not pairs:
        return base
    match base:
        case dict():
            return {**base, **pairs}
        case list() | str():
            return {**{str(index): part for index, part in enumerate(base)}, **pairs}
        case _:
            return dict(pairs)
