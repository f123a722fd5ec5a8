"""A service's files while it runs: what changes them, and what follows, on virtual time."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from actors.messages.depot import RenderingFailed, ServiceFilesChanged, TemplateSaid
from actors.messages.gateway import QueryReport, ServiceReport
from actors.messages.groups import GroupConfig, GroupFacts, GroupFile
from actors.messages.ring import (
    Census,
    GroupElection,
    GroupElections,
    GroupMember,
    ServiceInfo,
)
from actors.messages.runtime import CallFailed
from actors.messages.service import HookFailed, LoadService, ServiceSpec, StopService
from actors.service.life import Life, Moment
from actors.service.options import ServiceOptions
from actors.service.reconfiguring import consequence
from actors.service.report import report
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
        (["config/a"], ["run", "reload"], "reconfigure"),
        (["hooks/reload"], ["run", "reload", "reconfigure"], "reconfigure"),
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


# ── templates ──

CONF = {"web.conf": b"port={{cfg.port}} of {{svc.service}}\n"}


def load_templated(
    rig: Any, make_package: Any, names: tuple[str, ...] = ("run",), **templates: Any
) -> Any:
    package = make_package(version="3.0", hooks=names, exports={"port": "port"})
    rig.shelf.add(package, **{"config": CONF, "defaults": b"port = 80\n", **templates})
    return rig.command(LoadService(WEB))[-1]


def conf(rig: Any) -> bytes:
    return bytes(rig.shelf.written["web"].get("config/web.conf", b""))


def apply(rig: Any, data: bytes, version: int = 1) -> None:
    rig.facts = GroupFacts({GROUP: GroupConfig(GROUP, version, data)})


def test_configuration_is_made_from_all_layers(rig: Any, make_package: Any) -> None:
    rig.shelf.user["web"] = b"port = 82\n"
    assert load_templated(rig, make_package).outcome == "up"
    assert conf(rig) == b"port=82 of web\n"
    apply(rig, b"port = 83\n")
    rig.until(lambda: conf(rig) == b"port=83 of web\n")


def test_applied_configuration_restarts_a_service_without_reconfigure_in_the_same_release(
    rig: Any, make_package: Any
) -> None:
    load_templated(rig, make_package)
    pid = rig.pid("web")
    rig.shelf.add(make_package(version="4.0"), config=CONF)  # newer, and not asked for
    apply(rig, b"port = 81\n")
    rig.until(lambda: rig.pid("web") not in (None, pid))
    rig.run(1.0)
    assert conf(rig) == b"port=81 of web\n"
    assert rig.status("web").package.startswith("acme/web/3.0/")
    assert rig.status("web").restarts == 0


def test_applied_configuration_runs_the_reconfigure_hook_where_there_is_one(
    rig: Any, make_package: Any
) -> None:
    load_templated(rig, make_package, ("run", "reconfigure"))
    pid = rig.pid("web")
    apply(rig, b"port = 81\n")
    rig.until(lambda: hooks_run(rig, "reconfigure") == 1)
    assert (conf(rig), rig.pid("web")) == (b"port=81 of web\n", pid)


def test_the_reload_hook_of_an_old_package_is_run_instead_of_a_restart(
    rig: Any, make_package: Any
) -> None:
    load_templated(rig, make_package, ("run", "reload"))
    pid = rig.pid("web")
    apply(rig, b"port = 81\n")
    rig.until(lambda: hooks_run(rig, "reload") == 1)
    assert rig.pid("web") == pid


def test_exports_of_the_merged_configuration_are_told_to_the_ring(
    rig: Any, make_package: Any
) -> None:
    load_templated(rig, make_package, ("run", "reconfigure"))
    assert rig.rumors()[-1].body.exports == {"port": 80}
    apply(rig, b"port = 81\n")
    rig.until(lambda: rig.rumors()[-1].body.exports == {"port": 81})


@pytest.mark.parametrize("whole", [True, False])
def test_exports_are_told_all_the_time_whatever_is_killed(
    rig: Any, make_package: Any, *, whole: bool
) -> None:
    load_templated(rig, make_package, ("run", "reconfigure"))
    pid, before = rig.pid("web"), len(rig.rumors())
    if whole:
        rig.machine.kill_supervisor()
    else:
        rig.kill("service/web")
    rig.until(lambda: any(rumor.body.up for rumor in rig.rumors()[before:]))
    rig.run(5.0)
    assert {rumor.body.exports.get("port") for rumor in rig.rumors()[before:]} == {80}
    assert rig.pid("web") == pid


def test_a_bound_group_that_changes_is_followed(rig: Any, make_package: Any) -> None:
    follow = {"web.conf": b"{{#each bind.db.members as |m|}}{{m.cfg.port}};{{/each}}"}
    package = make_package(version="3.0", hooks=("run", "reconfigure"), binds={"db": ("port",)})
    rig.shelf.add(package, config=follow)

    def tell(version: int, port: int) -> None:
        info = ServiceInfo("m" * 32, "db.default", "acme/db/1/2", up=True, exports={"port": port})
        rig.census = Census(version, {"db.default": (GroupMember(info, "alive"),)})

    tell(2, 5432)
    bound = ServiceSpec(ident="acme/web", binds=("db:db.default",))
    assert rig.command(LoadService(bound, ("binds",)))[-1].outcome == "up"
    pid = rig.pid("web")
    assert conf(rig) == b"5432;"
    tell(3, 5433)
    rig.until(lambda: conf(rig) == b"5433;")
    assert rig.pid("web") == pid
    rig.census = Census(4, {})
    rig.until(lambda: conf(rig) == b"")
    assert rig.pid("web") == pid, "a bind that is gone does not end a running service"


def test_a_template_that_cannot_be_rendered_fails_the_start_with_its_place(
    rig: Any, make_package: Any
) -> None:
    broken = {"web.conf": b"fine\n{{toUppercase cfg.port}}\n"}
    failed = load_templated(rig, make_package, config=broken)
    assert failed.outcome == "failed"
    assert "config/web.conf:2:" in failed.reason
    assert rig.pid("web") is None
    apply(rig, b'port = "a"\n')
    rig.until(lambda: rig.pid("web") is not None, 90.0)
    assert conf(rig) == b"fine\nA\n"


def test_bad_configuration_leaves_a_running_service_and_its_files_as_they_are(
    rig: Any, make_package: Any
) -> None:
    load_templated(rig, make_package)
    pid, before = rig.pid("web"), conf(rig)
    for version, bad in enumerate((b"port =", b"\xff", b"[" * 100), 1):
        apply(rig, bad, version)
        rig.until(lambda number=version: len(rig.events(RenderingFailed)) == number)
        assert "configuration version" in rig.events(RenderingFailed)[-1].reason
    assert (rig.pid("web"), conf(rig)) == (pid, before)
    apply(rig, b"port = 90\n", 9)
    rig.until(lambda: conf(rig) == b"port=90 of web\n")


def test_a_hook_that_cannot_be_read_is_left_out_and_said(rig: Any, make_package: Any) -> None:
    hooks = {"health-check": b"{{#if"}
    assert load_templated(rig, make_package, ("run", "health-check"), hooks=hooks).outcome == "up"
    assert hooks_run(rig, "health-check") == 0
    assert "hooks/health-check" in rig.events(TemplateSaid)[0].said


def test_a_run_hook_that_cannot_be_read_fails_the_start(rig: Any, make_package: Any) -> None:
    package = make_package(version="3.0", hooks=("run",))
    rig.shelf.add(package, hooks={"run": b"{{#each"})
    answer = rig.command(LoadService(WEB))[-1]
    assert answer.outcome == "failed"
    assert "hooks/run:1:" in answer.reason


# ── what it tells about itself ──


def test_who_knows_nothing_yet_reports_nothing(rig: Any) -> None:
    options = ServiceOptions("/hab", "/hab/svc")
    at = Moment(0.0, Random(1), "1", "m", options)
    assert isinstance(report(Life("web"), at), CallFailed)


def test_a_report_has_the_configuration_in_force_and_the_last_unwanted_end(
    rig: Any, make_package: Any
) -> None:
    rig.programs["service:web"] = Behaviour(runs_s=5.0, code=3)
    load_templated(rig, make_package)
    rig.until(lambda: rig.pid("web") is None)
    rig.run(0.1)
    (told,) = rig.command(QueryReport(), to="service/web")
    assert isinstance(told, ServiceReport)
    assert told.values == {"port": 80}
    assert (told.status.stage, told.hooks) == ("backoff", ("run",))
    assert told.ended_pid is not None
    assert 0 <= told.ended_s < 1


def test_who_is_bound_to_a_group_follows_its_leader(rig: Any, make_package: Any) -> None:
    package = make_package(version="2.0", hooks=("run", "reconfigure"), binds={"db": ()})
    text = b"{{#with bind.db.leader}}{{member_id}}{{/with}} {{bind.db.first.member_id}}"
    rig.shelf.add(package, config={"app.conf": text})
    one, two = "1" * 32, "2" * 32
    members = tuple(
        GroupMember(ServiceInfo(member, "db.default", "acme/db/1/2", up=True), "alive")
        for member in (one, two)
    )

    def led(version: int, election: GroupElection) -> Census:
        return Census(version, {"db.default": members}, {"db.default": GroupElections(election)})

    rig.census = led(2, GroupElection("finished", two, 3))
    spec = ServiceSpec(ident="acme/web", binds=("db:db.default",))
    assert rig.command(LoadService(spec))[-1].outcome == "up"
    pid = rig.pid("web")
    assert rig.shelf.written["web"]["config/app.conf"].decode() == f"{two} {two}"
    rig.census = led(3, GroupElection("running"))
    rig.until(lambda: rig.shelf.written["web"]["config/app.conf"].decode() == f" {one}")
    rig.census = led(4, GroupElection("finished", one, 4))
    rig.until(lambda: rig.shelf.written["web"]["config/app.conf"].decode() == f"{one} {one}")
    rig.until(lambda: hooks_run(rig, "reconfigure") == 2)
    assert rig.pid("web") == pid
