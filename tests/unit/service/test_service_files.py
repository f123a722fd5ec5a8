"""A service's files while it runs: what changes them, and what follows, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.depot import ServiceFilesChanged
from actors.messages.groups import GroupFacts, GroupFile
from actors.messages.ring import Census, GroupMember, ServiceInfo
from actors.messages.service import HookFailed, LoadService, ServiceSpec, StopService
from actors.service.reconfiguring import consequence
from actors.simulation.processes import Behaviour

WEB = ServiceSpec(ident="acme/web")
GROUP = "web.default"


def hooks_run(rig: Any, hook: str) -> int:
    return len(rig.hooks("web", hook))


def upload(rig: Any, data: bytes, version: int = 1) -> None:
    rig.facts = GroupFacts({}, {GROUP: (GroupFile(GROUP, "keys.txt", version, data),)})


@pytest.mark.parametrize(
    ("changed", "hooks", "then"),
    [
        ([], ["run"], "nothing"),
        (["config/a"], ["run"], "restart"),
        (["config/a"], ["run", "reconfigure"], "reconfigure"),
        (["hooks/reconfigure"], ["run", "reconfigure"], "reconfigure"),
        (["hooks/reconfigure"], ["run"], "nothing"),
        (["hooks/run", "config/a"], ["run", "reconfigure"], "restart"),
        (["hooks/init"], ["run", "init", "reconfigure"], "restart"),
        (["hooks/post-run"], ["run", "reconfigure"], "restart"),
        (["hooks/health-check", "hooks/post-stop"], ["run", "reconfigure"], "nothing"),
        (["files/keys.txt"], ["run"], "nothing"),
    ],
)
def test_what_follows_from_changed_files_is_habitats_table(
    changed: list[str], hooks: list[str], then: str
) -> None:
    assert consequence(changed, hooks) == then


def test_a_file_uploaded_before_the_load_is_there_before_init(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "init", "file-updated")))
    upload(rig, b"one")
    assert rig.command(LoadService(WEB))[-1].outcome == "up"
    assert rig.shelf.written["web"]["files/keys.txt"] == b"one"
    assert hooks_run(rig, "file-updated") == 0


def test_an_uploaded_file_is_written_and_its_hook_runs_without_a_restart(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "file-updated")))
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    for version, data in enumerate((b"one", b"two"), 1):
        upload(rig, data, version)
        rig.until(lambda number=version: hooks_run(rig, "file-updated") == number)
        assert rig.shelf.written["web"]["files/keys.txt"] == data
    assert rig.pid("web") == pid
    assert [e.changed for e in rig.events(ServiceFilesChanged)] == ["files/keys.txt"] * 2


def test_a_hook_that_still_runs_is_run_once_more_afterwards(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "file-updated")))
    rig.programs["hook:web:file-updated"] = Behaviour(runs_s=15.0)
    rig.command(LoadService(WEB))
    for version in (1, 2, 3):
        upload(rig, b"%d" % version, version)
        rig.run(4.0)
    assert hooks_run(rig, "file-updated") == 1
    rig.run(30.0)
    assert hooks_run(rig, "file-updated") == 2


def test_a_failed_hook_is_said_and_the_service_goes_on(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "file-updated")))
    rig.programs["hook:web:file-updated"] = Behaviour(runs_s=0.1, code=3)
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    upload(rig, b"one")
    rig.until(lambda: bool(rig.events(HookFailed)))
    (failed,) = rig.events(HookFailed)
    assert (failed.hook, failed.how) == ("file-updated", "exited with status code 3")
    assert rig.pid("web") == pid


def test_what_happens_elsewhere_in_the_ring_writes_nothing(rig: Any) -> None:
    rig.command(LoadService(WEB))
    for version in (2, 3):
        info = ServiceInfo("m" * 32, "other.default", "acme/other/1/2", health=f"h{version}")
        rig.census = Census(version, {"other.default": (GroupMember(info, "alive"),)})
        rig.run(6.0)
    assert not rig.events(ServiceFilesChanged)


def test_a_killed_actor_and_supervisor_write_nothing_anew(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "file-updated")))
    upload(rig, b"one")
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    rig.kill("service/web")
    rig.run(7.0)
    rig.machine.kill_supervisor()
    rig.run(12.0)
    assert not rig.events(ServiceFilesChanged)
    assert rig.pid("web") == pid
    upload(rig, b"two", 2)
    rig.until(lambda: hooks_run(rig, "file-updated") == 1)
    assert rig.pid("web") == pid


def test_a_stopped_service_takes_nothing_until_it_starts(rig: Any) -> None:
    rig.command(LoadService(WEB))
    rig.command(StopService("web"))
    upload(rig, b"one")
    rig.run(12.0)
    assert "files/keys.txt" not in rig.shelf.written["web"]
