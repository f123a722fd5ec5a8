"""`hab svc rollout`: how a group's rolling update stands, and what an operator may do about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from actors.errors import HabError
from actors.messages.rollout import (
    OrderRollout,
    QueryRollouts,
    Rollout,
    Rollouts,
    RolloutView,
    configuration_of,
)
from actors.messages.runtime import Ok
from cli.client import ANSWER_S, Session, asks, json_option, member_option
from cli.election import ring_of
from cli.electionviews import SHORT, Ring, is_named
from cli.lazy import LazyGroup
from cli.output import emit_json, say, table
from cli.problem import Failure
from cli.writes import Waiting, event_words, writes

VERBS = {
    "status": ("cli.rollout:status", "Show how far a group is, and why it waits."),
    "history": ("cli.rollout:history", "Show the rollouts of a group before this one."),
    "pause": ("cli.rollout:pause", "Let the open turn end and give no further one."),
    "resume": ("cli.rollout:resume", "Go on with a paused, halted or aborted rollout."),
    "abort": ("cli.rollout:abort", "End a rollout where it stands."),
}
COLUMNS = ("group", "update", "state", "target", "gone", "of", "turn", "conductor")
NEXT = {
    "halted": "`hab svc rollout resume {0}` tries again; a newer release goes out by itself.",
    "paused": "`hab svc rollout resume {0}` goes on.",
    "aborted": "`hab svc rollout resume {0}` goes on all the same.",
}
_ELECTED = (
    "{0}, which conducts, is gone: a majority of the others elects another within seconds; "
    "`hab election why {1}` tells of it"
)
_UNTOLD = "what it waits for only {0} knows, which conducts: {1}"
BACK = "{0} is not tried again; a newer release goes out by itself."
BACK_CONFIG = (
    "{0} is not tried again; `hab config apply --rolling` takes one with a higher version."
)
HISTORY = ("update", "opened", "target", "state", "gone", "reason")


@click.group(cls=LazyGroup, lazy=VERBS)
def rollout() -> None:
    """Watch and steer the rolling updates of service groups.

    The members of a group loaded with --strategy rolling elect one that conducts: it follows the
    channel, and lets one member after the other go to a new release, each only while all others are
    up and healthy. A release that fails twice on a member halts the update, or with --on-failure
    rollback takes all back. A configuration given with `hab config apply --rolling` goes the same
    way; one that fails is always taken back. GROUP is a service group (web.default) or a service's
    name (web).

    \b
    Examples:
      hab svc rollout status
      hab svc rollout pause web --reason "after the weekend"
      hab svc rollout resume web
    """  # noqa: D301 - \b is click's mark for text kept as it is


@click.command()
@click.argument("group", required=False, default="")
@asks
@member_option
@json_option
def status(group: str, *, asked: Session, member: str, as_json: bool) -> None:
    """Show the rolling updates of all groups loaded here, or of GROUP.

    A line a group; with GROUP a line for each member too. Why nothing moves is said on stderr; only
    the conductor knows it, so it is asked as well where the ring has a key.
    """
    ring = ring_of(asked, member)
    views = [_of_conductor(asked, view, ring) for view in _views(asked, group, member)]
    if as_json:
        emit_json("rollout.status/1", {"rollouts": [_facts(view) for view in views]})
        return
    if not views:
        click.echo("No service with strategy rolling is loaded here.")
        return
    table(COLUMNS, [_row(view, ring) for view in views])
    for view in views:
        if group:
            click.echo()
            rows = [(ring.called(m), words) for m, words in view.members.items()]
            table(("member", "release"), rows)
        if said := _reason(view):
            say(f"{view.service_group}: {ring.read_brief(said)}")
        if view.waits and not view.conductor and view.waits not in said:
            say(f"{view.service_group}: {ring.read_brief(view.waits)}")


@click.command()
@click.argument("group")
@asks
@member_option
@json_option
def history(group: str, *, asked: Session, member: str, as_json: bool) -> None:
    """Show the present rollout of GROUP and those before it, newest first."""
    ring = ring_of(asked, member)
    views = _views(asked, group, member)
    if as_json:
        emit_json("rollout.history/1", {"rollouts": [_facts(view) for view in views]})
        return
    for view in views:
        shown = [*([view.rollout] if view.rollout is not None else []), *view.history]
        if not shown:
            say(f"{view.service_group}: nothing was rolled out yet.")
            continue
        later = (None, *shown)
        rows = [_past(one, after, ring) for one, after in zip(shown, later, strict=False)]
        table(HISTORY, rows)


def _order(name: str, about: str) -> Callable[..., Any]:
    """Make the command for one of an operator's orders."""

    @click.argument("group")
    @click.option("--reason", default="", metavar="TEXT", help="Shown to whoever asks why.")
    @writes
    def command(group: str, *, reason: str, asked: Session, waiting: Waiting) -> None:
        (view,) = _one(asked, group)
        order = OrderRollout(view.service_group, name, reason)  # type: ignore[arg-type]
        done = asked.ask(order, Ok, max(ANSWER_S, waiting.timeout_s))
        if waiting.as_json:
            facts = {"group": view.service_group, "text": done.text, "event_id": done.event_id}
            emit_json(f"rollout.{name}/1", facts)
            return
        click.echo(f"{view.service_group}: {done.text}{event_words(done.event_id)}")

    command.__doc__ = about
    made: Callable[..., Any] = click.command(name)(command)
    return made


