"""Packages on a real disk: what is found, what is installed, what never leaves its directory."""

from __future__ import annotations

import base64
import hashlib
import io
import lzma
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from actors.adapters.package_store import PackageStore
from actors.adapters.staging import STAGING
from actors.errors import CryptoError, HabError, Refused

TARGET = "x86_64-linux"
IDENT = "acme/web/1.0/20260101000000"
SIGNER = "acme-20260101000000"
KEY = SigningKey(b"k" * 32)


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    return PackageStore(tmp_path / "hab", TARGET)


def lay_out(path: Path, ident: str = IDENT, **files: str) -> Path:
    """A directory in the installed layout."""
    for name, text in {
        "IDENT": ident,
        "TARGET": TARGET,
        "default.toml": "",
        "hooks/run": "#!/bin/sh\nexec sleep 1000\n",
        **files,
    }.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (path / "hooks" / "run").chmod(0o755)
    return path


@dataclass
class Member:
    """One member of an archive, below the package unless its name is absolute."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    type: bytes = tarfile.REGTYPE
    link: str = ""


def archive(ident: str, *members: Member, home: str = "", before: Sequence[Member] = ()) -> bytes:
    """A `.tar.xz` as Habitat makes it; `before` comes before the package's directory."""
    out = io.BytesIO()
    home = home or f"hab/pkgs/{ident}"
    first = Member("", type=tarfile.DIRTYPE, mode=0o755)
    basic = (Member("IDENT", ident.encode()), Member("TARGET", TARGET.encode()))
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in (*before, first, *basic, *members):
            name = member.name if member.name.startswith("!") else f"{home}/{member.name}"
            info = tarfile.TarInfo(name.lstrip("!").rstrip("/"))
            info.type, info.mode, info.linkname = member.type, member.mode, member.link
            info.size, info.mtime = len(member.data), 1_700_000_000
            tar.addfile(info, io.BytesIO(member.data))
    return lzma.compress(out.getvalue(), check=lzma.CHECK_CRC64)


def hart(payload: bytes, key: SigningKey = KEY, signer: str = SIGNER) -> bytes:
    digest = hashlib.blake2b(payload, digest_size=32).hexdigest().encode()
    signed = base64.b64encode(key.sign(digest))
    return b"HART-1\n" + signer.encode() + b"\nBLAKE2b\n" + signed + b"\n\n" + payload


def trust(store: PackageStore, key: SigningKey = KEY, signer: str = SIGNER) -> None:
    store.key_cache.mkdir(parents=True, exist_ok=True)
    text = f"SIG-PUB-1\n{signer}\n\n{base64.b64encode(bytes(key.verify_key)).decode()}"
    (store.key_cache / f"{signer}.pub").write_text(text)


@pytest.fixture
def pack(store: PackageStore, tmp_path: Path) -> Callable[..., Path]:
    def make(*members: Member, ident: str = IDENT, **more: Any) -> Path:
        trust(store)
        file = tmp_path / "given.hart"
        file.write_bytes(hart(archive(ident, *members, **more)))
        return file

    return make


def left_behind(store: PackageStore) -> list[str]:
    found = [p.name for p in store.root.rglob("*") if p.name.startswith((STAGING, ".incoming"))]
    return sorted(found)


def test_a_directory_with_ident_target_default_toml_and_run_is_found_by_partial_ident(
    store: PackageStore,
) -> None:
    lay_out(store.packages / IDENT)
    found = store.find("acme/web")
    assert str(found) == IDENT
    assert found is not None
    info = store.describe(found)
    assert (info.ident, info.hooks, info.runnable) == (IDENT, ("run",), True)
    assert info.path == str(store.packages / IDENT)


def test_the_newest_release_is_found_and_other_targets_do_not_exist(store: PackageStore) -> None:
    for version in ("1.9", "1.10", "1.10-rc"):
        lay_out(store.packages / f"acme/web/{version}/20260101000000")
    lay_out(store.packages / "acme/web/2.0/20260101000000", TARGET="x86_64-windows")
    (store.packages / "acme/web/3.0/20260101000000").mkdir(parents=True)
    (store.packages / "acme/web/4.0" / f"{STAGING}x").mkdir(parents=True)
    assert str(store.find("acme/web")) == "acme/web/1.10/20260101000000"
    assert len(store.installed()) == 3
    assert store.find("acme/web/2.0") is None


