"""`hab election why`: the story of a group's leadership, from its state and the event logs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from textwrap import fill

import click

from actors.eventlog import render
from actors.messages.election_orders import ElectionView
from actors.messages.events import EventRecord
from cli import electionviews as views
from cli.client import Session, asks, json_option, member_option
from cli.election import elections_of, ring_of
from cli.electionstory import Step, When, happened, steps, story
from cli.electionterms import Term, terms, told
from cli.electionviews import Ring
from cli.output import emit_json, say
from cli.why import PAGES, Log

WIDTH = 100  # of a paragraph
TERMS = 2  # that were won: the present one, and how the one before ended


@dataclass(frozen=True, slots=True)
class Told:
    """One election, and what the logs say about it."""

    view: ElectionView
    terms: tuple[Term, ...]
    events: tuple[EventRecord, ...]


@click.command()
@click.argument("group")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    default=10,
    metavar="COUNT",
    help="List the last so many events of the election too.  [default: 10]",
)
@asks
@member_option
@json_option
def why(group: str, *, last: int, asked: Session, member: str, as_json: bool) -> None:
    """Tell why GROUP is led as it is, or why it is not led, and what can be done about it.

    In sentences: who leads since when and why, who voted, how the leader before it ended, what is
    waited for. The event logs of all members are read; the id in brackets behind a sentence is for
    `hab why`.

    \b
    Examples:
      hab election why redis.default
      hab election why redis.default --last 0      without the events
    """  # noqa: D301 - \b is click's mark for text kept as it is
    ring = ring_of(asked, member)
    found = elections_of(group, asked, member, ring)
    log = Log(asked, actor="election*")
    read(log, found)
    records = log.records.values()
    told_of = [Told(v, terms(records, v), tuple(told(records, v, last))) for v in found]
    now = time.time()
    when = When(now, time.localtime(now).tm_gmtoff)
    if log.missing:
        say(f"No answer in time from {', '.join(sorted(log.missing))}: their events are missing.")
    if as_json:
        elections = [_facts(one, ring, when) for one in told_of]
        missing = sorted(log.missing)
        emit_json("election.why/1", {"group": group, "elections": elections, "missing": missing})
        return
    click.echo("\n\n".join(text(one, ring, when) for one in told_of))


def read(log: Log, found: tuple[ElectionView, ...]) -> None:
    """Read back until the last terms of each election are known, or nothing is left to read."""
    for _ in range(PAGES):
        records = log.records.values()
        if all(_is_known(terms(records, view)) for view in found) or not log.further_back():
            return


def _is_known(of_view: tuple[Term, ...]) -> bool:
    return sum(term.began is not None for term in of_view) >= TERMS


def text(one: Told, ring: Ring, when: When) -> str:
    """The story for a person: paragraphs, what can be done next, and the last events."""
    parts = [_wrapped(part) for part in story(one.view, ring, one.terms, when)]
    if following := steps(one.view, ring, one.terms):
        lines = [line for step in following for line in _step(step)]
        parts.append("\n".join(["What you can do:", *lines]))
    if one.events:
        lines = [f"  {happened(event, ring, when)}" for event in one.events]
        parts.append("\n".join(["What happened last:", *lines]))
    return "\n\n".join(parts)


def _step(step: Step) -> list[str]:
    """A command on a line of its own, and what it is for below it."""
    command, indent = ([f"  {step.command}"], "      ") if step.command else ([], "  ")
    what = fill(step.what, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [*command, what]


def _wrapped(paragraph: str) -> str:
    """Fill a paragraph; a list below its first line keeps its lines."""
    first, newline, rest = paragraph.partition("\n")
    whole = fill(first, WIDTH, break_long_words=False, break_on_hyphens=False)
    return whole + newline + rest


def _facts(one: Told, ring: Ring, when: When) -> dict[str, object]:
    return {
        **views.facts(one.view, ring),
        "story": story(one.view, ring, one.terms, when),
        "next": [
            {"command": step.command or None, "what": step.what}
            for step in steps(one.view, ring, one.terms)
        ],
        "events": [json.loads(render.jsonl(record)) for record in one.events],
    }
