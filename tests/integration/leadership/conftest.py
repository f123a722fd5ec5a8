"""Where the tests of leadership find the rigs of a ring and of one supervisor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for directory in (HERE, HERE.parent / "ring", HERE.parent / "supervisor"):
    sys.path.insert(0, str(directory))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Tell of a long run while it goes on."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="")  # noqa: T201 - what a long run is for

    return tell
