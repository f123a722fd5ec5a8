"""Plans to start from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from actors.depot.plan_start import Start, plan_files
from actors.service.handlebars import parse, render

BARE = Start("web", "acme", "1.0", "root", "root")


@pytest.mark.parametrize("minimal", [True, False])
def test_an_empty_plan_is_bash_and_has_no_service(tmp_path: Path, minimal: bool) -> None:
    files = plan_files(BARE, minimal)
    assert set(files) == {"plan.sh", "default.toml"}
    plan = tmp_path / "plan.sh"
    plan.write_text(files["plan.sh"])
    bash = shutil.which("bash")
    assert bash is not None
    said = subprocess.check_output(
        [bash, "-c", f'source {plan}; do_install; echo "$pkg_origin/$pkg_name/$pkg_version"'],
        text=True,
    )
    assert said == "acme/web/1.0\n"
    assert ("pkg_source" in files["plan.sh"]) is not minimal


def test_the_words_of_a_command_reach_the_shell_as_they_were() -> None:
    words = ("printf", "%s|", "it's", "$HOME", "{{cfg.x}}", "two words")
    start = Start("web", "acme", "1.0", "root", "root", words, directory="/tmp/a b")
    hook = render(parse(plan_files(start)["hooks/run"], "run"), {"pkg": {"path": "/x"}})
    assert hook.startswith("#!/bin/sh\ncd '/tmp/a b' || exit 1\nexec printf ")
    line = hook.splitlines()[2].removeprefix("exec ")
    said = subprocess.check_output(["sh", "-c", line], text=True)
    assert said == "it's|$HOME|{{cfg.x}}|two words|"


def test_a_command_s_directory_comes_along(tmp_path: Path) -> None:
    start = Start("web", "acme", "1.0", "root", "root", ("./run",), copies=True, timeout_s=9)
    files = plan_files(start)
    assert 'cd "{{pkg.path}}/app"' in files["hooks/run"]
    assert "pkg_shutdown_timeout_sec=9\n" in files["plan.sh"]
    for name in ("src/run", "src/habitat/plan.sh", "src/results/x", "src/lib/habitat"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "src" / "habitat" / "plan.sh").write_text(files["plan.sh"])
    code = "source $SRC_PATH/habitat/plan.sh; do_install"
    env = {"SRC_PATH": f"{tmp_path}/src", "pkg_prefix": f"{tmp_path}/out", "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-ec", code], env=env, check=True)
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*"))
    assert found == ["app", "app/lib", "app/lib/habitat", "app/run"]
