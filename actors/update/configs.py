"""The configurations of a group, as far as a rolling update is concerned with them.

What is in force was applied to all, or has been rolled out; what is staged is above that. Versions
are one sequence. Once all members have gone to a staged one the conductor publishes it as the one
in force, and repeats that for as long as the ring does not know it: that it is so was decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from actors.effects import Effect, Emit, Send
from actors.messages.groups import ConfigApplied, GroupConfig, GroupFacts
from actors.messages.ring import PublishRumor
from actors.messages.rollout import Rollout, configuration_of


@dataclass(frozen=True, slots=True)
class Configs:
    """What this member knows of a group's configurations; `staged` is above `in_force`."""

    in_force: GroupConfig | None = None
    staged: GroupConfig | None = None

    @property
    def current(self) -> int:
        """The version in force, 0 for none."""
        return self.in_force.version if self.in_force is not None else 0

    @property
    def next(self) -> int:
        """The version staged, 0 for none."""
        return self.staged.version if self.staged is not None else 0


Found: TypeAlias = GroupConfig | Literal["none", "unknown", "superseded"]


def configs_of(facts: GroupFacts, group: str) -> Configs:
    """Those of one group."""
    return Configs(facts.configs.get(group), facts.staged.get(group))


def find(configs: Configs | None, version: int) -> Found:
    """The configuration of a version, or why there is none to take."""
    if configs is None or version > max(configs.current, configs.next):
        return "unknown"
    if version == configs.current:
        return configs.in_force or "none"
    if version == configs.next and configs.staged is not None:
        return configs.staged
    return "superseded"


def promotion(rollout: Rollout | None, configs: Configs | None, *, said: bool) -> list[Effect]:
    """Have what all members have gone to be the one in force; `said`: that was told before."""
    if rollout is None or configs is None or rollout.state != "done" or rollout.returns:
        return []
    staged = configs.staged
    if staged is None or configuration_of(rollout.target) != staged.version:
        return []
    group, version = rollout.service_group, staged.version
    event = Emit(ConfigApplied(group, version, len(staged.data)))
    published = Send("gossip", PublishRumor("config", group, staged, version=version))
    return [published] if said else [event, published]
