"""What a build puts beside the program: configuration, hooks, binaries without their symbols."""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from actors.depot.metadata import HOOKS
from actors.errors import Refused

EXCLUDED: Final = ("*.sw?", "*~", "*.bak")  # what editors leave behind
_ET_EXEC, _ET_DYN = 2, 3  # of an ELF header


def copy_templates(source: Path, into: Path, patterns: Sequence[str] = EXCLUDED) -> None:
    """Copy `config` or `config_install`, but for names of the `patterns`; links are followed."""

    def left_out(_: str, names: list[str]) -> set[str]:
        return {n for n in names if any(fnmatch.fnmatch(n, pattern) for pattern in patterns)}

    shutil.copytree(source, into, ignore=left_out, dirs_exist_ok=True)


def copy_hooks(source: Path, into: Path) -> None:
    """Copy hooks, executable, those Habitat knows without their extension (`run.sh` → `run`).

    Raises Refused where two files are the same hook, and for a hook with Windows' line ends.
    """
    into.mkdir(exist_ok=True)
    taken: dict[str, str] = {}
    for path in sorted(source.iterdir()):
        if not path.is_file():
            continue
        name = path.stem if path.stem in HOOKS else path.name
        if name in taken:
            raise Refused(f"hooks/{taken[name]} and hooks/{path.name} are the same hook", "plan")
        taken[name] = path.name
        data = path.read_bytes()
        if name in HOOKS and data.split(b"\n", 1)[0].endswith(b"\r"):
            raise Refused(
                f"hooks/{path.name} has the line ends of Windows (CRLF); no shell runs it", "plan"
            )
        (into / name).write_bytes(data)
        (into / name).chmod(0o755)


def strip_symbols(place: Path, say: Callable[[str], None]) -> None:
    """Strip the ELF files and archives below `place`; what cannot be stripped is said and kept."""
    program = shutil.which("strip")
    if program is None:
        say("strip is not in PATH: binaries keep their symbols")
        return
    for path in _files(place):
        how = _how_to_strip(path)
        if how:
            done = subprocess.run(
                [program, how, str(path)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                say(f"{path.name} is not stripped: {done.stderr.strip()[:200]}")


def _files(place: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(place):
        names.sort()
        for name in sorted(files):
            path = Path(directory, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWUSR:
                yield path


def _how_to_strip(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(20)
    if head.startswith(b"!<arch>\n"):
        return "--strip-debug"
    if not head.startswith(b"\x7fELF") or len(head) < 20:
        return ""
    kind = int.from_bytes(head[16:18], "little" if head[5] == 1 else "big")
    return {_ET_EXEC: "--strip-all", _ET_DYN: "--strip-unneeded"}.get(kind, "")
