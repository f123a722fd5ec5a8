"""What a service's files would be, without a supervisor: its package, configuration and a ring.

The ring is made up: this member, alive, with Habitat's ports on the loopback; a leader where a role
asks for one, which exports what the package does; behind each bind one member that exports the keys
asked for. A word in angle brackets stands for each value nobody knows yet.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from actors import __version__
from actors.errors import UsageError
from actors.messages.depot import PackageInfo
from actors.messages.ring import GroupElection, GroupMember, ServiceInfo, SysInfo
from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from actors.service import gates
from actors.service.configuration import Layers, environment_name, read_environment, read_toml
from actors.service.context import Group, Here
from actors.service.templating import ServiceFiles, parse_templates, service_files
from cli.problem import Failure, suggestion

Role: TypeAlias = Literal["none", "leader", "follower"]

ME: Final = "0" * 31 + "1"
OTHER: Final = "0" * 31 + "2"
SYS: Final = SysInfo(
    ip="127.0.0.1",
    gossip_ip="0.0.0.0",  # noqa: S104 - shown in templates, not bound
    gossip_port=9638,
    http_gateway_ip="0.0.0.0",  # noqa: S104 - the same
    http_gateway_port=9631,
    ctl_gateway_ip="127.0.0.1",
    ctl_gateway_port=9632,
)
UNKNOWN_IDENT: Final = "local/{}/0.0.0/00000000000000"  # of a directory that has no IDENT


@dataclass(frozen=True, slots=True)
class Preview:
    """The files of a service; `notes` is what the person should know about them."""

    ident: str
    made: ServiceFiles
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A package, and the directory that holds its templates."""

    package: PackageInfo
    directory: Path


def find_source(subject: str, layout: StateLayout) -> Source:
    """The installed package of an ident, or the directory of that name. Raises Failure."""
    from actors.adapters.package_store import PackageStore

    store = PackageStore(layout.root)
    directory = Path(subject).expanduser()
    try:
        found = store.find(subject)
    except UsageError:
        if directory.is_dir():
            return _directory(directory.absolute(), store.target)
        raise
    if found is not None:
        package = store.describe(found)
        return Source(package, Path(package.path))
    if directory.is_dir():
        return _directory(directory.absolute(), store.target)
    raise Failure(
        f"{subject} is neither an installed package nor a directory.",
        "`hab pkg list` shows what is installed, `hab pkg install` installs.",
    )


def _directory(directory: Path, target: str) -> Source:
    """A directory in the layout of a package or of a plan: config, hooks, default.toml."""
    from actors.adapters.package_store import hooks_in
    from actors.adapters.unpacking import read_metafile
    from actors.depot.ident import parse_ident
    from actors.depot.metadata import METAFILES, package_info, read_ident

    if not any((directory / name).exists() for name in ("config", "hooks", "default.toml")):
        raise Failure(
            f"{directory} holds no templates: neither config, nor hooks, nor default.toml.",
            "Name a package's directory, or the directory of a plan.",
        )
    files = {n: data for n in METAFILES if (data := read_metafile(directory / n)) is not None}
    files.setdefault("TARGET", target.encode())
    if "IDENT" in files:
        ident = read_ident(files["IDENT"])
    else:
        ident = parse_ident(UNKNOWN_IDENT.format(directory.name))
    package = package_info(ident, str(directory), files, hooks_in(directory))
    return Source(package, directory)


def preview(
    source: Source, spec: ServiceSpec, layout: StateLayout, config: Path | None, role: Role
) -> Preview:
    """Render all files. Raises HabError for what cannot be read or rendered."""
    from actors.adapters.service_directories import read_templates

    package = source.package
    notes: list[str] = []
    binds = _binds(spec, package, notes)
    templates, hooks, defaults = read_templates(source.directory)
    variable = environment_name(package.ident.split("/")[1])
    user_file = layout.user_config(spec.service)
    layers = _layers(defaults, variable, user_file, config, notes)
    own = _info(ME, spec.service_group, package.ident)
    user = package.svc_user or "hab"
    here = Here(
        member=ME,
        version=__version__,
        sys=own.sys,
        svc_path=str(layout.services / spec.service),
        own=own,
        user=user,
        group=package.svc_group or user,
    )
    parsed = parse_templates(templates, hooks)
    notes += [f"not a hook that can be used: {why}" for why in parsed.left_out.values()]
    group = _group(own, role, package.exports)
    if role == "follower" and package.exports:
        notes.append(f"made up for the leader: {', '.join(sorted(package.exports))}")
    files = service_files(package, parsed, layers, here, group, binds=binds)
    notes += files.rendered.log
    return Preview(package.ident, files, tuple(notes))


