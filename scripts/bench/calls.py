"""What an actor call costs: round trip, pipelined, one way; beside raw pyzmq + msgpack, and Ray.

Run as `python scripts/bench/calls.py [--quick]`. All contenders run one after the other in one run,
on loopback or a socket file, with a payload of 200 bytes; each cell is the median of three rounds,
half of what they differ by, and how it compares with raw pyzmq + msgpack of the same run.
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
RAW: list[float] = [float(median) for median in os.environ.get("BENCH_RAW", "").split()]


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
        columns = (p50s, p99s, piped, ways)
        if not RAW:  # it is measured first
            RAW.extend(statistics.median(column) for column in columns)
        cells = (_cell(column, raw) for column, raw in zip(columns, RAW, strict=True))
        return f"{self.name:30} {' '.join(cells)}"


def _cell(rounds: list[float], raw: float) -> str:
    """The median, half the range of the rounds in percent of it, and its ratio to the raw one."""
    middle = statistics.median(rounds)
    spread = (max(rounds) - min(rounds)) / 2 / middle * 100
    return f"{middle:10,.0f} ±{spread:3.0f}% {middle / raw:5.2f} x"


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
    titles = ("p50 µs", "p99 µs", "pipelined/s", "one way/s")
    print(f"{'contender':30} {' '.join(f'{title:>24}' for title in titles)}")
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
        "BENCH_RAW": " ".join(map(str, RAW)),
        "BENCH_SECRET": (Path(address).parent / "CTL_SECRET").read_text(),
    }
    script = [sys.executable, __file__, "--gateway", *(["--quick"] if options.quick else [])]
    subprocess.run(script, env=environment, check=True)
    actors.shutdown()
    if importlib.util.find_spec("ray") is None:
        print(f"{'Ray':30} not installed")
    else:
        print(ray_contender().measure(calls), flush=True)


if __name__ == "__main__":
    main()
