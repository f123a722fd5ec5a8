"""`hab config`: configuration for all members of a service group, spread by the ring."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from actors.errors import UsageError
from actors.messages.gateway import QueryConfiguration, ServiceConfiguration
from actors.messages.groups import ApplyConfig, GroupConfig, GroupFacts, QueryGroup
from cli.client import Session, asks, json_option
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
@seals
@writes
def apply(
    group: str,
    version: int,
    file: str | None,
    *,
    user: str | None,
    cache_key_path: str | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Give a service group a configuration, from FILE or standard input.

    VERSION is a whole number above that of the configuration applied before (`date +%s` is a good
    one); anything else is refused, with the current version. The same again changes nothing. It
    replaces what was applied before as a whole.

    With --user it is encrypted before it leaves this machine. Members that hold the group's secret
    key and the user's public key use it; others say which key they lack, and keep what they have.
    """
    data = read_input(file, "Configuration")
    if user is not None:
        from actors.service.configuration import read_toml

        read_toml(data, f"Configuration for {group}")  # nobody else can look before it is used
        data = sealed_for(group, user, data, f"configuration {version}", cache_key_path)
    say(f"Setting new configuration version {version} for {group}{_by(user)}")
    config = GroupConfig(group, version, data, sealed=user is not None)
    carry_out(asked, ApplyConfig(config), waiting, "config.apply")


def _by(user: str | None) -> str:
    return "" if user is None else f", encrypted by {user}"


@click.command()
@click.argument("subject", metavar="SERVICE_GROUP|SERVICE")
@asks
@json_option
def show(subject: str, *, asked: Session, as_json: bool) -> None:
    """Show what was applied to a service group, or the configuration a service runs with.

    Of SERVICE_GROUP (redis.default) the TOML is shown as it was given; one that was encrypted as it
    travels, with the names of the keys. Of SERVICE, the name of a loaded service (redis), all
    layers are shown as the supervisor has merged them, what it could decrypt included.
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
    found = asked.ask(QueryGroup(group), GroupFacts).configs.get(group)
    if as_json:
        text = "" if found is None else found.data.decode(errors="replace")
        known = {"version": found.version, "sealed": found.sealed} if found else {}
        emit_json("config/1", {"service_group": group, "version": 0, **known, "config": text})
        return
    if found is None:
        raise Failure(
            f"No configuration was applied to {group}.",
            f"`hab config apply {group} 1 FILE` applies one.",
        )
    say(f"version {found.version}" + (f", {sealing(found.data)}" if found.sealed else ""))
    click.echo(found.data.decode(errors="replace"), nl=not found.data.endswith(b"\n"))
