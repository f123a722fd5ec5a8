"""Configuration and files of service groups, over a ring of real supervisors.

Each package writes down what its hooks saw, so that a hook that ran twice shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ring_rig import Machine, Ring, eventually, peers, told, whole

PORT = {"web.conf": "port={{cfg.port}}\n"}
NOTE = "echo {{cfg.port}} >> {{pkg.svc_data_path}}/reconfigured"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Machine]]:
    """Two members of one ring; the second finds HAB_MILL in its environment."""
    ring = Ring(tmp_path_factory.mktemp("pair"))
    try:
        two = [ring.machine(), ring.machine()]
        two[1].environment["HAB_MILL"] = 'port = 7001\nname = "environment"\n'
        for machine in two:
            machine.start("--permanent-peer", *peers(two), ready=False)
        whole(two)
        yield two
    finally:
        ring.close()


def install(
    machine: Machine,
    name: str,
    config: dict[str, str] | None = None,
    hooks: dict[str, str] | None = None,
    defaults: str = "port = 80\n",
    **meta: str,
) -> None:
    """Put a package with templates into a machine's store."""
    path = machine.package(f"acme/{name}", hooks=hooks, **meta)
    (path / "default.toml").write_text(defaults)
    (path / "config").mkdir()
    for file, text in (PORT if config is None else config).items():
        (path / "config" / file).write_text(text)


def service_file(machine: Machine, service: str, path: str) -> str:
    """A file of a service, empty while it is not there."""
    file = machine.layout.services / service / path
    return file.read_text() if file.exists() else ""


def becomes(machine: Machine, service: str, path: str, text: str) -> None:
    """Wait until a file of a service holds exactly a text."""
    eventually(
        f"{service} has {text!r} in {path}, not {service_file(machine, service, path)!r}"
        f"{told([machine])}",
        lambda: service_file(machine, service, path) == text,
    )


def apply(machine: Machine, group: str, version: int, text: str, *, check: bool = True) -> str:
    """`hab config apply`; what it said."""
    file = machine.root / "applied.toml"
    file.write_text(text)
    done = machine.hab("config", "apply", group, str(version), str(file), check=check)
    assert (done.code == 0) == check, done
    return done.out + done.err


def user_toml(machine: Machine, service: str, text: str) -> None:
    """What the operator of one machine writes for a service."""
    file = machine.layout.user_config(service)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_only_a_greater_version_is_applied_and_every_member_reconfigures_once(
    pair: list[Machine],
) -> None:
    for machine in pair:
        install(machine, "web", hooks={"reconfigure": NOTE})
        machine.hab("svc", "load", "acme/web")
    pids = [machine.up("web") for machine in pair]
    (pair[0].root / "next.toml").write_text("port = 81\n")
    planned = pair[0].hab("svc", "plan", "web", "--config", "next.toml").out
    assert "-port=80\n+port=81\n" in planned
    assert planned.endswith("the reconfigure hook of web would run\n")
    assert pair[0].hab("config", "show", "web").out == "port = 80\n"
    apply(pair[0], "web.default", 2, "port = 81\n")
    for machine in pair:
        becomes(machine, "web", "config/web.conf", "port=81\n")
        becomes(machine, "web", "data/reconfigured", "81\n")
    for machine in pair:
        for version in (1, 2):
            said = apply(machine, "web.default", version, "port = 1\n", check=False)
            assert "not above the current one, 2" in said
        assert "unchanged" in apply(machine, "web.default", 2, "port = 81\n")
    apply(pair[1], "web.default", 3, "port = 83\n")
    for machine, pid in zip(pair, pids, strict=True):
        becomes(machine, "web", "data/reconfigured", "81\n83\n")
        assert service_file(machine, "web", "config/web.conf") == "port=83\n"
        assert machine.hab("config", "show", "web.default").out == "port = 83\n"
        assert machine.hab("config", "show", "web").out == "port = 83\n"
        assert machine.up("web") == pid


