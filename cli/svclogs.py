"""`hab svc logs`: what a service and its hooks wrote, read from the log files on this machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

import click

from actors.node.layout import StateLayout
from cli.client import override_name_option
from cli.problem import Failure
from cli.settings import state_layout
from cli.values import check_service

POLL_S = 0.2  # a person does not see the difference to at once
BLOCK_BYTES = 64 * 1024


@click.command()
@click.argument("service")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    metavar="COUNT",
    help="Begin with this many of the last lines.  [default: 50]",
)
@click.option("--hook", metavar="HOOK", help="Of this hook instead of the service itself.")
@click.option(
    "--stream",
    type=click.Choice(["stdout", "stderr", "both"]),
    default="both",
    help="Standard output, standard error or both.  [default: both]",
)
@override_name_option
def logs(
    service: str,
    *,
    follow: bool,
    lines: int,
    hook: str | None,
    stream: str,
    override_name: str | None,
) -> None:
    """Show what a service wrote, from its log files on this machine.

    Works without a supervisor, and for a service that was unloaded as long as its files are there.
    Where both streams wrote, a line says which one it is from.
    """
    layout = state_layout(override_name, os.environ)
    name = _name(layout, service)
    directory = layout.services / name / "logs"
    if not directory.is_dir():
        raise Failure(
            f"No log directory {directory}",
            "`hab svc status` lists the services; --override-name names another supervisor.",
        )
    wanted = ("stdout", "stderr") if stream == "both" else (stream,)
    paths = {stream: directory / f"{hook or name}.{stream}.log" for stream in wanted}
    if not any(path.is_file() for path in paths.values()):
        raise Failure(f"No output of {hook or 'the service'} in {directory}", _present(directory))
    with ExitStack() as files:
        tails = {stream: files.enter_context(Tail(path)) for stream, path in paths.items()}
        for each, tail in tails.items():
            for line in tail.last(lines):
                _write(each, line, marked=len(wanted) > 1)
        while follow:
            for each, tail in tails.items():
                for line in tail.new():
                    _write(each, line, marked=len(wanted) > 1)
            sys.stdout.flush()
            threading.Event().wait(POLL_S)


class Tail:
    """The end of a log file that grows, and is emptied after it was copied away (rotation)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._part = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()

    def last(self, count: int) -> list[bytes]:
        """Return the last `count` whole lines, and stand behind them."""
        file = self._open()
        if file is None:
            return []
        position = file.seek(0, os.SEEK_END)
        held = b""
        while position > 0 and held.count(b"\n") <= count:
            step = min(BLOCK_BYTES, position)
            position -= step
            file.seek(position)
            held = file.read(step) + held
        whole, newline, self._part = held.rpartition(b"\n")
        file.seek(0, os.SEEK_END)
        if not newline:
            return []
        found = whole.split(b"\n")
        return found[-count:] if count else []

    def new(self) -> Iterator[bytes]:
        """Return the lines that are whole since the last time."""
        file = self._open()
        if file is None:
            return
        if os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)  # it was emptied: what follows is new
            self._part = b""
        while block := file.read(BLOCK_BYTES):
            *whole, self._part = (self._part + block).split(b"\n")
            yield from whole

    def _open(self) -> BinaryIO | None:
        if self._file is None and self._path.is_file():
            self._file = self._path.open("rb")
        return self._file


def _name(layout: StateLayout, service: str) -> str:
    """Find the name of a service called by ident, name or group; it need not be loaded any more."""
    from cli.offline import stored_spec

    check_service(service)
    spec = stored_spec(layout, service)
    return spec.service if spec else service.split("/")[:2][-1].partition(".")[0]


def _present(directory: Path) -> str:
    names = sorted({path.name.partition(".")[0] for path in directory.glob("*.log")})
    return f"There is output of: {', '.join(names)} (--hook)" if names else "It wrote nothing yet."


def _write(stream: str, line: bytes, *, marked: bool) -> None:
    text = line.decode(errors="replace")
    click.echo(f"(E): {text}" if marked and stream == "stderr" else text)
