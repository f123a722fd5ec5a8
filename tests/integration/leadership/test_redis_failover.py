"""Real Redis replication over three supervisors: what was acknowledged is never lost.

A writer runs throughout; a write counts as acknowledged when `WAIT 1` says that another member has
it. Rounds of faults hit whoever leads: its supervisor, its service, its launcher is killed, its
whole process tree is frozen until another leads. What an old leader took and never had
acknowledged may be lost; it is counted. Run by hand, because it takes minutes: four rounds, one of
each fault, or LEADERSHIP_ROUNDS of them in turn, those of one supervisor a minute apart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from acknowledged_writes import Writer, found
from redis_group import GROUP, RedisGroup
from ring_rig import Ring
from supervisor_rig import Machine, eventually

KINDS = ("supervisor", "service", "launcher", "freeze")
ROUNDS = int(os.environ.get("LEADERSHIP_ROUNDS", str(len(KINDS))))
HAND_OVERS = 6
NEW_LEADER_S = 40.0  # for what takes seconds on an idle machine
APART_S = 60.0
MEANWHILE = 50  # writes that a new leader has acknowledged before anything else is done


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
        for number in range(ROUNDS):
            played = play(group, writer, KINDS[number % len(KINDS)], hit)
            rounds.append(played)
            with capsys.disabled():
                print(f"\n{number + 1:>3} {played}", end="")  # noqa: T201 - a long run tells
        leader, _ = group.whole()
    finally:
        writer.end()
    told = judged(group, leader, writer)
    longest = max(played.gap_s for played in rounds)
    with capsys.disabled():
        print(f"\n{told}; {longest:.1f} s at most without an acknowledged write")  # noqa: T201


def test_the_lead_is_handed_over_to_whoever_is_named_while_a_writer_writes(
    group: RedisGroup, capsys: pytest.CaptureFixture[str]
) -> None:
    leader, term = group.whole()
    writer = Writer(group.ports)
    writer.start()
    began = time.monotonic()
    try:
        for number in range(HAND_OVERS):
            others = [machine for machine in group.machines if machine is not leader]
            to = others[number % 2]
            told = leader.hab("svc", "step-down", GROUP, "--to", to.ready().member_id)
            await_write(group, writer, time.monotonic(), [group.port(to)])
            goes_on(writer)
            leader, later = group.whole()
            assert leader is to, told
            assert later > term
            term = later
    finally:
        writer.end()
    told_s = writer.longest_gap_s(began)
    said = judged(group, leader, writer)
    with capsys.disabled():
        print(f"\n{said}; {told_s:.1f} s at most without an acknowledged write")  # noqa: T201


def judged(group: RedisGroup, leader: Machine, writer: Writer) -> str:
    """What became of the writes; no acknowledged one may be lost."""
    written, port = writer.written, group.port(leader)
    acknowledged = [number for _, number, _ in written.acknowledged]
    kept, taken = found(port, acknowledged), found(port, written.taken)
    silent = found(port, written.unknown)
    assert sorted(set(acknowledged) - kept) == []
    assert len(acknowledged) > 100
    return (
        f"{len(acknowledged)} writes acknowledged, none of them lost; {len(written.taken)} taken "
        f"and never acknowledged, {len(written.taken) - len(taken)} of them lost; "
        f"{len(written.unknown)} without an answer, {len(written.unknown) - len(silent)} of them "
        "lost"
    )


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
            goes_on(writer)
    after, later = group.whole()
    assert later > term or after is leader
    names = {machine: machine.root.name for machine in group.machines}
    return Round(kind, names[leader], names[after], later, writer.longest_gap_s(began))


def goes_on(writer: Writer) -> None:
    """Wait for some more acknowledged writes."""
    done = len(writer.written.acknowledged) + MEANWHILE
    eventually("it goes on", lambda: len(writer.written.acknowledged) >= done, 30)


def await_write(group: RedisGroup, writer: Writer, began: float, ports: list[int]) -> None:
    """Wait for a write behind `began` that one of `ports` has acknowledged."""
    while not writer.has_acknowledged(began, ports):
        assert time.monotonic() < began + NEW_LEADER_S, f"no write since; {writer}{group.told()}"
        time.sleep(0.02)
