from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import pytest
from click.testing import Result

from actors.messages.base import Message
from actors.messages.runtime import CallFailed
from actors.messages.service import (
    Accepted,
    LoadService,
    Progress,
    QueryServices,
    RestartService,
    Services,
    ServiceSpec,
    ServiceStatus,
    Settled,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
    UpdateStatus,
)

Hab = Callable[..., Result]
Start = Callable[[Callable[[Message], list[Any]]], AbstractContextManager[Any]]
EVENT = "a1b2c3d4" * 4 + ":1:7"
TEXT = "The core/redis service was successfully loaded"


def _up(_: Message) -> list[Message]:
    return [
        Progress("Using core/redis/4.0.1/20170101000000"),
        Accepted(TEXT, EVENT),
        Settled("redis", "up", event_id="later"),
    ]


def test_load_tells_what_was_accepted_and_what_came_of_it(hab: Hab, gateway: Start) -> None:
    with gateway(_up) as playing:
        said = hab("svc", "load", "core/redis", "--topology", "leader", "--bind", "a:b.default")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [f"{TEXT} (event {EVENT})", "redis is up (event later)"]
    assert "Using core/redis/4.0.1" in said.stderr
    [asked] = playing.asked
    spec = ServiceSpec("core/redis", topology="leader", binds=("a:b.default",))
    assert asked == LoadService(spec, given=("ident", "topology", "binds"))


def test_only_what_was_given_is_named_as_given(
    hab: Hab, gateway: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAB_BLDR_CHANNEL", "unstable")
    with gateway(_up) as playing:
        assert hab("svc", "load", "core/redis", "--group", "default").exit_code == 0
    assert set(playing.asked[0].given) == {"ident", "group", "channel"}
    assert playing.asked[0].spec.channel == "unstable"


def test_no_wait_ends_when_the_command_is_on_record(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Accepted(TEXT, EVENT)]) as playing:
        said = hab("svc", "load", "core/redis", "--no-wait")
    assert said.exit_code == 0
    assert EVENT in said.stdout
    assert playing.asked[0].wait is False


def test_waiting_for_something_outside_is_success_with_its_reason(hab: Hab, gateway: Start) -> None:
    reason = "bind db: no member of pg.default is up"
    with gateway(lambda _: [Accepted(TEXT), Settled("redis", "waiting", reason)]):
        said = hab("svc", "load", "core/redis")
    assert said.exit_code == 0
    assert reason in said.stdout
    assert "waits for something outside" in said.stdout


def test_a_service_that_failed_is_exit_1_with_its_reason(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Accepted(TEXT), Settled("redis", "failed", "exit 1, 3 times")]):
        said = hab("svc", "load", "core/redis", "--json")
    assert said.exit_code == 1
    assert "exit 1, 3 times" in said.stderr
    assert "hab svc logs redis" in said.stderr
    answer = json.loads(said.stdout)
    assert (answer["schema"], answer["outcome"]) == ("svc.load/1", "failed")


def test_no_answer_in_time_is_exit_7_and_leaves_open_what_happened(
    hab: Hab, gateway: Start
) -> None:
    with gateway(lambda _: []):
        said = hab("svc", "start", "core/redis", "--timeout", "200ms")
    assert said.exit_code == 7
    assert "not known" in said.stderr


def test_a_download_that_takes_longer_is_exit_7_and_says_how_far_it_is(
    hab: Hab, gateway: Start
) -> None:
    with gateway(lambda _: [Progress("Downloading core/redis/7", 1, 100), ...]):
        said = hab("svc", "load", "core/redis", "--timeout", "300ms")
    assert said.exit_code == 7
    assert "as far as: Downloading core/redis/7" in said.stderr
    assert "asking again joins in" in said.stderr


def test_no_outcome_in_time_is_exit_7_and_says_that_it_goes_on(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Accepted(TEXT, EVENT), ...]):
        said = hab("svc", "load", "core/redis", "--timeout", "300ms")
    assert said.exit_code == 7
    assert EVENT in said.stdout
    assert "It goes on" in said.stderr


