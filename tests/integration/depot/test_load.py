"""`hab svc load` pulls: a real supervisor and a depot that is there, down, slow, or lying."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from depot_rig import LIB, REVISION, WEB, Here, Hostile, Package, answer, fill, public_key

from actors.adapters.depot_folder import FolderDepot

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
from supervisor_rig import HAB, Machine, eventually


def hab(machine: Machine, *words: str, within_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HAB, *words],
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def children(machine: Machine) -> list[int]:
    """Processes of this machine that install."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
            if (
                b"actors.adapters.depot_child" in line
                and machine.mark.encode() in (path / "environ").read_bytes()
            ):
                found.append(int(path.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("kind", ["default", "file", "http"])
def test_a_load_pulls_the_package_its_dependencies_and_keys(
    machine: Machine, depot: FolderDepot, server: Here, kind: str
) -> None:
    machine.start()
    if kind == "default":
        depot = FolderDepot(machine.root / "depot")
    fill(depot, Package(LIB), Package(tdeps=(LIB,)))
    url = {"default": (), "file": ("--url", f"file://{depot.folder}"), "http": ("-u", server.url)}
    done = hab(machine, "svc", "load", "acme/web", *url[kind])
    assert done.returncode == 0, done
    assert "web is up" in done.stdout
    for text in (f"Fetched the public key acme-{REVISION}", f"Installed {LIB}", f"Using {WEB}"):
        assert text in done.stderr
    assert (machine.root / "pkgs" / WEB / "IDENT").exists()


def test_a_depot_that_is_down_is_said_and_what_is_cached_or_installed_loads(
    machine: Machine, depot: FolderDepot
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    machine.environment["HAB_BLDR_URL"] = url
    machine.start()
    failed = hab(machine, "svc", "load", "acme/web")
    assert failed.returncode == 1
    assert "attempt 2 of 3" in failed.stderr
    assert url in failed.stderr
    assert "hab pkg install" in failed.stderr
    keys = machine.root / "cache" / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / f"acme-{REVISION}.pub").write_bytes(public_key())
    Package().write(machine.root / "cache" / "artifacts")
    done = hab(machine, "svc", "load", "acme/web")
    assert (done.returncode, "web is up" in done.stdout) == (0, True), done
    again = hab(machine, "svc", "load", "acme/web", "--group", "other", "--force")
    assert "attempt" not in again.stderr  # what is installed is not asked for


def test_a_slow_depot_keeps_nobody_else_and_a_repeated_load_joins_the_download(
    machine: Machine, depot: FolderDepot
) -> None:
    release = threading.Event()
    latest = (
        b'{"ident":{"origin":"acme","name":"web","version":"1.0","release":"%s"},"checksum":""}'
        % REVISION.encode()
    )

    def script(client: socket.socket, head: bytes, number: int) -> None:
        del number
        if b"/keys/" in head:
            client.sendall(answer(public_key(), x_filename=f"acme-{REVISION}.pub"))
        elif b"/download" in head:
            data = answer(Package().hart(), x_filename=Package().artifact.file_name)
            client.sendall(data[:300])
            at = 300
            while not release.wait(0.2):
                client.sendall(data[at : at + 1])
                at += 1
            client.sendall(data[at:])
        else:
            client.sendall(answer(latest))

    with Hostile(script) as slow:
        machine.start()
        with subprocess.Popen(
            [HAB, "svc", "load", "acme/web", "--url", slow.url],
            env=machine.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as first:
            eventually("the download began", lambda: any(b"/download" in h for h in slow.heads))
            other = hab(machine, "svc", "load", "--cmd", "sleep 1000", "--name", "other")
            assert (other.returncode, "other is up" in other.stdout) == (0, True), other
            fill(depot, Package(LIB))
            lib = hab(machine, "svc", "load", "acme/lib", "--url", f"file://{depot.folder}")
            assert (lib.returncode, "lib is up" in lib.stdout) == (0, True), lib
            assert len(children(machine)) == 1
            killed = hab(machine, "actor", "kill", "depot")
            assert killed.returncode == 0, killed
            second = hab(
                machine, "svc", "load", "acme/web", "-u", slow.url, "--timeout", "3", "--no-wait"
            )
            assert f"Downloading {WEB}" in second.stderr, second
            assert len(children(machine)) == 1
            release.set()
            out, err = first.communicate(timeout=60)
        assert first.returncode == 0, (out, err)
        assert "web is up" in out
    assert sum(b"/download" in head for head in slow.heads) == 1


def test_an_install_dies_with_its_supervisor(machine: Machine) -> None:
    with Hostile(lambda *_: threading.Event().wait(60) and None) as silent:
        machine.start()
        with subprocess.Popen(
            [HAB, "svc", "load", "acme/web", "--url", silent.url],
            env=machine.environment,
            stderr=subprocess.DEVNULL,
        ) as load:
            (child,) = eventually("a child installs", lambda: children(machine))
            info = machine.info()
            assert info is not None
            os.kill(info.supervisor_pid, 9)
            eventually("it is gone", lambda: child not in children(machine))
            load.terminate()  # it would ask the next supervisor for the same, and wait


def test_a_spec_for_what_is_not_installed_is_pulled_at_the_start(
    machine: Machine, depot: FolderDepot
) -> None:
    fill(depot, Package())
    written = hab(machine, "svc", "load", "acme/web", "--url", f"file://{depot.folder}")
    assert written.returncode == 0, written
    assert not (machine.root / "pkgs" / WEB).exists()
    machine.start()
    eventually("the package was pulled", (machine.root / "pkgs" / WEB).exists)
    eventually("it is up", lambda: " up " in hab(machine, "svc", "status", "web").stdout)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (answer(b"<html>hello</html>", content_type="text/html"), "web page"),
        (answer(b"", "500 Internal Server Error"), "500"),
        (answer(b"{}", content_length="1000"), "without sending complete"),
    ],
)
def test_what_is_no_depot_is_said_by_load(machine: Machine, data: bytes, text: str) -> None:
    machine.start()
    with Hostile(lambda client, _, __: client.sendall(data)) as hostile:
        failed = hab(machine, "svc", "load", "acme/web", "--url", hostile.url)
    assert (failed.returncode, text in failed.stderr) == (1, True), failed
    assert hab(machine, "svc", "status").returncode == 0
