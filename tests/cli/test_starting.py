from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from actors.adapters.keys import KeyCache
from actors.errors import UsageError
from actors.launcher.lock import acquire
from actors.messages.service import Accepted, Settled, StartService
from actors.node.layout import StateLayout
from cli import starting
from cli.offline import write_for_start
from cli.problem import Failure
from cli.starting import taken
from cli.supconfig import resolve
from cli.unit import quoted, unit

Hab = Callable[..., Result]


def test_options_are_settled_to_what_the_supervisor_is_told(layout: StateLayout) -> None:
    given = {
        "listen_gossip": "127.0.0.1:1",
        "listen_http": "127.0.0.1:2",
        "peer": ("a", "b:3"),
        "permanent_peer": True,
        "org": "acme",
        "sys_ip_address": "10.0.0.7",
        "allow_actors": ("shop.orders",),
        "trace": ("service/*",),
        "log_size": "1M",
        "log_files": "2",
        "service_min_backoff_period": "500ms",
        "service_max_backoff_period": "2m",
        "service_restart_cooldown_period": "5m",
        "merge": True,
        "json_logging": True,
        "verbose": True,
    }
    options = starting.supervisor_options(layout, resolve(given, {}, []), "acme-ring", "redis")
    assert options.root == str(layout.root)
    assert (options.listen_gossip, options.listen_http) == ("127.0.0.1:1", "127.0.0.1:2")
    assert options.listen_ctl == "127.0.0.1:9632"
    assert options.peers == ("a:9638", "b:3")
    assert (options.permanent, options.merge, options.ring) == (True, True, "acme-ring")
    assert (options.org, options.sys_ip_address) == ("acme", "10.0.0.7")
    assert (options.allow_actors, options.trace) == (("shop.orders",), ("service/*",))
    assert (options.log_size_bytes, options.log_files) == (2**20, 2)
    assert (options.backoff_min_s, options.backoff_max_s) == (0.5, 120.0)
    assert options.backoff_cooldown_s == 300.0
    assert (options.json_logging, options.verbose, options.initial_service) == (True, True, "redis")
    assert options.hostname == socket.gethostname()


def test_the_default_organization_is_none(layout: StateLayout) -> None:
    assert starting.supervisor_options(layout, resolve({}, {}, [])).org == ""


def test_local_gossip_mode_listens_on_the_loopback(layout: StateLayout) -> None:
    options = starting.supervisor_options(layout, resolve({"local_gossip_mode": True}, {}, []))
    assert options.listen_gossip == "127.0.0.1:9638"


def test_a_named_supervisor_listens_for_control_on_its_socket_unless_told(
    layout: StateLayout,
) -> None:
    named = StateLayout(layout.root, "web")
    options = starting.supervisor_options(named, resolve({}, {}, []))
    assert options.listen_ctl == str(named.control_socket)
    assert options.control_endpoint == f"ipc://{named.control_socket}"
    told = resolve({"listen_ctl": "127.0.0.1:7"}, {}, [])
    assert starting.supervisor_options(named, told).control_endpoint == "tcp://127.0.0.1:7"


def test_a_ring_key_given_as_text_is_put_into_the_cache(
    layout: StateLayout, tmp_path: Path
) -> None:
    text = KeyCache(tmp_path).generate("acme", 1_795_336_134.0)
    exported = KeyCache(tmp_path).export("acme")
    resolved = resolve({}, {"HAB_RING_KEY": exported}, [])
    assert starting.prepare_ring_key(layout, resolved) == "acme"
    assert KeyCache(layout.keys).newest("acme") == text
    again = resolve({"ring": "acme"}, {}, [])
    assert starting.prepare_ring_key(layout, again) == "acme"
    other = resolve({"ring": "other"}, {"HAB_RING_KEY": exported}, [])
    with pytest.raises(UsageError, match="is for ring acme"):
        starting.prepare_ring_key(layout, other)


def test_a_ring_without_its_key_is_refused_with_the_way_to_get_one(layout: StateLayout) -> None:
    with pytest.raises(Failure, match="no key for ring acme") as failure:
        starting.prepare_ring_key(layout, resolve({"ring": "acme"}, {}, []))
    assert "hab ring key generate acme" in failure.value.next_step


def test_a_bad_ring_key_is_refused_by_its_source_and_not_repeated(layout: StateLayout) -> None:
    text = "SYM-SEC-1\nacme-20260101000000\n\nc2VjcmV0"
    with pytest.raises(UsageError, match="HAB_RING_KEY") as error:
        starting.prepare_ring_key(layout, resolve({}, {"HAB_RING_KEY": text}, []))
    assert "c2VjcmV0" not in str(error.value)


