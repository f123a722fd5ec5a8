"""Where the tests of leadership find the rigs of a ring and of one supervisor."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for directory in (HERE, HERE.parent / "ring", HERE.parent / "supervisor"):
    sys.path.insert(0, str(directory))
