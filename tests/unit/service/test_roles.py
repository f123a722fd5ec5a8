"""A service with an elected leader: it waits for its role, acts in it, and stops acting in time."""

from __future__ import annotations

from typing import Any

import pytest
from electing import DB, GROUP, OTHER, TELLS, conf, follow, lead, load, roles, settled, told

from actors.messages.election_orders import ReadSuitability, RoleChanged
from actors.messages.process import ProcessEnded
from actors.messages.ring import Census
from actors.messages.service import (
    HookFailed,
    LoadService,
)
from actors.simulation.processes import Behaviour

# ── the gate ──


def test_neither_init_nor_run_begins_before_there_is_a_role(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    rig.run(60.0)
    assert rig.pid("web") is None
    assert rig.hooks("web", "init") == []
    status = rig.status("web")
    assert (status.stage, status.role) == ("waiting", "none")
    assert status.reason == f"waits for a leader of {GROUP}: x"  # in the election's words


def test_a_leader_starts_fenced_with_files_that_say_so(rig: Any, make_package: Any) -> None:
    load(rig, make_package, config=TELLS)
    lead(rig)
    start = rig.starts[-1]
    assert start.leader_until_s > 0
    assert start.env["HAB_ROLE"] == "leader"
    assert start.env["HAB_LEADER_TERM"] == str(rig.office.term)
    assert start.env["HAB_LEADER"] == rig.machine.member
    assert conf(rig) == f"leader {rig.office.term}"
    status = rig.status("web")
    assert (status.role, status.term, status.leader) == ("leader", 1, rig.machine.member)


def test_a_follower_starts_unfenced_with_files_that_name_its_leader(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package, config=TELLS)
    follow(rig)
    start = rig.starts[-1]
    assert start.leader_until_s == 0
    assert (start.env["HAB_ROLE"], start.env["HAB_LEADER"]) == ("follower", OTHER)
    assert conf(rig) == f"follows {OTHER} {rig.office.term}"


def test_a_follower_waits_until_the_census_lists_its_leader(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    listed, rig.census = rig.census, Census(3, {})
    rig.run(6.0)
    rig.elect("follower")
    rig.run(10.0)
    assert rig.pid("web") is None
    assert "is not in the census" in rig.status("web").reason
    rig.census = Census(4, listed.groups)
    rig.until(lambda: rig.pid("web") is not None)


def test_a_slow_init_of_a_leader_is_followed_by_a_fresh_lease(rig: Any, make_package: Any) -> None:
    rig.programs["hook:web:init"] = Behaviour(runs_s=20.0)
    load(rig, make_package)
    lead(rig)
    assert len(rig.hooks("web", "init")) == 1
    assert rig.starts[-1].leader_until_s > rig.office.renewed_s


def test_a_leader_that_is_demoted_in_its_init_waits_for_a_new_role(
    rig: Any, make_package: Any
) -> None:
    rig.programs["hook:web:init"] = Behaviour(runs_s=20.0)
    load(rig, make_package)
    rig.elect("leader")
    rig.run(3.0)
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 1))
    rig.run(10.0)
    assert rig.pid("web") is None
    assert rig.status("web").stage == "waiting"


def test_without_the_election_it_waits_and_says_so(rig: Any, make_package: Any) -> None:
    rig.office.group = "nobody.else"
    rig.shelf.add(make_package(version="2.0"))
    answer = rig.command(LoadService(DB))[-1]
    assert answer.outcome == "waiting"
    assert answer.reason == f"no word from the election of {GROUP} yet"


# ── while it runs ──


