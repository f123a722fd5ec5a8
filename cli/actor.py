"""`hab actor`: the actors of a supervisor, its own and those written by users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from actors.messages.base import split_name
from actors.messages.runtime import (
    ActorInfo,
    ActorList,
    InspectActor,
    KillActor,
    ListActors,
    Ok,
    TraceActor,
)
from cli.client import Session, asks, json_option, member_option
from cli.lazy import LazyGroup
from cli.output import duration_words, emit_json, table
from cli.problem import Failure
from cli.values import Duration

VERBS = {
    "list": ("cli.actor:list_actors", "List actors with their state and mailbox."),
    "tree": ("cli.actor:tree", "Show who supervises whom."),
    "summary": ("cli.actor:summary", "Count actors by class and state."),
    "inspect": ("cli.actor:inspect", "Show everything known about one actor."),
    "kill": ("cli.actor:kill", "Kill an actor; its supervisor restarts it."),
    "trace": ("cli.actor:trace", "Write an event for each message some actors handle."),
}


@click.group(cls=LazyGroup, lazy=VERBS)
def actor() -> None:
    """List, inspect, trace and kill actors.

    NAME is an actor's path, as `gossip` or `service/redis`. One elsewhere in the ring is reached by
    --member, or by (the beginning of) a member's id before its path: `a1b2c3d4/service/redis`.
    """


@click.command("list")
@click.argument("glob", default="*")
@asks
@member_option
@json_option
def list_actors(glob: str, *, asked: Session, member: str, as_json: bool) -> None:
    """List actors whose path matches GLOB, with state and mailbox."""
    found = [info for info in _all(asked.through(member)) if fnmatchcase(info.name, glob)]
    if as_json:
        emit_json("actor.list/1", {"actors": [_facts(info) for info in found]})
        return
    columns = ("name", "class", "state", "lane", "mailbox", "wait", "handled", "restarts", "age")
    table(
        columns,
        [
            (
                info.name,
                info.cls,
                info.state,
                info.lane,
                info.mailbox,
                f"{info.wait_s * 1000:.0f}ms",
                info.handled,
                info.restarts,
                duration_words(info.since_s),
            )
            for info in found
        ],
    )


@click.command()
@asks
@member_option
@json_option
def tree(*, asked: Session, member: str, as_json: bool) -> None:
    """Show who supervises whom, with what is out of the ordinary beside each actor."""
    actors = _all(asked.through(member))
    if as_json:
        emit_json("actor.tree/1", {"actors": [_facts(info) for info in actors]})
        return
    for line in drawn(actors):
        click.echo(line)


@click.command()
@asks
@member_option
@json_option
def summary(*, asked: Session, member: str, as_json: bool) -> None:
    """Count actors by class and state."""
    actors = _all(asked.through(member))
    counts = Counter((info.cls, info.state) for info in actors)
    rows = [
        (
            cls,
            state,
            count,
            sum(info.mailbox for info in actors if (info.cls, info.state) == (cls, state)),
            sum(info.restarts for info in actors if (info.cls, info.state) == (cls, state)),
        )
        for (cls, state), count in sorted(counts.items())
    ]
    columns = ("class", "state", "count", "mailbox", "restarts")
    if as_json:
        classes = [dict(zip(columns, row, strict=True)) for row in rows]
        emit_json("actor.summary/1", {"actors": len(actors), "classes": classes})
        return
    table(columns, rows)


@click.command()
@click.argument("name")
@asks
@member_option
@json_option
def inspect(name: str, *, asked: Session, member: str, as_json: bool) -> None:
    """Show everything known about one actor."""
    asked, path = _addressed(asked.through(member), name)
    found = asked.ask(InspectActor(path), ActorList).actors
    if not found:
        raise Failure(f"No actor {name}", "`hab actor list` shows which there are.")
    facts = _facts(found[0])
    if as_json:
        emit_json("actor.inspect/1", facts)
        return
    width = max(len(key) for key in facts)
    for key, value in facts.items():
        click.echo(f"{key.ljust(width)}  {value}".rstrip())


@click.command()
@click.argument("name")
@click.option("--no-restart", is_flag=True, help="For good. The supervisor's own actors refuse it.")
@asks
@member_option
@json_option
def kill(name: str, *, no_restart: bool, asked: Session, member: str, as_json: bool) -> None:
    """Kill an actor before its next message; its supervisor decides what follows.

    Services go on: their processes belong to the launcher, not to actors.
    """
    asked, path = _addressed(asked.through(member), name)
    done = asked.ask(KillActor(path, no_restart), Ok)
    _tell(done, f"{name} was killed", "actor.kill", as_json=as_json)


@click.command()
@click.argument("glob")
@click.option("--off", is_flag=True, help="Stop tracing.")
@click.option(
    "--for",
    "for_s",
    type=Duration(),
    default=600.0,
    metavar="TIME",
    help="Stop by itself after this long.  [default: 10m]",
)
@asks
@member_option
@json_option
def trace(
    glob: str, *, off: bool, for_s: float, asked: Session, member: str, as_json: bool
) -> None:
    """Write an event for each message that actors matching GLOB handle.

    See them with `hab events -f --kind MessageHandled`.
    """
    asked, path = _addressed(asked.through(member), glob)
    done = asked.ask(TraceActor(path, on=not off, for_s=for_s), Ok)
    said = f"{glob} is no longer traced" if off else f"{glob} is traced for {for_s:g} s"
    _tell(done, said, "actor.trace", as_json=as_json)


def drawn(actors: Sequence[ActorInfo]) -> list[str]:
    """Draw actors as a tree, a line an actor; a parent that is not among them is drawn bare."""
    known = {info.name: info for info in actors}
    children: dict[str, list[str]] = {}
    for info in sorted(actors, key=lambda info: info.name):
        children.setdefault(info.parent, []).append(info.name)
        if info.parent and info.parent not in known and info.parent not in children.get("", ()):
            children.setdefault("", []).append(info.parent)
    lines: list[str] = []

    def draw(name: str, before: str, mark: str, below: str) -> None:
        lines.append(f"{before}{mark}{name}{_remarks(known[name]) if name in known else ''}")
        under = children.get(name, [])
        for child in under:
            last = child == under[-1]
            draw(child, before + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    for root in children.get("", []):
        draw(root, "", "", "")
    return lines


def _remarks(info: ActorInfo) -> str:
    remarks: list[str] = [info.state] if info.state != "ALIVE" else []
    remarks += [f"mailbox {info.mailbox}"] if info.mailbox else []
    remarks += [f"restarts {info.restarts}"] if info.restarts else []
    remarks += ["waits for the disk"] if info.suspended else []
    remarks += [info.last_error] if info.last_error else []
    return f"  ({', '.join(remarks)})" if remarks else ""


def _all(asked: Session) -> list[ActorInfo]:
    return sorted(asked.ask(ListActors(), ActorList).actors, key=lambda info: info.name)


def _facts(info: ActorInfo) -> dict[str, object]:
    return {name: getattr(info, name) for name in info.__struct_fields__}


def _addressed(asked: Session, name: str) -> tuple[Session, str]:
    """Split a member id, or its beginning, from an actor's name."""
    member, path = split_name(name)
    return asked.through(member), path


def _tell(done: Ok, text: str, verb: str, *, as_json: bool) -> None:
    if as_json:
        emit_json(f"{verb}/1", {"text": done.text or text, "event_id": done.event_id})
        return
    click.echo((done.text or text) + (f" (event {done.event_id})" if done.event_id else ""))
