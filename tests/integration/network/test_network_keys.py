"""Ring keys on the network: who gets in, and how a ring turns to a new key while it runs."""

from __future__ import annotations

import threading
import time
from typing import Any

from actors.messages.gossip import Claim, JoinRequest
from actors.messages.ring import Dial, DialFailed, FrameRefused, KeysHeld, LinkClosed, Route
from actors.messages.runtime import KillActor
from actors.wire.ringkey import RingKey, format_key

OLD = format_key(RingKey("ring", "20260101000000", b"1" * 32))
NEW = format_key(RingKey("ring", "20260201000000", b"2" * 32))
NEWEST = format_key(RingKey("ring", "20260301000000", b"3" * 32))
OTHER = format_key(RingKey("ring", "20260101000000", b"x" * 32))


def request(world: Any) -> JoinRequest:
    return JoinRequest(Claim(world.member, 0, 1, 1))


def test_members_with_the_same_key_reach_each_other(members: Any, wait: Any) -> None:
    one, two = members.start(keys=OLD), members.start(keys=OLD)
    members.introduce(one, two)
    one.reaches(two, 1)
    two.reaches(one, 1)
    one.send(f"{two.member}/node", KillActor("census"))
    wait(lambda: any(isinstance(envelope.message, KillActor) for envelope in two.got))


def test_a_stranger_cannot_kill_actors_of_a_ring_without_a_key(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    one.send(f"{two.member}/node", KillActor("census"))
    wait(lambda: [event for event in two.events if isinstance(event, FrameRefused)])
    assert two.events == [FrameRefused("door", "127.0.0.1", 1)]
    assert not two.got


def test_no_key_or_another_key_is_turned_away_and_said_on_both_sides(
    members: Any, wait: Any
) -> None:
    keyed = members.start(keys=OLD)
    for keys in ("", OTHER, NEW):
        stranger = members.start(keys=keys)
        stranger.mail(Dial(keyed.network.address, request(stranger)))
        wait(lambda stranger=stranger: stranger.heard(DialFailed))
        assert "turned away" in stranger.heard(DialFailed)[0].reason
        keyed.mail(Route(stranger.member, stranger.network.address))
        wait(
            lambda stranger=stranger: (
                [link for link in keyed.heard(LinkClosed) if link.member == stranger.member]
                or keyed.ping(stranger, 1)
            )
        )
    wait(lambda: [event for event in keyed.events if isinstance(event, FrameRefused)])
    assert {event.reason for event in keyed.events} <= {"handshake", "key"}
    assert not keyed.got


def test_whoever_holds_the_served_key_gets_in_also_by_a_second_try(members: Any, wait: Any) -> None:
    both = members.start(keys=f"{OLD}\n\n\n{NEW}")
    both.mail(Route("f" * 32, "127.0.0.1:9", ("ring-20260101000000",)))  # it holds the ring back
    wait(lambda: both.stats().get("key_turns"))
    for keys in (OLD, f"{OLD}\n\n\n{NEW}"):
        newcomer = members.start(keys=keys, ring="")
        newcomer.mail(Dial(both.network.address, request(newcomer)))
        wait(lambda: both.got)
        both.got.clear()
        assert newcomer.stats().get("turned_away", 0) == (keys != OLD)
        assert not newcomer.heard(DialFailed)


def test_a_ring_turns_to_a_new_key_without_a_lost_probe(members: Any, wait: Any) -> None:
    ring = [members.start(keys=OLD) for _ in range(3)]
    wait(lambda: all(world.heard(KeysHeld) for world in ring))
    members.introduce(*ring, keys=True)
    for one in ring:
        for two in ring:
            if one is not two:
                one.reaches(two, 1)
    stop = threading.Event()
    lost: list[int] = []
    probers = [
        threading.Thread(target=probe, args=(ring[number], ring[number - 1], stop, lost))
        for number in range(3)
    ]
    for prober in probers:
        prober.start()
    try:
        for world in ring:
            members.cache(world, [NEW])
            wait(lambda world=world: len(world.heard(KeysHeld)[-1].keys) == 2, "key noticed")
            members.introduce(*ring, keys=True)
        wait(lambda: all(world.stats().get("key_turns") for world in ring), "key turned")
        threading.Event().wait(0.3)
    finally:
        stop.set()
        for prober in probers:
            prober.join()
    assert not lost
    # A newcomer with the new key alone shows that the ring serves it.
    newcomer = members.start(keys=NEW)
    newcomer.mail(Dial(ring[0].network.address, request(newcomer)))
    wait(lambda: any(isinstance(envelope.message, JoinRequest) for envelope in ring[0].got))


def probe(one: Any, two: Any, stop: threading.Event, lost: list[int]) -> None:
    """Ping each 10 ms; an unanswered ping is retried once after half a probe's timeout."""
    number = 1_000
    while not stop.wait(0.01):
        number += 1
        for _ in range(2):
            one.ping(two, number)
            end = time.monotonic() + 0.4
            while number not in one.acks and time.monotonic() < end:
                threading.Event().wait(0.002)
        if number not in one.acks:
            lost.append(number)


def test_a_revision_older_than_the_newest_two_no_longer_opens_the_door(
    members: Any, wait: Any
) -> None:
    one = members.start(keys=f"{OLD}\n\n\n{NEW}\n\n\n{NEWEST}")
    stranger = members.start(keys=OLD)
    stranger.mail(Dial(one.network.address, request(stranger)))
    wait(lambda: stranger.heard(DialFailed))
    assert not one.got


def test_a_member_that_lacks_the_new_key_holds_the_ring_back(members: Any, wait: Any) -> None:
    ahead, behind = members.start(keys=f"{OLD}\n\n\n{NEW}"), members.start(keys=OLD)
    wait(lambda: ahead.heard(KeysHeld) and behind.heard(KeysHeld))
    members.introduce(ahead, behind, keys=True)
    ahead.reaches(behind, 1)
    behind.reaches(ahead, 2)
