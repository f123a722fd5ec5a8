"""What Habitat's documentation shows of binds, hooks and configuration, from end to end.

Its examples of helpers are in `test_template_helpers.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from actors.depot.ident import parse_ident
from actors.depot.metadata import package_info
from actors.messages.depot import PackageInfo
from actors.messages.ring import Census, GroupMember, ServiceInfo, SysInfo
from actors.messages.service import ServiceSpec
from actors.service.configuration import (
    Layers,
    environment_name,
    exported,
    read_environment,
    read_toml,
)
from actors.service.context import Group, Here
from actors.service.gates import binds_problem, satisfied, waiting_for
from actors.service.templating import ServiceFiles, parse_templates, service_files

ME, OTHER = "1" * 32, "2" * 32
DEFAULTS = b"[network]\nport = 5432\npassword = 'secret'\n[network.ssl]\nport = 5433\n"


def package(name: str, default: bytes = b"", **metafiles: bytes) -> PackageInfo:
    """A package as its metafiles describe it."""
    ident = parse_ident(f"acme/{name}/1.0/20260101000000")
    files = {"TARGET": b"x86_64-linux", "default.toml": default, **metafiles}
    return package_info(ident, f"/hab/pkgs/{ident}", files, ("run",))


def files(
    of: PackageInfo,
    layers: Layers,
    config: Mapping[str, bytes],
    *,
    hooks: Mapping[str, bytes] | None = None,
    census: Census | None = None,
    binds: tuple[str, ...] = (),
) -> ServiceFiles:
    """What a member makes of these templates."""
    spec = ServiceSpec(of.ident, binds=binds)
    own = ServiceInfo(ME, spec.service_group, of.ident, up=True)
    here = Here(ME, "1", own.sys, f"/hab/svc/{spec.service}", own)
    census = census or Census(1, {})
    bound = {
        bind: Group(group, census.groups[group])
        for bind, group in satisfied(spec, of, census).items()
    }
    parsed = parse_templates(dict(config), dict(hooks or {}))
    return service_files(of, parsed, layers, here, Group(spec.service_group), binds=bound)


# ── binds: a producer, ledger, and the till that is bound to it ──

LEDGER = package("ledger", DEFAULTS, EXPORTS=b"port=network.port\nssl-port=network.ssl.port\n")
CONSUMER = package("till", BINDS=b"database=port ssl-port\n", BINDS_OPTIONAL=b"cache=\n")
DATABASE = (
    b"{{~#each bind.database.members as |member|}}\n"
    b'  plain = "{{member.sys.ip}}:{{member.cfg.port}}"\n'
    b'  secure = "{{member.sys.ip}}:{{member.cfg.ssl-port}}"\n'
    b"{{~/each}}\n"
)
BIND = ("database:ledger.default",)


def ring(applied: str = "", **more: object) -> Census:
    """A ring in which one ledger is up, with a configuration applied to it."""
    layers = Layers(read_toml(DEFAULTS, "d"), applied=read_toml(applied, "a"))
    exports = {**exported(LEDGER.exports, layers.merged()), **more}
    known = {key: value for key, value in exports.items() if value is not None}
    info = ServiceInfo(
        OTHER, "ledger.default", LEDGER.ident, up=True, sys=SysInfo("10.0.0.7"), exports=known
    )
    return Census(1, {"ledger.default": (GroupMember(info, "alive"),)})


def till_conf(census: Census) -> str:
    made = files(CONSUMER, Layers(), {"c": DATABASE}, census=census, binds=BIND)
    return made.rendered.config["c"].decode()


def test_a_producer_exports_what_it_says_and_nothing_else() -> None:
    made = files(LEDGER, Layers(read_toml(DEFAULTS, "d")), {})
    assert made.exports == {"port": 5432, "ssl-port": 5433}


def test_a_consumer_reads_the_exports_of_all_members_and_follows_them() -> None:
    said = till_conf(ring())
    assert '  plain = "10.0.0.7:5432"\n  secure = "10.0.0.7:5433"' in said
    assert '"10.0.0.7:6000"' in till_conf(ring("network.port = 6000"))


def test_a_required_bind_has_to_be_given_and_an_optional_one_may_be() -> None:
    assert binds_problem(ServiceSpec(CONSUMER.ident), CONSUMER) == (
        "Missing required bind(s), database"
    )
    assert binds_problem(ServiceSpec(CONSUMER.ident, binds=BIND), CONSUMER) == ""
    text = b"{{#if bind.cache}}cached{{else}}plain{{/if}}"
    made = files(CONSUMER, Layers(), {"c": text}, census=ring(), binds=BIND)
    assert made.rendered.config["c"] == b"plain"
    both = (*BIND, "cache:ledger.default")
    made = files(CONSUMER, Layers(), {"c": text}, census=ring(), binds=both)
    assert made.rendered.config["c"] == b"cached"


def test_more_than_the_contract_satisfies_it_and_less_does_not() -> None:
    spec = ServiceSpec(CONSUMER.ident, binds=BIND)
    assert waiting_for(spec, CONSUMER, ring(name="more")) == ""
    less = ring(**{"ssl-port": None})
    assert "does not export ssl-port" in waiting_for(spec, CONSUMER, less)
    assert till_conf(less).strip() == "", "a bind that is not satisfied is not there"


def test_a_relaxed_service_starts_without_whom_it_is_bound_to() -> None:
    relaxed = ServiceSpec(CONSUMER.ident, binds=BIND, binding_mode="relaxed")
    assert waiting_for(relaxed, CONSUMER, Census(1, {})) == ""
    strict = ServiceSpec(CONSUMER.ident, binds=BIND)
    assert "no ledger.default in the census" in waiting_for(strict, CONSUMER, Census(1, {}))


# ── configuration and hooks ──


@pytest.mark.parametrize(
    ("environment", "user", "applied", "text"),
    [
        ("", "", "", b"buffer 128\n"),
        ("buffer = 64", "", "", b"buffer 64\n"),
        ('{"buffer": 65}', "", "", b"buffer 65\n"),
        ("buffer = 64", "buffer = 32", "", b"buffer 32\n"),
        ("buffer = 64", "buffer = 32", "buffer = 16", b"buffer 16\n"),
    ],
)
def test_a_setting_is_the_default_unless_a_higher_layer_has_it(
    environment: str, user: str, applied: str, text: bytes
) -> None:
    service = package("service", b"buffer = 128\n")
    assert environment_name("my-service") == "HAB_MY_SERVICE"
    layers = Layers(
        read_toml(b"buffer = 128\n", "default.toml"),
        read_environment(environment, "HAB_SERVICE") if environment else {},
        read_toml(user, "user.toml"),
        read_toml(applied, "applied"),
    )
    made = files(service, layers, {"service.conf": b"buffer {{cfg.buffer}}\n"})
    assert made.rendered.config == {"service.conf": text}


def test_a_run_hook_takes_its_options_from_the_configuration() -> None:
    hook = (
        b"#!/bin/sh\nexec 2>&1\nexport MODE=1\n"
        b"exec server --name {{cfg.name}} --workers {{cfg.workers}}\n"
    )
    layers = Layers(read_toml("name = 'a b'\nworkers = 2\n", "default.toml"))
    made = files(package("service"), layers, {}, hooks={"run": hook})
    assert made.rendered.hooks["run"].endswith(b"\nexec server --name a b --workers 2\n")


def test_hooks_and_files_find_the_directories_of_their_service() -> None:
    text = b"{{pkg.svc_config_path}} {{pkg.svc_data_path}} {{pkg.svc_pid_file}} {{pkg.svc_run}}"
    made = files(package("redis"), Layers(), {}, hooks={"run": text})
    assert made.rendered.hooks["run"] == (
        b"/hab/svc/redis/config /hab/svc/redis/data /hab/svc/redis/PID /hab/svc/redis/run"
    )
