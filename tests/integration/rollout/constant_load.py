"""Requests at a constant rate, each answer checked: what users of a group see of an update.

Each request has a connection of its own and is made once: nothing here hides a failure.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Self

THREADS = 16
ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when it was begun and answered (Unix seconds), and the answer.

    `text` is what the server said, `failed` what went wrong, or empty.
    """

    began: float
    ended: float
    text: str
    failed: str = ""


class Load:
    """Asks a port `rate` times a second, whatever the answers take, until it is ended."""

    def __init__(self, port: int, rate: float) -> None:
        self.asked: list[Asked] = []
        self._port = port
        self._period_s = THREADS / rate
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(THREADS)]

    def __enter__(self) -> Self:
        self.began = time.time()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.ended = time.time()

    def __str__(self) -> str:
        asked = self.snapshot()
        seconds = asked[-1].ended - asked[0].began
        waits = sorted(one.ended - one.began for one in asked)
        return (
            f"{len(asked)} requests in {seconds:.0f} s, {len(asked) / seconds:.0f} a second, "
            f"{len(self.failures())} failed; answered after {1000 * waits[len(waits) // 2]:.0f} ms "
            f"(median), {1000 * waits[len(waits) * 99 // 100]:.0f} ms (99 %), "
            f"{1000 * waits[-1]:.0f} ms (all)"
        )

    def snapshot(self, since: float = 0.0) -> list[Asked]:
        """What was answered, in the order of the questions."""
        found = [one for one in list(self.asked) if one.began >= since]
        return sorted(found, key=lambda one: one.began)

    def failures(self) -> list[Asked]:
        return [one for one in self.snapshot() if one.failed]

    def texts(self, since: float = 0.0) -> Counter[str]:
        """How often each answer was given, to questions since an instant."""
        return Counter(one.text for one in self.snapshot(since))

    def _run(self, number: int) -> None:
        due = time.monotonic() + self._period_s * number / THREADS
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += self._period_s
            self.asked.append(self._ask())

    def _ask(self) -> Asked:
        began, text, failed = time.time(), "", ""
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        try:
            client.request("GET", "/")
            answer = client.getresponse()
            text = answer.read().decode()
            if answer.status != http.HTTPStatus.OK:
                failed = f"{answer.status} {text!r}"
        except (OSError, http.client.HTTPException) as error:
            failed = repr(error)
        finally:
            client.close()
        return Asked(began, time.time(), text, failed)
