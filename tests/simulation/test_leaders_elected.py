"""Supervisors elect a leader, and what happens to it when actors, processes and machines die."""

from __future__ import annotations

from itertools import pairwise

import pytest
from election_rig import GROUP, KIND, Elected

from actors.messages.election_events import (
    ElectorateChanged,
    ElectorateFounded,
    LeaderElected,
    LeaseRenewed,
    VoteGiven,
)
from actors.messages.election_orders import (
    BootstrapElectorate,
    Elections,
    GiveUpSeats,
    QueryElections,
    ServiceFitness,
    StepDown,
    WithdrawFromElection,
)
from actors.messages.ring import DepartMember
from actors.messages.runtime import CallFailed, Ok
from actors.simulation.plan import detection_s

ELECTION = f"election/{GROUP}/{KIND}"
CRASH_S = 7.0  # from a leader's end to the next one's lease


def whole(seed: str, members: int = 3) -> tuple[Elected, int]:
    """A ring that has a leader, in which nothing is about to change."""
    elected = Elected(seed, members)
    elected.start()
    leader = elected.wait_for_leader()
    elected.ring.run_for(6.0)
    assert elected.leaders() == [leader]
    return elected, leader


def test_three_supervisors_found_one_electorate_and_elect_one_leader() -> None:
    for seed in range(3):
        elected, leader = whole(f"three {seed}")
        founded = {event.electorate for _, _, event in elected.events(ElectorateFounded)}  # type: ignore[attr-defined]
        assert len(founded) == 1
        assert [machine for _, machine, _ in elected.events(LeaderElected)] == [leader]
        views = [elected.view(machine) for machine in range(3)]
        assert {view.leader for view in views} == {elected.ring.machines[leader].member}
        assert {view.electorate for view in views} == founded
        assert sorted(view.role for view in views) == ["follower", "follower", "leader"]
        assert {view.reason for view in views} == {""}
        for machine in range(3):
            last = elected.heard.roles(machine)[-1]
            assert last.role == ("leader" if machine == leader else "follower")


def test_one_supervisor_expects_three_members_and_says_so() -> None:
    elected = Elected("alone", 1)
    elected.start()
    elected.ring.run_for(20.0)
    assert elected.leaders() == []
    assert elected.view(0).reason == "1 of 3 members seen (--bootstrap-expect 3)"


def test_one_seed_is_one_log() -> None:
    def sha256() -> str:
        elected, leader = whole("same")
        elected.ring.machines[leader].power_off()
        elected.wait_for_leader(besides=leader)
        return elected.ring.log.sha256()

    assert sha256() == sha256()


def test_a_leader_whose_machine_dies_is_replaced_in_time() -> None:
    for seed in range(5):
        elected, leader = whole(f"crash {seed}")
        elected.ring.machines[leader].power_off()
        began_s = elected.ring.scheduler.now_s
        other = elected.wait_for_leader(CRASH_S, besides=leader)
        assert other != leader
        # And when the dead one is back it follows, with no other election.
        elected.ring.machines[leader].start()
        elected.ring.run_for(15.0)
        assert elected.leaders() == [other]
        assert elected.view(leader).role == "follower"
        assert began_s > 0


@pytest.mark.parametrize("actor", [ELECTION, "election", "election/rounds", "gossip", "service/db"])
def test_killing_an_actor_of_a_member_changes_no_leader_and_no_term(actor: str) -> None:
    elected, leader = whole(f"killed {actor}")
    for machine in (leader, (leader + 1) % 3, leader):
        elected.kill(machine, actor)
        elected.ring.run_for(6.0)
        assert elected.leaders() == [leader]
    assert len(elected.events(LeaderElected)) == 1
    renewed = [at_s for at_s, machine, _ in elected.events(LeaseRenewed) if machine == leader]
    gaps = [after - before for before, after in pairwise(renewed)]
    assert max(gaps) < 1.5  # far from the 2.5 s at which its service would be demoted
    assert elected.heard.roles(leader)[-1].role == "leader"


def test_a_supervisor_that_is_killed_resumes_its_term_without_an_election() -> None:
    for seed in range(3):
        elected, leader = whole(f"resumes {seed}")
        elected.ring.machines[leader].kill_supervisor()
        elected.ring.run_for(8.0)
        assert elected.leaders() == [leader]
        assert len(elected.events(LeaderElected)) == 1


def test_a_service_hears_of_no_role_before_one_is_known_again() -> None:
    """It would stop to lead, or to follow, for the moment between a restart and the first round."""
    elected, leader = whole("restarted")
    for machine in (leader, (leader + 1) % 3):
        before = elected.heard.roles(machine)[-1]
        count = len(elected.heard.roles(machine))
        elected.ring.machines[machine].kill_supervisor()
        elected.ring.run_for(10.0)
        told = elected.heard.roles(machine)[count:]
        assert {(one.role, one.term) for one in told} == {(before.role, before.term)}


