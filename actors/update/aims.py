"""Where a group should go: what is rolled out next, and whether what is rolled out still serves.

A release that the depot offers comes first, then a configuration that is staged above the one in
force. Last come members that run a configuration which counts no more: one that was taken back
while they were away, or an older one than was rolled out meanwhile. A rollout that halted holds
back the other kind: a release does not heal a configuration, and a member that is ill would keep it
waiting, with no room for the next try of its own kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from actors.messages.base import MemberId
from actors.messages.rollout import Rollout, configuration, configuration_of
from actors.update.configs import find
from actors.update.scene import FRESH_S, Peer, Scene, is_away, runs

Opened: TypeAlias = tuple[Rollout, str]  # the first step, and what it is, for people


def serves(rollout: Rollout, scene: Scene) -> bool:
    """Whether a rolling update still goes where the group should go."""
    version = configuration_of(rollout.target)
    if version is None:
        return rollout.returns or scene.wanted in ("", rollout.target, *rollout.refused)
    return find(scene.configs, version) not in ("unknown", "superseded")


def superseded(rollout: Rollout, scene: Scene) -> str:
    """Why nobody is to go to the configuration of a rollout any more; empty where they are."""
    version, configs = configuration_of(rollout.target), scene.configs
    if version is None or configs is None or version >= configs.current:
        return ""
    return f"{configuration(configs.current)} is in force"


def opened(rollout: Rollout, scene: Scene) -> Opened | None:
    """The next epoch, if there is somewhere to go and somebody who is not there."""
    if rollout.state == "paused":
        return None
    return _release(rollout, scene) or _staged(rollout, scene) or _strays(rollout, scene)


def _release(rollout: Rollout, scene: Scene) -> Opened | None:
    target = scene.wanted
    if not target or target in rollout.refused or _is_ended(rollout, target):
        return None
    if configuration_of(rollout.target) is not None and rollout.state in ("rolling", "halted"):
        return None
    living = _living(scene)
    behind = [m for m in sorted(living) if living[m].release != target]
    if not behind:
        return None
    releases = Counter(living[m].release for m in behind)
    back = rollout.target if rollout.state == "done" else rollout.back
    if back in ("", target) or configuration_of(back) is not None:
        back = max(sorted(releases), key=releases.__getitem__)
    return _begun(rollout, scene, target, behind, back)


def _staged(rollout: Rollout, scene: Scene) -> Opened | None:
    """Also where all are there already: then it only has to be said that they are."""
    configs = scene.configs
    if configs is None or configs.staged is None:
        return None
    target = configuration(configs.next)
    if target in rollout.refused or _is_ended(rollout, target):
        return None
    last = configuration_of(rollout.target)
    if last is None and rollout.target and rollout.state in ("rolling", "halted"):
        return None
    if last is not None and last > configs.next:
        return None  # what was staged since has not come here yet
    if last == configs.next and rollout.state == "done":
        return None  # it is about to be in force
    living = _living(scene)
    behind = [m for m in sorted(living) if not runs(living[m], target)]
    return _begun(rollout, scene, target, behind, configuration(configs.current))


def _strays(rollout: Rollout, scene: Scene) -> Opened | None:
    """Bring those to the configuration in force who run another that counts no more."""
    configs = scene.configs
    if configs is None or rollout.state in ("rolling", "halted"):
        return None
    target = configuration(configs.current)
    if target in rollout.refused:
        return None
    living = _living(scene)
    strays = [m for m in sorted(living) if _is_stray(_config(m, scene), rollout, scene)]
    if not strays:
        return None
    step, what = _begun(rollout, scene, target, strays, "", returns=True)
    return step, f"{what}, who run another"


def _is_stray(version: int, rollout: Rollout, scene: Scene) -> bool:
    configs, name = scene.configs, configuration(version)
    assert configs is not None, "strays from nowhere"
    if rollout.state == "aborted" and rollout.target == name:
        return False  # the operator left them there
    rolled = configs.in_force is not None and configs.in_force.rolling
    behind = rolled and version < configs.current
    return behind or (version > configs.current and name in rollout.refused)


def _config(member: MemberId, scene: Scene) -> int:
    """What a member runs with: by its own word, where that is fresh."""
    heard = scene.heard.get(member)
    if heard is not None and scene.now - heard.at_s <= FRESH_S:
        return heard.report.config
    return scene.peers[member].config


def _is_ended(rollout: Rollout, target: str) -> bool:
    """Whether nobody goes there until an operator says otherwise."""
    return rollout.state in ("aborted", "halted") and target == rollout.target


def _living(scene: Scene) -> Mapping[MemberId, Peer]:
    return {m: peer for m, peer in scene.peers.items() if not is_away(m, scene)}


def _begun(
    rollout: Rollout,
    scene: Scene,
    target: str,
    behind: Iterable[MemberId],
    back: str,
    *,
    returns: bool = False,
) -> Opened:
    living = _living(scene)
    order = sorted(behind, key=lambda m: living[m].leads)  # stable: the topology leader comes last
    step = Rollout(
        rollout.service_group,
        rollout.epoch + 1,
        0,
        0,
        target,
        back=back,
        order=tuple(order),
        returns=returns,
        refused=rollout.refused,
        opened_wall=scene.wall,
    )
    gone = f"{len(order)} of {len(living)} members"
    return step, f"{gone} go from {back}" if back else f"{gone} go to {target}"
