"""`/census` and `/butterfly`: the groups and the members of the ring, in Habitat's forms."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

import tomli

from actors.gateway import leaders
from actors.gateway.leaders import Json
from actors.gateway.services import ident_document, sys_document
from actors.messages.election import ElectionKind
from actors.messages.election_orders import ElectionView
from actors.messages.groups import GroupConfig, GroupFacts, GroupFile
from actors.messages.ring import Census, GroupMember, MemberHealth, Members, MemberView

HEALTH: Final[dict[MemberHealth, str]] = {
    "alive": "Alive",
    "suspect": "Suspect",
    "confirmed": "Confirmed",
    "departed": "Departed",
}


def census_document(
    census: Census,
    facts: GroupFacts,
    members: Members,
    own: tuple[ElectionView, ...] = (),
    *,
    trusted: bool,
) -> Json:
    """All groups with a member or with something applied to them, by name.

    `own` are the elections of the member that answers: leases are known to nobody else.
    """
    standing = leaders.Standing(census.elections, own)
    permanent = {view.member.id: view.member.permanent for view in members.members}
    names = sorted({*census.groups, *facts.configs, *facts.staged, *facts.files})
    groups: Json = {}
    for name in names:
        population: Json = {
            one.info.member: _member(one, permanent, census, trusted=trusted)
            for one in census.groups.get(name, ())
        }
        elections = census.elections.get(name, leaders.NONE)
        config, files = facts.configs.get(name), facts.files.get(name, ())
        staged = facts.staged.get(name)
        groups[name] = {
            "service_group": name,
            **leaders.group_keys(elections),
            "local_member_id": members.me,
            "population": population,
            "service_config": _config(config) if trusted else None,
            "service_files": {file.name: _file(file) for file in files} if trusted else None,
            "changed_service_files": [],
            "habring": {
                **leaders.group_more(name, standing),
                "config": {"in_force": _version(config), "staged": _version(staged)},
            },
        }
    return {
        "changed": False,
        "census_groups": groups,
        "local_member_id": members.me,
        "last_service_counter": census.version,
        "last_membership_counter": len(members.members),
        "last_election_counter": sum(e.topology.term for e in census.elections.values()),
        "last_election_update_counter": sum(e.update.term for e in census.elections.values()),
        "last_service_config_counter": sum(c.version for c in facts.configs.values()),
        "last_service_file_counter": sum(f.version for of in facts.files.values() for f in of),
        "habring": {"version": census.version, "settled": members.settled},
    }


def butterfly_document(
    census: Census, facts: GroupFacts, members: Members, *, trusted: bool
) -> Json:
    """Members, services and what was applied, as stores and once more flat."""
    views = {view.member.id: view for view in members.members}
    services: dict[str, Json] = {
        name: {one.info.member: _service(one, trusted=trusted) for one in group}
        for name, group in census.groups.items()
    }
    configs: Json = {n: _config_rumor(c, trusted=trusted) for n, c in facts.configs.items()}
    files: Json = {
        name: {file.name: _file_rumor(file, trusted=trusted) for file in of}
        for name, of in facts.files.items()
    }
    elections = _elections(census, "topology")
    updates = _elections(census, "update")
    departed = sorted(one for one, view in views.items() if view.health == "departed")
    return {
        "member": {
            "members": {one: _known(view) for one, view in views.items()},
            "health": {one: HEALTH[view.health] for one, view in views.items()},
            "update_counter": len(views),
        },
        "membership": {one: _standing(view) for one, view in views.items()},
        "service": _store(services, census.version),
        "services": services,
        "service_config": _store(_each(configs, "service_config"), len(configs)),
        "latest_service_config": _each(configs, "service_config"),
        "service_file": _store(files, len(files)),
        "service_files": files,
        "election": _store(elections, len(elections)),
        "latest_election": _each(elections, "election"),
        "election_update": _store(updates, len(updates)),
        "latest_election_update": _each(updates, "election_update"),
        "departure": _store({"departure": {one: {"member_id": one} for one in departed}}, 0),
        "departed_members": departed,
        "habring": {
            "ring_id": members.ring_id,
            "settled": members.settled,
            "members": {one: _more(view) for one, view in views.items()},
        },
    }


def _elections(census: Census, kind: ElectionKind) -> Json:
    """The elections of a kind as rumors, by group."""
    found = ((group, elections.of(kind)) for group, elections in census.elections.items())
    return {g: leaders.rumor_document(g, one) for g, one in found if one.state != "none"}


def _member(
    one: GroupMember, permanent: Mapping[str, bool], census: Census, *, trusted: bool
) -> Json:
    info = one.info
    elections = census.elections.get(info.service_group, leaders.NONE)
    service, _, rest = info.service_group.partition(".")
    group, _, org = rest.partition("@")
    return {
        "member_id": info.member,
        "pkg": ident_document(info.package),
        "package": info.package,
        "service": service,
        "group": group,
        "org": org or None,
        "persistent": permanent.get(info.member, False),
        **leaders.member_keys(elections, info.member),
        "sys": sys_document(info.sys),
        "alive": one.health == "alive",
        "suspect": one.health == "suspect",
        "confirmed": one.health == "confirmed",
        "departed": one.health == "departed",
        "cfg": dict(info.exports) if trusted else None,
        "habring": {
            "up": info.up,
            "health": info.health,
            "topology": info.topology,
            "config": info.config,
        },
    }


def _service(one: GroupMember, *, trusted: bool) -> Json:
    info = one.info
    return {
        "member_id": info.member,
        "service_group": info.service_group,
        "package": info.package,
        "incarnation": 0,
        "initialized": info.up,
        "cfg": dict(info.exports) if trusted else None,
        "sys": sys_document(info.sys),
    }


def _config(config: GroupConfig | None) -> Json | None:
    if config is None:
        return None
    value: Json = {}
    if not config.sealed:
        with contextlib.suppress(ValueError, RecursionError):  # also of thousands of digits
            value = tomli.loads(config.data.decode())
    return {"incarnation": config.version, "value": value}


def _version(config: GroupConfig | None) -> int:
    return config.version if config is not None else 0


def _file(file: GroupFile) -> Json:
    return {"filename": file.name, "incarnation": file.version, "body": list(file.data)}


def _config_rumor(config: GroupConfig, *, trusted: bool) -> Json:
    return {
        "service_group": config.service_group,
        "from_id": "",
        "incarnation": config.version,
        "encrypted": config.sealed,
        "config": list(config.data) if trusted else None,
    }


def _file_rumor(file: GroupFile, *, trusted: bool) -> Json:
    return {
        "service_group": file.service_group,
        "from_id": "",
        "filename": file.name,
        "incarnation": file.version,
        "encrypted": file.sealed,
        "body": list(file.data) if trusted else None,
    }


def _known(view: MemberView) -> Json:
    address, port = _split(view.member.address)
    return {
        "id": view.member.id,
        "incarnation": view.member.incarnation,
        "address": address,
        "swim_port": port,
        "gossip_port": port,
        "persistent": view.member.permanent,
        "departed": view.health == "departed",
    }


def _standing(view: MemberView) -> Json:
    known = _known(view)
    del known["id"], known["departed"]
    return {**known, "health": HEALTH[view.health]}


def _more(view: MemberView) -> Json:
    return {
        "name": view.member.name,
        "left": view.member.left,
        "heard_s": round(view.heard_s, 3) if view.heard_s >= 0 else None,
        "suspected_by": list(view.suspected_by),
    }


def _store(of: Mapping[str, object], counter: int) -> Json:
    return {"list": dict(of), "update_counter": counter}


def _each(of: Mapping[str, object], key: str) -> Json:
    return {name: {key: value} for name, value in of.items()}


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0
