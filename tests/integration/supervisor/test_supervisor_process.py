"""The processes of one supervisor: its lock, its signals, its death, a service manager, pid 1."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from supervisor_rig import HAB, ROOT, Machine, alive, eventually

UNSHARE = ("unshare", *(() if ROOT else ("--user", "--map-root-user")), "--pid", "--fork")


def _can_be_pid_1() -> bool:
    try:
        tried = subprocess.run([*UNSHARE, "--mount-proc", "true"], capture_output=True, check=False)
    except OSError:
        return False
    return tried.returncode == 0


def test_the_lock_is_what_counts_and_not_what_stands_in_it(machine: Machine) -> None:
    machine.layout.supervisor.mkdir(parents=True)
    machine.layout.lock.write_text(f"{os.getpid()}\n")  # alive, and somebody else
    assert "is not held" in machine.hab("sup", "term").out
    machine.start()
    launcher = machine.ready().launcher_pid
    assert machine.layout.lock.read_text() == f"{launcher}\n"

    second = machine.hab("sup", "run", "--listen-gossip", "127.0.0.1:1", check=False)
    assert second.code == 1
    assert "Could not acquire exclusive lock on lock file" in second.err
    assert f"held by pid {launcher}" in second.err
    assert "--override-name" in second.err
    assert machine.ready().launcher_pid == launcher


def test_signals_to_the_launcher(machine: Machine) -> None:
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    pid, before = machine.up("web"), machine.ready()
    for swallowed in (signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(before.launcher_pid, swallowed)
    os.kill(before.launcher_pid, signal.SIGHUP)
    after = eventually(
        "another supervisor process",
        lambda: (i := machine.info()) and i.supervisor_pid != before.supervisor_pid and i,
    )
    assert after
    assert after.launcher_pid == before.launcher_pid
    assert machine.up("web") == pid
    os.kill(before.launcher_pid, signal.SIGINT)
    assert machine.wait() == 0
    assert not alive(pid)
    assert machine.said().endswith("hab-launch(MN): Hasta la vista, services.\n")


def test_a_killed_supervisor_is_back_within_ten_seconds_beside_its_services(
    machine: Machine,
) -> None:
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    pid, before = machine.up("web"), machine.supervisor()
    os.kill(before, signal.SIGKILL)
    eventually(
        "it answers again",
        lambda: (i := machine.info()) and i.supervisor_pid != before,
        within_s=10.0,
    )
    assert machine.up("web") == pid
    assert machine.events("ProcessAdopted")[-1].fields["pid"] == pid


def test_services_outlive_a_killed_launcher_and_the_next_one_adopts_them(
    machine: Machine,
) -> None:
    machine.package("acme/web", hooks={"post-stop": "echo over"})
    machine.start()
    machine.hab("svc", "load", "acme/web")
    pid, before = machine.up("web"), machine.ready()
    os.kill(before.launcher_pid, signal.SIGKILL)
    machine.wait()
    eventually("its supervisor ends too", lambda: not alive(before.supervisor_pid))
    assert alive(pid)
    machine.start()
    assert machine.up("web") == pid
    machine.hab("svc", "stop", "web")
    assert not alive(pid)
    assert machine.services()["web"].last_exit == "unknown", "nobody can know the code"
    assert machine.hab("svc", "logs", "web", "--hook", "post-stop").out == "over\n"


def test_a_supervisor_that_departs_ends_with_86_and_its_services(machine: Machine) -> None:
    machine.start()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    pid = machine.up("web")
    machine.hab("sup", "depart", machine.ready().member_id[:8])
    assert machine.wait() == 86
    assert not alive(pid)


def test_a_service_manager_hears_of_readiness_and_of_the_end(machine: Machine) -> None:
    path = machine.root / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        machine.environment["NOTIFY_SOCKET"] = str(path)
        machine.start(ready=False)
        assert manager.recv(4096).startswith(b"READY=1")
        machine.ready(within_s=2.0)
        machine.hab("svc", "load", "--cmd", "env", "--name", "env", check=False)
        assert "NOTIFY_SOCKET" not in machine.hab("svc", "logs", "env").out
        machine.hab("sup", "term")
        assert manager.recv(4096).startswith(b"STOPPING=1")


def test_orphans_of_services_are_reaped(machine: Machine) -> None:
    machine.start()
    command = "sh -c '(setsid sh -c \"echo \\$\\$ > orphan; sleep 0.3\" &); exec sleep 1000'"
    machine.hab("svc", "load", "--cmd", command, "--name", "web", "--cwd", str(machine.root))
    orphan = eventually("it runs", lambda: _number(machine.root / "orphan"))
    launcher = machine.ready().launcher_pid
    parents = set()
    while (line := _stat(orphan)) is not None:
        parents.add(line)
        time.sleep(0.02)
    assert launcher in parents, "it was handed to the launcher, and no zombie is left"


@pytest.mark.skipif(not _can_be_pid_1(), reason="this user may not make a pid namespace here")
def test_as_pid_1_it_reaps_and_ends_everything(machine: Machine) -> None:
    """In a pid namespace of its own, as in a container whose entry point is `hab sup run`."""
    machine.as_user = (*UNSHARE, "--mount-proc", "--kill-child")
    machine.environment["HAB_LISTEN_CTL"] = f"127.0.0.1:{machine.ctl}"
    machine.start()
    assert machine.ready().launcher_pid == 1
    inner = Machine(machine.root)
    inner.environment["HAB_LISTEN_CTL"] = machine.environment["HAB_LISTEN_CTL"]
    inner.hab(
        "svc", "load", "--cmd", "sh -c '(setsid sleep 0.2 &); exec sleep 1000'", "--name", "a"
    )
    inner.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    eventually("no zombie is left", lambda: not _zombies_of(machine))
    inner.hab("svc", "unload", "a")
    done = subprocess.run([HAB, "sup", "restart"], env=inner.environment, check=False)
    assert done.returncode == 0
    inner.hab("sup", "term", "--remote-sup", f"127.0.0.1:{machine.ctl}")
    assert machine.wait() == 0
    machine.as_user = ()


def _zombies_of(machine: Machine) -> list[int]:
    """Zombies that are children of the namespace's pid 1."""
    assert machine.launcher is not None
    inside = {int(p) for p in _children(machine.launcher.pid)}
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and (found := _line(entry)) is not None
        and found[0] == "Z"
        and found[1] in inside
    ]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _line(entry: Path) -> tuple[str, int] | None:
    """State and parent of a process."""
    try:
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return state, int(parent)


def _stat(pid: int) -> int | None:
    found = _line(Path(f"/proc/{pid}"))
    return found[1] if found else None


def _number(path: Path) -> int:
    found = re.fullmatch(r"(\d+)\n", path.read_text()) if path.exists() else None
    return int(found[1]) if found else 0
