"""What a `step` may ask of the world: plain values, performed in order after `step` has returned.

Performing an effect never raises; what goes wrong comes back as a message. `Persist` and `Load`
suspend the actor: the effects behind them, and all mail, wait until the disk has answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from actors.messages.base import Address, Event, Message
from actors.messages.envelope import Ticket


@dataclass(frozen=True, slots=True)
class Send:
    """Tell `to` a message. `ticket` forwards a request: whoever settles it answers the ticket.

    An empty `event_id` field of the message is filled with the id of the last event this turn
    emitted before it (true of `Reply` too).
    """

    to: Address
    message: Message
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Tell `to` a message and expect an answer, which arrives as ordinary mail.

    `call` is the caller's own word for it: the answer's envelope carries it as `answers`.
    """

    to: Address
    message: Message
    call: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the message being handled, or an earlier one by its `ticket`.

    `more` says that further answers to the same request will follow (progress).
    """

    message: Message
    ticket: Ticket | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class After:
    """Hear `message` from oneself `delay_s` seconds from now; dies with the instance.

    A timer set again under the same non-empty `name` replaces the earlier one.
    """

    delay_s: float
    message: Message
    name: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget the timer `name`; unknown names are fine."""

    name: str


@dataclass(frozen=True, slots=True)
class Emit:
    """Write an event to the event log."""

    event: Event


@dataclass(frozen=True, slots=True)
class Persist:
    """Make `data` durable at `path` (below the supervisor's directory); None removes the file.

    The actor is suspended meanwhile. On success the effects behind this one follow; on failure
    they are dropped and the actor hears `PersistFailed`. `sealed` files carry a checksum; files
    that people edit are not sealed.
    """

    path: str
    data: bytes | None
    sealed: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """Read `path`; the actor is suspended and the next message it hears is `Loaded`."""

    path: str
    sealed: bool = True


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How a child is restarted (OTP `one_for_one`; Ray's `max_restarts`, -1 for no limit).

    More than `intensity` deaths within `period_s` exhaust the child: the node's own singletons
    escalate (the supervisor process restarts), others are parked with their reason and retried
    each `PARK_S` seconds.
    """

    max_restarts: int = -1
    intensity: int = 5
    period_s: float = 10.0
    backoff_min_s: float = 0.05
    backoff_max_s: float = 2.0
    exhausted: Literal["escalate", "park"] = "park"


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a child of this actor: `actor_class(context, *args)` under `name`.

    `name` is a full path. A child that already runs under that name is left alone.
    """

    name: str
    actor_class: type[Any]
    args: tuple[Any, ...] = ()
    policy: RestartPolicy = field(default_factory=RestartPolicy)


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a child (or oneself, with no name) for good, its own children first."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Hear `ActorDied` when `name` dies or cannot be reached, `ActorAvailable` when it is back."""

    name: Address


Effect: TypeAlias = (
    Send | Ask | Reply | After | Cancel | Emit | Persist | Load | Spawn | Stop | Watch
)
