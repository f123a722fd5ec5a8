"""A request as what is to be sent, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from actors.control.members import Unresolved, resolve
from actors.control.routes import Route, route_of
from actors.messages.base import Address, MemberId, Message, join_address
from actors.messages.control import Request
from actors.messages.primitives import CreateActor, KillHost
from actors.messages.runtime import CallFailed, KillActor

if TYPE_CHECKING:
    from random import Random

NOT_SETTLED: Final = "not-settled"  # the code of what may be asked again in a moment


@dataclass(frozen=True, slots=True)
class Ring:
    """What admission knows of the ring. `keyed`: it has a ring key, so members obey one another.

    `members` is empty until gossip has told them, oneself included. `names` are those of members
    that are there now: a name may be given again.
    """

    me: MemberId
    members: frozenset[MemberId] = frozenset()
    keyed: bool = False
    names: Mapping[MemberId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Send `message` to `to`."""

    to: Address
    message: Message
    route: Route


Verdict: TypeAlias = Admitted | CallFailed


def admit(request: Request, ring: Ring, random: Random) -> Verdict:
    """What is to be sent for `request`; `random` makes up names."""
    route = route_of(request.message)
    if route is None:
        name = type(request.message).__name__
        return CallFailed("Refused", f"{name} is nothing one can ask a supervisor for", "unknown")
    member = ring.me
    if request.member:
        resolved = resolve(request.member, ring.me, ring.members, ring.names)
        if isinstance(resolved, Unresolved) and not ring.members:
            text = "the ring's members are not known yet: the first exchange with it goes on"
            return CallFailed("ActorUnavailableError", text, NOT_SETTLED)
        if isinstance(resolved, Unresolved):
            return CallFailed("Refused", resolved.text, resolved.code)
        member = resolved
    if member != ring.me and (refusal := _not_relayed(request.message, route, member, ring)):
        return refusal
    message = _completed(request, ring.me, random)
    path = "host" if isinstance(message, KillHost) else route.path
    return Admitted(path if member == ring.me else join_address(member, path), message, route)


def _not_relayed(message: Message, route: Route, member: MemberId, ring: Ring) -> CallFailed | None:
    name = type(message).__name__
    if not route.relayed:
        text = f"{name} is asked at the member's own control gateway: --remote-sup of {member[:8]}"
        return CallFailed("Refused", text, "not-relayed")
    if not ring.keyed and route.path != "events":
        text = f"{name} is relayed to other members only in a ring with a ring key (--ring)"
        return CallFailed("Refused", text, "no-ring-key")
    return None


def _completed(request: Request, me: MemberId, random: Random) -> Message:
    """The message as its actor wants it: names made up, owners filled in."""
    match request.message:
        case CreateActor() as create:
            made_up = f"{create.cls.rpartition(':')[2].lower()}-{random.getrandbits(32):08x}"
            owner = "" if create.detached else join_address(me, request.session)
            return msgspec.structs.replace(create, name=create.name or made_up, owner=owner)
        case KillActor(name, no_restart) if name.startswith("host/"):
            return KillHost(name, no_restart)
        case message:
            return message


def follows(message: Message) -> bool:
    """Whether answers to `message` go on until its asker is gone."""
    return bool(getattr(message, "follow", False))
