"""Install and uninstall hooks: when they run, with what, and what their end means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.adapters.install_hooks import InstallHooks
from actors.adapters.package_removal import removal, remove
from actors.adapters.package_store import PackageStore
from actors.adapters.trees import HOOK_STATUS
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import HabError, Refused

IDENT = "acme/web/1.0/20260101000000"
DEP = "core/lib/1.0/20260101000000"


class Site:
    """A store, and hooks that write into `log`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.store = PackageStore(path / "hab", "x86_64-linux")
        self.said: list[str] = []
        self.hooks = InstallHooks(
            self.store, path / "hab" / "svc", dict(os.environ), self.said.append
        )

    def package(self, ident: str = IDENT, **files: str) -> PackageIdent:
        source = self.path / ident.replace("/", "-")
        for name, text in {
            "IDENT": ident,
            "TARGET": "x86_64-linux",
            "SVC_USER": "",
            **files,
        }.items():
            file = source / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return self.store.install(source).ident

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def status(self, ident: str = IDENT) -> str:
        return (self.store.packages / ident / HOOK_STATUS).read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_install_hook_is_rendered_with_pkg_and_cfg_and_run_once(site: Site) -> None:
    ident = site.package(
        **{
            "default.toml": "name = 'you'\n",
            "config_install__conf__a.txt": "{{cfg.name}}\n",
            "hooks__install": "#!/bin/sh\n"
            f"echo {{{{cfg.name}}}} {{{{pkg.version}}}} $PWD >> {site.log}\n"
            f"cat {{{{pkg.svc_config_install_path}}}}/conf/a.txt >> {site.log}\n",
        }
    )
    site.hooks.installed(ident)
    home = site.store.root / "svc" / "web"
    assert site.lines() == [f"you 1.0 {home}", "you"]
    assert site.status() == "0\n"
    site.hooks.installed(ident)
    assert len(site.lines()) == 2
    assert (home / "data").is_dir()


def test_a_failed_install_hook_says_its_code_and_runs_again(site: Site) -> None:
    ident = site.package(hooks__install=f"#!/bin/sh\necho x >> {site.log}\necho no disk\nexit 7\n")
    for runs in (1, 2):
        with pytest.raises(Refused, match=r"failed with 7.*hab pkg install.*no disk") as failed:
            site.hooks.installed(ident)
        assert failed.value.exit_code == 7, "what `hab pkg install` ends with"
        assert site.status() == "7\n"
        assert len(site.lines()) == runs
    assert "web hook[install]: no disk" in site.said
    assert site.store.find("acme/web") == ident


def test_what_a_hook_writes_lies_in_its_logs_and_a_hook_without_shebang_is_the_shell_s(
    site: Site,
) -> None:
    site.hooks.installed(site.package(hooks__install="echo out\necho err >&2\n"))
    logs = site.store.root / "svc" / "web" / "logs"
    assert (logs / "install.stdout.log").read_text() == "out\n"
    assert (logs / "install.stderr.log").read_text() == "err\n"
    assert site.said[-2:] == ["web hook[install]: out", "web hook[install]: err"]


def test_hooks_of_what_a_package_needs_run_before_its_own(site: Site) -> None:
    hook = f"#!/bin/sh\necho {{{{pkg.name}}}} >> {site.log}\n"
    site.package(DEP, hooks__install=hook)
    ident = site.package(TDEPS=f"{DEP}\n", hooks__install=hook)
    site.hooks.installed(ident)
    assert site.lines() == ["lib", "web"]
    assert site.status(DEP) == "0\n"


def test_the_operator_s_configuration_counts(site: Site) -> None:
    user = site.store.root / "user" / "web" / "config" / "user.toml"
    user.parent.mkdir(parents=True)
    user.write_text("name = 'me'\n")
    hook = f"#!/bin/sh\necho {{{{cfg.name}}}} >> {site.log}\n"
    site.hooks.installed(site.package(**{"default.toml": "name = 'you'\n", "hooks__install": hook}))
    assert site.lines() == ["me"]


def test_a_hook_that_is_no_template_or_has_no_account_is_refused(site: Site) -> None:
    broken = site.package(hooks__install="#!/bin/sh\n{{#if}}\n")
    with pytest.raises(HabError, match="hooks/install"):
        site.hooks.installed(broken)
    if os.geteuid() == 0:  # who cannot switch users runs it as who he is
        lost = site.package(DEP, SVC_USER="no-such-user", hooks__install="#!/bin/sh\n")
        with pytest.raises(Refused, match="no-such-user"):
            site.hooks.installed(lost)


def test_a_hook_that_hangs_is_ended(site: Site) -> None:
    ident = site.package(hooks__install="#!/bin/sh\nsleep 1000\n")
    site.hooks.timeout_s = 0.2
    with pytest.raises(Refused, match=r"ran for 0.2 s"):
        site.hooks.installed(ident)


def test_a_running_service_keeps_its_hooks(site: Site) -> None:
    run = site.store.root / "svc" / "web" / "hooks" / "run"
    run.parent.mkdir(parents=True)
    run.write_text("running")
    site.hooks.installed(site.package(hooks__install="#!/bin/sh\n"))
    assert run.read_text() == "running"


def test_only_the_last_release_of_a_package_runs_its_uninstall_hook(site: Site) -> None:
    hook = f"#!/bin/sh\necho {{{{pkg.version}}}} >> {site.log}\n"
    idents = [f"acme/web/{version}/20260101000000" for version in ("0.1.0", "0.3.0", "0.2.0")]
    for ident in idents:
        site.package(ident, hooks__uninstall=hook)

    def uninstall(keep_latest: int) -> None:
        gone = removal(site.store, "acme/web", keep_latest=keep_latest).gone
        remove(site.store, gone, site.said.append, site.hooks.uninstalling)

    uninstall(2)
    assert site.lines() == []
    uninstall(0)
    assert site.lines() == ["0.3.0"]
    assert site.store.installed() == ()


def test_an_uninstall_hook_that_fails_keeps_the_package(site: Site) -> None:
    ident = site.package(hooks__uninstall=f"#!/bin/sh\necho gone >> {site.log}\nexit 3\n")
    with pytest.raises(Refused, match=r"failed with 3.*--ignore-uninstall-hook") as failed:
        site.hooks.uninstalling(ident)
    assert failed.value.exit_code == 3
    assert site.lines() == ["gone"]
    site.hooks.uninstalling(site.package(DEP))  # has none
    assert parse_ident(DEP) in site.store.installed()
