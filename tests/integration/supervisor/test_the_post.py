"""The post, typed line by line: one supervisor, several services, two supervisors on one host."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

from supervisor_rig import Machine, alive, eventually


def test_the_post_as_typed(machine: Machine) -> None:
    machine.package("yourorigin/yourpkg")
    machine.package("core/postgresql")
    machine.package("core/redis")
    machine.start()
    assert machine.hab("svc", "status").out == "No services loaded.\n"

    words = ["--topology", "leader", "--strategy", "rolling", "--group", "acme"]
    loaded = machine.hab("service", "load", "yourorigin/yourpkg", *words)
    assert "The yourorigin/yourpkg service was successfully loaded" in loaded.out
    assert "waits for something outside this supervisor" in loaded.out
    assert "leader" in loaded.out.splitlines()[-1]

    loaded = machine.hab("service", "load", "core/postgresql")
    assert "The core/postgresql service was successfully loaded" in loaded.out
    assert "postgresql is up" in loaded.out
    both = machine.services()
    assert (both["yourpkg"].stage, both["postgresql"].stage) == ("waiting", "up")
    assert both["yourpkg"].spec.service_group == "yourpkg.acme"
    pid = both["postgresql"].pid
    assert pid is not None

    unloaded = machine.hab("service", "unload", "yourorigin/yourpkg")
    assert "Unloading yourorigin/yourpkg" in unloaded.out
    assert set(machine.services()) == {"postgresql"}
    assert not (machine.layout.specs / "yourpkg.spec").exists()

    words = ["--force", "--strategy", "at-once", "--group", "db", "--shutdown-timeout", "2"]
    machine.hab("service", "load", "core/postgresql", *words)
    machine.hab("service", "stop", "core/postgresql")
    stopped = machine.services()["postgresql"]
    assert (stopped.stage, stopped.pid) == ("down", None)
    assert not alive(pid)
    spec = tomllib.loads((machine.layout.specs / "postgresql.spec").read_text())
    assert spec["desired_state"] == "down"
    assert (spec["update_strategy"], spec["group"]) == ("at-once", "db")
    assert spec["shutdown_timeout"] == 2

    started = machine.hab("service", "start", "core/redis")
    assert "was successfully loaded" in started.out
    assert "redis is up" in started.out

    started = machine.hab("service", "start", "core/postgresql")
    assert "postgresql is up" in started.out
    again = machine.services()["postgresql"]
    assert (again.spec.update_strategy, again.spec.service_group) == ("at-once", "postgresql.db")


def test_what_is_unloaded_stays_away_and_what_is_stopped_stays_down_over_a_start(
    machine: Machine,
) -> None:
    for name in ("gone", "halted", "goes"):
        machine.package(f"acme/{name}")
        machine.spec(name, ident=f"acme/{name}")
    machine.start()
    eventually("all are up", lambda: {s.stage for s in machine.services().values()} == {"up"})
    machine.hab("svc", "unload", "acme/gone")
    machine.hab("svc", "stop", "acme/halted")
    machine.hab("sup", "term")
    assert machine.wait() == 0
    machine.start()
    machine.up("goes")
    assert {n: s.stage for n, s in machine.services().items()} == {"goes": "up", "halted": "down"}


def test_two_supervisors_share_a_host_with_only_gossip_and_http_ports_changed(
    machines: Callable[..., Machine],
) -> None:
    first, second = machines(name="first"), machines(name="second")
    first.package("core/redis")
    first.start()
    second.start()
    for machine in (first, second):
        machine.hab("svc", "load", "core/redis")
    one, two = first.up("redis"), second.up("redis")
    assert one != two
    first.hab("svc", "unload", "core/redis")
    assert not alive(one)
    assert second.up("redis") == two
    assert first.ready().member_id != second.ready().member_id


def test_start_becomes_the_supervisor_where_none_runs_and_loads_where_one_does(
    machine: Machine,
) -> None:
    machine.package("core/redis")
    machine.package("core/nginx")
    machine.start("core/redis", "--group", "acme", verb=("start",))
    pid = machine.up("redis")
    assert machine.services()["redis"].spec.group == "acme"
    done = machine.hab("start", "core/nginx")
    assert "nginx is up" in done.out
    assert machine.up("redis") == pid


def test_a_load_with_no_supervisor_up_is_for_the_next_start_and_says_so(machine: Machine) -> None:
    machine.package("core/redis")
    loaded = machine.hab("svc", "load", "core/redis", "--group", "acme")
    assert "at the next start" in loaded.out
    assert "hab sup run" in loaded.err
    assert "unchanged" in machine.hab("svc", "load", "core/redis", "--group", "acme").out
    differs = machine.hab("svc", "load", "core/redis", check=False)
    assert (differs.code, "Service already loaded" in differs.err) == (1, True)
    started = machine.hab("svc", "start", "core/nginx")
    assert "at the next start" in started.out
    machine.start()
    machine.up("redis")
    assert machine.services()["redis"].spec.group == "acme"
    assert "nginx" in machine.services()
