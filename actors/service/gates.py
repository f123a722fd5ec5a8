"""What a service waits for before it starts: the ring, what it is bound to, its role."""

from __future__ import annotations

from collections.abc import Iterable

from actors.messages.depot import PackageInfo
from actors.messages.ring import Census, GroupMember
from actors.messages.service import ServiceSpec
from actors.service.view import bound_group

CENSUS_UNKNOWN = "the census of the ring is not known yet"
CENSUS_LATE = "the census of the ring has not been heard"
ROLE_UNKNOWN = "asks for its role"


def needs_census(spec: ServiceSpec, package: PackageInfo | None) -> bool:
    """Whether the service cannot start without the census: its files are made from it."""
    return package is not None or (bool(spec.binds) and spec.binding_mode == "strict")


def binds_problem(spec: ServiceSpec, package: PackageInfo | None) -> str:
    """What no waiting can cure: binds the package requires and the spec does not give."""
    given = {bind.partition(":")[0] for bind in spec.binds}
    missing = sorted(set(package.binds) - given) if package else []
    return f"Missing required bind(s), {', '.join(missing)}" if missing else ""


def waiting_for(spec: ServiceSpec, package: PackageInfo | None, census: Census | None) -> str:
    """Why the service may not start yet, its role apart; empty when it may."""
    if not needs_census(spec, package):
        return ""
    if census is None:
        return CENSUS_UNKNOWN
    if spec.binding_mode != "strict":
        return ""
    problems = [text for bind in spec.binds if (text := _problem(bind, spec, package, census))]
    return f"waiting for service binds: {'; '.join(problems)}" if problems else ""


def leader_wanted(group: str) -> str:
    """Why a member of a group that elects its leader may not start."""
    return f"waits for a leader of {group}"


def satisfied(spec: ServiceSpec, package: PackageInfo | None, census: Census) -> dict[str, str]:
    """The binds that are satisfied now: name → group."""
    found = {}
    for bind in spec.binds:
        if not _problem(bind, spec, package, census):
            found[bind.partition(":")[0]] = bound_group(bind, spec, census)
    return found


def _problem(bind: str, spec: ServiceSpec, package: PackageInfo | None, census: Census) -> str:
    """Why one bind is not satisfied: not present, empty, or not exporting what is asked."""
    name, _, group = bind.partition(":")
    members = census.groups.get(bound_group(bind, spec, census))
    if not members:
        return f"{name}: no {group} in the census"
    active = [m for m in members if m.info.up and m.health in ("alive", "suspect")]
    if not active:
        return f"{name}: no member of {group} is up ({_plural(len(members))} known)"
    if missing := _missing(_keys(name, package), active):
        return f"{name}: {group} does not export {', '.join(missing)}"
    return ""


def _keys(name: str, package: PackageInfo | None) -> tuple[str, ...]:
    if package is None:
        return ()
    return package.binds.get(name) or package.binds_optional.get(name) or ()


def _missing(keys: Iterable[str], active: Iterable[GroupMember]) -> list[str]:
    """The exports that some active member lacks: templates may ask any of them."""
    exported = [member.info.exports for member in active]
    return [key for key in keys if not all(key in exports for exports in exported)]


def _plural(members: int) -> str:
    return "1 member" if members == 1 else f"{members} members"
