"""Marks: what the launcher writes into the environment of all it starts, and finds it by.

The process table says what runs; where it is damaged, gone, or could not be written, the processes
themselves still tell, so that no service is ever started beside a living copy of it. A mark names
the state directory (by device and inode: a container's `/hab` is another), the pid it was written
for, and what the table would say. It counts only in the very process it was made for, which leads
its own session as all that the launcher starts, so what inherits an environment is not taken for a
service. Programs that overwrite their environment (to show a title in `ps`) lose it; the
table's second copy is there for them.

A mark can be written by whoever runs a program, so the table is believed first, and where output
goes is taken from processes of the launcher's own user only: it opens and truncates these files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from actors.launcher.identity import stat_fields
from actors.launcher.table import Entry, entry_of

NAME: Final = "HAB_LAUNCHER_MARK"
_TOLD: Final = (
    *("key", "owner", "ends_with_owner", "leader", "stop_signal", "stop_timeout_s"),
    *("prefix", "stdout", "stderr"),
)
_ENVIRON_BYTES_MAX: Final = 4 * 1024 * 1024
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def place(state_dir: str) -> str:
    """What names a state directory on this machine; raises OSError."""
    found = os.stat(state_dir)
    return f"{found.st_dev}.{found.st_ino}"


def mark(where: str, entry: Entry) -> str:
    """The mark of a process that is about to start; its pid is added by the process itself."""
    told = {name: value for name, value in asdict(entry).items() if name in _TOLD}
    return f"{where} {json.dumps(told, separators=(',', ':'))}"


def written(text: str, pid: int) -> str:
    """What stands in the environment of process `pid`."""
    return f"{pid} {text}"


def read(environ: bytes, where: str, pid: int) -> dict[str, Any] | None:
    """What the mark in an environment says, if it is of this place and made for `pid`."""
    before = f"{NAME}={pid} {where} ".encode()
    for variable in environ.split(b"\0"):
        if variable.startswith(before):
            try:
                told = json.loads(variable[len(before) :])
            except (ValueError, RecursionError):
                return None
            return told if isinstance(told, dict) else None
    return None


def unlisted(
    listed: Mapping[str, Entry], alive: Collection[str], found: Iterable[Entry]
) -> dict[str, Entry]:
    """Of the processes found, those of whose key the table knows no living one; the eldest of each.

    `alive` are the keys whose listed process lives.
    """
    chosen: dict[str, Entry] = {}
    for entry in sorted(found, key=lambda entry: (entry.start_ticks, entry.pid)):
        if entry.key in alive:
            continue
        known = listed.get(entry.key)
        if known is not None and (known.pid, known.start_ticks) == (entry.pid, entry.start_ticks):
            continue
        chosen.setdefault(entry.key, entry)
    return chosen


def survivors(where: str) -> Iterator[Entry]:
    """The living processes with a mark of this place."""
    mine = os.geteuid()
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if not name.isdigit():
            continue
        pid = int(name)
        told = read(_environ(pid), where, pid)
        fields = stat_fields(pid) if told is not None else []
        if told is None or len(fields) < 20 or fields[0] in (b"Z", b"X"):
            continue
        if (fields[2], fields[3]) != (name.encode(), name.encode()):  # its group and its session
            continue
        ticks = int(fields[19])
        try:
            body: dict[str, Any] = {key: told[key] for key in _TOLD if key in told}
            entry = entry_of(
                {**body, "pid": pid, "start_ticks": ticks, "started_s": ticks / _TICKS}
            )
            theirs = os.stat(f"/proc/{pid}").st_uid
        except (KeyError, TypeError, ValueError, OSError):
            continue
        yield entry if theirs == mine else replace(entry, stdout="", stderr="")


def _environ(pid: int) -> bytes:
    """A process's environment; empty where we may not see it."""
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        with open(fd, "rb", buffering=0) as file:
            return b"".join(iter(lambda: file.read(65536) or b"", b""))[:_ENVIRON_BYTES_MAX]
    except OSError:
        return b""
