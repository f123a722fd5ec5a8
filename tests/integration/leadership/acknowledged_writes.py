"""A writer that never stops, and remembers what became of each of its writes.

What a database's client takes for acknowledged is said where it is made (`redis_writes`,
`postgresql_writes`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Protocol

PAUSE_S = 0.01  # between two writes

Outcome = Literal["acknowledged", "taken", "refused"]


class Client(Protocol):
    """A connection to one member of the group; making one raises OSError where none is."""

    def write(self, number: int) -> Outcome:
        """Write a number; OSError: nobody knows what became of it.

        `taken`: it was written, and not said to be safe. `refused`: nothing was written.
        """

    def close(self) -> None:
        """End the connection."""


@dataclass
class Written:
    """What became of writes, by number; `acknowledged`: (monotonic instant, number, port)."""

    acknowledged: list[tuple[float, int, int]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)

    def numbers(self) -> list[int]:
        """Of what was acknowledged."""
        return [number for _, number, _ in self.acknowledged]


class Writer:
    """Writes to whichever of `ports` takes it; a thread of its own."""

    def __init__(self, ports: list[int], connect: Callable[[int], Client]) -> None:
        self.written = Written()
        self._ports = ports
        self._connect = connect
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
        client: Client | None = None
        while not self._ended.wait(PAUSE_S):
            port = self._ports[at]
            try:
                client = client or self._connect(port)
            except OSError:
                at = (at + 1) % len(self._ports)
                continue  # nothing was sent
            number += 1
            if not self._write(client, number, port):
                client.close()
                client, at = None, (at + 1) % len(self._ports)
        if client is not None:
            client.close()

    def _write(self, client: Client, number: int, port: int) -> bool:
        """Write once; whether this member is one to go on with."""
        began = time.monotonic()
        try:
            outcome = client.write(number)
        except OSError:
            self.written.unknown.append(number)
            return False
        if outcome == "acknowledged":
            self.written.acknowledged.append((began, number, port))
        elif outcome == "taken":
            self.written.taken.append(number)
        return outcome == "acknowledged"
