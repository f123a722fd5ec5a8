from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from actors.adapters.package_store import running_target
from actors.node.layout import StateLayout

Hab = Callable[..., Result]


def _package(where: Path, release: str) -> Path:
    path = where / release
    (path / "hooks").mkdir(parents=True)
    (path / "hooks" / "run").write_text("#!/bin/sh\nexec sleep 60\n")
    (path / "IDENT").write_text(f"acme/web/1.0.0/{release}\n")
    (path / "TARGET").write_text(f"{running_target()}\n")
    (path / "default.toml").write_text("")
    return path


def test_packages_are_installed_listed_and_found(
    hab: Hab, layout: StateLayout, tmp_path: Path
) -> None:
    old, new = _package(tmp_path, "20260101000000"), _package(tmp_path, "20260201000000")
    said = hab("pkg", "install", str(new), str(old))
    assert said.exit_code == 0, said.output
    assert "acme/web/1.0.0/20260201000000 complete with 1 new package" in said.stdout
    again = json.loads(hab("pkg", "install", str(new), "--json").stdout)
    assert again["packages"] == [{"ident": "acme/web/1.0.0/20260201000000", "new": False}]
    names = ["acme/web/1.0.0/20260101000000", "acme/web/1.0.0/20260201000000"]
    assert hab("pkg", "list").stdout.splitlines() == names
    assert hab("pkg", "list", "acme/web/1.0.0").stdout.splitlines() == names
    assert hab("pkg", "list", "--origin", "core").stdout == ""
    assert hab("pkg", "list", "--origin", "acme", "acme/web").exit_code == 2
    place = layout.packages / names[1]
    assert hab("pkg", "path", "acme/web").stdout == f"{place}\n"
    missing = hab("pkg", "path", "acme/redis")
    assert missing.exit_code == 1
    assert "acme/redis" in missing.stderr


def test_what_is_no_package_is_not_installed(hab: Hab, tmp_path: Path) -> None:
    said = hab("pkg", "install", str(tmp_path / "none.hart"))
    assert said.exit_code == 1
    (tmp_path / "some.hart").write_text("HART-0\n")
    said = hab("pkg", "install", str(tmp_path / "some.hart"))
    assert said.exit_code == 1
    assert said.stderr


def test_a_simulation_s_output_is_a_function_of_its_options(hab: Hab) -> None:
    words = ("sim", "run", "--seed", "7", "--supervisors", "3", "--for", "10s")
    first, second = hab(*words), hab(*words)
    assert first.exit_code == 0, first.output
    assert first.stdout == second.stdout
    verdict, digest = first.stdout.splitlines()[-1].split()
    assert verdict == "ok"
    assert len(digest) == 64
    assert "virtual seconds" in first.stderr


def test_a_scenario_that_is_not_there_is_a_usage_error(hab: Hab) -> None:
    said = hab("sim", "run", "--scenario", "/nowhere.toml")
    assert said.exit_code == 2
    assert "/nowhere.toml" in said.stderr
