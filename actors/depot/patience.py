"""How a client of a depot waits: when it tries again, and what is too slow; pure.

A definite no (4xx) is final at once. What may pass (no connection, 5xx, a torn or stalled answer)
is tried again after Fibonacci delays, as Habitat does; the unit is 2 s instead of its 10 s, because
a person looks on. A download may be as large as it likes but must move: an average below the floor
over the window counts as stalled, which also catches a server that sends a byte now and then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actors.errors import RemoteError

SIZE_LIMIT: Final = 16 * 1024**3  # bytes of one HART file; the largest of Habitat has 1 GiB
JSON_LIMIT: Final = 16 * 1024**2  # bytes of any other answer
KEY_LIMIT: Final = 4096  # bytes of a key file


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of one client.

    `tries` of a transfer and `look_ups` of a question, the first included. `unit_s` is the first
    delay. `connect_s` and `answer_s` bound one attempt's steps; `window_s` and `floor` (bytes per
    second) say what is stalled.
    """

    tries: int = 6
    look_ups: int = 3
    unit_s: float = 2.0
    connect_s: float = 10.0
    answer_s: float = 300.0  # Habitat's HAB_CLIENT_SOCKET_TIMEOUT
    window_s: float = 30.0
    floor: float = 1024.0

    def delays_s(self, tries: int) -> list[float]:
        """The pauses between `tries` attempts: 1, 1, 2, 3, 5, … units."""
        delays, one, other = [], self.unit_s, self.unit_s
        for _ in range(tries - 1):
            delays.append(one)
            one, other = other, one + other
        return delays


class Pace:
    """Watches the bytes of one transfer come in; `now_s` is any steady clock."""

    def __init__(self, patience: Patience, now_s: float) -> None:
        self._patience = patience
        self._since_s = now_s
        self._bytes = 0

    def moved(self, size: int, now_s: float) -> None:
        """Count bytes. Raises RemoteError when a window has passed with too few of them."""
        self._bytes += size
        passed_s = now_s - self._since_s
        if passed_s < self._patience.window_s:
            return
        if self._bytes < self._patience.floor * passed_s:
            raise RemoteError(
                f"it sent {self._bytes} bytes in {passed_s:.0f} s; that is too slow to go on"
            )
        self._since_s, self._bytes = now_s, 0


def check_file_name(given: str | None, expected: str) -> None:
    """Refuse a download's `x-filename` that is absent or not the file that was asked for.

    Raises RemoteError. Nothing is ever written under a name that a server chose.
    """
    if given is None:
        raise RemoteError("it did not name the file (x-filename), so it is no depot")
    if given != expected:
        raise RemoteError(f"it names the file {given[:200]!r} where {expected} was asked for")


def resumes_at(content_range: str | None, size: int) -> bool:
    """Whether a 206 answer goes on exactly after the `size` bytes that are here."""
    return content_range is not None and content_range.replace(" ", "").startswith(f"bytes{size}-")
