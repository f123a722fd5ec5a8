"""Service directories, spec files and packages through their ports, on a real disk."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from actors.adapters.files import FilesPort
from actors.adapters.package_store import running_target
from actors.adapters.packages import PackagesPort
from actors.adapters.service_directories import (
    Owner,
    Prepared,
    ServiceDirectories,
    ServiceFiles,
    owner_of,
    read_templates,
)
from actors.errors import Refused
from actors.messages.depot import (
    InstallPackage,
    PackageResolved,
    PrepareService,
    ReadTemplates,
    ResolvePackage,
    ServicePrepared,
    TemplatesRead,
    WritePidFile,
)
from actors.messages.envelope import Envelope, Ticket
from actors.messages.files import DirectoryListed, FileWritten, WatchDirectory
from actors.messages.runtime import CallFailed
from actors.node.options import StateLayout

IDENT = "acme/web/1.0/20260101000000"
DEADLINE_S = 10.0


class Ports:
    """The runtime's side of a port: what it is asked, what it answers."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Envelope], None]] = {}
        self.answers: SimpleQueue[Any] = SimpleQueue()

    def register_port(self, path: str, handler: Callable[[Envelope], None]) -> None:
        self.handlers[path] = handler

    def tell(self, to: str, message: Any, *, sender: str) -> None:
        self.answers.put((to, sender, message))

    def answer(self, envelope: Envelope, message: Any, *, more: bool = False) -> None:
        assert envelope.ticket is not None
        self.answers.put((message, more))

    def ask(self, port: str, message: Any) -> None:
        self.handlers[port](Envelope(port, "asker", message, ticket=Ticket("asker", "1")))

    def next(self) -> Any:
        return self.answers.get(timeout=DEADLINE_S)

    def silent(self, seconds: float) -> bool:
        try:
            self.answers.get(timeout=seconds)
        except Empty:
            return True
        return False


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "hab" / "pkgs" / IDENT
    for name, data in {
        "IDENT": IDENT,
        "TARGET": running_target(),
        "hooks/run": "#!/bin/sh\n",
        "hooks/init": "#!/bin/sh\n",
        "config/web.conf": "port = 80\n",
        "config/more/deep.conf": "deep\n",
    }.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(data)
    return path


@pytest.fixture
def directories(tmp_path: Path) -> ServiceDirectories:
    root = tmp_path / "hab"
    return ServiceDirectories(root, root / "svc")


