"""`hab svc plan`: what a configuration would change of a running service, before it is applied."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import click

from actors.messages.gateway import PlannedFile, PlanService, ServicePlan
from actors.messages.service import QueryServices, Services
from cli.client import Session, asks, json_option
from cli.config import read_input
from cli.output import emit_json, say
from cli.problem import Failure
from cli.values import check_service

THEN = {
    "nothing": "nothing would be done to {}",
    "reconfigure": "the reconfigure hook of {} would run",
    "restart": "{} would be restarted",
}


@click.command()
@click.argument("service", metavar="SERVICE")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    help="TOML to lay over the other layers in place of what was applied to its group; - for "
    "standard input.",
)
@asks
@json_option
def plan(service: str, *, file: str | None, asked: Session, as_json: bool) -> None:
    """Show what a configuration would change of a running service, and what that would mean.

    The supervisor makes the files of SERVICE with FILE as if it were applied to its group now, and
    compares them with those it runs with; nothing is changed. Without FILE it does so with what
    counts already. Files that would change are shown as a diff, then what would follow: nothing,
    its reconfigure hook, or a restart. Other members of the group are not looked at.
    """
    config = read_input(file, "Configuration") if file is not None else None
    found = asked.ask(QueryServices(check_service(service)), Services).services
    if not found:
        raise Failure(f"Service not loaded, {service}", "`hab svc status` lists what is.")
    planned = [asked.ask(PlanService(one.spec.service, config), ServicePlan) for one in found]
    if as_json:
        emit_json("svc.plan/1", {"services": [_facts(one) for one in planned]})
        return
    for one in planned:
        for line in one.said:
            say(line)
        for changed in one.files:
            click.echo("".join(difference(changed)), nl=False)
        files = ", ".join(each.path for each in one.files) or "no file"
        click.echo(f"{files} would change; {THEN[one.then].format(one.service)}")


def difference(changed: PlannedFile) -> Iterator[str]:
    """The lines of a unified diff, each ending in a newline."""
    if not changed.shown:
        yield f"--- {changed.path}\n+++ {changed.path}\n(too large to be shown)\n"
        return
    before, after = (_lines(data) for data in (changed.before, changed.after))
    old, new = (
        "/dev/null" if data is None else changed.path for data in (changed.before, changed.after)
    )
    for line in difflib.unified_diff(before, after, old, new):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode(errors="replace").splitlines(keepends=True)


def _facts(planned: ServicePlan) -> dict[str, object]:
    return {
        "name": planned.service,
        "then": planned.then,
        "files": [
            {
                "path": each.path,
                "before": None if each.before is None else each.before.decode(errors="replace"),
                "after": None if each.after is None else each.after.decode(errors="replace"),
                "shown": each.shown,
            }
            for each in planned.files
        ],
        "said": list(planned.said),
    }
