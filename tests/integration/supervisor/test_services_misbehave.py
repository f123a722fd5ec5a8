"""Services and hooks that fail, hang, flood and leave children: nobody else notices."""

from __future__ import annotations

import getpass
import json
import pwd
import subprocess
import time

from supervisor_rig import HAB, ROOT, Machine, alive, eventually

from actors.messages.service import ServiceStatus


def test_hooks_that_hang_hold_up_nobody_else_and_end_with_the_stop(machine: Machine) -> None:
    machine.package("acme/stuck", hooks={"init": "sleep 1001 & sleep 1002"})
    machine.package("acme/sick", hooks={"health-check": "sleep 1003", "post-run": "sleep 1004"})
    machine.start()
    waited = machine.hab("svc", "load", "acme/stuck", "--timeout", "1", check=False)
    assert waited.code == 7
    assert "init hook runs" in machine.hab("svc", "status", "stuck").err
    machine.hab("svc", "load", "acme/sick", "--timeout", "10")
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "well", "--timeout", "10")
    machine.hab("svc", "stop", "stuck", "--timeout", "10")
    machine.hab("svc", "stop", "sick", "--timeout", "10")
    left = " ".join(machine.processes().values())
    assert not [number for number in ("1001", "1002", "1003", "1004") if f"sleep {number}" in left]
    assert machine.stage("well") == "up"


def test_signal_and_patience_of_a_stop_command_line_before_spec_before_package(
    machine: Machine,
) -> None:
    deaf = "trap '' TERM; trap 'echo heard INT' INT; while :; do sleep 0.1; done"
    machine.package("acme/deaf", run=deaf, SHUTDOWN_SIGNAL="INT", SHUTDOWN_TIMEOUT="1")
    machine.package("acme/tree", run="sleep 1001 & sleep 1002 & exec sleep 1003")
    machine.start()

    def stop(*words: str) -> float:
        began = time.monotonic()
        machine.hab("svc", "stop", "deaf", *words)
        assert machine.services()["deaf"].last_exit == "signal 9"
        return time.monotonic() - began

    machine.hab("svc", "load", "acme/deaf")
    assert 1.0 <= stop() < 3.0, "the package's"
    assert "heard INT" in machine.hab("svc", "logs", "deaf").out
    machine.hab("svc", "update", "deaf", "--shutdown-timeout", "3")
    machine.hab("svc", "start", "deaf")
    assert 3.0 <= stop() < 8.0, "the spec's"
    machine.hab("svc", "start", "deaf")
    assert stop("--shutdown-timeout", "0") < 3.0, "the command line's"

    machine.hab("svc", "load", "acme/tree")
    pid = machine.up("tree")
    machine.hab("svc", "stop", "tree")
    assert not alive(pid)
    assert "sleep 100" not in " ".join(machine.processes().values()), "the whole group ends"


