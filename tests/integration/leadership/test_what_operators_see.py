"""The operator's side of elections, typed at three supervisors."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from ring_rig import Ring
from supervisor_rig import Done, Machine, eventually

GROUP = "lock.default"
LOAD = ("svc", "load", "--cmd", "sleep 1000", "--name", "lock", "--topology", "leader", "--no-wait")
ELECTED_S = 60.0  # for what takes ten seconds on an idle machine


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three permanent peers with a ring key, and nothing loaded yet."""
    ring = Ring(tmp_path_factory.mktemp("operators"))
    try:
        ring.start(3, key="acme")
        yield ring
    finally:
        ring.close()


def election(machine: Machine) -> dict[str, Any]:
    """The one election, as a member lists it; empty for none."""
    listed: list[dict[str, Any]] = machine.hab("election", "list", "--json").json["elections"]
    return listed[0] if listed else {}


def led(ring: Ring) -> tuple[Machine, list[Machine]]:
    """Wait until all agree on a leader with a lease; it, and the others."""

    def agreed() -> str:
        seen = [election(machine) for machine in ring.machines]
        leaders = {one.get("leader") for one in seen if one.get("lease_s", 0) > 0}
        return str(leaders.pop()) if len(leaders) == 1 and len(seen) == len(ring.machines) else ""

    leader = eventually("all agree on a leader", agreed, ELECTED_S)
    first = next(m for m in ring.machines if m.ready().member_id == leader)
    return first, [machine for machine in ring.machines if machine is not first]


def test_a_group_that_waits_for_members_says_so_and_what_can_be_done(ring: Ring) -> None:
    first, second, _ = ring.machines
    assert "No elections" in first.hab("election", "list").out
    first.hab(*LOAD)
    waits = "1 of 3 members seen"
    eventually("it waits", lambda: waits in election(first).get("reason", ""), ELECTED_S)
    told = first.hab("election", "why", "lock").out
    assert "it has no electorate yet" in told
    assert f"What is waited for: {waits}" in told
    assert f"hab election bootstrap {GROUP} --force" in told
    refused = first.hab("election", "bootstrap", GROUP, check=False)
    assert (refused.code, waits in refused.err) == (8, True)
    elsewhere = second.hab("election", "show", GROUP, check=False)
    assert (elsewhere.code, "takes no part" in elsewhere.err) == (1, True)


def test_who_leads_since_when_and_why_is_told_by_every_member(ring: Ring) -> None:
    for machine in ring.machines:
        machine.hab(*LOAD)
    leader, others = led(ring)
    name = leader.ready().member_id[:8]
    for machine in ring.machines:
        told = " ".join(machine.hab("election", "why", "lock").out.split())
        assert f"leads {GROUP} (topology) in term " in told
        assert "It stood because no leader was heard any more [" in told
        assert "3 members vote, and 2 of them are a majority" in told
        assert f"hab svc step-down {GROUP}" in told
        shown = machine.hab("election", "show", "lock").out
        assert name in shown
        assert len(shown.partition("\n\n")[2].splitlines()) == 4  # a header, and three voters
    relayed = others[0].hab("election", "list", "--member", name)
    assert " leader " in relayed.out


def gives(leader: Machine, to: str) -> Done | None:
    """The end of a hand-over to a member; None where another leads for it did not come to."""
    done = leader.hab("svc", "step-down", GROUP, "--to", to, check=False)
    assert done.code in (0, 8), done
    return done if done.code == 0 else None


def test_a_leader_steps_down_wherever_it_is_asked_and_the_story_says_why(ring: Ring) -> None:
    leader, others = led(ring)
    term = election(leader)["term"]
    done = others[0].hab("svc", "step-down", "lock", "--json").json
    assert (done["outcome"], done["from"]) == ("handed-over", leader.ready().member_id)
    assert done["term"] > term
    assert done["event_id"] == "" or done["event_id"].count(":") == 2
    now, _ = led(ring)
    told = " ".join(now.hab("election", "why", GROUP).out.split())
    assert "The leader before it handed over to it [" in told
    assert "It stopped because an operator told it to step down [" in told
    to = leader.ready().member_id[:8]
    again = eventually(
        "who is named comes to lead, at another try if need be", lambda: gives(now, to)
    )
    assert f"({leader.ready().member_id[:8]}" in again.out
    assert " s later" in again.out
    back, _ = led(ring)
    assert back is leader
    same = others[1].hab("svc", "step-down", GROUP, "--to", leader.ready().member_id[:8])
    assert "(unchanged)" in same.out


def test_without_a_majority_it_says_whom_it_waits_for_and_how_to_go_on(ring: Ring) -> None:
    first, *others = ring.machines
    names = [machine.ready().member_id[:8] for machine in others]
    supervisors = [machine.supervisor() for machine in others]
    for machine, supervisor in zip(others, supervisors, strict=True):
        assert machine.launcher is not None
        machine.launcher.kill()
        machine.launcher.wait()
        with contextlib.suppress(ProcessLookupError):  # it ends when its launcher does
            os.kill(supervisor, signal.SIGKILL)
    for machine in others:
        for pid in machine.processes():  # nobody adopts their services
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def told() -> str:
        text = " ".join(first.hab("election", "why", GROUP).out.split())
        missing = all(f"hab sup depart {name}" in text for name in names)
        # Its own promise to the leader has to be over before it asks the others for votes.
        asked = "1 of 3 votes, quorum needs 2" in text
        return text if "Nobody leads" in text and missing and asked else ""

    text = eventually("it says who is missing", told, ELECTED_S)
    assert "(the ring holds it for dead)" in text
    refused = first.hab("svc", "step-down", GROUP, check=False)
    assert (refused.code, "Nobody leads" in refused.err) == (1, True)
