"""`hab start`: load and start a service; where no supervisor runs, become it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import click
import msgspec

from actors.errors import UsageError
from actors.messages.service import LoadService, StartService
from cli.client import NoSupervisor, Session, override_name_option
from cli.loading import (
    FIELDS,
    is_hart,
    load_flags,
    load_options,
    load_request,
    subject_argument,
)
from cli.output import say
from cli.runoptions import RUN_OPTIONS, run_options
from cli.settings import locate, lock_holder
from cli.starting import config_files_option, settled_options, supervise
from cli.values import Duration, is_service_word
from cli.writes import WAIT_S, Waiting, carry_out


@click.command()
@subject_argument
@load_options
@override_name_option
@run_options
@config_files_option
@click.option("--no-wait", is_flag=True, help="End when the command is on record.")
@click.option(
    "--timeout",
    type=Duration(),
    default=WAIT_S,
    metavar="TIME",
    help="Stop waiting after this long, with exit code 7.  [default: 60s]",
)
def start(
    subject: str | None,
    *,
    override_name: str | None,
    config_files: tuple[str, ...],
    no_wait: bool,
    timeout: float,
    **flags: Any,
) -> None:
    """Load and start a service; where no supervisor runs, become it, in the foreground.

    With a supervisor up this is `hab svc load` followed by `hab svc start`. What is loaded can also
    be started by its name (redis) or group (redis.default). The options of `hab sup run` are for
    the supervisor that is started.
    """
    asked = Session(locate(override_name, None, os.environ))
    waiting = Waiting(not no_wait, timeout)
    wanted = _request(subject, flags, local=asked.place.local, wait=waiting.wait)
    try:
        if isinstance(wanted, StartService):
            carry_out(asked, wanted, waiting, "svc.start")
        else:
            _load_and_start(asked, wanted, waiting)
    except NoSupervisor:
        if not asked.place.local or lock_holder(asked.place.layout) is not None:
            raise
    else:
        _say_idle(flags)
        return
    resolved = settled_options(flags, asked.place.layout, config_files)
    supervise(asked.place.layout, resolved, wanted)


def _request(
    subject: str | None, flags: dict[str, Any], *, local: bool, wait: bool
) -> LoadService | StartService:
    """Make the request: a load, or a start of what is loaded and called by its name or group."""
    if not subject or "/" in subject or is_hart(subject) or not is_service_word(subject):
        return load_request(subject, flags, local=local, force=False, wait=wait)
    if given := load_flags():
        raise UsageError(
            f"{given[0]} is for loading: name a package (core/{subject}), or change what is loaded "
            f"with `hab svc update {subject}`"
        )
    return StartService(subject, wait=wait)


def _load_and_start(asked: Session, wanted: LoadService, waiting: Waiting) -> None:
    """Load, and start what was loaded before and stopped since."""
    service, loaded = wanted.spec.ident or wanted.spec.name, None
    if wanted.install:  # which service it is, is known when it is installed
        known = msgspec.structs.replace(wanted, wait=True)
        loaded = carry_out(asked, known, replace(waiting, wait=True), "svc.load")
        service = loaded.service if loaded is not None else service
    elif set(wanted.given) - {"ident"}:
        loaded = carry_out(asked, wanted, waiting, "svc.load")
    if loaded is None or loaded.outcome == "down":
        carry_out(asked, StartService(service, wait=waiting.wait), waiting, "svc.start")


def _say_idle(flags: dict[str, Any]) -> None:
    """Name options that are for a supervisor to be started, when one ran already."""
    context = click.get_current_context()
    idle = [
        option.flags[-1]
        for option in RUN_OPTIONS
        if option.key not in FIELDS
        and context.get_parameter_source(option.key) is click.core.ParameterSource.COMMANDLINE
        and flags.get(option.key)
    ]
    if idle:
        say(f"A supervisor runs already: {', '.join(idle)} had no effect on it.")