def test_all_supervisors_killed_at_once_keep_their_leader() -> None:
    elected, leader = whole("all killed")
    for machine in elected.ring.machines:
        machine.kill_supervisor()
    elected.ring.run_for(12.0)
    assert elected.leaders() == [leader]
    assert len(elected.events(LeaderElected)) == 1


def test_a_leader_told_to_step_down_hands_over() -> None:
    elected, leader = whole("step down")
    ring, successor = elected.ring, (leader + 1) % 3
    order = StepDown(GROUP, to=ring.machines[successor].member)
    answer = ring.ask(ring.machines[leader], "election", order)
    assert isinstance(answer, Ok), answer
    assert ring.machines[successor].member in answer.text
    assert elected.wait_for_leader(2.0, besides=leader) == successor
    refused = ring.ask(ring.machines[leader], "election", order)
    assert isinstance(refused, CallFailed)
    assert refused.code == "not-leader"
    assert ring.machines[successor].member in refused.text


def test_a_leader_without_a_successor_leads_on_and_says_so() -> None:
    elected, leader = whole("no successor")
    ring = elected.ring
    for machine in range(3):
        if machine != leader:
            down = ServiceFitness(GROUP, KIND, leads=False)
            process = ring.machines[machine].supervisor
            assert process is not None
            process.world.tell("election", down, sender="service/db")
    ring.run_for(1.0)
    answer = ring.ask(ring.machines[leader], "election", StepDown(GROUP))
    assert isinstance(answer, CallFailed), answer
    assert (answer.code, answer.exit_code) == ("no-successor", 8)
    ring.run_for(5.0)
    assert elected.leaders() == [leader]


def test_who_compares_suitability_never_elects_whom_its_voters_outdo() -> None:
    for seed in range(4):
        elected = Elected(f"suitable {seed}", 3, suitability=(1, 3, 2))
        elected.start()
        first = elected.wait_for_leader()
        assert first != 0  # each voter it needs is fitter
        elected.ring.run_for(6.0)
        elected.ring.machines[first].power_off()
        other = elected.wait_for_leader(20.0, besides=first)
        assert other == (2 if first == 1 else 1)


def test_a_member_whose_service_is_unloaded_gives_up_its_seat_and_its_ballot() -> None:
    elected, leader = whole("unloaded")
    machine = elected.ring.machines[leader]
    elected.stop_standing(leader)
    unload = WithdrawFromElection("db", GROUP, KIND)
    answer = elected.ring.ask(machine, "election", unload, within_s=12.0)
    assert answer == Ok("the seat is given up")
    assert not [path for path in machine.disk.files if path.startswith("elections/")]
    elected.ring.run_for(5.0)
    assert elected.ring.ask(machine, "election", QueryElections()) == Elections()
    (other,) = elected.leaders()
    assert other != leader
    assert {seat.member for seat in elected.view(other).seats} == {
        elected.ring.machines[one].member for one in range(3) if one != leader
    }


def test_a_group_unloaded_everywhere_goes_on_with_greater_terms() -> None:
    elected, leader = whole("again")
    ring = elected.ring
    ring.machines[leader].power_off()
    elected.wait_for_leader(besides=leader)
    ring.machines[leader].start()
    ring.run_for(10.0)
    before = max(event.term for _, _, event in elected.events(LeaderElected))  # type: ignore[attr-defined]
    for machine in range(3):
        elected.stop_standing(machine)
        unload = WithdrawFromElection("db", GROUP, KIND)
        answer = ring.ask(ring.machines[machine], "election", unload, within_s=12.0)
        assert answer == Ok("the seat is given up")
    began = len(elected.events(LeaderElected))
    ring.run_for(3.0)
    elected.heard.silent.clear()
    for machine in range(3):
        elected.kill(machine, "service/db")  # which stands again
    elected.wait_for_leader()
    ring.run_for(8.0)
    (again,) = [event for _, _, event in elected.events(LeaderElected)[began:]]
    assert again.term > before  # type: ignore[attr-defined]


