"""The documents: every key Habitat's schemas have, with their types, and ours under one key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.gateway.leaders import Standing
from actors.gateway.metrics import samples
from actors.gateway.ring import butterfly_document, census_document
from actors.gateway.services import health_document, service_document
from actors.messages.control import SupervisorInfo
from actors.messages.depot import PackageInfo
from actors.messages.election import Stamp
from actors.messages.election_orders import ElectionView
from actors.messages.gateway import HookOutput, ServiceReport
from actors.messages.groups import GroupConfig, GroupFacts, GroupFile
from actors.messages.ring import (
    Census,
    GroupElection,
    GroupElections,
    GroupMember,
    Member,
    Members,
    MemberView,
    ServiceInfo,
    SysInfo,
)
from actors.messages.rollout import RolloutStanding
from actors.messages.runtime import ActorInfo
from actors.messages.service import ServiceSpec, ServiceStatus

ME, OTHER = "a" * 32, "b" * 32
GROUP = "redis.default@acme"
IDENT = "core/redis/7.0/20260101000000"
DURATION = {"secs": int, "nanos": int}
IDENT_KEYS = {"origin": str, "name": str, "version": str, "release": str}
SYS = {
    **dict.fromkeys(("ip", "hostname", "gossip_ip", "http_gateway_ip", "ctl_gateway_ip"), str),
    **dict.fromkeys(("gossip_port", "http_gateway_port", "ctl_gateway_port"), int),
}
# Habitat's schema of one service (components/sup/doc/http_gateway_services_schema.json).
SERVICE: dict[str, Any] = {
    "all_pkg_binds": [{"service": str, "exports": [str]}],
    "binding_mode": str,
    "binds": [str],
    "bldr_url": str,
    "cfg": {"port": int},
    "channel": str,
    "config_from": None,
    "desired_state": str,
    "health_check": str,
    "health_check_interval": DURATION,
    "hooks": {
        **dict.fromkeys(("file_updated", "init", "post_run", "post_stop", "reconfigure"), None),
        **dict.fromkeys(("health_check", "reload", "suitability"), None),
        "run": {"render_pair": str, "stdout_log_path": str, "stderr_log_path": str},
    },
    "initialized": bool,
    "last_election_status": str,
    "manager_fs_cfg": dict.fromkeys(
        ("data_path", "member_id_file", "proc_lock_file", "specs_path", "sup_root"), str
    ),
    "pkg": {
        **IDENT_KEYS,
        "ident": str,
        "deps": [IDENT_KEYS],
        "dependencies": [str],
        "env": {"PATH": str},
        "exports": {"port": str},
        "exposes": [str],
        **dict.fromkeys(("path", "svc_path", "svc_pid_file", "svc_run"), str),
        **dict.fromkeys(("svc_user", "svc_group", "shutdown_signal"), str),
        **dict.fromkeys(("svc_config_path", "svc_config_install_path", "svc_data_path"), str),
        **dict.fromkeys(("svc_files_path", "svc_static_path", "svc_var_path"), str),
        "shutdown_timeout": int,
    },
    "process": {"pid": int, "state": str, "state_entered": int},
    "last_process_state": {"pid": int, "termination_reason": str, "terminated_at": int},
    "next_restart_at": None,
    "restart_count": int,
    "restart_config": dict.fromkeys(
        ("min_backoff_period", "max_backoff_period", "cooldown_period"), DURATION
    ),
    "service_group": str,
    "spec_file": str,
    "spec_ident": {"origin": str, "name": str, "version": None, "release": None},
    "spec_identifier": str,
    "svc_encrypted_password": None,
    "sys": {**SYS, "member_id": str, "permanent": bool, "version": str},
    "topology": str,
    "update_condition": str,
    "update_strategy": str,
    "user_config_updated": bool,
}
MEMBER: dict[str, Any] = {
    **dict.fromkeys(("member_id", "package", "service", "group", "org"), str),
    **dict.fromkeys(("alive", "suspect", "confirmed", "departed", "persistent"), bool),
    **dict.fromkeys(("leader", "follower", "update_leader", "update_follower"), bool),
    **{
        f"{kind}election_is_{state}": bool
        for kind in ("", "update_")
        for state in ("running", "no_quorum", "finished")
    },
    "pkg": IDENT_KEYS,
    "sys": SYS,
    "cfg": {"port": int},
}
CENSUS: dict[str, Any] = {
    "changed": bool,
    "census_groups": {
        GROUP: {
            "service_group": str,
            "election_status": str,
            "update_election_status": str,
            "leader_id": None,
            "update_leader_id": None,
            "local_member_id": str,
            "population": {ME: MEMBER},
            "service_config": {"incarnation": int, "value": {"port": int}},
            "service_files": {"a.txt": {"filename": str, "incarnation": int, "body": [int]}},
            "changed_service_files": [],
        }
    },
    "local_member_id": str,
    **{
        f"last_{of}_counter": int for of in ("service", "membership", "election", "election_update")
    },
    **{f"last_service_{of}_counter": int for of in ("config", "file")},
}
REPORT = ServiceReport(
    ServiceStatus(
        ServiceSpec("core/redis", org="acme", binds=("db:db.default",)),
        IDENT,
        "up",
        pid=7,
        elapsed_s=5,
        health="warning",
    ),
    SysInfo("10.0.0.1", "m1", "0.0.0.0", 9638, "0.0.0.0", 9631, "127.0.0.1", 9632),
    (1.0, 60.0, 60.5),
    PackageInfo(
        IDENT,
        f"/hab/pkgs/{IDENT}",
        "x86_64-linux",
        exports={"port": "port"},
        exposes=("6379",),
        binds={"db": ("port",)},
        run_path=("/bin",),
        tdeps=("core/glibc/2.27/20180608041157",),
    ),
    "/hab/svc/redis",
    ("run",),
    {"port": 6379},
    "hab",
    "hab",
    initialized=True,
    ended_pid=6,
    ended_s=20.0,
)
SUP = SupervisorInfo(ME, "default", "0.1.0", 1, 2, "/hab", "", "", "")
INFO = ServiceInfo(ME, GROUP, IDENT, up=True, health="ok", sys=REPORT.sys, exports={"port": 6379})
CENSUS_NOW = Census(3, {GROUP: (GroupMember(INFO, "alive"),)})
NO_ELECTIONS = Standing({})
ELECTIONS = GroupElections(
    GroupElection("finished", ME, 7), electorate="e1", stamp=Stamp(7, 2), voters=(ME,), needed=1
)
LED = Census(3, CENSUS_NOW.groups, {GROUP: ELECTIONS})
FACTS = GroupFacts(
    {GROUP: GroupConfig(GROUP, 4, b"port = 7000\n")},
    {GROUP: (GroupFile(GROUP, "a.txt", 2, b"AB"),)},
)
MEMBERS = Members(
    ME,
    "ring",
    (
        MemberView(Member(ME, 2, "10.0.0.1:9638", permanent=True), "alive"),
        MemberView(Member(OTHER, 1, "[::1]:9638"), "departed"),
    ),
)


def has_form(value: Any, form: Any, path: str = "") -> None:
    """Whether a document has exactly the keys of a form, each of its type."""
    if isinstance(form, dict):
        assert isinstance(value, dict), path
        assert set(value) - {"habring"} == set(form), path
        for key, inner in form.items():
            has_form(value[key], inner, f"{path}/{key}")
    elif isinstance(form, list):
        assert isinstance(value, list), path
        assert bool(value) == bool(form), path
        for one in value:
            has_form(one, form[0], f"{path}[]")
    elif form is None:
        assert value is None, path
    else:
        assert type(value) is form, f"{path}: {value!r}"


def test_a_service_has_every_key_of_habitats_with_its_type() -> None:
    document = service_document(REPORT, SUP, 1000.0, NO_ELECTIONS, trusted=True)
    has_form(document, SERVICE)
    assert document["health_check"] == "Warning"
    assert document["restart_config"]["cooldown_period"] == {"secs": 60, "nanos": 500_000_000}  # type: ignore[index]
    assert document["last_process_state"]["terminated_at"] == 980  # type: ignore[index]
    msgspec.json.encode(document)


def test_a_plain_command_has_the_same_keys() -> None:
    status = ServiceStatus(ServiceSpec("", name="web", cmd=("x",)), "", "backoff", next_try_s=2.0)
    document = service_document(ServiceReport(status), SUP, 1000.0, NO_ELECTIONS, trusted=True)
    assert set(document) - {"habring"} == set(SERVICE)
    assert document["next_restart_at"] == 1002
    assert document["process"] == {"pid": None, "state": "down", "state_entered": 1000}


def test_the_census_has_every_key_of_habitats_with_its_type() -> None:
    has_form(census_document(CENSUS_NOW, FACTS, MEMBERS, trusted=True), CENSUS)


def test_butterfly_tells_stores_and_flat_twins() -> None:
    document: Any = butterfly_document(CENSUS_NOW, FACTS, MEMBERS, trusted=True)
    assert document["membership"][OTHER]["address"] == "::1"
    assert document["membership"][OTHER]["health"] == "Departed"
    assert document["departed_members"] == [OTHER]
    assert document["service"]["list"] == document["services"]
    assert document["services"][GROUP][ME]["cfg"] == {"port": 6379}
    config = document["latest_service_config"][GROUP]["service_config"]
    assert bytes(config["config"]) == b"port = 7000\n"
    assert bytes(document["service_files"][GROUP]["a.txt"]["body"]) == b"AB"
    stores = {"member", "service", "service_config", "service_file", "departure"}
    assert {*stores, "election", "election_update"} <= set(document)
    assert all("update_counter" in document[name] for name in stores)


def test_a_leader_is_told_in_habitats_keys_and_in_full_in_ours() -> None:
    document: Any = census_document(LED, FACTS, MEMBERS, trusted=True)
    group = document["census_groups"][GROUP]
    assert (group["election_status"], group["leader_id"]) == ("ElectionFinished", ME)
    assert (group["update_election_status"], group["update_leader_id"]) == ("None", None)
    member = group["population"][ME]
    assert (member["leader"], member["follower"], member["election_is_finished"]) == (1, 0, 1)
    topology = {"state": "finished", "leader": ME, "term": 7, "lease_s": None}
    assert group["habring"]["topology"] == topology
    assert (group["habring"]["stamp"], group["habring"]["quorum"]) == ([7, 2], 1)
    assert document["last_election_counter"] == 7
    has_form(member, MEMBER)
    butterfly: Any = butterfly_document(LED, FACTS, MEMBERS, trusted=True)
    rumor = butterfly["latest_election"][GROUP]["election"]
    assert (rumor["member_id"], rumor["term"], rumor["status"]) == (ME, 7, "Finished")


@pytest.mark.parametrize(
    ("role", "known", "told"),
    [
        ("leader", "running", "ElectionFinished"),
        ("follower", "no_quorum", "ElectionFinished"),
        ("none", "finished", "ElectionInProgress"),
        ("none", "no_quorum", "ElectionNoQuorum"),
        ("", "none", "None"),
    ],
)
def test_a_service_tells_its_role_term_lease_and_electorate(
    role: Any, known: Any, told: str
) -> None:
    view = ElectionView(
        GROUP, "topology", role or "none", "leading", 7, ME, 3.21, 2, 3, stamp=Stamp(7, 2)
    )
    standing = Standing({GROUP: GroupElections(GroupElection(known))}, (view,))
    status = msgspec.structs.replace(REPORT.status, role=role, term=7, leader=ME)
    report = msgspec.structs.replace(REPORT, status=status)
    document: Any = service_document(report, SUP, 1000.0, standing, trusted=True)
    assert document["last_election_status"] == told
    more = document["habring"]
    assert (more["role"], more["leader"], more["leader_term"]) == (role or None, ME, 7)
    election = more["elections"]["topology"]
    assert (election["lease_s"], election["quorum"], election["stamp"]) == (3.21, 2, [7, 2])


ROLLED = RolloutStanding(GROUP, 4, 7, 12, "core/redis/2/2", "rolling", OTHER, gone=1, of=3)


def test_census_and_service_tell_all_of_an_update_election_and_the_epoch_of_its_rollout() -> None:
    update = GroupElection("finished", ME, 7)
    elections = GroupElections(
        update=update, electorate="e1", stamp=Stamp(7, 2), voters=(ME, OTHER), needed=2
    )
    elections = msgspec.structs.replace(elections, rollout=ROLLED)
    view = ElectionView(
        *(GROUP, "update", "leader", "leading", 7, ME, 3.21, 2, 2, "e1"), stamp=Stamp(7, 2)
    )
    told: Any = census_document(
        Census(1, CENSUS_NOW.groups, {GROUP: elections}), FACTS, MEMBERS, (view,), trusted=True
    )
    group = told["census_groups"][GROUP]["habring"]
    stood = {"state": "finished", "leader": ME, "term": 7, "lease_s": 3.21, "epoch": 4}
    assert group["update"] == stood
    assert (group["quorum"], group["electorate"], group["stamp"]) == (2, "e1", [7, 2])
    rollout = group["rollout"]
    assert (rollout["epoch"], rollout["term"], rollout["step"]) == (4, 7, 12)
    assert (rollout["target"], rollout["turn"]) == ("core/redis/2/2", OTHER)
    assert (rollout["gone"], rollout["of"], rollout["state"]) == (1, 3, "rolling")
    standing = Standing({GROUP: elections}, (view,))
    service: Any = service_document(REPORT, SUP, 1000.0, standing, trusted=True)
    own = service["habring"]["elections"]["update"]
    assert (own["term"], own["lease_s"], own["quorum"], own["epoch"]) == (7, 3.21, 2, 4)
    assert (own["electorate"], own["stamp"], own["rollout"]) == ("e1", [7, 2], rollout)


SECRETS = ("6379", "7000", "PATH", "65,66", "hook said")


def test_without_trust_nothing_an_operator_wrote_is_told() -> None:
    output = HookOutput("hook said", "hook said")
    documents = [
        service_document(REPORT, SUP, 1000.0, NO_ELECTIONS, trusted=False),
        census_document(CENSUS_NOW, FACTS, MEMBERS, trusted=False),
        butterfly_document(CENSUS_NOW, FACTS, MEMBERS, trusted=False),
        health_document(REPORT, output, trusted=False),
    ]
    service: Any = documents[0]
    assert (service["cfg"], service["pkg"]["env"], service["pkg"]["exports"]) == (None, None, None)
    exposed = '"exposes":["6379"]'  # ports a package says it listens on are no secret
    text = msgspec.json.encode(documents).decode().replace(exposed, "")
    for secret in SECRETS:
        assert secret not in text, secret
    trusted = msgspec.json.encode(health_document(REPORT, output, trusted=True)).decode()
    assert "hook said" in trusted


@pytest.mark.parametrize("data", [b"\xff", b"port =", b"[" * 5000, b"a = " + b"1" * 5000])
def test_configuration_that_is_no_toml_harms_no_document(data: bytes) -> None:
    facts = GroupFacts({GROUP: GroupConfig(GROUP, 1, data)})
    document: Any = census_document(Census(1, {}), facts, MEMBERS, trusted=True)
    assert document["census_groups"][GROUP]["service_config"]["value"] == {}


def test_metrics_count_members_services_and_actors() -> None:
    actors = [ActorInfo("gossip", "GossipActor", "ALIVE", "node", 1)]
    found = {one.name: one for one in samples(MEMBERS, [REPORT.status], actors)}
    healths = found["hab_butterfly_peer_health_total"].values
    assert (healths["alive"], healths["departed"], healths["suspect"]) == (1.0, 1.0, 0.0)
    assert found["hab_butterfly_incarnation_number"].values == {"": 2.0}
    assert found["habring_services"].values["up"] == 1.0
    assert found["habring_actors"].values == {"ALIVE": 1.0}
