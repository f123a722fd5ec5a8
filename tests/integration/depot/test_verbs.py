"""`hab pkg upload|download|promote|demote|search|channels`, on a folder and on a server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from depot_rig import LIB, NEWER, REVISION, WEB, Here, Package, fill, public_key

from actors.adapters.depot_folder import FolderDepot
from actors.adapters.package_store import PackageStore
from cli.main import hab as root

Hab = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageStore:
    """A root of its own with the public key of `acme`; no settings from outside."""
    for name in list(os.environ):
        if name.startswith("HAB_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HAB_ROOT", str(tmp_path / "root"))
    store = PackageStore(tmp_path / "root")
    store.key_cache.mkdir(parents=True)
    (store.key_cache / f"acme-{REVISION}.pub").write_bytes(public_key())
    return store


@pytest.fixture
def hab() -> Hab:
    return lambda *words: CliRunner().invoke(root, list(words), prog_name="hab")


@pytest.fixture(params=["file", "http", "default"])
def somewhere(
    request: pytest.FixtureRequest,
    depot: FolderDepot,
    server: Here,
    store: PackageStore,
    monkeypatch: pytest.MonkeyPatch,
) -> FolderDepot:
    """A depot named by HAB_BLDR_URL, or the one below the root that needs no naming."""
    if request.param == "default":
        return FolderDepot(store.root / "depot")
    url = f"file://{depot.folder}" if request.param == "file" else server.url
    monkeypatch.setenv("HAB_BLDR_URL", url)
    monkeypatch.setenv("HAB_AUTH_TOKEN", "for-acme-only")
    return depot


def test_a_package_goes_up_with_what_it_needs_and_moves_through_channels(
    somewhere: FolderDepot, hab: Hab, tmp_path: Path
) -> None:
    Package(LIB).write(tmp_path / "results")
    file = Package(tdeps=(LIB,)).write(tmp_path / "results")
    sent = hab("pkg", "upload", str(file))
    assert sent.exit_code == 0, sent.output
    assert f"Upload of {LIB} complete." in sent.stdout
    assert f"Upload of {WEB} complete." in sent.stdout
    assert "Uploaded the public key" in sent.stderr
    again = hab("pkg", "upload", str(file), "--json")
    assert json.loads(again.stdout)["packages"] == [{"ident": WEB, "new": False}]
    assert hab("pkg", "channels", WEB).stdout.split() == ["channel", "unstable"]
    assert hab("pkg", "promote", WEB, "lab").stdout == f"Promoted {WEB} to lab\n"
    assert hab("pkg", "promote", WEB, "stable").exit_code == 0
    shown = json.loads(hab("pkg", "channels", WEB, "--json").stdout)
    assert (shown["schema"], shown["channels"]) == (
        "pkg.channels/1",
        ["lab", "stable", "unstable"],
    )
    assert hab("pkg", "channels", "acme").stdout.split()[1:] == ["lab", "stable", "unstable"]
    assert hab("pkg", "demote", WEB, "lab").exit_code == 0
    failed = hab("pkg", "demote", WEB, "lab")
    assert (failed.exit_code, "is not in channel lab" in failed.stderr) == (1, True)
    assert hab("pkg", "search", "acme/we").stdout == f"{WEB}\n"
    found = hab("pkg", "search", "acme", "--limit", "1")
    assert (len(found.stdout.split()), "1 of 2 shown" in found.stderr) == (1, True)
    got = hab("pkg", "download", "acme/web", "--download-directory", str(tmp_path / "carry"))
    assert got.exit_code == 0, got.output
    names = [Path(line).name for line in got.stdout.split()]
    assert names == [Package(ident).artifact.file_name for ident in (WEB, LIB)]
    assert (tmp_path / "carry" / "keys" / f"acme-{REVISION}.pub").exists()
    assert len(somewhere.all()) == 2


def test_an_upload_can_promote_at_once(somewhere: FolderDepot, hab: Hab, tmp_path: Path) -> None:
    file = Package().write(tmp_path / "results")
    assert hab("pkg", "upload", str(file), "--channel", "lab").exit_code == 0
    assert sorted(somewhere.channels(Package().artifact)) == ["lab", "unstable"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("promote", "acme/web", "stable"), 2, "does not name a release"),
        (("promote", WEB, "stable"), 1, "is not in the depot"),
        (("promote", WEB, "stable", "--target", "vax"), 2, "is not a target"),
        (("channels", WEB), 1, "is not in file://"),
        (("download", "acme/web"), 1, "is not in channel stable"),
        (("upload", "/nowhere.hart"), 1, "does not exist"),
        (("search", "x", "--url", "ftp://x"), 2, "is no depot"),
        (("search", "x", "--limit", "0"), 2, "--limit"),
    ],
)
def test_what_cannot_be_is_said(
    store: PackageStore, hab: Hab, words: tuple[str, ...], code: int, text: str
) -> None:
    done = hab("pkg", *words)
    assert (done.exit_code, text in done.output) == (code, True), done.output


def test_nothing_is_uploaded_of_a_package_whose_dependency_is_nowhere_or_that_is_not_whole(
    store: PackageStore, hab: Hab, tmp_path: Path
) -> None:
    file = Package(tdeps=(LIB,)).write(tmp_path / "results")
    failed = hab("pkg", "upload", str(file))
    assert (failed.exit_code, LIB in failed.stderr) == (1, True)
    file.write_bytes(file.read_bytes()[:-3])
    assert hab("pkg", "upload", str(file)).exit_code == 1
    assert FolderDepot(store.root / "depot").all() == []


def test_a_wrong_token_is_said(store: PackageStore, server: Here, hab: Hab, tmp_path: Path) -> None:
    file = Package().write(tmp_path / "results")
    for token, text in (("nobody-knows-it", "401"), ("", "HAB_AUTH_TOKEN")):
        failed = hab("pkg", "upload", str(file), "--url", server.url, "--auth", token)
        assert (failed.exit_code, text in failed.stderr) == (1, True), failed.output


def test_a_package_is_installed_by_its_ident_from_an_empty_root(
    somewhere: FolderDepot, hab: Hab, store: PackageStore
) -> None:
    fill(somewhere, Package(LIB), Package(tdeps=(LIB,)))
    (store.key_cache / f"acme-{REVISION}.pub").unlink()
    done = hab("pkg", "install", "acme/web")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"Install of {WEB} complete with 2 new packages installed.\n"
    assert "0 new packages" in hab("pkg", "install", "acme/web").stdout
    fill(somewhere, Package(NEWER), channel="unstable")
    assert WEB in hab("pkg", "install", "acme/web").stdout
    newer = hab("pkg", "install", "acme/web", "--channel", "unstable", "--json")
    assert json.loads(newer.stdout)["packages"] == [{"ident": NEWER, "new": True}]
    assert NEWER in hab("pkg", "install", "acme/web").stdout  # strictly newer than the channel's
    failed = hab("pkg", "install", "acme/none")
    assert (failed.exit_code, "nor in another one" in failed.stderr) == (1, True)


def test_offline_asks_no_depot(store: PackageStore, hab: Hab) -> None:
    url = "http://127.0.0.1:1"
    failed = hab("pkg", "install", "acme/web", "--offline", "--url", url)
    assert (failed.exit_code, "asks no depot" in failed.stderr) == (1, True)
    Package().write(store.artifacts)
    assert hab("pkg", "install", "acme/web", "--offline", "--url", url).exit_code == 0
    both = hab("pkg", "install", "acme/web", "--offline", "--ignore-local")
    assert both.exit_code == 2