def test_a_service_and_its_hooks_run_as_whom_the_package_names_if_anybody_can(
    machine: Machine,
) -> None:
    """Root becomes the package's user; whoever is not root runs everything as himself."""
    me, named = getpass.getuser(), "nobody"
    group = subprocess.run(
        ["id", "-gn", named], capture_output=True, text=True, check=True
    ).stdout.strip()
    hooks = {"init": "id -un; touch var/mine", "health-check": "id -un; exit 1"}
    run = "id -un; echo $HOME ${USER:-none}; id -gn; touch data/mine && echo owned; exec sleep 1000"
    machine.package("acme/web", run=run, hooks=hooks, SVC_USER=named, SVC_GROUP=group)
    for directory in (machine.root, *machine.root.parents[:3]):
        if directory.owner() == me:
            directory.chmod(directory.stat().st_mode | 0o011)
    machine.start()
    machine.hab("svc", "load", "acme/web")
    runs_as = named if ROOT else me
    said = machine.hab("svc", "logs", "web").out.split()
    assert (said[0], said[-1]) == (runs_as, "owned")
    if ROOT:
        assert said[1:3] == [pwd.getpwnam(named).pw_dir, named], "not root's"
    else:
        assert said[1] == machine.environment["HOME"]
    assert machine.hab("svc", "logs", "web", "--hook", "init").out.split() == [runs_as]
    status = eventually("it was checked", lambda: _checked(machine))
    assert status == "warning"
    logs = machine.layout.services / "web" / "logs"
    assert (logs / "health-check.stdout.log").read_text().split() == [runs_as]

    machine.package("acme/lost", SVC_USER="nobody-has-this-name")
    lost = machine.hab("svc", "load", "acme/lost", check=False)
    if ROOT:
        assert lost.code == 1
        assert "user nobody-has-this-name of acme/lost" in lost.err
        assert "useradd" in lost.err
    else:
        assert (lost.code, machine.stage("lost")) == (0, "up")

    machine.package("acme/plain", run="id -un; exec sleep 1000", SVC_USER="hab", SVC_GROUP="hab")
    machine.hab("svc", "load", "acme/plain")  # nobody chose that account
    there = any(each.pw_name == "hab" for each in pwd.getpwall())
    runs_as = "hab" if ROOT and there else me
    assert machine.hab("svc", "logs", "plain").out.split() == [runs_as]
    if ROOT and not there:
        eventually("it was said", lambda: "plain: there is no account hab here" in machine.said())


def _checked(machine: Machine) -> str:
    health = machine.services()["web"].health
    return "" if health == "unknown" else health


def test_a_log_is_bounded_and_followed_over_its_rotations(machine: Machine) -> None:
    """A line written between the last copying and the emptying is lost: one a rotation at most."""
    lines = 300
    loop = f"i=0; while [ $i -lt {lines} ]; do echo line $i; i=$((i+1)); sleep 0.005; done"
    waits = "echo ready; while [ ! -e data/go ]; do sleep 0.05; done"
    machine.package("acme/flood", run=f"{waits}; {loop}; echo end; exec sleep 1000")
    machine.start("--log-size", "300", "--log-files", "4")
    machine.hab("svc", "load", "acme/flood")
    following = subprocess.Popen(
        [HAB, "svc", "logs", "-f", "flood", "--json"],
        env=machine.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    heard: list[str] = []
    try:
        assert following.stdout is not None
        while "end" not in heard:
            record = json.loads(following.stdout.readline())
            assert record["schema"] == "svc.logs/1"
            heard.append(record["text"])
            if heard == ["ready"]:
                (machine.layout.services / "flood" / "data" / "go").touch()
    finally:
        following.kill()
        following.communicate()
    numbers = [int(text.removeprefix("line ")) for text in heard if text.startswith("line ")]
    assert numbers == sorted(set(numbers)), "no line twice, and none before an earlier one"
    assert lines - len(numbers) <= 5, "rotation costs lines"
    logs = machine.layout.services / "flood" / "logs"
    assert len(list(logs.glob("flood.stdout.log.*"))) == 4


def test_a_command_for_one_service_is_answered_while_another_dies_all_the_time(
    machine: Machine,
) -> None:
    machine.package("acme/dying", run="exit 3")
    words = ("--service-min-backoff-period", "0s", "--service-max-backoff-period", "0s")
    machine.start(*words)
    machine.hab("svc", "load", "acme/dying", "--no-wait")
    began = time.monotonic()
    machine.hab("svc", "load", "--cmd", "sleep 1000", "--name", "web")
    machine.hab("svc", "restart", "web")
    assert time.monotonic() - began < 10.0
    status = eventually("it was tried often", lambda: _often(machine))
    assert status
    assert status.last_exit == "exit 3"
    assert "dying is gone" in machine.hab("svc", "unload", "acme/dying").out


def _often(machine: Machine) -> ServiceStatus | None:
    status = machine.services()["dying"]
    return status if status.restarts > 5 else None
