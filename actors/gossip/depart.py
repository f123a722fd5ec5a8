"""`hab sup depart`: out for good. Refused while another member still hears the one to go.

Where the asker reaches the member itself, the member is told, gives up its seats in elections and
goes; it has `LEAVE_S` for that. Where nobody reaches it, the command is the operator's oath that it
is gone. Where only others reach it, the asker is probably the one that is cut off: refused, unless
forced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.effects import Reply
from actors.gossip.core import Core
from actors.gossip.opinion import Opinions
from actors.gossip.probe import Probe
from actors.messages.base import MemberId, Message
from actors.messages.envelope import Ticket
from actors.messages.gossip import LeaveForGood, News
from actors.messages.ring import DepartMember, DepartureAsked
from actors.messages.runtime import CallFailed, Ok

LEAVE_S: Final = 15.0  # an election gives up a seat within 10 s, or goes without
FAREWELLS: Final = 10  # members told directly of a goodbye: some of them pass it on


class Departures:
    """Inquiries under way: member → who waits for the outcome. `inquire` asks all who hear it."""

    def __init__(self, core: Core, opinions: Opinions, inquire: Callable[[MemberId], None]) -> None:
        self._core = core
        self._opinions = opinions
        self._inquire = inquire
        self._waiting: dict[MemberId, list[Ticket | None]] = {}
        self._leaving: dict[MemberId, list[Ticket | None]] = {}  # told, and still to go

    def ask(self, message: DepartMember, ticket: Ticket | None) -> None:
        """An operator wants a member out."""
        member = self._named(message.member)
        if isinstance(member, CallFailed):
            self._core.effects.append(Reply(member, ticket))
            return
        entry = self._core.members.entries[member]
        if entry.health == "departed":
            self._core.effects.append(Reply(Ok(f"{member} has departed already"), ticket))
        elif message.force or entry.member.left:
            self._depart(member)
            self._core.effects.append(Reply(Ok(f"{member} departed"), ticket))
        elif member == self._core.me:
            self._leave(member, [ticket])
        elif member in self._waiting:
            self._waiting[member].append(ticket)
        else:
            self._waiting[member] = [ticket]
            self._inquire(member)

    def settle(self, inquiry: Probe) -> None:
        """Everybody has answered, or had the time to."""
        member = inquiry.target
        others = [helper for helper in inquiry.heard_by if helper != member]
        answer: Message
        if others and member not in inquiry.heard_by:
            names = ", ".join(helper[:8] for helper in sorted(others))
            text = f"{member} is still heard by {names}; --force departs it nevertheless"
            answer = CallFailed("Refused", text, "refused")
        elif member in inquiry.heard_by:
            self._leave(member, self._waiting.pop(member, []))
            return
        else:
            self._depart(member)
            answer = Ok(f"{member} departed")
        for ticket in self._waiting.pop(member, []):
            self._answer(ticket, answer)

    def told(self, by: MemberId, epoch: int) -> None:
        """This member is to go: the node sees to its seats, and gives the word."""
        me = self._core.members.get(self._core.me)
        if me is not None and me.member.epoch == epoch:
            self._core.tell("node", DepartureAsked(by))

    def gone(self, member: MemberId) -> None:
        """A member has departed: whoever waits for it is told."""
        self._core.agenda.cancel("leaving", member)
        for ticket in self._leaving.pop(member, []):
            self._answer(ticket, Ok(f"{member} departed"))

    def overdue(self, member: MemberId) -> None:
        """It was told, and has not gone: it is out all the same."""
        if member in self._leaving:
            self._depart(member)

    def drop(self) -> None:
        """This member stood still: nobody's silence proves anything."""
        for member, tickets in self._waiting.items():
            text = f"whether {member} is heard could not be found out; try again"
            for ticket in tickets:
                self._answer(ticket, CallFailed("ActorUnavailableError", text))
        self._waiting.clear()

    def _named(self, name: str) -> MemberId | CallFailed:
        """A member by its id or an unambiguous beginning of it."""
        entries = self._core.members.entries
        if name in entries:
            return name
        found = sorted(member for member in entries if name and member.startswith(name))
        if len(found) == 1:
            return found[0]
        what = "no member" if not found else "more than one member"
        return CallFailed("Refused", f"{what} of this ring has the id {name}", "unknown")

    def _leave(self, member: MemberId, tickets: list[Ticket | None]) -> None:
        core = self._core
        self._leaving.setdefault(member, []).extend(tickets)
        core.agenda.at(core.now + LEAVE_S, "leaving", member)
        if member == core.me:
            core.tell("node", DepartureAsked(core.me))
        else:
            core.send(member, LeaveForGood(core.members.entries[member].member.epoch))

    def _depart(self, member: MemberId) -> None:
        core = self._core
        self._opinions.depart(member)
        told = [member]
        if member == core.me:
            told = core.members.living.sample(FAREWELLS, core.random)
        for hearer in told:
            core.send(hearer, News((core.members.claim(member),)))

    def _answer(self, ticket: Ticket | None, message: Message) -> None:
        if ticket is not None:
            self._core.effects.append(Reply(message, ticket))
