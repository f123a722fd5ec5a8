"""The world of one member: its live actors by name, its ports, and the ways between them.

Everything an actor asks for passes here. `cells` is written by the node actor alone (in its turns);
everyone else only looks names up.
"""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import pykka

from actors.errors import ActorDiedError, ActorTaskError, ActorUnavailableError, Refused
from actors.messages.base import Address, Event, MemberId, Message, join_address, split_address
from actors.messages.envelope import Envelope, Ticket
from actors.messages.ring import FrameRefused
from actors.messages.runtime import CallFailed, Death, MessageHandled
from actors.runtime.hlc import Hlc
from actors.runtime.mailbox import LIMIT
from actors.runtime.structure import EscalateProcess, InstanceDied

if TYPE_CHECKING:
    from actors.ports import Clock, Dispatcher, EventSink, Network, Store, Timers
    from actors.runtime.actor import Actor

Handler: TypeAlias = Callable[[Envelope], None]

NODE = "node"
EDGE_LIMIT = LIMIT // 2  # what waits for an actor when other members are no longer listened to
BODY_LIMIT = 2_000  # characters of a traced message


class World:
    """One member's runtime. Thread-safe: adapters may call anything here from any thread.

    `boot` names this life of the process (unique per member); `seed` feeds every actor's own
    randomness.
    """

    def __init__(
        self,
        *,
        member: MemberId,
        boot: str,
        seed: str,
        clock: Clock,
        timers: Timers,
        dispatcher: Dispatcher,
        store: Store,
        network: Network | None = None,
        events: EventSink | None = None,
        hlc: Hlc | None = None,
        on_failure: Callable[[BaseException, str], None] | None = None,
    ) -> None:
        self.member = member
        self.boot = boot
        self.seed = seed
        self.clock = clock
        self.timers = timers
        self.dispatcher = dispatcher
        self.store = store
        self.network = network
        self.events = events
        self.ring_id = ""
        self.traced: tuple[str, ...] = ()
        self.cells: dict[str, Actor] = {}
        self.known: Callable[[str], bool] = lambda _name: True  # set by the node: will it be back?
        self.dead_letters = 0
        self._misunderstood = 0  # messages of other members, outside their addressee's language
        self._ports: dict[str, Handler] = {}
        self._open_ports: set[str] = set()  # those that hear other members
        self._calls: dict[str, tuple[MemberId | None, Handler]] = {}  # and the member asked
        self._numbers = count(1)
        self._hlc = hlc or Hlc()
        self._on_failure = on_failure

    # ── time and events ──

    def hlc_now(self) -> int:
        """The hybrid logical clock, advanced by one tick."""
        return self._hlc.tick(self.clock.wall())

    def hlc_merge(self, remote: int) -> int:
        """Take a peer's hybrid logical clock into account (refused if over 60 s ahead)."""
        return self._hlc.merge(remote, self.clock.wall())

    def emit(self, actor: str, event: Event, cause: str = "", trace: str = "") -> str:
        """Hand an event to the log; its id, or "" where there is no log."""
        return self.events.emit(actor, event, cause, trace) if self.events else ""

    # ── sending ──

    def register_port(self, path: str, handler: Handler, *, abroad: bool = False) -> None:
        """Give mail for `path` to `handler`, which must not block.

        Only with `abroad` it gets what other members send, too.
        """
        self._ports[path] = handler
        if abroad:
            self._open_ports.add(path)

    def send(self, envelope: Envelope) -> None:
        """Deliver here or hand to the network; never blocks, never raises for what is dead."""
        member, path = split_address(envelope.to)
        if member is not None and member != self.member:
            self._send_out(envelope)
            return
        self._arrive(path, envelope)

    def deliver(self, envelope: Envelope) -> str:
        """The network's upcall: an admitted frame for this member. Why it is not taken, or "".

        An answer passes only to who has asked just that member (`Actor.expects`), mail for a port
        only if the port wants it, and what comes faster than an actor handles it is dropped here,
        before its mailbox kills it.
        """
        path = split_address(envelope.to)[1]
        member = split_address(envelope.sender)[0]
        actor = self.cells.get(path)
        if actor is not None:
            if envelope.answers and not actor.expects(envelope.answers, member):
                return "unasked"
            if len(actor.mailbox) >= EDGE_LIMIT:
                return "busy"
        elif path in self._ports:
            if path not in self._open_ports:
                return "port"
        elif (call := self._calls.get(path)) is not None and call[0] not in (None, member):
            return "unasked"
        self._arrive(path, envelope)
        return ""

    def blame(self, envelope: Envelope) -> bool:
        """Whether another member is to blame for a message that was not understood.

        Then it is dropped and counted, and said in an event at each doubling of the count.
        """
        member = split_address(envelope.sender)[0]
        if member is None or member == self.member:
            return False
        self._misunderstood += 1
        count_ = self._misunderstood
        if count_ & (count_ - 1) == 0:
            kind = type(envelope.message).__name__
            reason = f"{split_address(envelope.to)[1]} does not understand {kind}"
            self.emit(NODE, FrameRefused(reason, member, count_))
        return True

    def tell(
        self,
        to: Address,
        message: Message,
        *,
        sender: Address = "",
        ticket: Ticket | None = None,
        answers: str = "",
        more: bool = False,
        cause: str = "",
        trace: str = "",
    ) -> None:
        """Send from outside the actors."""
        self.send(Envelope(to, sender, message, "", cause, trace, 0, ticket, answers, more))

    def answer(self, envelope: Envelope, message: Message, *, more: bool = False) -> None:
        """A port's answer to what it was sent: to the ticket, or else to the sender."""
        ticket = envelope.ticket
        to = ticket.address if ticket else envelope.sender
        if to:
            self.tell(
                to,
                message,
                sender=split_address(envelope.to)[1],
                answers=ticket.call if ticket else "",
                more=more,
                cause=envelope.cause,
                trace=envelope.trace,
            )

    def call(
        self, to: Address, message: Message, on_answer: Handler, *, trace: str = ""
    ) -> Callable[[], None]:
        """Ask from outside: every answer goes to `on_answer`; returns what forgets it."""
        number = str(next(self._numbers))
        path = f"call/{number}"

        def answered(envelope: Envelope) -> None:
            if not envelope.more:
                self._calls.pop(path, None)
            on_answer(envelope)

        member = split_address(to)[0]
        self._calls[path] = (None if member == self.member else member, answered)
        self.tell(to, message, sender=path, ticket=Ticket(path, number), trace=trace)
        return lambda: void(self._calls.pop(path, None))

    def ask(self, to: Address, message: Message) -> pykka.Future[Message]:
        """Ask from outside the actors (tests, users): a future of the last answer.

        `.get(timeout=)` raises the matching `ActorError` or `Refused` where the answer is a
        `CallFailed`, and `pykka.Timeout` when none comes.
        """
        future: pykka.Future[Message] = pykka.ThreadingFuture()

        def answered(envelope: Envelope) -> None:
            if envelope.more:
                return
            if isinstance(envelope.message, CallFailed):
                error = failure(envelope.message)
                future.set_exception((type(error), error, None))
            else:
                future.set(envelope.message)

        self.call(to, message, answered)
        return future

    def undeliverable(self, envelope: Envelope, reason: str) -> None:
        """The network gave an envelope up: whoever waits for an answer is told."""
        self._refuse(envelope, "ActorUnavailableError", reason)

    # ── life and death ──

    def start_root(self, node_class: type[Actor], *args: object) -> None:
        """Start the node actor; it starts everything else."""
        from actors.runtime.actor import Context

        actor = node_class(Context(self, NODE, 1), *args)
        self.cells[NODE] = actor
        actor.mailbox.wake()

    def bury(self, actor: Actor, left: list[Any]) -> None:
        """Answer what a dead instance left unread: those asks will hear nothing else."""
        for envelope in left:
            if isinstance(envelope, Envelope):
                name = actor.context.name
                self._refuse(envelope, "ActorUnavailableError", f"{name} died before handling it")

    def died(
        self,
        actor: Actor,
        why: Death,
        reason: str,
        error: tuple[BaseException, TracebackType | None] | None,
        cause: str,
    ) -> None:
        """An instance took its last turn: tell the node (once)."""
        context = actor.context
        text = ""
        if error is not None:
            text = "".join(tracebacks.format_exception(type(error[0]), error[0], error[1]))
            if self._on_failure is not None:
                self._on_failure(error[0], context.name)
        if self.cells.get(context.name) is actor:
            del self.cells[context.name]
        if context.name == NODE:
            self.tell("port/process", EscalateProcess(f"{NODE}: {reason or why}"), sender=NODE)
            return
        message = InstanceDied(context.name, context.instance, why, reason, text)
        self.tell(NODE, message, sender=context.name, cause=cause)

    def trace_message(self, actor: Actor, envelope: Envelope) -> str:
        """Write an event for a traced actor's message; the id that is now the cause."""
        name = actor.context.name
        if isinstance(envelope.message, MessageHandled) or not any(
            fnmatchcase(name, glob) for glob in self.traced
        ):
            return envelope.cause
        body = repr(envelope.message)[:BODY_LIMIT]
        event = MessageHandled(name, type(envelope.message).__name__, envelope.sender, body)
        return self.emit(name, event, envelope.cause, envelope.trace) or envelope.cause

    # ── inside ──

    def _send_out(self, envelope: Envelope) -> None:
        if self.network is None:
            self._refuse(envelope, "ActorUnavailableError", "this node is not part of a ring")
            return
        ticket = envelope.ticket
        if ticket is not None and not ticket.address:
            ticket = None
        elif ticket is not None and split_address(ticket.address)[0] is None:
            ticket = Ticket(join_address(self.member, ticket.address), ticket.call)
        sender = envelope.sender
        if sender and split_address(sender)[0] is None:
            sender = join_address(self.member, sender)
        out = Envelope(
            to=envelope.to,
            sender=sender,
            message=envelope.message,
            id=envelope.id or str(next(self._numbers)),
            cause=envelope.cause,
            trace=envelope.trace,
            hlc=self.hlc_now(),
            ticket=ticket,
            answers=envelope.answers,
            more=envelope.more,
        )
        self.network.send(out)

    def _arrive(self, path: str, envelope: Envelope) -> None:
        actor = self.cells.get(path)
        if actor is not None:
            if actor.mailbox.put(envelope):
                if len(actor.mailbox) > LIMIT:
                    actor.kill("overloaded")
                return
        elif (handler := self._ports.get(path)) is not None:
            handler(envelope)
            return
        elif (call := self._calls.get(path)) is not None:
            call[1](envelope)
            return
        kind = "ActorUnavailableError" if self.known(path) else "ActorDiedError"
        self._refuse(
            envelope, kind, f"{path} is {'restarting' if self.known(path) else 'not here'}"
        )

    def _refuse(self, envelope: Envelope, kind: Any, reason: str) -> None:
        if envelope.ticket is not None:
            self.answer(envelope, CallFailed(kind, reason))
        else:
            self.dead_letters += 1


def void(_value: object) -> None:
    """Nothing, of anything."""


def failure(message: CallFailed) -> Exception:
    """The error of `actors.errors` that a `CallFailed` names."""
    match message.kind:
        case "ActorDiedError":
            return ActorDiedError(message.text)
        case "ActorUnavailableError":
            return ActorUnavailableError(message.text)
        case "ActorTaskError":
            return ActorTaskError(message.text, message.traceback)
        case "Refused":
            return Refused(message.text, message.code or "refused")