def test_a_refusal_keeps_its_words_and_its_exit_code(hab: Hab, gateway: Start) -> None:
    text = "Service already loaded. Unload 'core/redis' and try again"
    with gateway(lambda _: [CallFailed("Refused", text, "already-loaded")]):
        said = hab("svc", "load", "core/redis")
    assert said.exit_code == 1
    assert text in said.stderr
    with gateway(lambda _: [CallFailed("Refused", "others still hear it", "guard", exit_code=8)]):
        assert hab("svc", "stop", "core/redis").exit_code == 8


def test_unchanged_is_success(hab: Hab, gateway: Start) -> None:
    kept = Accepted("core/redis is stopped already", unchanged=True)
    with gateway(lambda _: [kept, Settled("redis", "down")]):
        said = hab("svc", "stop", "core/redis")
    assert said.exit_code == 0
    assert "(unchanged)" in said.stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("svc unload core/redis", UnloadService("core/redis")),
        ("svc stop redis.default", StopService("redis.default")),
        ("service stop redis --shutdown-timeout 3s", StopService("redis", 3)),
        ("stop core/redis", StopService("core/redis")),
        ("svc start core/redis --no-wait", StartService("core/redis", wait=False)),
        ("svc restart redis", RestartService("redis")),
        (
            "svc update core/redis --bind",
            UpdateService("core/redis", ServiceSpec(""), given=("binds",)),
        ),
        (
            "svc update redis -s at-once --bind a:b.c",
            UpdateService(
                "redis",
                ServiceSpec("", update_strategy="at-once", binds=("a:b.c",)),
                given=("update_strategy", "binds"),
            ),
        ),
        ("start core/redis", StartService("core/redis")),
    ],
)
def test_each_verb_says_its_message(hab: Hab, gateway: Start, line: str, message: Message) -> None:
    with gateway(lambda _: [Accepted("ok"), Settled("redis", "up")]) as playing:
        said = hab(*line.split())
    assert said.exit_code == 0, said.output
    [asked] = playing.asked
    if isinstance(message, UpdateService):
        assert set(asked.given) == set(message.given)
        asked, message = (
            type(m)(m.service, m.spec, tuple(sorted(m.given)), m.wait) for m in (asked, message)
        )
    assert asked == message


def test_start_with_options_loads_and_then_starts(hab: Hab, gateway: Start) -> None:
    def script(message: Message) -> list[Message]:
        loads = isinstance(message, LoadService)
        return [Accepted("ok", unchanged=loads), Settled("redis", "down" if loads else "up")]

    with gateway(script) as playing:
        said = hab("start", "core/redis", "--group", "acme", "--peer", "10.0.0.1")
    assert said.exit_code == 0, said.output
    assert [type(m) for m in playing.asked] == [LoadService, StartService]
    assert "--peer had no effect" in said.stderr


def test_start_of_what_was_not_loaded_loads_it_and_no_more(hab: Hab, gateway: Start) -> None:
    with gateway(_up) as playing:
        assert hab("start", "core/redis", "--group", "acme").exit_code == 0
    assert [type(m) for m in playing.asked] == [LoadService]


def test_update_of_nothing_is_refused_without_asking(hab: Hab, gateway: Start) -> None:
    with gateway(_up) as playing:
        said = hab("svc", "update", "core/redis")
    assert said.exit_code == 1
    assert "No fields specified for update" in said.stderr
    assert playing.asked == []


REDIS = ServiceStatus(
    spec=ServiceSpec("core/redis", org="acme"),
    package="core/redis/4.0.1/20170101000000",
    stage="up",
    pid=4711,
    elapsed_s=12,
    health="ok",
)
WEB = ServiceStatus(
    spec=ServiceSpec("", name="web", cmd=("python", "web.py")),
    package="",
    stage="backoff",
    reason="exit 1",
    restarts=3,
    next_try_s=4.2,
    last_exit="exit 1",
)


