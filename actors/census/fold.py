"""From rumors and members to the groups of the ring. Pure, and the same on all members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from actors.census.facts import config_of, file_of, staged_of
from actors.messages.base import MemberId
from actors.messages.groups import GroupFacts, GroupFile
from actors.messages.ring import GroupMember, MemberHealth, MemberView, Rumor, ServiceInfo

RumorId: TypeAlias = tuple[str, str, MemberId]  # kind, key, owner; a group's facts have no owner

KIND: Final = "service"
GROUP_KINDS: Final = ("config", "staged", "file")
SHARED: Final = frozenset((*GROUP_KINDS, "electorate"))  # facts of a group, whoever owns them
LISTED: Final[frozenset[MemberHealth]] = frozenset({"alive", "suspect"})


def healths(members: Iterable[MemberView]) -> dict[MemberId, MemberHealth]:
    """Members that may be listed, with their health: not the dead, stopped or departed."""
    return {
        view.member.id: view.health
        for view in members
        if view.health in LISTED and not view.member.left
    }


def update(rumors: dict[RumorId, Rumor], heard: Iterable[Rumor]) -> dict[RumorId, Rumor]:
    """The rumors known, with newer ones taken in. A withdrawn one is dropped."""
    known = dict(rumors)
    for rumor in heard:
        owner = "" if rumor.kind in SHARED else rumor.owner
        if rumor.gone:
            known.pop((rumor.kind, rumor.key, owner), None)
        else:
            known[rumor.kind, rumor.key, owner] = rumor
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


def group_facts(rumors: Mapping[RumorId, Rumor]) -> GroupFacts:
    """The configuration and the files of each group; what does not hold together is left out.

    What was staged is told as long as what is in force is older.
    """
    configs = {}
    staged = {}
    files: dict[str, list[GroupFile]] = {}
    for key in sorted(rumors):
        if (config := config_of(rumors[key])) is not None:
            configs[config.service_group] = config
        elif (config := staged_of(rumors[key])) is not None:
            staged[config.service_group] = config
        elif (file := file_of(rumors[key])) is not None:
            files.setdefault(file.service_group, []).append(file)
    above = {
        group: config
        for group, config in staged.items()
        if group not in configs or config.version > configs[group].version
    }
    return GroupFacts(configs, {group: tuple(of) for group, of in files.items()}, above)