def test_the_hook_tells_a_follower_to_lead_and_back(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = follow(rig)
    for role in ("leader", "none", "follower"):
        rig.elect(role)
        rig.until(lambda role=role: settled(rig)[0] == role)
    assert rig.pid("web") == pid
    assert told(rig) == [("leader", "2"), ("none", "2"), ("follower", "3")]
    assert roles(rig) == ["follower", "leader", "none", "follower"]
    last = rig.starts[-1].env
    assert (last["HAB_ROLE"], last["HAB_LEADER_TERM"], last["HAB_LEADER"]) == (
        "follower",
        "3",
        OTHER,
    )


def test_a_promoted_follower_is_fenced_before_it_is_told(rig: Any, make_package: Any) -> None:
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=3.0)
    load(rig, make_package, "role-changed")
    pid = follow(rig)
    rig.elect("leader")
    rig.until(lambda: told(rig) == [("leader", "2")])
    rig.office.acked = False  # nobody renews the lease any more
    rig.kill("election")
    rig.kill("service/web")
    rig.run(4.0)
    assert rig.pid("web") != pid


def test_files_follow_the_role_and_the_hook_comes_after_them(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed", "reconfigure", config=TELLS)
    pid = follow(rig)
    lead(rig)
    assert rig.pid("web") == pid
    assert conf(rig) == "leader 2"
    rig.run(1.0)
    order = [s.key.split(":")[2] for s in rig.starts if s.key.startswith("hook:web:r")]
    assert order == ["role-changed", "reconfigure"]


def test_without_hooks_changed_files_restart_it_in_its_role(rig: Any, make_package: Any) -> None:
    load(rig, make_package, config=TELLS)
    pid = follow(rig)
    assert lead(rig) != pid
    assert rig.starts[-1].leader_until_s > 0
    assert roles(rig)[-1] == "leader"
    assert rig.status("web").restarts == 0


def test_a_leader_without_the_hook_ends_and_starts_again_as_follower(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    pid = lead(rig)
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 1))
    assert rig.pid("web") is None
    assert follow(rig) != pid
    assert rig.starts[-1].env["HAB_ROLE"] == "follower"


def test_a_follower_goes_on_as_it_was_while_nobody_leads(rig: Any, make_package: Any) -> None:
    load(rig, make_package, config=TELLS)
    pid = follow(rig)
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 2))
    rig.census = Census(9, {})  # its leader is dead
    rig.run(30.0)
    assert rig.pid("web") == pid
    assert conf(rig) == f"follows {OTHER} 1"
    assert rig.status("web").reason == f"nobody leads {GROUP}: x"


def test_files_of_a_demoted_leader_do_not_say_that_it_leads(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed", "reconfigure", config=TELLS)
    pid = lead(rig)
    rig.elect("none")
    rig.until(lambda: conf(rig) == " 0")
    assert rig.pid("web") == pid


@pytest.mark.parametrize("bad", [Behaviour(runs_s=0.1, code=1), Behaviour(deaf=True)])
def test_a_leader_whose_hook_fails_to_demote_it_is_gone_in_time(
    rig: Any, make_package: Any, bad: Behaviour
) -> None:
    load(rig, make_package, "role-changed")
    rig.programs["service:web"] = Behaviour(deaf=True)
    pid = lead(rig)
    rig.programs["hook:web:role-changed"] = bad
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 1), 4.0)
    assert rig.pid("web") != pid
    assert rig.events(HookFailed)[-1].hook == "role-changed none"


@pytest.mark.parametrize("leads", [True, False])
def test_a_process_that_takes_a_role_only_by_starting_anew_does_so_and_nothing_failed(
    rig: Any, make_package: Any, leads: bool
) -> None:
    load(rig, make_package, "role-changed")
    pid = lead(rig) if leads else follow(rig)
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=0.1, code=75)
    rig.elect("none")
    rig.until(lambda: settled(rig)[0] == "none" and rig.pid("web") != pid, 4.0)
    assert rig.events(HookFailed) == []
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=0.1)
    assert follow(rig) != pid
    assert rig.office.leads


def test_a_service_that_cannot_be_told_to_lead_steps_down(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = follow(rig)
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=0.1, code=1)
    rig.elect("leader")
    rig.until(lambda: any(said.failed for said in rig.office.fitness))
    assert rig.pid("web") != pid
    assert rig.office.role == "none"
    assert follow(rig) != pid


def test_a_promotion_under_way_is_ended_by_the_demotion(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = follow(rig)
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=100.0)
    rig.elect("leader")
    rig.until(lambda: told(rig) == [("leader", "2")])
    rig.programs["hook:web:role-changed"] = Behaviour(runs_s=0.1)
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 2), 1.5)
    assert rig.pid("web") == pid
    assert told(rig)[-1] == ("none", "2")


