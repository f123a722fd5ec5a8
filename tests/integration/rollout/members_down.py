"""Which members of a group are down at the same time: seen from outside, and by the event logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Self

from supervisor_rig import Machine

from actors.messages.events import EventRecord

PAUSE_S = 0.1  # between two questions to one member


@dataclass(frozen=True, slots=True)
class Down:
    """A member does not serve, from an instant to another (Unix seconds)."""

    member: str
    since: float
    until: float

    def __str__(self) -> str:
        return f"{self.member} {self.until - self.since:.1f} s"


def overlaps(found: Iterable[Down]) -> list[tuple[Down, Down]]:
    """Two members that are down at the same time: all such pairs."""
    return [
        (one, other)
        for one, other in combinations(found, 2)
        if one.member != other.member and max(one.since, other.since) < min(one.until, other.until)
    ]


class Watch:
    """Asks each member by itself all the time whether it serves; a thread for each."""

    def __init__(self, members: dict[str, Callable[[], bool]]) -> None:
        self.down: list[Down] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=of) for of in members.items()]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, member: str, serves: Callable[[], bool]) -> None:
        since: float | None = None
        until = 0.0
        while not self._ended.wait(PAUSE_S):
            began = time.time()
            if not serves():
                since, until = began if since is None else since, time.time()
            elif since is not None:
                self.down.append(Down(member, since, until))
                since = None
        if since is not None:
            self.down.append(Down(member, since, until))


def told(machine: Machine, service: str, since: float) -> list[Down]:
    """When a member's service was not up, or not healthy, by its own log since an instant."""
    kinds = ("ServiceStageChanged", "HealthChanged")
    found = [event for kind in kinds for event in machine.events(kind)]
    mine = [e for e in found if e.fields["service"] == service and e.wall >= since]
    downs: list[Down] = []
    began: float | None = None
    up, healthy = True, True
    for event in sorted(mine, key=lambda event: event.hlc):
        up, healthy = _stands(event, up=up, healthy=healthy)
        if up and healthy and began is not None:
            downs.append(Down(machine.root.name, began, event.wall))
            began = None
        elif not (up and healthy) and began is None:
            began = event.wall
    if began is not None:
        downs.append(Down(machine.root.name, began, time.time()))
    return downs


def _stands(event: EventRecord, *, up: bool, healthy: bool) -> tuple[bool, bool]:
    """Whether it is up, and healthy, behind an event. A process that starts has to show it."""
    if event.kind == "HealthChanged":
        return up, event.fields["health"] in ("ok", "warning")
    return event.fields["stage"] == "up", healthy and event.fields["stage"] == "up"


def turns(machines: Iterable[Machine], since: float) -> list[Down]:
    """The turns that members had, from before the stop to the end of the proof."""
    found = []
    for machine in machines:
        began: float | None = None
        events = [e for kind in ("TurnBegan", "TurnEnded") for e in machine.events(kind)]
        for event in sorted((e for e in events if e.wall >= since), key=lambda event: event.hlc):
            if event.kind == "TurnBegan":
                began = event.wall
            elif began is not None:
                found.append(Down(machine.root.name, began, event.wall))
                began = None
    return sorted(found, key=lambda turn: turn.since)
