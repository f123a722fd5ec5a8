"""Package identifiers `origin/name[/version[/release]]`, in the order of Habitat's supervisor.

Rules of components/core/src/package/ident.rs of Habitat 2.1: `version_sort`, `PartialOrd` (which
chooses the newest) and `satisfies`. One difference: parts are restricted to what cannot leave a
directory, since Habitat checks no characters and here they become paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from actors.errors import UsageError

_Ordered = TypeVar("_Ordered", bool, bytes, tuple[int, ...])

_PART = re.compile(r"[A-Za-z0-9_+~][A-Za-z0-9_+~.:-]{0,254}")
_VERSION = re.compile(r"([\d\.]+)(.+)?", re.ASCII)
_LARGEST = 2**64 - 1  # Habitat's version parts are u64; beyond is an error there too

TARGETS = (
    "x86_64-linux",
    "x86_64-linux-kernel2",
    "aarch64-linux",
    "x86_64-darwin",
    "aarch64-darwin",
    "x86_64-windows",
    "aarch64-windows",
)


@dataclass(frozen=True, slots=True)
class PackageIdent:
    """A package identifier; `version` and `release` are empty where they are left open."""

    origin: str
    name: str
    version: str = ""
    release: str = ""

    @property
    def full(self) -> bool:
        """Whether it names exactly one release ("fully qualified")."""
        return bool(self.version and self.release)

    def __str__(self) -> str:
        return "/".join(p for p in (self.origin, self.name, self.version, self.release) if p)

    def satisfies(self, other: PackageIdent) -> bool:
        """Whether `self`, an installed package, is one that `other` asks for.

        What `other` leaves open is anything; what it names must be equal.
        """
        return (
            (self.origin, self.name) == (other.origin, other.name)
            and other.version in ("", self.version)
            and other.release in ("", self.release)
        )

    def file_name(self, target: str) -> str:
        """The name of its HART file (fully qualified identifiers only)."""
        return f"{self.origin}-{self.name}-{self.version}-{self.release}-{target}.hart"


def parse_ident(text: str) -> PackageIdent:
    """The identifier that `text` spells. Raises UsageError in Habitat's words."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 4 or not all(_PART.fullmatch(part) for part in parts):
        raise UsageError(
            f'Invalid package identifier: "{text}". A valid identifier is in the form origin/name '
            "(example: acme/redis)"
        )
    return PackageIdent(*parts)


def version_parts(version: str) -> tuple[tuple[int, ...], str | None] | None:
    """A version as (numbers without trailing zeros, extension or None), None if it has no numbers.

    The search is not anchored: `R16B03` has the numbers (16,) and the extension `B03`.
    """
    found = _VERSION.search(version)
    if found is None:
        return None
    digits = found.group(1).split(".")
    if not all(digits) or any(len(part) > 20 for part in digits):
        return None
    numbers = [int(part) for part in digits]
    if max(numbers) > _LARGEST:
        return None
    while numbers and numbers[-1] == 0:  # 1.0 and 1.0.0 are the same version
        numbers.pop()
    return tuple(numbers), found.group(2)


def compare_versions(one: str, other: str) -> int:
    """-1, 0 or 1 as `one` is older, equal or newer; by bytes where either has no numbers."""
    left, right = version_parts(one), version_parts(other)
    if left is None or right is None:
        return _sign(one.encode(), other.encode())
    if left[0] != right[0]:
        return _sign(left[0], right[0])
    if left[1] is None or right[1] is None:  # 1.0.0 is newer than 1.0.0-alpha
        return _sign(left[1] is None, right[1] is None)
    return _sign(_extension(left[1]).encode(), _extension(right[1]).encode())


def compare_idents(one: PackageIdent, other: PackageIdent) -> int | None:
    """-1, 0 or 1 as `one` is older, equal or newer; None where they cannot be compared.

    The origin does not count. What is left open is older than what is named.
    """
    if one.name != other.name:
        return None
    if not one.version or not other.version:
        return _sign(bool(one.version), bool(other.version)) or None
    by_version = compare_versions(one.version, other.version)
    if by_version:
        return by_version
    if not one.release or not other.release:
        return _sign(bool(one.release), bool(other.release)) or None
    return _sign(one.release.encode(), other.release.encode())


def newest(wanted: PackageIdent, there: Iterable[PackageIdent]) -> PackageIdent | None:
    """The newest of `there` that satisfies `wanted`; the earlier one of two that are equal."""
    best: PackageIdent | None = None
    for ident in there:
        if ident.satisfies(wanted) and (best is None or (compare_idents(best, ident) or 0) < 0):
            best = ident
    return best


def _extension(text: str) -> str:
    return text[1:] if len(text) > 1 and text.startswith("-") else text


def _sign(one: _Ordered, other: _Ordered) -> int:
    return (one > other) - (one < other)
