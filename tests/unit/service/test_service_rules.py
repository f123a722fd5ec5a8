"""The pure pieces of a service: reconcile, accounts, environment, gates, hooks, records, roster."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.depot import PackageInfo
from actors.messages.ring import Census, GroupMember, ServiceInfo
from actors.messages.service import Health, ServiceSpec
from actors.service.backoff import next_delay_s
from actors.service.environment import service_environment
from actors.service.gates import CENSUS_UNKNOWN, waiting_for
from actors.service.hooks import exit_words, health_of, next_check_s, start_hook, start_service
from actors.service.life import Life, stop_signal, stop_timeout_s
from actors.service.options import ServiceOptions
from actors.service.reconcile import DESIRED, IN_PLACE, RESTARTING, reconcile
from actors.service.record import Record, decode, encode
from actors.service.roster import Roster, service_of_key
from actors.service.users import RunAs, choose, told

SPEC = ServiceSpec(ident="acme/web")
PACKAGE = PackageInfo("acme/web/1/2", "/pkgs/web", "t", hooks=("run",))
OTHER: dict[str, Any] = {
    "ident": "acme/web/2",
    "name": "n",
    "group": "x",
    "org": "x",
    "bldr_url": "x",
    "channel": "x",
    "topology": "leader",
    "update_strategy": "rolling",
    "update_condition": "track-channel",
    "binds": ("a:b.c",),
    "binding_mode": "relaxed",
    "config_from": "/x",
    "desired_state": "down",
    "shutdown_timeout": 1,
    "health_check_interval": 1,
    "bootstrap_expect": 5,
    "drain": 5,
    "health_grace": 5,
    "on_failure": "rollback",
    "cmd": ("x",),
    "cwd": "/x",
    "restarts": 1,
}


def replaced(value: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(value, **fields)


@pytest.mark.parametrize("field", ServiceSpec.__struct_fields__)
def test_each_field_of_a_spec_has_its_place_in_the_table(field: str) -> None:
    assert sum(field in fields for fields in (RESTARTING, IN_PLACE, DESIRED)) == 1
    change = reconcile(SPEC, replaced(SPEC, **{field: OTHER[field]}))
    habitat_in_place = {"bldr_url", "channel", "update_strategy", "update_condition"}
    if field == "desired_state":
        assert change == "nothing"
    elif field in habitat_in_place | {"bootstrap_expect", "drain", "health_grace", "on_failure"}:
        assert change == "in place"
    else:
        assert change == "restart"


def test_a_restarting_change_outweighs_any_other() -> None:
    assert reconcile(SPEC, SPEC) == "nothing"
    assert reconcile(SPEC, replaced(SPEC, channel="x", group="y")) == "restart"


def test_the_packages_account_is_used_when_it_exists_and_we_may() -> None:
    asks = replaced(PACKAGE, svc_user="redis", svc_group="redis")
    there = ("hab", "redis")
    assert choose(asks, there, there, can_switch=True) == RunAs("redis", "redis")
    assert choose(PACKAGE, there, there, can_switch=True) == RunAs("hab", "hab")
    assert choose(PACKAGE, (), (), can_switch=True) == RunAs()
    assert choose(None, there, there, can_switch=True) == RunAs()
    own = choose(asks, there, there, can_switch=False)
    assert isinstance(own, RunAs)
    assert own.user == ""
    assert "redis" in own.notice


def test_an_account_that_nobody_chose_may_be_missing() -> None:
    """Plans name `hab` unless they choose; an account somebody chose has to be there."""
    asks = replaced(PACKAGE, svc_user="hab", svc_group="hab")
    own = choose(asks, ("hab",), (), can_switch=True)
    assert isinstance(own, RunAs)
    assert (own.user, "no account hab" in own.notice) == ("", True)
    assert choose(asks, ("hab",), ("hab",), can_switch=True) == RunAs("hab", "hab")


@pytest.mark.parametrize("can_switch", [True, False])
def test_templates_are_told_whom_a_service_runs_as(can_switch: bool) -> None:
    asks = replaced(PACKAGE, svc_user="redis", svc_group="data")
    own = RunAs("root", "wheel")
    seen = told(asks, RunAs("redis", "data"), own, can_switch=can_switch)
    assert seen == RunAs("redis", "data")
    assert told(PACKAGE, RunAs(), own, can_switch=can_switch) == own
    expected = own if can_switch else RunAs("redis", "data")  # whom the package asks for
    assert told(asks, RunAs(), own, can_switch=can_switch) == expected


@pytest.mark.parametrize(
    ("user", "group", "missing"),
    [("no", "hab", "user no"), ("hab", "no", "group no"), ("", "x", "no user")],
)
def test_an_account_that_is_not_there_is_said_with_the_next_step(
    user: str, group: str, missing: str
) -> None:
    asks = replaced(PACKAGE, svc_user=user, svc_group=group)
    refused = choose(asks, ("hab",), ("hab",), can_switch=True)
    assert isinstance(refused, str)
    assert missing in refused


def test_the_environment_is_inherited_without_secrets_then_the_packages_then_ours() -> None:
    package = replaced(
        PACKAGE,
        run_path=("/a/bin", "/b/bin"),
        environment={"A": "package", "SSL_CERT_FILE": "package"},
    )
    inherited = {
        "PATH": "/bin",
        "A": "outer",
        "B": "outer",
        "SSL_CERT_FILE": "outer",
        "HAB_RING_KEY": "secret",
        "HAB_CTL_SECRET": "secret",
    }
    env = service_environment(inherited, SPEC, package, "/svc/web")
    assert (env["A"], env["B"], env["SSL_CERT_FILE"]) == ("package", "outer", "outer")
    assert env["PATH"] == "/a/bin:/b/bin:/bin"
    assert (env["HAB_SERVICE"], env["HAB_SERVICE_GROUP"]) == ("web", "web.default")
    assert env["HAB_SVC_CONFIG_PATH"] == "/svc/web/config"
    assert "secret" not in env.values()
    assert service_environment({}, SPEC, None, "/x")["PATH"].endswith(":/bin")


def census(**info: Any) -> Census:
    given = {"up": True, "exports": {"port": 1}, **info}
    health = given.pop("health_of_member", "alive")
    member = GroupMember(ServiceInfo("m", "db.default", "p", **given), health)
    return Census(1, {"db.default": (member,)})


def test_binds_wait_for_a_group_that_is_there_up_and_exports() -> None:
    spec = replaced(SPEC, binds=("db:db.default",))
    package = replaced(PACKAGE, binds={"db": ("port",)})
    assert waiting_for(spec, package, None) == CENSUS_UNKNOWN
    assert "no db.default" in waiting_for(spec, package, Census(1, {}))
    assert "is up (1 member known)" in waiting_for(spec, package, census(up=False))
    dead = census(health_of_member="confirmed")
    assert "is up" in waiting_for(spec, package, dead)
    assert "does not export port" in waiting_for(spec, package, census(exports={}))
    assert waiting_for(spec, package, census()) == ""
    relaxed = replaced(spec, binding_mode="relaxed")
    assert waiting_for(relaxed, package, None) == CENSUS_UNKNOWN  # its files are made from it
    assert waiting_for(relaxed, package, Census(1, {})) == ""
    assert waiting_for(relaxed, None, None) == ""


def test_exit_codes_of_health_checks_mean_what_habitat_says() -> None:
    assert [health_of(c) for c in (0, 1, 2, 3, 7, None)] == [
        *("ok", "warning", "critical"),
        *("unknown", "unknown", "unknown"),
    ]


def test_the_next_check_is_spread_at_the_first_ok_and_soon_while_unhealthy() -> None:
    draw = random.Random(1)
    for _ in range(20):
        assert 0 <= next_check_s("ok", 60, first_ok=True, random=draw, up_s=600) < 60
    assert next_check_s("ok", 60, first_ok=False, random=draw, up_s=600) == 60
    assert next_check_s("critical", 60, first_ok=True, random=draw, up_s=600) == 30
    assert next_check_s("warning", 5, first_ok=False, random=draw, up_s=600) == 5


@given(
    st.sampled_from(("ok", "warning", "critical", "unknown")),
    st.integers(1, 300),
    st.booleans(),
    st.floats(0, 1e6),
    st.randoms(use_true_random=False),
)
def test_a_process_is_checked_before_it_has_run_twice_as_long(
    health: Health, interval_s: int, first_ok: bool, up_s: float, draw: random.Random
) -> None:
    due_s = next_check_s(health, interval_s, first_ok=first_ok, random=draw, up_s=up_s)
    assert 0 <= due_s <= min(interval_s, max(1.0, up_s))


def test_backoff_begins_at_its_least_and_never_leaves_its_bounds() -> None:
    draw, delay_s = random.Random(1), 0.0
    delay_s = next_delay_s(delay_s, 1.0, 60.0, draw)
    assert delay_s == 1.0
    for _ in range(100):
        before, delay_s = delay_s, next_delay_s(delay_s, 1.0, 60.0, draw)
        assert 1.0 <= delay_s <= min(60.0, 3 * before)


def test_words_for_ends() -> None:
    assert [exit_words(*e) for e in ((0, None), (None, 9), (None, None))] == [
        "exit 0",
        "signal 9",
        "unknown",
    ]


def test_the_stop_timeout_is_the_command_lines_the_specs_the_packages_or_eight() -> None:
    record = Record(SPEC, replaced(PACKAGE, shutdown_timeout=30, shutdown_signal="QUIT"))
    life = Life("web", spec=SPEC, record=record)
    assert stop_signal(life) == "QUIT"
    assert stop_timeout_s(life) == 30
    spec = replaced(SPEC, shutdown_timeout=20)
    assert stop_timeout_s(Life("web", spec=spec, record=record)) == 20
    assert stop_timeout_s(Life("web", spec=spec, record=record, stop_timeout_s=0)) == 0
    assert stop_timeout_s(Life("web", spec=spec, record=record, halted_s=10.0)) == 10
    gone = Life("web", gone=True, record=Record(spec))
    assert stop_timeout_s(gone) == 20
    assert stop_timeout_s(Life("web")) == 8


def test_hooks_end_with_their_owner_and_services_do_not() -> None:
    record = Record(SPEC, PACKAGE, "/svc/web", ("run", "init"), "hab", "hab")
    options = ServiceOptions("/hab", "/svc")
    hook = start_hook("init", "hook:web:init:1", record, options, 5.0)
    assert hook.ends_with_owner
    assert (hook.truncate, hook.timeout_s, hook.owner) == (True, 5.0, "service/web")
    assert hook.stdout == "/svc/web/logs/init.stdout.log"
    run = start_service("service:web", record, options, "QUIT", 3.0)
    assert not run.ends_with_owner
    assert (run.argv, run.user, run.prefix) == (("/svc/web/hooks/run",), "hab", "web.default")
    assert (run.stop_signal, run.stop_timeout_s) == ("QUIT", 3.0)
    assert (run.stderr, run.truncate) == ("/svc/web/logs/web.stderr.log", False)


def test_a_record_survives_its_bytes_and_damage_is_none() -> None:
    package = replaced(PACKAGE, exported={"a": [1, {"b": "c"}]}, binds={"x": ("y",)})
    record = Record(SPEC, package, "/p", ("run",), init_done=True, pid=7, restarts=2)
    assert decode(encode(record)) == record
    for data in (None, b"", b"{", b"[]", encode(record)[:-9], b"\xff", b"{}"):
        assert decode(data) is None


def test_orphans_are_staffed_only_once_all_specs_are_known() -> None:
    roster = Roster().found(["old"]).changed(SPEC).removed("web")
    assert roster.missing() == ()
    roster = roster.listed([SPEC])
    assert roster.missing() == ("old", "web")
    roster = roster.staffed()
    assert roster.missing() == ()
    gone = roster.removed("web").finished("web")
    assert "web" not in gone.actors
    assert gone.changed(SPEC).missing() == ("web",)


def test_only_a_services_own_process_names_it() -> None:
    assert service_of_key("service:web") == "web"
    assert service_of_key("hook:web:init:1") == ""
