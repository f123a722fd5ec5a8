"""User-written actors: creating, calling and ending them, and what a host process is told.

A user actor named `counter` has the path `host/counter`. Arguments and results are bytes that only
the two ends understand (`actors.wire.values`): the supervisor between them never looks inside.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

from actors.messages.base import Address, Event, Message

HostPhase: TypeAlias = Literal["PENDING_CREATION", "ALIVE", "RESTARTING", "DEAD"]

# ── from drivers ──


class CreateActor(Message, frozen=True):
    """Start an actor of class `cls` (`module:Class`) in a process of its own; → `ActorCreated`.

    `args` is the packed (positional, keyword) arguments. `max_restarts` as Ray's: 0 never, -1
    always. Unless `detached` it ends with the session `owner` (`<member>/<session>`, filled in by
    the control gateway). An empty `name` is made up.
    """

    cls: str
    args: bytes
    name: str = ""
    max_restarts: int = 0
    detached: bool = False
    get_if_exists: bool = False
    owner: str = ""


class ActorCreated(Message, frozen=True):
    """The actor is on record at `address`; `existing`: it was there before."""

    address: Address
    cls: str
    existing: bool = False


class FindActor(Message, frozen=True):
    """Asks whether an actor of this path or user-given name exists; → `ActorCreated`."""

    name: str


class CallMethod(Message, frozen=True):
    """Call a public method of the actor `actor` (a path); → `MethodReturned` or `CallFailed`."""

    actor: str
    method: str
    args: bytes


class MethodReturned(Message, frozen=True):
    """What the method returned, packed."""

    value: bytes


class QueryUserActors(Message, frozen=True):
    """Asks `host` for the user actors of this node; → `UserActors`."""


class UserActor(msgspec.Struct, frozen=True):
    """One user actor. `restarts` since it was created, `reason` of its last death."""

    name: str
    cls: str
    phase: HostPhase
    pid: int = 0
    restarts: int = 0
    max_restarts: int = 0
    detached: bool = False
    owner: str = ""
    reason: str = ""
    pending: int = 0


class UserActors(Message, frozen=True):
    """The user actors of `member`, by name."""

    actors: tuple[UserActor, ...] = ()
    member: str = ""


# ── between `host`, `host/<id>` and the control port ──


class KillHost(Message, frozen=True):
    """control → `host`: kill a user actor; → `Ok`. For good, which frees its name, or not."""

    name: str
    for_good: bool = True


class OwnersLost(Message, frozen=True):
    """`host` to itself: `member` has been out of reach for long; what it asked for ends here."""

    member: str


class HostSilent(Message, frozen=True):
    """`host/<id>` to itself: its process should have connected by now."""


class RunMethod(Message, frozen=True):
    """`host` → port/control: hand a call to a host process; its answer goes to the ticket."""

    host: str
    method: str
    args: bytes


class HostOpen(Message, frozen=True):
    """`host` → port/control: calls may pass straight to the host process until `HostLost`."""

    host: str


class HostLost(Message, frozen=True):
    """`host` → port/control: the process is gone; open calls are answered with `kind`, `text`."""

    host: str
    kind: Literal["ActorDiedError", "ActorUnavailableError"]
    text: str


class HostsGone(Message, frozen=True):
    """`host` → port/control: it begins anew, every host of its earlier life is gone."""


# ── on the connection of a host process ──


class HostHello(Message, frozen=True):
    """A host process says who it is, at each connection; passed on to `host/<id>`.

    `instance` is that of the actor that started it; `ready`: it runs its actor already.
    """

    host: str
    instance: int
    pid: int
    ready: bool = False


class HostBegin(Message, frozen=True):
    """To a host: import `cls` and make the instance; → `HostReady` or `HostBroken`."""

    host: str
    cls: str
    args: bytes


class HostReady(Message, frozen=True):
    """The instance exists and takes calls; passed on to `host/<id>`, which tells `host`."""

    host: str
    instance: int
    pid: int


class HostBroken(Message, frozen=True):
    """The class could not be imported or its constructor raised; the process ends."""

    host: str
    instance: int
    text: str
    traceback: str = ""


class HostCall(msgspec.Struct, frozen=True):
    """One call for a host; `number` 0 wants no answer."""

    number: int
    method: str
    args: bytes


class HostReturn(msgspec.Struct, frozen=True):
    """One answer of a host: the packed `value`, or `error` and its traceback."""

    number: int
    value: bytes = b""
    error: str = ""
    traceback: str = ""


class UserActorCreated(Event, frozen=True):
    """A user actor was put on record."""

    name: str
    cls: str
    owner: str
    sentence: ClassVar[str] = "{name} of class {cls} was created by {owner}"


class UserActorChanged(Event, frozen=True):
    """A user actor moved from one phase to another."""

    name: str
    phase: str
    reason: str
    pid: int = 0
    sentence: ClassVar[str] = "{name} is {phase}: {reason}"


class UserActorEnded(Event, frozen=True):
    """A user actor is dead for good."""

    name: str
    reason: str
    sentence: ClassVar[str] = "{name} ended: {reason}"
