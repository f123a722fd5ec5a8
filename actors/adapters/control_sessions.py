"""The clients of a control gateway and their open requests, with the gateway's bounds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from actors.control.reach import LostMember
from actors.control.window import WINDOW_S, WINDOW_SIZE


@dataclass(slots=True)
class OpenRequest:
    """A request that waits for answers. `call` is its word in the ticket, `path` who answers.

    `session` is empty once its client is gone: a command's outcome is kept for its next asker.
    `member` is the word that named another member as the one to answer.
    """

    call: str
    request_id: str
    session: str
    path: str = ""
    follows: bool = False
    writes: bool = False
    member: str = ""


@dataclass(slots=True)
class Session:
    """One connection. `members` are prefixes of member ids it asked something of."""

    id: str
    routing: bytes
    host: str = ""  # name of the user actor whose process this is
    open: OrderedDict[str, OpenRequest] = field(default_factory=OrderedDict)
    members: set[str] = field(default_factory=set)
    waiting: list[bytes] = field(default_factory=list)  # frames its connection had no room for
    dropped: int = 0
    early: list[bytes] = field(default_factory=list)  # answers of a host not yet introduced


class SessionTable:
    """Sessions by routing id, oldest first, and their open requests by call.

    `max_sessions` and `max_open` (for one session) are the bounds; what is over comes back from
    `arrive` and `add`, oldest first, for the caller to end.
    """

    def __init__(self, boot: str, max_sessions: int, max_open: int) -> None:
        self._boot = boot
        self._max_sessions = max_sessions
        self._max_open = max_open
        self._number = 0
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._open: dict[str, OpenRequest] = {}
        self._routing: dict[str, bytes] = {}
        self._orphans: OrderedDict[str, float] = OrderedDict()  # call → since when, seconds

    def __len__(self) -> int:
        return len(self._sessions)

    def all(self) -> list[Session]:
        """Every session, oldest first."""
        return list(self._sessions.values())

    def get(self, routing: bytes) -> Session | None:
        """The session of a connection."""
        return self._sessions.get(routing)

    def by_id(self, session: str) -> Session | None:
        """The session of this id."""
        return self._sessions.get(self._routing.get(session, b""))

    def arrive(self, routing: bytes) -> tuple[Session, Session | None]:
        """The session of a connection, made at its first frame; and one that has to go for it.

        Hosts do not go: their number is bounded by the actors on record.
        """
        if (known := self._sessions.get(routing)) is not None:
            return known, None
        self._number += 1
        session = Session(f"session-{self._boot}-{self._number}", routing)
        self._sessions[routing] = session
        self._routing[session.id] = routing
        over = None
        if len(self._sessions) > self._max_sessions:
            others = (s for s in self._sessions.values() if s is not session and not s.host)
            over = next(others, None)
        return session, over

    def end(self, session: Session, now: float) -> list[OpenRequest]:
        """Forget a session; its open questions. Its open commands stay, as orphans."""
        self._sessions.pop(session.routing, None)
        self._routing.pop(session.id, None)
        questions = [request for request in session.open.values() if not request.writes]
        for request in session.open.values():
            request.session = ""
            if request.writes:
                self._orphans[request.call] = now
            else:
                self._open.pop(request.call, None)
        return questions

    def expire(self, now: float) -> list[OpenRequest]:
        """The orphans nobody has asked for in the window of repeated requests, or too many."""
        expired = []
        while self._orphans:
            call, since = next(iter(self._orphans.items()))
            if now - since < WINDOW_S and len(self._orphans) <= WINDOW_SIZE:
                break
            del self._orphans[call]
            if (request := self._open.pop(call, None)) is not None:
                expired.append(request)
        return expired

    def add(self, session: Session, request: OpenRequest) -> OpenRequest | None:
        """An open request of `session`; and its oldest one if that has to go for it."""
        session.open[request.call] = request
        self._open[request.call] = request
        if len(session.open) <= self._max_open:
            return None
        return self.close(next(iter(session.open)))

    def move(self, call: str, session: Session) -> bool:
        """`session` is who waits for this call from now on; False if it is not open."""
        request = self._open.get(call)
        if request is None:
            return False
        if (before := self.by_id(request.session)) is not None:
            before.open.pop(call, None)
        self._orphans.pop(call, None)
        request.session = session.id
        session.open[call] = request
        return True

    def find(self, call: str) -> OpenRequest | None:
        """The open request of a call."""
        return self._open.get(call)

    def commands(self) -> int:
        """How many open requests are commands whose client waits."""
        return sum(request.writes and bool(request.session) for request in self._open.values())

    def of_member(self, lost: LostMember) -> list[OpenRequest]:
        """The open requests that a lost member was to answer."""
        return [request for request in self._open.values() if lost.is_meant_by(request.member)]

    def close(self, call: str) -> OpenRequest | None:
        """The request is settled (or given up): no longer open."""
        request = self._open.pop(call, None)
        self._orphans.pop(call, None)
        if request is not None and (session := self.by_id(request.session)) is not None:
            session.open.pop(call, None)
        return request
