"""What is done to a database with a leader while a writer writes, and what becomes of the writes.

A writer runs throughout. Rounds of faults hit whoever leads: its supervisor, its service, its
launcher is killed, its whole process tree is frozen until another leads. What an old leader took
and never had acknowledged may be lost; it is counted. Four rounds, one of each fault, or
LEADERSHIP_ROUNDS of them in turn, those of one supervisor a minute apart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from acknowledged_writes import Writer
from leader_group import LeaderGroup
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


def failovers(group: LeaderGroup, say: Callable[[str], None]) -> None:
    """Rounds of faults; no acknowledged write may be lost."""
    group.whole()
    writer = Writer(group.ports, group.connect)
    writer.start()
    hit: dict[Machine, float] = {}
    rounds = []
    try:
        for number in range(ROUNDS):
            rounds.append(play(group, writer, KINDS[number % len(KINDS)], hit))
            say(f"{number + 1:>3} {rounds[-1]}")
        leader, _ = group.whole()
    finally:
        writer.end()
    longest = max(played.gap_s for played in rounds)
    say(f"{judged(group, leader, writer)}; {longest:.1f} s at most without an acknowledged write")


def hand_overs(group: LeaderGroup, say: Callable[[str], None]) -> None:
    """The lead goes to whoever is named, several times; no acknowledged write may be lost."""
    leader, term = group.whole()
    writer = Writer(group.ports, group.connect)
    writer.start()
    longest = 0.0
    try:
        for number in range(HAND_OVERS):
            others = [machine for machine in group.machines if machine is not leader]
            to = others[number % 2]
            began = time.monotonic()
            told = leader.hab("svc", "step-down", group.group, "--to", to.ready().member_id)
            await_write(group, writer, time.monotonic(), [group.port(to)])
            goes_on(writer)
            longest = max(longest, writer.longest_gap_s(began))
            leader, later = group.whole()
            assert leader is to, told
            assert later > term
            term = later
    finally:
        writer.end()
    say(f"{judged(group, leader, writer)}; {longest:.1f} s at most without an acknowledged write")


def judged(group: LeaderGroup, leader: Machine, writer: Writer) -> str:
    """What became of the writes; no acknowledged one may be lost."""
    written, port = writer.written, group.port(leader)
    acknowledged = written.numbers()
    kept, taken = group.found(port, acknowledged), group.found(port, written.taken)
    silent = group.found(port, written.unknown)
    assert sorted(set(acknowledged) - kept) == []
    assert len(acknowledged) > 100
    return (
        f"{len(acknowledged)} writes acknowledged, none of them lost; {len(written.taken)} taken "
        f"and never acknowledged, {len(written.taken) - len(taken)} of them lost; "
        f"{len(written.unknown)} without an answer, {len(written.unknown) - len(silent)} of them "
        "lost"
    )


def play(group: LeaderGroup, writer: Writer, kind: str, hit: dict[Machine, float]) -> Round:
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


def await_write(group: LeaderGroup, writer: Writer, began: float, ports: list[int]) -> None:
    """Wait for a write behind `began` that one of `ports` has acknowledged."""
    while not writer.has_acknowledged(began, ports):
        assert time.monotonic() < began + NEW_LEADER_S, f"no write since; {writer}{group.told()}"
        time.sleep(0.02)
