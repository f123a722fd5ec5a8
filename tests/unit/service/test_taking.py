"""A configuration that a turn brings to a service, and what counts meanwhile, on virtual time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.messages.groups import GroupConfig, GroupFacts
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import (
    HookFailed,
    LoadService,
    RestartService,
    ServiceSpec,
    StartService,
    StopService,
    UpdateService,
)
from actors.messages.update import ConfigurationTaken, TakeConfiguration, WithdrawService
from actors.service.record import decode, record_path
from actors.simulation.disk import unseal
from actors.simulation.processes import Behaviour

WEB = ServiceSpec(ident="acme/web", update_strategy="rolling", health_check_interval=2)
GROUP = "web.default"
CONF = {"web.conf": b"port={{cfg.port}}\n"}
FIVE = GroupConfig(GROUP, 5, b"port = 85", rolling=True)


def load(rig: Any, make_package: Any, *hooks: str, applied: GroupConfig | None = None) -> Any:
    """The service runs, with what was applied to all, version 3 if nothing else is said."""
    package = make_package(version="3.0", hooks=("run", *hooks))
    rig.shelf.add(package, config=CONF, defaults=b"port = 80\n")
    in_force(rig, applied or GroupConfig(GROUP, 3, b"port = 83"))
    assert rig.command(LoadService(WEB))[-1].outcome == "up"
    return rig


def in_force(rig: Any, config: GroupConfig | None) -> None:
    rig.facts = GroupFacts({GROUP: config} if config is not None else {})


def take(rig: Any, config: GroupConfig | None, **more: Any) -> Any:
    order = TakeConfiguration(config, **{"not_after_s": rig.ring.scheduler.now + 1e6, **more})
    return rig.command(order, to="service/web")[-1]


def version(rig: Any) -> int:
    return int(rig.status("web").config)


def conf(rig: Any) -> bytes:
    return bytes(rig.shelf.written["web"]["config/web.conf"])


def recorded(rig: Any) -> GroupConfig | None:
    record = decode(unseal(rig.machine.disk.files[record_path("web")]))
    assert record is not None
    return record.config


def test_the_version_told_is_the_one_whose_files_the_service_runs_with(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    assert (version(rig), rig.rumors()[-1].body.config) == (3, 3)
    in_force(rig, GroupConfig(GROUP, 4, b"port = {{"))
    rig.run(10.0)
    assert (version(rig), conf(rig)) == (3, b"port=83\n")
    in_force(rig, GroupConfig(GROUP, 6, b"port = 86"))
    rig.until(lambda: version(rig) == 6)
    assert conf(rig) == b"port=86\n"


def test_a_turn_brings_it_by_a_restart_and_it_survives_actor_process_and_supervisor(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    pid = rig.pid("web")
    assert isinstance(take(rig, FIVE, check=True), Ok)
    rig.run(2.0)
    assert (version(rig), rig.pid("web")) == (3, pid)
    rig.tell("service/web", WithdrawService(5.0))
    assert isinstance(take(rig, FIVE), Ok)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    assert rig.events(ConfigurationTaken) == [ConfigurationTaken("web", 3, 5, GROUP)]
    assert (conf(rig), recorded(rig)) == (b"port=85\n", FIVE)
    pid = rig.pid("web")
    rig.kill("service/web")
    rig.run(12.0)
    assert (version(rig), rig.pid("web"), conf(rig)) == (5, pid, b"port=85\n")
    rig.command(RestartService("web"))
    rig.until(lambda: rig.pid("web") not in (None, pid))
    assert (version(rig), conf(rig)) == (5, b"port=85\n")
    rig.machine.kill_supervisor()
    rig.until(lambda: rig.machine.supervisor is not None and rig.machine.supervisor.is_up)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    rig.run(12.0)
    assert (version(rig), conf(rig)) == (5, b"port=85\n")


def test_nothing_is_applied_twice(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    for _ in range(3):
        assert isinstance(take(rig, FIVE), Ok)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    pid = rig.pid("web")
    take(rig, FIVE)
    rig.run(5.0)
    assert rig.pid("web") == pid
    in_force(rig, FIVE)  # all have gone: what it runs with is in force now
    rig.run(12.0)
    assert (version(rig), rig.pid("web")) == (5, pid)


def test_with_its_hook_the_process_lives_on_and_has_to_be_seen_healthy_again(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package, "reconfigure", "health-check")
    rig.until(lambda: rig.status("web").health == "ok")
    pid, checks = rig.pid("web"), len(rig.hooks("web", "health-check"))
    rig.programs["hook:web:reconfigure"] = Behaviour(runs_s=3.0)
    rig.tell("service/web", WithdrawService(5.0))
    take(rig, FIVE)
    rig.until(lambda: version(rig) == 5)
    assert rig.status("web").health == "unknown"
    assert not rig.rumors()[-1].body.up
    rig.until(lambda: rig.rumors()[-1].body.up)
    assert len(rig.hooks("web", "health-check")) > checks
    assert (rig.pid("web"), rig.status("web").health) == (pid, "ok")
    assert len(rig.hooks("web", "reconfigure")) == 1


def test_a_hook_that_fails_in_a_turn_is_a_restart(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "reconfigure", "health-check")
    pid = rig.pid("web")
    rig.programs["hook:web:reconfigure"] = Behaviour(runs_s=0.1, code=3)
    take(rig, FIVE)
    rig.until(lambda: rig.pid("web") not in (None, pid))
    assert rig.events(HookFailed)
    rig.until(lambda: rig.status("web").stage == "up")
    assert (version(rig), conf(rig)) == (5, b"port=85\n")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (GroupConfig(GROUP, 5, b"port =", rolling=True), "configuration version 5"),
        (GroupConfig(GROUP, 5, b"k1:port = 1", sealed=True, rolling=True), "k1"),
    ],
    ids=["no TOML", "no key"],
)
def test_what_cannot_be_used_is_refused_and_changes_nothing(
    rig: Any, make_package: Any, config: GroupConfig, says: str
) -> None:
    load(rig, make_package)
    pid = rig.pid("web")
    answers: list[Any] = []

    def refused() -> bool:
        answers.append(take(rig, config, check=True))
        return isinstance(answers[-1], CallFailed) and answers[-1].kind == "Refused"

    rig.until(refused)
    assert says in answers[-1].text
    rig.run(6.0)
    assert (version(rig), rig.pid("web"), conf(rig)) == (3, pid, b"port=83\n")


def test_an_encrypted_one_is_taken_open_and_kept_shut(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    rig.shelf.keys.add("k1")
    sealed = GroupConfig(GROUP, 5, b"k1:port = 85", sealed=True, rolling=True)
    rig.until(lambda: isinstance(take(rig, sealed, check=True), Ok))
    take(rig, sealed)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    assert (conf(rig), recorded(rig)) == (b"port=85\n", sealed)
    pid = rig.pid("web")
    rig.kill("service/web")
    rig.run(12.0)
    assert (version(rig), rig.pid("web"), conf(rig)) == (5, pid, b"port=85\n")


def test_a_turn_takes_it_back_too(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    before = recorded(rig)
    take(rig, FIVE)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    rig.programs["service:web"] = Behaviour(runs_s=0.3, code=1)
    rig.command(RestartService("web", wait=False))
    rig.until(lambda: rig.status("web").stage == "backoff")
    rig.programs["service:web"] = Behaviour()
    take(rig, before)
    rig.until(lambda: rig.status("web").stage == "up")
    assert (version(rig), conf(rig)) == (3, b"port=83\n")


def test_a_turn_whose_leave_has_ended_changes_nothing(rig: Any, make_package: Any) -> None:
    load(rig, make_package, "reconfigure")
    pid = rig.pid("web")
    assert isinstance(take(rig, FIVE, not_after_s=0.5), Ok)
    rig.run(6.0)
    assert (version(rig), rig.pid("web"), conf(rig)) == (3, pid, b"port=83\n")
    assert not rig.hooks("web", "reconfigure")


def test_what_was_rolled_out_meanwhile_waits_for_a_turn_or_a_start(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    pid = rig.pid("web")
    in_force(rig, FIVE)
    rig.run(12.0)
    assert (version(rig), rig.pid("web")) == (3, pid)
    rig.kill("service/web")
    rig.run(12.0)
    assert (version(rig), rig.pid("web")) == (3, pid)
    rig.command(StopService("web"))
    rig.command(StartService("web"))
    assert (version(rig), conf(rig)) == (5, b"port=85\n")


def test_what_was_applied_to_all_outdoes_what_a_turn_has_brought(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    take(rig, FIVE)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    in_force(rig, GroupConfig(GROUP, 6, b"port = 86"))
    rig.until(lambda: version(rig) == 6)
    assert conf(rig) == b"port=86\n"


def test_who_rolls_no_more_runs_with_what_is_in_force(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    take(rig, FIVE)
    rig.until(lambda: version(rig) == 5 and rig.status("web").stage == "up")
    alone = msgspec.structs.replace(WEB, update_strategy="none")
    rig.command(UpdateService("web", alone, ("update_strategy",)))
    rig.until(lambda: version(rig) == 3)
    assert conf(rig) == b"port=83\n"
