"""`hab svc step-down`: the leader of a service group hands over, and the command sees it happen."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import click

from actors.control.members import Unresolved, resolve
from actors.errors import ActorUnavailableError, OutcomeUnknown
from actors.messages.election_orders import Elections, ElectionView, QueryElections, StepDown
from actors.messages.runtime import Ok
from actors.messages.service import Progress, QueryServices, Services
from cli.client import ANSWER_S, Session
from cli.election import STEP_S, elections_of, ring_of
from cli.electionviews import Ring, leader_of
from cli.output import emit_json
from cli.problem import GUARDED, TIMED_OUT, Failure
from cli.values import check_service
from cli.writes import Line, Waiting, event_words, writes

Outcome: TypeAlias = Literal["handed-over", "unchanged", "accepted"]


@dataclass(frozen=True, slots=True)
class Stepped:
    """How a step-down went: the election before and after, the answer to it, and the time taken."""

    outcome: Outcome
    before: ElectionView
    after: ElectionView
    done: Ok = field(default_factory=Ok)
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pending:
    """The hand-over goes on; `text` says how far it has come."""

    text: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Another member leads."""

    view: ElectionView


@dataclass(frozen=True, slots=True)
class Kept:
    """The member that was to step down leads again, in a later term."""

    view: ElectionView


def judge(before: ElectionView, now: ElectionView | None) -> Pending | HandedOver | Kept:
    """What became of a step-down, by the election before it and as it is seen now."""
    if now is None:
        return Pending("the election is not seen here at the moment")
    if now.leader and now.term > before.term:
        return Kept(now) if now.leader == before.leader else HandedOver(now)
    if now.leader == before.leader:
        return Pending(now.reason or "the leader prepares to hand over")
    return Pending(now.reason or "no leader is seen yet")


@click.command("step-down")
@click.argument("service")
@click.option(
    "--to",
    default="",
    metavar="MEMBER",
    help="To this member, by its name or the beginning of its id.  [default: whoever is ready]",
)
@writes
def step_down(service: str, *, to: str, asked: Session, waiting: Waiting) -> None:
    """Let another member lead a service group with a leader.

    The leader looks for a member that a majority would elect at once, demotes its own service, and
    hands over; the command waits until the other one leads, with --no-wait until the first leads no
    more. Where no member is ready nothing changes, and the exit code is 8. In a ring with a key any
    member may be asked, else the leader's own supervisor.

    \b
    Examples:
      hab svc step-down redis
      hab svc step-down redis.default --to beta
    """  # noqa: D301 - \b is click's mark for text kept as it is
    ring = ring_of(asked, "")
    before = _led(service, asked, ring)
    heir = _meant(to, ring) if to else ""
    began = time.monotonic()
    if heir == before.leader:
        _tell(Stepped("unchanged", before, before), ring, as_json=waiting.as_json)
        return
    through = asked if before.leader == ring.me else asked.through(before.leader)
    line = Line()
    line.show(Progress(f"{ring.called(before.leader)} looks for a member that is ready to lead"))
    try:
        order = StepDown(before.service_group, "topology", heir)
        done = through.ask(order, Ok, max(ANSWER_S, waiting.timeout_s))
    finally:
        line.end()
    if not waiting.wait:
        _tell(Stepped("accepted", before, before, done), ring, as_json=waiting.as_json)
        return
    after = _outcome(asked, before, ring, waiting)
    stepped = Stepped("handed-over", before, after, done, time.monotonic() - began)
    _tell(stepped, ring, as_json=waiting.as_json)


def _led(service: str, asked: Session, ring: Ring) -> ElectionView:
    """The topology election of a loaded service, or of a group named whole. Raises Failure."""
    loaded = asked.ask(QueryServices(check_service(service)), Services).services
    if not loaded and "." not in service:
        raise Failure(f"Service not loaded, {service}", "`hab svc status` lists what is.")
    group = loaded[0].spec.service_group if loaded else service
    found = elections_of(group, asked, "", ring)
    view = next((view for view in found if view.kind == "topology"), None)
    if view is None:
        raise Failure(
            f"{group} has no leader that could step down: it is loaded without --topology leader.",
            "Its update leader is chosen anew by itself.",
        )
    if not leader_of(view):
        raise Failure(
            f"Nobody leads {group} now{f': {view.reason}' if view.reason else ''}.",
            f"`hab election why {group}` tells more.",
        )
    return view


def _meant(word: str, ring: Ring) -> str:
    """The member that `--to` names. Raises Failure."""
    match resolve(word, ring.me, ring.health, ring.names):
        case Unresolved(text):
            raise Failure(f"--to {word}: {text}.", "`hab ring members` lists them.")
        case member:
            return member


def _outcome(asked: Session, before: ElectionView, ring: Ring, waiting: Waiting) -> ElectionView:
    """Wait until another member leads. Raises Failure: 7 too late, 8 if the old one leads on."""
    line, deadline, text = Line(), time.monotonic() + waiting.timeout_s, ""
    try:
        while True:
            match judge(before, _seen(asked, before)):
                case HandedOver(view):
                    return view
                case Kept(view):
                    raise Failure(
                        f"{ring.called(view.leader)} leads {view.service_group} again, in term "
                        f"{view.term}: who it handed over to did not come to lead.",
                        f"`hab election why {view.service_group}` tells what hindered it.",
                        GUARDED,
                    )
                case Pending(text):
                    line.show(Progress(text))
            if time.monotonic() > deadline:
                raise Failure(
                    f"No other leader of {before.service_group} is seen within "
                    f"{waiting.timeout_s:g} s: {text}.",
                    f"It goes on: `hab election why {before.service_group}` says how it stands.",
                    TIMED_OUT,
                )
            threading.Event().wait(STEP_S)
    finally:
        line.end()


def _seen(asked: Session, before: ElectionView) -> ElectionView | None:
    try:
        views = asked.ask(QueryElections(before.service_group), Elections).elections
    except (ActorUnavailableError, OutcomeUnknown):
        return None
    return next((view for view in views if view.kind == before.kind), None)


def _tell(stepped: Stepped, ring: Ring, *, as_json: bool) -> None:
    before, after, done = stepped.before, stepped.after, stepped.done
    group, known = before.service_group, stepped.outcome != "accepted"
    if as_json:
        facts = {
            "service_group": group,
            "outcome": stepped.outcome,
            "from": before.leader,
            "from_term": before.term,
            "to": after.leader if known else None,
            "term": after.term if known else None,
            "took_s": round(stepped.took_s, 3),
            "text": done.text,
            "event_id": done.event_id,
        }
        emit_json("svc.step-down/1", facts)
        return
    match stepped.outcome:
        case "unchanged":
            click.echo(f"{ring.called(after.leader)} leads {group} already (unchanged)")
        case "accepted":
            text = done.text or f"{ring.called(before.leader)} was told to step down"
            click.echo(text + event_words(done.event_id))
        case "handed-over":
            click.echo(
                f"{ring.called(after.leader)} leads {group} in term {after.term}, after "
                f"{ring.called(before.leader)} in term {before.term}, {stepped.took_s:.1f} s later"
                + event_words(done.event_id)
            )
