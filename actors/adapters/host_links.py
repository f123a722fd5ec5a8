"""The connections of actor hosts, and the calls that are on their way in them.

Used under the control gateway's lock alone. A call that was handed over is open until its answer
comes, its host is declared lost, or its host connects anew and has not answered it (a process that
was stopped for longer than its heartbeats may be missed does, once it goes on).
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from actors.messages.base import Message
from actors.messages.primitives import (
    HostCall,
    HostHello,
    HostLost,
    HostReturn,
    MethodReturned,
)
from actors.messages.runtime import CallFailed

MAX_CALLS: Final = 100_000  # calls open or waiting for one host; the caller of the next is refused
BATCH: Final = 50  # frames of a multipart message when they queue

Answer: TypeAlias = Callable[[Message], None]
# (routing id, messages and calls) → whether they left
SendFrames: TypeAlias = Callable[[bytes, "list[HostCall | Message]"], bool]


@dataclass(slots=True)
class _Link:
    instance: int = -1
    routing: bytes = b""
    is_open: bool = False
    answers: dict[int, Answer] = field(default_factory=dict)
    outbox: deque[HostCall | Message] = field(default_factory=deque)


class HostLinks:
    """Hosts by name. `send` hands a message to the socket."""

    def __init__(self, send: SendFrames) -> None:
        self._send = send
        self._links: dict[str, _Link] = {}
        # Numbers of an earlier life of this gateway must not answer calls of this one.
        self._number = int.from_bytes(os.urandom(5)) << 20
        self._waiting: set[str] = set()
        self._dropped: Counter[str] = Counter()

    @property
    def waiting(self) -> bool:
        """Whether anything could not be sent yet."""
        return bool(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether any call is open."""
        return any(link.answers for link in self._links.values())

    def hello(self, message: HostHello, routing: bytes) -> bool:
        """A host has connected; False if a newer life of it is there already."""
        link = self._links.setdefault(message.host, _Link())
        if message.instance < link.instance:
            return False
        again = link.instance == message.instance and link.routing not in (b"", routing)
        link.instance, link.routing = message.instance, routing
        if again:
            self._doubt(message.host, link)
        self.flush(message.host)
        return True

    def _doubt(self, host: str, link: _Link) -> None:
        """Answer what went out by the connection that broke: it may have arrived, or not."""
        unsent = {entry.number for entry in link.outbox if isinstance(entry, HostCall)}
        text = f"the connection of host/{host} broke; the call may have been executed"
        for number in [number for number in link.answers if number not in unsent]:
            link.answers.pop(number)(CallFailed("ActorUnavailableError", text))

    def is_open(self, host: str) -> bool:
        """Whether calls may be handed over without asking its actor."""
        link = self._links.get(host)
        return link is not None and link.is_open

    def is_idle(self, host: str) -> bool:
        """Whether it is open and has nothing to do: a call would reach it at once."""
        link = self._links.get(host)
        return link is not None and link.is_open and not link.answers and not link.outbox

    def open(self, host: str) -> None:
        """Its actor says that it takes calls."""
        if link := self._links.get(host):
            link.is_open = True

    def tell(self, host: str, message: Message) -> None:
        """Send the host something that is not a call."""
        if link := self._links.get(host):
            link.outbox.append(message)
            self.flush(host)

    def call(self, host: str, method: str, args: bytes, answer: Answer | None) -> None:
        """`run` a call that its actor does not see, unless it has ceased to take calls.

        Queued, it would reach the next process before that has made its instance, and be lost.
        """
        if self.is_open(host):
            self.run(host, method, args, answer)
        elif answer is None:
            self._dropped[host] += 1
        else:
            text = f"host/{host} died before the call was handed over"
            answer(CallFailed("ActorUnavailableError", text))

    def run(self, host: str, method: str, args: bytes, answer: Answer | None) -> None:
        """Queue a call; `flush` sends it. The answer, or why there is none, goes to `answer`."""
        link = self._links.get(host)
        if link is None or len(link.answers) + len(link.outbox) >= MAX_CALLS:
            if answer is None:
                self._dropped[host] += 1
            else:
                reason = "is not connected" if link is None else f"has {MAX_CALLS} open calls"
                answer(CallFailed("ActorUnavailableError", f"host/{host} {reason}"))
            return
        number = 0
        if answer is not None:
            self._number = number = self._number + 1
            link.answers[number] = answer
        link.outbox.append(HostCall(number, method, args))
        self._waiting.add(host)

    def take_dropped(self) -> dict[str, int]:
        """How many calls that want no answer were dropped since the last time, by host."""
        dropped, self._dropped = self._dropped, Counter()
        return dict(dropped)

    def flush(self, host: str = "") -> None:
        """Send what waits for one host, or for all."""
        for name in [host] if host else sorted(self._waiting):
            link = self._links.get(name)
            while link is not None and link.outbox and link.routing:
                batch = list(islice(link.outbox, BATCH))
                if not self._send(link.routing, batch):
                    break
                for _ in batch:
                    link.outbox.popleft()
            if link is None or not link.outbox:
                self._waiting.discard(name)
            else:
                self._waiting.add(name)

    def returned(self, host: str, one: HostReturn) -> None:
        """An answer came; one nobody waits for (of an earlier life) is dropped."""
        link = self._links.get(host)
        answer = link.answers.pop(one.number, None) if link is not None else None
        if answer is None:
            return
        if one.error:
            answer(CallFailed("ActorTaskError", one.error, traceback=one.traceback))
        else:
            answer(MethodReturned(one.value))

    def all_lost(self) -> None:
        """The actor of all hosts began anew, so that none of its hosts is there any more."""
        for name in sorted(self._links):
            text = (
                f"host/{name} ended with the actor that keeps it; the call may have been executed"
            )
            self.lost(HostLost(name, "ActorUnavailableError", text))

    def lost(self, message: HostLost) -> None:
        """Its actor says that the process is gone: its open calls will hear nothing else."""
        link = self._links.get(message.host)
        if link is None:
            return
        answers = link.answers
        # The instance stays, so that a late word of the lost life is known for what it is.
        self._links[message.host] = _Link(instance=link.instance + 1)
        if message.kind == "ActorDiedError":
            del self._links[message.host]
        self._waiting.discard(message.host)
        failed = CallFailed(message.kind, message.text)
        for answer in answers.values():
            answer(failed)