def test_a_crashed_leader_starts_again_as_what_it_is_then(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    pid = lead(rig)
    rig.machine.table.kill("service:web")
    rig.until(lambda: bool(rig.events(ProcessEnded)))
    rig.run(0.1)
    assert rig.office.role == "none"
    assert any(said.failed for said in rig.office.fitness)
    rig.run(20.0)
    assert rig.pid("web") is None
    assert rig.office.leads  # it may be elected again
    assert follow(rig) != pid


def test_a_leader_whose_lease_is_not_renewed_is_killed_and_says_why(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package, "role-changed")
    rig.programs["service:web"] = Behaviour(deaf=True)
    lead(rig)
    rig.office.acked = False
    rig.machine.pause()
    rig.run(4.0)
    assert rig.pid("web") is None
    rig.machine.resume()
    rig.run(1.0)
    assert rig.pid("web") is None


def test_who_cannot_write_down_that_it_leads_does_not(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed", "suitability", config=TELLS)
    pid = follow(rig)
    rig.machine.disk.faults.failing = "no space left"
    rig.elect("leader")
    rig.until(lambda: any(said.failed for said in rig.office.fitness))
    assert told(rig) == []
    assert rig.pid("web") != pid
    rig.tell("service/web", ReadSuitability(GROUP, "topology", 7))
    rig.until(lambda: bool(rig.office.read))
    rig.machine.disk.faults.failing = ""
    assert lead(rig) != pid
    assert told(rig) == []


# ── others die ──


@pytest.mark.parametrize("victim", ["service/web", "service", "election", "specs"])
def test_a_killed_actor_leaves_the_leader_alone(rig: Any, make_package: Any, victim: str) -> None:
    load(rig, make_package, "role-changed", config=TELLS)
    pid = lead(rig)
    rig.kill(victim)
    rig.run(10.0)
    assert rig.pid("web") == pid
    assert told(rig) == []
    assert settled(rig) == ("leader", 1)
    assert rig.status("web").role == "leader"


def test_a_killed_supervisor_leaves_leader_and_follower_alone(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed", config=TELLS)
    for elect in (follow, lead):
        pid = elect(rig)
        rig.machine.kill_supervisor()
        rig.run(10.0)
        assert rig.pid("web") == pid


def test_who_led_before_the_actor_died_is_demoted_when_another_leads(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package, "role-changed")
    pid = lead(rig)
    rig.kill("service/web")
    rig.elect("none")
    rig.until(lambda: settled(rig) == ("none", 1), 3.0)
    rig.elect("follower")
    rig.until(lambda: settled(rig) == ("follower", 2))
    assert rig.pid("web") == pid
    assert told(rig) == [("none", "1"), ("follower", "2")]


def test_after_a_power_cut_it_is_no_leader_by_old_files(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    lead(rig)
    rig.machine.power_off()
    rig.office.release("the power cut")
    rig.machine.start()
    rig.run(30.0)
    assert rig.pid("web") is None
    assert rig.status("web").stage == "waiting"
    follow(rig)
    assert rig.starts[-1].leader_until_s == 0


def test_a_process_without_a_record_is_taken_for_a_leader(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    pid = lead(rig)
    del rig.machine.disk.files["services/web.state"]
    rig.machine.kill_supervisor()
    rig.run(8.0)
    assert rig.pid("web") == pid
    rig.elect("none")
    rig.until(lambda: settled(rig)[0] == "none")
    assert rig.pid("web") is None  # which hooks it has is not known either


def test_a_dissolved_group_is_said_to_the_hook(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "role-changed")
    follow(rig)
    gone = RoleChanged(GROUP, "topology", "none", 3, dissolved="e2")
    rig.tell("service/web", gone)
    rig.until(lambda: settled(rig) == ("none", 3))
    assert rig.starts[-1].env["HAB_DISSOLVED"] == "1"
    assert "HAB_DISSOLVED" not in rig.starts[-2].env
