"""The verbs of `hab svc` that change something: load, unload, start, stop, restart, update."""

from __future__ import annotations

from typing import Any

import click

from actors.messages.service import (
    RestartService,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from cli.client import NoSupervisor, Session
from cli.loading import (
    changes,
    force_option,
    load_options,
    load_request,
    service_argument,
    subject_argument,
    update_options,
)
from cli.problem import Failure
from cli.values import WholeSeconds, check_service
from cli.writes import Waiting, carry_out, writes

shutdown_option = click.option(
    "--shutdown-timeout",
    type=WholeSeconds(),
    metavar="TIME",
    help="Time between the stop signal and KILL, this once.",
)


@click.command()
@subject_argument
@load_options
@force_option
@writes
def load(
    subject: str | None,
    *,
    asked: Session,
    waiting: Waiting,
    force: bool,
    **flags: Any,
) -> None:
    """Load a service; it runs now and after every start, until it is unloaded.

    IDENT is origin/name[/version[/release]], FILE.hart a package archive that is installed first.
    The same load again changes nothing; a different one needs --force. With no supervisor up, the
    spec is written for its next start.
    """
    wanted = load_request(subject, flags, local=asked.place.local, force=force, wait=waiting.wait)
    try:
        carry_out(asked, wanted, waiting, "svc.load")
    except NoSupervisor as nobody:
        from cli.offline import load_for_next_start

        load_for_next_start(nobody, asked.place, wanted, as_json=waiting.as_json)


@click.command()
@service_argument
@shutdown_option
@writes
def unload(
    service: str,
    *,
    shutdown_timeout: int | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Stop a service and forget it: it does not run at the next start either."""
    wanted = UnloadService(check_service(service), shutdown_timeout, wait=waiting.wait)
    carry_out(asked, wanted, waiting, "svc.unload")


@click.command()
@service_argument
@writes
def start(
    service: str,
    *,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Start a stopped service with the options it was loaded with.

    What was never loaded is loaded with defaults, and the answer says so. With no supervisor up,
    the spec is written for its next start.
    """
    wanted = StartService(check_service(service), wait=waiting.wait)
    try:
        carry_out(asked, wanted, waiting, "svc.start")
    except NoSupervisor as nobody:
        from cli.offline import start_at_next_start

        start_at_next_start(nobody, asked.place, service, as_json=waiting.as_json)


@click.command()
@service_argument
@shutdown_option
@writes
def stop(
    service: str,
    *,
    shutdown_timeout: int | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Stop a service and keep its options: `svc start` resumes with them."""
    wanted = StopService(check_service(service), shutdown_timeout, wait=waiting.wait)
    carry_out(asked, wanted, waiting, "svc.stop")


@click.command()
@service_argument
@writes
def restart(
    service: str,
    *,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Stop a service and start it once more, also if the supervisor dies in between."""
    wanted = RestartService(check_service(service), wait=waiting.wait)
    carry_out(asked, wanted, waiting, "svc.restart")


@click.command()
@service_argument
@update_options
@writes
def update(
    service: str,
    *,
    asked: Session,
    waiting: Waiting,
    **flags: Any,
) -> None:
    """Change options of a loaded service; what is not given stays as it is."""
    spec, given = changes(flags)
    if not given:
        raise Failure(
            "No fields specified for update", "`hab svc update --help` lists what can change."
        )
    wanted = UpdateService(check_service(service), spec, given, wait=waiting.wait)
    carry_out(asked, wanted, waiting, "svc.update")
