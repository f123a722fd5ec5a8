"""A folder depot, and packages to put into it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from actors.adapters.depot_folder import FolderDepot
from actors.adapters.depot_server import ServeLimits

sys.path.insert(0, str(Path(__file__).parent))
from depot_rig import Here

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
from supervisor_rig import Machine


@pytest.fixture
def depot(tmp_path: Path) -> FolderDepot:
    """An empty folder depot."""
    return FolderDepot(tmp_path / "depot")


@pytest.fixture
def server(depot: FolderDepot, tmp_path: Path) -> Iterator[Here]:
    """A depot server over the folder of `depot`, with one token for all and one for `acme`."""
    tokens = tmp_path / "tokens"
    tokens.write_text("# who may write\nfor-all-origins\nfor-acme-only acme\n")
    depot.prepare()
    with Here(depot, tokens) as here:
        yield here


@pytest.fixture
def impatient(depot: FolderDepot, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of a server that waits half a second for everything."""
    tokens = tmp_path / "tokens"
    tokens.write_text("for-acme-only acme\n")
    with Here(depot, tokens, ServeLimits(head_s=0.5, stall_s=0.5)) as here:
        yield here.address


@pytest.fixture
def client(server: Here) -> Iterator[httpx.Client]:
    """Asks the server, as anybody does."""
    with httpx.Client(base_url=f"{server.url}/v1", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose supervisor asks depots without a proxy."""
    machine = Machine(tmp_path / "hab")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        machine.environment.pop(name, None)
    yield machine
    machine.end()
