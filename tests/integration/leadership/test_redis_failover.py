"""Real Redis replication over three supervisors: what was acknowledged is never lost.

A writer runs throughout; a write counts as acknowledged when `WAIT 1` says that another member has
it. Rounds of faults hit whoever leads: its supervisor, its service, its launcher is killed, its
whole process tree is frozen until another leads. What an old leader took and never had acknowledged
may be lost; it is counted. CI plays two rounds; LEADERSHIP_ROUNDS=20 in the environment plays more,
in turn, those of one supervisor a minute apart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from acknowledged_writes import Writer, found
from redis_group import RedisGroup
from ring_rig import Ring
from supervisor_rig import Machine, eventually

ROUNDS = int(os.environ.get("LEADERSHIP_ROUNDS", "0"))
KINDS = ("service", "freeze") if not ROUNDS else ("supervisor", "service", "launcher", "freeze")
NEW_LEADER_S = 40.0  # for what takes seconds on an idle machine
APART_S = 60.0 if ROUNDS else 0.0
FROZEN_S = 2.0  # after another leads, the old one stays frozen so long


@dataclass(frozen=True)
class Round:
    """What one round came to; `gap_s`: the longest time without an acknowledged write."""

    kind: str
    before: str
    after: str
    term: int
    gap_s: float

    def __str__(self) -> str:
        moved = f"{self.before} → {self.after}" if self.before != self.after else self.before
        return f"{self.kind:<10} {moved:<9} term {self.term:<3} {self.gap_s:5.1f} s"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[RedisGroup]:
    ring = Ring(tmp_path)
    try:
        yield RedisGroup(ring)
    finally:
        ring.close()


# By hand: now and then no member can say how suitable it is, and the group waits longer than the
# test does for its next write.
@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_leaders_die_or_freeze(
    group: RedisGroup, capsys: pytest.CaptureFixture[str]
) -> None:
    group.whole()
    writer = Writer(group.ports)
    writer.start()
    hit: dict[Machine, float] = {}
    rounds = []
    try:
        for number in range(ROUNDS or len(KINDS)):
            played = play(group, writer, KINDS[number % len(KINDS)], hit)
            rounds.append(played)
            with capsys.disabled():
                print(f"\n{number + 1:>3} {played}", end="")  # noqa: T201 - a long run tells
        leader, _ = group.whole()
    finally:
        writer.end()
    written = writer.written
    acknowledged = [number for _, number, _ in written.acknowledged]
    kept = found(group.port(leader), acknowledged)
    taken = found(group.port(leader), written.taken)
    unknown = found(group.port(leader), written.unknown)
    longest = max(played.gap_s for played in rounds)
    with capsys.disabled():
        print(  # noqa: T201 - what this is run for
            f"\n{len(acknowledged)} writes acknowledged, {len(acknowledged) - len(kept)} of them "
            f"lost; {len(written.taken)} taken and never acknowledged, "
            f"{len(written.taken) - len(taken)} of them lost; {len(written.unknown)} without an "
            f"answer, {len(written.unknown) - len(unknown)} of them lost; {longest:.1f} s at most "
            "without an acknowledged write"
        )
    assert sorted(set(acknowledged) - kept) == []
    assert len(acknowledged) > 100


def play(group: RedisGroup, writer: Writer, kind: str, hit: dict[Machine, float]) -> Round:
    """One round: a fault of the leader's machine, until all is in order again."""
    leader, term = group.whole()
    eventually("it is long ago", lambda: time.monotonic() >= hit.get(leader, 0.0) + APART_S, 70)
    began = time.monotonic()
    ports = list(group.ports)
    if kind in ("launcher", "freeze"):  # of the others one may be back and lead on, or again
        ports.remove(group.port(leader))
    with group.fault(kind, leader):
        hit[leader] = began
        await_write(group, writer, time.monotonic(), ports)
        if kind == "freeze":
            time.sleep(FROZEN_S)
    after, later = group.whole()
    assert later > term or after is leader
    names = {machine: machine.root.name for machine in group.machines}
    return Round(kind, names[leader], names[after], later, writer.longest_gap_s(began))


def await_write(group: RedisGroup, writer: Writer, began: float, ports: list[int]) -> None:
    """Wait for a write behind `began` that one of `ports` has acknowledged."""
    while not writer.has_acknowledged(began, ports):
        assert time.monotonic() < began + NEW_LEADER_S, f"no write since; {writer}{group.told()}"
        time.sleep(0.02)
