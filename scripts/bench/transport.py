"""What the ring's transport costs: ours beside raw pyzmq + msgpack, in one run, on loopback.

Run as `python scripts/bench/transport.py [--quick]`. Two processes each; one message of about 200
bytes: round trips one at a time, many under way at once, and one way until all are counted. Raw is
DEALER/ROUTER with `packb`/`unpackb` and nothing else. Rounds alternate; each figure is a median,
and a ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import msgpack
import zmq

from actors.adapters.keys import KeyCache, RingKeys
from actors.adapters.network import NetworkOptions, ZmqNetwork
from actors.messages.envelope import Envelope, Ticket
from actors.messages.events import QueryEvents
from actors.messages.ring import RingChosen, Route
from actors.messages.runtime import CallFailed

Measured: TypeAlias = dict[str, float]

RING = "00112233445566ff"
HERE, THERE = "a" * 32, "b" * 32
PAYLOAD = "x" * 160
TICKET = Ticket(f"{HERE}/x", "1")
WINDOW = 500  # calls under way at once
OPTIONS = NetworkOptions(outbox_frames=1 << 20, outbox_bytes=1 << 30, deadline_s=60.0)


class World:
    """The least a network needs: deliveries go to `on_frame`."""

    ring_id = ""

    def __init__(self, member: str, on_frame: Callable[[Envelope], None]) -> None:
        self.member = member
        self.deliver = on_frame
        self._ticks = count(1)
        self._port: Callable[[Envelope], None] = on_frame

    def undeliverable(self, _envelope: Envelope, reason: str) -> None:
        """Nothing may get lost here."""
        raise AssertionError(reason)

    def tell(self, *_args: object, **_fields: object) -> None:
        """Nobody listens."""

    def register_port(self, _path: str, handler: Callable[[Envelope], None]) -> None:
        """There is one port."""
        self._port = handler

    def emit(self, *_args: object) -> str:
        """Nobody reads."""
        return ""

    def hlc_now(self) -> int:
        """One more."""
        return next(self._ticks)

    def hlc_merge(self, remote: int) -> int:
        """No clock to speak of."""
        return remote

    def join(self, member: str, address: str) -> None:
        """Be in one ring with `member`."""
        for message in (RingChosen(RING), Route(member, address)):
            self._port(Envelope("port/net", "gossip", message))


def keys(directory: str) -> RingKeys | None:
    """The ring keys in a directory; none for no directory."""
    return RingKeys(KeyCache(directory), "bench") if directory else None


def serve_ours(pipe: Connection, address: str, directory: str) -> None:
    """The other process: answer calls, count what wants no answer."""
    seen = 0

    def on_frame(envelope: Envelope) -> None:
        nonlocal seen
        ticket, message = envelope.ticket, envelope.message
        assert isinstance(message, QueryEvents)
        seen += 1
        if ticket is not None:
            world.network.send(
                Envelope(
                    ticket.address,
                    "events",
                    CallFailed("Refused", message.actor),
                    hlc=world.hlc_now(),
                    answers=ticket.call,
                )
            )

    world: Any = World(THERE, on_frame)
    world.network = ZmqNetwork(world, "127.0.0.1:0", keys(directory), OPTIONS)
    world.join(HERE, address)
    pipe.send(world.network.address)
    pipe.recv()
    world.network.close()


class Ours:
    """Calls through two networks."""

    def __init__(self, directory: str) -> None:
        self.world: Any = World(HERE, self._arrived)
        # A free port is known once it is bound, so this side binds first.
        self.world.network = ZmqNetwork(self.world, "127.0.0.1:0", keys(directory), OPTIONS)
        self._pipe, other = multiprocessing.Pipe()
        self._child = multiprocessing.Process(
            target=serve_ours, args=(other, self.world.network.address, directory), daemon=True
        )
        self._child.start()
        self.world.join(THERE, self._pipe.recv())
        self._answered = threading.Semaphore(0)
        self.call()

    def _arrived(self, _envelope: Envelope) -> None:
        self._answered.release()

    def _send(self, ticket: Ticket | None) -> None:
        # A message and an answer that pass with and without a ring key.
        self.world.network.send(
            Envelope(
                f"{THERE}/events",
                "x",
                QueryEvents(PAYLOAD),
                hlc=self.world.hlc_now(),
                ticket=ticket,
            )
        )

    def call(self) -> None:
        """One round trip."""
        self._send(TICKET)
        self._answered.acquire()

    def pipeline(self, calls: int) -> None:
        """`calls` round trips, many under way."""
        for number in range(calls):
            if number >= WINDOW:
                self._answered.acquire()
            self._send(TICKET)
        for _ in range(min(calls, WINDOW)):
            self._answered.acquire()

    def one_way(self, messages: int) -> None:
        """`messages` without an answer, until the other side has counted all."""
        for _ in range(messages - 1):
            self._send(None)
        self._send(TICKET)
        self._answered.acquire()

    def close(self) -> None:
        """End the other process, and this side."""
        self._pipe.send("end")
        self._child.join()
        self.world.network.close()


def serve_raw(pipe: Connection) -> None:
    """The other process of the raw contender."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.linger = 0
        router.rcvhwm = router.sndhwm = 100_000
        pipe.send(router.bind_to_random_port("tcp://127.0.0.1"))
        while True:
            route, data = router.recv_multipart()
            message = msgpack.unpackb(data)
            match message["method"]:
                case "echo" | "last":
                    router.send_multipart([route, msgpack.packb({"call": 1, "value": PAYLOAD})])
                case "end":
                    return


