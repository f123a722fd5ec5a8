"""Where the tests of rollouts find the rigs of a ring, of one supervisor, and of Redis."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for name in ("", "leadership", "ring", "supervisor"):
    sys.path.insert(0, str(HERE.parent / name if name else HERE))
