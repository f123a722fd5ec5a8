"""`hab svc render`, without a supervisor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.adapters.package_store import running_target
from actors.node.layout import StateLayout

Hab = Callable[..., Result]

DEFAULTS = 'port = 80\nday = 2026-11-24\n[web]\nhost = "default"\n'
CONF = """\
listen {{cfg.web.host}}:{{cfg.port}}
{{#if svc.me.follower}}
follow {{svc.leader.sys.ip}} term {{svc.leader_term}}
{{/if}}
{{#each bind.backend.members as |m|}}
backend {{m.sys.ip}}:{{m.cfg.port}}
{{/each}}
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package"
    (path / "hooks").mkdir(parents=True)
    (path / "config" / "sub").mkdir(parents=True)
    (path / "hooks" / "run").write_text("#!/bin/sh\nexec {{pkg.name}} {{pkg.svc_config_path}}\n")
    (path / "config" / "web.conf").write_text(CONF)
    (path / "config" / "sub" / "all.conf").write_text("{{toToml cfg.web}}{{> web.conf}}")
    (path / "IDENT").write_text("acme/web/1.0.0/20260101000000\n")
    (path / "TARGET").write_text(f"{running_target()}\n")
    (path / "EXPORTS").write_text("port=port\nhost=web.host\n")
    (path / "BINDS_OPTIONAL").write_text("backend=port\n")
    (path / "default.toml").write_text(DEFAULTS)
    return path


def test_an_installed_package_is_shown_file_by_file(
    hab: Hab, package: Path, layout: StateLayout
) -> None:
    assert hab("pkg", "install", str(package)).exit_code == 0
    said = hab("svc", "render", "acme/web")
    assert said.exit_code == 0, said.output
    assert said.stdout == (
        '==> config/sub/all.conf <==\nhost = "default"\nlisten default:80\n'
        "==> config/web.conf <==\nlisten default:80\n"
        f"==> hooks/run <==\n#!/bin/sh\nexec web {layout.services}/web/config\n"
    )
    assert hab("svc", "render", "acme/web", "config/web.conf").stdout == "listen default:80\n"
    assert not layout.supervisor.exists()


def test_the_layers_lie_over_one_another(
    hab: Hab, package: Path, layout: StateLayout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAB_WEB", '{"port": 81, "web": {"host": "environment"}}')
    words = ("svc", "render", str(package), "config/web.conf")
    assert hab(*words).stdout == "listen environment:81\n"
    user = layout.user_config("web")
    user.parent.mkdir(parents=True)
    user.write_text("port = 82\n")
    said = hab(*words)
    assert said.stdout == "listen environment:82\n"
    assert "HAB_WEB" in said.stderr
    assert str(user) in said.stderr
    applied = tmp_path / "applied.toml"
    applied.write_text('web = { host = "applied" }\n')
    assert hab(*words, "--config", str(applied)).stdout == "listen applied:82\n"


def test_binds_and_roles_are_made_up(hab: Hab, package: Path) -> None:
    words = ("svc", "render", str(package), "config/web.conf")
    said = hab(*words, "--bind", "backend:db.default")
    assert said.stdout == "listen default:80\nbackend 127.0.0.1:<backend.port>\n"
    assert "made up for bind backend: port" in said.stderr
    assert hab(*words, "--role", "follower").stdout == (
        "listen default:80\nfollow 127.0.0.1 term 1\n"
    )
    assert hab(*words, "--role", "leader").stdout == "listen default:80\n"
    wrong = hab(*words, "--bind", "backen:db.default")
    assert wrong.exit_code == 1
    assert 'Did you mean "backend"?' in wrong.stderr
    (package / "BINDS").write_text("store=port\n")
    missing = hab(*words)
    assert missing.exit_code == 1
    assert "Missing required bind(s), store" in missing.stderr


def test_files_are_written_below_a_directory(hab: Hab, package: Path, tmp_path: Path) -> None:
    to = tmp_path / "out"
    said = hab("svc", "render", str(package), "--to", str(to))
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [
        str(to / path) for path in ("config/sub/all.conf", "config/web.conf", "hooks/run")
    ]
    assert (to / "config" / "web.conf").read_text() == "listen default:80\n"
    assert (to / "hooks" / "run").stat().st_mode & 0o777 == 0o755


def test_json_tells_files_configuration_and_exports(hab: Hab, package: Path) -> None:
    told = json.loads(hab("svc", "render", str(package), "--json").stdout)
    assert told["schema"] == "svc.render/1"
    assert told["ident"] == "acme/web/1.0.0/20260101000000"
    assert set(told["files"]) == {"config/sub/all.conf", "config/web.conf", "hooks/run"}
    assert told["cfg"] == {"port": 80, "day": "2026-11-24", "web": {"host": "default"}}
    assert told["exports"] == {"port": 80, "host": "default"}


def test_the_directory_of_a_plan_needs_no_metafiles(hab: Hab, tmp_path: Path) -> None:
    plan = tmp_path / "my-plan"
    (plan / "config").mkdir(parents=True)
    (plan / "config" / "x").write_text("{{pkg.name}} {{svc.service}} {{cfg.a}}\n")
    (plan / "default.toml").write_text("a = 1\n")
    assert hab("svc", "render", str(plan), "config/x").stdout == "my-plan my-plan 1\n"
    assert hab("svc", "render", str(plan), "config/x", "--name", "other").stdout == (
        "my-plan other 1\n"
    )


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("config/web.conf", "a\n{{#if x}}", "config/web.conf:2:1: {{#if}} is never closed"),
        ("config/web.conf", "a {{toUppercase cfg.port}}", "config/web.conf:1:3: toUppercase"),
        ("hooks/run", "{{nope 1}}", "hooks/run:1:1: there is no helper 'nope'"),
        ("default.toml", "port = \n", "default.toml"),
        ("IDENT", "acme\n", "IDENT"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    hab: Hab, package: Path, path: str, content: str, said: str
) -> None:
    (package / path).write_text(content)
    failed = hab("svc", "render", str(package))
    assert failed.exit_code == 1, failed.output
    assert said in failed.stderr
    assert failed.stdout == ""
    assert "Traceback" not in failed.output


def test_what_is_not_there_is_said(hab: Hab, package: Path, tmp_path: Path) -> None:
    gone = hab("svc", "render", "acme/none")
    assert gone.exit_code == 1
    assert "neither an installed package nor a directory" in gone.stderr
    assert hab("svc", "render", "nothing").exit_code == 2
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no templates" in hab("svc", "render", str(empty)).stderr
    other = hab("svc", "render", str(package), "config/wep.conf")
    assert other.exit_code == 1
    assert 'Did you mean "config/web.conf"?' in other.stderr


def test_a_hook_that_cannot_be_read_is_said_and_left_out(hab: Hab, package: Path) -> None:
    (package / "hooks" / "init").write_text("{{#if")
    said = hab("svc", "render", str(package))
    assert said.exit_code == 0
    assert "hooks/init:1:" in said.stderr
    assert "hooks/init" not in said.stdout