class Raw:
    """A DEALER and a dict."""

    def __init__(self) -> None:
        self._pipe, other = multiprocessing.Pipe()
        self._child = multiprocessing.Process(target=serve_raw, args=(other,), daemon=True)
        self._child.start()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.sndhwm = self._socket.rcvhwm = 100_000
        self._socket.connect(f"tcp://127.0.0.1:{self._pipe.recv()}")
        self.call()

    def _send(self, method: str) -> None:
        message = {"call": 1, "to": "events", "method": method, "args": PAYLOAD}
        self._socket.send(msgpack.packb(message))

    def _answer(self) -> None:
        msgpack.unpackb(self._socket.recv())

    def call(self) -> None:
        """One round trip."""
        self._send("echo")
        self._answer()

    def pipeline(self, calls: int) -> None:
        """`calls` round trips, many under way."""
        for number in range(calls):
            if number >= WINDOW:
                self._answer()
            self._send("echo")
        for _ in range(min(calls, WINDOW)):
            self._answer()

    def one_way(self, messages: int) -> None:
        """`messages` without an answer, until the other side has counted all."""
        for _ in range(messages - 1):
            self._send("note")
        self._send("last")
        self._answer()

    def close(self) -> None:
        """End the other process, and this side."""
        self._send("end")
        self._child.join()
        self._context.destroy(0)


def measured(contender: Ours | Raw, scale: int) -> Measured:
    """One round of all three measurements."""
    times: list[float] = []
    for _ in range(scale // 10):
        began = time.perf_counter()
        contender.call()
        times.append(time.perf_counter() - began)
    ordered = sorted(times)
    began = time.perf_counter()
    contender.pipeline(scale)
    piped = time.perf_counter() - began
    began = time.perf_counter()
    contender.one_way(scale * 2)
    sent = time.perf_counter() - began
    return {
        "rtt p50 us": ordered[len(ordered) // 2] * 1e6,
        "rtt p99 us": ordered[len(ordered) * 99 // 100] * 1e6,
        "pipelined /s": scale / piped,
        "one way /s": scale * 2 / sent,
    }


def main() -> None:
    """Measure and print the table."""
    multiprocessing.set_start_method("spawn")  # threads and sockets do not survive a fork
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages, 3 rounds")
    quick = parser.parse_args().quick
    scale, rounds = (2_000, 3) if quick else (20_000, 5)
    with TemporaryDirectory() as directory:
        KeyCache(Path(directory)).generate("bench", time.time())
        contenders: dict[str, Ours | Raw] = {
            "raw pyzmq + msgpack": Raw(),
            "habring": Ours(""),
            "habring, ring key": Ours(directory),
        }
        results: dict[str, list[Measured]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                results[name].append(measured(contender, scale))
        for contender in contenders.values():
            contender.close()
    report(results)


def report(results: dict[str, list[Measured]]) -> None:
    """Medians, and how many times raw's each is."""
    raw = next(iter(results.values()))
    columns = list(raw[0])
    print(f"{'':22}" + "".join(f"{column:>20}" for column in columns))
    for name, rounds in results.items():
        cells = []
        for column in columns:
            median = statistics.median(one[column] for one in rounds)
            ratio = statistics.median(
                one[column] / other[column] for one, other in zip(rounds, raw, strict=True)
            )
            cells.append(f"{median:>12,.0f} {ratio:>5.2f} x")
        print(f"{name:22}" + "".join(cells))


if __name__ == "__main__":
    main()
