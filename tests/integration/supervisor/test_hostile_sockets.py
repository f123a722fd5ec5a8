"""A supervisor process under attack at its ports: nothing dies, memory stays, the next is served.

`HABRING_FUZZ_FRAMES` frames are sent to each of its ports, 3,000 unless set.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from zmq.utils import z85

sys.path.insert(0, str(Path(__file__).parents[2] / "wire"))
from hostile_frames import Stranger
from supervisor_rig import Machine, eventually

from actors.adapters.control_client import client_socket
from actors.adapters.control_endpoint import Endpoint
from actors.adapters.control_frames import NOBODY
from actors.adapters.curve import pair_of
from actors.messages.control import QuerySupervisor
from actors.messages.envelope import Envelope
from actors.messages.gossip import Ack, Claim, JoinReply, JoinRequest, Ping
from actors.wire import codec
from actors.wire.ringkey import RingKey, format_key, parse
from actors.wire.vocabulary import Door

FRAMES = int(os.environ.get("HABRING_FUZZ_FRAMES", "3000"))
RING = "0123456789abcdef"
PEER = "ab" * 16
KEY = format_key(RingKey("ring", "20260101000000", b"1" * 32))
MEMORY_MB = 64.0
ANSWER_S = 1.0

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01"
NULL = GREETING + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "half a greeting": NULL[:20],
    "a greeting alone": NULL,
    "another mechanism": GREETING + b"PLAIN".ljust(20, b"\0") + bytes(32),
    "an unknown mechanism": GREETING + b"\xff" * 20 + bytes(32),
    "an old protocol": b"\x01\x00\x05hello",
    "half a command": NULL + READY[:9],
    "a lying length": NULL + b"\x06" + (1 << 62).to_bytes(8, "big"),
    "an enormous frame": NULL + READY + b"\x02" + (1 << 40).to_bytes(8, "big") + b"x" * 1000,
    "endless parts": NULL + READY + (b"\x01\xff" + bytes(255)) * 200,
    "ones": b"\xff" * 4096,
}


@pytest.fixture(scope="module", params=["no key", "ring key"])
def attacked(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A supervisor that strangers can reach, without a ring key and with one, and a service."""
    machine = Machine(tmp_path_factory.mktemp("attacked") / "hab")
    words: tuple[str, ...] = ()
    if request.param == "ring key":
        keys = machine.root / "cache" / "keys"
        keys.mkdir(parents=True)
        (keys / "ring-20260101000000.sym.key").write_text(KEY)
        words = ("--ring", "ring")
    machine.start(*words)
    machine.spec("web")
    machine.up("web")
    yield machine
    machine.end()


class Peer:
    """A member of the ring as the supervisor sees it, played by this test."""

    def __init__(self, machine: Machine, *, keyed: bool) -> None:
        info = machine.ready()
        self.machine, self.victim = machine, info.member_id
        self.pid, self.ring = info.supervisor_pid, info.ring_id
        self.context = zmq.Context()
        self.socket = self.dial(keyed=keyed)

    def dial(self, *, keyed: bool) -> Any:
        """A connection to the gossip port."""
        dealer = self.context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.sndtimeo = 10_000
        if keyed:
            pair = pair_of(parse(KEY))
            dealer.curve_publickey, dealer.curve_secretkey = pair.public, pair.secret
            dealer.curve_serverkey = pair.public
        dealer.connect(f"tcp://127.0.0.1:{self.machine.gossip}")
        return dealer

    def join(self) -> None:
        """Become a member, so that the ring has an id."""
        stamp = int(time.time() * 1000) << 16
        claim = Claim(PEER, 0, 1, int(time.time()), address="127.0.0.1:9", stamp=stamp)
        self.say(JoinRequest(claim, self.ring or RING), to="/gossip")
        reply = self.hear(JoinReply, 10.0)
        self.ring = reply.ring_id

    def say(self, message: Any, to: str = "") -> None:
        to = to or f"{self.victim}/gossip"
        self.socket.send(codec.encode(Envelope(to, "gossip", message), PEER, self.ring))

    def hear(self, kind: type[Any], within_s: float) -> Any:
        """The next message of a kind."""
        end = time.monotonic() + within_s
        while (left := end - time.monotonic()) > 0:
            if self.socket.poll(left * 1000):
                for frame in codec.decode_batch(self.socket.recv()):
                    message = codec.decode(frame).envelope.message
                    if isinstance(message, kind):
                        return message
        raise AssertionError(f"no {kind.__name__} within {within_s} s")

    def answered_s(self) -> float:
        """Seconds until a ping is acked."""
        number = secrets.randbelow(1 << 50)
        start = time.monotonic()
        self.say(Ping(number))
        while self.hear(Ack, 5.0).seq != number:
            pass
        return time.monotonic() - start

    def is_heard_again(self, within_s: float) -> None:
        """Ping again and again until one is acked: those that come into a flood are dropped."""
        first = number = secrets.randbelow(1 << 50)
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            number += 1
            self.say(Ping(number))
            with contextlib.suppress(AssertionError):
                while not first < self.hear(Ack, 0.2).seq <= number:
                    pass
                return
        raise AssertionError(f"no ping was acked within {within_s} s")

    def close(self) -> None:
        self.context.destroy(0)


