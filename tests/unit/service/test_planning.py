"""What a configuration would change, told before it is applied, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.depot import ServiceFilesChanged
from actors.messages.gateway import (
    PlannedFile,
    PlanService,
    QueryConfiguration,
    ServiceConfiguration,
    ServicePlan,
)
from actors.messages.groups import GroupConfig, GroupFacts
from actors.messages.runtime import CallFailed
from actors.messages.service import LoadService, ServiceSpec, StopService
from actors.service.planning import SHOWN_BYTES

WEB = ServiceSpec(ident="acme/web")
GROUP = "web.default"
CONF = {"web.conf": b"port={{cfg.port}}\n", "fixed": b"always\n"}
RUN = {"run": b"#!/bin/sh\nserve {{cfg.threads}}\n"}


def load(rig: Any, make_package: Any, *names: str, **templates: Any) -> None:
    package = make_package(version="3.0", hooks=("run", *names))
    given = {"config": CONF, "hooks": RUN, "defaults": b"port = 80\nthreads = 1\n", **templates}
    rig.shelf.add(package, **given)
    assert rig.command(LoadService(WEB))[-1].outcome == "up"


def plan(rig: Any, config: bytes | None) -> Any:
    return rig.command(PlanService("web", config), to="service")[-1]


@pytest.mark.parametrize(
    ("config", "hooks", "expected"),
    [
        (b"unused = 1\n", (), ("nothing", [])),
        (b"port = 80\n", (), ("nothing", [])),
        (b"port = 81\n", (), ("restart", ["config/web.conf"])),
        (b"port = 81\n", ("reconfigure",), ("reconfigure", ["config/web.conf"])),
        (b"threads = 2\n", ("reconfigure",), ("restart", ["hooks/run"])),
    ],
)
def test_a_plan_tells_what_applying_does_and_changes_nothing(
    rig: Any, make_package: Any, config: bytes, hooks: tuple[str, ...], expected: Any
) -> None:
    then, files = expected
    load(rig, make_package, *hooks)
    pid, before = rig.pid("web"), dict(rig.shelf.written["web"])
    planned = plan(rig, config)
    rig.run(10.0)
    assert isinstance(planned, ServicePlan), planned
    assert (planned.then, [each.path for each in planned.files]) == (then, files)
    assert (rig.pid("web"), rig.shelf.written["web"]) == (pid, before)
    assert not rig.events(ServiceFilesChanged)
    rig.facts = GroupFacts({GROUP: GroupConfig(GROUP, 1, config)})
    rig.run(30.0)
    changed = {p for p, data in rig.shelf.written["web"].items() if before.get(p) != data}
    assert changed == set(files)
    assert all(rig.shelf.written["web"][each.path] == each.after for each in planned.files)
    assert all(before[each.path] == each.before for each in planned.files)
    assert (rig.pid("web") != pid) == (then == "restart")
    assert len(rig.hooks("web", "reconfigure")) == (then == "reconfigure")


def test_what_is_in_force_already_changes_nothing(rig: Any, make_package: Any) -> None:
    load(rig, make_package)
    assert plan(rig, None) == ServicePlan("web", "nothing")


def test_a_plan_replaces_what_was_applied_as_a_whole(rig: Any, make_package: Any) -> None:
    rig.facts = GroupFacts({GROUP: GroupConfig(GROUP, 4, b"port = 81\n")})
    load(rig, make_package)
    assert plan(rig, b"").files == (PlannedFile("config/web.conf", b"port=81\n", b"port=80\n"),)


def test_configuration_that_cannot_be_used_is_refused_with_its_reason(
    rig: Any, make_package: Any
) -> None:
    load(rig, make_package)
    refused = plan(rig, b"port =")
    assert isinstance(refused, CallFailed)
    assert "configuration version 1 of web.default cannot be used" in refused.text


def test_what_does_not_run_has_no_plan_and_no_configuration(rig: Any, make_package: Any) -> None:
    for question in (PlanService("web"), QueryConfiguration("web")):
        (answer,) = rig.command(question, to="service")
        assert (answer.kind, answer.code) == ("Refused", "not-loaded")
    load(rig, make_package)
    rig.command(StopService("web"))
    for question in (PlanService("web"), QueryConfiguration("web")):
        (answer,) = rig.command(question, to="service")
        assert (answer.kind, answer.code) == ("Refused", "no-plan")


def test_contents_too_large_for_an_answer_are_left_out(rig: Any, make_package: Any) -> None:
    text = b"{{cfg.port}}" + b"x" * (SHOWN_BYTES // 2)
    load(rig, make_package, config={"a": text, "b": b"{{cfg.port}}"})
    planned = plan(rig, b"port = 81\n")
    assert planned.files == (
        PlannedFile("config/a", shown=False),
        PlannedFile("config/b", b"80", b"81"),
    )


def test_the_configuration_in_force_is_all_layers_merged(rig: Any, make_package: Any) -> None:
    rig.shelf.user["web"] = b"threads = 3\n"
    text = "port = 81\nday = 2026-11-25\nat = 2026-11-25T07:32:00.5Z\nfactor = inf\n"
    rig.facts = GroupFacts({GROUP: GroupConfig(GROUP, 1, text.encode())})
    load(rig, make_package)
    (answer,) = rig.command(QueryConfiguration("web"), to="service")
    first, rest = text.split("\n", 1)
    assert answer == ServiceConfiguration("web", f"{first}\nthreads = 3\n{rest}")


def test_a_configuration_too_large_for_an_answer_is_refused_with_where_it_can_be_had(
    rig: Any, make_package: Any
) -> None:
    rig.shelf.user["web"] = b'text = "%s"\n' % (b"x" * SHOWN_BYTES)
    load(rig, make_package)
    (answer,) = rig.command(QueryConfiguration("web"), to="service")
    assert isinstance(answer, CallFailed)
    assert "/services/web/default/config" in answer.text
