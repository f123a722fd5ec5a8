"""The server of the control gateway: one thread that owns all its sockets.

Requests become `Request`s to the actor `control`, with a ticket to `port/control`; whoever settles
one answers this port. Actor hosts are clients too. Each second every client is sent an empty frame:
with ROUTER_MANDATORY a client that is gone shows as unreachable, and its session ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import zmq

from actors.adapters.control_frames import decode_frame, encode_frame, member_prefix
from actors.adapters.control_sessions import OpenRequest, Session, SessionTable
from actors.adapters.control_socket import Listener
from actors.adapters.host_links import Answer, HostLinks
from actors.control.admission import follows
from actors.control.reach import Reach
from actors.control.routes import route_of
from actors.control.window import RequestWindow
from actors.errors import WireError
from actors.messages.base import Event, Message
from actors.messages.control import (
    ControlRefused,
    MembersReachable,
    QuerySessions,
    Request,
    RequestEnded,
    SessionDropped,
    SessionEnded,
    Sessions,
)
from actors.messages.envelope import Envelope, Ticket
from actors.messages.primitives import (
    CreateActor,
    HostBegin,
    HostBroken,
    HostCall,
    HostHello,
    HostLost,
    HostOpen,
    HostReady,
    HostsGone,
    RunMethod,
)
from actors.messages.runtime import CallFailed
from actors.wire.calls import decode_return, encode_call, is_call_frame

if TYPE_CHECKING:
    from actors.runtime.world import World

HANDSHAKE: Final = "another secret, or none"  # CURVE fails before anybody is asked
DRAIN_STEP_S: Final = 0.01
PORT: Final = "port/control"
PULSE_S: Final = 1.0  # looks after sessions, reports what was refused
ATTENDED_S: Final = 0.002  # how long the sockets are left to a caller who may come back
RETRY_S: Final = 0.005  # between tries to send to a connection that had no room
EARLY: Final = 100  # answers kept of a host that has not yet said again who it is

_log = logging.getLogger(__name__)
_Job: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """Bounds of a gateway: of a frame, of sessions, of a session's open requests and its outbox."""

    max_frame_bytes: int = 1 << 20
    max_sessions: int = 256
    max_open: int = 10_000
    max_waiting: int = 1_000
    heartbeat_s: float = 1.0


