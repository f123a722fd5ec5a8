"""Actors by name: `get_actor`, `kill`, `list_actors`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from actors.driver import session
from actors.driver.connection import answer_of
from actors.driver.handles import ActorHandle
from actors.errors import ActorNameError, UsageError
from actors.messages.base import join_address, split_name
from actors.messages.primitives import ActorCreated, FindActor, QueryUserActors, UserActors
from actors.messages.runtime import ActorInfo, ActorList, InspectActor, KillActor, ListActors


def get_actor(name: str, node: str = "") -> ActorHandle:
    """A handle for the actor `name` at `node`.

    `node` is a member's name or the beginning of its id; empty: the one asked.
    `name` is what `.options(name=…)` gave, a path such as `service/redis.default`, or
    `<member>/<path>`, where the beginning of the member's id is enough. The supervisor's own actors
    can be inspected and killed, not called.
    Raises ActorNameError (also a ValueError) where there is none.
    """
    connection = session.current()
    member, name = split_name(name)
    node = member or node
    try:
        found = answer_of(connection, FindActor(name), node)
        assert isinstance(found, ActorCreated)
        return ActorHandle(found.address, found.cls)
    except ActorNameError:
        inspected = answer_of(connection, InspectActor(name), node)
        there = answer_of(connection, QueryUserActors(), node)
    assert isinstance(inspected, ActorList)
    assert isinstance(there, UserActors)
    return ActorHandle(join_address(there.member, name), inspected.actors[0].cls)


def kill(handle: ActorHandle, *, no_restart: bool = True) -> None:
    """Kill an actor before its next message: a user actor's process with SIGKILL.

    With `no_restart` it is dead for good; else its `max_restarts` decide. The supervisor's own
    actors are always restarted and refuse `no_restart` (Refused). Raises ActorNameError where
    there is no such actor.
    """
    if not isinstance(handle, ActorHandle):
        raise TypeError(f"a handle is wanted, not {type(handle).__name__}")
    answer_of(session.current(), KillActor(handle.path, no_restart), handle.member)


def list_actors(
    filters: Iterable[tuple[str, str, Any]] = (), *, node: str = ""
) -> list[dict[str, Any]]:
    """The actors of a node, as dictionaries: name, cls, state, mailbox, handled, restarts, ….

    `filters` are triples such as `("state", "=", "ALIVE")`; the operators are `=` and `!=`. A user
    actor shows its own class, its process (`pid`) and its owner.
    """
    connection = session.current()
    listed = answer_of(connection, ListActors(), node)
    mine = answer_of(connection, QueryUserActors(), node)
    assert isinstance(listed, ActorList)
    assert isinstance(mine, UserActors)
    wanted = [_filter(*one) for one in filters]
    users = {actor.name: actor for actor in mine.actors}
    rows = [_row(info, users.pop(info.name, None)) for info in listed.actors]
    rows += [
        msgspec.structs.asdict(actor) | {"state": actor.phase, "last_error": actor.reason}
        for _, actor in sorted(users.items())
    ]
    return [
        row
        for row in rows
        if all((row.get(field) == value) is equal for field, equal, value in wanted)
    ]


def _row(info: ActorInfo, user: Any) -> dict[str, Any]:
    row = msgspec.structs.asdict(info)
    if user is not None:
        row["cls"] = user.cls
        row["pid"] = user.pid
        row["owner"] = user.owner
        row["detached"] = user.detached
        row["max_restarts"] = user.max_restarts
        row["last_error"] = user.reason or info.last_error
        if user.phase in {"PENDING_CREATION", "DEAD"}:
            row["state"] = user.phase
    return row


def _filter(field: str, operator: str, value: Any) -> tuple[str, bool, Any]:
    if operator not in ("=", "!="):
        raise UsageError(f"filters compare by = or !=, not by {operator}")
    known = {*ActorInfo.__struct_fields__, "pid", "owner", "detached", "max_restarts"}
    if field not in known:
        raise UsageError(f"actors have no {field}; they have {', '.join(sorted(known))}")
    return field, operator == "=", value
