"""`hab election`: who leads which service group, who votes, why it is so, and founding by hand."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import click

from actors.control.members import resolve
from actors.messages.election_orders import (
    BootstrapElectorate,
    Elections,
    ElectionView,
    QueryElections,
)
from actors.messages.ring import Census, Members, QueryCensus, QueryMembers
from actors.messages.runtime import Ok
from actors.messages.service import Progress
from cli import electionviews as views
from cli.client import ANSWER_S, Session, asks, json_option, member_option
from cli.electionviews import Ring
from cli.lazy import LazyGroup
from cli.output import emit_json, say, table
from cli.problem import TIMED_OUT, Failure
from cli.values import GroupName
from cli.writes import Line, Waiting, event_words, writes

VERBS = {
    "list": ("cli.election:list_elections", "List groups with their leaders, terms and leases."),
    "show": ("cli.election:show", "Show the elections of one group, with a line for each voter."),
    "why": ("cli.electionwhy:why", "Tell why a group is led as it is, or why it is not led."),
    "bootstrap": ("cli.election:bootstrap", "Settle now who votes in a group."),
}


STEP_S = 0.2  # between two looks at what is waited for


@click.group(cls=LazyGroup, lazy=VERBS)
def election() -> None:
    """Who leads which service group, who votes in it, and why it is so.

    GROUP is a service group (redis.default); the service's name (redis) means all its groups. Each
    answer is what one supervisor knows; --member asks another one of the ring.

    \b
    Examples:
      hab election list                            leaders, terms, leases
      hab election why redis.default               why it is led as it is, or not led
      hab svc step-down redis.default              let another member lead
    """  # noqa: D301 - \b is click's mark for text kept as it is


@click.command("list")
@asks
@member_option
@json_option
def list_elections(*, asked: Session, member: str, as_json: bool) -> None:
    """List the elections a supervisor takes part in, each with leader, term and lease.

    QUORUM is how many voters are counted in what goes on, and how many are needed. STAMP names the
    record of who votes; a plus says that its last change is not on enough disks yet. Why something
    is waited for is said on stderr.

    \b
    Examples:
      hab election list
      hab election list --member beta --json       as beta sees it
    """  # noqa: D301 - as above
    through = asked.through(member)
    found = through.ask(QueryElections(), Elections).elections
    if as_json:
        ring = ring_of(asked, member)
        emit_json("election.list/1", {"elections": [views.facts(v, ring) for v in found]})
        return
    if not found:
        click.echo("No elections: no service with a leader or rolling updates is loaded here.")
        return
    table(views.COLUMNS, [views.row(view) for view in found])
    for view in found:
        if view.reason:
            say(f"{view.service_group} ({view.kind}): {view.reason}")


@click.command()
@click.argument("group")
@asks
@member_option
@json_option
def show(group: str, *, asked: Session, member: str, as_json: bool) -> None:
    """Show the elections of GROUP as one supervisor sees them, with a line for each voter.

    HEARD is when a voter last said anything in this election, ACKED the age of the leader's round
    that it answered last (known to the leader only).

    \b
    Examples:
      hab election show redis.default
      hab election show redis.default --member beta
    """  # noqa: D301 - as above
    ring = ring_of(asked, member)
    found = elections_of(group, asked, member, ring)
    if as_json:
        facts = [views.facts(view, ring) for view in found]
        emit_json("election.show/1", {"group": group, "me": ring.me, "elections": facts})
        return
    for number, view in enumerate(found):
        if number:
            click.echo()
        lines = views.headings(view, ring)
        width = max(len(name) for name, _ in lines)
        for name, value in lines:
            click.echo(f"{name.ljust(width)}  {value}")
        if view.seats:
            click.echo()
            table(views.SEAT_COLUMNS, [views.seat_row(seat, ring) for seat in view.seats])


@click.command()
@click.argument("group", type=GroupName())
@click.option(
    "--force",
    is_flag=True,
    help="Whatever --bootstrap-expect says, and whatever proposal was accepted before.",
)
@writes
def bootstrap(group: str, *, force: bool, asked: Session, waiting: Waiting) -> None:
    """Settle now who votes in GROUP: the members that are seen to run it.

    This happens by itself once as many members as --bootstrap-expect says see one another; asked
    for without --force, the answer says what it still waits for. With --force exactly those seen
    now are proposed. Two sides of a partition that both do so found twice: when they meet, the
    electorate that was founded later is dissolved.

    \b
    Examples:
      hab election bootstrap redis.default
      hab election bootstrap redis.default --force
    """  # noqa: D301 - as above
    done = asked.ask(BootstrapElectorate(group, force), Ok, max(ANSWER_S, waiting.timeout_s))
    founded = _founded(asked, group, waiting) if waiting.wait else None
    if waiting.as_json:
        ring = ring_of(asked, "")
        view = views.facts(founded, ring) if founded is not None else None
        facts = {"group": group, "text": done.text, "event_id": done.event_id, "election": view}
        emit_json("election.bootstrap/1", facts)
        return
    click.echo((done.text or "The founding is under way.") + event_words(done.event_id))
    if founded is not None:
        ring = ring_of(asked, "")
        voters = ", ".join(ring.called(seat.member) for seat in founded.seats)
        click.echo(f"Electorate {founded.electorate} of {group} votes: {voters}")


def _founded(asked: Session, group: str, waiting: Waiting) -> ElectionView:
    """Wait until the group has an electorate. Raises Failure with code 7 when it takes too long."""
    line, deadline = Line(), time.monotonic() + waiting.timeout_s
    reason = ""
    try:
        while True:
            for view in asked.ask(QueryElections(group), Elections).elections:
                if view.electorate:
                    return view
                reason = view.reason
            line.show(Progress(reason))
            if time.monotonic() > deadline:
                raise Failure(
                    f"{group} has no electorate within {waiting.timeout_s:g} s: {reason}.",
                    f"It goes on: `hab election why {group}` says what it waits for.",
                    TIMED_OUT,
                )
            threading.Event().wait(STEP_S)
    finally:
        line.end()


def ring_of(asked: Session, member: str) -> Ring:
    """The members as people know them; `me` is who is asked for elections."""
    ring = Ring.of(asked.ask(QueryMembers(), Members))
    if not member:
        return ring
    meant = resolve(member, ring.me, ring.health, ring.names)
    return replace(ring, me=meant) if isinstance(meant, str) else ring


def elections_of(group: str, asked: Session, member: str, ring: Ring) -> tuple[ElectionView, ...]:
    """The elections of one group, as the member asked sees them. Raises Failure for none."""
    everything = asked.through(member).ask(QueryElections(), Elections).elections
    if found := views.of_group(everything, group):
        return found
    census = asked.ask(QueryCensus(), Census).groups
    runs = [one for name, of in census.items() if views.is_named(name, group) for one in of]
    if not runs:
        raise Failure(
            f"No member of the ring runs {group}.",
            "`hab election list` shows the groups with elections, `hab svc status` what is loaded.",
        )
    if all((one.info.topology, one.info.strategy) == ("standalone", "none") for one in runs):
        raise Failure(
            f"{group} has no elections: it is loaded without --topology leader and without a "
            "--strategy that needs one.",
            f"`hab svc update {group.partition('.')[0]} --topology leader` gives it a leader.",
        )
    who = sorted({ring.called(one.info.member) for one in runs})
    first = min(one.info.member for one in runs)
    raise Failure(
        f"{ring.called(ring.me)} takes no part in elections of {group}; it runs on "
        f"{', '.join(who)}.",
        f"Ask one of them, as with --member {first[: views.SHORT]} or --remote-sup.",
    )
