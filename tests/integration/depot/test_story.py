"""From empty roots: build, sign, upload, promote, and load on three peers from one depot.

The second story has a producer on one peer and its consumers on the two others, which follow it.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
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


@pytest.fixture(params=["http", "file"])
def builder(
    machines: Callable[..., Machine], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """A machine that builds, with its key, and a depot to upload to: a server's, or a folder."""
    folder = tmp_path / "depot"
    with ExitStack() as stack:
        url = f"file://{folder}"
        if request.param == "http":
            server = Server(folder, tokens=f"{TOKEN} acme\n")
            stack.callback(server.stop)
            url = server.url
        builder = machines("builder", HAB_BLDR_URL=url, HAB_AUTH_TOKEN=TOKEN)
        hab(builder, "origin", "key", "generate", "acme")
        yield builder


def test_a_package_built_on_one_machine_runs_on_three_peers(
    machines: Callable[..., Machine], builder: Machine
) -> None:
    for name, deps in (("lib", ""), ("web", "acme/lib")):
        release, built = publish(builder, name, PLAN.format(name=name, deps=deps, **ACCOUNT))
        if name == "lib":  # the next plan finds it in the channel
            hab(builder, "pkg", "promote", release, "stable")
            built.unlink()
            (builder.root / "cache" / "artifacts" / built.name).unlink()
    for number, peer in enumerate(peers := ring(machines, builder)):
        if number == 0:  # not promoted yet
            done = peer.hab("svc", "load", "acme/web", check=False, timeout_s=90)
            assert (done.code, "--channel unstable" in done.err) == (1, True), done
            hab(builder, "pkg", "promote", release, "stable")
        assert "web is up" in hab(peer, "svc", "load", "acme/web")
    for peer in peers:
        assert release in hab(peer, "svc", "status", "web")
        assert (peer.root / "pkgs" / release / "greeting").read_text() == "web\n"


PRODUCER = {
    "default.toml": "port = 7001\n",
    "config/producer.conf": "port {{cfg.port}}\n",
}
CONSUMER = {
    "config/consumer.conf": "{{#eachAlive bind.from.members as |m|}}{{m.sys.ip}}:{{m.cfg.port}}\n"
    "{{/eachAlive}}",
}
RELOAD = {
    "hooks/reconfigure": "#!/bin/sh\n"
    "cat {{pkg.svc_config_path}}/consumer.conf >> {{pkg.svc_data_path}}/followed\n"
}


def test_consumers_follow_a_producer_whose_port_is_applied_on_another_peer(
    machines: Callable[..., Machine], builder: Machine
) -> None:
    account = {"deps": "", **ACCOUNT}
    produces = PLAN.format(name="producer", **account) + "pkg_exports=([port]=port)\n"
    consumes = PLAN + "pkg_binds=([from]=port)\n"
    for name, text, files in (
        ("producer", produces, PRODUCER),
        ("follower", consumes.format(name="follower", **account), CONSUMER | RELOAD),
        ("starter", consumes.format(name="starter", **account), CONSUMER),
    ):
        release, _ = publish(builder, name, text, files)
        hab(builder, "pkg", "promote", release, "stable")
    one, two, three = ring(machines, builder)
    for peer, name in ((two, "follower"), (three, "starter")):  # before there is a producer
        said = hab(peer, "svc", "load", f"acme/{name}", "--bind", "from:producer.default")
        assert "no producer.default in the census" in said
    assert "producer is up" in hab(one, "svc", "load", "acme/producer")
    followed, started = two.up("follower", 30), three.up("starter", 30)
    produced = one.up("producer")

    hab(three, "config", "apply", "producer.default", "1", input="port = 7002\n")
    config = two.root / "svc" / "follower"
    eventually(
        "the follower was told",
        lambda: _text(config / "data" / "followed").endswith(":7002\n"),
        30,
    )
    assert two.up("follower") == followed
    eventually("the starter starts again", lambda: three.up("starter", 30) != started, 30)
    assert _text(three.root / "svc" / "starter" / "config" / "consumer.conf").endswith(":7002\n")
    assert one.up("producer") != produced  # it has no reconfigure hook either
    assert _text(config / "config" / "consumer.conf").endswith(":7002\n")


def publish(
    builder: Machine, name: str, text: str, files: Mapping[str, str] | None = None
) -> tuple[str, Path]:
    """Build a plan with its files, and upload it; its release and archive."""
    plan = builder.root / name
    for file, content in {"plan.sh": text, **(files or {})}.items():
        (plan / file).parent.mkdir(parents=True, exist_ok=True)
        (plan / file).write_text(content)
    hab(builder, "pkg", "build", name)
    (built,) = (builder.root / "results").glob(f"acme-{name}-*.hart")
    hab(builder, "pkg", "upload", str(built))
    return hab(builder, "pkg", "search", f"acme/{name}").strip(), built


def ring(machines: Callable[..., Machine], builder: Machine) -> list[Machine]:
    """Three permanent peers that see one another, and pull from the builder's depot."""
    url = builder.environment["HAB_BLDR_URL"]
    peers = [machines(name, HAB_BLDR_URL=url) for name in ("one", "two", "three")]
    for peer in peers:
        others = [f"127.0.0.1:{other.gossip}" for other in peers if other is not peer]
        peer.start("--permanent-peer", *(word for o in others for word in ("--peer", o)))
    for peer in peers:
        eventually("all peers are seen", lambda p=peer: _alive(p) == 3, 30)
    return peers


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _alive(machine: Machine) -> int:
    return hab(machine, "ring", "members", "--json").count('"alive"')
