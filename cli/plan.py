"""`hab plan init`: a plan to start from, empty, for a command, or for a service that is loaded."""

from __future__ import annotations

import dataclasses
import grp
import os
import pwd
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actors.errors import UsageError
from cli.client import override_name_option
from cli.lazy import LazyGroup
from cli.loading import command_words
from cli.output import say
from cli.problem import Failure
from cli.settings import cli_setting, state_layout, state_root

if TYPE_CHECKING:
    from actors.depot.plan_start import Start

VERBS = {"init": ("cli.plan:init", "Write a plan to start from.")}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")


@click.group(cls=LazyGroup, lazy=VERBS)
def plan() -> None:
    """Plans, of which `hab pkg build` makes packages."""


@click.command()
@click.argument("name", required=False, metavar="[NAME]")
@click.option(
    "-o",
    "--origin",
    metavar="ORIGIN",
    help="Whose it is.  [env: HAB_ORIGIN; cli.toml: origin]",
)
@click.option(
    "--version",
    metavar="VERSION",
    default="0.1.0",
    show_default=True,
    help="The version it begins with.",
)
@click.option(
    "--cmd",
    metavar="COMMAND",
    help="A plan for this command: the current directory goes into the package, the command runs "
    "there.",
)
@click.option(
    "--from-service",
    metavar="SERVICE",
    help="A plan for a service that was loaded with --cmd: its command, directory and options.",
)
@click.option("-m", "--min", "minimal", is_flag=True, help="Without what only explains.")
@override_name_option
def init(
    name: str | None,
    *,
    origin: str | None,
    version: str,
    cmd: str | None,
    from_service: str | None,
    minimal: bool,
    override_name: str | None,
) -> None:
    """Write a plan.sh, default.toml, and for a command its run hook.

    With NAME they go into a new directory NAME, without one into habitat/ of the current directory,
    which then also gives the name. --from-service writes to habitat/ of the service's directory.
    What is there already is left as it is.
    """
    from actors.depot.plan_start import Start, plan_files

    if cmd and from_service:
        raise UsageError("give one of --cmd and --from-service")
    here = Path.cwd()
    start = Start(_checked(name or here.name, "NAME"), _origin(origin), version, *_account(), ())
    if from_service:
        start, context = _of_service(start, name, from_service, override_name)
    elif cmd:
        context = here
        start = _running(start, command_words(cmd), here)
    else:
        context = here
    into = here / name if name and not from_service else context / "habitat"
    if (into / "plan.sh").exists():
        raise Failure(f"{into / 'plan.sh'} is there already", "Remove it, or name another plan.")
    for path, text in plan_files(start, minimal).items():
        file = into / path
        if file.exists():
            say(f"{file} is there already and left as it is")
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if path.startswith("hooks/"):
            file.chmod(0o755)
        click.echo(f"Wrote {file}")
    _next_steps(start, into, context, loaded=from_service)


def _of_service(
    start: Start, name: str | None, service: str, override_name: str | None
) -> tuple[Start, Path]:
    """Fill in what a loaded service says; the directory of its sources beside."""
    from cli.offline import stored_spec

    layout = state_layout(override_name, os.environ)
    spec = stored_spec(layout, service)
    if spec is None:
        raise Failure(f"Service not loaded: {service}", "`hab svc status` shows what is.")
    if not spec.cmd:
        raise Failure(
            f"{spec.service} was loaded from the package {spec.ident} already",
            "--from-service is for services that were loaded with --cmd.",
        )
    start = dataclasses.replace(
        start, name=_checked(name or spec.service, "NAME"), timeout_s=spec.shutdown_timeout
    )
    directory = Path(spec.cwd or "/")
    return _running(start, spec.cmd, directory), directory


def _running(start: Start, command: tuple[str, ...], directory: Path) -> Start:
    """Let the package run a command; its directory comes along unless it is a whole world."""
    copies = directory not in (Path("/"), Path.home())
    if not copies:
        say(f"{directory} does not go into the package; its command runs there")
    return dataclasses.replace(start, command=command, copies=copies, directory=str(directory))


def _next_steps(start: Start, into: Path, context: Path, *, loaded: str | None) -> None:
    build = context if into.name == "habitat" else into
    source = "" if build == context or not start.copies else f" --src {context}"
    ident = f"{start.origin}/{start.name}"
    say(f"Next: hab origin key generate {start.origin}   (once)")
    say(f"      hab pkg build {build}{source}")
    if start.command:
        unload = f"hab svc unload {loaded} && " if loaded else ""
        say(f"      hab pkg install {ident} && {unload}hab svc load {ident}")


def _checked(name: str, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a package: give a {what} of letters, digits, - _"
        )
    return name


def _origin(chosen: str | None) -> str:
    from cli.keys import origin_name

    known = chosen or os.environ.get("HAB_ORIGIN") or cli_setting(state_root(os.environ), "origin")
    return origin_name(known or "yourorigin")


def _account() -> tuple[str, str]:
    """Return who runs this: a package should run as somebody who exists."""
    return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
