"""Strangers at the gossip port: what they send costs counters and events, and nothing else."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any

import zmq

from actors.messages.envelope import Envelope
from actors.messages.gossip import Ack
from actors.messages.ring import FrameRefused
from actors.messages.service import QueryServices
from actors.wire import codec
from actors.wire.ringkey import RingKey, format_key

RING = "00112233445566ff"
PEER = "ab" * 16
KEY = format_key(RingKey("ring", "20260101000000", b"1" * 32))

# ZMTP 3.1: a greeting for the NULL mechanism, and its READY command of a DEALER.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def frame(message: Any, to: str, ring: str = RING) -> bytes:
    return codec.encode(Envelope(to, "gossip", message), PEER, ring)


def test_ten_thousand_malformed_frames_and_then_a_valid_one(members: Any, wait: Any) -> None:
    one = members.start()
    valid = frame(Ack(7), f"{one.member}/gossip")
    chance = random.Random(1)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.connect(f"tcp://{one.network.address}")
        for _ in range(10_000):
            data = bytearray(valid)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            stranger.send(bytes(data[: chance.randrange(len(data) + 1)]))
        stranger.send(frame(Ack(8), f"{one.member}/gossip", "ff" * 8))
        stranger.send(frame(Ack(9), "cd" * 16 + "/gossip"))
        stranger.send(frame(QueryServices(), f"{one.member}/control"))
        stranger.send_multipart([valid, valid, valid])
        stranger.send(frame(Ack(12_345), f"{one.member}/gossip"))
        wait(lambda: any(envelope.message == Ack(12_345) for envelope in one.got))
    stats = one.stats()
    for reason in ("truncated", "format", "type", "ring", "addressee", "door", "multipart"):
        assert stats[f"refused_{reason}"], reason
    assert "errors" not in stats
    refused = [event for event in one.events if isinstance(event, FrameRefused)]
    assert 5 < len(refused) < 20, "each reason is said once, not ten thousand times"
    assert {event.peer for event in refused} == {"127.0.0.1"}


def test_a_frame_beyond_the_limit_cuts_the_stranger_off(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    with raw_client(one.network.address) as stranger:
        stranger.sendall(b"\x02" + (1 << 40).to_bytes(8, "big"))
        assert stranger.recv(1) == b"", "it is cut off"
    members.introduce(one, two)
    two.reaches(one, 1)


def test_an_unfinished_multipart_never_starts_at_a_keyed_port(members: Any, wait: Any) -> None:
    keyed = members.start(keys=KEY)
    before = resident_bytes()
    host, port = keyed.network.address.split(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=2) as stranger:
        try:
            stranger.sendall(GREETING + READY)
            while sent < 200 << 20:
                sent += stranger.send(b"\x01\xff" + bytes(255))
        except OSError:
            pass
    assert sent < 8 << 20, "cut off at the handshake"
    assert resident_bytes() - before < 32 << 20
    two = members.start(keys=KEY)
    members.introduce(keyed, two)
    two.reaches(keyed, 1)


def test_an_unfinished_multipart_reaches_no_actor_and_stops_nobody(members: Any, wait: Any) -> None:
    one, two = members.start(), members.start()
    with raw_client(one.network.address) as stranger:
        stranger.sendall((b"\x01\xff" + bytes(255)) * 10_000)
        members.introduce(one, two)
        two.reaches(one, 1)
    assert all(envelope.sender.startswith(two.member) for envelope in one.got)


def test_a_stranger_that_changes_its_mind_mid_handshake_is_cut_off(members: Any, wait: Any) -> None:
    one = members.start()
    host, port = one.network.address.split(":")
    for start in (b"", b"GET / HTTP/1.1\r\n\r\n", GREETING[:20], GREETING, b"\xff" * 64):
        with socket.create_connection((host, int(port)), timeout=5) as stranger:
            stranger.sendall(start)
            wait(lambda stranger=stranger: at_end(stranger), "cut off", within_s=6)


def test_a_recorded_frame_replayed_later_is_only_an_old_claim(members: Any, wait: Any) -> None:
    """It is delivered again without a key; nothing but the merge rules stand behind it."""
    one = members.start()
    valid = frame(Ack(7), f"{one.member}/gossip")
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.connect(f"tcp://{one.network.address}")
        stranger.send(valid)
        stranger.send(valid)
        wait(lambda: len(one.got) == 2)
    assert one.got[0] == one.got[1]


def raw_client(address: str) -> socket.socket:
    """A TCP client that has finished ZMTP's NULL handshake."""
    host, port = address.split(":")
    client = socket.create_connection((host, int(port)), timeout=5)
    client.sendall(GREETING + READY)
    received = b""
    while len(received) < 64 + 30:
        received += client.recv(200)
    return client


def at_end(client: socket.socket) -> bool:
    """Whether the other side has closed the connection."""
    client.settimeout(0.05)
    try:
        return client.recv(4_096) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def resident_bytes() -> int:
    """Memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    return 0
