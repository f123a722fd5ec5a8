"""What a service's files are made from, and what they were made into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from actors.messages.depot import TemplatesRead
from actors.messages.groups import GroupConfig, GroupFacts, GroupFile
from actors.messages.ring import Census, GroupElection, GroupElections, GroupMember
from actors.messages.service import ServiceSpec
from actors.service.record import NOWHERE, Position


@dataclass(frozen=True, slots=True)
class View:
    """All that the files of one service depend on: as long as it is equal, so are they.

    `groups` are its own and those it is bound to, by name; an empty one is not in the census.
    `config` is open, `source` the same as it travels. `elections` are those of the same groups, in
    the same order, its own as this member knows it (`position` is what it takes itself for).
    """

    templates: TemplatesRead
    spec: ServiceSpec
    groups: tuple[tuple[str, tuple[GroupMember, ...]], ...]
    config: GroupConfig | None
    source: GroupConfig | None
    files: tuple[GroupFile, ...]
    elections: tuple[GroupElections, ...] = ()
    position: Position = NOWHERE

    def election(self, name: str) -> GroupElections:
        """How the elections of a group in view stand."""
        pairs = zip(self.groups, self.elections, strict=False)
        return next((found for (known, _), found in pairs if known == name), GroupElections())

    def group(self, name: str) -> tuple[GroupMember, ...]:
        """The members of a group in view."""
        return next((members for known, members in self.groups if known == name), ())


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a service: `config` by path below `config/`, `hooks` and `files` by name.

    `configuration` is the merged one, `values` the same as templates see it, `exports` what of it
    the ring is told, `said` what the templates have to say to the operator.
    """

    config: Mapping[str, bytes] = field(default_factory=dict)
    hooks: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    configuration: Mapping[str, object] = field(default_factory=dict, compare=False)
    values: Mapping[str, object] = field(default_factory=dict)
    exports: Mapping[str, object] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def view(
    templates: TemplatesRead,
    spec: ServiceSpec,
    census: Census,
    facts: GroupFacts,
    source: GroupConfig | None,
    *,
    position: Position = NOWHERE,
    topology: GroupElection | None = None,
) -> View:
    """What of the ring concerns one service; `topology` is the election of its own group."""
    own = spec.service_group
    names = sorted({own, *(bound_group(bind, spec, census) for bind in spec.binds)})
    groups = tuple((name, census.groups.get(name, ())) for name in names)
    elections = [_told(census.elections.get(name, GroupElections())) for name in names]
    if topology is not None:
        at = names.index(own)
        elections[at] = msgspec.structs.replace(elections[at], topology=topology)
    config, files = facts.configs.get(own), facts.files.get(own, ())
    return View(
        templates,
        spec,
        groups,
        config,
        source if config else None,
        files,
        tuple(elections),
        position,
    )


def _told(found: GroupElections) -> GroupElections:
    """What templates are told of: not the electorate, which changes without their business."""
    return GroupElections(found.topology, found.update)


def bound_group(bind: str, spec: ServiceSpec, census: Census) -> str:
    """The group a bind (`name:group`) means: of the service's own organization, if none is named.

    A group of exactly that name outranks the one of the organization.
    """
    group = bind.partition(":")[2]
    if group not in census.groups and spec.org and "@" not in group:
        return f"{group}@{spec.org}"
    return group
