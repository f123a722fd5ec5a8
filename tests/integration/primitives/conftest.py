"""A ring of three supervisors under a ring key, on loopback; the second starts actors of ours."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import actors

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
sys.path.insert(0, str(Path(__file__).parent))
from primitives_rig import MODULE, NAMES, SOURCE, Ring, start, whole
from supervisor_rig import Machine


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The actor class, importable here and where a supervisor is started with this directory."""
    directory = tmp_path_factory.mktemp("modules")
    (directory / f"{MODULE}.py").write_text(SOURCE)
    sys.path.insert(0, str(directory))
    yield importlib.import_module(MODULE).Tally
    sys.path.remove(str(directory))
    del sys.modules[MODULE]


@pytest.fixture(scope="module")
def ring(tally: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Supervisors `one`, `two`, `three`, by name; `two` and `three` allow the module."""
    root = tmp_path_factory.mktemp("ring")
    machines = [Machine(root, name) for name in NAMES]
    machines[0].hab("ring", "key", "generate", "prod")
    try:
        for machine in machines:
            allow = () if machine is machines[0] else ("--allow-actors", MODULE)
            start(machine, machines, *allow)
        whole(machines)
        yield dict(zip(NAMES, machines, strict=True))
    finally:
        for machine in machines:
            machine.end()


@pytest.fixture
def connect() -> Iterator[Callable[[Machine], None]]:
    """Make this program a driver of a machine's supervisor."""

    def to(machine: Machine) -> None:
        secret = machine.layout.secret.read_text().strip()
        actors.init(str(machine.layout.control_socket), secret=secret)

    yield to
    actors.shutdown()


@pytest.fixture
def driver(ring: Ring, connect: Callable[[Machine], None]) -> Ring:
    """The ring, with this program as a driver of `one`."""
    connect(ring["one"])
    return ring
