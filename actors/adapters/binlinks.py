"""Links from a directory of PATH to the programs of a package."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from actors.adapters.package_store import PackageStore
from actors.adapters.trees import make_directories
from actors.depot.ident import PackageIdent
from actors.errors import Refused


def link_programs(
    store: PackageStore,
    ident: PackageIdent,
    into: Path,
    binary: str | None,
    *,
    force: bool,
    say: Callable[[str], None],
) -> list[Path]:
    """Link the programs of a package (or `binary` alone); the links that lead there now.

    What is no link of an earlier release of the same package is replaced with `force` only.
    Raises Refused for a binary that the package has not.
    """
    programs = {path.name: path for path in _programs(store, ident)}
    if binary is not None and binary not in programs:
        raise Refused(
            f"{ident} has no program {binary}; it has {', '.join(sorted(programs)) or 'none'}",
            "not-found",
        )
    make_directories(into)
    made = []
    for name in [binary] if binary is not None else sorted(programs):
        link, target = into / name, programs[name]
        if os.path.lexists(link) and not force and not _is_ours(link, store, ident):
            say(f"Skipping {link}: it is there already; --force replaces it")
            continue
        draft = into / f".{name}.{secrets.token_hex(4)}"
        draft.symlink_to(target)
        draft.replace(link)
        made.append(link)
    return made


def _programs(store: PackageStore, ident: PackageIdent) -> Iterator[Path]:
    """The programs of the directories in PATH that are the package's own; the first of a name."""
    place = store.path(ident)
    seen: set[str] = set()
    for directory in store.describe(ident).run_path:
        if Path(directory).is_relative_to(place) and Path(directory).is_dir():
            for path in sorted(Path(directory).iterdir()):
                if path.name not in seen and path.is_file() and os.access(path, os.X_OK):
                    seen.add(path.name)
                    yield path


def _is_ours(link: Path, store: PackageStore, ident: PackageIdent) -> bool:
    if not link.is_symlink():
        return False
    return Path(link.readlink()).is_relative_to(store.packages / ident.origin / ident.name)
