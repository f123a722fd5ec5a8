"""`hab events`: the event log of one supervisor, or of the whole ring in causal order."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import click

from actors.errors import UsageError
from actors.messages.events import EventPage, EventRecord, QueryEvents
from cli.client import ANSWER_S, Session, asks
from cli.output import emit_json, say
from cli.problem import Failure
from cli.values import moment

LAST = 100  # a screen or two


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with events as they come.")
@click.option("--actor", default="*", metavar="GLOB", help="Of actors whose path matches.")
@click.option("--kind", default="*", metavar="GLOB", help="Of kinds that match, as Service*.")
@click.option(
    "--member",
    default="*",
    metavar="MEMBER",
    help="Of the member with this name, or this beginning of its id.",
)
@click.option(
    "--since", metavar="TIME", help="Not older than: 5m (ago), 2026-11-22T11:00 or Unix seconds."
)
@click.option("--until", metavar="TIME", help="Not newer than; written as --since.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    metavar="COUNT",
    help=f"The last so many.  [default: {LAST}; all with --since]",
)
@click.option("--ring", is_flag=True, help="Of all members, merged in causal order.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["short", "jsonl", "mermaid"]),
    default="short",
    help="A sentence a line, a JSON object a line, or a sequence diagram.  [default: short]",
)
@click.option("--ids", is_flag=True, help="With each event's id at the end of its line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document with a schema.")
@asks
def events(
    *, follow: bool, ids: bool, output: str, as_json: bool, asked: Session, **filters: Any
) -> None:
    """Show what happened, oldest first.

    Every command that changes something prints the id of its event; an event names the one that
    caused it.
    """
    if follow and (as_json or output == "mermaid"):
        raise UsageError("--follow has no end, --json and mermaid need one: use -o jsonl with it")
    query = _query(follow=follow, **filters)
    shown = _Shown("json" if as_json else output, ids=ids)
    if follow:
        for answer in asked.stream(query, timeout_s=None):
            if isinstance(answer, EventPage):
                shown.page(answer)
        raise Failure("The supervisor ended the stream.", "`hab sup status` tells how it is.")
    for answer in asked.stream(query, timeout_s=3 * ANSWER_S if query.ring else ANSWER_S):
        if isinstance(answer, EventPage):
            shown.page(answer)
    shown.end()


class _Shown:
    """Pages of events, written as they come, or all together at the end where the form needs it."""

    def __init__(self, form: str, *, ids: bool) -> None:
        self._form = form
        self._ids = ids
        self._held: list[EventRecord] = []
        self._missing: set[str] = set()

    def page(self, page: EventPage) -> None:
        new = set(page.missing) - self._missing
        if new:
            self._missing |= new
            say(f"No answer in time from {', '.join(sorted(new))}: their events are missing here.")
        if self._form in {"json", "mermaid"}:
            self._held += page.events
            return
        for line in _lines(self._form, page.events, ids=self._ids):
            click.echo(line)

    def end(self) -> None:
        if self._form == "json":
            emit_json(
                "events/1",
                {
                    "events": [json.loads(line) for line in _lines("jsonl", self._held, ids=True)],
                    "missing": sorted(self._missing),
                },
            )
        elif self._form == "mermaid":
            for line in _lines("mermaid", self._held, ids=self._ids):
                click.echo(line)


def _query(
    *,
    follow: bool,
    actor: str,
    kind: str,
    member: str,
    since: str | None,
    until: str | None,
    last: int | None,
    ring: bool,
) -> QueryEvents:
    now = time.time()
    try:
        since_s = moment(since, now) if since else 0.0
        until_s = moment(until, now) if until else 0.0
    except ValueError as error:
        raise UsageError(str(error)) from error
    if last is None:
        last = 0 if since else LAST
    return QueryEvents(
        actor=actor,
        kind=kind,
        member=member,
        since=since_s,
        until=until_s,
        last=last,
        ring=ring or member != "*",  # others' events are theirs to tell
        follow=follow,
    )


def _lines(form: str, records: Sequence[EventRecord], *, ids: bool) -> Sequence[str]:
    from actors.eventlog import render

    if form == "jsonl":
        return [render.jsonl(record) for record in records]
    if form == "mermaid":
        return [render.mermaid(records).rstrip("\n")]
    # The offset of each event's own time: a log may span a change to or from summer time.
    offsets = [time.localtime(record.wall).tm_gmtoff for record in records]
    return [
        render.short(record, offset, ids=ids)
        for record, offset in zip(records, offsets, strict=True)
    ]