def test_a_second_supervisor_does_not_start_and_touches_nothing(
    hab: Hab, layout: StateLayout
) -> None:
    layout.supervisor.mkdir(parents=True)
    held = acquire(str(layout.lock))
    try:
        said = hab("sup", "run", "core/redis")
    finally:
        os.close(held)
    assert said.exit_code == 1
    assert "Is another Supervisor process running?" in said.stderr
    assert "--override-name" in said.stderr
    assert not layout.specs.exists()


def test_a_chef_supervisor_s_state_is_recognised_and_not_touched(
    hab: Hab, layout: StateLayout
) -> None:
    snapshot = layout.supervisor / "data" / "0123.rst"
    snapshot.parent.mkdir(parents=True)
    snapshot.write_bytes(b"rumors")
    said = hab("sup", "run")
    assert said.exit_code == 1
    assert "Chef Habitat" in said.stderr
    assert [path.name for path in layout.supervisor.iterdir()] == ["data"]


def test_the_service_named_at_the_start_is_loaded_as_with_force(
    hab: Hab, layout: StateLayout
) -> None:
    from cli.loading import load_request

    assert hab("svc", "load", "core/redis", "--bind", "a:b.c").exit_code == 0
    wanted = load_request("core/redis", {"group": "acme"}, local=True, force=True, wait=False)
    assert write_for_start(layout, wanted) == "redis"
    text = (layout.specs / "redis.spec").read_text()
    assert 'group = "acme"' in text
    assert 'binds = ["a:b.c"]' in text


def test_options_of_a_service_need_a_service(hab: Hab) -> None:
    said = hab("sup", "run", "--topology", "leader")
    assert said.exit_code == 2
    assert "--topology is for a service" in said.stderr


def test_who_listens_beyond_the_loopback_without_a_key_is_warned(layout: StateLayout) -> None:
    def said(**given: object) -> list[str]:
        resolved = resolve(given, {}, [])
        return starting.warnings(
            starting.supervisor_options(layout, resolved, resolved.text("ring"))
        )

    assert len(said()) == 1
    assert "ring key" in said()[0]
    assert said(listen_gossip="127.0.0.1") == []
    assert said(ring="acme") == []
    assert "control listens" in said(ring="acme", listen_ctl="0.0.0.0")[0]