pause = _order(
    "pause",
    """Give no further turn in the rollout of GROUP; a member whose turn it is comes to its end.

    The answer comes when a majority of the group's voters has it on disk.
    """,
)
resume = _order(
    "resume",
    """Go on with a rollout of GROUP that is paused, halted or aborted.

    The release, or configuration, may then be tried again, though it failed before.
    """,
)
abort = _order(
    "abort",
    """End the rollout of GROUP where it stands: nobody else goes to its release or configuration.

    Who has gone stays there. The next release that is offered, or configuration that is given,
    begins a rollout of its own.
    """,
)


def _views(asked: Session, group: str, member: str) -> list[RolloutView]:
    found = asked.through(member).ask(QueryRollouts(), Rollouts).rollouts
    views = [view for view in found if not group or is_named(view.service_group, group)]
    if group and not views:
        raise Failure(
            f"No service of {group} with strategy rolling is loaded here.",
            "`hab svc rollout status` lists the groups; `hab svc load --strategy rolling` makes "
            "one.",
        )
    return views


def _one(asked: Session, group: str) -> list[RolloutView]:
    views = _views(asked, group, "")
    if len(views) > 1:
        names = ", ".join(view.service_group for view in views)
        raise Failure(f"{group} means several groups: {names}.", "Name one of them.")
    return views


def _of_conductor(asked: Session, view: RolloutView, ring: Ring) -> RolloutView:
    """The conductor's view, where it is another member that can be asked, or why it cannot."""
    if view.conductor in ("", ring.me):
        return view
    who = view.conductor[:SHORT]
    if ring.health.get(view.conductor) in ("confirmed", "departed"):
        return replace(view, waits=_ELECTED.format(who, view.service_group))
    try:
        found = asked.through(view.conductor).ask(QueryRollouts(view.service_group), Rollouts, 3.0)
    except (HabError, Failure) as error:  # a ring without a key, or a member that is just gone
        return replace(view, waits=_UNTOLD.format(who, str(error).rstrip(".")))
    return found.rollouts[0] if found.rollouts else view


def _row(view: RolloutView, ring: Ring) -> tuple[object, ...]:
    one = view.rollout
    conductor = ring.brief(view.conductor) or None
    if one is None:
        return (view.service_group, None, "none", None, None, None, None, conductor)
    turn = ring.brief(one.turn) or None
    counts = len(one.updated), len(one.order)
    return (view.service_group, one.epoch, one.state, one.target, *counts, turn, conductor)


def _reason(view: RolloutView) -> str:
    one = view.rollout
    if one is not None and one.reason and one.state in NEXT:
        past = configuration_of(one.target)
        if past is not None and past < view.in_force:
            return f"{one.target} is out of date: {one.reason}"
        return f"{one.state}: {one.reason}. {NEXT[one.state].format(view.service_group)}"
    if one is not None and one.returns and one.reason:
        if one.state == "done":
            back = BACK if configuration_of(one.back) is None else BACK_CONFIG
            return f"went back to {one.target}, because {one.reason}. {back.format(one.back)}"
        return f"goes back to {one.target}, because {one.reason}" + (
            f"; {view.waits}" if view.waits else ""
        )
    return view.waits


def _past(one: Rollout, after: Rollout | None, ring: Ring) -> tuple[object, ...]:
    """A line of the history; `after` came next, and may tell how this one ended."""
    state: str = one.state
    reason = one.reason
    if after is not None and state not in ("done", "aborted"):
        failed = after.returns and after.back == one.target
        state, reason = ("failed", after.reason) if failed else ("replaced", one.reason)
    elif one.returns and state == "done":
        reason = f"went back: {reason}"
    opened = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(one.opened_wall))
    gone = f"{len(one.updated)}/{len(one.order)}"
    return (one.epoch, opened, one.target, state, gone, ring.read_brief(reason) or None)


def _facts(view: RolloutView) -> object:
    return msgspec.to_builtins(view)
