"""What the runtime and its actors say to one another: life, death, disk, introspection."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import msgspec

from actors.messages.base import Address, Event, Message

Death: TypeAlias = Literal["exited", "killed", "failed", "overloaded", "unreachable"]
ActorState: TypeAlias = Literal["PENDING_CREATION", "ALIVE", "RESTARTING", "PARKED", "DEAD"]


class PersistFailed(Message, frozen=True):
    """The store could not make `path` durable; the effects behind it were not performed."""

    path: str
    reason: str


class Loaded(Message, frozen=True):
    """What was read: `data` is None if the file is absent or `damaged` (then it was set aside)."""

    path: str
    data: bytes | None = None
    damaged: bool = False


class WatchActor(Message, frozen=True):
    """`watcher` wants to hear about the death of `name`; re-announced, because it is a message."""

    name: str
    watcher: Address


class ActorDied(Message, frozen=True):
    """A watched actor died (or its member cannot be reached); `name` as it was watched."""

    name: Address
    why: Death
    reason: str = ""


class ActorAvailable(Message, frozen=True):
    """A watched actor is there (again)."""

    name: Address
    instance: int = 0


class KillActor(Message, frozen=True):
    """Kill `name` before its next message; its supervisor decides what follows."""

    name: str
    no_restart: bool = False


class ListActors(Message, frozen=True):
    """Asks the node for its actors; answered by `ActorList`."""


class InspectActor(Message, frozen=True):
    """Asks the node for one actor; answered by `ActorList` with one entry, or `CallFailed`."""

    name: str


class TraceActor(Message, frozen=True):
    """Write an event for each message that actors matching the glob handle, or stop doing so."""

    glob: str
    on: bool = True
    for_s: float = 600.0


class ActorInfo(msgspec.Struct, frozen=True):
    """One actor as the runtime sees it. Times in seconds.

    `wait_s`: for how long mail has waited with no turn taken; `since_s`: age of the instance.
    """

    name: str
    cls: str
    state: ActorState
    parent: str
    instance: int
    lane: str = "normal"
    mailbox: int = 0
    wait_s: float = 0.0
    handled: int = 0
    restarts: int = 0
    suspended: bool = False
    last_error: str = ""
    since_s: float = 0.0


class ActorList(Message, frozen=True):
    """The actors asked about, by name."""

    actors: tuple[ActorInfo, ...] = ()


class CallFailed(Message, frozen=True):
    """The answer where there is none: `kind` names an error class of `actors.errors`.

    Of a refusal, `code` is a stable word and `exit_code` what the command line ends with.
    """

    kind: Literal["ActorDiedError", "ActorUnavailableError", "ActorTaskError", "Refused"]
    text: str
    code: str = ""
    traceback: str = ""
    exit_code: int = 1


class Ok(Message, frozen=True):
    """Done, nothing more to say."""

    text: str = ""
    event_id: str = ""


class ActorStarted(Event, frozen=True):
    """An instance of an actor began; `instance` counts from 1 within a boot."""

    name: str
    instance: int
    sentence: ClassVar[str] = "{name} started (instance {instance})"


class ActorStopped(Event, frozen=True):
    """An actor was stopped on purpose and is gone."""

    name: str
    sentence: ClassVar[str] = "{name} stopped"


class ActorFailed(Event, frozen=True):
    """An actor raised; `error` is the exception's last line."""

    name: str
    instance: int
    error: str
    traceback: str = ""
    sentence: ClassVar[str] = "{name} failed: {error}"


class ActorKilled(Event, frozen=True):
    """An actor was killed by request of `by`."""

    name: str
    instance: int
    by: str = ""
    why: str = "killed"
    sentence: ClassVar[str] = "{name} was killed ({why}) by {by}"


class ActorRestarting(Event, frozen=True):
    """Its supervisor will start it again after `delay_s`."""

    name: str
    delay_s: float
    deaths: int
    sentence: ClassVar[str] = "{name} restarts in {delay_s} s (death {deaths} in its period)"


class ActorParked(Event, frozen=True):
    """It died too often; it is retried after `retry_s`."""

    name: str
    reason: str
    retry_s: float
    sentence: ClassVar[str] = (
        "{name} is parked after too many deaths ({reason}); retry in {retry_s} s"
    )


class NodeEscalated(Event, frozen=True):
    """A singleton died too often: the supervisor process ends and the launcher starts it again."""

    name: str
    reason: str
    sentence: ClassVar[str] = "{name} died too often ({reason}): the supervisor restarts itself"


class StateFileDamaged(Event, frozen=True):
    """A state file was torn, empty or altered; it was set aside as `aside`."""

    path: str
    aside: str
    sentence: ClassVar[str] = "state file {path} was damaged; set aside as {aside}"


class MessageHandled(Event, frozen=True):
    """A traced actor handled a message."""

    name: str
    message: str
    sender: str
    body: str
    sentence: ClassVar[str] = "{name} handled {message} from {sender}"
