"""`hab why`: the story of a service, an actor, a member or an event, with its causes."""

from __future__ import annotations

import json

import click

from actors.eventlog import render
from actors.eventlog.filters import key, member_of
from actors.eventlog.why import LAST, Story, is_about, missing_causes, why
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.ring import Members, QueryMembers
from cli.client import ANSWER_S, Session, asks, json_option
from cli.output import emit_json, say
from cli.problem import Failure

PAGE = 1000  # events asked for at once, from the newest backwards
PAGES = 50  # the log is looked through so far before it counts as silent
CAUSES = 20  # rounds of asking for causes that lie further back


class Log:
    """The log of the ring, or of one `member`, as far as it was read; grows on demand.

    `actor` is a glob: only what such actors said is read in order. `read` are the ids of that;
    causes that lie elsewhere were fetched one by one.
    """

    def __init__(self, asked: Session, member: str = "", actor: str = "*") -> None:
        self._asked = asked
        self._member = member or "*"
        self._actor = actor
        self.read: set[str] = set()
        self._until = 0.0
        self.records: dict[str, EventRecord] = {}
        self.missing: set[str] = set()

    def further_back(self) -> bool:
        """Read the next older page; False when there is none."""
        query = QueryEvents(
            actor=self._actor, member=self._member, ring=True, last=PAGE, until=self._until
        )
        page = self._page(query)
        new = [event for event in page if event.id not in self.records]
        self.records.update((event.id, event) for event in new)
        self.read.update(event.id for event in page)
        if new:
            self._until = min(event.wall for event in new)
        return bool(new)

    def event(self, event_id: str) -> bool:
        """Read one event by its id, from the member it belongs to; False if it is not there."""
        head, _, number = event_id.rpartition(":")
        if not number.isdigit():
            return False
        after = f"{head}:{int(number) - 1}"
        for event in self._page(QueryEvents(member=member_of(event_id), after=after, limit=1)):
            self.records[event.id] = event
        return event_id in self.records

    def causes(self) -> None:
        """Read the causes that the log names and we have not read, back to the first."""
        tried: set[str] = set()
        for _ in range(CAUSES):
            wanted = [one for one in missing_causes(self.records.values()) if one not in tried]
            if not wanted:
                return
            tried.update(wanted)
            for one in wanted:
                self.event(one)

    def _page(self, query: QueryEvents) -> tuple[EventRecord, ...]:
        page = self._asked.ask(query, EventPage, 3 * ANSWER_S)
        self.missing.update(page.missing)
        return page.events


@click.command("why")
@click.argument("subject")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=1),
    default=LAST,
    metavar="COUNT",
    help=f"Explain its last so many events.  [default: {LAST}]",
)
@click.option(
    "--member",
    default="",
    metavar="MEMBER",
    help="What happened on this member: its name, or the beginning of its id.",
)
@asks
@json_option
def why_command(subject: str, *, last: int, member: str, asked: Session, as_json: bool) -> None:
    """Tell why something is as it is: what happened to it lately, and what led to each step.

    SUBJECT is a service (redis, core/redis, redis.default), an actor (service/redis, gossip), a
    member (its name or the beginning of its id), an election (election/redis.default/topology), or
    the id of an event. All members are asked: a cause may lie on another one, also where --member
    says whose events are to be explained.
    """
    log = Log(asked, member)
    story = _story(log, _subject(log, asked, subject, last), last)
    if log.missing:
        names = ", ".join(sorted(log.missing))
        say(f"No answer in time from {names}: their events are missing here.")
    if not story.lines:
        raise Failure(
            f"Nothing is in the log about {subject}.",
            "`hab events --ring --since 1d` shows what is; a service is named as in `hab svc "
            "status`, an actor as in `hab actor list`.",
        )
    if as_json:
        missing = sorted(log.missing)
        emit_json("why/1", {"subject": subject, "lines": _facts(story), "missing": missing})
        return
    click.echo(story.text(), nl=False)


def _subject(log: Log, asked: Session, subject: str, last: int) -> str:
    """Read back until enough is known about `subject`; a member's name becomes its id."""
    if subject.count(":") == 2 and log.event(subject):
        log.read.add(subject)
        return subject
    if _read_about(log, subject, last):
        return subject
    named = [
        view.member.id
        for view in asked.ask(QueryMembers(), Members).members
        if view.member.name == subject
    ]
    return named[-1] if named else subject


def _read_about(log: Log, subject: str, last: int) -> bool:
    for _ in range(PAGES):
        found = sum(is_about(record, subject) for record in log.records.values())
        if found >= last or not log.further_back():
            break
    return any(is_about(record, subject) for record in log.records.values())


def _story(log: Log, subject: str, last: int) -> Story:
    own = (r for r in log.records.values() if r.id in log.read)
    about = sorted((r for r in own if is_about(r, subject)), key=key)[-last:]
    log.records = {record.id: record for record in about} | _chain(log, about)
    log.causes()
    return why(log.records.values(), subject, last, log.read)


def _chain(log: Log, about: list[EventRecord]) -> dict[str, EventRecord]:
    """The causes that were read already, of the events to be explained alone."""
    chain: dict[str, EventRecord] = {}
    for record in about:
        at = log.records.get(record.cause)
        while at is not None and at.id not in chain:
            chain[at.id] = at
            at = log.records.get(at.cause)
    return chain


def _facts(story: Story) -> list[dict[str, object]]:
    return [
        {**json.loads(render.jsonl(line.record)), "depth": line.depth, "missing": line.missing}
        for line in story.lines
    ]
