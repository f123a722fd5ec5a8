"""What templates are told: Habitat's render context as typed values, with exactly its keys.

Keys and types of components/sup/src/manager/service/context.rs; ours is `svc.leader_term`. Built by
a pure function from the package, the merged configuration, the census and facts about this machine.
Every struct forbids keys it has not, so the schema derived from them is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from actors.messages.base import MemberId
from actors.messages.depot import PackageInfo
from actors.messages.ring import GroupElection, GroupMember, MemberHealth, ServiceInfo, SysInfo
from actors.service.handlebars.values import plain

NO_ELECTION: Final = GroupElection()
ACTIVE: Final[frozenset[MemberHealth]] = frozenset({"alive", "suspect"})


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the context: all keys are always there, and no others."""


class Ident(_Closed, frozen=True):
    """A package identifier in its parts."""

    origin: str
    name: str
    version: str
    release: str


class MemberSys(_Closed, frozen=True):
    """Where a member's supervisor is found."""

    ip: str
    hostname: str
    gossip_ip: str
    gossip_port: int
    http_gateway_ip: str
    http_gateway_port: int
    ctl_gateway_ip: str
    ctl_gateway_port: int


class Sys(MemberSys, frozen=True):
    """This member's supervisor."""

    version: str
    member_id: str
    permanent: bool


class Pkg(_Closed, frozen=True):
    """The package that runs. `deps` are all it depends on, also through others (TDEPS)."""

    ident: str
    origin: str
    name: str
    version: str
    release: str
    deps: tuple[Ident, ...]
    env: dict[str, str]
    exposes: tuple[str, ...]
    exports: dict[str, str]
    path: str
    svc_path: str
    svc_config_path: str
    svc_data_path: str
    svc_files_path: str
    svc_static_path: str
    svc_var_path: str
    svc_pid_file: str
    svc_run: str
    svc_user: str
    svc_group: str


class InstallPkg(Pkg, frozen=True):
    """The package, as its install and uninstall hooks see it."""

    svc_config_install_path: str


class SvcMember(_Closed, frozen=True):
    """A member of a service group. `cfg` is what it exports.

    `pkg_incarnation` is always 0: updates here are ordered by their rollout, not by a counter.
    """

    member_id: str
    pkg: Ident
    pkg_incarnation: int
    package: str
    service: str
    group: str
    org: str | None
    persistent: bool
    leader: bool
    follower: bool
    update_leader: bool
    update_follower: bool
    election_is_running: bool
    election_is_no_quorum: bool
    election_is_finished: bool
    update_election_is_running: bool
    update_election_is_no_quorum: bool
    update_election_is_finished: bool
    sys: MemberSys
    alive: bool
    suspect: bool
    confirmed: bool
    departed: bool
    cfg: dict[str, object]


class Svc(_Closed, frozen=True):
    """The service's own group.

    `first` is the leader or else the first of all members, dead ones too (deprecated by Habitat);
    `members` are alive or suspect. `leader_term` is the term the leader was elected in, 0 for none.
    """

    service: str
    group: str
    org: str | None
    election_is_running: bool
    election_is_no_quorum: bool
    election_is_finished: bool
    update_election_is_running: bool
    update_election_is_no_quorum: bool
    update_election_is_finished: bool
    me: SvcMember
    members: tuple[SvcMember, ...]
    leader: SvcMember | None
    first: SvcMember
    update_leader: SvcMember | None
    leader_term: int


class BindGroup(_Closed, frozen=True):
    """A group that the service is bound to."""

    first: SvcMember | None
    leader: SvcMember | None
    members: tuple[SvcMember, ...]


class RenderContext(_Closed, frozen=True):
    """All that a template of a service sees."""

    sys: Sys
    pkg: Pkg
    cfg: dict[str, object]
    svc: Svc
    bind: dict[str, BindGroup]


class InstallContext(_Closed, frozen=True):
    """All that the templates of an installation see."""

    pkg: InstallPkg
    cfg: dict[str, object]


@dataclass(frozen=True, slots=True)
class Group:
    """A service group as the census has it, and its two elections.

    An election that is open again may still name the leader before: members that only follow keep
    their files until there is another.
    """

    name: str
    members: tuple[GroupMember, ...] = ()
    topology: GroupElection = NO_ELECTION
    update: GroupElection = NO_ELECTION


@dataclass(frozen=True, slots=True)
class Here:
    """Facts about this member. `user`/`group`: the account that the service runs as, by name.

    `svc_path` is the service's directory, `own` what this member tells the ring of the service;
    `permanent` are the members that are permanent peers.
    """

    member: MemberId
    version: str
    sys: SysInfo
    svc_path: str
    own: ServiceInfo
    user: str = ""
    group: str = ""
    permanent: Collection[MemberId] = ()


def render_context(
    package: PackageInfo,
    configuration: Mapping[str, object],
    here: Here,
    group: Group,
    binds: Mapping[str, Group],
) -> RenderContext:
    """The context of a service's templates.

    `binds` are those whose contract is satisfied now; the others a template does not see. This
    member's own entry is what it tells now, whether the census has it already or not.
    """
    mine = GroupMember(here.own, "alive")
    others = tuple(member for member in group.members if member.info.member != here.member)
    known = tuple(sorted((*others, mine), key=lambda member: member.info.member))
    members = _Members(Group(group.name, known, group.topology, group.update), here.permanent)
    service, name, org = split_group(group.name)
    me = members.find(here.member)
    leader = members.find(group.topology.leader)
    assert me is not None
    svc = Svc(
        service,
        name,
        org,
        *members.flags,
        me=me,
        members=members.active(),
        leader=leader,
        first=leader or members.all[0],
        update_leader=members.find(group.update.leader),
        leader_term=group.topology.term if leader else 0,
    )
    return RenderContext(
        sys=Sys(
            **msgspec.structs.asdict(_member_sys(here.sys)),
            version=here.version,
            member_id=here.member,
            permanent=here.member in here.permanent,
        ),
        pkg=_pkg(package, here.svc_path, here.user, here.group),
        cfg=_table(configuration),
        svc=svc,
        bind={bind: _bound(bound, here.permanent) for bind, bound in sorted(binds.items())},
    )


