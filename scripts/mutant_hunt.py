"""Hunts mutants and prints what became of each; `tests/simulation/mutants.py` has them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "simulation"))

from mutants import MUTANTS, Hunt, hunt

BROKE = 9  # as `hab sim run` ends when an invariant broke
COLUMNS = "{:<36} {:<48} {:>6} {:>6}  {}"


def main() -> int:
    """All mutants, or those named."""
    names = sys.argv[1:] or list(MUTANTS)
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        print(f"no mutant is called {unknown[0]!r}; there are: {', '.join(MUTANTS)}")
        return 2
    print(COLUMNS.format("mutant", "hunted by", "seeds", "took s", "what broke"))
    return max(_show(name) for name in names)


def _show(name: str) -> int:
    began_s = time.monotonic()
    found = hunt(name)
    took_s = round(time.monotonic() - began_s)
    print(COLUMNS.format(name, found.hunter, found.seeds, took_s, _end(found)), flush=True)
    return BROKE if found.fell_at is None or found.clean_broken else 0


def _end(found: Hunt) -> str:
    if found.clean_broken:
        return f"CLEAN CODE BROKE at seeds {found.clean_broken}"
    return found.broken if found.fell_at is not None else "SURVIVED"


if __name__ == "__main__":
    raise SystemExit(main())
