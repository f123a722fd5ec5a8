"""Absurd requests of an operator: refused with a reason or carried out, and no actor dies of them.

Whoever holds the control secret may stop everything; what he mistypes must not. As many requests as
`HABRING_FUZZ_FRAMES` says, 1,000 unless set.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent))
from hostile_frames import ORDERS, Stranger

from actors.control.routes import ROUTES
from actors.messages.base import Message
from actors.messages.control import Request
from actors.messages.envelope import Ticket
from actors.messages.runtime import ActorFailed, ActorKilled, ActorList, ListActors
from actors.messages.service import LoadService, QueryServices, Services, ServiceSpec
from actors.messages.simulation import SupervisorGone
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor

REQUESTS = int(os.environ.get("HABRING_FUZZ_FRAMES", "1000"))
SEED = int(os.environ.get("HABRING_FUZZ_SEED", "20261124"))


def spec_of(message: Message, number: int) -> Message:
    """A load that is now and then of a name that can be loaded, else as absurd as it was."""
    if isinstance(message, LoadService) and number % 3 == 0:
        spec = msgspec.structs.replace(message.spec, ident=f"core/redis{number % 7}", name="")
        return msgspec.structs.replace(message, spec=spec)
    return message


def test_no_request_of_an_operator_kills_an_actor() -> None:
    ring = Ring(f"operator:{SEED}")
    machine = ring.add(supervisor((), permanent=False))
    machine.start()
    ring.run_for(5.0)
    assert machine.supervisor is not None
    world = machine.supervisor.world
    stranger = Stranger(SEED, machine.member, {machine.member: machine.address}, world.ring_id)
    kinds = [cls for cls in ROUTES if cls not in ORDERS]
    seen = len(ring.log.events)
    for number in range(REQUESTS):
        stranger.wall_s = world.clock.wall()
        message = spec_of(stranger.message(stranger.chance.choice(kinds)), number)
        member = stranger.chance.choice(["", "", machine.member, stranger.word(1.0)])
        ticket = stranger.chance.choice([Ticket("port/control", "s/1"), Ticket("", "")])
        request = Request(stranger.word(0.5), "session-1", message, member)
        world.tell("control", request, sender="port/control", ticket=ticket)
        ring.run_for(0.05)
        for logged in ring.log.events[seen:]:
            dead = isinstance(logged.event, (ActorFailed, ActorKilled, SupervisorGone))
            assert not dead, f"{request}\n{logged.event.text()}\n{logged.event}"
        ring.log.sha256()
        seen = len(ring.log.events)
    ring.run_for(60.0)
    loaded = ring.ask(machine, "specs", LoadService(ServiceSpec("core/last"), wait=False))
    assert loaded is not None
    ring.run_for(10.0)
    services = ring.ask(machine, "specs", QueryServices("last"))
    assert isinstance(services, Services)
    assert [one.stage for one in services.services] == ["up"]
    actors = ring.ask(machine, "node", ListActors())
    assert isinstance(actors, ActorList)
    assert not [one for one in actors.actors if one.restarts and not one.name.startswith("host/")]
