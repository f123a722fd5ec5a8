"""Who conducts updates: a leader of its own, which is not the service's while there is another."""

from __future__ import annotations

import pytest
from election_rig import ACTORS, GROUP, Elected

from actors.messages.election import Electorate
from actors.messages.election_events import LeaderElected
from actors.messages.election_orders import StepDown
from actors.messages.runtime import Ok

BOTH = ("topology", "update")


def conducted(seed: str, members: int = 3) -> tuple[Elected, int, int]:
    """A ring at rest, the leader of its service, and its conductor."""
    elected = Elected(seed, members, kinds=BOTH)  # type: ignore[arg-type]
    elected.start()
    elected.wait_for_leader()
    elected.wait_for_leader(kind="update")
    elected.ring.run_for(20.0)
    (leader,) = elected.leaders()
    (conductor,) = elected.leaders("update")
    return elected, leader, conductor


@pytest.mark.parametrize("members", [3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_another_member_conducts_than_leads(seed: int, members: int) -> None:
    elected, leader, conductor = conducted(f"conducted {seed}", members)
    assert leader != conductor
    assert elected.view(conductor, "update").role == "leader"
    assert elected.view(conductor, "update").reason == ""


def test_who_conducts_is_told_who_votes() -> None:
    elected, _, conductor = conducted("voters")
    told = [
        message
        for _, machine, message in elected.heard.told
        if machine == conductor and isinstance(message, Electorate)
    ]
    assert len(told[-1].voters) == 3
    assert {record.keeper for record in told} == {"update"}
    assert elected.heard.roles(conductor, "update")[-1].role == "leader"


@pytest.mark.parametrize("seed", range(4))
def test_a_conductor_resigns_before_it_leads(seed: int) -> None:
    elected, leader, conductor = conducted(f"resigns {seed}")
    elected.ring.machines[leader].power_off()
    other = elected.wait_for_leader(7.5, besides=leader)
    for _ in range(200):
        elected.ring.run_for(0.1)
        assert not set(elected.leaders()) & set(elected.leaders("update"))
    assert elected.leaders("update") == [({0, 1, 2} - {leader, other}).pop()]
    assert conductor in range(3)


def test_the_leader_of_two_hands_over_to_the_conductor_and_they_change_places() -> None:
    elected, leader, conductor = conducted("places", 3)
    third = ({0, 1, 2} - {leader, conductor}).pop()
    elected.ring.machines[third].power_off()
    elected.ring.run_for(3.0)
    order = StepDown(GROUP, to=elected.ring.machines[conductor].member)
    answer = elected.ring.ask(elected.ring.machines[leader], "election", order)
    assert isinstance(answer, Ok), answer
    assert elected.wait_for_leader(3.0, besides=leader) == conductor
    assert elected.wait_for_leader(15.0, besides=conductor, kind="update") == leader


def test_a_group_that_only_rolls_is_founded_a_minute_after_the_start() -> None:
    elected = Elected("rolls", 2, kinds=("update",))
    elected.start()
    elected.ring.run_for(50.0)
    assert elected.leaders("update") == []
    reasons = [elected.view(machine, "update").reason for machine in range(2)]
    assert all(reason.startswith("2 members seen; waits") for reason in reasons)
    elected.ring.run_for(25.0)
    assert len(elected.leaders("update")) == 1


@pytest.mark.parametrize("actor", ["election", *ACTORS.values(), f"election/{GROUP}/update"])
def test_killing_an_actor_changes_neither(actor: str) -> None:
    elected, leader, conductor = conducted(f"killed {actor}")
    before = len(elected.events(LeaderElected))
    for machine in (conductor, leader, conductor):
        elected.kill(machine, actor)
        elected.ring.run_for(6.0)
        assert (elected.leaders(), elected.leaders("update")) == ([leader], [conductor])
    assert len(elected.events(LeaderElected)) == before