def test_sup_run_becomes_the_launcher_and_term_ends_it(
    hab: Hab, layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as one, socket.socket() as two:
        ports = []
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    words = ["sup", "run", "--listen-gossip", f"127.0.0.1:{ports[0]}"]
    monkeypatch.setenv("HAB_LISTEN_CTL", f"127.0.0.1:{ports[1]}")
    launcher = subprocess.Popen(
        [*program, *words, "--cmd", "sleep 600", "--name", "nap"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 30
        state = ""
        while state != "up":
            assert time.monotonic() < deadline, state
            assert launcher.poll() is None
            said = hab("svc", "status", "nap", "--json")
            state = (
                said.stderr if said.exit_code else json.loads(said.stdout)["services"][0]["state"]
            )
        info = json.loads(hab("sup", "status", "--json").stdout)
        assert info["launcher_pid"] == launcher.pid
        assert info["listen_gossip"] == f"127.0.0.1:{ports[0]}"
        assert (layout.specs / "nap.spec").is_file()
        assert hab("svc", "status", "none").exit_code == 1
        ended = hab("sup", "term")
        assert ended.exit_code == 0, ended.output
        assert launcher.wait(timeout=10) == 0
    finally:
        launcher.kill()
        output, _ = launcher.communicate()
    assert b"Hasta la vista" in output


def test_a_unit_runs_this_very_program_with_the_options_it_was_given(layout: StateLayout) -> None:
    text = unit(StateLayout(layout.root, "web"), ("--peer", "10.0.0.7", "--org", "a b%"), user=True)
    lines = text.splitlines()
    assert "Type=notify" in lines
    assert "KillMode=process" in lines
    assert "WantedBy=default.target" in lines
    [command] = [line for line in lines if line.startswith("ExecStart=")]
    assert command.endswith('sup run --override-name web --peer 10.0.0.7 --org "a b%%"')
    assert Path(command.removeprefix("ExecStart=").split()[0]).is_absolute()
    assert quoted('a "$b"') == '"a \\"$$b\\""'


def test_a_unit_is_written_once_and_not_replaced_unasked(
    hab: Hab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "systemd" / "user" / "hab-sup.service"
    first = hab("sup", "install-unit", "--user", "--", "-I")
    assert first.exit_code == 0, first.output
    assert str(path) in first.stdout
    assert "systemctl --user" in first.stderr
    text = path.read_text()
    assert "unchanged" in hab("sup", "install-unit", "--user", "--", "-I").stdout
    assert hab("sup", "install-unit", "--user").exit_code == 1
    assert path.read_text() == text
    assert hab("sup", "install-unit", "--user", "--force").exit_code == 0
    assert path.read_text() != text


def test_a_unit_with_options_that_cannot_be_is_refused_now(hab: Hab) -> None:
    said = hab("sup", "install-unit", "--print", "--", "--permanent-per")
    assert said.exit_code == 2
    assert "--permanent-peer" in said.stderr


def test_doctor_finds_what_stands_in_the_way(hab: Hab, layout: StateLayout) -> None:
    layout.supervisor.mkdir(parents=True)
    layout.secret.write_text("s\n")
    layout.secret.chmod(0o644)
    layout.config_file.parent.mkdir()
    layout.config_file.write_text('listen_gosip = "127.0.0.1"\n')
    said = hab("doctor", "--json")
    assert said.exit_code == 1
    findings = {one["topic"]: one for one in json.loads(said.stdout)["findings"]}
    assert findings["secret"]["verdict"] == "problem"
    assert "chmod 600" in findings["secret"]["next_step"]
    assert findings["configuration"]["verdict"] == "problem"
    assert "listen_gossip" in findings["configuration"]["text"]
    assert findings["root"]["verdict"] == "ok"


def test_doctor_says_which_port_is_taken(hab: Hab, layout: StateLayout) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert taken("127.0.0.1", port)
        layout.config_file.parent.mkdir(parents=True)
        layout.config_file.write_text(f'listen_gossip = "127.0.0.1:{port}"\n')
        said = hab("doctor")
    assert said.exit_code == 1
    assert f"127.0.0.1:{port} cannot be listened on" in said.stdout
    assert "--listen-gossip" in said.stdout


def test_a_second_supervisor_at_the_first_ones_address_is_told_of_the_variable(
    hab: Hab, layout: StateLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("HAB_LISTEN_CTL", f"127.0.0.1:{other.getsockname()[1]}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            gossip = f"127.0.0.1:{free.getsockname()[1]}"
        words = ("--listen-gossip", gossip, "--http-disable")
        said = hab("sup", "run", "--override-name", "second", *words)
    assert said.exit_code == 1
    assert "Without HAB_LISTEN_CTL one with --override-name" in said.stderr


def test_a_start_where_somebody_listens_is_refused_at_once_with_the_flag_that_helps(
    hab: Hab, layout: StateLayout
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        said = hab("sup", "run", "--listen-gossip", address)
        assert said.exit_code == 1
        assert f"gossip address {address} cannot be listened on" in said.stderr
        assert "--listen-gossip chooses another" in said.stderr
        said = hab("start", "--cmd", "true", "--name", "x", "--listen-gossip", address)
        assert said.exit_code == 1
    assert not layout.specs.exists(), "what was not started left nothing"


def test_ports_held_by_what_a_dead_launcher_left_are_the_next_ones_business(
    layout: StateLayout,
) -> None:
    layout.supervisor.mkdir(parents=True)
    (layout.supervisor / "launcher.json").touch()
    with socket.socket() as orphan:
        orphan.bind(("127.0.0.1", 0))
        orphan.listen()
        given = {"listen_gossip": f"127.0.0.1:{orphan.getsockname()[1]}"}
        options = starting.supervisor_options(layout, resolve(given, {}, []))
        starting.check_ports(layout, options)


@pytest.mark.parametrize("org", ["a b", "../x", "", "-"])
def test_an_organization_is_one_plain_word(hab: Hab, org: str) -> None:
    said = hab("sup", "run", "--generate-config", f"--org={org}")
    assert said.exit_code == 2
    assert "is no name" in said.stderr


def test_a_stopped_service_is_started_by_its_name_and_loading_it_needs_a_package(
    hab: Hab, gateway: Callable[..., Any]
) -> None:
    answers = [Accepted("Supervisor starting web."), Settled("web", "up")]
    with gateway(lambda _: answers) as playing:
        said = hab("start", "web.default")
        assert said.exit_code == 0, said.output
        assert playing.asked == [StartService("web.default")]
    said = hab("start", "web", "--group", "x")
    assert said.exit_code == 2
    assert "--group is for loading" in said.stderr
    missing = hab("start", "web")
    assert missing.exit_code == 1
    assert "`hab svc load` loads it" in missing.stderr
