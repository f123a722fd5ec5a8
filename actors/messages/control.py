"""What the control gateway is told and says: requests of the command line and of drivers.

On the wire a request is an ordinary envelope: `to` is `control` or `<member>/control` (an
unambiguous prefix of the member id is enough), `id` the request id, `message` what is asked for. An
answer carries the request id as `answers`. The port turns it into a `Request`, which stays inside
the process.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from actors.messages.base import Event, Message


class Request(Message, frozen=True):
    """port/control → control: `session` asks `member` (a prefix; empty: us) for `message`."""

    id: str
    session: str
    message: Message
    member: str = ""


class RequestEnded(Message, frozen=True):
    """Nobody waits for answers under the ticket's `call` any more: stop answering it.

    From a client to its gateway, `call` is the request id.
    """

    call: str


class SessionEnded(Message, frozen=True):
    """A client is gone. `members` (prefixes) were asked to act for it.

    From port/control, `session` is its id; to `host`, here or there, `<member>/<session>`.
    """

    session: str
    members: tuple[str, ...] = ()


class Resubscribe(Message, frozen=True):
    """`control` to itself: time to ask gossip for the members again."""


class QuerySessions(Message, frozen=True):
    """Asks a control gateway which clients it has; answered by `Sessions`."""


class Sessions(Message, frozen=True):
    """The clients of `member`'s control gateway, by session id."""

    member: str
    sessions: tuple[str, ...] = ()


class ReachableMember(msgspec.Struct, frozen=True):
    """A member that may be asked; `epoch` names its process life."""

    id: str
    name: str
    epoch: int


class MembersReachable(Message, frozen=True):
    """control → port/control: the members there are; requests to others get no answer any more."""

    members: tuple[ReachableMember, ...]


class QuerySupervisor(Message, frozen=True):
    """Asks a supervisor who it is; answered by `SupervisorInfo`."""


class SupervisorInfo(Message, frozen=True):
    """A supervisor as it describes itself. `started_wall` Unix seconds, `uptime_s` whole seconds.

    Addresses are `HOST:PORT`, `listen_ctl` may be the path of a socket. `allow_actors` are the
    modules whose actor classes may be started here.
    """

    member_id: str
    name: str
    version: str
    launcher_pid: int
    supervisor_pid: int
    root: str
    listen_gossip: str
    listen_http: str
    listen_ctl: str
    ring_id: str = ""
    ring: str = ""
    org: str = ""
    hostname: str = ""
    permanent: bool = False
    allow_actors: tuple[str, ...] = ()
    boot: str = ""
    started_wall: float = 0.0
    uptime_s: int = 0


class StopSupervisor(Message, frozen=True):
    """End this supervisor: `terminate` stops its services first, `restart` leaves them running."""

    how: Literal["terminate", "restart"]


class RequestAdmitted(Event, frozen=True):
    """A request that changes something was admitted and handed to `target`."""

    request: str
    session: str
    message: str
    target: str
    sentence: ClassVar[str] = "{session} asked {target} for {message} (request {request})"


class RequestRefused(Event, frozen=True):
    """A request was refused before any actor acted on it."""

    request: str
    session: str
    message: str
    reason: str
    sentence: ClassVar[str] = "{message} of {session} was refused: {reason}"


class SessionDropped(Event, frozen=True):
    """A bound of the control gateway was reached: `count` of the oldest `what` were dropped."""

    what: Literal["sessions", "requests", "frames"]
    session: str
    count: int
    sentence: ClassVar[str] = "{count} {what} of {session} dropped: the control gateway is full"


class ControlRefused(Event, frozen=True):
    """`count` attempts or frames at the control gateway were refused for `reason`."""

    reason: str
    count: int
    sentence: ClassVar[str] = "control gateway refused {count} times: {reason}"
