"""The census actor in a world of one machine: it says nothing from a part of the facts."""

from actors.census.actor import CensusActor
from actors.effects import Spawn
from actors.messages.base import Message
from actors.messages.ring import (
    Census,
    Member,
    MembersChanged,
    MemberView,
    QueryCensus,
    Rumor,
    RumorsChanged,
    ServiceInfo,
)
from actors.messages.runtime import CallFailed
from actors.runtime.guardian import Guardian
from actors.simulation.node import RootActor
from actors.simulation.ring import Ring

A, B = "a" * 32, "b" * 32
MEMBERS = MembersChanged(tuple(MemberView(Member(m, 1, "h:1"), "alive") for m in (A, B)))


def _rumor(owner: str) -> Rumor:
    info = ServiceInfo(owner, "redis.default", "core/redis/7", up=True)
    return Rumor("service", "redis.default", owner, 1, 1, info)


def test_a_new_instance_takes_no_part_for_all() -> None:
    ring = Ring("census")
    spawn = Spawn("census", CensusActor)
    machine = ring.add(lambda _process: RootActor(Guardian, ((spawn,),)))
    machine.start()
    ring.run_for(2)
    assert machine.supervisor is not None
    world = machine.supervisor.world

    def hear(message: Message) -> None:
        world.tell("census", message, sender="gossip")
        ring.run_for(0.1)

    def ask() -> Message | None:
        return ring.ask(machine, "census", QueryCensus())

    hear(MEMBERS)
    hear(RumorsChanged((_rumor(A),)))  # the instance before this one knew the rest
    answer = ask()
    assert isinstance(answer, CallFailed)
    assert answer.code == "not-settled"
    hear(RumorsChanged((_rumor(A), _rumor(B)), complete=True))
    census = ask()
    assert isinstance(census, Census)
    assert [m.info.member for m in census.groups["redis.default"]] == [A, B]
