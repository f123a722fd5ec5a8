"""Writing TOML as toml-rs writes it: arrays on one line, the least quoting that works.

`tomli-w` breaks arrays over lines; Habitat's `toToml` does not, and templates put its result behind
a `key =`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from actors.errors import TemplateError
from actors.service.handlebars.values import date_text

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPES: Final = {
    **{chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    "\\": "\\\\",
}
_INTEGERS: Final = range(-(2**63), 2**63)


def toml_document(table: Mapping[str, object]) -> str:
    """A table as a document: its values, then its tables. Keys of null are left out.

    Raises TemplateError for what TOML cannot say: null in an array, an integer beyond 64 bits.
    """
    sections = list(_sections((), table, header=""))
    return "\n".join(sections)


def _sections(path: tuple[str, ...], table: Mapping[str, object], header: str) -> Iterator[str]:
    """The text of a table and of each table in it, every one ending in a newline."""
    values = {key: value for key, value in table.items() if value is not None}
    tables = {key: value for key, value in values.items() if _is_table(value)}
    lines = [
        f"{_key(key)} = {inline(value)}\n" for key, value in values.items() if key not in tables
    ]
    needed = bool(lines) or not tables or header.startswith("[[")
    if header and needed:
        lines.insert(0, f"{header}\n")
    if lines:
        yield "".join(lines)
    for key, value in tables.items():
        inner = (*path, key)
        name = ".".join(map(_key, inner))
        if isinstance(value, Mapping):
            yield from _sections(inner, value, f"[{name}]")
        elif isinstance(value, list):
            for part in value:
                yield from _sections(inner, part, f"[[{name}]]")


def _is_table(value: object) -> bool:
    """Whether a value has a section of its own: a table, or an array of nothing but tables."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(part, Mapping) for part in value)
    return isinstance(value, Mapping)


def inline(value: object) -> str:
    """A value as it stands behind `key =`. Raises TemplateError."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            if value not in _INTEGERS:
                raise TemplateError(f"{value} is beyond TOML's integers of 64 bits")
            return str(value)
        case float():
            return _float(value)
        case str():
            return _string(value)
        case list():
            return f"[{', '.join(map(inline, value))}]"
        case Mapping():
            parts = [f"{_key(k)} = {inline(part)}" for k, part in value.items() if part is not None]
            return f"{{ {', '.join(parts)} }}" if parts else "{}"
        case _:
            if (date := date_text(value)) is None:
                raise TemplateError("TOML has no null")
            return date


def _float(value: float) -> str:
    """Never with an exponent, always with a point."""
    text = repr(value)
    if "n" in text:  # nan and inf
        return text
    text = format(Decimal(text), "f")
    return text if "." in text else f"{text}.0"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key, multiline=False)


def _string(text: str, *, multiline: bool = True) -> str:
    """`text` in the first form that needs no escape, else in the last of its kind.

    The forms, in toml-rs's order: `"…"`, `'…'`, and over several lines in three of either quote.
    """
    controls, newline = _CONTROL.search(text) is not None, "\n" in text
    slash = "\\" in text
    if not (controls or slash or '"' in text or newline):
        return f'"{_escaped(text)}"'
    if not (controls or "'" in text or newline):
        return f"'{text}'"
    if multiline and not (controls or slash or '"""' in text):
        return _lines(text)
    if multiline and not (controls or "'''" in text):
        return "'''" + ("\n" if newline else "") + f"{text}'''"
    return _lines(text) if multiline and newline else f'"{_escaped(text)}"'


def _lines(text: str) -> str:
    """A basic string over several lines: up to two quotation marks in a row stand as they are."""
    lines = [_escaped(line, quote='"').replace('"""', '""\\"') for line in text.split("\n")]
    return '"""' + ("\n" if len(lines) > 1 else "") + "\n".join(lines) + '"""'


def _escaped(text: str, quote: str = '\\"') -> str:
    return "".join(_ESCAPES.get(c, c) if c != '"' else quote for c in text)