def _layers(
    defaults: bytes, variable: str, user_file: Path, config: Path | None, notes: list[str]
) -> Layers:
    """The layers as a supervisor of this root would find them; `config` as if it were applied."""
    environment: Mapping[str, object] = {}
    if variable in os.environ:
        environment = read_environment(os.environ[variable], variable)
        notes.append(f"with {variable} of this environment")
    user: Mapping[str, object] = {}
    if user_file.is_file():
        user = read_toml(user_file.read_bytes(), str(user_file))
        notes.append(f"with {user_file}")
    applied = read_toml(config.read_bytes(), str(config)) if config else {}
    return Layers(read_toml(defaults, "default.toml"), environment, user, applied)


def _binds(spec: ServiceSpec, package: PackageInfo, notes: list[str]) -> dict[str, Group]:
    """A made-up group behind each bind. Raises Failure for binds the package has not, or needs."""
    contracts = {**package.binds_optional, **package.binds}
    for bind in spec.binds:
        name = bind.partition(":")[0]
        if contracts and name not in contracts:
            raise Failure(
                f'{package.ident} has no bind "{name}".{suggestion(name, contracts)}',
                f"Its binds are {', '.join(sorted(contracts))}.",
            )
    if problem := gates.binds_problem(spec, package):
        missing = ", ".join(sorted(package.binds))
        raise Failure(
            f"{problem} of {package.ident}.",
            f"It needs {missing}; give each as --bind NAME:SERVICE.GROUP.",
        )
    groups = {}
    for bind in spec.binds:
        name, _, group = bind.partition(":")
        exports = {key: f"<{name}.{key}>" for key in contracts.get(name, ())}
        if exports:
            notes.append(f"made up for bind {name}: {', '.join(sorted(exports))}")
        info = msgspec.structs.replace(_info(OTHER, group, ""), exports=exports)
        groups[name] = Group(group, (GroupMember(info, "alive"),))
    return groups


def _group(own: ServiceInfo, role: Role, exports: Collection[str]) -> Group:
    """The service's own group: alone, leading, or following one made-up leader that `exports`."""
    me = GroupMember(own, "alive")
    match role:
        case "none":
            return Group(own.service_group, (me,))
        case "leader":
            return Group(own.service_group, (me,), GroupElection("finished", ME, 1))
        case "follower":
            said = {key: f"<leader.{key}>" for key in exports}
            leads = _info(OTHER, own.service_group, own.package)
            leads = msgspec.structs.replace(leads, exports=said)
            members = (me, GroupMember(leads, "alive"))
            return Group(own.service_group, members, GroupElection("finished", OTHER, 1))


def _info(member: str, group: str, package: str) -> ServiceInfo:
    sys = msgspec.structs.replace(SYS, hostname=socket.gethostname())
    return ServiceInfo(member, group, package, up=True, sys=sys)


def chosen(preview_: Preview, names: Sequence[str]) -> dict[str, bytes]:
    """The files by path (`config/…`, `hooks/…`), all or those named. Raises Failure."""
    rendered = preview_.made.rendered
    files = {f"config/{name}": data for name, data in rendered.config.items()}
    files.update({f"hooks/{name}": data for name, data in rendered.hooks.items()})
    if not names:
        return files
    unknown = [name for name in names if name not in files]
    if unknown:
        raise Failure(
            f'{preview_.ident} makes no file "{unknown[0]}".{suggestion(unknown[0], files)}',
            f"It makes {', '.join(files) or 'none'}.",
        )
    return {name: files[name] for name in names}
