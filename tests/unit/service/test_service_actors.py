"""Commands through specs, service and the launcher's decisions, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.ring import Census, GroupMember, ServiceInfo
from actors.messages.service import (
    Accepted,
    HealthChanged,
    HookFailed,
    LoadService,
    RestartService,
    ServiceSpec,
    Settled,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.simulation.processes import Behaviour

WEB = ServiceSpec(ident="acme/web")


def kinds(answers: list[Any]) -> list[str]:
    return [type(answer).__name__ for answer in answers]


def test_a_load_is_accepted_when_durable_and_settles_when_the_process_is_up(rig: Any) -> None:
    answers = rig.command(LoadService(WEB))
    assert kinds(answers) == ["Progress", "Accepted", "Settled"]
    assert answers[1] == Accepted(
        "The acme/web service was successfully loaded", event_id=answers[1].event_id
    )
    assert answers[1].event_id
    assert answers[2].outcome == "up"
    status = rig.status("web")
    assert (status.stage, status.pid) == ("up", rig.pid("web"))
    assert status.package == "acme/web/1.0/20260101000000"
    assert rig.shelf.pid_files == {"web": rig.pid("web")}


def test_the_same_load_again_is_unchanged_and_leaves_the_process_alone(rig: Any) -> None:
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    answers = rig.command(LoadService(WEB))
    assert answers[-2].unchanged
    assert answers[-1].outcome == "up"
    assert rig.pid("web") == pid


def test_stop_keeps_the_options_and_start_resumes_with_them(rig: Any) -> None:
    rig.command(LoadService(WEB, given=("group",)))
    assert rig.command(StopService("acme/web"))[-1].outcome == "down"
    assert rig.pid("web") is None
    assert rig.status().stage == "down"
    assert rig.command(StartService("web"))[-1].outcome == "up"
    assert rig.pid("web") is not None


def test_unload_ends_the_process_and_leaves_nothing_behind(rig: Any) -> None:
    rig.command(LoadService(WEB))
    assert rig.command(UnloadService("web.default"))[-1] == Settled("web", "gone")
    rig.run(1.0)
    assert rig.pid("web") is None
    assert rig.machine.disk.files == {}
    assert rig.rumors()[-1].gone
    assert "service/web" not in rig.world.cells
    rig.machine.kill_supervisor()
    rig.run(5.0)
    assert rig.pid("web") is None


def test_restart_starts_the_process_anew_exactly_once(rig: Any) -> None:
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    assert rig.command(RestartService("web"))[-1].outcome == "up"
    again = rig.pid("web")
    assert again not in (None, pid)
    rig.machine.kill_supervisor()
    rig.run(5.0)
    assert rig.pid("web") == again


def test_binds_restart_a_service_and_its_strategy_does_not(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(binds_optional={"db": ("port",)}, version="2.0"))
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    at_once = ServiceSpec(ident="", update_strategy="at-once")
    assert rig.command(UpdateService("web", at_once, ("update_strategy",)))[-1].outcome == "up"
    assert rig.pid("web") == pid
    bound = ServiceSpec(ident="", binds=("db:db.default",))
    rig.census = None
    answer = rig.command(UpdateService("web", bound, ("binds",)))[-1]
    assert (answer.outcome, rig.pid("web")) == ("waiting", None)
    assert "census of the ring has not been heard" in answer.reason
    rig.census = Census(1, {})
    rig.run(6.0)
    assert rig.status("web").reason == "waiting for service binds: db: no db.default in the census"
    info = ServiceInfo("m", "db.default", "acme/db/1/2", up=True, exports={"port": 1})
    rig.census = Census(2, {"db.default": (GroupMember(info, "alive"),)})
    rig.until(lambda: rig.pid("web") is not None)
    assert rig.command(UpdateService("web", ServiceSpec(""), ("binds",)))[-1].outcome == "up"
    assert b"binds = []" in rig.spec_files()["specs/web.spec"]


def test_a_process_that_ends_is_started_again_with_backoff(rig: Any) -> None:
    rig.programs["service:web"] = Behaviour(runs_s=5.0, code=3)
    rig.command(LoadService(WEB))
    rig.until(lambda: rig.pid("web") is None)
    rig.run(0.1)
    status = rig.status("web")
    assert (status.stage, status.last_exit, status.restarts) == ("backoff", "exit 3", 1)
    assert 0 < status.next_try_s <= 1.0
    rig.until(lambda: rig.pid("web") is not None)


def test_post_stop_belongs_to_a_process_that_was_stopped(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "post-stop")))
    rig.programs["service:web"] = Behaviour(runs_s=3.0, code=1)
    rig.command(LoadService(WEB))
    rig.until(lambda: rig.pid("web") is None)
    assert rig.command(StopService("web"))[-1].outcome == "down"
    assert rig.hooks("web", "post-stop") == []


def test_a_start_is_written_down_before_it_is_asked_for(rig: Any) -> None:
    rig.send(LoadService(WEB))
    rig.until(lambda: rig.starts != [])
    assert b'"init_done": true' in rig.machine.disk.files["services/web.state"]


def test_a_program_that_ends_at_once_fails_the_load(rig: Any) -> None:
    rig.programs["service:web"] = Behaviour(runs_s=0.05, code=1)
    answers = rig.command(LoadService(WEB))
    assert (answers[-1].outcome, answers[-1].reason) == ("failed", "the process ended: exit 1")


def test_a_program_that_cannot_be_run_fails_the_load_and_is_tried_again(rig: Any) -> None:
    rig.programs["service:web"] = Behaviour(unrunnable="exec format error")
    answers = rig.command(LoadService(WEB))
    assert answers[-1].outcome == "failed"
    assert "exec format error" in answers[-1].reason
    assert rig.status("web").stage == "failed"
    rig.programs["service:web"] = Behaviour()
    rig.until(lambda: rig.pid("web") is not None, 120.0)


def test_init_comes_before_run_and_post_stop_after_its_end(rig: Any, make_package: Any) -> None:
    hooks = ("init", "run", "post-run", "health-check", "post-stop")
    rig.shelf.add(make_package(version="2.0", hooks=hooks))
    rig.command(LoadService(WEB))
    rig.run(0.5)
    keys = [start.key.rpartition(":")[0] for start in rig.starts]
    assert keys[0] == "hook:web:init"
    assert keys[1] == "service"
    assert set(keys[2:]) == {"hook:web:post-run", "hook:web:health-check"}
    rig.command(StopService("web"))
    assert rig.starts[-1].key.startswith("hook:web:post-stop")


def test_a_failing_init_keeps_the_process_from_starting(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("init", "run")))
    rig.programs["hook:web:init"] = Behaviour(runs_s=0.01, code=7)
    answer = rig.command(LoadService(WEB))[-1]
    assert answer.outcome == "failed"
    assert answer.reason == "Initialization failed! 'init' exited with status code 7"
    rig.run(20.0)
    assert not [start for start in rig.starts if start.key == "service:web"]
    assert len(rig.hooks("web", "init")) > 1


def test_a_stop_ends_a_hanging_init_hook(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("init", "run", "post-stop")))
    rig.programs["hook:web:init"] = Behaviour()
    rig.send(LoadService(WEB))
    rig.run(3.0)
    assert rig.status("web").stage == "initializing"
    assert rig.command(StopService("web"))[-1].outcome == "down"
    assert rig.live() == []
    assert rig.hooks("web", "post-stop") == []


def test_a_failed_post_stop_is_told_and_the_service_is_down_all_the_same(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.add(make_package(hooks=("run", "post-stop"), version="2.0"))
    rig.programs["hook:web:post-stop:"] = Behaviour(runs_s=0.1, code=4)
    rig.command(LoadService(WEB))
    assert rig.command(StopService("web"))[-1].outcome == "down"
    (failed,) = rig.events(HookFailed)
    assert (failed.hook, failed.service_group) == ("post-stop", "web.default")
    assert "exited with status code 4" in failed.how


def test_a_hanging_init_hook_is_the_reason_shown(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(hooks=("run", "init"), version="2.0"))
    rig.programs["hook:web:init:"] = Behaviour()
    rig.send(LoadService(WEB))
    rig.run(2.0)
    assert (rig.status().stage, rig.status().reason) == ("initializing", "the init hook runs")


def test_a_health_check_that_turns_unknown_is_told_and_an_unchecked_start_is_not(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.add(make_package(hooks=("run", "health-check"), version="2.0"))
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1, code=2)
    rig.command(LoadService(ServiceSpec("acme/web", health_check_interval=1)))
    rig.until(lambda: [e.health for e in rig.events(HealthChanged)] == ["critical"])
    rig.programs["hook:web:health-check:"] = Behaviour(runs_s=0.1, code=77)
    rig.until(lambda: [e.health for e in rig.events(HealthChanged)] == ["critical", "unknown"])


def test_post_run_is_repeated_with_growing_pauses_until_it_succeeds(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "post-run")))
    rig.programs["hook:web:post-run"] = Behaviour(runs_s=0.01, code=1)
    rig.command(LoadService(WEB))
    rig.run(30.0)
    tries = len(rig.hooks("web", "post-run"))
    assert 3 <= tries <= 30
    rig.programs["hook:web:post-run"] = Behaviour(runs_s=0.01)
    rig.run(120.0)
    done = len(rig.hooks("web", "post-run"))
    rig.kill("service/web")
    rig.run(200.0)
    assert len(rig.hooks("web", "post-run")) == done


@pytest.mark.parametrize(
    ("code", "health"),
    [(0, "ok"), (1, "warning"), (2, "critical"), (3, "unknown"), (99, "unknown")],
)
def test_a_health_check_says_how_the_service_is(
    rig: Any, make_package: Any, code: int, health: str
) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "health-check")))
    rig.programs["hook:web:health-check"] = Behaviour(runs_s=0.01, code=code)
    rig.command(LoadService(WEB))
    rig.run(1.0)
    assert rig.status("web").health == health
    assert rig.rumors()[-1].body.health == health
    assert rig.pid("web") is not None


def test_a_plain_command_needs_no_package(rig: Any) -> None:
    spec = ServiceSpec(ident="", name="py", cmd=("python", "web.py"), cwd="/srv")
    assert rig.command(LoadService(spec))[-1].outcome == "up"
    start = rig.starts[-1]
    assert (start.argv, start.cwd, start.prefix) == (("python", "web.py"), "/srv", "py.default")


def test_a_spec_dropped_in_without_a_required_bind_says_so(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", binds={"db": ("port",)}))
    rig.machine.disk.files["specs/web.spec"] = b'ident = "acme/web"\n'
    rig.files.look()
    rig.run(1.0)
    status = rig.status("web")
    assert (status.stage, status.reason) == ("failed", "Missing required bind(s), db")
    assert status.next_try_s > 0


def test_what_is_not_installed_is_refused_and_nothing_is_written(rig: Any) -> None:
    answer = rig.command(LoadService(ServiceSpec(ident="acme/other")))[-1]
    assert (answer.kind, answer.code) == ("Refused", "not-found")
    assert rig.spec_files() == {}


def test_a_disk_that_refuses_the_spec_refuses_the_command(rig: Any) -> None:
    rig.machine.disk.faults.failing = "ENOSPC"
    answers = rig.command(LoadService(WEB))
    assert "Accepted" not in kinds(answers)
    assert (answers[-1].kind, answers[-1].code) == ("Refused", "host")
    rig.machine.disk.faults.failing = ""
    assert rig.statuses() == {}
    assert rig.command(LoadService(WEB))[-1].outcome == "up"


def test_a_disk_that_fails_later_never_ends_a_service(rig: Any) -> None:
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    rig.machine.disk.faults.failing = "EIO"
    answer = rig.command(StopService("web"))[-1]
    assert answer.code == "host"
    rig.run(10.0)
    assert rig.pid("web") == pid
    assert rig.status("web").stage == "up"


def test_specs_dropped_in_edited_and_deleted_by_hand_take_effect(rig: Any) -> None:
    files = rig.machine.disk.files
    files["specs/web.spec"] = b'ident = "acme/web"\nfuture_key = 1\n'
    rig.files.look()
    rig.until(lambda: rig.pid("web") is not None)
    files["specs/web.spec"] = b'ident = "acme/web"\ndesired_state = "down"\n'
    rig.files.look()
    rig.until(lambda: rig.pid("web") is None)
    files["specs/bad.spec"] = b"ident ="
    files["specs/web.spec"] = b'ident = "acme/web"\n'
    rig.files.look()
    rig.until(lambda: rig.pid("web") is not None)
    del files["specs/web.spec"]
    rig.files.look()
    rig.until(lambda: rig.pid("web") is None)


def test_a_spec_broken_by_hand_leaves_its_service_running(rig: Any) -> None:
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    rig.machine.disk.files["specs/web.spec"] = b"ident = 7"
    rig.files.look()
    rig.run(5.0)
    assert rig.pid("web") == pid
    refused = [e for e in rig.ring.log.events if type(e.event).__name__ == "SpecRefused"]
    assert len(refused) == 1


def test_killing_any_actor_neither_ends_nor_doubles_a_process(rig: Any) -> None:
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    for _ in range(20):
        for name in ("service/web", "service", "specs", "depot", "gossip"):
            rig.kill(name)
            rig.run(2.0)
    rig.run(5.0)
    assert rig.pid("web") == pid
    status = rig.status("web")
    assert (status.stage, status.pid) == ("up", pid)


def test_a_supervisor_killed_as_it_is_forked_is_started_again(rig: Any) -> None:
    for _ in range(3):
        rig.machine.kill_supervisor()
        rig.until(lambda: rig.machine.supervisor is not None)  # forked, not yet begun
    rig.machine.kill_supervisor()
    rig.run(40.0)
    assert rig.statuses() == {}


def test_a_killed_supervisor_finds_its_services_again(rig: Any, make_package: Any) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("init", "run", "post-stop")))
    rig.command(LoadService(WEB))
    pid = rig.pid("web")
    for _ in range(3):
        rig.machine.kill_supervisor()
        rig.run(40.0)
    assert rig.pid("web") == pid
    assert len(rig.hooks("web", "init")) == 1
    assert rig.status("web").stage == "up"
    rig.command(StopService("web"))
    assert len(rig.hooks("web", "post-stop")) == 1


def test_an_unload_that_everything_dies_in_is_finished_later(rig: Any) -> None:
    rig.programs["service:web"] = Behaviour(stop_s=5.0)
    rig.command(LoadService(WEB))
    answers = rig.send(UnloadService("web"))
    rig.until(lambda: bool(answers))
    rig.machine.kill_supervisor()
    rig.run(40.0)
    assert rig.pid("web") is None
    assert rig.machine.disk.files == {}


def test_the_end_of_the_supervisor_stops_services_and_keeps_their_specs(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.add(make_package(version="2.0", hooks=("run", "post-stop")))
    rig.programs["service:web"] = Behaviour(deaf=True)
    rig.command(LoadService(ServiceSpec(ident="acme/web", shutdown_timeout=600)))
    assert kinds(rig.stop_all()) == ["Ok"]
    assert rig.pid("web") is None
    assert len(rig.hooks("web", "post-stop")) == 1
    assert b'desired_state = "up"' in rig.spec_files()["specs/web.spec"]
    rig.run(120.0)
    assert rig.pid("web") is None


def test_a_restart_takes_the_release_that_ran_and_a_start_the_newest(
    rig: Any, make_package: Any
) -> None:
    rig.command(LoadService(WEB))
    rig.shelf.add(make_package(version="3.0"))
    process = next(p for p in rig.live() if p.start.key == "service:web")
    rig.machine.table.processes.pop(process.pid)
    process.leader = False
    rig.machine.table.reaper(process)
    rig.until(lambda: rig.status("web").restarts == 1)
    rig.until(lambda: rig.status("web").stage == "up")
    assert "/1.0/" in rig.status("web").package
    rig.command(StopService("web"))
    rig.command(StartService("web"))
    assert "/3.0/" in rig.status("web").package


def test_two_hundred_services_load_stop_and_start(rig: Any, make_package: Any) -> None:
    for number in range(200):
        rig.shelf.add(make_package(name=f"s{number}"))
    waiting = [rig.send(LoadService(ServiceSpec(ident=f"acme/s{n}"))) for n in range(200)]
    rig.until(lambda: all(a and not a[-1].more for a in waiting), 120.0)
    assert {a[-1].message.outcome for a in waiting} == {"up"}
    pids = {p.pid for p in rig.live()}
    assert len(pids) == 200
    rig.machine.kill_supervisor()
    rig.run(10.0)
    assert {p.pid for p in rig.live()} == pids
    assert {s.stage for s in rig.statuses().values()} == {"up"}
    waiting = [rig.send(StopService(f"s{n}")) for n in range(200)]
    rig.until(lambda: all(a and not a[-1].more for a in waiting), 120.0)
    assert {a[-1].message.outcome for a in waiting} == {"down"}
    assert rig.live() == []
