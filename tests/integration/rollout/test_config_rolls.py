"""A configuration rolls over three real supervisors; one that makes a member sick is taken back.

By hand, as it takes more than half a minute: `pytest -m slow tests/integration/rollout`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from members_down import overlaps, told, turns
from ring_rig import Ring
from rolling_group import RollingGroup
from supervisor_rig import eventually

from actors.errors import HabError

GROUP = "web.default"
READY_S = 90.0  # for what takes ten seconds on an idle machine
LOAD = ("--strategy=rolling", "--drain=0", "--health-grace=1", "--health-check-interval=1")


class Members(RollingGroup):
    """Three members of a package that is as well as its configuration says."""

    def __init__(self, ring: Ring) -> None:
        super().__init__(ring.start(3, key="acme"), GROUP)
        self.first = self.machines[0]
        for machine in self.machines:
            machine.package(
                "acme/web",
                run="exec sleep 100000 # {{cfg.mood}}",
                hooks={"health-check": '[ "{{cfg.mood}}" = well ] || exit 2'},
                **{"default.toml": 'mood = "well"'},
            )
            machine.hab("svc", "load", "acme/web", "--no-wait", *LOAD)
        eventually(lambda: f"all are well{self.told()}", self.all_well, READY_S)
        eventually("all see all", self._all_seen, READY_S)
        self.first.hab("election", "bootstrap", GROUP, "--force")  # or after a minute by itself
        eventually(lambda: f"one conducts{self.told()}", self.conductor, READY_S)

    def _all_seen(self) -> bool:
        views = [self.view(machine) for machine in self.machines]
        return all(view is not None and len(view.members) == 3 for view in views)

    def give(self, version: int, text: str, *words: str) -> str:
        """Apply a configuration; what was said on both channels."""
        file = self.first.root / f"{version}.toml"
        file.write_text(text)
        done = self.first.hab("config", "apply", *words, GROUP, str(version), str(file))
        return done.out + done.err

    def versions(self) -> list[int]:
        """What each member says that it runs with; nothing where one does not answer."""
        try:
            return [machine.services()["web"].config for machine in self.machines]
        except (HabError, OSError, KeyError):
            return []

    def shown(self, machine: int) -> tuple[int, int, list[int]]:
        """What `hab config show` tells there: in force, staged, and what the members run with."""
        said = json.loads(self.machines[machine].hab("config", "show", GROUP, "--json").out)
        staged = said["staged"]["version"] if said["staged"] else 0
        return said["version"], staged, sorted(said["members"].values())

    def one_at_a_time(self, since: float) -> int:
        """Assert it of the logs and of the turns; how many turns there were."""
        given = turns(self.machines, since)
        assert overlaps(d for m in self.machines for d in told(m, "web", since)) == []
        assert overlaps(given) == []
        return len(given)


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Members]:
    ring = Ring(tmp_path)
    try:
        yield Members(ring)
    finally:
        ring.close()


@pytest.mark.slow
def test_a_configuration_rolls_and_one_that_makes_a_member_sick_goes_back(
    members: Members,
) -> None:
    began = time.time()
    said = members.give(3, 'mood = "well"\nsize = 3\n', "--rolling")
    assert "Staged configuration version 3" in said
    assert f"`hab svc rollout status {GROUP}`" in said
    rollout = members.rolled(1)
    assert (rollout.target, rollout.state, len(rollout.updated)) == ("configuration 3", "done", 3)
    eventually("all know it", lambda: members.versions() == [3, 3, 3], READY_S)
    eventually("it is in force", lambda: members.shown(1) == (3, 0, [3, 3, 3]), READY_S)
    assert members.one_at_a_time(began) == 3

    began = time.time()
    members.give(4, 'mood = "sick"\n', "--rolling")
    back = members.rolled(3)
    assert (back.target, back.state, back.returns) == ("configuration 3", "done", True)
    assert back.refused == ("configuration 4",)
    eventually("all are well again", members.all_well, READY_S)
    assert members.versions() == [3, 3, 3]
    eventually("it is only staged", lambda: members.shown(2) == (3, 4, [3, 3, 3]), READY_S)
    assert len({d.member for d in turns(members.machines, began)}) == 1
    status = members.first.hab("svc", "rollout", "status", "web")
    assert "went back to configuration 3, because" in " ".join(status.err.split())
    history = members.first.hab("svc", "rollout", "history", "web").out
    assert [line.split()[0] for line in history.splitlines()] == ["update", "3", "2", "1"]

    refused = members.first.hab("config", "apply", GROUP, "4", "/dev/null", check=False)
    assert refused.code == 1
    assert "version 4 is not above the staged one, 4" in refused.err
    members.give(5, 'mood = "well"\nsize = 5\n')
    eventually("applied to all at once", lambda: members.versions() == [5, 5, 5], READY_S)
