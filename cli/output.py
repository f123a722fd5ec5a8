"""What goes to standard output: tables, JSON with a schema; and what is only said, to stderr.

Piped, a table is plain columns without boxes or colour. On a terminal rich draws it, and only then
is rich loaded. NO_COLOR is obeyed in both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

NONE = "<none>"  # a cell without a value, so that every cell is one word


def say(text: str) -> None:
    """Tell the person something that is not data."""
    click.echo(text, err=True)


def emit_json(schema: str, payload: Mapping[str, object]) -> None:
    """Write one JSON document; `schema` is `<what>/<version>`."""
    import json

    click.echo(json.dumps({"schema": schema, **payload}, indent=2, ensure_ascii=False))


def on_terminal(stream: TextIO) -> bool:
    """Whether a person sees `stream` directly."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def color_wanted(stream: TextIO) -> bool:
    """Whether `stream` may carry colour."""
    return on_terminal(stream) and not os.environ.get("NO_COLOR")


def cell(value: object) -> str:
    """Write a value as one cell."""
    if value is None or value in ("", ()):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows below a header line."""
    cells = [[cell(value) for value in row] for row in rows]
    if on_terminal(sys.stdout):
        _draw(columns, cells)
        return
    widths = [max(len(c) for c in column) for column in zip(columns, *cells, strict=True)]
    for row in [list(columns), *cells]:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Draw a table for a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(text, style=_STYLES.get(text, "")) for text in row))
    Console(highlight=False, no_color=not color_wanted(sys.stdout)).print(drawn)


# Never the only sign: the word itself stands there.
_STYLES = {
    "up": "green",
    "alive": "green",
    "ALIVE": "green",
    "ok": "green",
    "failed": "red",
    "critical": "red",
    "confirmed": "red",
    "DEAD": "red",
    "backoff": "yellow",
    "waiting": "yellow",
    "warning": "yellow",
    "suspect": "yellow",
    "RESTARTING": "yellow",
    "PARKED": "yellow",
    NONE: "dim",
}


def duration_words(seconds: float) -> str:
    """Write a length of time for people: `3s`, `4m10s`, `2h5m`, `3d4h`; `never` below zero."""
    whole = int(seconds)
    if seconds < 0:
        return "never"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 86400}d{whole % 86400 // 3600}h"
