"""The census actor in a world of one machine: it says nothing from a part of the facts."""

import pytest

from actors.census.actor import CensusActor
from actors.effects import After, Effect, Reply, Send, Spawn
from actors.messages.base import Message
from actors.messages.groups import (
    ApplyConfig,
    GroupConfig,
    GroupFacts,
    GroupFile,
    QueryGroup,
    UploadFile,
)
from actors.messages.ring import (
    Census,
    Member,
    MembersChanged,
    MemberView,
    PublishRumor,
    QueryCensus,
    Rumor,
    RumorsChanged,
    ServiceInfo,
    Subscribe,
)
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import Accepted
from actors.runtime.actor import Actor
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


class Gossip(Actor):
    """Takes every fact at once, and tells of it a little later."""

    def step(self, message: Message) -> list[Effect]:
        match message:
            case Subscribe():
                return [Send("census", MEMBERS), Send("census", RumorsChanged((), complete=True))]
            case PublishRumor(kind, key, body, version=version):
                rumor = Rumor(kind, key, A, version, 1, body)
                return [Reply(Ok()), After(0.5, RumorsChanged((rumor,)), "tell")]
            case RumorsChanged():
                return [Send("census", message)]
            case _:
                return super().step(message)


@pytest.mark.parametrize(
    "command",
    [
        ApplyConfig(GroupConfig("redis.default", 3, b"port = 1")),
        UploadFile(GroupFile("redis.default", "a.txt", 3, b"x")),
    ],
    ids=["configuration", "a file"],
)
def test_who_was_answered_finds_what_he_has_applied(command: Message) -> None:
    ring = Ring("census")
    children = (Spawn("gossip", Gossip), Spawn("census", CensusActor))
    machine = ring.add(lambda _process: RootActor(Guardian, (children,)))
    machine.start()
    ring.run_for(2)
    accepted = ring.ask(machine, "census", command)
    assert isinstance(accepted, Accepted)
    assert accepted.event_id
    found = ring.ask(machine, "census", QueryGroup("redis.default"))
    assert isinstance(found, GroupFacts)
    assert found.configs or found.files
