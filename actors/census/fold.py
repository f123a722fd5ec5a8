"""From rumors and members to the groups of the ring. Pure, and the same on all members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from actors.messages.base import MemberId
from actors.messages.ring import GroupMember, MemberHealth, MemberView, Rumor, ServiceInfo

RumorId: TypeAlias = tuple[str, MemberId]  # key, owner

KIND: Final = "service"
LISTED: Final[frozenset[MemberHealth]] = frozenset({"alive", "suspect"})


def healths(members: Iterable[MemberView]) -> dict[MemberId, MemberHealth]:
    """Members that may be listed, with their health: not the dead, stopped or departed."""
    return {
        view.member.id: view.health
        for view in members
        if view.health in LISTED and not view.member.left
    }


def update(rumors: dict[RumorId, Rumor], heard: Iterable[Rumor]) -> dict[RumorId, Rumor]:
    """The service rumors known, with newer ones taken in. A withdrawn one is dropped."""
    known = dict(rumors)
    for rumor in heard:
        if rumor.kind != KIND:
            continue
        if rumor.gone:
            known.pop((rumor.key, rumor.owner), None)
        else:
            known[rumor.key, rumor.owner] = rumor
    return known


def groups(
    rumors: Mapping[RumorId, Rumor], standing: Mapping[MemberId, MemberHealth]
) -> dict[str, tuple[GroupMember, ...]]:
    """The service groups by name, the members of each by id. Empty groups do not appear."""
    found: dict[str, dict[MemberId, GroupMember]] = {}
    for key in sorted(rumors):
        rumor = rumors[key]
        info, health = rumor.body, standing.get(rumor.owner)
        if health is None or not isinstance(info, ServiceInfo) or info.member != rumor.owner:
            continue
        found.setdefault(info.service_group, {})[info.member] = GroupMember(info, health)
    return {
        name: tuple(found[name][member] for member in sorted(found[name])) for name in sorted(found)
    }
