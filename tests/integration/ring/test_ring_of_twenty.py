"""Twenty real supervisors on loopback: how fast they join, see a crash, hear news, and how idle.

Too much for the two cores that CI has; by hand, with the machine to itself (about two minutes):

    .venv/bin/python -m pytest -s -m slow tests/integration/ring/test_ring_of_twenty.py

The numbers are printed. `RING_SIZE=50` takes another size, `RING_IDLE_S=600` a longer look at
idleness. The tests build on one another, in their order.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

import pytest
from ring_rig import Machine, Ring, accusations, all_say, eventually, living, peers, share_key

from actors.adapters.control_client import ControlClient
from actors.messages.ring import Census, QueryCensus

pytestmark = pytest.mark.slow
SIZE = int(os.environ.get("RING_SIZE", "20"))
IDLE_S = float(os.environ.get("RING_IDLE_S", "60"))
SEEDS = 3
TICKS = os.sysconf("SC_CLK_TCK")
LATE_S = 120.0  # for each thing that is waited for
# The budgets of an idle supervisor without a service.
CPU_PERCENT, SUPERVISOR_MB, WITH_LAUNCHER_MB = 1.5, 45.0, 61.0
CRASH_SEEN_S = 9.0  # by the last member; memberlist's Serf takes 6.8 s


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """All members; three of them are permanent peers and everybody's seeds."""
    ring = Ring(tmp_path_factory.mktemp("twenty"))
    machines = [ring.machine() for _ in range(SIZE)]
    share_key("acme", machines[:1])
    (key,) = machines[0].layout.keys.iterdir()
    try:
        began = time.monotonic()
        for number, machine in enumerate(machines):
            machine.layout.keys.mkdir(parents=True, exist_ok=True)
            (machine.layout.keys / key.name).write_bytes(key.read_bytes())
            words = ["--permanent-peer"] if number < SEEDS else []
            machine.start(*words, "--ring", "acme", *peers(machines[:SEEDS]), ready=False)
        for machine in machines:
            machine.ready(LATE_S)
        tell(f"{SIZE} supervisors answer {time.monotonic() - began:.1f} s after the first start")
        yield machines
    finally:
        ring.close()


def tell(text: str) -> None:
    print(f"\n{text}", end="")  # noqa: T201 - numbers are what this is run for


def instants(machine: Machine, kind: str, **fields: object) -> list[float]:
    """Wall times of a member's events of a kind with these fields."""
    return [
        event.wall
        for event in machine.events(kind=kind)
        if all(event.fields[name] == value for name, value in fields.items())
    ]


def test_all_join_and_know_all(twenty: list[Machine]) -> None:
    for machine in twenty:
        eventually("it knows all", lambda m=machine: len(living(m)) == SIZE, LATE_S)
    began = max(instants(machine, "MemberAnnounced")[0] for machine in twenty)
    known = max(max(instants(one, "MemberHealthChanged", health="alive")) for one in twenty)
    tell(f"all knew all {known - began:.2f} s after the last one was announced")
    assert known - began < 5.0


def test_an_idle_ring_suspects_nobody_and_keeps_its_budgets(twenty: list[Machine]) -> None:
    infos = [machine.ready() for machine in twenty]
    pids = [info.supervisor_pid for info in infos]
    launchers = [info.launcher_pid for info in infos]
    began = time.time()
    before, started = [cpu_s(pid) for pid in pids], time.monotonic()
    eventually("the time is over", lambda: time.monotonic() - started >= IDLE_S, 2 * IDLE_S)
    took = time.monotonic() - started
    cpu = [100 * (cpu_s(pid) - then) / took for pid, then in zip(pids, before, strict=True)]
    own = [resident_mb(pid) for pid in pids]
    both = [resident_mb(a) + resident_mb(b) for a, b in zip(pids, launchers, strict=True)]
    tell(f"idle for {took:.0f} s: CPU {mean(cpu):.2f} % each, {max(cpu):.2f} % the most")
    tell(f"RSS {mean(own):.1f} MB each, {max(own):.1f} MB the most; {max(both):.1f} with launcher")
    for machine in twenty:
        assert not accusations(machine, since=began)
    assert mean(cpu) <= CPU_PERCENT
    assert max(own) <= SUPERVISOR_MB
    assert max(both) <= WITH_LAUNCHER_MB


def test_a_loaded_service_is_in_everybodys_census(twenty: list[Machine]) -> None:
    with ExitStack() as stack:
        clients = []
        for machine in twenty:
            secret = machine.layout.secret.read_text().strip()
            client = ControlClient(f"tcp://127.0.0.1:{machine.ctl}", secret)
            clients.append(stack.enter_context(client))
        twenty[SIZE // 2].hab("svc", "load", "--cmd", "sleep 1000", "--name", "web", "--no-wait")
        began, waiting = time.monotonic(), clients
        while waiting:
            assert time.monotonic() - began < LATE_S
            waiting = [client for client in waiting if not knows(client, "web.default")]
        tell(f"all knew a new service {time.monotonic() - began:.2f} s after its load returned")


def test_a_crash_is_seen_by_the_last_member_in_time_and_forgiven(twenty: list[Machine]) -> None:
    victim, others = twenty[-1], twenty[:-1]
    info = victim.ready()
    began = time.time()
    victim.launcher.kill()
    os.kill(info.supervisor_pid, signal.SIGKILL)
    victim.wait()
    all_say(others, info.member_id, "confirmed", LATE_S)
    seen = [
        instants(one, "MemberHealthChanged", member=info.member_id, health="confirmed")[-1] - began
        for one in others
    ]
    tell(f"a crash was seen first after {min(seen):.2f} s and by the last after {max(seen):.2f} s")
    assert max(seen) <= CRASH_SEEN_S
    victim.start("--ring", "acme", *peers(twenty[:SEEDS]))
    all_say(twenty, info.member_id, "alive", LATE_S)
    for machine in twenty:
        texts = accusations(machine, since=began)
        assert all(info.member_id in text for text in texts), texts


def knows(client: ControlClient, group: str) -> bool:
    """Whether a member's census has a service group."""
    return any(
        isinstance(answer, Census) and group in answer.groups
        for answer in client.request(QueryCensus(), timeout_s=10.0)
    )


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Memory of a process, in units of 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
