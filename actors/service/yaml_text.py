"""Writing YAML as serde_yaml 0.9 writes it: block style, the least quoting that reads back.

The rules of which text may stand unquoted are libyaml's (`yaml_emitter_analyze_scalar`); what would
read as another type in YAML 1.1 or 1.2 is quoted. Keys of more than one line are quoted in one
line, where libyaml would write them as complex keys. Our own, because PyYAML folds and quotes
differently and would be one more dependency for one helper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from actors.service.float_text import float_text

_INDENT: Final = 2
_WORDS: Final = frozenset(("null", "true", "false", "y", "yes", "n", "no", "on", "off", "<<", "="))
_NUMBER: Final = re.compile(
    r"[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9]+(?:[eE][-+]?[0-9]+)?|\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
    re.ASCII,
)
_STARTS: Final = frozenset("#,[]{}&*!|>'\"%@`")
_UNPRINTABLE: Final = re.compile(
    r"[^\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BREAKS: Final = "\r\n\x85\u2028\u2029"
_ESCAPES: Final = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\u2028": "\\L",
    "\u2029": "\\P",
}


def yaml_document(value: object) -> str:
    """A document without `---`, ending in a newline."""
    if _nested(value):
        return "".join(f"{line}\n" for line in _lines(value))
    return f"{_scalar(value, 0)}\n"


def _nested(value: object) -> bool:
    """Whether a value takes lines of its own; `[]` and `{}` do not."""
    return isinstance(value, Mapping | list) and bool(value)


def _lines(value: object) -> Iterator[str]:
    """The lines of an object or a list, not indented."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            name = _key(str(key))
            if not _nested(part):
                yield from f"{name}: {_scalar(part, _INDENT)}".split("\n")
                continue
            yield f"{name}:"
            indent = " " * _INDENT if isinstance(part, Mapping) else ""
            yield from (_shifted(indent, line) for line in _lines(part))
    elif isinstance(value, list):
        for part in value:
            if not _nested(part):
                yield from f"- {_scalar(part, _INDENT)}".split("\n")
                continue
            first, *rest = _lines(part)
            yield f"- {first}"
            yield from (_shifted(" " * _INDENT, line) for line in rest)


def _shifted(indent: str, line: str) -> str:
    """A line one level further in; an empty one, of a text, stays empty."""
    return indent + line if line else line


def _scalar(value: object, indent: int) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value)
        case str():
            return _text(value, indent)
        case list():
            return "[]"
        case Mapping():
            return "{}"
        case _:
            return str(value)


def _text(text: str, indent: int) -> str:
    if "\n" in text and not _UNPRINTABLE.search(text) and not _awkward(text):
        return _literal(text, indent or _INDENT)
    return _key(text)


def _awkward(text: str) -> bool:
    """Whether a text of several lines has blanks where a literal block would lose them."""
    return text.endswith(" ") or " \n" in text or any(b in text for b in _BREAKS if b != "\n")


def _literal(text: str, indent: int) -> str:
    hint = str(_INDENT) if text[0] in " \n" else ""
    chomp = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") or text == "\n" else ""
    pad = " " * indent
    body = "\n".join(pad + line if line else "" for line in text.removesuffix("\n").split("\n"))
    return f"|{hint}{chomp}\n{body}"


def _key(text: str) -> str:
    """A text in one line: plain, in single quotes, or in double ones."""
    if _UNPRINTABLE.search(text) or any(b in text for b in _BREAKS):
        return f'"{"".join(map(_escaped, text))}"'
    if _plain(text):
        return text
    return "'" + text.replace("'", "''") + "'"


def _plain(text: str) -> bool:
    if not text or text != text.strip(" ") or text.startswith(("---", "...")):
        return False
    if text[0] in _STARTS or text == "~":
        return False
    if text[0] in "?:-" and (len(text) == 1 or text[1] == " "):
        return False
    if ": " in text or text.endswith(":") or " #" in text:
        return False
    return text.lower() not in _WORDS and not _NUMBER.fullmatch(text) and not _digits(text)


def _digits(text: str) -> bool:
    """Whether some reader may take it for an octal or a date: quoted to be sure."""
    return text.lstrip("+-").isdigit()


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if not _UNPRINTABLE.match(character):
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02X}"
    return f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"