def test_what_was_applied_before_the_group_existed_is_there_before_init(
    ring: Ring, tmp_path: Path
) -> None:
    (first,) = ring.start(1)
    apply(first, "early.default", 7, "port = 707\n")
    keys = tmp_path / "keys.txt"
    keys.write_text("secret\n")
    first.hab("file", "upload", "early.default", "1", str(keys))
    saw = "cat {{pkg.svc_files_path}}/keys.txt {{pkg.svc_config_path}}/web.conf >> "
    hooks = {
        "init": f"{saw} {{{{pkg.svc_data_path}}}}/init",
        "reconfigure": NOTE,
        "file-updated": "echo updated >> {{pkg.svc_data_path}}/updated",
    }
    later = ring.machine()
    install(later, "early", hooks=hooks)
    later.spec("early", ident="acme/early")  # it starts as soon as the supervisor does
    later.start("--permanent-peer", *peers([first]))
    pid = later.up("early")
    assert service_file(later, "early", "data/init") == "secret\nport=707\n"
    keys.write_text("another\n")
    first.hab("file", "upload", "early.default", "2", str(keys))
    becomes(later, "early", "data/updated", "updated\n")
    assert service_file(later, "early", "files/keys.txt") == "another\n"
    assert service_file(later, "early", "data/reconfigured") == ""
    assert later.up("early") == pid


def test_user_toml_counts_above_the_environment_and_below_what_was_applied(
    pair: list[Machine],
) -> None:
    machine = pair[1]
    conf = {"mill.conf": "{{cfg.port}} {{cfg.name}} {{cfg.kept}}\n"}
    defaults = 'port = 7000\nname = "default"\nkept = "default"\n'
    install(machine, "mill", conf, {"reconfigure": NOTE}, defaults)
    machine.hab("svc", "load", "acme/mill")
    pid = machine.up("mill")
    becomes(machine, "mill", "config/mill.conf", "7001 environment default\n")
    user_toml(machine, "mill", "port = 7002\n")
    becomes(machine, "mill", "config/mill.conf", "7002 environment default\n")
    apply(pair[0], "mill.default", 1, "port = 7003\n")
    becomes(machine, "mill", "config/mill.conf", "7003 environment default\n")
    becomes(machine, "mill", "data/reconfigured", "7002\n7003\n")
    assert machine.up("mill") == pid


def test_user_toml_restarts_a_service_that_cannot_be_reconfigured(pair: list[Machine]) -> None:
    machine = pair[0]
    install(machine, "stiff")
    machine.hab("svc", "load", "acme/stiff")
    pid = machine.up("stiff")
    user_toml(machine, "stiff", "port = 1\n")
    eventually("it has another pid", lambda: machine.up("stiff") != pid)
    becomes(machine, "stiff", "config/web.conf", "port=1\n")
    pid = machine.up("stiff")
    user_toml(machine, "stiff", "port = \n")
    eventually(
        "the mistake is told",
        lambda: any("user.toml" in e.text for e in machine.events(kind="RenderingFailed")),
    )
    assert machine.up("stiff") == pid
    assert service_file(machine, "stiff", "config/web.conf") == "port=1\n"


def test_a_consumer_follows_the_port_of_its_producer_on_another_member(
    pair: list[Machine],
) -> None:
    producer, consumer = pair
    install(producer, "maker", hooks={"reconfigure": NOTE}, EXPORTS="port=port")
    conf = {"taker.conf": "{{bind.source.first.cfg.port}}\n"}
    hooks = {"reconfigure": "cat {{pkg.svc_config_path}}/taker.conf >> {{pkg.svc_data_path}}/saw"}
    install(consumer, "taker", conf, hooks, "", BINDS="source=port")
    producer.hab("svc", "load", "acme/maker")
    consumer.hab("svc", "load", "acme/taker", "--bind", "source:maker.default")
    pids = producer.up("maker"), consumer.up("taker")
    assert service_file(consumer, "taker", "config/taker.conf") == "80\n"
    apply(consumer, "maker.default", 1, "port = 8080\n")
    becomes(consumer, "taker", "data/saw", "8080\n")
    assert (producer.up("maker"), consumer.up("taker")) == pids
    assert service_file(producer, "maker", "data/reconfigured") == "8080\n"