def test_a_fourth_member_gets_a_seat_and_a_departed_one_loses_it() -> None:
    elected = Elected("seats", 4)
    elected.start(0, 1, 2)
    leader = elected.wait_for_leader()
    elected.start(3)
    elected.ring.run_for(10.0)
    assert len(elected.view(leader).seats) == 4
    assert elected.view(3).role == "follower"
    victim = next(one for one in range(4) if one not in (0, leader))
    elected.ring.machines[victim].power_off()
    elected.ring.run_for(detection_s(4))
    departed = DepartMember(elected.ring.machines[victim].member)
    assert isinstance(elected.ring.ask(elected.ring.machines[0], "gossip", departed), Ok)
    elected.ring.run_for(10.0)
    assert elected.leaders() == [leader]
    assert len(elected.view(leader).seats) == 3
    changes = [event.change for _, _, event in elected.events(ElectorateChanged)]  # type: ignore[attr-defined]
    assert f"{elected.ring.machines[victim].member[:8]} leaves" in changes


def test_two_oaths_are_the_way_out_of_a_dead_majority() -> None:
    elected, leader = whole("oaths")
    survivor = (leader + 1) % 3
    gone = [one for one in range(3) if one != survivor]
    for machine in gone:
        elected.ring.machines[machine].power_off()
    elected.ring.run_for(20.0)
    assert elected.leaders() == []
    assert "quorum needs 2" in elected.view(survivor).reason
    for machine in gone:
        order = DepartMember(elected.ring.machines[machine].member)
        answer = elected.ring.ask(elected.ring.machines[survivor], "gossip", order)
        assert isinstance(answer, Ok), answer
    assert elected.wait_for_leader(15.0) == survivor


def test_once_all_voters_have_departed_others_found_anew() -> None:
    elected, _ = whole("wiped", 4)
    ring = elected.ring
    old = [machine.member for machine in ring.machines]
    for machine in ring.machines[1:]:
        machine.power_off()
        machine.wipe()
        machine.start()
    ring.run_for(30.0)
    assert elected.leaders() == []  # three of four voters are dead, and newcomers found no second
    assert len(elected.events(ElectorateFounded)) == 4
    asked = ring.ask(ring.machines[1], "election", BootstrapElectorate(GROUP))
    assert isinstance(asked, CallFailed)
    assert "is there already" in asked.text
    ring.machines[0].power_off()
    ring.machines[0].wipe()
    ring.machines[0].start()
    ring.run_for(20.0)
    for member in old:
        assert isinstance(ring.ask(ring.machines[1], "gossip", DepartMember(member)), Ok)
    elected.wait_for_leader(30.0)
    ring.run_for(10.0)
    assert len(elected.leaders()) == 1
    assert {elected.view(machine).electorate for machine in range(4)} != {""}


def test_a_group_of_nine_has_seven_voters_and_all_follow() -> None:
    elected = Elected("nine", 9)
    elected.start()
    leader = elected.wait_for_leader()
    elected.ring.run_for(20.0)
    assert elected.leaders() == [leader]
    views = [elected.view(machine) for machine in range(9)]
    assert len(views[leader].seats) == 7
    assert [view.role for view in views].count("follower") == 8
    assert {view.leader for view in views} == {elected.ring.machines[leader].member}


def test_a_departing_member_hands_over_and_all_seats_are_given_up() -> None:
    elected, leader = whole("departs")
    machine = elected.ring.machines[leader]
    elected.stop_standing(leader)
    answer = elected.ring.ask(machine, "election", GiveUpSeats(), within_s=12.0)
    assert answer == Ok("all seats are given up")
    assert elected.wait_for_leader(1.0, besides=leader) != leader


def test_a_leader_that_is_departed_hands_over_before_it_goes() -> None:
    elected, leader = whole("departed leader")
    ring = elected.ring
    elected.stop_standing(leader)
    order = DepartMember(ring.machines[leader].member)
    asked_s = ring.scheduler.now_s
    answer = ring.ask(ring.machines[(leader + 1) % 3], "gossip", order, within_s=15.0)
    assert isinstance(answer, Ok), answer
    elected.wait_for_leader(1.0, besides=leader)
    others = [at_s for at_s, _, e in elected.events(LeaderElected) if e.leader != order.member]  # type: ignore[attr-defined]
    assert others[0] - asked_s < 2.0  # no promise had to end first
    ring.run_for(5.0)
    assert not ring.machines[leader].wanted
    assert len(elected.view((leader + 1) % 3).seats) == 2


def test_no_member_votes_twice_in_a_term_whatever_is_killed() -> None:
    elected, leader = whole("votes")
    for number in range(6):
        elected.ring.machines[number % 3].kill_supervisor()
        elected.ring.run_for(2.5)
    elected.ring.run_for(10.0)
    assert len(elected.leaders()) == 1
    votes: dict[tuple[int, int], set[str]] = {}
    for _, machine, event in elected.events(VoteGiven):
        assert isinstance(event, VoteGiven)
        votes.setdefault((machine, event.term), set()).add(event.candidate)
    assert all(len(candidates) == 1 for candidates in votes.values())
    assert leader in range(3)
