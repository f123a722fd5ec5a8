"""The store is whole whatever happens: kills at every change, installers at once, altered bytes."""

from __future__ import annotations

import importlib.util
import io
import lzma
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from actors.adapters.depot_archive import describe_archive, read_archive
from actors.adapters.package_removal import loaded_packages, removal, remove
from actors.adapters.package_store import PackageStore
from actors.adapters.trees import digest_tree
from actors.adapters.unpacking import verify
from actors.depot.ident import parse_ident
from actors.errors import CryptoError, HabError, Refused
from actors.messages.depot import PackageInfo
from actors.messages.service import ServiceSpec
from actors.service import record
from actors.specs import spec_file

HERE = Path(__file__).parent


def _pieces() -> ModuleType:
    """The makers of archives beside us; tests are no package."""
    spec = importlib.util.spec_from_file_location("store_pieces", HERE / "test_packages_store.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pieces = _pieces()
Member, IDENT = pieces.Member, pieces.IDENT
DEP = "core/lib/1.0/20260101000000"


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    found = PackageStore(tmp_path / "hab", "x86_64-linux")
    pieces.trust(found)
    return found


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    def make(*members: object, ident: str = IDENT) -> Path:
        file = tmp_path / f"{ident.replace('/', '-')}-x86_64-linux.hart"
        file.write_bytes(pieces.hart(pieces.archive(ident, *members)))
        return file

    return make


def killed(store: PackageStore, what: str, subject: str, expected: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, HERE / "killed_installer.py", store.root, what, subject, expected],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_kill_before_any_change_of_an_install_leaves_a_whole_store(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    members = (
        Member("hooks/run", b"#!/bin/sh\n", 0o755),
        Member("lib/x", b"x" * 5000),
        Member("lib/link", type=pieces.tarfile.SYMTYPE, link="x"),
    )
    file = pack(*members)
    other = PackageStore(store.root.with_name("other"), "x86_64-linux", store.key_cache)
    other.install(file)
    expected = digest_tree(other.path(parse_ident(IDENT)))
    lines = killed(store, "install", str(file), expected)
    assert len(lines) > 15
    assert lines[-1].endswith("done 1")


def test_a_kill_before_any_change_of_an_uninstall_leaves_a_whole_store(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    installed = store.install(pack(Member("lib/x", b"x"), Member("lib/y", b"y")))
    lines = killed(store, "uninstall", IDENT, digest_tree(store.path(installed.ident)))
    assert len(lines) > 3
    assert lines[-1].endswith("done 0")


def test_several_installers_at_once_leave_one_whole_package(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    file = pack(*(Member(f"share/{n}", bytes([n]) * 10_000) for n in range(60)))
    code = (
        "import sys; from pathlib import Path; from actors.adapters.package_store import *; "
        "print(PackageStore(Path(sys.argv[1]), 'x86_64-linux').install(Path(sys.argv[2])).new)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, store.root, file], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    told = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert told.count("True") == 1
    assert pieces.left_behind(store) == []
    assert len(list((store.path(parse_ident(IDENT)) / "share").iterdir())) == 60


def test_no_bit_of_an_archive_can_be_altered_unnoticed(
    store: PackageStore, pack: Callable[..., Path], tmp_path: Path
) -> None:
    data = pack(Member("SVC_USER", b"hab")).read_bytes()
    altered = tmp_path / "altered.hart"
    for at in range(len(data)):
        for bit in range(8) if at < 220 else (at % 8,):  # every bit of the header
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            altered.write_bytes(changed)
            with pytest.raises(CryptoError):
                verify(altered, store.key_cache)
        altered.write_bytes(data[:at])
        with pytest.raises(CryptoError):
            verify(altered, store.key_cache)
    altered.write_bytes(data + b"x")
    with pytest.raises(CryptoError, match="altered"):
        verify(altered, store.key_cache)


def test_a_refused_archive_leaves_the_installed_package_and_the_cache_alone(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    good = pack(Member("lib/x", b"x"))
    data = good.read_bytes()
    store.install(good)
    before = digest_tree(store.root)
    for broken in (data[:-1], data[:-1] + b"\0", data.replace(b"acme-2026", b"evil-2026")):
        good.write_bytes(broken)
        with pytest.raises(HabError):
            store.install(good)
    assert digest_tree(store.root) == before


@pytest.mark.parametrize(
    ("members", "ident", "why"),
    [
        ((Member("TARGET", b"x86_64-windows"),), IDENT, "twice"),
        ((Member("EXPORTS", b"nonsense"),), IDENT, "EXPORTS"),
        ((Member("BINDS", b"a"),), IDENT, "BINDS"),
        ((Member("PACKAGE_TYPE", b"composite"),), IDENT, "PACKAGE_TYPE"),
        ((Member("SHUTDOWN_TIMEOUT", b"-1"),), IDENT, "SHUTDOWN_TIMEOUT"),
        ((Member("default.toml", b"= 1"),), IDENT, "default.toml"),
        ((Member("SVC_GROUP", b"a\0b"),), IDENT, "SVC_GROUP"),
        ((Member("TDEPS", b"../../../etc"),), IDENT, "TDEPS|identifier"),
    ],
)
def test_metafiles_that_lie_are_refused(
    store: PackageStore,
    pack: Callable[..., Path],
    members: tuple[object, ...],
    ident: str,
    why: str,
) -> None:
    with pytest.raises(HabError, match=why):
        store.install(pack(*members, ident=ident))
    assert store.installed() == ()
    assert pieces.left_behind(store) == []


def test_an_archive_for_another_target_or_ident_is_refused(
    store: PackageStore, tmp_path: Path
) -> None:
    other = PackageStore(store.root, "aarch64-linux")
    file = tmp_path / "web.hart"
    file.write_bytes(pieces.hart(pieces.archive(IDENT)))
    with pytest.raises(Refused, match="aarch64-linux"):
        other.install(file)
    file.write_bytes(pieces.hart(pieces.archive(IDENT, home=f"hab/pkgs/{DEP}")))
    with pytest.raises(Refused, match="IDENT"):
        store.install(file)
    assert store.installed() == ()


def test_a_dependency_s_archive_must_hold_that_dependency(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    pack(ident=DEP).write_bytes(pieces.hart(pieces.archive("evil/lib/1/2")))
    with pytest.raises(Refused, match=f"should hold {DEP}"):
        store.install(pack(Member("TDEPS", DEP.encode())))
    assert store.installed() == ()


def test_a_missing_dependency_is_named_with_the_next_step(
    store: PackageStore, pack: Callable[..., Path]
) -> None:
    with pytest.raises(Refused, match=rf"{DEP}.*install them first"):
        store.install(pack(Member("TDEPS", DEP.encode())))


def test_what_is_loaded_is_not_uninstalled(store: PackageStore, pack: Callable[..., Path]) -> None:
    running, newer = IDENT, "acme/web/2.0/20260101000000"
    for ident in (DEP, "acme/web/0.9/20260101000000", running, newer):
        members = (Member("TDEPS", DEP.encode()),) if ident == running else ()
        store.install(pack(*members, ident=ident))
    supervisor = store.root / "sup" / "other"
    spec = ServiceSpec(ident="acme/web")
    state = supervisor / record.record_path("web.default")
    for path, data in (
        (supervisor / "specs" / spec_file.file_name(spec), spec_file.write(spec)),
        (state, record.encode(record.Record(spec, PackageInfo(running, "", "x86_64-linux")))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    state.with_name("broken.state").write_bytes(b"{")
    assert {str(ident) for ident in loaded_packages(store)} == {running, newer}
    plan = removal(store, "acme/web", keep_latest=0)
    assert [str(ident) for ident in plan.gone] == ["acme/web/0.9/20260101000000"]
    assert removal(store, "core/lib").gone == ()
    remove(store, plan.gone, lambda _: None)
    assert not (store.packages / "acme" / "web" / "0.9").exists()
    remove(store, plan.gone, lambda _: None)  # again: nothing to do
    with pytest.raises(Refused, match="not installed"):
        removal(store, "acme/web/0.9")


def test_an_archive_that_begins_with_the_directories_above_its_package_installs(
    store: PackageStore, tmp_path: Path
) -> None:
    """As Habitat's archives of 2016 do."""
    above = ["hab", "hab/pkgs", "hab/pkgs/acme", "hab/pkgs/acme/web", "hab/pkgs/acme/web/1.0"]
    file = tmp_path / "web.hart"
    directory = pieces.tarfile.DIRTYPE
    file.write_bytes(
        pieces.hart(
            pieces.archive(IDENT, before=[Member(f"!{name}", type=directory) for name in above])
        )
    )
    assert str(store.install(file).ident) == IDENT
    assert read_archive(file, verify(file, store.key_cache)).files["TARGET"] == b"x86_64-linux"
    for name in ("hab/pkgs/acme/other", "etc"):
        wrong = [Member(f"!{name}", type=directory)]
        file.write_bytes(pieces.hart(pieces.archive("acme/web/2.0/1", before=[*wrong])))
        before = store.installed()
        if name == "etc":
            with pytest.raises(Refused, match="does not hold"):
                store.install(file)
        else:
            with pytest.raises(Refused, match="is outside"):
                store.install(file)
        assert store.installed() == before


@pytest.mark.parametrize("before", [(), ("", "IDENT", "TARGET")])
def test_a_name_of_a_hundred_megabytes_is_not_taken_into_memory(
    store: PackageStore, tmp_path: Path, before: tuple[str, ...]
) -> None:
    """Neither by who installs it, nor by a depot, which knows the keys of few who upload."""
    pieces.trust(store)
    file = tmp_path / "web.hart"
    out = io.BytesIO()
    with lzma.LZMAFile(out, "w", preset=0) as packed:
        for name in before:
            data = {"IDENT": IDENT, "TARGET": "x86_64-linux"}.get(name, "").encode()
            info = pieces.tarfile.TarInfo(f"hab/pkgs/{IDENT}/{name}".rstrip("/"))
            info.type = pieces.tarfile.REGTYPE if name else pieces.tarfile.DIRTYPE
            info.mode, info.size = 0o755, len(data)
            packed.write(info.tobuf(pieces.tarfile.GNU_FORMAT))
            packed.write(data.ljust(512 if data else 0, b"\0"))
        long_name = pieces.tarfile.TarInfo("././@LongLink")
        long_name.type, long_name.size = pieces.tarfile.GNUTYPE_LONGNAME, 100 * 1024**2
        packed.write(long_name.tobuf(pieces.tarfile.GNU_FORMAT))
        for _ in range(100):
            packed.write(b"a" * 1024**2)
    file.write_bytes(pieces.hart(out.getvalue()))
    for taken in (store.install, lambda path: describe_archive(path, "")):
        tracemalloc.start()
        with pytest.raises(Refused, match="head of a file in it has more than 1048576 bytes"):
            taken(file)
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024**2
        tracemalloc.stop()
    assert store.installed() == ()
    assert pieces.left_behind(store) == []