def test_status_begins_with_habitat_s_seven_columns_each_cell_one_word(
    hab: Hab, gateway: Start
) -> None:
    with gateway(lambda _: [Services((REDIS, WEB))]):
        said = hab("svc", "status")
    assert said.exit_code == 0
    header, redis, web = (line.split() for line in said.stdout.splitlines())
    assert header == ["package", "type", "desired", "state", "elapsed", "pid", "group"]
    assert redis == [
        "core/redis/4.0.1/20170101000000",
        "standalone",
        "up",
        "up",
        "12",
        "4711",
        "redis.default@acme",
    ]
    assert web == ["<none>", "standalone", "up", "backoff", "0", "<none>", "web.default"]
    assert "web.default: backoff: exit 1" in said.stderr


def test_wide_status_adds_columns_behind_the_seven(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Services((WEB,))]):
        header, web = hab("svc", "status", "--wide").stdout.splitlines()
    further = ["restarts", "health", "strategy", "update", "offered", "role", "term"]
    assert header.split()[7:] == [*further, "next-try", "last-exit", "reason"]
    shown = ["3", "unknown", "none", *["<none>"] * 4, "4s", "exit-1", "exit", "1"]
    assert web.split()[7:] == shown


def test_status_says_what_is_offered_and_why_it_is_not_taken(hab: Hab, gateway: Start) -> None:
    two = "acme/redis/2.0/20260101000000"
    held = UpdateStatus("held", two, "acme/lib is nowhere", 42.0)
    with gateway(lambda _: [Services((msgspec.structs.replace(REDIS, update=held),))]):
        shown = hab("svc", "status")
        as_json = json.loads(hab("svc", "status", "--json").stdout)
    assert f"{two} is not taken: acme/lib is nowhere; asked again in 42 s" in shown.stderr
    (redis,) = as_json["services"]
    assert redis["update"] == {
        "state": "held",
        "offered": two,
        "reason": "acme/lib is nowhere",
        "next_poll_s": 42.0,
    }
    current = msgspec.structs.replace(REDIS, update=UpdateStatus("current", two))
    with gateway(lambda _: [Services((current,))]):
        assert hab("svc", "status").stderr == ""


def test_status_as_json_has_a_schema(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Services((REDIS, WEB))]):
        answer = json.loads(hab("svc", "status", "--json").stdout)
    assert answer["schema"] == "svc.status/1"
    redis, web = answer["services"]
    assert (redis["name"], redis["state"], redis["pid"]) == ("redis", "up", 4711)
    assert (web["package"], web["pid"], web["reason"]) == (None, None, "exit 1")
    assert web["spec"]["cmd"] == ["python", "web.py"]


def test_no_service_loaded_is_success_and_an_unknown_one_is_not(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Services()]) as playing:
        none = hab("svc", "status")
        unknown = hab("svc", "status", "core/nginx")
    assert (none.exit_code, none.stdout) == (0, "No services loaded.\n")
    assert unknown.exit_code == 1
    assert "Service not loaded, core/nginx" in unknown.stderr
    assert playing.asked == [QueryServices(""), QueryServices("core/nginx")]


def test_without_a_supervisor_status_fails_and_names_the_endpoint(
    hab: Hab, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = hab("svc", "status")
    assert said.exit_code == 1
    assert "Unable to contact the Supervisor." in said.stderr
    assert "tcp://127.0.0.1:9632" in said.stderr
    assert "hab sup run" in said.stderr
    monkeypatch.setenv("HAB_LISTEN_CTL", "127.0.0.1:1")
    monkeypatch.setenv("HAB_CTL_SECRET", "s")
    said = hab("svc", "status")
    assert said.exit_code == 1
    assert "127.0.0.1:1" in said.stderr
    assert "HAB_LISTEN_CTL" in said.stderr


def test_a_wrong_secret_is_refused_and_said(
    hab: Hab, gateway: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gateway(lambda _: [Services()]) as playing:
        monkeypatch.setenv("HAB_CTL_SECRET", "not that one")
        said = hab("svc", "status")
        assert said.exit_code == 1
        assert "refused the control secret" in said.stderr
        assert playing.asked == []


def test_a_word_that_can_be_no_service_is_a_usage_error(hab: Hab) -> None:
    said = hab("svc", "stop", "core/")
    assert said.exit_code == 2
    assert "redis.default" in said.stderr
