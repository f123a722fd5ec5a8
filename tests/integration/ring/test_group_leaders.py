"""A service group with a leader over three real supervisors: who leads, and what the others do."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from ring_rig import Machine, Ring, eventually, peers, told, whole

from actors.errors import HabError
from actors.messages.service import ServiceStatus

GROUP = "db.default"
ELECTED_S = 60.0  # 4.6 s of start-wait, a founding and a vote, with two busy cores
NOTE = 'echo "$1 $2 $HAB_ROLE $HAB_LEADER_TERM $HAB_LEADER" >> {{pkg.svc_data_path}}/told'
CONFIG = (
    "{{#if svc.me.leader}}leader{{/if}}{{#if svc.me.follower}}follower{{/if}} {{svc.leader_term}}"
)
RUN = 'echo "$HAB_ROLE $HAB_LEADER_TERM" >> {{pkg.svc_data_path}}/started; exec sleep 1000'


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Three permanent peers with the same package, whose service has a leader."""
    ring = Ring(tmp_path_factory.mktemp("group"))
    try:
        three = [ring.machine() for _ in range(3)]
        for number, machine in enumerate(three):
            hooks = {"role-changed": NOTE, "suitability": f"echo {number}", "reconfigure": "exit 0"}
            path = machine.package("acme/db", run=RUN, hooks=hooks)
            (path / "config").mkdir()
            (path / "config" / "db.conf").write_text(CONFIG)
            machine.start("--permanent-peer", *peers(three), ready=False)
        whole(three)
        for machine in three:
            said = machine.hab("svc", "load", "acme/db", "--topology", "leader")
            assert "waits for a leader of db.default" in said.out + said.err
        yield three
    finally:
        ring.close()


def status(machine: Machine) -> ServiceStatus:
    """The service as its own member tells it."""
    return machine.services()["db"]


def one_leads(
    machines: list[Machine], besides: str = "", after: int = 0
) -> tuple[Machine, ServiceStatus]:
    """Wait until one leads, and the rest follow it; it, and its status.

    Another than `besides`, in a term above `after`.
    """

    def agreed() -> tuple[Machine, ServiceStatus] | None:
        try:
            seen = [(machine, status(machine)) for machine in machines]
        except (HabError, OSError, KeyError):
            return None  # it is being restarted
        up = [(machine, one) for machine, one in seen if one.stage == "up"]
        leaders = [(machine, one) for machine, one in up if one.role == "leader"]
        followers = [one for _, one in up if one.role == "follower"]
        if len(leaders) != 1 or len(followers) != len(machines) - 1:
            return None
        _, first = leaders[0]
        same = all((o.leader, o.term) == (first.leader, first.term) for o in followers)
        wanted = same and first.leader != besides and first.term > after
        return leaders[0] if wanted else None

    found = eventually(f"one leads and the others follow{told(machines)}", agreed, ELECTED_S)
    assert found is not None
    return found


def get(machine: Machine, path: str) -> Any:
    """A document of the machine's HTTP gateway."""
    with urllib.request.urlopen(f"http://{machine.listen_http}{path}", timeout=10.0) as answer:
        return json.load(answer)


def heard(machine: Machine) -> tuple[str, str]:
    """What the machine's census says of the election: its status and the leader."""
    census = get(machine, "/census")["census_groups"][GROUP]
    return census["election_status"], census["leader_id"]


def config(machine: Machine) -> str:
    return (machine.layout.services / "db" / "config" / "db.conf").read_text()


def lines(machine: Machine, file: str) -> list[str]:
    path = machine.layout.services / "db" / "data" / file
    return path.read_text().splitlines() if path.exists() else []


def test_a_suitable_member_leads_and_status_census_and_files_say_so(group: list[Machine]) -> None:
    leader, said = one_leads(group)
    assert leader is not group[0]  # no other member votes for the least suitable
    assert lines(leader, "started")[-1] == f"leader {said.term}"
    for machine in group:
        role = "leader" if machine is leader else "follower"
        assert config(machine) == f"{role} {said.term}"
        eventually(
            "its census knows the leader",
            lambda machine=machine: heard(machine) == ("ElectionFinished", said.leader),
        )
        census = get(machine, "/census")["census_groups"][GROUP]
        assert census["habring"]["topology"]["term"] == said.term
        service = get(machine, "/services/db/default")
        assert service["last_election_status"] == "ElectionFinished"
        assert service["habring"]["elections"]["topology"]["quorum"] == 2
    written = leader.hab("svc", "status", "db").err
    assert f"db.default: leader in term {said.term}" in written


def test_the_leaders_process_is_killed_and_one_leads_in_a_later_term(group: list[Machine]) -> None:
    leader, said = one_leads(group)
    followers = [machine for machine in group if machine is not leader]
    pids = [status(machine).pid for machine in followers]
    os.kill(said.pid or 0, signal.SIGKILL)
    another, now = one_leads(group, after=said.term)
    assert [status(machine).pid for machine in followers] == pids
    assert config(another) == f"leader {now.term}"
    if another is leader:  # it may be elected anew, with another process
        assert now.pid != said.pid
    else:
        assert lines(leader, "started")[-1] == f"follower {now.term}"
        assert lines(another, "told")[-1] == f"leader {now.term} leader {now.term} {now.leader}"


def test_a_killed_supervisor_of_the_leader_leads_on_in_its_term(group: list[Machine]) -> None:
    leader, said = one_leads(group)
    os.kill(leader.supervisor(), signal.SIGKILL)
    eventually("it answers again", leader.info, 20.0)
    _, now = one_leads(group)
    if now.term == said.term:
        assert (now.leader, now.pid) == (said.leader, said.pid)
    else:  # it was not back within its lease: what it led is over
        assert now.term > said.term


def test_a_stopped_leader_hands_over_and_comes_back_as_follower(group: list[Machine]) -> None:
    leader, said = one_leads(group)
    others = [machine for machine in group if machine is not leader]
    leader.hab("svc", "stop", "db")
    _, now = one_leads(others, besides=said.leader)
    assert now.term > said.term
    leader.hab("svc", "start", "db")
    one_leads(group, besides=said.leader)
    assert lines(leader, "started")[-1].startswith("follower")
