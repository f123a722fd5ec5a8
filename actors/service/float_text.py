"""Floats as serde_json writes them, which is how templates, JSON and YAML show them."""

from __future__ import annotations

from decimal import Decimal


def float_text(value: float) -> str:
    """A float as serde_json writes it: always with a point or an exponent."""
    text = repr(value)
    head, exponent, tail = text.partition("e")
    if not exponent:
        return text
    if tail == "-05":  # here Python already writes an exponent, serde_json not yet
        return format(Decimal(text), "f")
    sign, digits = tail[0], tail[1:].lstrip("0")
    return f"{head}e{sign}{digits}"
