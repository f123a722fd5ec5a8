"""`hab svc logs`: what a service and its hooks wrote, read from the log files on this machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Self, TypeAlias

import click

from actors.node.layout import StateLayout
from cli.client import override_name_option
from cli.problem import Failure
from cli.settings import state_layout
from cli.values import check_service

POLL_S = 0.2  # a person does not see the difference to at once
BLOCK_BYTES = 64 * 1024
Write: TypeAlias = Callable[[str, bytes], None]  # stream, line
Copy: TypeAlias = tuple[int, int]  # a copy's inode and time


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
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object with a schema a line.")
@override_name_option
def logs(
    service: str,
    *,
    follow: bool,
    lines: int,
    hook: str | None,
    stream: str,
    as_json: bool,
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
    write = _json_writer(name, hook) if as_json else _text_writer(marked=len(wanted) > 1)
    with ExitStack() as files:
        tails = {stream: files.enter_context(Tail(path)) for stream, path in paths.items()}
        for each, tail in tails.items():
            for line in tail.last(lines):
                write(each, line)
        while follow:
            for each, tail in tails.items():
                for line in tail.new():
                    write(each, line)
            sys.stdout.flush()
            threading.Event().wait(POLL_S)


class Tail:
    """The end of a log file that grows, and is emptied after it was copied away (rotation).

    The launcher copies, empties, then gives the copy the name `.1`; what was written between our
    last look and the emptying is read from the copies that have come since.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._part = b""
        self._youngest: Copy | None = None  # the youngest copy that is behind us
        self._shrunk = False  # emptied at the last look, and no copy had come

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()

    def last(self, wanted: int) -> list[bytes]:
        """Return the last `wanted` whole lines, and stand behind them."""
        file = self._open()
        if file is None:
            return []
        position = file.seek(0, os.SEEK_END)
        held = b""
        while position > 0 and held.count(b"\n") <= wanted:
            step = min(BLOCK_BYTES, position)
            position -= step
            file.seek(position)
            held = file.read(step) + held
        whole, newline, self._part = held.rpartition(b"\n")
        file.seek(0, os.SEEK_END)
        if not newline:
            return []
        found = whole.split(b"\n")
        return found[-wanted:] if wanted else []

    def new(self) -> Iterator[bytes]:
        """Return the lines that are whole since the last time."""
        file = self._open()
        if file is None:
            return
        copies = self._copies()
        shrunk = os.fstat(file.fileno()).st_size < file.tell()
        if shrunk and not copies and not self._shrunk:
            self._shrunk = True  # its copy is about to get its name, or it has none
            return
        self._shrunk = False
        if copies:
            yield from self._rest(copies, file.tell())
        elif shrunk:
            self._part = b""  # whoever emptied it kept nothing
        if copies or shrunk:
            file.seek(0)
        yield from self._lines(file)

    def _rest(self, copies: list[Path], position: int) -> Iterator[bytes]:
        """Return the lines of copies that have come since the last look, oldest first."""
        for path in copies:
            with suppress(FileNotFoundError), path.open("rb") as copy:
                copy.seek(position)
                yield from self._lines(copy)
            position = 0

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        while block := file.read(BLOCK_BYTES):
            *whole, self._part = (self._part + block).split(b"\n")
            yield from whole

    def _copies(self) -> list[Path]:
        """Return the copies younger than the youngest known one, oldest first."""
        found: list[Path] = []
        youngest = self._youngest
        for number in count(1):
            path = self._path.with_name(f"{self._path.name}.{number}")
            copy = _identity(path)
            if copy is None or copy == self._youngest:
                break
            found.append(path)
            youngest = copy if number == 1 else youngest
        self._youngest = youngest
        return found[::-1]

    def _open(self) -> BinaryIO | None:
        if self._file is None and self._path.is_file():
            self._file = self._path.open("rb")
            self._copies()  # those there are now are behind us
        return self._file


def _identity(path: Path) -> Copy | None:
    """Tell one copy from another: they are renamed, and an inode may come again."""
    try:
        what = path.stat()
    except OSError:
        return None
    return what.st_ino, what.st_mtime_ns


def _name(layout: StateLayout, service: str) -> str:
    """Find the name of a service called by ident, name or group; it need not be loaded any more."""
    from cli.offline import stored_spec

    check_service(service)
    spec = stored_spec(layout, service)
    return spec.service if spec else service.split("/")[:2][-1].partition(".")[0]


def _present(directory: Path) -> str:
    names = sorted({path.name.partition(".")[0] for path in directory.glob("*.log")})
    return f"There is output of: {', '.join(names)} (--hook)" if names else "It wrote nothing yet."


def _text_writer(*, marked: bool) -> Write:
    def write(stream: str, line: bytes) -> None:
        text = line.decode(errors="replace")
        click.echo(f"(E): {text}" if marked and stream == "stderr" else text)

    return write


def _json_writer(service: str, hook: str | None) -> Write:
    import json

    def write(stream: str, line: bytes) -> None:
        said = {
            "service": service,
            "hook": hook,
            "stream": stream,
            "text": line.decode(errors="replace"),
        }
        click.echo(json.dumps({"schema": "svc.logs/1", **said}, ensure_ascii=False))

    return write
