"""Who a process is: boot id, pid and start time; and the clock all deadlines are on.

A pid alone names whoever has it now. With the boot id and the start time from `/proc/<pid>/stat`
(clock ticks since boot, field 22, proc(5)) it names one process for good; a pidfd opened *before*
the start time is read holds that identity. Where there is no /proc nothing is adopted.
"""

from __future__ import annotations

import os
import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """CLOCK_BOOTTIME in seconds: never steps, goes on while the machine sleeps."""
    return time.clock_gettime(_BOOTTIME)


def boot_id() -> str:
    """The id of this boot of the machine, or empty where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int:
    """When `pid` started, in clock ticks since boot; 0 if there is no such process."""
    fields = stat_fields(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def stat_fields(pid: int) -> list[bytes]:
    """`/proc/<pid>/stat` from the third field (state) on; empty if there is no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        data = os.read(fd, 4096)
    except OSError:
        return []
    finally:
        os.close(fd)
    # The second field is the program's name in parentheses and may hold any byte, ')' too.
    return data.rpartition(b")")[2].split()


def group_is_alive(pgid: int, *, thorough: bool = False) -> bool:
    """Whether the process group has a member.

    `thorough`: the dead but unreaped do not count (their parent may be one who never reaps).
    """
    if pgid <= 1:
        return False
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _has_living_member(pgid) if thorough else True


def _has_living_member(pgid: int) -> bool:
    wanted = str(pgid).encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if len(fields) > 2 and fields[2] == wanted and fields[0] not in (b"Z", b"X"):
                return True
    return False


def open_pidfd(pid: int, ticks: int) -> int | None:
    """A descriptor for the process that has this pid *and* start time; None if it is gone.

    It becomes readable when the process ends.
    """
    if not ticks:
        return None
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    if start_ticks(pid) == ticks and stat_fields(pid)[:1] not in ([b"Z"], [b"X"]):
        return fd
    os.close(fd)
    return None