def test_a_directory_is_copied_in_whole_and_known_the_second_time(
    store: PackageStore, tmp_path: Path
) -> None:
    source = lay_out(tmp_path / "src", **{"lib/a.txt": "a"})
    (source / "lib" / "link").symlink_to("a.txt")
    said: list[str] = []
    assert store.install_directory(source, said.append).new
    assert not store.install_directory(source, said.append).new
    there = store.packages / IDENT
    assert (there / "lib" / "link").read_text() == "a"
    assert os.access(there / "hooks" / "run", os.X_OK)
    assert said[-1] == f"Using {IDENT}"
    assert left_behind(store) == []
    (source / "lib" / "a.txt").write_text("b")
    with pytest.raises(Refused, match="differs"):
        store.install_directory(source)


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda p: (p / "IDENT").unlink(), "IDENT"),
        (lambda p: (p / "IDENT").write_text("acme/web"), "version/release"),
        (lambda p: (p / "TARGET").write_text("x86_64-windows"), "this machine"),
        (lambda p: (p / "out").symlink_to("/etc"), "links to"),
        (lambda p: (p / "out").symlink_to("../../../../../.."), "links to"),
        (lambda p: os.mkfifo(p / "fifo"), "neither file"),
        (lambda p: (p / "TDEPS").write_text("core/x/1/2"), "core/x/1/2"),
        (lambda p: (p / "SHUTDOWN_SIGNAL").write_text("BOOM"), "SHUTDOWN_SIGNAL"),
    ],
)
def test_a_directory_that_is_no_package_is_refused_and_leaves_nothing(
    store: PackageStore, tmp_path: Path, break_it: Callable[[Path], None], why: str
) -> None:
    source = lay_out(tmp_path / "src")
    break_it(source)
    with pytest.raises(Refused, match=why):
        store.install_directory(source)
    assert store.installed() == ()
    assert left_behind(store) == []


