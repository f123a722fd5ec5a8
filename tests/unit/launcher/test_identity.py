import os
import signal
from pathlib import Path

import pytest

from actors.launcher import lock, process
from actors.launcher.identity import boot_id, group_is_alive, open_pidfd, start_ticks
from actors.launcher.notify import ServiceManager
from actors.launcher.process import Program, SpawnError, signal_number


def test_a_process_is_its_pid_and_its_start() -> None:
    me = os.getpid()
    ticks = start_ticks(me)
    assert ticks > 0
    assert len(boot_id()) == 36
    fd = open_pidfd(me, ticks)
    assert fd is not None
    os.close(fd)
    assert open_pidfd(me, ticks + 1) is None
    assert open_pidfd(me, 0) is None
    assert start_ticks(1 << 22) == 0


def test_the_unreaped_dead_are_no_living_group() -> None:
    child = process.fork(Program(("/bin/true",), {}))
    child.release()
    while child.verdict() is None:
        pass
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert group_is_alive(child.pid)
    assert not group_is_alive(child.pid, thorough=True)
    os.waitpid(child.pid, 0)
    assert not group_is_alive(child.pid)


def test_a_child_whose_gate_is_closed_runs_nothing(tmp_path: Path) -> None:
    child = process.fork(Program(("/bin/sh", "-c", f"touch {tmp_path}/ran"), {}))
    os.close(child.gate)  # as the kernel does when the launcher dies
    assert os.waitpid(child.pid, 0)[1] == 0
    os.close(child.report)
    assert list(tmp_path.iterdir()) == []


def test_signals_are_known_by_any_of_their_names() -> None:
    assert [signal_number(name) for name in ("TERM", "SIGQUIT", "int", "9")] == [15, 3, 2, 9]
    assert signal_number("NONSENSE") == signal.SIGTERM


def test_signals_never_reach_half_the_machine() -> None:
    for pid in (-1, 0, 1):
        process.signal_group(pid, "TERM")
    assert not group_is_alive(0)


def test_output_goes_to_regular_files_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SpawnError, match="regular"):
        process.open_log(str(tmp_path / "fifo"), truncate=False)
    with pytest.raises(SpawnError):
        process.open_log("/nowhere/at/all/log", truncate=False)


def test_a_lock_is_held_by_a_process_and_not_by_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "LOCK")
    assert lock.holder(path) is None
    Path(path).write_text("1\n")
    assert lock.holder(path) is None
    fd = lock.acquire(path)
    assert lock.holder(path) == os.getpid()
    with pytest.raises(lock.LockHeldError, match="Is another Supervisor process running") as error:
        lock.acquire(path)
    assert error.value.holder == os.getpid()
    os.close(fd)
    assert lock.holder(path) is None


def test_a_watchdog_is_fed_in_half_its_time_and_only_by_its_process(tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}
    manager = ServiceManager(env)
    assert manager.watchdog_s == 1.5
    assert env == {}
    manager.alive()  # nobody listens: no harm
    manager.close()
    other = ServiceManager({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"})
    assert other.watchdog_s == float("inf")
    other.close()
