"""`hab ring`: the members as one supervisor sees them, and ring keys in the key cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

import click

from actors.messages.ring import Members, MemberView, QueryMembers
from cli.client import Session, asks, json_option
from cli.lazy import LazyGroup
from cli.output import cell, duration_words, emit_json, table

VERBS = {
    "members": ("cli.ring:members", "Show the members of the ring."),
    "key": ("cli.ring:key", "Generate, import and export ring keys."),
}
KEY_VERBS = {
    "generate": ("cli.ringkeys:generate", "Make a new ring key, or a newer revision of one."),
    "import": ("cli.ringkeys:import_key", "Put a ring key into the key cache."),
    "export": ("cli.ringkeys:export", "Print the newest revision of a ring key."),
}
SHORT = 8  # hex digits of a member id in a table; enough to tell 10,000 members apart


@click.group(cls=LazyGroup, lazy=VERBS)
def ring() -> None:
    """Members of the ring, and its keys."""


@click.group(cls=LazyGroup, lazy=KEY_VERBS)
def key() -> None:
    """Ring keys, in Habitat's file format.

    All members hold the same key. Import a newer revision everywhere, and the ring turns to it by
    itself, without a restart.
    """


@click.command()
@click.option("--full", is_flag=True, help="Member ids in full length.")
@asks
@json_option
def members(*, full: bool, asked: Session, as_json: bool) -> None:
    """Show the members of the ring, this one included, as the supervisor asked sees them."""
    seen = asked.ask(QueryMembers(), Members)
    views = sorted(seen.members, key=lambda view: (view.member.id != seen.me, view.member.id))
    if as_json:
        emit_json(
            "ring.members/1",
            {
                "me": seen.me,
                "ring_id": seen.ring_id or None,
                "settled": seen.settled,
                "ring_key": _ring_key(seen),
                "members": [_facts(view, seen.me) for view in views],
            },
        )
        return
    columns = (
        "id",
        "health",
        "incarnation",
        "permanent",
        "address",
        "heard",
        "suspected-by",
        "name",
    )
    table(columns, [_row(view, seen.me, full=full) for view in views])
    if (key := _ring_key(seen)) and key["held_back_by"]:
        holders = ", ".join(str(member)[:SHORT] for member in key["held_back_by"])
        click.echo(
            f"The ring is served with key {key['served']}; {key['newest']} is held back by "
            f"{holders}: import it there, or depart who will not return.",
            err=True,
        )
    if not seen.settled:
        click.echo("The first exchange with the ring is still going on.", err=True)


class RingKeyFacts(TypedDict):
    """Which revision is served, which is the newest here, and who holds that one back."""

    served: str
    newest: str
    held_back_by: list[str]


def _ring_key(seen: Members) -> RingKeyFacts | None:
    """Return where the ring key stands; None in a ring without one."""
    mine = next((view.member.keys for view in seen.members if view.member.id == seen.me), ())
    if not mine or not seen.served_key:
        return None
    holders = [
        view.member.id
        for view in seen.members
        if view.health != "departed" and view.member.keys and mine[0] not in view.member.keys
    ]
    return {"served": seen.served_key, "newest": mine[0], "held_back_by": holders}


def _row(view: MemberView, me: str, *, full: bool) -> tuple[object, ...]:
    who = view.member
    length = None if full else SHORT
    heard = "self" if who.id == me else duration_words(view.heard_s)
    return (
        who.id[:length],
        "left" if who.left and view.health != "departed" else view.health,
        who.incarnation,
        who.permanent,
        who.address,
        heard,
        tuple(suspecting[:length] for suspecting in view.suspected_by),
        cell(who.name),
    )


def _facts(view: MemberView, me: str) -> dict[str, object]:
    who = view.member
    return {
        "id": who.id,
        "self": who.id == me,
        "name": who.name,
        "health": view.health,
        "left": who.left,
        "incarnation": who.incarnation,
        "permanent": who.permanent,
        "address": who.address,
        "heard_s": None if who.id == me or view.heard_s < 0 else round(view.heard_s, 3),
        "suspected_by": list(view.suspected_by),
        "since_s": round(view.since_s, 3),
        "keys": list(who.keys),
    }


def key_cache_path(chosen: str | None) -> Path:
    """Return the key cache: as chosen, else HAB_CACHE_KEY_PATH, else below the root."""
    from cli.settings import state_root

    if chosen := chosen or os.environ.get("HAB_CACHE_KEY_PATH"):
        return Path(chosen).absolute()
    return state_root(os.environ) / "cache" / "keys"
