"""The scenarios of a group's leadership that need no simulated fault, on a ring of real processes.

Each leaves the group whole, and each is judged alike: nobody acted as leader while another did,
by a lock of the kernel's; terms only grew. Run by hand (`-m slow`): it takes some minutes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from lock_group import ELECTED_S, GROUP, LockGroup
from supervisor_rig import Machine, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockGroup]:
    group = LockGroup(tmp_path_factory.mktemp("scenarios"))
    try:
        yield group
    finally:
        group.ring.close()


@pytest.fixture
def group(ring: LockGroup) -> Iterator[LockGroup]:
    """The group, led; judged when the scenario is over and it is led again."""
    ring.led()
    yield ring
    ring.led()
    ring.judge()


def test_a_leader_whose_machine_loses_power_is_replaced_and_follows_when_back(
    group: LockGroup,
) -> None:
    leader, term = group.led()
    others = group.others(leader)
    group.pull_the_plug(leader)
    now, _ = group.led(others, above=term)
    assert "It stood because no leader was heard any more" in group.why(now)
    dead = "It left no word of an end: the ring holds it for dead."
    eventually("why says that it is gone", lambda: dead in group.why(now), ELECTED_S)
    group.start(leader)


def test_a_supervisor_paused_past_its_lease_has_lost_the_lead_when_it_goes_on(
    group: LockGroup,
) -> None:
    leader, term = group.led()
    paused = leader.supervisor()
    os.kill(paused, signal.SIGSTOP)
    try:
        now, later = group.led(group.others(leader), above=term)
    finally:
        os.kill(paused, signal.SIGCONT)
    assert later > term
    back, _ = group.led()
    assert back is now


def test_all_supervisors_killed_at_once_leave_the_leader_s_service_running(
    group: LockGroup,
) -> None:
    leader, _ = group.led()
    pid = leader.services()["lock"].pid
    supervisors = [machine.supervisor() for machine in group.machines]
    for supervisor in supervisors:
        os.kill(supervisor, signal.SIGKILL)
    new = [machine.ready().supervisor_pid for machine in group.machines]
    assert not set(new) & set(supervisors)
    back, _ = group.led()
    assert back is leader
    assert leader.services()["lock"].pid == pid


def test_after_a_power_cut_of_all_machines_one_leads_without_an_operator(
    group: LockGroup,
) -> None:
    _, term = group.led()
    for machine in group.machines:
        group.pull_the_plug(machine)
    for machine in group.machines:
        group.start(machine, ready=False)
    _, later = group.led(above=term)
    assert later > term


def test_supervisors_restarted_one_after_the_other_keep_the_group_led(group: LockGroup) -> None:
    for machine in group.machines:
        before = machine.supervisor()
        machine.hab("sup", "restart")
        eventually(
            "another supervisor answers",
            lambda m=machine, b=before: (i := m.info()) is not None and i.supervisor_pid != b,
            ELECTED_S,
        )
        group.led()


def is_moving(group: LockGroup, machine: Machine) -> bool:
    """Whether it stands for election, or has won one."""
    view = group.view(machine)
    return view is not None and (view.state in ("asking", "standing", "leading") or view.leader)


def test_candidates_killed_again_and_again_end_in_one_leader(group: LockGroup) -> None:
    leader, term = group.led()
    others = group.others(leader)
    group.pull_the_plug(leader)
    for _ in range(4):
        for machine in others:
            eventually("it stands, or leads", lambda m=machine: is_moving(group, m), ELECTED_S)
            os.kill(machine.supervisor(), signal.SIGKILL)
    _, later = group.led(others, above=term)
    assert later > term
    group.start(leader)


def test_a_service_that_leads_and_ends_or_stops_hands_over(group: LockGroup) -> None:
    leader, term = group.led()
    os.kill(leader.services()["lock"].pid or 0, signal.SIGKILL)
    ended, later = group.led(above=term)
    told = group.why(ended)
    assert "its service ended" in told or "The leader before it handed over" in told
    leader, term = group.led()
    leader.hab("svc", "stop", "lock")
    now, later = group.led(group.others(leader), above=term)
    assert (now is leader, later > term) == (False, True)
    assert "its service was to stop" in group.why(now)
    leader.hab("svc", "start", "lock", "--no-wait")


def test_a_member_replaced_at_the_same_address_gets_a_seat_of_its_own(group: LockGroup) -> None:
    leader, _ = group.led()
    follower = group.others(leader)[0]
    old = group.member(follower)
    group.pull_the_plug(follower)
    group.wipe(follower)
    group.start(follower)
    new = group.member(follower)
    assert new not in ("", old)
    group.load(follower)
    leader.hab("sup", "depart", old[:8])

    def seated() -> bool:
        view = group.view(leader)
        seats = {seat.member for seat in view.seats} if view is not None else set()
        return new in seats and old not in seats

    eventually(f"the new one votes, the old one does no more{group.told()}", seated, ELECTED_S)


def test_the_survivor_of_a_dead_majority_leads_once_an_operator_has_sworn(
    group: LockGroup,
) -> None:
    survivor, _ = group.led()
    others = group.others(survivor)
    gone = [group.member(machine)[:8] for machine in others]
    for machine in others:
        group.pull_the_plug(machine)

    def missing() -> bool:
        told = group.why(survivor)
        return "Nobody leads" in told and all(f"hab sup depart {one}" in told for one in gone)

    eventually("it says who is missing", missing, ELECTED_S)
    assert "Ask on one of the others first" in group.why(survivor)
    for one in gone:
        survivor.hab("sup", "depart", one)
    alone, _ = group.led([survivor])
    assert alone is survivor
    assert "1 member votes" in group.why(survivor)
    for machine in others:
        group.wipe(machine)
        group.start(machine)
        group.load(machine)

    def three() -> bool:
        view = group.view(survivor)
        return view is not None and len(view.seats) == 3

    eventually(f"all three of {GROUP} vote{group.told()}", three, ELECTED_S)
