"""Voters that do not come back: who is dead for three days loses its seat, who was stopped none."""

from __future__ import annotations

from typing import Final

from election_rig import Elected

from actors.election.ring import ABSENT_S
from actors.messages.election_events import ElectorateChanged
from actors.messages.ring import LeaveRing
from actors.simulation.plan import detection_s

DAY_S: Final = ABSENT_S / 3
SAVED_S: Final = 40.0  # gossip writes what it knows within half a minute


def seats(elected: Elected, machine: int) -> set[str]:
    return {seat.member for seat in elected.view(machine).seats}


def test_three_days_are_counted_over_restarts_of_every_supervisor_and_from_the_death_on() -> None:
    elected = Elected("absent", 5)
    elected.start()
    leader = elected.wait_for_leader()
    ring = elected.ring
    ring.run_for(6.0)
    dead, stopped, *_ = (one for one in range(1, 5) if one != leader)
    ring.machines[dead].power_off()
    ring.ask(ring.machines[stopped], "gossip", LeaveRing())
    ring.run_for(1.0)  # its goodbye is on its way
    ring.machines[stopped].power_off()
    there = [one for one in range(5) if one not in (dead, stopped)]
    ring.run_for(detection_s(5) + SAVED_S)
    for _ in range(3):
        assert ring.machines[dead].member in seats(elected, there[0])
        for machine in there:
            ring.machines[machine].kill_supervisor()
            ring.machines[machine].clock.jump(DAY_S)
        ring.run_for(15.0)
    voters = {ring.machines[one].member for one in (*there, stopped)}
    for machine in there:
        assert seats(elected, machine) == voters
    changes = {event.change for _, _, event in elected.events(ElectorateChanged)}  # type: ignore[attr-defined]
    assert changes == {"a new term", f"{ring.machines[dead].member[:8]} leaves"}
