"""The README of this checkout, and a stranger who types it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
sys.path.insert(0, str(Path(__file__).parent))
from readme_reader import Stranger


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """One stranger for the whole README; nothing he started is left behind."""
    stranger = Stranger(tmp_path_factory.mktemp("stranger"))
    yield stranger
    list(stranger.leave())
