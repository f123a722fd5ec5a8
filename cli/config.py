"""`hab config`: configuration for all members of a service group, spread by the ring."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from actors.errors import UsageError
from actors.messages.gateway import QueryConfiguration, ServiceConfiguration
from actors.messages.groups import ApplyConfig, GroupConfig, GroupFacts, QueryGroup
from actors.messages.ring import Census, Members, QueryCensus, QueryMembers
from actors.messages.rollout import configuration
from cli.client import Session, asks, json_option
from cli.electionviews import Ring
from cli.lazy import LazyGroup
from cli.output import emit_json, say
from cli.problem import Failure
from cli.sealing import sealed_for, sealing, seals
from cli.values import MAX_GROUP_BYTES, GroupName, Version, is_name
from cli.writes import Waiting, carry_out, writes

VERBS = {
    "apply": ("cli.config:apply", "Give a service group a configuration."),
    "show": ("cli.config:show", "Show the configuration of a service group or a service."),
}


@click.group(cls=LazyGroup, lazy=VERBS)
def config() -> None:
    """Configuration of service groups.

    What is applied is TOML, laid over the defaults of each member's package and its user.toml. The
    group need not exist yet.
    """


def read_input(file: str | None, what: str) -> bytes:
    """Read FILE or, for `-` and nothing, standard input. Raises UsageError and OSError."""
    data = sys.stdin.buffer.read() if file in (None, "-") else Path(file or "").read_bytes()
    if len(data) > MAX_GROUP_BYTES:
        raise UsageError(
            f"{what} too large. Maximum allowed is {MAX_GROUP_BYTES} bytes, this has {len(data)}"
        )
    return data


@click.command()
@click.argument("group", type=GroupName(), metavar="SERVICE_GROUP")
@click.argument("version", type=Version(), metavar="VERSION")
@click.argument("file", required=False, metavar="[FILE]")
@click.option(
    "--rolling",
    is_flag=True,
    help="The members take it one after the other, each only while all others are well.",
)
@seals
@writes
def apply(
    group: str,
    version: int,
    file: str | None,
    *,
    rolling: bool,
    user: str | None,
    cache_key_path: str | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Give a service group a configuration, from FILE or standard input.

    VERSION is a whole number above that of the configuration applied before (`date +%s` is a good
    one); anything else is refused, with the current version. The same again changes nothing. It
    replaces what was applied before as a whole.

    With --rolling, for groups loaded with --strategy rolling, it goes the way of a new release: one
    member after the other takes it, leaves the group for that, and has to be healthy with it before
    the next one does. Where it fails twice on a member, all go back to the configuration in force.
    The command ends once it is on record; `hab svc rollout status GROUP` tells how far it is.

    With --user it is encrypted before it leaves this machine. Members that hold the group's secret
    key and the user's public key use it; others say which key they lack, and keep what they have.
    """
    data = read_input(file, "Configuration")
    if user is not None:
        from actors.service.configuration import read_toml

        read_toml(data, f"Configuration for {group}")  # nobody else can look before it is used
        data = sealed_for(group, user, data, f"configuration {version}", cache_key_path)
    say(f"Setting new configuration version {version} for {group}{_by(user)}")
    config = GroupConfig(group, version, data, sealed=user is not None, rolling=rolling)
    carry_out(asked, ApplyConfig(config), waiting, "config.apply")
    if rolling:
        say(f"`hab svc rollout status {group}` tells how far its members are.")


def _by(user: str | None) -> str:
    return "" if user is None else f", encrypted by {user}"


@click.command()
@click.argument("subject", metavar="SERVICE_GROUP|SERVICE")
@asks
@json_option
def show(subject: str, *, asked: Session, as_json: bool) -> None:
    """Show what was applied to a service group, or the configuration a service runs with.

    Of SERVICE_GROUP (redis.default) the TOML in force is shown as it was given; one that was
    encrypted as it travels, with the names of the keys. Which version each member runs with, and
    which one is staged by `apply --rolling`, is said on stderr. Of SERVICE, the name of a loaded
    service (redis), all layers are shown as the supervisor has merged them, what it could decrypt
    included.
    """
    if is_name(subject):
        _show_service(subject, asked, as_json=as_json)
    else:
        _show_group(GroupName().convert(subject, None, None), asked, as_json=as_json)


def _show_service(service: str, asked: Session, *, as_json: bool) -> None:
    found = asked.ask(QueryConfiguration(service), ServiceConfiguration)
    if not as_json:
        click.echo(found.toml, nl=False)
        return
    from actors.service.configuration import read_toml
    from actors.service.handlebars.values import plain

    values = plain(read_toml(found.toml, f"What the supervisor says of {service}"))
    emit_json("config.service/1", {"service": service, "configuration": values})


def _show_group(group: str, asked: Session, *, as_json: bool) -> None:
    facts = asked.ask(QueryGroup(group), GroupFacts)
    found, staged = facts.configs.get(group), facts.staged.get(group)
    members = asked.ask(QueryCensus(), Census).groups.get(group, ())
    runs = {one.info.member: one.info.config for one in members}
    if as_json:
        known = _facts(found) or {"version": 0, "config": ""}
        more = {"staged": _facts(staged), "members": runs}
        emit_json("config/1", {"service_group": group, **known, **more})
        return
    if found is None and staged is None:
        raise Failure(
            f"No configuration was applied to {group}.",
            f"`hab config apply {group} 1 FILE` applies one.",
        )
    say(_called(found) if found is not None else "nothing is in force")
    if staged is not None:
        say(f"staged is {_called(staged)}; `hab svc rollout status {group}` tells more of it")
    if runs:
        ring = Ring.of(asked.ask(QueryMembers(), Members))
        for version in sorted(set(runs.values()), reverse=True):
            who = ", ".join(ring.called(m) for m, run in runs.items() if run == version)
            say(f"{configuration(version)} runs at {who}")
    if found is not None:
        click.echo(found.data.decode(errors="replace"), nl=not found.data.endswith(b"\n"))


def _facts(config: GroupConfig | None) -> dict[str, object] | None:
    if config is None:
        return None
    text = config.data.decode(errors="replace")
    return {"version": config.version, "sealed": config.sealed, "config": text}


def _called(config: GroupConfig) -> str:
    return f"version {config.version}" + (f", {sealing(config.data)}" if config.sealed else "")
