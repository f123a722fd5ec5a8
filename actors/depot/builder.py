"""Builder's JSON (API v1): pages, identifiers, packages; written by the server, read by the client.

What comes from a depot is hostile until it was read here: a field of another type or an absurd
identifier is a `RemoteError`, never a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from actors.depot.artifact import Description
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import RemoteError, UsageError

PAGE: Final = 50  # items, as Builder
_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


class IdentJson(msgspec.Struct, frozen=True):
    """An identifier; what is left open is null."""

    origin: str
    name: str
    version: str | None = None
    release: str | None = None


class PageJson(msgspec.Struct, frozen=True):
    """A page of identifiers as a client reads it."""

    range_start: int
    range_end: int
    total_count: int
    data: list[IdentJson]


class PackageJson(msgspec.Struct, frozen=True):
    """The part of a package's JSON that a client uses."""

    ident: IdentJson
    checksum: str
    deps: list[IdentJson] = []
    tdeps: list[IdentJson] = []
    channels: list[str] = []


class NameJson(msgspec.Struct, frozen=True):
    """A channel in a list of channels."""

    name: str


class KeyJson(msgspec.Struct, frozen=True):
    """A key in a list of keys."""

    origin: str
    revision: str


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """Items from `start` to `end` (inclusive) of `total`; with no items `end` is the total."""

    start: int
    end: int
    total: int
    items: Sequence[_Item]

    @property
    def status(self) -> int:
        """The HTTP status: 206 where items follow."""
        return 206 if self.total > self.end + 1 else 200

    def json(self, write: Callable[[_Item], object]) -> dict[str, object]:
        """As Builder writes it, each item as `write` makes it."""
        return {
            "range_start": self.start,
            "range_end": self.end,
            "total_count": self.total,
            "data": [write(item) for item in self.items],
        }


def page(items: Sequence[_Item], offset: int) -> Page[_Item]:
    """The page that begins at `offset`; a negative one: all items in one page."""
    start = max(offset, 0)
    shown = items if offset < 0 else items[start : start + PAGE]
    end = start + len(shown) - 1 if shown else len(items)
    return Page(start, end, len(items), shown)


def parse_range(text: str | None) -> int:
    """The query parameter `range`: the offset of the first item, 0 if absent. Raises UsageError."""
    if text is None or text == "":
        return 0
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
        raise UsageError(f"range is {text[:40]!r}; it must be a number")
    return int(text)


def ident_json(ident: PackageIdent) -> dict[str, str | None]:
    """An identifier as Builder writes it."""
    return {
        "origin": ident.origin,
        "name": ident.name,
        "version": ident.version or None,
        "release": ident.release or None,
    }


def package_json(
    description: Description, channels: Collection[str], *, full: bool
) -> dict[str, object]:
    """A package as Builder writes it.

    `full` (found through a channel) has config and manifest; the other has its size instead.
    """
    ident = parse_ident(description.ident)
    shown: dict[str, object] = {
        "id": number(f"{description.ident} {description.target}"),
        "owner_id": "0",
        "name": ident.name,
        "ident": ident_json(ident),
        "ident_array": [ident.origin, ident.name, ident.version, ident.release],
        "checksum": description.checksum,
        "manifest": description.manifest if full else "",
        "config": description.config if full else "",
        "target": description.target,
        "deps": _idents(description.deps),
        "tdeps": _idents(description.tdeps),
        "build_deps": _idents(description.build_deps),
        "build_tdeps": _idents(description.build_tdeps),
        "exposes": list(description.exposes),
        "visibility": "public",
        "created_at": description.uploaded,
        "updated_at": description.uploaded,
        "origin": ident.origin,
        "package_type": "Native" if description.native else "Standard",
        "channels": sorted(channels),
        "is_a_service": description.service,
    }
    if not full:
        shown["size"] = description.size
    return shown


def number(text: str) -> str:
    """An id as Builder has them, decimal text of 18 digits; the same for the same text."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return str(10**17 + int.from_bytes(digest) % (9 * 10**17))


def read_json(data: bytes, kind: type[_Read]) -> _Read:
    """What a depot answered, as a value. Raises RemoteError that shows the beginning of it."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        start = data[:60].decode(errors="replace")
        raise RemoteError(f"it answered what is not Builder's JSON ({start!r}: {error})") from error


def read_ident_json(found: IdentJson) -> PackageIdent:
    """The identifier a depot names, which must be full. Raises RemoteError."""
    text = "/".join((found.origin, found.name, found.version or "", found.release or ""))
    try:
        return parse_ident(text)
    except UsageError as error:
        raise RemoteError(f"it names the package {text[:200]!r}, which cannot be") from error


def _idents(texts: Sequence[str]) -> list[dict[str, str | None]]:
    return [ident_json(PackageIdent(*text.split("/"))) for text in texts]
