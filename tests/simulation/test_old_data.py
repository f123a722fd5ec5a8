"""Three days later: data of the departed is nowhere, and who comes back with it revives nothing."""

from __future__ import annotations

from typing import Final

from actors.gossip.stamps import KEEP_S
from actors.messages.ring import (
    DepartMember,
    Members,
    QueryMembers,
    RumorsChanged,
    Subscribe,
)
from actors.simulation.machine import Machine
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor
from actors.simulation.workload import Workload

STEPS: Final = 12  # of the wall clocks: no member sleeps through an age
HOUSE_S: Final = 70.0  # gossip looks at ages about once a minute
LOOKER: Final = "port/looker"


class _Later:
    """Four machines with a service each; the wall clocks of all go forward together."""

    def __init__(self) -> None:
        self.ring = Ring("old data")
        seeds = (self.ring.address(0),)
        for number in range(4):
            self.ring.add(supervisor(seeds, permanent=number == 0))
        self.machines = self.ring.machines
        workload = Workload(self.ring)
        for machine in self.machines:
            machine.start()
        self.ring.run_for(6)
        for machine in self.machines:
            workload.give(machine, "load", "web")
        self.ring.run_for(6)

    def pass_time(self, seconds: float) -> None:
        for _ in range(STEPS):
            for machine in self.machines:
                machine.clock.jump(seconds / STEPS)
            self.ring.run_for(HOUSE_S)

    def members(self, machine: Machine) -> dict[str, str]:
        answer = self.ring.ask(machine, "gossip", QueryMembers())
        assert isinstance(answer, Members)
        return {view.member.id: str(view.health) for view in answer.members}

    def owners(self, machine: Machine) -> set[str]:
        assert machine.supervisor is not None
        heard: list[RumorsChanged] = []
        world = machine.supervisor.world
        world.register_port(
            LOOKER,
            lambda e: heard.append(e.message) if isinstance(e.message, RumorsChanged) else None,
        )
        world.tell("gossip", Subscribe(("service",)), sender=LOOKER)
        self.ring.run_for(1)
        return {rumor.owner for rumor in heard[0].rumors}


def test_what_a_departed_member_owned_is_forgotten_and_not_revived() -> None:
    later = _Later()
    here, there, absent, gone = later.machines
    absent.power_off()  # with the departed alive in what it remembers
    assert there.supervisor is not None
    later.ring.ask(there, "gossip", DepartMember(gone.member, force=True))
    later.ring.run_for(20)
    assert later.members(here)[gone.member] == "departed"
    assert gone.member not in later.owners(here)

    later.pass_time(KEEP_S * 1.3)
    for machine in (here, there):
        assert gone.member not in later.members(machine)
        assert gone.member.encode() not in machine.disk.files["ring.dat"]

    assert gone.member.encode() in absent.disk.files["ring.dat"]
    absent.start()
    later.ring.run_for(2 * HOUSE_S)
    for machine in (here, there, absent):
        members = later.members(machine)
        assert gone.member not in members
        assert {members[m.member] for m in (here, there, absent)} == {"alive"}
        assert later.owners(machine) == {m.member for m in (here, there, absent)}
        assert gone.member.encode() not in machine.disk.files["ring.dat"]
