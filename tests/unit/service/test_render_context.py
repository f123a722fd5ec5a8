"""The render context: Habitat's keys, all of them and no others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.messages.depot import PackageInfo
from actors.messages.ring import GroupElection, GroupMember, MemberHealth, ServiceInfo, SysInfo
from actors.service.context import (
    Group,
    Here,
    InstallContext,
    RenderContext,
    install_context,
    render_context,
    values_of,
)
from actors.service.handlebars import parse, render

A, B, C = "a" * 32, "b" * 32, "c" * 32
FLAGS = {
    f"{kind}election_is_{state}"
    for kind in ("", "update_")
    for state in ("running", "no_quorum", "finished")
}
MEMBER_SYS = {
    *("ip", "hostname", "gossip_ip", "gossip_port", "http_gateway_ip", "http_gateway_port"),
    *("ctl_gateway_ip", "ctl_gateway_port"),
}
MEMBER = FLAGS | {
    *("member_id", "pkg", "pkg_incarnation", "package", "service", "group", "org", "persistent"),
    *("leader", "follower", "update_leader", "update_follower", "sys", "cfg"),
    *("alive", "suspect", "confirmed", "departed"),
}
PKG_KEYS = {
    *("ident", "origin", "name", "version", "release", "deps", "env", "exposes", "exports", "path"),
    *("svc_path", "svc_config_path", "svc_data_path", "svc_files_path", "svc_static_path"),
    *("svc_var_path", "svc_pid_file", "svc_run", "svc_user", "svc_group"),
}
# Keys of Habitat's components/sup/doc/render_context_schema.json and context.rs; ours is named.
KEYS = {
    "RenderContext": {"sys", "pkg", "cfg", "svc", "bind"},
    "InstallContext": {"pkg", "cfg"},
    "Sys": MEMBER_SYS | {"version", "member_id", "permanent"},
    "MemberSys": MEMBER_SYS,
    "Ident": {"origin", "name", "version", "release"},
    "Pkg": PKG_KEYS,
    "InstallPkg": PKG_KEYS | {"svc_config_install_path"},
    "SvcMember": MEMBER,
    "Svc": FLAGS
    | {"service", "group", "org", "me", "members", "leader", "first", "update_leader"}
    | {"leader_term"},  # ours
    "BindGroup": {"first", "leader", "members"},
}
PACKAGE = PackageInfo(
    ident="core/redis/7.2/20260101000000",
    path="/hab/pkgs/core/redis/7.2/20260101000000",
    target="x86_64-linux",
    exports={"port": "port"},
    exposes=("6379",),
    run_path=("/hab/pkgs/core/redis/7.2/20260101000000/bin",),
    environment={"LANG": "C"},
    deps=("core/libc/1/2",),
    tdeps=("core/libc/1/2", "core/linux/3/4"),
)


def info(
    member: str, group: str = "redis.default", *, up: bool = True, **exports: Any
) -> ServiceInfo:
    sys = SysInfo(ip=f"10.0.0.{ord(member[0])}", hostname=member[:2], gossip_port=9638)
    return ServiceInfo(member, group, PACKAGE.ident, up=up, sys=sys, exports=exports)


def at(member: str, health: MemberHealth = "alive", **more: Any) -> GroupMember:
    return GroupMember(info(member, **more), health)


def context(group: Group, binds: dict[str, Group] | None = None) -> RenderContext:
    here = Here(
        member=B,
        version="1.0",
        sys=SysInfo(ip="10.0.0.98", ctl_gateway_port=9632),
        svc_path="/hab/svc/redis",
        own=info(B, port=6379),
        user="hab",
        group="hab",
        permanent=(A,),
    )
    return render_context(PACKAGE, {"port": 6379, "web": {"host": "h"}}, here, group, binds or {})


@pytest.mark.parametrize("root", [RenderContext, InstallContext])
def test_the_schema_is_closed_and_has_habitats_keys(root: type[msgspec.Struct]) -> None:
    schema = msgspec.json.schema(root, schema_hook=lambda _: {"description": "any value"})
    assert {"RenderContext", "InstallContext"} & set(schema["$defs"])
    for name, definition in schema["$defs"].items():
        assert set(definition["properties"]) == KEYS[name], name
        assert set(definition["required"]) == KEYS[name], name
        assert definition["additionalProperties"] is False, name


def test_a_context_keeps_its_own_schema_and_no_key_can_be_added() -> None:
    group = Group(
        "redis.default", (at(A), at(B), at(C, "suspect")), GroupElection("finished", A, 3)
    )
    values = values_of(
        context(group, {"backend": Group("web.default", (at(C, group="web.default"),))})
    )
    again = msgspec.convert(values, RenderContext, strict=True)
    assert values_of(again) == values
    values["svc"]["members"][0]["surprise"] = 1  # type: ignore[index]
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        msgspec.convert(values, RenderContext, strict=True)


def test_members_are_those_alive_or_suspect_and_first_is_of_all() -> None:
    group = Group(
        "redis.default", (at(A, "confirmed"), at(B), at(C, "suspect"), at("d" * 32, "departed"))
    )
    svc = context(group).svc
    assert [member.member_id for member in svc.members] == [B, C]
    assert (svc.members[1].alive, svc.members[1].suspect) == (False, True)
    assert svc.first.member_id == A
    assert svc.leader is None
    assert svc.leader_term == 0
    assert not any((svc.election_is_running, svc.election_is_no_quorum, svc.election_is_finished))


def test_the_leader_its_term_and_its_followers_are_known_once_elected() -> None:
    members = (at(A, port=1), at(B), at(C))
    svc = context(
        Group(
            "redis.default", members, GroupElection("finished", C, 7), GroupElection("finished", A)
        )
    ).svc
    assert (svc.leader and svc.leader.member_id, svc.leader_term) == (C, 7)
    assert svc.first.member_id == C
    assert svc.me.follower
    assert not svc.me.leader
    assert svc.update_leader is not None
    assert svc.update_leader.member_id == A
    running = context(Group("redis.default", members, GroupElection("running"))).svc
    assert running.election_is_running
    assert not running.me.follower


def test_this_member_is_there_before_the_census_has_heard_of_it() -> None:
    svc = context(Group("redis.default", (at(C),))).svc
    assert svc.me.member_id == B
    assert svc.me.cfg == {"port": 6379}
    assert [member.member_id for member in svc.members] == [B, C]


def test_a_bound_group_shows_members_whose_service_is_up() -> None:
    members = (at(A, group="db.x@org", up=False), at(B, group="db.x@org", host="h"))
    bind = context(Group("redis.default"), {"database": Group("db.x@org", members)}).bind[
        "database"
    ]
    assert [member.member_id for member in bind.members] == [B]
    assert (bind.members[0].service, bind.members[0].group, bind.members[0].org) == (
        "db",
        "x",
        "org",
    )
    assert bind.members[0].cfg == {"host": "h"}
    empty = context(Group("redis.default"), {"database": Group("db.x")}).bind["database"]
    assert (empty.first, empty.leader, empty.members) == (None, None, ())


def test_the_package_is_told_with_its_paths_and_all_it_depends_on() -> None:
    pkg = context(Group("redis.default")).pkg
    assert (pkg.origin, pkg.name, pkg.version, pkg.release) == (
        "core",
        "redis",
        "7.2",
        "20260101000000",
    )
    assert [dep.name for dep in pkg.deps] == ["libc", "linux"]
    assert pkg.env == {"LANG": "C", "PATH": PACKAGE.run_path[0]}
    assert (pkg.svc_pid_file, pkg.svc_run) == ("/hab/svc/redis/PID", "/hab/svc/redis/run")
    assert pkg.svc_static_path == "/hab/svc/redis/static"
    install = install_context(PACKAGE, {"a": 1}, "/hab/svc/redis", "hab", "hab")
    assert install.pkg.svc_config_install_path == "/hab/svc/redis/config_install"
    assert msgspec.convert(values_of(install), InstallContext) == install


def test_templates_render_with_the_context() -> None:
    members = (at(A, port=1), at(B), at(C, "suspect"))
    values = values_of(context(Group("redis.default", members, GroupElection("finished", A, 2))))
    template = parse(
        "port {{cfg.port}}\n"
        "{{#if svc.me.follower}}\nreplicaof {{svc.leader.sys.ip}} {{svc.leader.cfg.port}}\n"
        "{{/if}}\n"
        "{{#eachAlive svc.members as |m|}}{{m.sys.hostname}} {{/eachAlive}}"
        '{{svc.leader_term}} {{pkgPathFor "core/linux"}} {{sys.ctl_gateway_port}}',
        "t",
    )
    assert render(template, values) == (
        "port 6379\nreplicaof 10.0.0.97 1\naa bb 2 /hab/pkgs/core/linux/3/4 9632"
    )
