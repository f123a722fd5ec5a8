"""From empty roots: build, sign, upload, promote, and load on three peers from one depot."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from depot_rig import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
from supervisor_rig import HAB, Machine, eventually

PLAN = """pkg_origin=acme
pkg_name={name}
pkg_version=1.0.0
pkg_svc_run="sleep 100000"
pkg_svc_user={user}
pkg_svc_group={group}
pkg_deps=({deps})
do_build() {{ :; }}
do_install() {{ echo {name} > "$pkg_prefix/greeting"; }}
"""
ACCOUNT = {
    "user": pwd.getpwuid(os.geteuid()).pw_name,
    "group": grp.getgrgid(os.getegid()).gr_name,
}
TOKEN = "only-for-uploads"


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    with ExitStack() as stack:

        def make(name: str, **environ: str) -> Machine:
            machine = Machine(tmp_path / name)
            stack.callback(machine.end)
            for proxy in [key for key in machine.environment if key.lower().endswith("_proxy")]:
                del machine.environment[proxy]
            machine.environment.update(environ)
            return machine

        yield make


def hab(machine: Machine, *words: str, **more: Any) -> str:
    """Run a command of the machine, which has to end well; what it printed."""
    done = subprocess.run(
        [HAB, *words],
        env=machine.environment,
        cwd=machine.root,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        **more,
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("kind", ["http", "file"])
def test_a_package_built_on_one_machine_runs_on_three_peers(
    machines: Callable[..., Machine], tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "depot"
    with ExitStack() as stack:
        url = f"file://{folder}"
        if kind == "http":
            server = Server(folder, tokens=f"{TOKEN} acme\n")
            stack.callback(server.stop)
            url = server.url
        builder = machines("builder", HAB_BLDR_URL=url, HAB_AUTH_TOKEN=TOKEN)
        hab(builder, "origin", "key", "generate", "acme")
        for name, deps in (("lib", ""), ("web", "acme/lib")):
            plan = builder.root / name
            plan.mkdir()
            (plan / "plan.sh").write_text(PLAN.format(name=name, deps=deps, **ACCOUNT))
            hab(builder, "pkg", "build", name)
            (built,) = (builder.root / "results").glob(f"acme-{name}-*.hart")
            hab(builder, "pkg", "upload", str(built))
            if name == "lib":  # the next plan finds it in the channel
                ident = hab(builder, "pkg", "search", "acme/lib").strip()
                hab(builder, "pkg", "promote", ident, "stable")
                built.unlink()
                (builder.root / "cache" / "artifacts" / built.name).unlink()
        release = hab(builder, "pkg", "search", "acme/web").strip()
        peers = [machines(name, HAB_BLDR_URL=url) for name in ("one", "two", "three")]
        for number, peer in enumerate(peers):
            others = [f"127.0.0.1:{other.gossip}" for other in peers if other is not peer]
            peer.start("--permanent-peer", *(word for o in others for word in ("--peer", o)))
            if number == 0:  # not promoted yet
                done = subprocess.run(
                    [HAB, "svc", "load", "acme/web"],
                    env=peer.environment,
                    capture_output=True,
                    text=True,
                    timeout=90,
                    check=False,
                )
                assert (done.returncode, "--channel unstable" in done.stderr) == (1, True), done
                hab(builder, "pkg", "promote", release, "stable")
            assert "web is up" in hab(peer, "svc", "load", "acme/web")
        for peer in peers:
            status = hab(peer, "svc", "status", "web")
            assert release in status
            assert (peer.root / "pkgs" / release / "greeting").read_text() == "web\n"
            eventually("all peers are seen", lambda p=peer: _alive(p) == 3, 30)


def _alive(machine: Machine) -> int:
    return hab(machine, "ring", "members", "--json").count('"alive"')
