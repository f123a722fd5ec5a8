"""A power cut at every write of a supervisor's life: it starts again, and has lost nothing it owed.

Three ways a write may end: `unwritten` (the old content is there), `unanswered` (the new one is,
and nobody was told), `torn` (neither: a prefix, garbage, a flipped bit, nothing).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import pytest

from actors.messages.gossip import MemberAnnounced
from actors.messages.runtime import ActorFailed
from actors.messages.service import QueryServices, Services
from actors.messages.simulation import CommandAnswered, CommandGiven
from actors.simulation.disk import torn
from actors.simulation.machine import Machine
from actors.simulation.ring import Ring
from actors.simulation.supervisors import supervisor
from actors.simulation.workload import Workload

Way: TypeAlias = Literal["unwritten", "unanswered", "torn"]

NEVER: Final = 1 << 30
SCRIPT: Final = (
    ("load", "web0"),
    ("load", "web1"),
    ("stop", "web0"),
    ("load", "web2"),
    ("start", "web0"),
    ("restart", "web1"),
    ("unload", "web2"),
    ("stop", "web1"),
    ("load", "web2"),
    ("start", "web1"),
    ("unload", "web1"),
)
BETWEEN_S: Final = 0.6  # commands; web0 is mostly still starting when the next one comes
UP_S: Final = 8.0  # from power to everything being as it should be


class Files(dict[str, bytes]):
    """The files of a disk that loses its power at write number `cut_at`, in one of the ways."""

    def __init__(self, cut_at: int, way: Way) -> None:
        self.writes = 0
        self.cut_at = cut_at
        self.way = way
        self.is_dead = False
        self.torn_path = ""
        self.on_cut: Callable[[], None] = lambda: None
        self._draw = random.Random(f"{cut_at}:{way}")

    def __setitem__(self, path: str, content: bytes) -> None:
        fate = self._fate()
        if fate == "torn":
            self.torn_path, content = path, torn(content, self._draw)
        if fate != "unwritten":
            super().__setitem__(path, content)

    def pop(self, path: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        return default if self._fate() == "unwritten" else super().pop(path, default)

    def _fate(self) -> Way | None:
        """What becomes of the next write; None: it is done, and that is told."""
        if self.is_dead:
            return "unwritten"
        self.writes += 1
        if self.writes < self.cut_at:
            return None
        self.is_dead = True
        self.on_cut()
        return self.way

    def repair(self) -> None:
        """The power is back, and stays."""
        self.is_dead = False
        self.cut_at = NEVER


class Life:
    """One supervisor alone, its disk, and the commands somebody gives it."""

    def __init__(self, cut_at: int, way: Way) -> None:
        self.ring = Ring(f"{cut_at}:{way}")
        root = supervisor((self.ring.address(0),), permanent=True)
        self.machine: Machine = self.ring.add(root)
        self.files = Files(cut_at, way)
        self.files.on_cut = self.machine.power_off
        self.machine.disk.files = self.files
        self.workload = Workload(self.ring)

    def live(self) -> None:
        """Start, do what the script says, stop, and start once more."""
        self.machine.start()
        self.ring.run_for(3)
        for verb, service in SCRIPT:
            self.workload.give(self.machine, verb, service)
            self.ring.run_for(BETWEEN_S)
        self.ring.run_for(4)
        if self.machine.wanted:
            self.machine.terminate()
            self.ring.run_for(4)

    def come_back(self) -> dict[str, str]:
        """Power, and time; the services there are then, with their stages."""
        self.files.repair()
        self.machine.start()
        self.ring.run_for(UP_S)
        assert self.machine.supervisor is not None
        assert self.machine.supervisor.is_up
        answer = self.ring.ask(self.machine, "specs", QueryServices())
        assert isinstance(answer, Services), answer
        return {told.spec.service: str(told.stage) for told in answer.services}

    def events(self, kind: type) -> list:  # type: ignore[type-arg]
        """All events of a kind."""
        return [e.event for e in self.ring.log.events if isinstance(e.event, kind)]

    def wishes(self) -> dict[str, set[str]]:
        """Service → what it may be after all that was accepted: `up`, `down`, `gone`.

        A command without an answer may have been taken or not.
        """
        answers = {said.number: said.outcome for said in self.events(CommandAnswered)}
        wishes: dict[str, set[str]] = {}
        for given in self.events(CommandGiven):
            outcome = answers.get(given.number)
            wanted = {"unload": "gone", "stop": "down"}.get(given.verb, "up")
            known = wishes.setdefault(given.service, {"gone"})
            if outcome == "accepted":
                wishes[given.service] = {wanted}
            elif outcome is None:
                known.add(wanted)
        return wishes


def _writes_of_a_life() -> int:
    life = Life(NEVER, "unwritten")
    life.live()
    return life.files.writes


WRITES: Final = _writes_of_a_life()


def test_a_life_has_many_writes() -> None:
    assert 2 * len(SCRIPT) < WRITES


@pytest.mark.parametrize("way", get_args(Way))
def test_no_power_cut_loses_what_was_accepted(way: Way) -> None:
    for cut_at in range(1, WRITES + 1):
        life = Life(cut_at, way)
        life.live()
        wishes = life.wishes()
        found = life.come_back()
        where = f"{way} write {cut_at} of {WRITES}: {life.files.torn_path}"
        assert life.events(ActorFailed) == [], where
        announced = [(a.epoch, a.incarnation) for a in life.events(MemberAnnounced)]
        assert announced == sorted(set(announced)), where
        for service, may_be in wishes.items():
            if f"/{service}" in life.files.torn_path:
                continue  # its own file holds neither the old nor the new
            stage = found.get(service, "gone")
            is_now = stage if stage in ("gone", "down") else "up"
            assert is_now in may_be, f"{where}: {service} is {stage}, may be {may_be}"
