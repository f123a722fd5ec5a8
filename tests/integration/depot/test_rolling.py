"""Rolling updates, live: three supervisors, one depot behind HTTP, elections and all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from depot_rig import NEWER, WEB, Here, Package, fill

from actors.adapters.depot_folder import FolderDepot
from actors.messages.rollout import QueryRollouts, Rollout, Rollouts

sys.path.insert(0, str(Path(__file__).parents[1] / "ring"))
from ring_rig import Ring
from supervisor_rig import Machine, eventually

GROUP = "web.default"
BAD = "acme/web/1.2/20260301000000"
LOAD = ("--strategy", "rolling", "--drain", "0", "--health-grace", "1", "--on-failure", "rollback")


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    """Three supervisors that ask their depot each second."""
    ring = Ring(tmp_path)
    try:
        ring.start(3, "--service-update-period=1s", key="acme")
        yield ring
    finally:
        ring.close()


def packages(ring: Ring) -> list[str]:
    """What each member runs, empty where it is not up."""
    found = [machine.services().get("web") for machine in ring.machines]
    return [one.package if one is not None and one.stage == "up" else "" for one in found]


def rollout(machine: Machine) -> Rollout | None:
    found = machine.ask(QueryRollouts(GROUP), Rollouts).rollouts
    return found[0].rollout if found else None


def turns(ring: Ring) -> list[tuple[float, str, str]]:
    """Beginnings and ends of turns, in the order of time: (wall, kind, text)."""
    kinds = ("TurnBegan", "TurnEnded")
    found = [(e.hlc, e.kind, e.text) for m in ring.machines for k in kinds for e in m.events(k)]
    return [(float(hlc), kind, text) for hlc, kind, text in sorted(found)]


def over(ring: Ring, epoch: int) -> Any:
    """The rollout as all know it, once it is done."""
    found = [rollout(machine) for machine in ring.machines]
    same = all(one is not None and one.epoch >= epoch and one.state == "done" for one in found)
    return found[0] if same else None


def test_three_members_roll_and_a_release_that_fails_comes_back(
    ring: Ring, depot: FolderDepot, server: Here
) -> None:
    fill(depot, Package())
    first = ring.machines[0]
    for machine in ring.machines:
        machine.environment.pop("http_proxy", None)
        machine.hab("svc", "load", "acme/web", "--url", server.url, *LOAD)
    assert packages(ring) == [WEB] * 3
    eventually(
        "all see all",
        lambda: len(first.ask(QueryRollouts(GROUP), Rollouts).rollouts[0].members) == 3,
    )
    first.hab("election", "bootstrap", GROUP, "--force")
    eventually(
        "one conducts",
        lambda: all(
            m.ask(QueryRollouts(GROUP), Rollouts).rollouts[0].conductor for m in ring.machines
        ),
        60.0,
    )

    fill(depot, Package(NEWER))
    done = eventually("all have gone", lambda: over(ring, 1), 90.0)
    assert (done.target, sorted(done.updated)) == (NEWER, sorted(done.order))
    assert packages(ring) == [NEWER] * 3
    assert [kind for _, kind, _ in turns(ring)] == ["TurnBegan", "TurnEnded"] * 3
    shown = first.hab("svc", "rollout", "status", "web")
    assert NEWER in shown.out
    assert "done" in shown.out

    fill(depot, Package(BAD, run="sleep 0.4; exit 3"))
    back = eventually("it is taken back", lambda: over(ring, 3), 120.0)
    assert back.returns
    assert back.refused == (BAD,)
    assert eventually("all run the old one", lambda: packages(ring) == [NEWER] * 3)
    went = {
        e.actor for m in ring.machines for e in m.events("ReleaseTaken") if f"to {BAD}" in e.text
    }
    assert len(went) <= 1
    told = ring.machines[1].hab("svc", "rollout", "history", "web")
    assert BAD in told.out
    assert "failed twice" in told.out
    refused = first.hab("svc", "rollout", "pause", "web", check=False)
    assert refused.code == 1
    assert "no rollout is under way" in refused.err