class ControlServer:
    """Listens at `endpoint` (`HOST:PORT` or a socket's path) for those who know `secret`.

    Registers `port/control` with the world. Raises HostError where it cannot listen.
    """

    def __init__(
        self, world: World, endpoint: str, secret: str, options: ControlOptions | None = None
    ) -> None:
        self._world = world
        self._options = options = options or ControlOptions()
        self._listener = Listener(endpoint, secret, options.max_frame_bytes, options.heartbeat_s)
        self.endpoint = self._listener.endpoint
        self._sessions = SessionTable(os.urandom(3).hex(), options.max_sessions, options.max_open)
        self._window = RequestWindow()
        self._reach = Reach()
        self._hosts = HostLinks(self._send_host)
        self._calls = 0
        self._refused: Counter[str] = Counter()
        self._lock = threading.RLock()  # of the sockets and all that follows from them
        self._watched = select.poll()  # the sockets, for whoever attends to them
        self._attendant = threading.Lock()
        self._attending = False
        self._attended_s = 0.0
        self._jobs: deque[_Job] = deque()
        self._woken = False
        self._closed = False
        self._wake_r, self._wake_w = socket.socketpair()
        self._wake_r.setblocking(False)
        self._wake_w.setblocking(False)
        self._local = {"local"}  # sessions of this very process
        world.register_port(
            PORT, lambda envelope: self._put(lambda: self._mail(envelope)), abroad=True
        )
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the gateway: no request is taken, sessions end without a word."""
        if not self._closed:
            self._put(self._stop)
            self._thread.join()

    def drain(self, within_s: float) -> None:
        """Wait, not for ever, until the commands that clients wait for are answered.

        The supervisor may end because of one of them, sooner than its event is on the disk.
        """
        deadline = self._world.clock.now() + within_s
        pause = threading.Event()
        while self._world.clock.now() < deadline:
            with self._lock:
                if not self._sessions.commands():
                    return
            pause.wait(DRAIN_STEP_S)

    # ── for a driver in this very process ──

    def call(self, host: str, method: str, args: bytes, answer: Answer | None) -> None:
        """Hand a call straight to an open host; `answer` is called on the gateway's thread."""
        # A call to an idle host leaves at once from the caller's own thread, which saves a
        # hand-over of the interpreter; calls that queue go by the gateway's, many to a frame.
        if not self._jobs and self._hosts.is_idle(host) and self._lock.acquire(blocking=False):
            try:
                if not self._closed and self._hosts.is_idle(host):
                    self._hosts.run(host, method, args, answer)
                    self._hosts.flush(host)
                    if _readable(self._listener.router):
                        self._wake()  # its descriptor may not tell of it any more
                    return
            finally:
                self._lock.release()
        self._put(lambda: self._hosts.call(host, method, args, answer))

    def is_open(self, host: str) -> bool:
        """Whether `call` may be used for this host: its actor takes calls."""
        return self._hosts.is_open(host)

    def attend(self, is_done: Callable[[], bool], timeout_s: float | None) -> None:
        """Read the sockets on the caller's thread until `is_done()`, in place of the gateway's.

        An answer then reaches its waiting caller without another hand-over of the interpreter.
        Returns at once if another caller attends already.
        """
        if not self._attendant.acquire(blocking=False):
            return
        now = self._world.clock.now
        deadline = None if timeout_s is None else now() + timeout_s
        try:
            self._attending = True
            while not self._closed:
                self._turn_safely()
                left_s = PULSE_S if deadline is None else deadline - now()
                if is_done() or left_s <= 0:
                    return
                self._watched.poll(int(min(left_s, PULSE_S) * 1000) + 1)
        finally:
            # The gateway's thread leaves the sockets alone for a moment more: a caller that has
            # its answer usually asks the next. Unless others wait for answers as well.
            self._attended_s = now()
            self._attending = False
            self._attendant.release()
            if self._jobs or self._hosts.busy:
                self._attended_s = 0.0
                self._wake()

    # ── the thread ──

    def _put(self, job: _Job) -> None:
        self._jobs.append(job)
        if not self._woken:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        with contextlib.suppress(OSError):  # full: it is awake; closed: nobody is left
            self._wake_w.send(b"!")

    def _stop(self) -> None:
        self._closed = True

    def _run(self) -> None:
        everything, wake_only = select.poll(), select.poll()
        for socket_ in (self._listener.router, self._listener.zap):
            descriptor = int(socket_.getsockopt(zmq.FD))
            everything.register(descriptor, select.POLLIN)
            self._watched.register(descriptor, select.POLLIN)
        for poller in (everything, wake_only):
            poller.register(self._wake_r.fileno(), select.POLLIN)
        now = self._world.clock.now
        pulse_at = now() + PULSE_S
        while not self._closed:
            attended = self._attending or now() - self._attended_s < ATTENDED_S
            if self._jobs or not attended:
                self._turn_safely()
            if now() >= pulse_at:
                pulse_at = now() + PULSE_S
                self._turn_safely(pulse=True)
            left_s = RETRY_S if self._hosts.waiting else max(0.0, pulse_at - now())
            if self._closed:
                break
            if attended:
                self._sleep(wake_only, min(left_s, ATTENDED_S))
            else:
                self._sleep(everything, left_s)
        with self._lock:
            self._listener.close()
        self._wake_r.close()
        self._wake_w.close()

    def _turn_safely(self, *, pulse: bool = False) -> None:
        try:
            with self._lock:
                if pulse:
                    self._pulse()
                self._turn(self._listener.router, self._listener.zap)
        except Exception:  # noqa: BLE001 - see below
            # A fault here must not cut every operator off: what raised is lost, alone.
            _log.exception("the control gateway failed at one thing")

    def _sleep(self, poller: select.poll, left_s: float) -> None:
        wake = self._wake_r.fileno()
        if any(ready == wake for ready, _ in poller.poll(int(left_s * 1000) + 1)):
            self._wake_r.recv(4096)
            self._woken = False  # from here on a new job wakes again; those before are seen

    def _turn(self, router: zmq.Socket[bytes], zap: zmq.Socket[bytes]) -> None:
        """Handle everything there is: the sockets' descriptors tell of changes only."""
        while True:
            self._work()
            if _readable(zap) and not self._listener.authenticate():
                self._refused["secret"] += 1
            if not _readable(router):
                break
            frames = router.recv_multipart()
            for frame in frames[1:]:
                self._frame(frames[0], frame)

    def _work(self) -> None:
        for _ in range(len(self._jobs)):
            self._jobs.popleft()()
        self._hosts.flush()

    def _pulse(self) -> None:
        for request in self._sessions.expire(self._world.clock.now()):
            if request.path == "specs":
                self._world.tell("specs", RequestEnded(request.call), sender=PORT)
        for session in self._sessions.all():
            self._flush(session)
            if not session.waiting and not self._send_bytes(session, b""):
                continue
            if session.dropped:
                self._emit(SessionDropped("frames", session.id, session.dropped))
                session.dropped = 0
        if failed := self._listener.refusals():
            self._refused[HANDSHAKE] += failed
        for host, count in sorted(self._hosts.take_dropped().items()):
            self._emit(SessionDropped("requests", f"host/{host}", count))
        for reason, count in sorted(self._refused.items()):
            self._emit(ControlRefused(reason, count))
        self._refused.clear()

    def _emit(self, event: Event) -> None:
        self._world.emit(PORT, event)

    # ── from clients ──

    def _frame(self, routing: bytes, data: bytes) -> None:
        if is_call_frame(data):
            self._returned(routing, data)
            return
        if not data:
            return
        try:
            envelope = decode_frame(data)
        except WireError as error:
            self._refused[error.reason] += 1
            return
        session, over = self._sessions.arrive(routing)
        if over is not None:
            self._emit(SessionDropped("sessions", over.id, 1))
            self._end(over)
        match envelope.message:
            case HostHello() as hello:
                session.host = hello.host
                early, session.early = session.early, []
                for frame in early:
                    self._returned(routing, frame)
                if self._hosts.hello(hello, routing):
                    self._world.tell(f"host/{hello.host}", hello, sender=PORT)
            case HostReady(host=host) | HostBroken(host=host) if host == session.host:
                self._world.tell(f"host/{host}", envelope.message, sender=PORT)
            case RequestEnded(call):
                self._abandon(session, call)
            case _:
                self._request(session, envelope)

    def _returned(self, routing: bytes, data: bytes) -> None:
        session, _over = self._sessions.arrive(routing)
        if not session.host:
            # It was at work when its connection broke, and says who it is once it is done.
            session.early = [*session.early, data][-EARLY:]
            return
        try:
            self._hosts.returned(session.host, decode_return(data))
        except WireError as error:
            self._refused[error.reason] += 1

    def _request(self, session: Session, envelope: Envelope) -> None:
        message, request_id = envelope.message, envelope.id
        route = route_of(message)
        member, path = member_prefix(envelope)
        if route is None or path != "control":
            self._refused["request"] += 1
        writes = route is not None and route.writes
        self._calls += 1
        call = f"{session.id}/{self._calls}"
        answers = route.path if route is not None and not member else ""
        follow = follows(message)
        request = OpenRequest(call, request_id, session.id, answers, follow, writes, member)
        if writes and request_id:
            known = self._window.begin(request_id, call, self._world.clock.now())
            if isinstance(known, str) and self._sessions.move(known, session):
                return
            if isinstance(known, Message):
                self._send(session, request_id, known, more=False)
                return
        if member and isinstance(message, CreateActor):
            session.members.add(member)
        ticket = Ticket("", "")
        if request_id:  # without one the client wants no answer
            ticket = Ticket(PORT, call)
            if (over := self._sessions.add(session, request)) is not None:
                self._give_up(session, over)
        self._world.tell(
            "control",
            Request(request_id, session.id, message, member),
            sender=PORT,
            ticket=ticket,
            trace=envelope.trace or request_id,
        )

    def _give_up(self, session: Session, request: OpenRequest) -> None:
        """Too many are open: the oldest hears that it may have happened."""
        self._emit(SessionDropped("requests", session.id, 1))
        text = f"{self._options.max_open} requests are open; the oldest was dropped"
        failed = CallFailed("ActorUnavailableError", text)
        self._send(session, request.request_id, failed, more=False)
        self._ended(request)

    def _abandon(self, session: Session, request_id: str) -> None:
        for request in list(session.open.values()):
            if request.request_id == request_id and not request.writes:
                self._sessions.close(request.call)
                self._ended(request)

    def _ended(self, request: OpenRequest) -> None:
        if request.follows:
            to = request.path or "control"  # which knows whom at another member it asked
            self._world.tell(to, RequestEnded(request.call), sender=PORT)

    def _end(self, session: Session) -> None:
        """A client is gone. Its commands go on; what only it wanted to know stops."""
        for request in self._sessions.end(session, self._world.clock.now()):
            self._ended(request)
        if not session.host:
            gone = SessionEnded(session.id, tuple(sorted(session.members)))
            self._world.tell("control", gone, sender=PORT)

    # ── from actors ──

    def _mail(self, envelope: Envelope) -> None:
        match envelope.message:
            case RunMethod(host, method, args):
                answer = None
                if envelope.ticket is not None and envelope.ticket.address:
                    answer = self._answer_of(envelope)
                self._hosts.run(host, method, args, answer)
            case HostBegin(host=host) as begin:
                self._hosts.tell(host, begin)
            case HostOpen(host):
                self._hosts.open(host)
            case HostLost() as lost:
                self._hosts.lost(lost)
            case HostsGone():
                self._hosts.all_lost()
            case MembersReachable(members):
                for gone in self._reach.take(members):
                    failed = CallFailed("ActorUnavailableError", gone.text)
                    for request in self._sessions.of_member(gone):
                        self._answer(request.call, failed, more=False)
            case QuerySessions():
                living = (*sorted(self._local), *(s.id for s in self._sessions.all()))
                self._world.answer(envelope, Sessions(self._world.member, living))
            case answer_message if envelope.answers:
                self._answer(envelope.answers, answer_message, envelope.more)
            case _:
                _log.warning("nobody waits for %r", envelope)

    def _answer_of(self, envelope: Envelope) -> Answer:
        ticket = envelope.ticket
        if ticket is not None and ticket.address == PORT:
            call = ticket.call
            return lambda message: self._answer(call, message, more=False)
        return lambda message: self._world.answer(envelope, message)

    def _answer(self, call: str, message: Message, more: bool) -> None:
        request = self._sessions.find(call)
        if request is None:
            return  # its asker is gone
        if not more:
            self._sessions.close(call)
            if request.writes:
                self._window.settle(request.request_id, message)
        if (session := self._sessions.by_id(request.session)) is not None:
            self._send(session, request.request_id, message, more=more)

    # ── to clients ──

    def _send(self, session: Session, request_id: str, message: Message, *, more: bool) -> None:
        envelope = Envelope("/", PORT, message, answers=request_id, more=more)
        try:
            data = encode_frame(envelope, self._world.member)
        except WireError as error:
            failed = CallFailed("Refused", f"the answer cannot be sent: {error}", error.reason)
            data = encode_frame(Envelope("/", PORT, failed, answers=request_id), self._world.member)
        self._flush(session)
        if not session.waiting:
            self._send_bytes(session, data)
            return
        session.waiting.append(data)
        if len(session.waiting) > self._options.max_waiting:
            del session.waiting[0]
            session.dropped += 1

    def _flush(self, session: Session) -> None:
        waiting, session.waiting = session.waiting, []
        for position, data in enumerate(waiting):
            if not self._send_bytes(session, data):
                return
            if session.waiting:  # no room for this one, so none for the rest
                session.waiting += waiting[position + 1 :]
                return

    def _send_bytes(self, session: Session, data: bytes) -> bool:
        """Send or keep for later; False if the client is gone (its session has ended)."""
        try:
            self._listener.router.send_multipart([session.routing, data], zmq.DONTWAIT)
        except zmq.Again:
            if data:
                session.waiting.append(data)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._end(session)
            return False
        return True

    def _send_host(self, routing: bytes, batch: list[HostCall | Message]) -> bool:
        frames = [routing]
        for one in batch:
            if isinstance(one, HostCall):
                frames.append(encode_call(one))
            else:
                frames.append(encode_frame(Envelope("/", PORT, one), self._world.member))
        try:
            self._listener.router.send_multipart(frames, zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise
            return False
        return True


def _readable(socket_: zmq.Socket[bytes]) -> bool:
    return bool(int(socket_.getsockopt(zmq.EVENTS)) & zmq.POLLIN)
