"""What a conductor sees, made by hand: three members that are well, and what it does next."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.messages.rollout import Rollout, RolloutReport, Seated
from actors.update.moves import Decide, Wait, next_move
from actors.update.scene import Heard, Peer, Scene

GROUP = "web.default"
A, B, C = ("a" * 32, "b" * 32, "c" * 32)
NOW = 1000.0


def well(release: str, **fields: Any) -> RolloutReport:
    """The report of a member that is up and healthy."""
    known = RolloutReport(GROUP, 1, 0.0, "1", release, up=True, healthy=True, well_s=60.0)
    return msgspec.structs.replace(known, **fields)


def scene_of(
    reports: dict[str, RolloutReport], peers: dict[str, Peer] | None, **fields: Any
) -> Scene:
    """Members as they report, heard just now; `peers`: as the ring sees some of them."""
    seen = {m: Peer(one.release, config=one.config) for m, one in reports.items()}
    return Scene(
        **{
            "me": A,
            "seated": Seated((A, B, C)),
            "peers": seen | (peers or {}),
            "heard": {m: Heard(one, NOW, NOW) for m, one in reports.items()},
            "on_failure": "halt",
            "grace_s": 10.0,
            "patience_s": 30.0,
            "now": NOW,
            "given_s": NOW,
            **fields,
        }
    )


def decided(rollout: Rollout | None, here: Scene) -> Rollout:
    """The step that the conductor decides."""
    move = next_move(rollout, GROUP, here)
    assert isinstance(move, Decide), move
    return move.rollout


def waits(rollout: Rollout | None, here: Scene) -> str:
    """What the conductor waits for."""
    move = next_move(rollout, GROUP, here)
    assert isinstance(move, Wait), move
    return move.reason
