"""A folder depot, and packages to put into it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from actors.adapters.depot_folder import FolderDepot

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def depot(tmp_path: Path) -> FolderDepot:
    """An empty folder depot."""
    return FolderDepot(tmp_path / "depot")
