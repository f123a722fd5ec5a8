"""What habring costs when it does little: actors, a supervisor, a command, a load, a simulation.

Run as `python scripts/bench/footprint.py [--quick]`. Each line is the median of its rounds with the
least and the greatest, beside the budget and, where there is one, a peer measured in the same run:
pykka's own threaded actor, and an interpreter that imports click and zmq and nothing else.
"""

from __future__ import annotations

import argparse
import gc
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pykka

from actors.adapters.clock import SystemClock
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.store import FileStore
from actors.adapters.timers import ThreadTimers
from actors.effects import Spawn
from actors.runtime.actor import Actor
from actors.runtime.guardian import Guardian
from actors.runtime.structure import SpawnChild
from actors.runtime.world import World
from actors.simulation.run import SimulationOptions, run_simulation

HAB = str(Path(sys.executable).parent / "hab")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
READY_S = 30.0


class Idle(Actor):
    """Does nothing."""


class IdleThread(pykka.ThreadingActor):
    """Does nothing, on a thread of its own."""


def row(what: str, values: list[float], unit: str, budget: str) -> None:
    """One line of the table."""
    middle, low, high = statistics.median(values), min(values), max(values)
    spread = f"{low:.3g}..{high:.3g}"
    print(f"{what:46} {middle:10.3g} {unit:9} {spread:>18}   {budget}", flush=True)


def resident_kb(pid: int | str = "self") -> float:
    """Memory of a process, kB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float(status.partition("VmRSS:")[2].split()[0])


def cpu_s(pid: int) -> float:
    """CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("it did not come true in time")
        time.sleep(0.002)


# ── actors ──


def idle_actors(count: int, root: Path) -> tuple[float, float]:
    """Milliseconds and kB of one idle actor, started by a guardian."""
    clock = SystemClock()
    timers, dispatcher, store = ThreadTimers(clock), ThreadDispatcher(), FileStore(root)
    world = World(
        member="a" * 32,
        boot="1",
        seed="1",
        clock=clock,
        timers=timers,
        dispatcher=dispatcher,
        store=store,
    )
    world.start_root(Guardian)
    gc.collect()
    before, start = resident_kb(), time.perf_counter()
    for number in range(count):
        world.tell("node", SpawnChild("node", 1, Spawn(f"idle/{number}", Idle)))
        if number % 1_000 == 999:  # a mailbox is no place for all of them
            until(lambda n=number: len(world.cells) > n)  # type: ignore[misc]
    until(lambda: len(world.cells) > count)
    took = time.perf_counter() - start
    gc.collect()
    grown = resident_kb() - before
    dispatcher.close()
    timers.close()
    store.close()
    return took / count * 1e3, grown / count


def idle_threads(count: int) -> tuple[float, float]:
    """The same of pykka's threaded actor."""
    before, start = resident_kb(), time.perf_counter()
    for _ in range(count):
        IdleThread.start()
    took = time.perf_counter() - start
    grown = resident_kb() - before
    pykka.ActorRegistry.stop_all()
    return took / count * 1e3, grown / count


# ── processes ──


class Supervisor:
    """`hab sup run` below a temporary root."""

    def __init__(self, root: Path) -> None:
        gossip, http, ctl = free_ports(3)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HAB_")}
        self.environment = {
            **kept,
            "HAB_ROOT": str(root),
            "HAB_LISTEN_CTL": f"127.0.0.1:{ctl}",
            "NO_COLOR": "1",
        }
        ports = [f"--listen-gossip=127.0.0.1:{gossip}", f"--listen-http=127.0.0.1:{http}"]
        with (root / "log").open("ab") as log:
            self.launcher = subprocess.Popen(
                [HAB, "sup", "run", *ports], env=self.environment, stdout=log, stderr=log
            )
        until(lambda: self.hab("sup", "status").returncode == 0)
        told = self.hab("sup", "status", "--json").stdout
        self.pid = int(told.partition('"supervisor_pid":')[2].split(",")[0])

    def hab(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return subprocess.run(
            [HAB, *words], env=self.environment, capture_output=True, text=True, check=False
        )

    def end(self) -> None:
        """End it in order."""
        self.hab("sup", "term")
        self.launcher.wait(READY_S)


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def child_cpu_ms(run: Callable[[], object]) -> float:
    """CPU of the processes that `run` starts and waits for."""
    before = os.times()
    run()
    after = os.times()
    used = after.children_user + after.children_system
    return (used - before.children_user - before.children_system) * 1e3


def supervisor_rows(rounds: int, idle_s: float, root: Path) -> None:
    """A supervisor alone: at rest, asked, and loading."""
    supervisor = Supervisor(root)
    try:
        rests = []
        for _ in range(rounds):
            before, start = cpu_s(supervisor.pid), time.monotonic()
            time.sleep(idle_s)
            rests.append((cpu_s(supervisor.pid) - before) / (time.monotonic() - start) * 100)
        row("idle supervisor, no ring: CPU", rests, "%", "<= 1.5 in a ring of 20")
        own, launcher = resident_kb(supervisor.pid) / 1e3, resident_kb(supervisor.launcher.pid)
        row("idle supervisor: memory", [own], "MB", "<= 45")
        row("idle supervisor with launcher: memory", [own + launcher / 1e3], "MB", "<= 61")
        import_them = [sys.executable, "-c", "import click, zmq"]
        alone = [
            child_cpu_ms(lambda: subprocess.run(import_them, check=True)) for _ in range(rounds)
        ]
        row("python importing click and zmq: CPU", alone, "ms", "the peer")
        for verb in (("svc", "status"), ("ring", "members"), ("actor", "list"), ("events",)):
            used = [child_cpu_ms(lambda v=verb: supervisor.hab(*v)) for _ in range(rounds)]  # type: ignore[misc]
            row(f"hab {' '.join(verb)}: CPU", used, "ms", "<= 100")
        loads = []
        for number in range(rounds):
            start = time.monotonic()
            words = ("svc", "load", "--cmd", "sleep 1000", "--name", f"idle{number}")
            if (done := supervisor.hab(*words)).returncode:
                raise SystemExit(done.stderr)
            loads.append(time.monotonic() - start)
        row("hab svc load of a command, until it runs", loads, "s", "<= 0.5, of a package")
    finally:
        supervisor.end()


def simulation_row(rounds: int, for_s: float) -> None:
    """Steps of the scheduler a second of CPU, codec and event log included."""
    rates = []
    for seed in range(rounds):
        start = time.process_time()
        result = run_simulation(SimulationOptions(seed=seed, supervisors=20, for_s=for_s))
        rates.append(result.steps / (time.process_time() - start))
    row("simulation of 20 supervisors: steps a CPU second", rates, "1/s", ">= 60,000")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    quick = parser.parse_args().quick
    rounds = 3 if quick else 7
    print(f"{'what':46} {'median':>10} {'':9} {'spread':>18}   budget")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        ours = [idle_actors(2_000 if quick else 10_000, Path(root) / "store") for _ in range(3)]
        row("idle actor: creation", [made for made, _ in ours], "ms", "<= 0.1")
        row("idle actor: memory (first round)", [ours[0][1]], "kB", "<= 2")
        theirs = [idle_threads(500) for _ in range(3)]
        row("pykka's threaded actor: creation", [made for made, _ in theirs], "ms", "the peer")
        row("pykka's threaded actor: memory", [theirs[0][1]], "kB", "the peer")
        state = Path(root) / "hab"
        state.mkdir()
        supervisor_rows(rounds, 3.0 if quick else 10.0, state)
    simulation_row(3, 20.0 if quick else 60.0)


if __name__ == "__main__":
    main()
