"""Scopes: what a path means at one place of a rendering."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from actors.errors import TemplateError
from actors.service.handlebars.tree import Body, Path
from actors.service.handlebars.values import Json

_INDEX: Final = re.compile(r"\+?[0-9]{1,18}", re.ASCII)


class Missing:
    """The type of `MISSING`: a path that leads nowhere, which is not the same as null."""


MISSING: Final = Missing()


@dataclass(slots=True)
class Scope:
    """One scope: `base` is its `this`; `params` of `as |…|`, `variables` such as `@index`."""

    base: Json
    params: dict[str, Json] = field(default_factory=dict)
    variables: dict[str, Json] = field(default_factory=dict)
    partials: dict[str, Body] = field(default_factory=dict)


class Scopes:
    """The scopes open now, and the whole context below them."""

    def __init__(self, root: Json) -> None:
        self.root = root
        self._open = [Scope(root)]

    @property
    def current(self) -> Scope:
        """The innermost scope."""
        return self._open[-1]

    def push(self, scope: Scope) -> None:
        """Open a scope."""
        self._open.append(scope)

    def pop(self) -> None:
        """Close the innermost scope."""
        self._open.pop()

    def partial(self, name: str) -> Body | None:
        """The inline partial `name` of the nearest scope that has it."""
        for scope in reversed(self._open):
            if name in scope.partials:
                return scope.partials[name]
        return None

    def find(self, path: Path) -> Json | Missing:
        """The value at `path`. Raises TemplateError where a list is asked for a name."""
        match path.kind:
            case "local":
                if path.level >= len(self._open):
                    return MISSING
                return self._open[-1 - path.level].variables.get(path.names[0], MISSING)
            case "root":
                return walk(self.root, path.names)
            case "relative":
                return self._relative(path)

    def _relative(self, path: Path) -> Json | Missing:
        """A parameter's name comes before any key, however the path begins."""
        if path.names:
            first, *rest = path.names
            for scope in reversed(self._open):
                if first in scope.params:
                    return walk(scope.params[first], tuple(rest))
        # More steps up than there are scopes lead nowhere: the innermost counts.
        level = path.level if path.level < len(self._open) else 0
        return walk(self._open[-1 - level].base, path.names)


def walk(value: Json, names: tuple[str, ...]) -> Json | Missing:
    """What is below `value`; missing at any depth is no error, a list's key is one."""
    found: Json | Missing = value
    for name in names:
        if isinstance(found, list):
            if not _INDEX.fullmatch(name):
                raise TemplateError(f"a list has no key {name!r}; write its index, as in a.[0]")
            index = int(name)
            found = found[index] if index < len(found) else MISSING
        elif isinstance(found, dict):
            found = found.get(name, MISSING)
        else:
            return MISSING
    return found
