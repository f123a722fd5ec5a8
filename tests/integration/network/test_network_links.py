"""Members reach each other over real sockets, and lose each other as they should."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from actors.adapters.network import NetworkOptions, ZmqNetwork
from actors.errors import HostError
from actors.messages.envelope import Ticket
from actors.messages.gossip import Ack, Claim, JoinReply, JoinRequest, Ping
from actors.messages.ring import Dial, DialFailed, LinkClosed, Route, Unroute
from actors.messages.runtime import ListActors, WatchActor

NOBODY = "e" * 32


def dead_address() -> str:
    """An address where nobody listens (and none will: it was just free)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def request(world: Any) -> JoinRequest:
    return JoinRequest(Claim(world.member, 0, 1, 1))


def test_pings_are_acked_in_both_directions(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    for number in range(20):
        one.ping(two, number)
        two.ping(one, number)
    wait(lambda: len(one.acks) == len(two.acks) == 20)
    assert not one.events + two.events


def test_frames_arrive_in_order_and_many_travel_together(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    two.network, network = None, two.network  # it only listens
    try:
        one.mail(Route(two.member, network.address))
        for number in range(3_000):
            one.send(f"{two.member}/gossip", Ack(number))
        wait(lambda: len(two.got) == 3_000)
        assert [envelope.message.seq for envelope in two.got] == list(range(3_000))
        assert two.got[0].sender == f"{one.member}/gossip"
    finally:
        two.network = network


def test_an_ack_finds_its_way_to_a_member_without_a_route(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    one.mail(Route(two.member, two.network.address))
    one.ping(two, 1)
    wait(lambda: 1 in one.acks)
    assert two.stats()["links"] == 0


def test_a_join_reaches_a_seed_and_its_answer_comes_back(members: Any, wait: Any) -> None:
    newcomer, seed = members.start(ring=""), members.start()
    newcomer.mail(Dial(seed.network.address, request(newcomer)))
    wait(lambda: seed.got)
    assert seed.got[0].message == request(newcomer)
    seed.send(f"{newcomer.member}/gossip", JoinReply(Claim(seed.member, 0, 1, 1)))
    wait(lambda: newcomer.got)
    assert not newcomer.heard(DialFailed)


def test_a_seed_is_resolved_by_name(members: Any, wait: Any) -> None:
    newcomer, seed = members.start(ring=""), members.start()
    port = seed.network.address.rpartition(":")[2]
    newcomer.mail(Dial(f"localhost:{port}", request(newcomer)))
    wait(lambda: seed.got)


@pytest.mark.parametrize("seed", ["no-such-host.invalid", "host:0", "host:99999", "a:b:c", "", "["])
def test_a_seed_that_is_no_address_is_reported_once(seed: str, members: Any, wait: Any) -> None:
    newcomer = members.start(ring="")
    newcomer.mail(Dial(seed, request(newcomer)))
    wait(lambda: newcomer.heard(DialFailed), within_s=30)
    assert [failed.seed for failed in newcomer.heard(DialFailed)] == [seed]


def test_a_seed_where_nobody_listens_is_reported_once(members: Any, wait: Any) -> None:
    newcomer, address = members.start(ring=""), dead_address()
    newcomer.mail(Dial(address, request(newcomer)))
    wait(lambda: newcomer.heard(DialFailed))
    newcomer.mail(Dial(address, request(newcomer)))
    wait(lambda: len(newcomer.heard(DialFailed)) == 2)
    assert newcomer.stats()["links"] == 0


def test_our_own_address_among_the_seeds_is_no_offence(members: Any, wait: Any) -> None:
    one = members.start(ring="")
    one.mail(Dial(one.network.address, request(one)))
    wait(lambda: one.stats().get("refused_own"))
    assert not one.got + one.events


def test_what_cannot_be_sent_in_time_goes_back_to_who_waits(members: Any, wait: Any) -> None:
    one = members.start(options=NetworkOptions(deadline_s=0.1, asking_deadline_s=0.2))
    one.mail(Route(NOBODY, dead_address()))
    one.send(f"{NOBODY}/node", ListActors(), ticket=Ticket("x", "1"))
    one.send(f"{NOBODY}/gossip", Ping(1))
    wait(lambda: one.lost)
    wait(lambda: one.stats()["late"] == 2)
    assert [envelope.ticket for envelope, _ in one.lost] == [Ticket("x", "1")]
    wait(lambda: one.heard(LinkClosed))
    assert one.heard(LinkClosed)[0].member == NOBODY


def test_without_a_route_a_question_comes_back_at_once(members: Any, wait: Any) -> None:
    one = members.start()
    one.send(f"{NOBODY}/node", ListActors(), ticket=Ticket("x", "1"))
    wait(lambda: one.lost)
    one.mail(Route(NOBODY, dead_address()))
    one.send(f"{NOBODY}/node", ListActors(), ticket=Ticket("x", "2"))
    one.mail(Unroute(NOBODY))
    wait(lambda: len(one.lost) == 2)


def test_a_peer_that_comes_back_is_reached_again(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    one.reaches(two, 1)
    address = two.network.address
    two.network.close()
    wait(lambda: one.heard(LinkClosed))
    back = members.start(listen=address, member=two.member)
    one.reaches(back, 2)


def test_the_port_is_free_at_once(members: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    one.reaches(two, 1)
    two.reaches(one, 1)
    began = time.monotonic()
    for _ in range(5):
        address = two.network.address
        two.network.close()
        two.network = ZmqNetwork(two, address)
    assert time.monotonic() - began < 2.0


def test_an_address_in_use_is_an_error_of_this_host(members: Any) -> None:
    one = members.start()
    with pytest.raises(HostError, match="in use"):
        members.start(listen=one.network.address)
    with pytest.raises(HostError):
        members.start(listen="203.0.113.1:1")


def test_a_newcomer_on_a_dead_members_address_is_not_counted_as_the_dead(
    members: Any, wait: Any
) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    one.reaches(two, 1)
    address = two.network.address
    two.network.close()
    newcomer = members.start(listen=address, member="9" * 32)
    one.ping(two, 2)
    wait(lambda: newcomer.stats().get("refused_addressee") or one.ping(two, 2))
    assert not newcomer.got
    assert 2 not in one.acks


def test_a_peer_that_hangs_is_noticed_and_does_not_hold_up_the_others(
    members: Any, wait: Any
) -> None:
    one, two = members.start(), members.start()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "c" * 32], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        one.mail(Route("c" * 32, child.stdout.readline().strip()))
        members.introduce(one, two)
        one.send("c" * 32 + "/gossip", Ping(1))
        wait(lambda: one.stats().get("sent_frames"))
        os.kill(child.pid, signal.SIGSTOP)
        began = time.monotonic()
        number = 100
        while not one.heard(LinkClosed):
            one.send("c" * 32 + "/gossip", Ping(1))
            number += 1
            one.ping(two, number)
            wait(lambda number=number: number in one.acks, within_s=0.5)
            assert time.monotonic() - began < 10
        assert one.heard(LinkClosed)[0].member == "c" * 32
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


CHILD = """
import sys, threading
from actors.adapters.network import ZmqNetwork
class World:
    member = sys.argv[1]
    deliver = undeliverable = register_port = emit = lambda *a: None
    tell = lambda *a, **k: None
    hlc_now = hlc_merge = lambda *a: 0
print(ZmqNetwork(World(), "127.0.0.1:0").address, flush=True)
threading.Event().wait(60)
"""


def test_a_slow_reader_costs_a_bounded_outbox_and_nobody_else(members: Any, wait: Any) -> None:
    one, two = members.start(options=NetworkOptions(outbox_bytes=1 << 20)), members.start()
    members.introduce(one, two)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never says a word
        one.mail(Route(NOBODY, f"127.0.0.1:{deaf.getsockname()[1]}"))
        for _ in range(300):
            one.send(f"{NOBODY}/node", WatchActor("x" * 10_000, "y"))
        one.reaches(two, 1, within_s=1)
        wait(lambda: one.stats()["overflowed"] > 100)
        wait(lambda: one.stats()["waiting"] == 0)


def test_connections_are_bounded_and_six_hundred_peers_are_all_reached(
    members: Any, wait: Any
) -> None:
    one = members.start(options=NetworkOptions(max_links=8, deadline_s=20.0))
    others = [members.start(member=f"{number:032x}") for number in range(1, 25)]
    for number in range(600):
        other = others[number % len(others)]
        one.mail(Route(other.member, other.network.address))
        one.ping(other, number)
        wait(lambda number=number: number in one.acks)
        assert one.stats()["links"] <= 8
    assert one.stats()["evicted"] > 500


def test_six_hundred_inbound_connections_leave_room_for_work(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)
    host, port = one.network.address.split(":")
    strangers = [socket.create_connection((host, int(port))) for _ in range(600)]
    try:
        wait(lambda: one.stats()["inbound"] >= 200, "accepted, as far as not cut off yet")
        two.reaches(one, 1, within_s=5)
        wait(lambda: one.stats()["inbound"] <= 2, "silent strangers are cut off")
    finally:
        for stranger in strangers:
            stranger.close()


def test_senders_on_many_threads_lose_nothing(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    members.introduce(one, two)

    def send(base: int) -> None:
        for number in range(base, base + 500):
            one.send(f"{two.member}/gossip", Ack(number))

    threads = [threading.Thread(target=send, args=(base,)) for base in range(0, 4_000, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait(lambda: len(two.acks) == 4_000)
