"""The launcher with real processes: what dies, what lives on, and with which exit code."""

import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.launcher import lock, protocol
from actors.launcher.identity import boottime
from actors.launcher.main import main
from actors.launcher.supervision import NO_CONNECTION, TIMED_OUT

sys.path.insert(0, str(Path(__file__).parent))
from launcher_rig import ROOT, SUPERVISOR, Rig, alive, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process identity needs /proc")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.end()


def test_a_killed_supervisor_comes_back_and_finds_its_services_under_the_same_pids(
    rig: Rig,
) -> None:
    launcher = rig.start()
    first = rig.supervisor()
    pid = rig.run("service:a", "exec sleep 60", owner="service/a")
    hook = rig.run("hook:a:init:1", "exec sleep 60", owner="service/a", ends_with_owner=True)
    os.kill(first, signal.SIGKILL)
    second = rig.supervisor(life=2)
    assert second != first
    assert launcher.poll() is None
    rig.send(protocol.List("l"))
    listing = rig.heard(protocol.Listing, ask="l")
    assert [(p.key, p.pid) for p in listing.processes] == [("service:a", pid)]
    assert alive(pid)
    assert not alive(hook)


def test_an_end_that_no_supervisor_saw_is_told_to_the_next(rig: Rig) -> None:
    rig.start()
    first = rig.supervisor()
    rig.run("service:a", "while [ ! -e go ]; do sleep 0.02; done; exit 3", cwd=str(rig.root))
    os.kill(first, signal.SIGKILL)
    (rig.root / "go").touch()
    rig.supervisor(life=2)
    rig.send(protocol.Own("o", "service:a", "service/a"))
    end = rig.heard(protocol.Exited, key="service:a", asks=("o",))
    assert (end.code, end.ended_by) == (3, "itself")


@pytest.mark.parametrize(("code", "launchers"), [(84, 0), (86, 86)])
def test_a_supervisor_that_ends_for_good_takes_its_services_along(
    rig: Rig, code: int, launchers: int
) -> None:
    launcher = rig.start()
    rig.supervisor()
    pid = rig.run("service:a", "exec sleep 60")
    rig.order(f"exit({code})")
    assert launcher.wait(10) == launchers
    assert not alive(pid)
    assert not (rig.root / "launcher.json").exists()


@pytest.mark.parametrize("code", [0, 1])
def test_any_other_exit_code_restarts_the_supervisor_alone(rig: Rig, code: int) -> None:
    launcher = rig.start()
    rig.supervisor()
    pid = rig.run("service:a", "exec sleep 60")
    rig.order(f"exit({code})")
    rig.supervisor(life=2)
    assert launcher.poll() is None
    assert alive(pid)


def test_hup_restarts_the_supervisor_and_leaves_services_alone(rig: Rig) -> None:
    launcher = rig.start()
    rig.supervisor()
    pid = rig.run("service:a", "exec sleep 60")
    launcher.send_signal(signal.SIGHUP)
    rig.heard(protocol.StopRequest, how="restart")
    rig.supervisor(life=2)
    assert launcher.poll() is None
    assert alive(pid)


def test_services_outlive_a_killed_launcher_and_the_next_one_adopts_them(rig: Rig) -> None:
    launcher = rig.start()
    rig.supervisor()
    out = str(rig.root / "a.out")
    script = "while [ ! -e go ]; do sleep 0.02; done; echo after; while :; do sleep 1; done"
    pid = rig.run("service:a", script, cwd=str(rig.root), stdout=out, prefix="a.default")
    led = rig.run("service:l", "exec sleep 60", leader_until_s=boottime() + 60)
    hook = rig.run("hook:a:init:1", "exec sleep 60", ends_with_owner=True, owner="service/a")
    launcher.kill()
    launcher.wait()
    assert all(map(alive, (pid, led, hook)))
    rig.start()
    rig.supervisor(life=2)
    rig.send(protocol.List("l"))
    listing = rig.heard(protocol.Listing, ask="l")
    assert [(p.pid, p.adopted) for p in listing.processes if p.key == "service:a"] == [(pid, True)]
    eventually("the leader and the hook are dead", lambda: not alive(led) and not alive(hook))
    assert f"Adopting service:a (pid {pid})" in rig.said()
    assert "unfenced" in rig.said()
    (rig.root / "go").touch()
    eventually("its output is followed again", lambda: "a.default(O): after" in rig.said())
    rig.send(protocol.Stop("s", "service:a", "TERM", 5.0))
    end = rig.heard(protocol.Exited, key="service:a", asks=("s",))
    assert (end.code, end.signal, end.ended_by) == (None, None, "stop")
    assert not alive(pid)


