"""`hab plan init`: every plan it writes builds as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from actors.specs import spec_file

Hab = Callable[..., Result]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "shop"
    place.mkdir()
    (place / "web.py").write_text("print('hi')\n")
    monkeypatch.chdir(place)
    monkeypatch.setenv("HAB_ORIGIN", "acme")
    return place


def builds(hab: Hab, plan: Path) -> str:
    assert hab("origin", "key", "generate").exit_code == 0
    said = hab("pkg", "build", str(plan))
    assert said.exit_code == 0, said.output
    ident = said.stdout.splitlines()[0].removeprefix("Built ")
    assert hab("pkg", "install", ident).exit_code == 0
    return hab("pkg", "path", ident).stdout.strip()


def test_a_plan_from_nothing_builds(hab: Hab, project: Path) -> None:
    said = hab("plan", "init", "api")
    assert said.exit_code == 0, said.output
    assert "hab pkg build" in said.stderr
    assert Path(builds(hab, project / "api"), "IDENT").read_text().startswith("acme/api/0.1.0/")
    again = hab("plan", "init", "api")
    assert again.exit_code == 1
    assert "already" in again.stderr


def test_a_plan_from_a_command_takes_the_directory_along(hab: Hab, project: Path) -> None:
    said = hab("plan", "init", "--cmd", "python3 web.py --port 1", "--min")
    assert said.exit_code == 0, said.output
    place = Path(builds(hab, project))
    assert (place / "app" / "web.py").read_text() == "print('hi')\n"
    assert not (place / "app" / "habitat").exists()
    assert "exec python3 web.py --port 1 2>&1" in (place / "hooks" / "run").read_text()
    assert (place / "IDENT").read_text().startswith("acme/shop/")
    assert hab("plan", "init", "x", "--cmd", "'").exit_code == 2


def test_a_service_loaded_by_its_command_becomes_a_package(
    hab: Hab, project: Path, layout: StateLayout
) -> None:
    layout.specs.mkdir(parents=True)
    for spec in (
        ServiceSpec("", name="web", cmd=("python3", "web.py"), cwd=str(project)),
        ServiceSpec("acme/redis"),
    ):
        (layout.specs / spec_file.file_name(spec)).write_bytes(spec_file.write(spec))
    said = hab("plan", "init", "--from-service", "web")
    assert said.exit_code == 0, said.output
    assert "hab svc unload web && hab svc load acme/web" in said.stderr
    place = Path(builds(hab, project))
    assert "exec python3 web.py" in (place / "hooks" / "run").read_text()
    for service, why in (("redis", "acme/redis"), ("none", "not loaded")):
        refused = hab("plan", "init", "--from-service", service)
        assert refused.exit_code == 1
        assert why in refused.stderr
    assert hab("plan", "init", "--from-service", "web", "--cmd", "x").exit_code == 2
