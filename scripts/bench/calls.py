"""What an actor call costs: round trip, pipelined, one way; beside raw pyzmq + msgpack, and Ray.

Run as `python scripts/bench/calls.py [--quick]`. All contenders run one after the other in one run,
on loopback or a socket file, with a payload of 200 bytes; each row is the median of three rounds.
"Gateway" is the way of a driver in another process: driver → control gateway → actors → host.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import zmq

import actors

PAYLOAD = "x" * 180
ROUNDS = 3


@actors.remote
class Echo:
    """Gives back what it gets, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def echo(self, value: str) -> str:
        """The value again."""
        return value

    def note(self, _value: str) -> None:
        """Count one."""
        self.count += 1

    def counted(self) -> int:
        """How many notes came."""
        return self.count


class Contender:
    """One way to call: a round trip, many at once, and messages without an answer."""

    def __init__(
        self,
        name: str,
        call: Callable[[], None],
        pipeline: Callable[[int], None],
        one_way: Callable[[int], None],
    ) -> None:
        self.name = name
        self.call = call
        self.pipeline = pipeline
        self.one_way = one_way

    def measure(self, calls: int) -> str:
        """One line of the table."""
        p50s, p99s, piped, ways = [], [], [], []
        for _ in range(ROUNDS):
            times = []
            for _ in range(calls // 5):
                began = time.perf_counter()
                self.call()
                times.append(time.perf_counter() - began)
            times.sort()
            p50s.append(times[len(times) // 2] * 1e6)
            p99s.append(times[len(times) * 99 // 100] * 1e6)
            piped.append(calls / _timed(self.pipeline, calls))
            ways.append(2 * calls / _timed(self.one_way, 2 * calls))
        middle = statistics.median
        return (
            f"{self.name:34} {middle(p50s):8.0f} {middle(p99s):8.0f} "
            f"{middle(piped):12,.0f} {middle(ways):12,.0f}"
        )


def _timed(run: Callable[[int], None], calls: int) -> float:
    began = time.perf_counter()
    run(calls)
    return time.perf_counter() - began


def raw_server(endpoint: str) -> None:
    """Answer each request; "n" counts, "c" tells the count and begins anew."""
    router = zmq.Context().socket(zmq.ROUTER)
    router.rcvhwm = router.sndhwm = 0
    router.bind(endpoint)
    count = 0
    while True:
        routing, data = router.recv_multipart()
        call, method, value = msgpack.unpackb(data)
        if method == "n":
            count += 1
            continue
        if method == "c":
            value, count = count, 0
        router.send_multipart([routing, msgpack.packb([call, value])])


def raw(endpoint: str) -> Contender:
    """DEALER and ROUTER with msgpack, nothing else."""
    dealer = zmq.Context().socket(zmq.DEALER)
    dealer.rcvhwm = dealer.sndhwm = 0
    dealer.linger = 0
    dealer.connect(endpoint)

    def call() -> None:
        dealer.send(msgpack.packb([1, "e", PAYLOAD]))
        msgpack.unpackb(dealer.recv())

    def pipeline(calls: int) -> None:
        for number in range(calls):
            dealer.send(msgpack.packb([number, "e", PAYLOAD]))
        for _ in range(calls):
            msgpack.unpackb(dealer.recv())

    def one_way(calls: int) -> None:
        for number in range(calls):
            dealer.send(msgpack.packb([number, "n", PAYLOAD]))
        dealer.send(msgpack.packb([0, "c", None]))
        assert msgpack.unpackb(dealer.recv())[1] == calls

    return Contender("raw pyzmq + msgpack", call, pipeline, one_way)


def habring(name: str, echo: actors.ActorHandle) -> Contender:
    """This package, by whatever connection the program has."""

    def call() -> None:
        actors.get(echo.echo.remote(PAYLOAD))

    def pipeline(calls: int) -> None:
        actors.get([echo.echo.remote(PAYLOAD) for _ in range(calls)], timeout=120)

    def one_way(calls: int) -> None:
        before = actors.get(echo.counted.remote())
        for _ in range(calls):
            echo.note.tell(PAYLOAD)
        assert actors.get(echo.counted.remote(), timeout=120) == before + calls

    return Contender(name, call, pipeline, one_way)


def ray_contender() -> Contender:
    """Ray, with the settings of its smallest useful cluster."""
    import ray  # type: ignore[import-not-found,import-untyped,unused-ignore]

    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100_000_000)
    echo = ray.remote(Echo.__remote_class__).remote()

    def one_way(calls: int) -> None:
        before = ray.get(echo.counted.remote())
        for _ in range(calls):
            echo.note.remote(PAYLOAD)
        assert ray.get(echo.counted.remote()) == before + calls

    return Contender(
        "Ray",
        lambda: ray.get(echo.echo.remote(PAYLOAD)),
        lambda calls: ray.get([echo.echo.remote(PAYLOAD) for _ in range(calls)]),
        one_way,
    )


def through_gateway(calls: int) -> None:
    """Be the driver in another process: `--gateway` with address and handle in the environment."""
    actors.init(os.environ["BENCH_ADDRESS"], secret=os.environ["BENCH_SECRET"])
    echo = actors.get_actor("echo")
    print(habring("habring by a gateway", echo).measure(calls), flush=True)
    actors.shutdown()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls")
    parser.add_argument("--gateway", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    calls = 1_000 if options.quick else 10_000
    if options.gateway:
        through_gateway(calls)
        return
    print(f"{'contender':34} {'p50 µs':>8} {'p99 µs':>8} {'pipelined/s':>12} {'one way/s':>12}")
    with tempfile.TemporaryDirectory() as directory:
        endpoint = f"ipc://{directory}/raw.sock"
        server = multiprocessing.get_context("spawn").Process(
            target=raw_server, args=(endpoint,), daemon=True
        )
        server.start()
        try:
            print(raw(endpoint).measure(calls), flush=True)
        finally:
            server.kill()
            server.join()
    actors.init()
    echo = Echo.options(name="echo").remote()
    actors.get(echo.counted.remote())
    print(habring("habring, node in this process", echo).measure(calls), flush=True)
    from actors.driver import session

    node = session.current()
    address = node.endpoint  # type: ignore[attr-defined]
    environment = os.environ | {
        "BENCH_ADDRESS": address,
        "BENCH_SECRET": (Path(address).parent / "CTL_SECRET").read_text(),
    }
    script = [sys.executable, __file__, "--gateway", *(["--quick"] if options.quick else [])]
    subprocess.run(script, env=environment, check=True)
    actors.shutdown()
    if importlib.util.find_spec("ray") is None:
        print(f"{'Ray':34} not installed")
    else:
        print(ray_contender().measure(calls), flush=True)


if __name__ == "__main__":
    main()
