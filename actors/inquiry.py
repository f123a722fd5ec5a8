"""Asking several actors the same and answering once: with all that they know, or what came in time.

A parent that is asked about its children asks each of them, and answers when the last one has
answered, has refused, or is late. Pure: what is to be done is returned as effects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from actors.effects import After, Ask, Cancel, Effect, Reply
from actors.messages.base import Address, Message
from actors.messages.envelope import Ticket

Found = TypeVar("Found")


@dataclass(slots=True)
class _Inquiry(Generic[Found]):
    """Who has still to answer, what was found, and whom to tell."""

    ticket: Ticket
    missing: set[Address]
    found: list[Found] = field(default_factory=list)


class Inquiries(Generic[Found]):
    """The open inquiries of one actor.

    `instance` makes their calls unlike those of an earlier life. `limit_s` seconds after it began
    an inquiry is over; `due` makes the reminder of that, of the call, and `answer` the answer.
    """

    def __init__(
        self,
        instance: str,
        limit_s: float,
        due: Callable[[str], Message],
        answer: Callable[[list[Found]], Message],
    ) -> None:
        self._instance = instance
        self._limit_s = limit_s
        self._due = due
        self._answer = answer
        self._open: dict[str, _Inquiry[Found]] = {}
        self._begun = 0

    def begin(self, asked: Collection[Address], question: Message, ticket: Ticket) -> list[Effect]:
        """Ask all of `asked`; where there is none, whoever holds `ticket` is answered at once."""
        if not asked:
            return [Reply(self._answer([]), ticket)]
        self._begun += 1
        call = f"query:{self._instance}.{self._begun}"
        self._open[call] = _Inquiry(ticket, set(asked))
        asks: list[Effect] = [Ask(one, question, f"{call} {one}") for one in asked]
        return [*asks, After(self._limit_s, self._due(call), call)]

    def hear(self, answers: str, found: Iterable[Found]) -> list[Effect]:
        """Take an answer to the call `answers`; one that is a refusal has found nothing."""
        call, _, who = answers.partition(" ")
        inquiry = self._open.get(call)
        if inquiry is None or who not in inquiry.missing:
            return []
        inquiry.missing.discard(who)
        inquiry.found += found
        if inquiry.missing:
            return []
        return [Cancel(call), *self.late(call)]

    def late(self, call: str) -> list[Effect]:
        """Answer with what there is; nothing where the inquiry is over, or was none."""
        inquiry = self._open.pop(call, None)
        return [] if inquiry is None else [Reply(self._answer(inquiry.found), inquiry.ticket)]
