"""A root with a key and a plan's directory, and nothing of Habitat's in the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plan_rig import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in list(os.environ):
        if name.startswith("HAB_"):
            monkeypatch.delenv(name)
    return Site(tmp_path)
