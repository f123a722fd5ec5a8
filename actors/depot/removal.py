"""Which packages an uninstall takes away, and why it leaves others; pure.

What others need stays, what a service is loaded with stays. What a removed package needed goes
with it when nothing else needs it (Habitat, components/hab/src/command/pkg/uninstall).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key

from actors.depot.ident import PackageIdent, compare_idents

Graph = Mapping[PackageIdent, Sequence[PackageIdent]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A package that stays although it was named, or would have gone with another."""

    ident: PackageIdent
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes, in this order (who needs before who is needed), and what stays."""

    gone: tuple[PackageIdent, ...] = ()
    kept: tuple[Kept, ...] = ()


def plan_removal(
    wanted: PackageIdent,
    tdeps: Graph,
    loaded: Collection[PackageIdent],
    *,
    keep_latest: int | None = None,
    excluded: Collection[PackageIdent] = (),
    with_deps: bool = True,
) -> Removal:
    """What uninstalling `wanted` comes to; `tdeps` has every installed package.

    Of several that satisfy `wanted` the newest goes, with `keep_latest` all but that many newest.
    """
    fitting = sorted(
        (ident for ident in tdeps if ident.satisfies(wanted)), key=cmp_to_key(_older_first)
    )
    chosen = fitting[-1:] if keep_latest is None else fitting[: max(0, len(fitting) - keep_latest)]
    gone: list[PackageIdent] = []
    kept: list[Kept] = []
    for ident in chosen:
        if reason := _must_stay(ident, tdeps, gone, loaded, excluded):
            kept.append(Kept(ident, reason))
        else:
            gone.append(ident)
    if with_deps:
        _take_what_they_needed(gone, tdeps, loaded, excluded)
    return Removal(tuple(gone), tuple(kept))


def _take_what_they_needed(
    gone: list[PackageIdent],
    tdeps: Graph,
    loaded: Collection[PackageIdent],
    excluded: Collection[PackageIdent],
) -> None:
    candidates = [dep for ident in gone for dep in tdeps.get(ident, ()) if dep in tdeps]
    going = True
    while going:  # one that goes may free another
        going = False
        for dep in dict.fromkeys(candidates):
            if dep not in gone and not _must_stay(dep, tdeps, gone, loaded, excluded):
                gone.append(dep)
                going = True


def _must_stay(
    ident: PackageIdent,
    tdeps: Graph,
    gone: Collection[PackageIdent],
    loaded: Collection[PackageIdent],
    excluded: Collection[PackageIdent],
) -> str:
    if any(ident.satisfies(one) for one in excluded):
        return "it is excluded"
    if ident in loaded:
        return "a service is loaded with it; `hab svc unload` first"
    needing = [
        str(one)
        for one, deps in sorted(tdeps.items(), key=str)
        if ident in deps and one not in gone
    ]
    if needing:
        more = f" and {len(needing) - 1} more" if len(needing) > 1 else ""
        return f"{needing[0]}{more} depends on it"
    return ""


def _older_first(one: PackageIdent, other: PackageIdent) -> int:
    return compare_idents(one, other) or 0