def put(directories: ServiceDirectories, package: Path, owner: Owner | None = None) -> Prepared:
    """Make the directory of `web` from the package as it is."""
    config, hooks, _ = read_templates(package)
    return directories.prepare("web", ServiceFiles(config, hooks), owner or Owner())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_service_directory_has_habitats_modes_under_any_umask(
    directories: ServiceDirectories, package: Path, tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        done = put(directories, package)
    finally:
        os.umask(before)
    svc = tmp_path / "hab" / "svc" / "web"
    assert (done.path, done.hooks) == (str(svc), ("init", "run"))
    assert [mode(svc.parent), mode(svc), mode(svc / "hooks"), mode(svc / "logs")] == [0o755] * 4
    for name in ("config", "config_install", "data", "files", "static", "var", "config/more"):
        assert mode(svc / name) == 0o770, name
    assert mode(svc / "hooks" / "run") == mode(svc / "run") == 0o755
    assert mode(svc / "config" / "web.conf") == 0o740
    assert (svc / "config" / "more" / "deep.conf").read_text() == "deep\n"


def test_hooks_of_habitats_first_years_are_found(package: Path) -> None:
    (package / "hooks" / "health_check").write_text("#!/bin/sh\nexit 1\n")
    (package / "hooks" / "reload").write_text("#!/bin/sh\n")
    (package / "hooks" / "run").unlink()
    (package / "run").write_text("#!/bin/sh\necho run\n")
    hooks = read_templates(package)[1]
    assert sorted(hooks) == ["health-check", "init", "reload", "run"]
    assert hooks["health-check"].endswith(b"exit 1\n")
    assert hooks["run"].endswith(b"echo run\n")


def test_what_is_in_place_is_left_alone_and_old_hooks_go(
    directories: ServiceDirectories, package: Path, tmp_path: Path
) -> None:
    put(directories, package)
    svc = tmp_path / "hab" / "svc" / "web"
    inode = (svc / "hooks" / "run").stat().st_ino
    (svc / "data").chmod(0o700)
    (package / "hooks" / "init").unlink()
    put(directories, package)
    assert (svc / "hooks" / "run").stat().st_ino == inode
    assert not (svc / "hooks" / "init").exists()
    assert mode(svc / "data") == 0o700
    (package / "hooks" / "run").write_text("#!/bin/sh\necho new\n")
    put(directories, package)
    assert (svc / "run").read_text() == "#!/bin/sh\necho new\n"


def test_links_that_a_service_put_there_are_not_followed(
    directories: ServiceDirectories, package: Path, tmp_path: Path
) -> None:
    put(directories, package)
    svc, victim = tmp_path / "hab" / "svc" / "web", tmp_path / "victim"
    victim.mkdir()
    (victim / "web.conf").write_text("precious")
    (svc / "config" / "web.conf").unlink()
    (svc / "config" / "web.conf").symlink_to(victim / "web.conf")
    put(directories, package)
    assert (victim / "web.conf").read_text() == "precious"
    assert not (svc / "config" / "web.conf").is_symlink()
    (svc / "config" / "more" / "deep.conf").unlink()
    (svc / "config" / "more").rmdir()
    (svc / "config" / "more").symlink_to(victim)
    with pytest.raises(OSError, match="more"):
        put(directories, package)
    assert sorted(p.name for p in victim.iterdir()) == ["web.conf"]


def test_what_belongs_to_the_service_is_given_to_its_account(
    directories: ServiceDirectories, package: Path, tmp_path: Path
) -> None:
    """Root gives it to nobody; who is not root gives it to himself, which is all he can."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(account.pw_gid).gr_name
    put(directories, package, owner_of(account.pw_name, group))
    svc = tmp_path / "hab" / "svc" / "web"
    for name in ("config", "data", "config/web.conf", "config/more"):
        assert (svc / name).stat().st_uid == account.pw_uid, name
    for name in ("hooks", "logs", "hooks/run", "."):
        assert (svc / name).stat().st_uid == os.geteuid(), name
    with pytest.raises(Refused, match="does not exist"):
        owner_of("no-such-user", "")


def test_the_way_to_the_services_of_a_named_supervisor_is_open(tmp_path: Path) -> None:
    root = tmp_path / "hab"
    (root / "sup" / "second").mkdir(parents=True, mode=0o700)
    (root / "sup" / "second").chmod(0o700)
    made = ServiceDirectories(root, root / "sup" / "second" / "svc")
    made.prepare("web", ServiceFiles(), Owner())
    assert mode(root / "sup" / "second") == 0o711


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Ports]:
    ports = Ports()
    port = PackagesPort(ports, StateLayout(tmp_path / "hab"))  # type: ignore[arg-type]
    yield ports
    port.close()


def test_the_packages_port_answers_every_question(
    packages: Ports, package: Path, tmp_path: Path
) -> None:
    packages.ask("port/packages", ResolvePackage("acme/web"))
    resolved, more = packages.next()
    assert isinstance(resolved, PackageResolved)
    assert (resolved.package.ident, more) == (IDENT, False)
    user = tmp_path / "hab" / "user" / "web" / "config" / "user.toml"
    user.parent.mkdir(parents=True)
    user.write_text("port = 81\n")
    packages.ask("port/packages", ReadTemplates("web", str(package)))
    read = packages.next()[0]
    assert isinstance(read, TemplatesRead)
    assert sorted(read.config) == ["more/deep.conf", "web.conf"]
    assert (sorted(read.hooks), read.user) == (["init", "run"], b"port = 81\n")
    files = {"keys.txt": b"k"}
    packages.ask("port/packages", PrepareService("web", "", "", read.config, read.hooks, files))
    changed = ("hooks/init", "hooks/run", "config/more/deep.conf", "config/web.conf")
    svc = str(tmp_path / "hab" / "svc" / "web")
    assert packages.next()[0] == ServicePrepared(
        "web", svc, ("init", "run"), (*changed, "files/keys.txt")
    )
    packages.ask("port/packages", PrepareService("web", "", "", read.config, read.hooks, files))
    assert packages.next()[0] == ServicePrepared("web", svc, ("init", "run"))
    packages.ask("port/packages", WritePidFile("web", 42))
    packages.ask("port/packages", ResolvePackage("acme/none", install=True))
    refused, _ = packages.next()
    assert isinstance(refused, CallFailed)
    assert refused.code == "not-found"
    assert str(tmp_path / "hab" / "pkgs") in refused.text
    assert "hab pkg install" in refused.text
    assert (tmp_path / "hab" / "svc" / "web" / "PID").read_text() == "42\n"
    packages.ask("port/packages", WritePidFile("web"))
    packages.ask("port/packages", WritePidFile("never-there"))
    packages.ask("port/packages", InstallPackage(str(package)))
    told = [packages.next() for _ in range(2)]
    assert told[0][1]
    assert told[1][0].package.ident == IDENT
    packages.ask("port/packages", ResolvePackage("acme/web"))  # behind the orders, on one thread
    packages.next()
    assert not (tmp_path / "hab" / "svc" / "web" / "PID").exists()


@pytest.mark.parametrize(
    "message",
    [
        ResolvePackage("not an ident"),
        ResolvePackage("acme/web", config_from="/nowhere"),
        InstallPackage("/nowhere.hart"),
        InstallPackage("/dev/null"),
        PrepareService("web", "no-such-user", "x"),
        PrepareService("a/b"),
        PrepareService(".."),
        PrepareService("web", config={"../x": b""}),
        PrepareService("web", config={"/x": b""}),
        PrepareService("web", hooks={"a/b": b""}),
        PrepareService("web", files={"..": b""}),
        ReadTemplates("../web", "/nowhere"),
        WatchDirectory("x"),
    ],
)
def test_the_packages_port_refuses_what_it_cannot_do_and_lives(
    packages: Ports, package: Path, message: Any
) -> None:
    packages.ask("port/packages", message)
    assert isinstance(packages.next()[0], CallFailed)
    packages.ask("port/packages", ResolvePackage("acme/web"))
    assert isinstance(packages.next()[0], PackageResolved)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Ports, Path]]:
    ports = Ports()
    port = FilesPort(ports, tmp_path, look_s=0.02)
    yield ports, tmp_path / "specs"
    port.close()


def listed(ports: Ports) -> dict[str, bytes]:
    to, _, message = ports.next()
    assert isinstance(message, DirectoryListed)
    assert (to, message.error) == ("asker", "")
    return {file.name: file.data for file in message.files}


def test_a_directory_is_listed_at_once_and_at_each_change(watched: tuple[Ports, Path]) -> None:
    ports, path = watched
    ports.ask("port/files", WatchDirectory("specs", ".spec", 7))
    assert listed(ports) == {}
    path.mkdir()
    (path / "a.spec").write_text("1")
    (path / ".b.spec").write_text("hidden")
    (path / "c.other").write_text("other")
    while listed(ports) != {"a.spec": b"1"}:
        pass
    (path / "a.spec").write_text("22")
    while listed(ports) != {"a.spec": b"22"}:
        pass
    (path / "a.spec").unlink()
    assert listed(ports) == {}
    assert ports.silent(0.1)


def test_what_is_no_small_file_is_not_read(watched: tuple[Ports, Path]) -> None:
    ports, path = watched
    path.mkdir()
    os.mkfifo(path / "fifo.spec")
    (path / "dir.spec").mkdir()
    (path / "gone.spec").symlink_to("nothing")
    (path / "big.spec").write_bytes(b"x" * (1024 * 1024 + 1))
    ports.ask("port/files", WatchDirectory("specs", ".spec", 1, once=True))
    _, _, message = ports.next()
    assert [(file.name, bool(file.error)) for file in message.files] == [("big.spec", True)]
    (path / "new.spec").write_text("x")
    assert ports.silent(0.1)


def test_a_directory_that_cannot_be_read_is_no_empty_one(watched: tuple[Ports, Path]) -> None:
    ports, path = watched
    path.write_text("a file")
    ports.ask("port/files", WatchDirectory("specs", ".spec", 1))
    assert ports.next()[2].error


def test_what_the_watcher_wrote_itself_is_no_news(watched: tuple[Ports, Path]) -> None:
    ports, path = watched
    path.mkdir()
    (path / "a.spec").write_text("1")
    ports.ask("port/files", WatchDirectory("specs", ".spec", 1))
    assert listed(ports) == {"a.spec": b"1"}
    (path / "a.spec").write_text("22")
    ports.ask("port/files", FileWritten("specs", ".spec", "a.spec", b"22", 2))
    (path / "b.spec").write_text("new")
    ports.ask("port/files", FileWritten("specs", ".spec", "b.spec", b"new", 3))
    (path / "a.spec").unlink()
    ports.ask("port/files", FileWritten("specs", ".spec", "a.spec", None, 4))
    assert ports.silent(0.2)
    (path / "c.spec").write_text("by hand")
    _, _, message = ports.next()
    assert message.token == 4
    assert {file.name: file.data for file in message.files} == {
        "b.spec": b"new",
        "c.spec": b"by hand",
    }


@pytest.mark.parametrize("written", [b"mine", None])
def test_what_somebody_made_of_the_watcher_s_file_meanwhile_is_news(
    watched: tuple[Ports, Path], written: bytes | None
) -> None:
    ports, path = watched
    path.mkdir()
    ports.ask("port/files", WatchDirectory("specs", ".spec", 1))
    assert listed(ports) == {}
    (path / "a.spec").write_text("theirs")
    ports.ask("port/files", FileWritten("specs", ".spec", "a.spec", written, 2))
    assert listed(ports) == {"a.spec": b"theirs"}


def test_a_listing_with_a_token_shows_every_write_before_the_question(
    watched: tuple[Ports, Path],
) -> None:
    ports, path = watched
    path.mkdir()
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            (path / "other.spec").write_text(str(number))

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for token in range(1, 60):
            (path / "mine.spec").write_text(str(token))
            ports.ask("port/files", WatchDirectory("specs", ".spec", token))
            while True:
                _, _, message = ports.next()
                if message.token == token:
                    break
            found = {file.name: file.data for file in message.files}
            assert found["mine.spec"] == str(token).encode()
    finally:
        stop.set()
        writer.join()
