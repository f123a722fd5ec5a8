from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.launcher.lock import acquire
from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from actors.specs.spec_file import parse

Hab = Callable[..., Result]


def _spec(layout: StateLayout, service: str) -> ServiceSpec:
    path = layout.specs / f"{service}.spec"
    return parse(path.name, path.read_bytes())


def test_load_without_a_supervisor_writes_the_spec_and_says_so(
    hab: Hab, layout: StateLayout
) -> None:
    line = "service load core/redis --topology leader --strategy rolling --group acme"
    said = hab(*line.split())
    assert said.exit_code == 0, said.stderr
    assert str(layout.specs / "redis.spec") in said.stdout
    assert "no supervisor is up" in said.stderr
    spec = _spec(layout, "redis")
    assert (spec.ident, spec.group) == ("core/redis", "acme")
    assert (spec.topology, spec.update_strategy) == ("leader", "rolling")
    assert [path.name for path in layout.specs.iterdir()] == ["redis.spec"]


@pytest.mark.parametrize(
    "ident", ["core/redis", "core/redis/4.0.1", "core/redis/4.0.1/20170101000000"]
)
def test_the_ident_is_kept_as_it_was_given(hab: Hab, layout: StateLayout, ident: str) -> None:
    assert hab("svc", "load", ident).exit_code == 0
    assert _spec(layout, "redis").ident == ident


def test_the_same_load_again_is_unchanged_and_a_different_one_a_conflict(
    hab: Hab, layout: StateLayout
) -> None:
    assert hab("svc", "load", "core/redis", "--group", "acme").exit_code == 0
    before = (layout.specs / "redis.spec").read_bytes()
    again = hab("svc", "load", "core/redis", "--group", "acme")
    assert again.exit_code == 0
    assert "unchanged" in again.stdout
    other = hab("svc", "load", "core/redis", "--group", "other")
    assert other.exit_code == 1
    assert "Service already loaded. Unload 'core/redis' and try again" in other.stderr
    assert (layout.specs / "redis.spec").read_bytes() == before


def test_force_changes_what_is_given_and_keeps_the_rest(hab: Hab, layout: StateLayout) -> None:
    first = hab("svc", "load", "core/redis", "--bind", "db:pg.default", "-t", "leader")
    assert first.exit_code == 0
    assert hab("svc", "load", "core/redis/4.0", "--strategy", "at-once", "--force").exit_code == 0
    spec = _spec(layout, "redis")
    assert spec.ident == "core/redis/4.0"
    assert spec.binds == ("db:pg.default",)
    assert (spec.topology, spec.update_strategy) == ("leader", "at-once")


def test_start_of_what_is_stopped_and_of_what_was_never_loaded(
    hab: Hab, layout: StateLayout
) -> None:
    assert hab("svc", "load", "core/redis", "--group", "acme").exit_code == 0
    path = layout.specs / "redis.spec"
    path.write_text(path.read_text().replace('desired_state = "up"', 'desired_state = "down"'))
    said = hab("svc", "start", "core/redis", "--json")
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["schema"] == "svc.start/1"
    assert _spec(layout, "redis").desired_state == "up"
    assert _spec(layout, "redis").group == "acme"
    assert hab("svc", "start", "core/nginx").exit_code == 0
    assert _spec(layout, "nginx").desired_state == "up"
    unknown = hab("svc", "start", "nginx2")
    assert unknown.exit_code == 1
    assert "Service not loaded, nginx2" in unknown.stderr


def test_a_plain_command_is_loaded_with_the_directory_it_was_typed_in(
    hab: Hab, layout: StateLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = hab("svc", "load", "--cmd", "python 'my web.py' -v", "--name", "web")
    assert said.exit_code == 0, said.stderr
    spec = _spec(layout, "web")
    assert spec.cmd == ("python", "my web.py", "-v")
    assert spec.cwd == str(tmp_path)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["core"], "Invalid package identifier"),
        (["core/redis", "--bind", "db"], 'Invalid binding "db"'),
        (["core/redis", "--topology", "beelzebub"], "beelzebub"),
        (["core/redis", "--strategy", "beelzebub"], "beelzebub"),
        (["core/redis", "--config-from", "/nowhere"], "Directory: '/nowhere' cannot be found"),
        (["/nowhere/a.hart"], "File: '/nowhere/a.hart' cannot be found"),
        ([], "--cmd"),
        (["--cmd", "python web.py"], "--name"),
        (["core/redis", "--cmd", "python"], "--cmd takes the place"),
        (["--cmd", "python 'web", "--name", "w"], "--cmd"),
        (["core/redis", "--cwd", "/"], "--cwd goes with --cmd"),
    ],
)
def test_what_cannot_be_loaded_is_a_usage_error(
    hab: Hab, layout: StateLayout, words: list[str], text: str
) -> None:
    said = hab("svc", "load", *words)
    assert said.exit_code == 2
    assert text in said.stderr
    assert not layout.specs.exists()


def test_only_load_and_start_are_for_the_next_start(hab: Hab, layout: StateLayout) -> None:
    for verb in ("unload", "stop", "restart"):
        said = hab("svc", verb, "core/redis")
        assert said.exit_code == 1
        assert "Unable to contact the Supervisor." in said.stderr
    assert not layout.specs.exists()


def test_a_launcher_that_holds_the_lock_is_not_overridden(hab: Hab, layout: StateLayout) -> None:
    layout.supervisor.mkdir(parents=True)
    layout.secret.write_text("secret\n")
    held = acquire(str(layout.lock))
    try:
        said = hab("svc", "load", "core/redis")
    finally:
        os.close(held)
    assert said.exit_code == 1
    assert "Unable to contact the Supervisor." in said.stderr
    assert str(os.getpid()) in said.stderr
    assert not layout.specs.exists()


def test_a_remote_supervisor_s_specs_are_not_written_here(
    hab: Hab, layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAB_CTL_SECRET", "s")
    said = hab("svc", "load", "core/redis", "--remote-sup", "127.0.0.1:1")
    assert said.exit_code == 1
    assert "127.0.0.1:1" in said.stderr
    assert not layout.specs.exists()


def test_a_spec_that_cannot_be_read_is_said_and_left_alone(hab: Hab, layout: StateLayout) -> None:
    layout.specs.mkdir(parents=True)
    broken = layout.specs / "old.spec"
    broken.write_text("ident = ")
    said = hab("svc", "load", "core/redis")
    assert said.exit_code == 0
    assert "old.spec is not used" in said.stderr
    assert broken.read_text() == "ident = "


def test_a_named_supervisor_has_its_own_specs(hab: Hab, layout: StateLayout) -> None:
    assert hab("svc", "load", "core/redis", "--override-name", "web").exit_code == 0
    assert (layout.root / "sup" / "web" / "specs" / "redis.spec").is_file()
    assert not layout.specs.exists()


# Root may write everywhere but below a file.
OBSTACLES = ("a file", *(() if os.geteuid() == 0 else ("a closed directory",)))


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_root_that_is_not_ours_is_said_with_a_next_step(
    hab: Hab, layout: StateLayout, obstacle: str
) -> None:
    if obstacle == "a file":
        layout.root.touch()
    else:
        layout.root.mkdir(mode=0o500)
    said = hab("svc", "load", "core/redis")
    assert said.exit_code == 1
    assert "HAB_ROOT" in said.stderr
