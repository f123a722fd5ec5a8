"""Writes to a Redis: acknowledged when `WAIT 1` says that another member has it on disk."""

from __future__ import annotations

import contextlib

from acknowledged_writes import Outcome
from redis_client import Redis, RedisSaysError

WAIT_MS = 500
ASK_S = 1.0  # for any answer; then the outcome is unknown


class RedisWrites:
    """A client of one Redis."""

    def __init__(self, port: int) -> None:
        self._client = Redis(port, ASK_S)

    def close(self) -> None:
        self._client.close()

    def write(self, number: int) -> Outcome:
        try:
            self._client.ask("SET", f"write:{number}", number)
        except RedisSaysError:
            return "refused"  # it leads nobody
        try:
            confirmed = self._client.ask("WAIT", 1, WAIT_MS)
        except RedisSaysError:
            return "taken"  # it has become a follower meanwhile
        return "acknowledged" if isinstance(confirmed, int) and confirmed >= 1 else "taken"


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
