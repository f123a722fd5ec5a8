"""The one actor shell: a `pykka.Actor` whose `step` decides and whose effects the runtime performs.

pykka's own loop runs unmodified, one message a turn. Overridden, and nothing else: pykka's three
hooks for implementors of new actor types (`_create_actor_inbox`, `_create_future`,
`_start_actor_loop`), `start` (no `ActorRegistry`: names live in the `World`) and `_handle_failure`
(the one place every failure passes). pykka's minor version is pinned; the hooks have tests.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pykka

from actors.effects import (
    After,
    Ask,
    Cancel,
    Effect,
    Emit,
    Load,
    Persist,
    Reply,
    Send,
    Spawn,
    Stop,
    Watch,
)
from actors.messages.base import MemberId, Message, split_address
from actors.messages.envelope import Envelope, Ticket
from actors.messages.runtime import Death, Loaded, PersistFailed, StateFileDamaged
from actors.runtime.mailbox import Mailbox, MailboxEmpty
from actors.runtime.structure import SpawnChild, StopChild, WatchRequest

if TYPE_CHECKING:
    from actors.ports import Lane
    from actors.runtime.world import World


OPEN_CALLS = 4_096  # of one actor; beyond it the oldest counts as unanswered for good


class Flag:
    """Pykka's `actor_stopped` without the kilobyte of a `threading.Event`."""

    __slots__ = ("_set",)

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Say yes, for good."""
        self._set = True

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._set


class Context:
    """What an actor may know without asking: who it is, its clock, its own randomness."""

    __slots__ = ("_random", "instance", "instance_id", "member", "name", "world")

    def __init__(self, world: World, name: str, instance: int) -> None:
        self.world = world
        self.member = world.member
        self.name = name
        self.instance = instance
        self.instance_id = f"{world.member[:8]}.{world.boot}.{name}.{instance}"
        self._random: random.Random | None = None

    @property
    def random(self) -> random.Random:
        """The instance's own randomness, seeded by its name; made on first use (it is 2.5 kB)."""
        if self._random is None:
            seed = f"{self.world.seed}:{self.name}:{self.instance}"
            self._random = random.Random(seed)  # noqa: S311 - not for secrets
        return self._random

    def now(self) -> float:
        """CLOCK_BOOTTIME of this member, seconds."""
        return self.world.clock.now()

    def wall(self) -> float:
        """Unix time of this member, seconds; may step."""
        return self.world.clock.wall()


class NotUnderstoodError(AssertionError):
    """A message outside an actor's language: our own mistake, unless another member sent it."""


class DiskDone:
    """The store's answer to a `Persist` or `Load`, with what was to follow it."""

    __slots__ = ("answer", "aside", "effects", "envelope")

    def __init__(
        self,
        answer: Message | None,
        effects: deque[Effect],
        envelope: Envelope,
        aside: str | None = None,
    ) -> None:
        self.answer = answer
        self.effects = effects
        self.envelope = envelope
        self.aside = aside


class TimerDue:
    """A named timer fired; it counts only while it is still the one set under its name."""

    __slots__ = ("envelope", "name", "token")

    def __init__(self, name: str, token: int, envelope: Envelope) -> None:
        self.name = name
        self.token = token
        self.envelope = envelope