@pytest.fixture
def peer(attacked: Machine, request: Any) -> Iterator[Peer]:
    """A member of the ring; afterwards the supervisor has to be what it was."""
    with contextlib.closing(Peer(attacked, keyed="ring key" in request.node.name)) as peer:
        peer.join()
        before, pids = resident_mb(peer.pid), (peer.pid, attacked.up("web"))
        yield peer
        assert peer.answered_s() < ANSWER_S
        asked = time.monotonic()
        assert attacked.info() is not None
        assert time.monotonic() - asked < ANSWER_S + 1.0, "the control gateway answers"
        assert (attacked.supervisor(), attacked.up("web")) == pids
        assert not attacked.events("ActorFailed")
        assert not attacked.events("ActorKilled")
        assert all(one.restarts == 0 for one in attacked.actors().values())
        assert resident_mb(peer.pid) - before < MEMORY_MB


def test_bytes_that_are_no_zeromq_harm_nobody(attacked: Machine, peer: Peer) -> None:
    with contextlib.ExitStack() as stack:
        for port in (attacked.gossip, attacked.ctl):
            for data in GARBAGE.values():
                stranger = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                with contextlib.suppress(OSError):
                    stranger.sendall(data)
            assert peer.answered_s() < ANSWER_S


def test_many_slow_connections_keep_nobody_out(attacked: Machine, peer: Peer) -> None:
    with contextlib.ExitStack() as stack:
        for port in (attacked.gossip, attacked.ctl):
            for number in range(150):
                slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                slow.sendall(NULL[: 1 + number % 60])
        fresh = Peer(attacked, keyed=peer.socket.mechanism == zmq.CURVE)
        fresh.join()
        assert fresh.answered_s() < ANSWER_S
        assert attacked.info() is not None
        fresh.close()


@pytest.mark.parametrize("client", ["NULL", "PLAIN", "CURVE of another key", "CURVE of no key"])
def test_who_cannot_prove_the_key_is_not_heard(attacked: Machine, peer: Peer, client: str) -> None:
    """Without a ring key the gossip port takes NULL alone; control never does."""
    public, secret = zmq.curve_keypair()
    for port in (attacked.gossip, attacked.ctl):
        if port == attacked.gossip and client == "NULL" and peer.socket.mechanism == zmq.NULL:
            continue
        dealer = peer.context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.immediate = True
        if client == "PLAIN":
            dealer.plain_username, dealer.plain_password = b"root", b"x" * 255
        elif client.startswith("CURVE"):
            dealer.curve_publickey, dealer.curve_secretkey = public, secret
            known = pair_of(parse(KEY)).public
            dealer.curve_serverkey = known if "another" in client else z85.encode(bytes(32))
        dealer.connect(f"tcp://127.0.0.1:{port}")
        assert not dealer.poll(250, zmq.POLLOUT), "no frame leaves: the handshake fails"
        dealer.close(0)


def test_absurd_frames_of_a_member_harm_nobody(attacked: Machine, peer: Peer) -> None:
    keyed = peer.socket.mechanism == zmq.CURVE
    door = Door.KEYED if keyed else Door.OPEN
    members = {peer.victim: f"127.0.0.1:{attacked.gossip}", PEER: "127.0.0.1:9"}
    stranger = Stranger(1, peer.victim, members, peer.ring)
    stranger.wall_s = time.time()
    for _ in range(FRAMES):
        peer.socket.send(stranger.frame(door))
    for deep in (b"\x91" * 900_000 + b"\xc0", b"\x81\xa1a" * 300_000 + b"\xc0", bytes(1_000_000)):
        peer.socket.send(deep)
    peer.socket.send_multipart([b"a", b"b", b"c"])
    peer.answered_s()  # everything sent before it has been handled
    reasons = {event.fields["reason"] for event in attacked.events("FrameRefused")}
    assert {"door", "type", "ticket", "multipart"} <= reasons
    stale = peer.dial(keyed=keyed)
    stale.send(bytes(2 << 20))  # beyond the limit: it is cut off
    stale.close(0)


def test_a_flood_of_valid_frames_is_dropped_at_the_edge(attacked: Machine, peer: Peer) -> None:
    ping = codec.encode(Envelope(f"{peer.victim}/gossip", "gossip", Ping(1)), PEER, peer.ring)
    piece = codec.encode_batch([ping] * codec.MAX_BATCH_FRAMES)
    for _ in range(max(40, FRAMES * 4 // codec.MAX_BATCH_FRAMES)):
        peer.socket.send(piece)
    peer.is_heard_again(10.0)
    assert attacked.events("FrameRefused"), "what came too fast is told of"


def test_absurd_requests_of_an_operator_harm_nobody(attacked: Machine, peer: Peer) -> None:
    secret = attacked.layout.secret.read_text().strip()
    stranger = Stranger(2, NOBODY, {}, "")
    with zmq.Context() as context:
        at = Endpoint(f"127.0.0.1:{attacked.ctl}")
        dealer = client_socket(context, at, secret, 5.0)
        dealer.sndtimeo = 10_000
        dealer.connect(at.url)
        for _ in range(FRAMES):
            dealer.send(stranger.mutated(stranger.absurd(Door.CONTROL)))
        dealer.send(b"\x91" * 900_000 + b"\xc0")
        question = Envelope("/control", "x", QuerySupervisor(), id="last")
        dealer.send(codec.encode(question, NOBODY))
        eventually("the question behind it is answered", lambda: hears(dealer, "last"), 20.0)
        dealer.close(0)
    eventually("it says what it refused", lambda: attacked.events("ControlRefused"))


def hears(dealer: Any, answers: str) -> bool:
    """Whether an answer to `answers` is there."""
    while dealer.poll(50):
        data = dealer.recv()
        if data and codec.decode(data).envelope.answers == answers:
            return True
    return False


def resident_mb(pid: int) -> float:
    """Memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
