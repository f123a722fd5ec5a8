"""`hab svc plan` and `hab config show SERVICE`: what is asked, and how the answer is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from actors.messages.base import Message
from actors.messages.gateway import (
    PlannedFile,
    PlanService,
    QueryConfiguration,
    ServiceConfiguration,
    ServicePlan,
)
from actors.messages.runtime import CallFailed
from actors.messages.service import QueryServices, Services, ServiceSpec, ServiceStatus

Hab = Callable[..., Result]
REDIS = ServiceStatus(ServiceSpec("core/redis"), "core/redis/1/2", "up")
PLAN = ServicePlan(
    "redis",
    "reconfigure",
    (
        PlannedFile("config/redis.conf", b"port 1\nsave\n", b"port 2\nsave\n"),
        PlannedFile("config/big", shown=False),
        PlannedFile("hooks/new", None, b"#!/bin/sh"),
    ),
    ("a word",),
)
DIFF = """\
--- config/redis.conf
+++ config/redis.conf
@@ -1,2 +1,2 @@
-port 1
+port 2
 save
--- config/big
+++ config/big
(too large to be shown)
--- /dev/null
+++ hooks/new
@@ -0,0 +1 @@
+#!/bin/sh
\\ No newline at end of file
"""

SHOWN = "port = 1\nday = 2026-11-25\n\n[save]\nevery = [1, 2]\n"


def answers(message: Message) -> list[Message]:
    """A supervisor with one service."""
    match message:
        case QueryServices(service):
            return [Services((REDIS,) if "redis" in service else ())]
        case PlanService():
            return [PLAN]
        case _:
            return [ServiceConfiguration("redis", SHOWN)]


def test_a_plan_is_a_diff_and_what_would_follow(hab: Hab, gateway: Any, tmp_path: Path) -> None:
    file = tmp_path / "redis.toml"
    file.write_bytes(b"port = 2\n")
    with gateway(answers) as playing:
        done = hab("svc", "plan", "redis.default", "--config", str(file))
    assert done.exit_code == 0, done.output
    assert playing.asked[-1] == PlanService("redis", b"port = 2\n")
    last = (
        "config/redis.conf, config/big, hooks/new would change; the reconfigure hook of redis "
        "would run\n"
    )
    assert done.stdout == DIFF + last
    assert done.stderr == "a word\n"


def test_a_plan_as_json_has_a_schema_and_the_contents(hab: Hab, gateway: Any) -> None:
    with gateway(answers) as playing:
        done = hab("svc", "plan", "redis", "--json")
    assert playing.asked[-1] == PlanService("redis", None)
    told = json.loads(done.stdout)
    assert told["schema"] == "svc.plan/1"
    (one,) = told["services"]
    assert (one["name"], one["then"], one["said"]) == ("redis", "reconfigure", ["a word"])
    assert one["files"][2] == {
        "path": "hooks/new",
        "before": None,
        "after": "#!/bin/sh",
        "shown": True,
    }


def test_no_change_is_said(hab: Hab, gateway: Any) -> None:
    def calm(message: Message) -> list[Message]:
        return (
            [ServicePlan("redis", "nothing")]
            if isinstance(message, PlanService)
            else (answers(message))
        )

    with gateway(calm):
        done = hab("svc", "plan", "redis")
    assert done.stdout == "no file would change; nothing would be done to redis\n"


def test_what_cannot_be_planned_is_an_error(hab: Hab, gateway: Any, tmp_path: Path) -> None:
    with gateway(answers):
        unknown = hab("svc", "plan", "web")
    assert unknown.exit_code == 1
    assert "Service not loaded, web" in unknown.stderr
    refused = CallFailed("Refused", "redis does not run", "no-plan")
    with gateway(lambda m: answers(m) if isinstance(m, QueryServices) else [refused]):
        down = hab("svc", "plan", "redis")
    assert down.exit_code == 1
    assert "redis does not run" in down.stderr
    missing = hab("svc", "plan", "redis", "--config", str(tmp_path / "none"))
    assert missing.exit_code == 1
    assert "none" in missing.stderr


def test_the_configuration_of_a_service_is_shown_as_toml_or_json(hab: Hab, gateway: Any) -> None:
    with gateway(answers) as playing:
        shown = hab("config", "show", "redis")
        as_json = hab("config", "show", "redis", "--json")
    assert playing.asked == [QueryConfiguration("redis")] * 2
    assert shown.stdout == SHOWN
    assert json.loads(as_json.stdout) == {
        "schema": "config.service/1",
        "service": "redis",
        "configuration": {"port": 1, "day": "2026-11-25", "save": {"every": [1, 2]}},
    }


def test_what_is_neither_a_service_nor_a_group_is_refused(hab: Hab) -> None:
    done = hab("config", "show", "core/redis")
    assert done.exit_code == 2
    assert "Invalid service group: core/redis" in done.stderr
