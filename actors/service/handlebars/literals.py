"""Literals of the grammar: texts, numbers, lists and objects, as JSON reads them."""

from __future__ import annotations

import json
import re
from typing import Final

from actors.errors import TemplateError
from actors.service.handlebars.values import Json, plain

NESTING_LIMIT: Final = 32  # of parentheses and of lists in literals
BLANK: Final = r"[ \t\r\n]*+"
LETTER: Final = r"[A-Za-z0-9\-_$:\u0080-\U0010ffff]"

_SKIP: Final = re.compile(BLANK)
_NUMBER: Final = re.compile(rf"-?+[0-9]++\.?+[0-9]*+(?>E-?[0-9]++)?+(?!{LETTER})")
_CONSTANT: Final = re.compile(rf"(?>null|true|false)(?!{LETTER})")
_ESCAPED: Final = r"\\u[0-9a-fA-F]{4}"
_DOUBLE: Final = re.compile(rf'"(?>[^"\\]|\\["\\/bfnrt]|{_ESCAPED})*+"')
_SINGLE: Final = re.compile(rf"'(?>[^'\\]|\\['\\/bfnrt]|{_ESCAPED})*+'")


def skip(text: str, at: int) -> int:
    """Past blanks."""
    found = _SKIP.match(text, at)
    assert found is not None
    return found.end()


def literal_end(text: str, at: int, depth: int = 0) -> int | None:
    """Where the literal at `at` ends; None where there is none. Raises TemplateError."""
    match text[at : at + 1]:
        case '"':
            found = _DOUBLE.match(text, at)
        case "'":
            found = _SINGLE.match(text, at)
        case "[" | "{":
            return _collection_end(text, at, depth)
        case _:
            found = _NUMBER.match(text, at) or _CONSTANT.match(text, at)
    return found.end() if found else None


def _collection_end(text: str, at: int, depth: int) -> int | None:
    """Where a list or an object ends; a path such as `[odd key]` is neither."""
    if depth >= NESTING_LIMIT:
        raise TemplateError(f"nested deeper than {NESTING_LIMIT} brackets")
    closing = "]" if text[at] == "[" else "}"
    end: int | None = skip(text, at + 1)
    while end is not None and not text.startswith(closing, end):
        if text.startswith(",", end):
            end = skip(text, end + 1)
        if closing == "}":
            end = _key_end(text, end)
        end = None if end is None else literal_end(text, end, depth + 1)
        end = None if end is None else skip(text, end)
        if end is not None and not text.startswith((closing, ","), end):
            return None
    return None if end is None else end + 1


def _key_end(text: str, at: int) -> int | None:
    found = _DOUBLE.match(text, at) or _SINGLE.match(text, at)
    if found is None or not text.startswith(":", end := skip(text, found.end())):
        return None
    return skip(text, end + 1)


def literal_value(text: str) -> Json:
    """The value that a literal spells. Raises ValueError for what only looks like one."""
    if text.startswith("'"):
        inner = text[1:-1].replace("\\'", "'").replace('"', '\\"')
        text = f'"{inner}"'
    value = plain(json.loads(text))
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate cannot be encoded
    return value
