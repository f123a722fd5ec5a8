"""Which names and links of a package may be written below the store; pure and lexical.

Nothing in an archive is trusted: names are taken apart by hand, links are followed in the mind.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.depot.ident import PackageIdent
from actors.errors import Refused

STORE = ("hab", "pkgs")
DEPTH_LIMIT = 64
NAME_LIMIT = 4096


def member_parts(name: str, ident: PackageIdent) -> tuple[str, ...]:
    """An archive member's name as parts below the package's directory; () is that directory.

    Raises Refused for any name that is not inside `hab/pkgs/<ident>` (`opt/hab/…` on macOS).
    """
    parts = split_name(name)
    if parts[:1] == ("opt",):
        parts = parts[1:]
    home = (*STORE, ident.origin, ident.name, ident.version, ident.release)
    if parts[: len(home)] != home:
        raise Refused(f"the archive holds {name[:200]!r}, which is outside {ident}", "bad-package")
    return parts[len(home) :]


def ident_of_member(name: str) -> PackageIdent | None:
    """The package that a member's name places itself in, None if it is not below `hab/pkgs`."""
    try:
        parts = split_name(name)
    except Refused:
        return None
    if parts[:1] == ("opt",):
        parts = parts[1:]
    return PackageIdent(*parts[2:6]) if parts[:2] == STORE and len(parts) >= 6 else None


def leads_to_package(name: str, ident: PackageIdent | None = None) -> bool:
    """Whether a member's name is a directory above a package's (above that of `ident`, if known).

    Older archives begin with these (`hab`, `hab/pkgs`, …); they say nothing, and are passed over.
    """
    try:
        parts = split_name(name)
    except Refused:
        return False
    if parts[:1] == ("opt",):
        parts = parts[1:]
    if ident is None:
        return len(parts) < 6 and parts[:2] == STORE[: len(parts)]
    return parts == (*STORE, ident.origin, ident.name, ident.version)[: len(parts)]


def split_name(name: str) -> tuple[str, ...]:
    """A relative name as its parts. Raises Refused for `..`, NUL, and absurd lengths."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts or "\0" in name or len(name) > NAME_LIMIT or len(parts) > DEPTH_LIMIT:
        raise Refused(f"the package holds the name {name[:200]!r}", "bad-package")
    return parts


def link_stays(
    at: tuple[str, ...], target: str, ident: PackageIdent, deps: Iterable[str] = ()
) -> bool:
    """Whether a symbolic link at `at` (parts below the package) leads to itself or a dependency.

    `target` may be relative, or absolute below `/hab/pkgs` (`/opt/hab/pkgs`); `deps` are the fully
    qualified identifiers of TDEPS.
    """
    home = (ident.origin, ident.name, ident.version, ident.release)
    if not target or "\0" in target or len(target) > NAME_LIMIT:
        return False
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if target.startswith("/"):
        if parts[:1] == ["opt"]:
            parts = parts[1:]
        if tuple(parts[:2]) != STORE:
            return False
        where: list[str] = []
        parts = parts[2:]
    else:
        where = [*home, *at[:-1]]
    for part in parts:
        if part != "..":
            where.append(part)
        elif where:
            where.pop()
        else:
            return False  # above the store
    allowed = {home, *(tuple(dep.split("/")) for dep in deps)}
    return tuple(where[:4]) in allowed
