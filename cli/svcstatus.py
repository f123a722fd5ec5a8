"""`hab svc status`: desired and actual state, Habitat's seven columns first."""

from __future__ import annotations

import click
import msgspec

from actors.messages.service import QueryServices, Services, ServiceStatus, UpdateStatus
from cli.client import Session, asks, json_option
from cli.output import emit_json, say, table
from cli.problem import Failure
from cli.values import check_service

COLUMNS = ("package", "type", "desired", "state", "elapsed", "pid", "group")
WIDE = (
    *("restarts", "health", "strategy", "update", "offered"),
    *("role", "term", "next-try", "last-exit", "reason"),
)
SAID = {
    "installing": "{} is being installed",
    "taking": "it goes to {}",
    "rolling": "the group goes to {}",
    "held": "{} is not taken",
    "unasked": "not known what is offered",
}


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

    A line a service, each cell one word; why a service is not as desired is said on stderr, and
    what a member of a group with a leader acts as.
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
        unlike = one.stage != one.spec.desired_state or one.role == "none"
        if one.reason and unlike and not wide:
            say(f"{one.spec.service_group}: {one.stage}: {one.reason}")
        if one.role in ("leader", "follower") and not wide:
            say(f"{one.spec.service_group}: {_acts(one)}")
        if one.update is not None and (text := _update(one.update)):
            say(f"{one.spec.service_group}: {text}")


def _acts(status: ServiceStatus) -> str:
    """What it acts as, in words."""
    if status.role == "leader":
        return f"leader in term {status.term}"
    return f"follower of {status.leader[:8]} in term {status.term}"


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
        status.update.state if status.update else None,
        (status.update.offered or None) if status.update else None,
        status.role or None,
        status.term or None,
        next_try,
        last_exit,
        status.reason,  # words, therefore last
    )


def _update(update: UpdateStatus) -> str:
    """Why a service is not, or not known to be, at what is offered; empty if it is."""
    if update.state not in SAID:
        return ""
    words = f"update: {SAID[update.state]}".format(update.offered)
    again = f"; asked again in {update.next_poll_s:.0f} s" if update.next_poll_s > 0 else ""
    return f"{words}: {update.reason}{again}" if update.reason else words


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
        "role": status.role or None,
        "leader": status.leader or None,
        "leader_term": status.term,
        "update": msgspec.to_builtins(status.update) if status.update else None,
        "spec": {name: getattr(spec, name) for name in spec.__struct_fields__},
    }
