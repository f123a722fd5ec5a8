"""Gossip or the census killed again and again: no census is ever made of a part of the facts."""

from __future__ import annotations

from typing import Final

import pytest

from actors.census.actor import Repeat
from actors.messages.envelope import Envelope
from actors.messages.ring import Census, QueryCensus, Subscribe
from actors.messages.runtime import ActorKilled, KillActor
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor
from actors.simulation.workload import Workload

KILLS: Final = 15
STEPS_S: Final = (0.002,) * 150 + (0.1,) * 40  # finely after each death, then at leisure
LOOKER: Final = "port/looker"


@pytest.mark.parametrize("victim", ["gossip", "census"])
@pytest.mark.parametrize("seed", range(2))
def test_no_census_is_half_filled(victim: str, seed: int) -> None:
    ring = Ring(f"whole census {seed}")
    seeds = (ring.address(0),)
    machines = [ring.add(supervisor(seeds, permanent=number == 0)) for number in range(4)]
    workload = Workload(ring)
    for machine in machines:
        machine.start()
    ring.run_for(6)
    for machine in machines:
        workload.give(machine, "load", "web")
    ring.run_for(6)
    everybody = {machine.member for machine in machines}

    watched = machines[1].supervisor
    assert watched is not None
    seen: list[set[str]] = []

    def look(envelope: Envelope) -> None:
        if isinstance(envelope.message, Census):
            members = envelope.message.groups.get("web.default", ())
            seen.append({one.info.member for one in members if one.info.up})

    watched.world.register_port(LOOKER, look)
    for number in range(KILLS):
        # News about other services goes on all the time: what is told then is only a part.
        for other in machines[2:]:
            workload.give(other, "unload" if number % 2 else "load", "more")
        watched.world.tell("node", KillActor(victim), sender=LOOKER)
        for step_s in STEPS_S:
            # The census subscribes more often than it would, to catch gossip while it starts.
            watched.world.tell("census", Repeat(), sender="census")
            watched.world.tell("census", Subscribe(), sender=LOOKER)
            watched.world.call("census", QueryCensus(), look)
            ring.run_for(step_s)
    deaths = [e.event.name for e in ring.log.events if isinstance(e.event, ActorKilled)]
    assert deaths == [victim] * KILLS
    assert len(seen) > 10 * KILLS
    assert [partial for partial in seen if partial != everybody] == []