@pytest.mark.parametrize("damage", ["gone", "emptied", "flipped", "cut"])
def test_no_damage_to_the_process_table_makes_a_service_run_twice(rig: Rig, damage: str) -> None:
    launcher = rig.start()
    rig.supervisor()
    out = str(rig.root / "a.out")
    pid = rig.run("service:a", "exec sleep 60", owner="service/a", stdout=out)
    hook = rig.run("hook:a:init:1", "exec sleep 60", owner="service/a", ends_with_owner=True)
    launcher.kill()
    launcher.wait()
    for name in ("launcher.json", "launcher.json.copy"):
        table = rig.root / name
        data = bytearray(table.read_bytes())
        data[20] ^= 1
        match damage:
            case "gone":
                table.unlink()
            case "emptied":
                table.write_bytes(b"")
            case "flipped":
                table.write_bytes(data)
            case _:
                table.write_bytes(data[: len(data) // 2])
    rig.start()
    rig.supervisor(life=2)
    rig.send(protocol.List("l"))
    listing = rig.heard(protocol.Listing, ask="l")
    assert [(p.pid, p.adopted) for p in listing.processes if p.key == "service:a"] == [(pid, True)]
    eventually("the hook ended with its owner", lambda: not alive(hook))
    assert f"service:a (pid {pid}); found by its mark" in rig.said()
    if damage != "gone":
        assert "The process table launcher.json was damaged; set aside as" in rig.said()
        rig.heard(
            protocol.Welcome,
            damaged={name: f"{name}.damaged" for name in ("launcher.json", "launcher.json.copy")},
        )
    env = {"PATH": os.environ["PATH"]}
    rig.send(protocol.Start("again", "service:a", ("/bin/true",), env))
    refused = rig.heard(protocol.StartFailed, ask="again")
    assert refused.reason == f"it already runs as pid {pid}"


def test_an_adopted_pid_that_is_somebody_elses_by_now_is_left_alone(rig: Rig) -> None:
    launcher = rig.start()
    rig.supervisor()
    pid = rig.run("service:a", "exec env -i sleep 60", owner="service/a")  # without a mark
    launcher.kill()
    launcher.wait()
    table = rig.root / "launcher.json"
    rig_pid = os.getpid()
    lines = []
    for line in table.read_bytes().splitlines():
        record = json.loads(line.partition(b" ")[2])
        if record.get("body", {}).get("key") == "service:a":
            record["body"]["pid"] = rig_pid
        text = json.dumps(record).encode()
        lines.append(b"%08x %s\n" % (zlib.crc32(text), text))
    table.write_bytes(b"".join(lines))
    rig.start()
    rig.supervisor(life=2)
    rig.send(protocol.Own("o", "service:a", "service/a"))
    assert rig.heard(protocol.Exited, asks=("o",)).code is None
    assert alive(pid)


def test_term_ends_the_launcher_within_bounds_when_nobody_listens(rig: Rig) -> None:
    (rig.root / "mode").write_text("stubborn")
    launcher = rig.start(end_s=6.0)  # 28.5 in earnest
    supervisor = rig.supervisor()
    pid = rig.run("service:a", "trap '' TERM; while :; do sleep 1; done")
    os.kill(supervisor, signal.SIGSTOP)
    begun = time.monotonic()
    launcher.terminate()
    assert launcher.wait(30) == 0
    assert time.monotonic() - begun < 6.5
    assert not alive(pid)
    assert not alive(supervisor)


def test_a_process_that_ignores_term_is_killed_with_all_its_descendants(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    script = """trap '' TERM
    breed() { while :; do sleep 0.3 & sleep 0.02; done; }
    breed & breed & breed & wait"""
    pid = rig.run("service:bomb", script)
    eventually("it multiplies", lambda: len(_group(pid)) > 12)
    rig.send(protocol.Stop("s", "service:bomb", "TERM", 0.3))
    end = rig.heard(protocol.Exited, key="service:bomb", asks=("s",))
    assert (end.signal, end.ended_by) == (signal.SIGKILL, "stop")
    assert _group(pid) == []


def test_what_is_left_of_a_group_ends_before_the_end_is_told(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    pid = rig.run("service:a", "(trap '' TERM; while :; do sleep 1; done) & sleep 0.2; exit 7")
    end = rig.heard(protocol.Exited, key="service:a")
    assert (end.code, end.pid) == (7, pid)
    assert _group(pid) == []


def test_orphans_are_reaped(rig: Rig) -> None:
    launcher = rig.start()
    rig.supervisor()
    rig.run("service:a", "setsid sh -c 'sleep 0.1 & sleep 0.2' & exec sleep 60")
    rig.run("service:b", "exec sleep 60")

    def zombies() -> list[int]:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] == "Z" and int(fields[1]) == launcher.pid:
                found.append(int(stat.parent.name))
        return found

    eventually("orphans came and went", lambda: len(_children(launcher.pid)) == 3)
    assert zombies() == []


def test_a_leaders_group_dies_at_its_instant_though_the_supervisor_is_stopped(rig: Rig) -> None:
    rig.start()
    supervisor = rig.supervisor()
    log = rig.root / "beats"
    script = f"while :; do date +%s%N >> {log}; sleep 0.005; done"
    pid = rig.run("service:a", script, leader_until_s=boottime() + 0.6)
    until_s = boottime() + 1.0
    rig.send(protocol.Renew("service:a", until_s))
    rig.send(protocol.List("l"))
    rig.heard(protocol.Listing, ask="l")
    os.kill(supervisor, signal.SIGSTOP)
    wall = time.time_ns() / 1e9 - boottime()
    eventually("it is fenced", lambda: not alive(pid), 5)
    os.kill(supervisor, signal.SIGCONT)
    end = rig.heard(protocol.Exited, key="service:a")
    assert (end.signal, end.ended_by) == (signal.SIGKILL, "fence")
    last_s = int(log.read_text().split("\n")[:-1][-1]) / 1e9 - wall
    assert until_s - 0.25 < last_s < until_s + 0.1, "it lived until its instant, not longer"


def test_a_leader_role_start_that_comes_late_is_refused(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    late = protocol.Start("x", "service:a", ("sleep", "9"), {}, leader_until_s=boottime() - 0.01)
    rig.send(late)
    assert "lease ended" in rig.heard(protocol.StartFailed, ask="x").reason


def test_a_hook_over_its_time_is_killed(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    rig.run("hook:a:init:1", "exec sleep 60", timeout_s=0.2)
    assert rig.heard(protocol.Exited, key="hook:a:init:1").ended_by == "timeout"


def test_a_process_starts_clean(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    out = rig.root / "out.log"
    script = (
        "ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0;"
        "grep -E 'Sig(Blk|Ign)' /proc/self/status; env; ulimit -Sn; ps -o sid= -p $$; echo $$"
    )
    pid = rig.run("service:a", script, stdout=str(out), owner="service/a")
    assert rig.heard(protocol.Exited, key="service:a").code == 0
    text = out.read_text()
    assert text.startswith("0 1 2 3 /dev/null\n")
    assert "SigBlk:\t0000000000000000" in text
    assert "SigIgn:\t0000000000000000" in text
    assert "HAB_LAUNCHER_FD" not in text
    assert "HAB_LAUNCHER_PID" not in text
    assert text.split()[-2:] == [str(pid), str(pid)]
    assert out.stat().st_mode & 0o777 == 0o644


def test_a_service_user_has_its_groups_and_owns_its_output(rig: Rig) -> None:
    """Root runs it as nobody; who is not root runs it as himself, and as nobody else."""
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    rig.start()
    rig.supervisor()
    rig.root.chmod(0o755)
    out = rig.root / "logs" / "out.log"
    rig.run("service:a", "id -un; id -gn; id -G", user=user, stdout=str(out))
    assert rig.heard(protocol.Exited, key="service:a").code == 0
    assert out.read_text().split()[0] == user
    assert "0" not in out.read_text().split()[2:]
    assert out.owner() == user
    rig.send(protocol.Start("x", "service:b", ("/bin/true",), {}, user="root"))
    if user != "nobody":
        assert "only root can run it as root" in rig.heard(protocol.StartFailed, ask="x").reason
    else:
        assert rig.heard(protocol.Exited, key="service:b").code == 0


def test_a_link_in_a_log_directory_is_not_followed(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    victim = rig.root / "victim"
    victim.write_text("precious")
    (rig.root / "log").symlink_to(victim)
    start = protocol.Start("x", "service:a", ("/bin/true",), {}, stdout=str(rig.root / "log"))
    rig.send(start)
    assert "output" in rig.heard(protocol.StartFailed, ask="x").reason
    assert victim.read_text() == "precious"


def test_rotation_loses_no_process_and_no_line_of_a_steady_writer(rig: Rig) -> None:
    rig.start(log_size_bytes=20_000, log_keep=3)
    rig.supervisor()
    out = rig.root / "a.out"
    script = "i=0; while [ $i -lt 3000 ]; do echo line-$i-xxxxxxxxxxxxxxxxxx; i=$((i+1)); done"
    rig.run("service:a", f"{script}; sleep 1; echo end", stdout=str(out), prefix="a.default")
    assert rig.heard(protocol.Exited, key="service:a", within_s=20).code == 0
    eventually("all shown", lambda: "a.default(O): end\n" in rig.said())
    assert out.stat().st_size < 200_000
    assert (rig.root / "a.out.1").exists()
    assert not (rig.root / "a.out.4").exists()


def test_both_outputs_may_go_to_one_file_or_nowhere(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    out = str(rig.root / "both")
    rig.run("service:a", "echo one; echo two >&2", stdout=out, stderr=out, prefix="a.default")
    rig.run("service:b", "echo never; echo never >&2", stdout=os.devnull, stderr=os.devnull)
    rig.run("service:c", "echo directly", prefix="c.default")
    for key in ("service:a", "service:b", "service:c"):
        rig.heard(protocol.Exited, key=key)
    said = rig.said()
    assert said.count("a.default(O): one\n") == said.count("a.default(O): two\n") == 1
    assert "(E)" not in said
    assert "never" not in said
    assert "directly\n" in said


def test_a_second_launcher_is_refused_and_leftovers_of_a_lock_are_not_in_the_way(
    rig: Rig, tmp_path: Path
) -> None:
    (rig.root / "LOCK").write_text(f"{os.getpid()}\n")
    launcher = rig.start()
    rig.supervisor()
    assert lock.holder(str(rig.root / "LOCK")) == launcher.pid
    second = rig.start()
    try:
        assert second.wait(5) == 1
        assert "Is another Supervisor process running?" in rig.said()
        assert launcher.poll() is None
        assert lock.holder(str(rig.root / "LOCK")) == launcher.pid
    finally:
        launcher.terminate()
        assert launcher.wait(10) == 0
    assert lock.holder(str(rig.root / "LOCK")) is None


def test_a_supervisor_that_never_registers_ends_the_launcher_with_both_texts(rig: Rig) -> None:
    (rig.root / "mode").write_text("mute")
    launcher = rig.start(connect_timeout_s=0.8)
    assert launcher.wait(5) == 1
    assert TIMED_OUT in rig.said()
    assert NO_CONNECTION in rig.said()
    eventually("no supervisor is left", lambda: not alive(rig.lives()[-1]))


def test_a_mute_successor_is_a_crash_not_the_end(rig: Rig) -> None:
    launcher = rig.start(connect_timeout_s=1.0)
    first = rig.supervisor()
    pid = rig.run("service:a", "exec sleep 60")
    (rig.root / "mode").write_text("mute")
    os.kill(first, signal.SIGKILL)
    eventually("the mute one starts", lambda: len(rig.lives()) == 2)
    (rig.root / "mode").write_text("")
    eventually("a third one registers", lambda: len(rig.lives()) == 3, 10)
    assert launcher.poll() is None
    assert alive(pid)


def test_systemd_hears_ready_and_stopping(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(rig.root / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(rig.root / "notify"))
        launcher = rig.start()
        assert manager.recv(1000) == b"READY=1\nSTATUS=serving"
        launcher.terminate()
        assert manager.recv(1000) == b"STOPPING=1"
        assert launcher.wait(10) == 0


def test_nonsense_from_the_supervisor_costs_it_nothing_but_a_word(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    rig.order('link._out.extend(b\'{]\\n\\xff\\n[1]\\n{"t":"Start","argv":3}\\n\') or None')
    rig.order("link.flush()")
    pid = rig.run("service:a", "exec sleep 60")
    assert alive(pid)
    assert sum(isinstance(report, protocol.Rejected) for report in rig.reports()) == 4


def test_a_launcher_whose_output_nobody_reads_goes_on(rig: Rig) -> None:
    reader, writer = os.pipe()
    try:
        launcher = rig.start(stdout=writer)
    finally:
        os.close(writer)
    rig.supervisor()
    out = str(rig.root / "a.out")
    rig.run("service:a", "yes | head -c 3000000; sleep 60", stdout=out, prefix="a.default")
    rig.run("service:b", "exit 0", owner="service/b")
    rig.heard(protocol.Exited, key="service:b")
    os.close(reader)
    rig.run("service:c", "echo x; exit 0", stdout=out, prefix="c.default", owner="service/c")
    rig.heard(protocol.Exited, key="service:c")
    launcher.terminate()
    assert launcher.wait(15) == 0


def test_becoming_the_launcher_keeps_the_pid_and_sheds_the_memory(rig: Rig) -> None:
    begin = (
        "import os, pathlib, sys, msgspec, zmq; from actors.launcher.main import *;"
        f"argv = (sys.executable, {str(SUPERVISOR)!r}, {str(rig.root)!r});"
        f"become(LauncherOptions({str(rig.root)!r}, argv, dict(os.environ), json_logging=True))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (rig.root / "out").open("wb") as out:
        launcher = subprocess.Popen([sys.executable, "-c", begin], env=env, stdout=out)
    rig.launcher = launcher
    rig.supervisor()
    status = Path(f"/proc/{launcher.pid}/status").read_text()
    assert int(status.partition("VmRSS:")[2].split()[0]) < 18_000
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(10) == 0
    last = json.loads(rig.said().splitlines()[-1])
    assert last["content"] == "Hasta la vista, services."


def test_options_that_are_no_options_are_an_error() -> None:
    for arguments in ([], ["{"], ["[]"], ['{"state_dir":"/", "argv":[], "wat":1}']):
        assert main(arguments) == 2


def _group(pgid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(pgid) and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def _children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
