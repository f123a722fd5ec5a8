"""Uninstalling: what is loaded stays; what goes is gone from one moment to the next."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable

from actors.adapters.package_store import PackageStore, Say
from actors.adapters.staging import staged
from actors.adapters.trees import sync_directory
from actors.adapters.unpacking import tdeps_of
from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.removal import Removal, plan_removal
from actors.errors import HabError, Refused, UsageError
from actors.service import record
from actors.specs import spec_file


def loaded_packages(store: PackageStore) -> frozenset[PackageIdent]:
    """What the services of every supervisor below the root run with, or would start with."""
    found: set[PackageIdent] = set()
    for supervisor in sorted((store.root / "sup").glob("*")):
        for path in sorted((supervisor / "specs").glob(f"*{spec_file.SUFFIX}")):
            with contextlib.suppress(OSError, HabError):
                ident = spec_file.parse(path.name, path.read_bytes()).ident
                found |= {newest} if ident and (newest := store.find(ident)) else set()
        for path in sorted((supervisor / record.DIRECTORY).glob(f"*{record.SUFFIX}")):
            with contextlib.suppress(OSError, UsageError):
                known = record.decode(path.read_bytes())
                if known is not None and known.package is not None:
                    found.add(parse_ident(known.package.ident))
    return frozenset(found)


def removal(
    store: PackageStore,
    ident: str,
    *,
    keep_latest: int | None = None,
    excluded: Iterable[str] = (),
    with_deps: bool = True,
) -> Removal:
    """What uninstalling `ident` would come to. Raises Refused where nothing fits, UsageError."""
    wanted = parse_ident(ident)
    tdeps = {one: _known(tdeps_of(store.path(one))) for one in store.installed()}
    if not any(one.satisfies(wanted) for one in tdeps):
        raise Refused(f"{ident} is not installed; `hab pkg list` shows what is", "not-found")
    return plan_removal(
        wanted,
        tdeps,
        loaded_packages(store),
        keep_latest=keep_latest,
        excluded=[parse_ident(one) for one in excluded],
        with_deps=with_deps,
    )


def remove(
    store: PackageStore,
    idents: Collection[PackageIdent],
    say: Say,
    before: Callable[[PackageIdent], None] | None = None,
) -> None:
    """Take packages away, in the order given. One that is gone already is no error.

    `before` is called for each before it goes, and stops all by raising.
    """
    for ident in idents:
        place = store.path(ident)
        if before is not None and place.is_dir():
            before(ident)
        with staged(place.parent, ident.release) as outer:
            try:
                place.rename(outer / ident.release)  # from here on it is no package
            except FileNotFoundError:
                continue
            sync_directory(place.parent)
        for directory in (place.parent, place.parent.parent, place.parent.parent.parent):
            with contextlib.suppress(OSError):
                os.rmdir(directory)  # noqa: PTH106 - only if it is empty
        say(f"Uninstalled {ident}")


def _known(lines: Iterable[str]) -> list[PackageIdent]:
    found = []
    for line in lines:
        with contextlib.suppress(UsageError):
            found.append(parse_ident(line))
    return found