def test_an_archive_is_verified_unpacked_and_kept(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    dep = f"../../../../../{IDENT}/bin/web"
    file = pack(
        Member("bin/web", b"#!/bin/sh\n", 0o4755),
        Member("hooks/run", b"#!/bin/sh\n", 0o755),
        Member("bin/again", type=tarfile.LNKTYPE, link=f"hab/pkgs/{IDENT}/bin/web"),
        Member("bin/link", type=tarfile.SYMTYPE, link=f"/hab/pkgs/{IDENT}/bin/web"),
        Member("bin/climb", type=tarfile.SYMTYPE, link=dep),
        Member("share/readonly", type=tarfile.DIRTYPE, mode=0o555),
        Member("share/readonly/file", b"x", 0o444),
    )
    said: list[str] = []
    assert store.install(file, said.append).new
    there = store.packages / IDENT
    assert (there / "bin" / "web").stat().st_mode & 0o7777 == 0o4755
    assert (there / "bin" / "web").stat().st_nlink == 2
    assert (there / "bin" / "web").stat().st_mtime == 1_700_000_000
    assert str((there / "bin" / "climb").readlink()) == dep
    assert (there / "share" / "readonly" / "file").read_text() == "x"
    cached = store.artifacts / f"acme-web-1.0-20260101000000-{TARGET}.hart"
    assert cached.stat().st_mode & 0o777 == 0o644
    assert not store.install(file).new
    assert left_behind(store) == []
    assert any("Verified" in text for text in said)


@pytest.mark.parametrize(
    "member",
    [
        Member("!etc/evil", b"x"),
        Member("../evil", b"x"),
        Member("!/hab/pkgs/acme/other/1.0/20260101000000/x", b"x"),
        Member("link", type=tarfile.SYMTYPE, link="/etc/passwd"),
        Member("link", type=tarfile.SYMTYPE, link="../../../../../../etc"),
        Member("link", type=tarfile.SYMTYPE, link="/hab/pkgs/core/other/1/2/lib"),
        Member("hard", type=tarfile.LNKTYPE, link="/etc/passwd"),
        Member("hard", type=tarfile.LNKTYPE, link=f"hab/pkgs/{IDENT}/nothing"),
        Member("device", type=tarfile.CHRTYPE),
        Member("fifo", type=tarfile.FIFOTYPE),
        Member("IDENT", b"twice"),
        Member("TARGET/under-a-file", b"x"),
        Member("SVC_USER", b"root; x"),
        Member("TDEPS", b"core/missing/1/2\n"),
    ],
    ids=lambda m: f"{m.name}-{m.link}"[:40],
)
def test_a_signed_archive_cannot_write_outside_of_its_package(
    store: PackageStore, pack: Callable[..., Path], tmp_path: Path, member: Member
) -> None:
    before = sorted(p for p in tmp_path.rglob("*") if not p.is_relative_to(store.root))
    file = pack(member)
    with pytest.raises(Refused):
        store.install(file)
    assert store.installed() == ()
    assert left_behind(store) == []
    after = sorted(p for p in tmp_path.rglob("*") if not p.is_relative_to(store.root))
    assert set(after) - set(before) <= {file}


def test_nothing_is_written_through_a_link_of_the_archive(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    file = pack(
        Member("dir", type=tarfile.SYMTYPE, link="."),
        Member("dir/file", b"x"),
    )
    with pytest.raises(Refused, match="twice"):
        store.install(file)
    assert store.installed() == ()


def test_an_archive_that_unpacks_to_too_much_is_refused(
    store: PackageStore, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.adapters.unpacking.SMALL", 1024 * 1024)
    file = pack(Member("zeros", b"\0" * (8 * 1024 * 1024)))
    with pytest.raises(Refused, match="more than"):
        store.install(file)
    assert left_behind(store) == []


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (lambda d: d[:-1] + bytes([d[-1] ^ 1]), "altered"),
        (lambda d: d[: len(d) // 2], "altered"),
        (lambda d: d.replace(b"\nBLAKE2b\n", b"\nBLAKE2b\nA"), "base64|digest|wrong"),
        (lambda d: d.replace(SIGNER.encode(), b"other-20260101000000"), "public key"),
        (lambda _: hart(archive(IDENT), SigningKey(b"x" * 32)), "signature .* is wrong"),
        (lambda _: hart(b"not an archive"), "damaged"),
        (lambda _: b"", "HART-1"),
    ],
)
def test_an_altered_or_unsigned_archive_is_refused(
    store: PackageStore, pack: Callable[..., Path], alter: Callable[[bytes], bytes], why: str
) -> None:
    file = pack()
    file.write_bytes(alter(file.read_bytes()))
    with pytest.raises((CryptoError, Refused), match=why):
        store.install(file)
    assert store.installed() == ()
    assert left_behind(store) == []


def test_every_prefix_and_flipped_bit_of_an_archive_is_a_plain_refusal(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    file = pack(Member("hooks/run", b"#!/bin/sh\n", 0o755))
    data = file.read_bytes()
    for cut in range(0, len(data), 37):
        file.write_bytes(data[:cut])
        with pytest.raises(HabError):
            store.install(file)
        broken = bytearray(data)
        broken[cut] ^= 4
        file.write_bytes(broken)
        with pytest.raises(HabError):
            store.install(file)


def test_what_a_package_depends_on_is_installed_from_archives_beside_it(
    store: PackageStore, tmp_path: Path
) -> None:
    trust(store)
    dep = "core/lib/1.0/20260101000000"
    (tmp_path / f"core-lib-1.0-20260101000000-{TARGET}.hart").write_bytes(hart(archive(dep)))
    file = tmp_path / "web.hart"
    members = (
        Member("TDEPS", f"{dep}\n".encode()),
        Member("lib", type=tarfile.SYMTYPE, link=f"/hab/pkgs/{dep}/lib"),
    )
    file.write_bytes(hart(archive(IDENT, *members)))
    assert store.install(file).new
    assert [str(i) for i in store.installed()] == [IDENT, dep]


def test_path_comes_from_dependencies_where_the_package_does_not_say(store: PackageStore) -> None:
    dep = "core/lib/1.0/20260101000000"
    lay_out(store.packages / dep, dep, PATH="/lib/bin")
    lay_out(store.packages / IDENT, PATH="/web/bin", DEPS=dep, TDEPS=dep)
    busybox = "core/busybox-static/1.0/20260101000000"
    lay_out(store.packages / busybox, busybox)
    found = store.find("acme/web")
    assert found is not None
    assert store.describe(found).run_path == (
        "/web/bin",
        "/lib/bin",
        str(store.packages / busybox / "bin"),
    )


def test_config_from_stands_in_for_hooks_and_defaults(store: PackageStore, tmp_path: Path) -> None:
    lay_out(store.packages / IDENT, EXPORTS="port=port")
    other = tmp_path / "other"
    (other / "hooks").mkdir(parents=True)
    (other / "hooks" / "init").write_text("")
    (other / "default.toml").write_text("port = 7")
    found = store.find(IDENT)
    assert found is not None
    info = store.describe(found, str(other))
    assert (info.hooks, info.exported) == (("init",), {"port": 7})
    with pytest.raises(Refused, match="cannot be found"):
        store.describe(found, str(tmp_path / "nothing"))
