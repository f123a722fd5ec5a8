"""A writer that never stops, and remembers what became of each of its writes.

A write is acknowledged when `WAIT 1` says so: of three members two have it on disk then.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

from redis_client import Redis, RedisSaysError

PAUSE_S = 0.01  # between two writes
WAIT_MS = 500
ASK_S = 1.0  # for any answer; then the outcome is unknown


@dataclass
class Written:
    """What became of writes, by number. `taken`: OK, but WAIT counted nobody; `unknown`: no answer.

    `acknowledged` are (monotonic instant, number, port).
    """

    acknowledged: list[tuple[float, int, int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)


class Writer:
    """Writes to whichever of `ports` takes it; a thread of its own."""

    def __init__(self, ports: list[int]) -> None:
        self.written = Written()
        self._ports = ports
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __repr__(self) -> str:
        done = self.written
        lives = "" if self._thread.is_alive() else ", dead"
        return (
            f"a writer with {len(done.acknowledged)} writes acknowledged, {len(done.taken)} taken, "
            f"{len(done.unknown)} without an answer{lives}"
        )

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def has_acknowledged(self, since: float, ports: list[int]) -> bool:
        """Whether a write to one of `ports`, begun behind an instant, was acknowledged."""
        return any(when > since and port in ports for when, _, port in self.written.acknowledged)

    def longest_gap_s(self, since: float) -> float:
        """The longest time between two acknowledged writes, from an instant to now."""
        instants = [when for when, _, _ in self.written.acknowledged if when > since]
        return max(b - a for a, b in pairwise([since, *instants, time.monotonic()]))

    def _run(self) -> None:
        number, at = 0, 0
        client: Redis | None = None
        while not self._ended.wait(PAUSE_S):
            port = self._ports[at]
            try:
                client = client or Redis(port, ASK_S)
            except OSError:
                at = (at + 1) % len(self._ports)
                continue  # nothing was sent
            number += 1
            try:
                goes_on = self._write(client, number, port)
            except OSError:
                self.written.unknown.append(number)
                goes_on = False
            if not goes_on:
                client.close()
                client, at = None, (at + 1) % len(self._ports)
        if client is not None:
            client.close()

    def _write(self, client: Redis, number: int, port: int) -> bool:
        """Write once; whether this Redis is one to go on with: it has followers that confirm."""
        began = time.monotonic()
        try:
            client.ask("SET", f"write:{number}", number)
        except RedisSaysError:
            return False  # it leads nobody: nothing was written
        try:
            confirmed = client.ask("WAIT", 1, WAIT_MS)
        except RedisSaysError:
            confirmed = 0  # it has become a follower meanwhile
        if isinstance(confirmed, int) and confirmed >= 1:
            self.written.acknowledged.append((began, number, port))
            return True
        self.written.taken.append(number)
        return False


def found(port: int, numbers: list[int]) -> set[int]:
    """Which of these writes a Redis has."""
    present: set[int] = set()
    with contextlib.closing(Redis(port, 10.0)) as client:
        for first in range(0, len(numbers), 500):
            some = numbers[first : first + 500]
            values = client.ask("MGET", *(f"write:{number}" for number in some))
            assert isinstance(values, list)
            present |= {n for n, value in zip(some, values, strict=True) if value == str(n)}
    return present
