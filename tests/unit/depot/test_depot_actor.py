"""`depot` passes questions on with their tickets, and relays installs so that they leave events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actors.depot.actor import DepotActor
from actors.effects import Spawn
from actors.messages.depot import (
    InstallPackage,
    PackageInfo,
    PackageInstalled,
    PackageResolved,
    ResolvePackage,
)
from actors.messages.envelope import Envelope
from actors.messages.runtime import CallFailed
from actors.messages.service import Progress
from actors.runtime.guardian import Guardian
from actors.simulation.machine import Machine
from actors.simulation.node import RootActor
from actors.simulation.ring import Ring

INFO = PackageInfo("acme/web/1/2", "/p", "x86_64-linux", hooks=("run",))


class Disk:
    """A machine with a depot, and what its packages port was asked."""

    def __init__(self) -> None:
        self.asked: list[Envelope] = []
        self.ring = Ring("1")
        self.machine: Machine = self.ring.add(self._root)
        self.machine.start()
        self.ring.run_for(2.0)

    def _root(self, process: Any) -> RootActor:
        process.world.register_port("port/packages", self.asked.append)
        return RootActor(Guardian, ((Spawn("depot", DepotActor),),))

    @property
    def world(self) -> Any:
        assert self.machine.supervisor is not None
        return self.machine.supervisor.world

    def ask(self, message: Any) -> list[Envelope]:
        answers: list[Envelope] = []
        self.world.call("depot", message, answers.append)
        self.ring.run_for(0.1)
        return answers

    def answer(self, message: Any, *, more: bool = False) -> None:
        self.world.answer(self.asked[-1], message, more=more)
        self.ring.run_for(0.1)

    def events(self) -> list[Any]:
        return [e.event for e in self.ring.log.events if isinstance(e.event, PackageInstalled)]


@pytest.fixture
def disk() -> Callable[[], Disk]:
    return Disk


def test_a_question_is_answered_past_the_depot_even_if_it_dies(disk: Callable[[], Disk]) -> None:
    there = disk()
    answers = there.ask(ResolvePackage("acme/web"))
    there.world.cells["depot"].kill("killed")
    there.ring.run_for(1.0)
    there.answer(PackageResolved(INFO))
    assert [a.message for a in answers] == [PackageResolved(INFO)]


def test_an_install_streams_progress_and_leaves_an_event(disk: Callable[[], Disk]) -> None:
    there = disk()
    answers = there.ask(InstallPackage("/x.hart"))
    there.answer(Progress("working"), more=True)
    there.answer(PackageResolved(INFO, installed=True))
    assert [(type(a.message).__name__, a.more) for a in answers] == [
        ("Progress", True),
        ("PackageResolved", False),
    ]
    assert there.events() == [PackageInstalled("acme/web/1/2", "/x.hart")]


def test_a_refusal_passes_and_an_install_that_found_it_there_is_no_event(
    disk: Callable[[], Disk],
) -> None:
    there = disk()
    refused = there.ask(InstallPackage("/x.hart"))
    there.answer(CallFailed("Refused", "no", "bad-package"))
    assert refused[-1].message.code == "bad-package"  # type: ignore[attr-defined]
    found = there.ask(ResolvePackage("acme/web", install=True))
    there.answer(PackageResolved(INFO))
    assert found[-1].message == PackageResolved(INFO)
    assert there.events() == []
