"""What a template sees: JSON values, and their text, truth, equality and order."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Final, TypeAlias

from actors.errors import TemplateError
from actors.service.float_text import float_text

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

DEPTH_LIMIT: Final = 100  # of values in values: deeper ones are made to hurt
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_INTEGERS: Final = range(-(2**63), 2**64)  # serde_json's; what is beyond is a float there


def plain(value: object, depth: int = 0) -> Json:
    """A value as templates see it. Dates and times are their text; nan and inf are null.

    Raises TemplateError for what is not a value of JSON or TOML, or nested too deeply.
    """
    if depth > DEPTH_LIMIT:
        raise TemplateError(f"a value is nested deeper than {DEPTH_LIMIT} levels")
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if value in _INTEGERS else float(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): plain(part, depth + 1) for key, part in value.items()}
        case list() | tuple():
            return [plain(part, depth + 1) for part in value]
        case _:
            if (date := date_text(value)) is None:
                raise TemplateError(f"a {type(value).__name__} is not a value for templates")
            return date


def date_text(value: object) -> str | None:
    """A date or time in the shortest form of TOML; None for what is neither."""
    written = getattr(value, "isoformat", None)
    if not callable(written):
        return None
    text = str(written())
    head, dot, tail = text.partition(".")
    if dot:  # always six digits
        digits = tail[:6].rstrip("0")
        text = f"{head}{dot}{digits}{tail[6:]}" if digits else head + tail[6:]
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def text_of(value: Json) -> str:
    """What `{{value}}` prints."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return float_text(value)
        case list():
            return f"[{', '.join(text_of(part) for part in value)}]"
        case dict():
            return "[object]"


def json_text(value: Json, indent: int | None = None, level: int = 0) -> str:
    """A value as JSON, in one line without blanks, or with `indent` blanks a level."""
    match value:
        case float():
            return float_text(value)
        case list() if value:
            parts = [json_text(part, indent, level + 1) for part in value]
            return _enclosed("[", parts, "]", indent, level)
        case dict() if value:
            colon = ":" if indent is None else ": "
            parts = [
                f"{json_text(key)}{colon}{json_text(part, indent, level + 1)}"
                for key, part in value.items()
            ]
            return _enclosed("{", parts, "}", indent, level)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _enclosed(left: str, parts: list[str], right: str, indent: int | None, level: int) -> str:
    if indent is None:
        return f"{left}{','.join(parts)}{right}"
    inner, outer = "\n" + " " * indent * (level + 1), "\n" + " " * indent * level
    return f"{left}{inner}{f',{inner}'.join(parts)}{outer}{right}"


def truthy(value: Json, *, include_zero: bool = False) -> bool:
    """Whether `{{#if value}}` takes the first branch; 0 and what is empty does not."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return include_zero or abs(number) >= sys.float_info.min  # Rust's f64::is_normal
    return bool(value)


def equal(one: Json, other: Json) -> bool:
    """Whether two values are the same, of the same type: 1 is neither 1.0 nor true."""
    if one is other:
        return True
    match one, other:
        case (list(), list()):
            return len(one) == len(other) and all(map(equal, one, other))
        case (dict(), dict()):
            return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
        case _:
            return type(one) is type(other) and one == other


def compare(one: Json, other: Json) -> int | None:
    """-1, 0 or 1 as `one` is less, equal or greater; None where there is no order.

    A text that spells a number has an order with numbers.
    """
    match one, other:
        case (bool(), bool()) | (str(), str()):
            pass
        case (bool(), _) | (_, bool()):
            return None
        case (int() | float(), str()):
            other = number_in(other)
        case (str(), int() | float()):
            one = number_in(one)
        case (int() | float(), int() | float()):
            pass
        case _:
            return None
    if one is None or other is None:
        return None
    return (one > other) - (one < other)  # type: ignore[operator]  # of one kind, as matched above


def number_in(text: str) -> int | float | None:
    """The number that `text` spells in JSON, or None."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > 400:
        return None
    if found[1] or found[2] or int(text) not in _INTEGERS or text == "-0":
        number = float(text)
        return number if math.isfinite(number) else None
    return int(text)
