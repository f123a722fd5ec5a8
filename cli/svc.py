"""`hab svc`, also `hab service`: load, unload, start, stop, restart, update, status, logs."""

from __future__ import annotations

from typing import Any

import click

from actors.messages.service import (
    QueryServices,
    RestartService,
    Services,
    ServiceStatus,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from cli.client import NoSupervisor, Session, asks, json_option
from cli.lazy import LazyGroup
from cli.loading import (
    changes,
    check_service,
    force_option,
    load_options,
    load_request,
    service_argument,
    subject_argument,
    update_options,
)
from cli.output import emit_json, say, table
from cli.problem import Failure
from cli.values import Duration
from cli.writes import Waiting, carry_out, writes

VERBS = {
    "load": ("cli.svc:load", "Load a service; it runs now and after every start."),
    "unload": ("cli.svc:unload", "Stop a service and forget it."),
    "start": ("cli.svc:start", "Start a stopped service with the options it was loaded with."),
    "stop": ("cli.svc:stop", "Stop a service and keep its options."),
    "restart": ("cli.svc:restart", "Stop a service and start it once more."),
    "update": ("cli.svc:update", "Change options of a loaded service."),
    "status": ("cli.svc:status", "Show desired and actual state."),
    "logs": ("cli.svclogs:logs", "Show what a service wrote."),
}
COLUMNS = ("package", "type", "desired", "state", "elapsed", "pid", "group")
WIDE = ("restarts", "health", "strategy", "next-try", "last-exit", "reason")


@click.group(cls=LazyGroup, lazy=VERBS)
def svc() -> None:
    """Load, start, stop, update and watch services.

    SERVICE is a package ident (core/redis), a service's name (redis) or its group (redis.default).
    """


shutdown_option = click.option(
    "--shutdown-timeout",
    type=Duration(),
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
    shutdown_timeout: float | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Stop a service and forget it: it does not run at the next start either."""
    wanted = UnloadService(check_service(service), _whole(shutdown_timeout), wait=waiting.wait)
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
    shutdown_timeout: float | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Stop a service and keep its options: `svc start` resumes with them."""
    wanted = StopService(check_service(service), _whole(shutdown_timeout), wait=waiting.wait)
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


@click.command()
@click.argument("service", required=False)
@click.option("--wide", "-w", is_flag=True, help="Further columns behind the usual seven.")
@asks
@json_option
def status(
    service: str | None,
    *,
    wide: bool,
    asked: Session,
    as_json: bool,
) -> None:
    """Show desired and actual state of all services, or of SERVICE.

    A line a service, each cell one word; why a service is not as desired is said on stderr.
    """
    found = asked.ask(QueryServices(check_service(service) if service else ""), Services).services
    if service and not found:
        raise Failure(f"Service not loaded, {service}", "`hab svc status` lists what is.")
    if as_json:
        emit_json("svc.status/1", {"services": [_facts(one) for one in found]})
        return
    if not found:
        click.echo("No services loaded.")
        return
    columns = COLUMNS + WIDE if wide else COLUMNS
    table(columns, [_row(one, wide=wide) for one in found])
    for one in found:
        if one.reason and not wide and one.stage != one.spec.desired_state:
            say(f"{one.spec.service_group}: {one.stage}: {one.reason}")


def _row(status: ServiceStatus, *, wide: bool) -> tuple[object, ...]:
    spec = status.spec
    row = (
        status.package or spec.ident,
        spec.topology,
        spec.desired_state,
        status.stage,
        status.elapsed_s,
        status.pid,
        spec.service_group,
    )
    if not wide:
        return row
    next_try = f"{status.next_try_s:.0f}s" if status.next_try_s > 0 else None
    last_exit = status.last_exit.replace(" ", "-")  # a cell is one word
    return (
        *row,
        status.restarts,
        status.health,
        spec.update_strategy,
        next_try,
        last_exit,
        status.reason,  # words, therefore last
    )


def _facts(status: ServiceStatus) -> dict[str, object]:
    spec = status.spec
    return {
        "name": spec.service,
        "package": status.package or spec.ident or None,
        "type": spec.topology,
        "desired": spec.desired_state,
        "state": status.stage,
        "reason": status.reason,
        "elapsed": status.elapsed_s,
        "pid": status.pid,
        "group": spec.service_group,
        "restarts": status.restarts,
        "next_try_s": status.next_try_s,
        "last_exit": status.last_exit,
        "health": status.health,
        "leader_term": status.term,
        "spec": {name: getattr(spec, name) for name in spec.__struct_fields__},
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
