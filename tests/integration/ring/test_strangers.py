"""What a default supervisor offers strangers: the frames of a ring on its gossip port, no more."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator

import pytest
import zmq
from ring_rig import (
    Machine,
    Ring,
    accusations,
    eventually,
    living,
    members,
    peers,
    sentence,
    whole,
)

from actors.adapters.sealed import seal
from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, StopSupervisor
from actors.messages.depot import InstallPackage
from actors.messages.envelope import Envelope, Ticket
from actors.messages.gossip import Claim, JoinReply, JoinRequest, Ping
from actors.messages.primitives import CallMethod, CreateActor, KillHost
from actors.messages.ring import DepartMember, QueryMembers
from actors.messages.runtime import InspectActor, KillActor, ListActors, TraceActor
from actors.messages.service import LoadService, QueryServices, ServiceSpec
from actors.wire import codec

STRANGER = "ab" * 16
UNFORTUNATE = 2_000  # hostile frames; a unit test sends more
COMMANDS: tuple[tuple[str, Message], ...] = (
    ("node", KillActor("census")),
    ("node", ListActors()),
    ("node", InspectActor("gossip")),
    ("node", TraceActor("*")),
    ("node", StopSupervisor("terminate")),
    ("node", QuerySupervisor()),
    ("host", CreateActor("os:system", b"")),
    ("host", CallMethod("host/1", "run", b"")),
    ("host", KillHost("host/1")),
    ("specs", LoadService(ServiceSpec("", name="evil", cmd=("sleep", "1000")))),
    ("service", QueryServices()),
    ("gossip", QueryMembers()),
    ("gossip", DepartMember("a", force=True)),
    ("depot", InstallPackage("/etc")),
)


class Stranger:
    """A program that speaks the wire protocol and is no member."""

    def __init__(self, dealer: zmq.Socket[bytes], machine: Machine) -> None:
        info = machine.ready()
        self.member, self.ring = info.member_id, info.ring_id
        self.socket = dealer
        self.socket.linger = 0
        self.socket.connect(f"tcp://127.0.0.1:{machine.gossip}")

    def frame(self, to: str, message: Message, ring: str = "") -> bytes:
        address = f"{self.member}/{to}"
        ticket = Ticket(f"{STRANGER}/call/1", "1")
        envelope = Envelope(address, f"{STRANGER}/x", message, ticket=ticket)
        return codec.encode(envelope, STRANGER, ring or self.ring)

    def hear(self, within_s: float) -> list[Message]:
        """What comes back until it has been silent for so long."""
        heard: list[Message] = []
        while self.socket.poll(int(within_s * 1000)):
            frames = map(codec.decode, codec.decode_batch(self.socket.recv()))
            heard += [frame.envelope.message for frame in frames]
        return heard


@pytest.fixture
def stranger(open_ring: Ring) -> Iterator[Stranger]:
    """Somebody at the gossip port of the first member."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        yield Stranger(dealer, open_ring.machines[0])


def test_no_command_passes_the_gossip_port_of_a_ring_without_a_key(
    open_ring: Ring, stranger: Stranger
) -> None:
    victim = open_ring.machines[0]
    before, actors, alive = victim.ready(), victim.actors(), whole(open_ring.machines[:3])
    for to, message in COMMANDS:
        stranger.socket.send(stranger.frame(to, message))
    assert stranger.hear(1.0) == []
    counted = sentence(victim, "FrameRefused", lambda text: "door" in text)
    assert counted
    assert victim.ready().supervisor_pid == before.supervisor_pid
    assert victim.services() == {}
    assert set(victim.actors()) == set(actors)
    assert all(victim.actors()[name].restarts == one.restarts for name, one in actors.items())
    assert living(victim) == alive


def test_hostile_frames_kill_no_actor_and_a_join_is_answered_right_after(
    open_ring: Ring, stranger: Stranger
) -> None:
    victim = open_ring.machines[0]
    actors = victim.actors()
    valid = stranger.frame("gossip", Ping(7))
    chance = random.Random(11)
    for _ in range(UNFORTUNATE):
        data = bytearray(valid)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        stranger.socket.send(bytes(data[: chance.randrange(len(data) + 1)]))
        stranger.socket.send(chance.randbytes(chance.randrange(200)))
    stranger.socket.send(stranger.frame("gossip", Ping(8), ring="ff" * 8))
    stranger.hear(0.2)
    # A claim without an address is no member's, so the ring is not left with a dead stranger.
    join = JoinRequest(Claim(STRANGER, 0, 1, 1), ring_id="ee" * 8)
    stranger.socket.send(stranger.frame("gossip", join))
    answers: list[Message] = []
    eventually("the join is answered", lambda: answers.extend(stranger.hear(0.2)) or answers, 5.0)
    assert any(isinstance(answer, JoinReply) and answer.refused for answer in answers), answers
    after = victim.actors()
    assert all(after[name].restarts == one.restarts for name, one in actors.items())
    whole(open_ring.machines[:3])
    assert STRANGER not in members(victim)


def test_control_is_on_loopback_only(open_ring: Ring) -> None:
    victim = open_ring.machines[0]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", victim.ctl)) != 0


def test_a_wrong_secret_is_refused_and_said_on_both_sides(open_ring: Ring) -> None:
    victim = open_ring.machines[0]
    for words in (("svc", "status"), ("sup", "term", "-r", f"127.0.0.1:{victim.ctl}")):
        refused = victim.hab(*words, check=False, HAB_CTL_SECRET="c2VjcmV0IG9mIHNvbWVib2R5")
        assert refused.code == 1
        assert refused.out == ""
        assert "refused the control secret" in refused.err
        assert "HAB_CTL_SECRET" in refused.err
    sentence(victim, "ControlRefused", lambda text: "secret" in text)
    nobody = victim.hab("svc", "status", "-r", f"127.0.0.1:{victim.http}", check=False)
    assert nobody.code == 1
    assert "Unable to contact the Supervisor" in nobody.err
    assert f"127.0.0.1:{victim.http}" in nobody.err


def test_rings_that_met_others_stay_apart_until_merge_makes_them_one(open_ring: Ring) -> None:
    three = open_ring.machines[:3]
    here, there = three[0].ready().ring_id, "5f0000000badcafe"  # not just assembled: of 2020
    two = mover, other = open_ring.machine(), open_ring.machine()
    began = time.time()
    for machine in two:
        machine.layout.supervisor.mkdir(parents=True)
        (machine.layout.supervisor / "RING_ID").write_bytes(seal(f"{there}\n".encode()))
        machine.start("--permanent-peer", *peers(two), ready=False)
    whole(list(two))
    assert other.ready().ring_id == there
    for words in ((), ("--merge",)):
        mover.launcher.terminate()
        assert mover.wait() == 0
        mover.start("--permanent-peer", *words, *peers([three[0], other]))
        if not words:
            member = mover.ready().member_id
            for machine, ring in ((mover, here), (three[0], there)):
                sentence(machine, "OtherRingMet", lambda text, ring=ring: ring in text)
            assert member not in members(three[0])
            assert len(living(mover)) == 2
    whole([*three, *two])
    assert {machine.ready().ring_id for machine in (*three, *two)} == {there}, "the older id wins"
    for machine in (*three, *two):  # who follows last may be suspected, never confirmed
        assert not [text for text in accusations(machine, since=began) if "silent for" in text]
