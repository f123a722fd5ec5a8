"""The order of packages as Builder's database has it, where "newest in a channel" is decided; pure.

It differs from the supervisor's (`ident.py`) in three ways (Builder, builder-db, the view of
2025-04-24): trailing zeros count (1.0 is older than 1.0.0), an extension keeps its dash, and what
stands behind the last digit is an extension even if it is a dot. A version without a digit is
never the newest of anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from actors.depot.ident import PackageIdent

_VERSION = re.compile(r"([\d.]*\d+)(.+)?", re.ASCII)


@total_ordering
@dataclass(frozen=True, slots=True)
class BuilderVersion:
    """A version's place in Builder's order: numbers, then no extension before any, then text."""

    numbers: tuple[int, ...]
    extension: str | None

    def __lt__(self, other: BuilderVersion) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[tuple[int, ...], bool, bytes]:
        return (self.numbers, self.extension is None, (self.extension or "").encode())


def builder_version(version: str) -> BuilderVersion | None:
    """A version as Builder orders it; None for one that Builder never calls the newest."""
    found = _VERSION.search(version)
    if found is None:
        return None
    digits = found.group(1).split(".")
    if not all(digits) or any(len(part) > 4_000 for part in digits):
        return None  # Postgres has no number for it
    return BuilderVersion(tuple(int(part) for part in digits), found.group(2))


def builder_key(ident: PackageIdent) -> tuple[BuilderVersion, bytes] | None:
    """Sorting key of a fully qualified identifier, oldest first; None: outside of the order."""
    version = builder_version(ident.version)
    return None if version is None else (version, ident.release.encode())


def newest_in_builder(wanted: PackageIdent, there: Iterable[PackageIdent]) -> PackageIdent | None:
    """The newest of `there` that satisfies `wanted`, as Builder says; the earlier of two equal."""
    best: PackageIdent | None = None
    best_key: tuple[BuilderVersion, bytes] | None = None
    for ident in there:
        key = builder_key(ident)
        if key is None or not ident.satisfies(wanted):
            continue
        if best_key is None or best_key < key:
            best, best_key = ident, key
    return best
