"""`hab pkg` on a package that was built, signed and installed by `hab` itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from actors.node.layout import StateLayout

Hab = Callable[..., Result]
IDENT = "acme/web/1.0/20231114221320"
PLAN = """pkg_name=web
pkg_origin=acme
pkg_version=1.0
pkg_bin_dirs=(bin)
do_build() { return 0; }
do_install() {
  printf '#!/bin/sh\\necho "$GREETING $*"\\n' > "$pkg_prefix/bin/web"
  chmod +x "$pkg_prefix/bin/web"
  set_runtime_env GREETING "hello you"
}
"""


@pytest.fixture
def artifact(hab: Hab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("HAB_OUTPUT_PATH", str(tmp_path / "results"))
    assert hab("origin", "key", "generate", "acme").exit_code == 0
    plan = tmp_path / "plan"
    plan.mkdir()
    (plan / "plan.sh").write_text(PLAN)
    (plan / "default.toml").write_text("port = 1\n")
    said = hab("pkg", "build", str(plan), "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert (told["schema"], told["ident"]) == ("pkg.build/1", IDENT)
    return Path(told["artifact"])


def test_an_archive_is_looked_into_and_verified(hab: Hab, artifact: Path, tmp_path: Path) -> None:
    header = hab("pkg", "header", str(artifact)).stdout
    assert "Key Name       : acme-20" in header
    assert json.loads(hab("pkg", "info", "--to-json", str(artifact)).stdout)["version"] == "1.0"
    assert "Release        : 20231114221320" in hab("pkg", "info", str(artifact)).stdout
    digest = hab("pkg", "hash", str(artifact)).stdout.split()[0]
    assert f"pkg_blake2bsum={digest}\n" in artifact.with_name("last_build.env").read_text()
    assert hab("pkg", "hash", text=f"{artifact}\n").stdout.split()[0] == digest
    assert "signed with acme-20" in hab("pkg", "verify", str(artifact)).stdout
    unknown = hab("pkg", "verify", str(artifact), "--cache-key-path", str(tmp_path / "none"))
    assert unknown.exit_code == 1
    assert "public key is not in" in unknown.stderr
    artifact.write_bytes(artifact.read_bytes()[:-1])
    assert hab("pkg", "verify", str(artifact)).exit_code == 1
    assert hab("pkg", "install", str(artifact)).exit_code == 1
    assert hab("pkg", "header", str(tmp_path / "none.hart")).exit_code == 2


def test_a_file_is_signed_and_verified(hab: Hab, artifact: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed.hart"
    assert hab("pkg", "sign", "--origin", "acme", str(artifact), str(signed)).exit_code == 0
    assert hab("pkg", "verify", str(signed)).exit_code == 0
    assert hab("pkg", "sign", "--origin", "nobody", str(artifact), str(signed)).exit_code == 1


def test_what_was_built_is_installed_by_its_ident_from_the_artifact_cache(
    hab: Hab, artifact: Path, layout: StateLayout
) -> None:
    artifact.unlink()
    said = hab("pkg", "install", "acme/web", "--binlink")
    assert said.exit_code == 0, said.output
    assert said.stdout == f"Install of {IDENT} complete with 1 new package installed.\n"
    link = layout.root / "bin" / "web"
    assert link.resolve() == layout.packages / IDENT / "bin" / "web"
    assert "0 new packages" in hab("pkg", "install", "acme/web").stdout
    for wrong in ("acme/none", "none.hart", "./nowhere", "one-word"):
        said = hab("pkg", "install", wrong)
        assert said.exit_code == 1, wrong
        assert wrong in said.stderr


def test_an_installed_package_tells_its_environment_and_configuration(
    hab: Hab, artifact: Path, layout: StateLayout
) -> None:
    assert hab("pkg", "install", str(artifact)).exit_code == 0
    assert hab("pkg", "config", "acme/web").stdout == "port = 1\n"
    env = hab("pkg", "env", "acme/web").stdout
    assert "export GREETING='hello you'\n" in env
    assert f"export PATH={layout.packages / IDENT}/bin\n" in env
    assert hab("pkg", "dependencies", "acme/web").stdout == ""
    assert hab("pkg", "env", "acme/none").exit_code == 1
    code = "from cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "pkg", "exec", "acme/web", "web", "--and", "me"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "hello you --and me\n", done.stderr
    missing = hab("pkg", "exec", "acme/web", "no-such-program")
    assert missing.exit_code == 1
    assert "no-such-program" in missing.stderr


def test_links_of_others_are_left_alone_without_force(
    hab: Hab, artifact: Path, tmp_path: Path
) -> None:
    hab("pkg", "install", str(artifact))
    into = tmp_path / "bin"
    into.mkdir()
    (into / "web").write_text("mine")
    said = hab("pkg", "binlink", "acme/web", "--dest", str(into))
    assert said.exit_code == 0
    assert "--force" in said.stderr
    assert (into / "web").read_text() == "mine"
    assert hab("pkg", "binlink", "acme/web", "web", "-d", str(into), "-f").stdout
    assert (into / "web").is_symlink()
    assert hab("pkg", "binlink", "acme/web", "-d", str(into)).exit_code == 0
    assert hab("pkg", "binlink", "acme/web", "other", "-d", str(into)).exit_code == 1


def test_a_package_is_uninstalled_and_dryrun_only_says_so(hab: Hab, artifact: Path) -> None:
    hab("pkg", "install", str(artifact))
    assert hab("pkg", "uninstall", "acme/web", "--dryrun").stdout == f"Would uninstall {IDENT}\n"
    assert hab("pkg", "list").stdout == f"{IDENT}\n"
    assert hab("pkg", "uninstall", "acme/web", "--exclude", "acme/web").exit_code == 1
    told = json.loads(hab("pkg", "uninstall", "acme/web", "--json").stdout)
    assert told["uninstalled"] == [IDENT]
    assert hab("pkg", "list").stdout == ""
    assert hab("pkg", "uninstall", "acme/web").exit_code == 1


def test_a_build_s_options_are_checked(
    hab: Hab, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = str(tmp_path / "plan")
    for name, value in (("SOURCE_DATE_EPOCH", "soon"), ("HAB_HART_COMPRESSION_LEVEL", "10")):
        monkeypatch.setenv(name, value)
        said = hab("pkg", "build", plan)
        assert said.exit_code == 2
        assert name in said.stderr
        monkeypatch.delenv(name)
    assert hab("pkg", "build", plan, "--src", "/nowhere").exit_code == 2
    assert hab("pkg", "build", str(tmp_path)).exit_code == 2
