"""Strangers' frames through the whole tree of a supervisor: no actor dies of any of them.

A ring of three simulated supervisors, the very actors and the very codec and admission of the real
ones; frames come in the name of its members and of nobody. `HABRING_FUZZ_FRAMES` is how many for
each door: 4,000 unless set; 1,000,000 by hand before a release, about ten minutes.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile_frames import ELECTION, Stranger

from actors.messages.election_events import LeaderElected
from actors.messages.envelope import Envelope
from actors.messages.gossip import Ack, Ping
from actors.messages.ring import FrameRefused, Members, QueryMembers
from actors.messages.runtime import ActorFailed, ActorKilled, ActorList, ListActors
from actors.messages.service import Accepted, LoadService, ServiceSpec
from actors.messages.simulation import SupervisorGone
from actors.simulation.machine import Machine
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor
from actors.wire import codec
from actors.wire.vocabulary import Door

FRAMES = int(os.environ.get("HABRING_FUZZ_FRAMES", "4000"))
SEED = int(os.environ.get("HABRING_FUZZ_SEED", "20261124"))
BURST = 50  # frames that arrive at one instant
PING = 77  # number of the valid frame
ANSWER_S = 1.0  # of the victim, to a valid frame after all that


def formed(seed: str, *, keyed: bool) -> Ring:
    """A ring of three."""
    ring = Ring(seed, keyed=keyed)
    for number in range(3):
        seeds = tuple(ring.address(other) for other in range(3) if other != number)
        ring.add(supervisor(seeds, permanent=True, keyed=keyed)).start()
    ring.run_for(15.0)
    return ring


def alive(ring: Ring, machine: Machine) -> set[str]:
    """Members that a machine thinks alive."""
    told = ring.ask(machine, "gossip", QueryMembers())
    assert isinstance(told, Members), told
    return {view.member.id for view in told.members if view.health == "alive"}


def resident_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize("door", [Door.OPEN, Door.KEYED], ids=["no key", "ring key"])
def test_no_frame_of_a_stranger_kills_an_actor(door: Door) -> None:
    ring = formed(f"hostile:{SEED}", keyed=door is Door.KEYED)
    victim, *others = ring.machines
    assert victim.supervisor is not None
    world, network = victim.supervisor.world, victim.supervisor.network
    members = {machine.member: machine.address for machine in ring.machines}
    stranger = Stranger(SEED + door, victim.member, members, world.ring_id)
    assert alive(ring, victim) == set(members)
    spec = ServiceSpec("core/redis", topology="leader")
    for machine in ring.machines:  # so that there is an electorate, and somebody leads
        loaded = ring.ask(machine, "specs", LoadService(spec, wait=False))
        assert isinstance(loaded, Accepted), loaded
    ring.run_for(15.0)
    assert ELECTION in world.cells
    assert any(isinstance(logged.event, LeaderElected) for logged in ring.log.events)
    began = len(ring.log.events)
    memory: list[float] = []
    seen: Counter[str] = Counter()
    for number in range(0, FRAMES, BURST):
        stranger.wall_s = world.clock.wall()
        for _ in range(BURST):
            frame = stranger.frame(door)
            for piece in pieces(frame):
                network.arrive(piece, others[number % 2].address)
        ring.run_for(0.02)
        if number * 10 % FRAMES < BURST * 10:
            memory.append(resident_mb())
        for logged in ring.log.events[began:]:
            seen[type(logged.event).__name__] += 1
            dead = isinstance(logged.event, (ActorFailed, ActorKilled, SupervisorGone))
            assert not dead, f"after {number} frames: {logged.event}"
        ring.log.sha256()
        del ring.log.events[began:]
        ring.log._hashed = began
    ring.run_for(60.0)  # what was refused is told of each ten seconds
    seen.update(type(logged.event).__name__ for logged in ring.log.events[began:])
    assert seen[FrameRefused.__name__]
    assert answers(ring, victim, others[0], world.ring_id) <= ANSWER_S
    for machine in ring.machines:
        assert alive(ring, machine) >= set(members), "the ring is whole"
    actors = ring.ask(victim, "node", ListActors())
    assert isinstance(actors, ActorList)
    assert all(one.restarts == 0 and one.mailbox == 0 for one in actors.actors), actors
    if FRAMES >= 100_000:
        said = f"\n{door.name}: memory {memory[0]:.0f} -> {memory[-1]:.0f} MB; {dict(seen)}\n"
        sys.stderr.write(said)
        assert memory[-1] - memory[len(memory) // 2] < 100, memory


def pieces(frame: bytes) -> list[bytes]:
    """The frames in a piece, or the piece itself if it is broken."""
    try:
        return codec.decode_batch(frame)
    except codec.WireError:
        return [frame]


def answers(ring: Ring, victim: Machine, other: Machine, ring_id: str) -> float:
    """Seconds until the victim acks a ping that `other` sends."""
    assert victim.supervisor is not None
    assert other.supervisor is not None
    heard: list[float] = []
    deliver = other.supervisor.world.deliver

    def listen(envelope: Envelope) -> str:
        if isinstance(envelope.message, Ack) and envelope.message.seq == PING:
            heard.append(ring.scheduler.now_s)
        return deliver(envelope)

    other.supervisor.world.deliver = listen  # type: ignore[method-assign]
    ping = Envelope(f"{victim.member}/gossip", "gossip", Ping(PING))
    start = ring.scheduler.now_s
    victim.supervisor.network.arrive(codec.encode(ping, other.member, ring_id), other.address)
    ring.run_until(lambda: bool(heard), ANSWER_S)
    assert heard, "a valid frame was not answered"
    return heard[0] - start
