"""The flags that describe a service, and the spec they come to; for load, start, update and run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from actors.errors import UsageError
from actors.messages.service import LoadService, ServiceSpec
from actors.specs.spec_file import problem
from cli.output import say
from cli.values import Bind, Name, WholeSeconds

# Command line parameter → field of the spec.
FIELDS: Mapping[str, str] = {
    "group": "group",
    "channel": "channel",
    "url": "bldr_url",
    "topology": "topology",
    "strategy": "update_strategy",
    "update_condition": "update_condition",
    "drain": "drain",
    "health_grace": "health_grace",
    "on_failure": "on_failure",
    "bind": "binds",
    "binding_mode": "binding_mode",
    "config_from": "config_from",
    "health_check_interval": "health_check_interval",
    "shutdown_timeout": "shutdown_timeout",
    "bootstrap_expect": "bootstrap_expect",
    "name": "name",
    "cmd": "cmd",
    "cwd": "cwd",
}


def _options(command: Callable[..., Any], *, updating: bool) -> Callable[..., Any]:
    bind_help = "Bind a name of the package to a service group; repeat for more."
    bind: dict[str, Any] = {}
    if updating:
        bind_help += " Alone, without a value, it removes all binds."
        bind = {"is_flag": False, "flag_value": ""}

    def shown(text: str) -> str:
        return "" if updating else f"  [default: {text}]"

    options = [
        click.option(
            "--group", type=Name(), metavar="GROUP", help=f"Service group.{shown('default')}"
        ),
        click.option(
            "-t",
            "--topology",
            type=click.Choice(["standalone", "leader"]),
            help=f"How the members of the group stand to one another.{shown('standalone')} "
            "With leader, members start when one of them is elected, and know their role.",
        ),
        click.option(
            "-s",
            "--strategy",
            type=click.Choice(["none", "at-once", "rolling"]),
            help=f"How newer packages are taken up.{shown('none')} at-once: this member goes to "
            "what the channel offers by itself, once it is installed. rolling: the members of the "
            "group go one after the other, each only while all others are up and healthy.",
        ),
        click.option(
            "--update-condition",
            type=click.Choice(["latest", "track-channel"]),
            help=f"Which release a strategy goes to.{shown('latest')} latest: the newest of the "
            "channel and of what is installed. track-channel: the newest of the channel, back too.",
        ),
        click.option(
            "--drain",
            type=WholeSeconds(),
            metavar="TIME",
            help="rolling: time between leaving the census and the stop, for those that are bound "
            f"to turn away.{shown('2s')}",
        ),
        click.option(
            "--health-grace",
            type=WholeSeconds(),
            metavar="TIME",
            help="rolling: time for which a member has to be healthy before the next one goes; "
            f"within three times that it has failed.{shown('10s')}",
        ),
        click.option(
            "--on-failure",
            type=click.Choice(["halt", "rollback"]),
            help="rolling: what a release leads to that fails twice on a member: stay as it is, or "
            f"take all members back that have gone.{shown('halt')}",
        ),
        click.option(
            "--bind", multiple=True, type=Bind(), metavar="NAME:GROUP", help=bind_help, **bind
        ),
        click.option(
            "--binding-mode",
            type=click.Choice(["strict", "relaxed"]),
            help=f"strict: wait until every bind is satisfied.{shown('strict')}",
        ),
        click.option(
            "--channel",
            metavar="CHANNEL",
            envvar="HAB_BLDR_CHANNEL",
            help="Channel to pull the package from where none is installed, and to follow."
            f"{shown('stable; env: HAB_BLDR_CHANNEL')}",
        ),
        click.option(
            "-u",
            "--url",
            metavar="URL",
            envvar=["HAB_BLDR_URL", "HAB_DEPOT_URL"],
            help="Depot to pull it from: http(s)://HOST[:PORT] or file:///DIRECTORY."
            f"{shown('the folder depot below the root; env: HAB_BLDR_URL')}",
        ),
        click.option(
            "-i",
            "--health-check-interval",
            type=WholeSeconds(),
            metavar="TIME",
            help=f"Time between health checks.{shown('30s')}",
        ),
        click.option(
            "--shutdown-timeout",
            type=WholeSeconds(),
            metavar="TIME",
            help="Time between the stop signal and KILL, instead of the package's.",
        ),
        click.option(
            "--bootstrap-expect",
            type=click.IntRange(min=1),
            metavar="COUNT",
            help=f"Members a new group with a leader waits for.{shown('3')}",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def update_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that change a loaded service."""
    return _options(command, updating=True)


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of `svc load`."""
    command = click.option(
        "--config-from",
        metavar="DIR",
        help="Take config/, hooks/ and default.toml from this directory instead of the package. "
        "For development only.",
    )(command)
    command = click.option(
        "--cwd", metavar="DIR", help="Where --cmd runs.  [default: the current directory]"
    )(command)
    command = click.option(
        "--name", type=Name(), metavar="NAME", help="Name of the service.  [default: the package's]"
    )(command)
    command = click.option(
        "--cmd",
        metavar="COMMAND",
        help="Supervise this plain command instead of a package; --name is needed with it.",
    )(command)
    return _options(command, updating=False)


def load_request(
    subject: str | None, params: Mapping[str, Any], *, local: bool, force: bool, wait: bool
) -> LoadService:
    """Make the request to load `subject` (an ident or a HART file), or a plain command.

    `local`: the supervisor is on this machine, so that paths mean the same to it.
    """
    given = {
        FIELDS[key]: _field(key, value) for key, value in params.items() if _is_given(key, value)
    }
    if "cmd" in given:
        _check_command(subject, given, local=local)
        subject = ""
    elif not subject:
        raise UsageError('name a package, or a plain command: --cmd "python web.py" --name web')
    elif "cwd" in given:
        raise UsageError("--cwd goes with --cmd only")
    if "config_from" in given:
        if not local:
            raise UsageError(
                "--config-from names a directory here; it is no use to a remote supervisor"
            )
        say(
            "warning: --config-from takes hooks and configuration from a directory instead of the "
            "package: for development, not for production."
        )
    if is_hart(subject):
        return _archive(str(subject), given, local=local, force=force, wait=wait)
    spec = ServiceSpec(ident=subject or "", **given)
    if reason := problem(spec):
        raise UsageError(reason)
    names = ("ident", *given) if subject else tuple(given)
    return LoadService(spec, given=names, force=force, wait=wait)


def _archive(
    subject: str, given: Mapping[str, Any], *, local: bool, force: bool, wait: bool
) -> LoadService:
    """Make the request to install a package archive and load what is in it."""
    if not local:
        raise UsageError(
            f"{subject} is a file here; install it on the supervisor's machine with "
            "`hab pkg install` and load it by its ident"
        )
    path = Path(subject).absolute()
    if not path.is_file():
        raise UsageError(f"File: '{subject}' cannot be found")
    # Which package it is the archive says, when it is installed.
    spec = ServiceSpec(ident="", **given)
    return LoadService(spec, tuple(given), force=force, wait=wait, install=str(path))


def changes(params: Mapping[str, Any]) -> tuple[ServiceSpec, tuple[str, ...]]:
    """Return what `svc update` changes: a spec of which only the named fields count."""
    given = {
        FIELDS[key]: _field(key, value) for key, value in params.items() if _is_given(key, value)
    }
    return ServiceSpec(ident="", **given), tuple(given)


def load_flags() -> list[str]:
    """Return the options of `svc load` that stand on the command line of the running command."""
    context = click.get_current_context()
    return [
        f"--{name.replace('_', '-')}"
        for name in FIELDS
        if context.params.get(name) not in {None, ()}
        and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]


def is_hart(subject: str | None) -> bool:
    """Whether a subject is a package archive rather than an ident."""
    return bool(subject) and str(subject).endswith(".hart")


def _is_given(key: str, value: object) -> bool:
    return key in FIELDS and value is not None and value != ()


def _field(key: str, value: Any) -> Any:
    """Turn a parameter into the value of its field."""
    match key:
        case "bind":
            return tuple(bind for bind in value if bind)
        case "cmd":
            return command_words(value)
        case "cwd" | "config_from":
            path = Path(value).absolute()
            if not path.is_dir():
                raise UsageError(f"Directory: '{value}' cannot be found")
            return str(path)
        case _:
            return value


def command_words(command: str) -> tuple[str, ...]:
    """Split a plain command as a shell would. Raises UsageError."""
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"--cmd {command!r}: {error}") from error
    if not words:
        raise UsageError("--cmd is empty")
    return words


def _check_command(subject: str | None, given: dict[str, Any], *, local: bool) -> None:
    if subject:
        raise UsageError("--cmd takes the place of the package: give one of the two")
    if "name" not in given:
        raise UsageError("--cmd needs a name for the service: --name web")
    if "cwd" not in given and local:
        given["cwd"] = os.getcwd()  # noqa: PTH109 - kept as a string, links unresolved


subject_argument = click.argument("subject", required=False, metavar="[IDENT|FILE.hart]")
service_argument = click.argument("service", metavar="SERVICE")
force_option = click.option(
    "-f",
    "--force",
    is_flag=True,
    help="Change a service that is loaded differently; options not given stay as they are.",
)
