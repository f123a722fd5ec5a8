"""The process that installs one package for a supervisor, and ends with it.

It gets an `InstallOrder` as one line of JSON on its standard input and writes one line for each
thing it has to say; the last is `Done` or `NotDone`. When the input closes, the supervisor is gone,
and so is this process.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import HabError, Refused
from actors.messages.service import Progress


class InstallOrder(msgspec.Struct, frozen=True):
    """What to install: `source`, a file or directory, or else `ident` from a channel of a depot.

    `services` is where service directories are: install hooks run in them; empty: none are run.
    `url` empty: the depot that environment and cli.toml name, else the one below `root`.
    """

    root: str
    key_cache: str
    ident: str = ""
    source: str = ""
    channel: str = "stable"
    url: str = ""
    services: str = ""


class Told(msgspec.Struct, frozen=True, tag=True):
    """A line of progress."""

    text: str
    done: int = 0
    total: int = 0


class Done(msgspec.Struct, frozen=True, tag=True):
    """It is installed; `new`: since just now."""

    ident: str
    new: bool


class NotDone(msgspec.Struct, frozen=True, tag=True):
    """It is not, and nothing was changed; `code` is a stable word."""

    text: str
    code: str


Line: TypeAlias = Told | Done | NotDone


def main() -> None:
    """Carry out the order on standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=InstallOrder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _write(install(order, _tell))
    except Refused as error:
        _write(NotDone(str(error), error.code))
    except HabError as error:
        _write(NotDone(str(error), "bad-package"))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _write(NotDone(f"{where}{error.strerror or error}", "host"))


def install(order: InstallOrder, tell: Callable[[Progress], None]) -> Done:
    """Install what is ordered and run its install hooks. Raises HabError, OSError."""
    done = _bring(order, tell)
    if order.services:
        _run_hooks(order, parse_ident(done.ident), tell)
    return done


def _run_hooks(order: InstallOrder, ident: PackageIdent, tell: Callable[[Progress], None]) -> None:
    from actors.adapters.install_hooks import InstallHooks
    from actors.adapters.package_store import PackageStore

    store = PackageStore(Path(order.root), key_cache=Path(order.key_cache))
    services = Path(order.services)
    InstallHooks(store, services, os.environ, lambda text: tell(Progress(text))).installed(ident)


def _bring(order: InstallOrder, tell: Callable[[Progress], None]) -> Done:
    from actors.adapters.depot_client import depot_settings, open_depot
    from actors.adapters.depot_fetch import Fetcher
    from actors.adapters.package_store import PackageStore

    store = PackageStore(Path(order.root), key_cache=Path(order.key_cache))
    source = Path(order.source) if order.source else None
    if source is not None and (source.is_dir() or not source.exists()):
        done = store.install(source, lambda text: tell(Progress(text)))
        return Done(str(done.ident), done.new)
    settings = depot_settings(store.root, os.environ, order.url)
    fetcher = Fetcher(store, open_depot(settings, store.target, tell), tell)
    if source is not None:
        fetched = fetcher.install_file(source)
    else:
        fetched = fetcher.install(order.ident, order.channel, fall_back=True)
    return Done(str(fetched.ident), fetched.new > 0)


def _tell(progress: Progress) -> None:
    _write(Told(progress.text, progress.done, progress.total))


def _write(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
