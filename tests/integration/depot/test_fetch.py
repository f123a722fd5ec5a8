"""Installing from a depot: which release, its dependencies, the keys; and everything refused."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from depot_rig import (
    KEY,
    LIB,
    NEWER,
    REVISION,
    TARGET,
    WEB,
    Here,
    Hostile,
    Package,
    answer,
    fill,
    public_key,
    put,
)
from nacl.signing import SigningKey

from actors.adapters.depot_client import UNAVAILABLE, DepotSettings, open_depot
from actors.adapters.depot_fetch import Fetcher
from actors.adapters.depot_folder import FolderDepot
from actors.adapters.package_store import PackageStore
from actors.depot.patience import Patience
from actors.errors import CryptoError, HabError, Refused
from actors.messages.service import Progress

QUICK = Patience(tries=3, unit_s=0.02, connect_s=2.0, answer_s=1.0, window_s=1.0)
OLDER = "acme/web/0.9/20250101000000"


class Shop:
    """A machine with an empty root, and the depot it installs from."""

    def __init__(self, root: Path, url: str = "") -> None:
        self.store = PackageStore(root)
        self.told: list[Progress] = []
        depot = None
        if url:
            depot = open_depot(DepotSettings(url), TARGET, self.told.append, QUICK)
        self.fetcher = Fetcher(self.store, depot, self.told.append)

    def install(self, ident: str = "acme/web", **more: bool) -> tuple[str, int]:
        done = self.fetcher.install(ident, "stable", **more)
        return str(done.ident), done.new

    @property
    def installed(self) -> list[str]:
        return [str(ident) for ident in self.store.installed()]

    @property
    def said(self) -> str:
        return "\n".join(progress.text for progress in self.told)

    def left_behind(self) -> list[str]:
        hidden = (".partial", ".incoming", ".hab-pkg-install")
        return [p.name for p in self.store.root.rglob("*") if p.name.startswith(hidden)]


@pytest.fixture(params=["file", "http"])
def shop(request: pytest.FixtureRequest, depot: FolderDepot, server: Here, tmp_path: Path) -> Shop:
    url = f"file://{depot.folder}" if request.param == "file" else server.url
    return Shop(tmp_path / "root", url)


@pytest.fixture
def offline(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "root")


def test_from_an_empty_root_a_package_its_dependencies_and_keys_are_installed(
    shop: Shop, depot: FolderDepot
) -> None:
    fill(depot, Package(LIB), Package(tdeps=(LIB,)))
    assert shop.install() == (WEB, 2)
    assert shop.installed == [LIB, WEB]
    assert (shop.store.key_cache / f"acme-{REVISION}.pub").read_bytes().strip() == public_key()
    assert sorted(p.name for p in shop.store.artifacts.glob("*.hart")) == sorted(
        Package(ident).artifact.file_name for ident in (LIB, WEB)
    )
    assert "Fetched the public key" in shop.said
    assert shop.install() == (WEB, 0)
    assert shop.left_behind() == []


def test_the_newest_of_the_channel_is_installed_unless_a_newer_one_is(
    shop: Shop, depot: FolderDepot
) -> None:
    fill(depot, Package(OLDER))
    assert shop.install() == (OLDER, 1)
    fill(depot, Package(WEB))
    assert shop.install() == (WEB, 1)
    depot.demote(Package(WEB).artifact, "stable")
    assert shop.install() == (WEB, 0)  # strictly newer than 0.9
    put(depot, Package(NEWER))
    assert shop.install() == (WEB, 0)  # 1.1 is in unstable only
    assert shop.install(NEWER) == (NEWER, 1)  # a release is that release, whatever the channel
    assert shop.install(OLDER) == (OLDER, 0)


def test_what_the_channel_has_not_is_the_installed_one_or_an_error_with_a_hint(
    shop: Shop, depot: FolderDepot
) -> None:
    put(depot, Package())
    depot.add_key("acme", REVISION, public_key())
    with pytest.raises(Refused, match="it is in unstable: --channel unstable") as refused:
        shop.install()
    assert refused.value.code == "not-found"
    with pytest.raises(Refused, match="nor in another one"):
        shop.install("acme/none")
    shop.install(WEB)
    assert shop.install() == (WEB, 0)
    assert "is not in channel stable" in shop.said
    with pytest.raises(Refused, match="--channel unstable"):
        shop.install(ignore_local=True)


@pytest.mark.parametrize("spoil", ["bit", "cut", "signature", "signer", "another", "target"])
def test_what_is_not_the_signed_package_is_refused_and_nothing_is_written(
    shop: Shop, depot: FolderDepot, spoil: str
) -> None:
    fill(depot, Package())
    file = depot.harts / Package().artifact.file_name
    whole = file.read_bytes()
    match spoil:
        case "bit":
            data = bytearray(whole)
            data[-20] ^= 1
            spoilt = bytes(data)
        case "cut":
            spoilt = whole[:-1]
        case "signature":
            spoilt = Package().hart(SigningKey(b"x" * 32))
        case "signer":
            spoilt = Package().hart(KEY, "unknown-20260101000000")
        case "another":
            spoilt = Package(NEWER).hart()
        case _:
            spoilt = Package(target="aarch64-darwin").hart()
    # Put past the depot's own checks, as a depot that lies would.
    index = depot.folder / "index" / f"{file.name}.json"
    file.write_bytes(spoilt)
    described = json.loads(index.read_text())
    described |= {"size": file.stat().st_size, "changed_ns": file.stat().st_mtime_ns}
    index.write_text(json.dumps(described))
    depot._known.clear()
    with pytest.raises(HabError):
        shop.install(WEB)
    assert shop.installed == []
    assert shop.left_behind() == []
    assert list(shop.store.artifacts.glob("*.hart")) == []


def test_a_bad_file_in_the_cache_is_downloaded_again(shop: Shop, depot: FolderDepot) -> None:
    fill(depot, Package())
    file = Package().write(shop.store.artifacts)
    file.write_bytes(file.read_bytes()[:100])
    assert shop.install() == (WEB, 1)
    assert "downloaded again" in shop.said


def test_a_good_file_in_the_cache_is_not_downloaded(shop: Shop, depot: FolderDepot) -> None:
    fill(depot, Package())
    Package().write(shop.store.artifacts)
    (depot.harts / Package().artifact.file_name).chmod(0o644)
    assert shop.install() == (WEB, 1)
    assert "Downloading" not in shop.said


def test_a_half_download_of_something_else_is_noticed_and_begun_again(
    server: Here, depot: FolderDepot, tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "root", server.url)
    fill(depot, Package(padding=100_000))
    part = shop.store.artifacts / f".partial-{Package().artifact.file_name}"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 5000)
    assert shop.install() == (WEB, 1)
    assert "two downloads" in shop.said
    assert shop.left_behind() == []


def test_offline_takes_the_newest_of_what_is_installed_and_cached(offline: Shop) -> None:
    offline.store.key_cache.mkdir(parents=True)
    (offline.store.key_cache / f"acme-{REVISION}.pub").write_bytes(public_key())
    with pytest.raises(Refused, match="asks no depot"):
        offline.install()
    Package(OLDER).write(offline.store.artifacts)
    assert offline.install() == (OLDER, 1)
    Package(WEB, tdeps=(LIB,)).write(offline.store.artifacts)
    with pytest.raises(Refused, match=LIB):
        offline.install()
    assert offline.installed == [OLDER]
    Package(LIB).write(offline.store.artifacts)
    assert offline.install() == (WEB, 2)
    with pytest.raises(Refused):
        offline.install(NEWER)


def test_offline_an_unknown_signer_is_named(offline: Shop) -> None:
    Package().write(offline.store.artifacts)
    with pytest.raises(CryptoError, match=f"acme-{REVISION}"):
        offline.install()


def test_a_depot_that_is_down_is_an_error_unless_what_is_here_may_serve(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "root", "http://127.0.0.1:1")
    with pytest.raises(Refused) as refused:
        shop.install(fall_back=True)
    assert refused.value.code == UNAVAILABLE
    assert "127.0.0.1:1" in str(refused.value)
    shop.store.key_cache.mkdir(parents=True)
    (shop.store.key_cache / f"acme-{REVISION}.pub").write_bytes(public_key())
    Package().write(shop.store.artifacts)
    with pytest.raises(Refused):
        shop.install()
    assert shop.install(fall_back=True) == (WEB, 1)
    assert "attempt 2 of" in shop.said
    assert "looking at what is here" in shop.said


def test_a_file_of_this_machine_takes_its_dependencies_from_the_depot(
    shop: Shop, depot: FolderDepot, tmp_path: Path
) -> None:
    fill(depot, Package(LIB))
    file = Package(tdeps=(LIB,)).write(tmp_path / "mine")
    done = shop.fetcher.install_file(file)
    assert (str(done.ident), done.new) == (WEB, 2)
    assert shop.installed == [LIB, WEB]


def test_a_package_whose_dependency_is_nowhere_is_not_installed(
    shop: Shop, depot: FolderDepot
) -> None:
    fill(depot, Package(tdeps=(LIB,)))
    with pytest.raises(Refused, match=LIB):
        shop.install()
    assert shop.installed == []


def test_two_at_once_install_the_same_and_disturb_nothing(
    server: Here, depot: FolderDepot, tmp_path: Path
) -> None:
    fill(depot, Package(padding=500_000))
    shops = [Shop(tmp_path / "root", server.url) for _ in range(3)]
    done: list[tuple[str, int]] = []
    threads = [threading.Thread(target=lambda s=s: done.append(s.install())) for s in shops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [ident for ident, _ in done] == [WEB] * 3
    assert shops[0].installed == [WEB]
    assert shops[0].left_behind() == []


def test_a_key_under_another_name_is_not_taken(depot: FolderDepot, tmp_path: Path) -> None:
    file = Package().artifact.file_name
    other = public_key(SigningKey(b"e" * 32), f"evil-{REVISION}")

    def script(client: object, head: bytes, number: int) -> None:
        del number
        data = answer(Package().hart(), x_filename=file)
        if b"/keys/" in head:
            data = answer(other, x_filename=f"acme-{REVISION}.pub")
        client.sendall(data)  # type: ignore[attr-defined]

    with Hostile(script) as hostile:
        shop = Shop(tmp_path / "root", hostile.url)
        with pytest.raises(CryptoError, match="gave key evil"):
            shop.install(WEB)
    assert shop.installed == []
    assert list(shop.store.key_cache.glob("*")) == []


def test_a_download_brings_everything_that_another_depot_needs(
    shop: Shop, depot: FolderDepot, tmp_path: Path
) -> None:
    fill(depot, Package(LIB), Package(tdeps=(LIB,)))
    files = shop.fetcher.download("acme/web", "stable", tmp_path / "carry")
    assert [file.name for file in files] == [Package(i).artifact.file_name for i in (WEB, LIB)]
    assert shop.installed == []
    with pytest.raises(Refused):
        shop.fetcher.download("acme/none", "stable", tmp_path / "carry")
