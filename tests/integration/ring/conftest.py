"""Rings for the tests of real supervisors: one of a test's own, or three peers for all.

A ring costs seconds of two cores. Tests that share one find it whole and leave it so: its first
three machines are permanent peers, all alive. Others may have come and gone, services may run, so
whoever asserts that nothing was said counts from its own beginning.
"""

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


@pytest.fixture(scope="session")
def open_ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three permanent peers without a ring key, shared by all tests here."""
    ring = Ring(tmp_path_factory.mktemp("open"))
    try:
        ring.start(3)
        yield ring
    finally:
        ring.close()


@pytest.fixture(scope="session")
def keyed_ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three permanent peers with the ring key `acme`, shared by all tests here."""
    ring = Ring(tmp_path_factory.mktemp("keyed"))
    try:
        ring.start(3, key="acme")
        yield ring
    finally:
        ring.close()
