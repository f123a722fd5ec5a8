"""Paths of the grammar: `cfg.list.[0]`, `../x`, `@root.x`, `@../index`."""

from __future__ import annotations

import re
from typing import Final

from actors.service.handlebars.literals import LETTER
from actors.service.handlebars.tree import Path

_ITEM: Final = rf"(?>{LETTER}++|\[[^\]]*+\])"
PATH: Final = re.compile(
    rf"(?>this[/.]|\./)?+(?>@root[/.])?+@?+(?>\.\.[/.])*+{_ITEM}(?>[/.]{_ITEM})*+"
)
_STEP: Final = re.compile(rf"@root(?=[/.])|@|\.\.(?=[/.])|{_ITEM}")


def read_path(raw: str) -> Path:
    """What a path means; `this` and `./` are steps to nowhere, wherever they stand."""
    level, root, local = 0, False, False
    names: list[str] = []
    for found in _STEP.finditer(raw):
        step = found.group()
        if step == "@root":
            root = True
        elif step == "@":
            local = not root
        elif step == "..":
            level += 1
        elif step.strip("[]") != "this" or len(step) > len("[this]"):
            names.append(step[1:-1] if step.startswith("[") else step)
    if root:
        return Path(raw, "root", 0, tuple(names))
    if local:
        if names:
            return Path(raw, "local", level, (names[0],))
        return Path(raw, "relative", 0, ())  # `@this` is `this`
    return Path(raw, "relative", level, tuple(names))
