"""Rings for the tests of real supervisors: one of a test's own, or three peers a module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from ring_rig import Ring


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    """A ring in which nothing was started yet."""
    ring = Ring(tmp_path)
    yield ring
    ring.close()


@pytest.fixture(scope="module")
def open_ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three permanent peers without a ring key, shared by the tests of a module."""
    ring = Ring(tmp_path_factory.mktemp("open"))
    try:
        ring.start(3)
        yield ring
    finally:
        ring.close()


@pytest.fixture(scope="module")
def keyed_ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three permanent peers with the ring key `acme`, shared by the tests of a module."""
    ring = Ring(tmp_path_factory.mktemp("keyed"))
    try:
        ring.start(3, key="acme")
        yield ring
    finally:
        ring.close()