def install_context(
    package: PackageInfo, configuration: Mapping[str, object], svc_path: str, user: str, group: str
) -> InstallContext:
    """The context of install and uninstall hooks, and of `config_install/`."""
    keys = msgspec.structs.asdict(_pkg(package, svc_path, user, group))
    pkg = InstallPkg(**keys, svc_config_install_path=f"{svc_path}/config_install")
    return InstallContext(pkg, _table(configuration))


def values_of(context: RenderContext | InstallContext) -> dict[str, object]:
    """The context as the values that templates are rendered with."""
    values: dict[str, object] = msgspec.to_builtins(context)
    return values


def split_group(name: str) -> tuple[str, str, str | None]:
    """`service.group[@org]` in its parts."""
    head, _, org = name.partition("@")
    service, _, group = head.partition(".")
    return service, group, org or None


def ident_of(text: str) -> Ident:
    """An identifier's parts; empty ones for a plain command, which has none."""
    origin, name, version, release = (*text.split("/"), "", "", "", "")[:4]
    return Ident(origin, name, version, release)


class _Members:
    """The members of a group, as templates see them."""

    def __init__(self, group: Group, permanent: Collection[MemberId]) -> None:
        self.flags = (*_flags(group.topology), *_flags(group.update))
        self.all = tuple(self._member(m, group, permanent) for m in group.members)

    def find(self, member: MemberId) -> SvcMember | None:
        """The member of that id, if it is one of the group."""
        return next((m for m in self.all if m.member_id == member), None) if member else None

    def active(self) -> tuple[SvcMember, ...]:
        """Those that are alive or suspect."""
        return tuple(m for m in self.all if m.alive or m.suspect)

    def _member(
        self, member: GroupMember, group: Group, permanent: Collection[MemberId]
    ) -> SvcMember:
        info, health = member.info, member.health
        service, name, org = split_group(info.service_group)
        topology, update = group.topology, group.update
        running, no_quorum, finished, update_running, update_no_quorum, update_finished = self.flags
        return SvcMember(
            member_id=info.member,
            pkg=ident_of(info.package),
            pkg_incarnation=0,
            package=info.package,
            service=service,
            group=name,
            org=org,
            persistent=info.member in permanent,
            leader=topology.leader == info.member,
            follower=topology.leader not in ("", info.member),
            update_leader=update.leader == info.member,
            update_follower=update.leader not in ("", info.member),
            election_is_running=running,
            election_is_no_quorum=no_quorum,
            election_is_finished=finished,
            update_election_is_running=update_running,
            update_election_is_no_quorum=update_no_quorum,
            update_election_is_finished=update_finished,
            sys=_member_sys(info.sys),
            alive=health == "alive",
            suspect=health == "suspect",
            confirmed=health == "confirmed",
            departed=health == "departed",
            cfg=_table(info.exports),
        )


def _bound(group: Group, permanent: Collection[MemberId]) -> BindGroup:
    """A bound group: only members whose service is up are there to be used."""
    up = tuple(member for member in group.members if member.info.up)
    members = _Members(Group(group.name, up, group.topology, group.update), permanent)
    leader = members.find(group.topology.leader)
    first = leader or (members.all[0] if members.all else None)
    return BindGroup(first, leader, members.active())


def _flags(election: GroupElection) -> tuple[bool, bool, bool]:
    state = election.state
    return state == "running", state == "no_quorum", state == "finished"


def _member_sys(sys: SysInfo) -> MemberSys:
    return MemberSys(
        ip=sys.ip,
        hostname=sys.hostname,
        gossip_ip=sys.gossip_ip,
        gossip_port=sys.gossip_port,
        http_gateway_ip=sys.http_gateway_ip,
        http_gateway_port=sys.http_gateway_port,
        ctl_gateway_ip=sys.ctl_gateway_ip,
        ctl_gateway_port=sys.ctl_gateway_port,
    )


def _table(values: Mapping[str, object]) -> dict[str, object]:
    return {key: plain(value) for key, value in values.items()}


def _pkg(package: PackageInfo, svc_path: str, user: str, group: str) -> Pkg:
    ident = ident_of(package.ident)
    return Pkg(
        ident=package.ident,
        origin=ident.origin,
        name=ident.name,
        version=ident.version,
        release=ident.release,
        deps=tuple(map(ident_of, package.tdeps)),
        env={**package.environment, "PATH": ":".join(package.run_path)},
        exposes=package.exposes,
        exports=package.exports,
        path=package.path,
        svc_path=svc_path,
        svc_config_path=f"{svc_path}/config",
        svc_data_path=f"{svc_path}/data",
        svc_files_path=f"{svc_path}/files",
        svc_static_path=f"{svc_path}/static",
        svc_var_path=f"{svc_path}/var",
        svc_pid_file=f"{svc_path}/PID",
        svc_run=f"{svc_path}/run",
        svc_user=user,
        svc_group=group,
    )
