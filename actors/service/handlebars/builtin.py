"""The helpers of handlebars-rust 6.x: conditions, loops, look-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from actors.errors import TemplateError
from actors.service.handlebars.scopes import Scope
from actors.service.handlebars.tree import Path
from actors.service.handlebars.values import Json, compare, equal, text_of, truthy

if TYPE_CHECKING:
    from actors.service.handlebars.renderer import Invocation, Renderer

Compute: TypeAlias = Callable[[str, tuple[Json, ...]], Json]
Test: TypeAlias = Callable[[str, tuple[Json, ...]], bool]
BlockHelper: TypeAlias = "Callable[[Renderer, Invocation], None]"

LOG_LEVELS: Final = ("error", "warn", "info", "debug", "trace")


def parameter(name: str, params: tuple[Json, ...], index: int = 0) -> Json:
    """A parameter that must be given. Raises TemplateError."""
    if index >= len(params):
        raise TemplateError(f"{name} needs {'a' if index == 0 else 'a second'} parameter")
    return params[index]


# ── values, which keep their type in parentheses ──


def lookup(name: str, params: tuple[Json, ...]) -> Json:
    """`lookup LIST INDEX`, `lookup OBJECT KEY`; null where there is nothing."""
    collection, key = parameter(name, params), parameter(name, params, 1)
    match collection, key:
        case _, bool():
            return None
        case list(), int():
            return collection[key] if 0 <= key < len(collection) else None
        case dict(), str():
            return collection.get(key)
        case _:
            return None


def length(name: str, params: tuple[Json, ...]) -> Json:
    """`len X`: elements, keys, bytes of a text; 0 for anything else."""
    match parameter(name, params):
        case str() as text:
            return len(text.encode())
        case list() | dict() as collection:
            return len(collection)
        case _:
            return 0


def _binary(test: Callable[[Json, Json], bool]) -> Test:
    def compute(name: str, params: tuple[Json, ...]) -> bool:
        return test(parameter(name, params), parameter(name, params, 1))

    return compute


def _not(name: str, params: tuple[Json, ...]) -> bool:
    return not truthy(parameter(name, params))


VALUES: Final[dict[str, Compute]] = {"lookup": lookup, "len": length}
CONDITIONS: Final[dict[str, Test]] = {
    "eq": _binary(equal),
    "ne": _binary(lambda one, other: not equal(one, other)),
    "gt": _binary(lambda one, other: compare(one, other) == 1),
    "gte": _binary(lambda one, other: compare(one, other) in (0, 1)),
    "lt": _binary(lambda one, other: compare(one, other) == -1),
    "lte": _binary(lambda one, other: compare(one, other) in (0, -1)),
    "and": lambda _, params: all(map(truthy, params)),
    "or": lambda _, params: any(map(truthy, params)),
    "not": _not,
}


# ── blocks ──


def when(renderer: Renderer, call: Invocation) -> None:
    """`if X`, `unless X`, with `includeZero=true` for a zero that counts."""
    value = parameter(call.name, call.params)
    true = truthy(value, include_zero=call.pairs.get("includeZero") is True)
    if call.block is not None:
        renderer.body(call.block.body if true != (call.name == "unless") else call.block.inverse)


def each(renderer: Renderer, call: Invocation) -> None:
    """`each LIST`, `each OBJECT`; anything else, or nothing in it, is the else branch."""
    value, block = parameter(call.name, call.params), call.block
    if block is None:
        return
    items: list[tuple[Json, Json]]
    match value:
        case list():
            items = list(enumerate(value))
        case dict():
            items = list(value.items())
        case _:
            items = []
    if not items:
        renderer.body(block.inverse)
        return
    scope = Scope(value)
    renderer.scopes.push(scope)
    for index, (key, item) in enumerate(items):
        scope.base = item
        scope.variables.update(first=index == 0, last=index == len(items) - 1, index=index)
        if isinstance(value, dict):
            scope.variables["key"] = key
        scope.params = dict(zip(block.params, (item, key), strict=False))
        renderer.body(block.body)
    renderer.scopes.pop()


def within(renderer: Renderer, call: Invocation) -> None:
    """`with X`: X is `this`; the else branch where X is false."""
    value, block = parameter(call.name, call.params), call.block
    if not truthy(value):
        renderer.body(block.inverse if block else None)
        return
    scope = Scope(value, variables=dict(renderer.scopes.current.variables))
    if block is not None and len(block.params) == 1:
        scope.params[block.params[0]] = value
    renderer.scopes.push(scope)
    renderer.body(block.body if block else None)
    renderer.scopes.pop()


def raw(renderer: Renderer, call: Invocation) -> None:
    """`{{{{raw}}}}…{{{{/raw}}}}`: what is in it, verbatim."""
    renderer.body(call.block.body if call.block else None)


def log(renderer: Renderer, call: Invocation) -> None:
    """`log A B level="warn"`: writes nothing to the page."""
    level = call.pairs.get("level")
    word = level.lower() if isinstance(level, str) else "info"
    if word not in LOG_LEVELS:
        raise TemplateError(f"{level!r} is no level of log; there are {', '.join(LOG_LEVELS)}")
    parts = [
        f"{given.raw}: {text_of(value)}" if isinstance(given, Path) else text_of(value)
        for given, value in zip(call.call.params, call.params, strict=True)
    ]
    renderer.log.append(f"{word}: {', '.join(parts)}")


BLOCKS: Final[dict[str, BlockHelper]] = {
    "if": when,
    "unless": when,
    "each": each,
    "with": within,
    "raw": raw,
    "log": log,
}
