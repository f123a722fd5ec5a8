"""Machines for the tests of one supervisor: a fresh one a test, or one a module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from supervisor_rig import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine on which nothing was started yet."""
    machine = Machine(tmp_path / "hab")
    yield machine
    machine.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with a supervisor up, shared by the tests of a module."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "hab")
    machine.start()
    yield machine
    machine.end()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """Further machines, by root and name; ended in reverse."""
    with ExitStack() as stack:

        def make(root: str = "hab", **options: Any) -> Machine:
            machine = Machine(tmp_path / root, **options)
            stack.callback(machine.end)
            return machine

        yield make
