"""What a conductor sees when it chooses its next move: the members, and where they could go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from actors.messages.base import MemberId
from actors.messages.rollout import OnFailure, RolloutReport, Seated, configuration_of
from actors.update.configs import Configs

FRESH_S: Final = 3.0  # reports are asked for each second; three may get lost
PATIENCE: Final = 3.0  # grace times without progress after which a member's try has failed


@dataclass(frozen=True, slots=True)
class Peer:
    """A member of the group as the ring sees it. `gone`: confirmed dead, or departed.

    It runs `release`, with configuration `config` of the group (0 for none).
    """

    release: str
    gone: bool = False
    leads: bool = False
    config: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """A member's last report, when it came, and when its progress last grew."""

    report: RolloutReport
    at_s: float
    moved_s: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a move depends on. `wanted` is the release the depot offers; empty: not known.

    `configs` are the group's configurations as this member knows them; None: not yet.
    `given_s`: when the open turn was decided, or first known here; `waited_s`: for how long the
    conductor has waited for the same.
    """

    me: MemberId
    seated: Seated
    peers: Mapping[MemberId, Peer]
    heard: Mapping[MemberId, Heard]
    wanted: str
    on_failure: OnFailure
    grace_s: float
    patience_s: float
    now: float
    wall: float = 0.0
    given_s: float = 0.0
    waited_s: float = 0.0
    configs: Configs | None = None


class Runs(Protocol):
    """Somebody who runs a release with a configuration of the group."""

    @property
    def release(self) -> str:
        """Fully qualified."""

    @property
    def config(self) -> int:
        """A version, 0 for none."""


def runs(one: Runs, target: str) -> bool:
    """Whether somebody is where a rollout goes."""
    version = configuration_of(target)
    return one.release == target if version is None else one.config == version


def is_away(member: MemberId, scene: Scene) -> bool:
    """Whether a member is not to be waited for: dead, departed, or stopped by its operator."""
    peer, heard = scene.peers.get(member), scene.heard.get(member)
    return peer is None or peer.gone or (heard is not None and heard.report.stopped)


def short(member: MemberId) -> str:
    """A member as people read it."""
    return member[:8]