class Actor(pykka.Actor):
    """Base of every actor of the supervisor: override `started` and `step`, both return effects."""

    lane: ClassVar[Lane] = "normal"

    def __init__(self, context: Context) -> None:
        self.context = context
        self._world = context.world
        super().__init__()
        self.actor_urn = context.instance_id
        self.actor_stopped = Flag()  # type: ignore[assignment]
        self._actor_ref = pykka.ActorRef(self)
        self.envelope = Envelope(context.name, context.name, Started())
        self.handled = 0
        self.began_s = context.now()
        self.turned_s = self.began_s  # when the last turn ended
        self._cause = ""
        self._killed_for = ""  # id of the event that asked for the kill under way
        self._said = ""  # id of the last event this turn emitted
        self._set_up = False
        self._timers: dict[str, tuple[int, Callable[[], None]]] = {}
        self._tokens = 0
        # Open calls, and the member asked (None: here).
        self._asked: dict[str, MemberId | None] = {}

    # ── for subclasses ──

    def started(self) -> list[Effect]:
        """The first turn's effects, before any mail."""
        return []

    def step(self, message: Message) -> list[Effect]:
        """Decide: the effects of one message. Raising ends this instance, with nothing sent."""
        raise NotUnderstoodError(f"{type(self).__name__} does not understand {message!r}")

    # ── pykka's hooks ──

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> pykka.ActorRef[Any]:
        """Create an instance and give it its first turn; names are the `World`'s business."""
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor.actor_ref

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]
        dispatcher, lane = self._world.dispatcher, self.lane
        return Mailbox(lambda: dispatcher.ready(self, lane))

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.mailbox.wake()

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Every failure passes here once; the node is told and decides."""
        del exception_type
        if not self.actor_stopped.is_set():
            error = exception_value or RuntimeError("unknown failure")
            self._end("failed", f"{type(error).__name__}: {error}", (error, traceback))

    # ── turns ──

    @property
    def mailbox(self) -> Mailbox:
        """The inbox, as the runtime knows it."""
        return self.actor_inbox  # type: ignore[return-value]

    def turn(self) -> None:
        """Handle one message (first turn: start); the dispatcher never calls it twice at once."""
        mailbox = self.mailbox
        if mailbox.killed:
            self._cause = self._killed_for or self._cause
            self._end(mailbox.killed)  # type: ignore[arg-type]
        elif not self._set_up:
            self._set_up = True
            self._actor_loop_setup()
        else:
            mailbox.allow()
            with contextlib.suppress(MailboxEmpty):
                self._actor_loop_running()
        self.turned_s = self.context.now()
        if self.actor_stopped.is_set():
            self._world.bury(self, mailbox.close())
        else:
            mailbox.finish()

    def kill(self, why: Death, cause: str = "") -> None:
        """Die before the next message, memory gone; `cause` is the id of the event behind it."""
        self._killed_for = cause
        self.mailbox.kill(why)

    def owe(self, cause: str, trace: str) -> None:
        """Say before the first turn which event this instance's life follows from."""
        name = self.context.name
        self._cause = cause
        self.envelope = Envelope(name, name, Started(), cause=cause, trace=trace)

    def expects(self, answers: str, member: MemberId | None) -> bool:
        """Whether `member` may answer the call `answers`: strangers' answers reach no actor."""
        asked = self._asked.get(answers, "")
        return asked is None or (asked != "" and asked == member)

    def on_start(self) -> None:
        """Run `started` as pykka's first turn."""
        self._guarded(self.started, deque())

    def on_receive(self, message: Any) -> None:
        """Handle an envelope, or go on after the disk has answered."""
        if isinstance(message, DiskDone):
            self._resume(message)
            return
        if isinstance(message, TimerDue):
            if self._timers.get(message.name, (0,))[0] != message.token:
                return  # cancelled or set anew while the reminder waited in the mailbox
            del self._timers[message.name]
            message = message.envelope
        envelope: Envelope = message
        self.envelope = envelope
        self._cause = envelope.cause
        self.handled += 1
        if self._world.traced:
            self._cause = self._world.trace_message(self, envelope)
        self._said = ""
        if envelope.answers and not envelope.more:
            self._asked.pop(envelope.answers, None)
        self._guarded(lambda: self.step(envelope.message), deque())

    def _resume(self, done: DiskDone) -> None:
        self.envelope = done.envelope
        if done.aside:
            self._emit(Emit(StateFileDamaged(path=done.answer.path, aside=done.aside)))  # type: ignore[union-attr]
        answer = done.answer
        if answer is None:
            self._guarded(list, done.effects)
        elif isinstance(answer, PersistFailed):
            self._guarded(lambda: self.step(answer), deque())
        else:
            self._guarded(lambda: self.step(answer), done.effects)

    def _guarded(self, decide: Callable[[], Iterable[Effect]], rest: deque[Effect]) -> None:
        """Decide, then perform; anything raised (even SystemExit) is this actor's own failure."""
        try:
            effects = deque(decide())
            effects.extend(rest)
            self._perform(effects)
        except NotUnderstoodError:
            if not self._world.blame(self.envelope):
                self._handle_failure(*sys.exc_info())
        except BaseException:  # noqa: BLE001 - one actor's exit must not be every actor's
            self._handle_failure(*sys.exc_info())

    def _end(
        self,
        why: Death,
        reason: str = "",
        error: tuple[BaseException, TracebackType | None] | None = None,
    ) -> None:
        self.actor_stopped.set()
        for _, cancel in self._timers.values():
            cancel()
        self._timers.clear()
        self._world.died(self, why, reason, error, self._cause)

    # ── effects ──

    def _perform(self, effects: deque[Effect]) -> None:
        while effects:
            match effects.popleft():
                case Send(to, message, ticket):
                    self._send(to, self._filled(message), ticket)
                case Ask(to, message, call):
                    self._open_call(call, to)
                    self._send(to, self._filled(message), Ticket(self.context.name, call))
                case Reply(message, ticket, more):
                    self._reply(self._filled(message), ticket, more)
                case After() as after:
                    self._after(after)
                case Cancel(name):
                    self._cancel(name)
                case Emit() as emit:
                    self._emit(emit)
                case Persist() as persist:
                    self._persist(persist, effects)
                    return
                case Load() as load:
                    self._load(load, effects)
                    return
                case Spawn() as spawn:
                    self._tell_node(SpawnChild(self.context.name, self.context.instance, spawn))
                case Stop(name):
                    self._tell_node(StopChild(name or self.context.name))
                case Watch(name):
                    self._tell_node(WatchRequest(self.context.name, self.context.instance, name))

    def _open_call(self, call: str, to: str) -> None:
        self._asked[call] = split_address(to)[0]
        if len(self._asked) > OPEN_CALLS:  # what was never answered goes, oldest first
            del self._asked[next(iter(self._asked))]

    def _filled(self, message: Message) -> Message:
        if self._said and getattr(message, "event_id", None) == "":
            return msgspec.structs.replace(message, event_id=self._said)
        return message

    def _tell_node(self, message: Message) -> None:
        self._send("node", message, None)

    def _send(self, to: str, message: Message, ticket: Ticket | None) -> None:
        trace = self.envelope.trace
        self._world.send(
            Envelope(to, self.context.name, message, "", self._cause, trace, 0, ticket)
        )

    def _reply(self, message: Message, ticket: Ticket | None, more: bool) -> None:
        envelope = self.envelope
        ticket = ticket or envelope.ticket
        to = ticket.address if ticket else envelope.sender
        if not to:
            return
        self._world.send(
            Envelope(
                to=to,
                sender=self.context.name,
                message=message,
                cause=self._cause,
                trace=envelope.trace,
                answers=ticket.call if ticket else "",
                more=more,
            )
        )

    def _after(self, after: After) -> None:
        name = self.context.name
        envelope = Envelope(name, name, after.message, "", self._cause, self.envelope.trace)
        mailbox = self.mailbox
        if not after.name:
            self._world.timers.after(after.delay_s, lambda: _put(mailbox, envelope))
            return
        self._cancel(after.name)
        self._tokens += 1
        due = TimerDue(after.name, self._tokens, envelope)
        cancel = self._world.timers.after(after.delay_s, lambda: _put(mailbox, due))
        self._timers[after.name] = (due.token, cancel)

    def _cancel(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer[1]()

    def _emit(self, emit: Emit) -> None:
        self._said = self._world.emit(
            self.context.name, emit.event, self._cause, self.envelope.trace
        )
        self._cause = self._said or self._cause

    def _persist(self, persist: Persist, rest: deque[Effect]) -> None:
        envelope, mailbox = self.envelope, self.mailbox
        mailbox.hold()

        def done(reason: str | None) -> None:
            answer = None if reason is None else PersistFailed(persist.path, reason)
            mailbox.resume(DiskDone(answer, rest, envelope))

        self._world.store.write(persist.path, persist.data, persist.sealed, done)

    def _load(self, load: Load, rest: deque[Effect]) -> None:
        envelope, mailbox = self.envelope, self.mailbox
        mailbox.hold()

        def done(data: bytes | None, aside: str | None) -> None:
            answer = Loaded(load.path, data, damaged=aside is not None)
            mailbox.resume(DiskDone(answer, rest, envelope, aside))

        self._world.store.read(load.path, load.sealed, done)


def _put(mailbox: Mailbox, item: Envelope | TimerDue) -> None:
    mailbox.put(item)


class Started(Message, frozen=True):
    """What the first turn handles: nothing was said yet."""
