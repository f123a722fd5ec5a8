"""The shell `events`: answers questions about this member's log, or about the whole ring's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.effects import After, Ask, Effect, Reply, Send
from actors.eventlog.filters import means_ring, member_of
from actors.eventlog.followers import Followers
from actors.eventlog.gather import DEADLINE_S, Gather, chosen, of_member
from actors.eventlog.merge import POLL_S
from actors.messages.base import MemberId, Message, join_address, split_address
from actors.messages.control import RequestEnded
from actors.messages.envelope import Ticket
from actors.messages.events import EventPage, QueryEvents
from actors.messages.ring import MemberHealth, MembersChanged, MemberView, Subscribe
from actors.messages.runtime import CallFailed
from actors.runtime.actor import Actor, Context

LOG = "port/eventlog"
SUBSCRIBE_S = 5.0  # a subscription is a message too: it is repeated


class SubscribeAgain(Message, frozen=True):
    """Time to repeat the subscription to the ring's members."""


class GatherDue(Message, frozen=True):
    """The members asked for `number` have had their time."""

    number: int


class PollDue(Message, frozen=True):
    """Time to ask on behalf of the followers."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an answer belongs to: a gather, or (with a number as `ask`) a follower's question."""

    member: MemberId
    number: int
    ask: int = 0

    def text(self, instance: int) -> str:
        """The call as the envelope carries it."""
        return f"{instance}.{self.number}.{self.ask}.{self.member}"

    @classmethod
    def of(cls, text: str, instance: int) -> Call | None:
        """The call of this instance that `text` names, if it does."""
        parts = _CALL.fullmatch(text)
        if parts is None or int(parts[1]) != instance:
            return None
        return cls(parts[4], int(parts[2]), int(parts[3]))


_CALL = re.compile(r"(\d{1,15})\.(\d{1,15})\.(\d{1,15})\.([0-9a-f]{32})", re.ASCII)


class EventsActor(Actor):
    """Path `events`."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # Members by id, with their names; None until gossip has told us.
        self._alive: dict[MemberId, str] | None = None
        self._dead: dict[MemberId, str] = {}
        self._gathers: dict[int, tuple[Gather, Ticket]] = {}
        self._early: list[tuple[QueryEvents, Ticket]] = []
        self._followers = Followers(context.member)
        self._numbers = 0

    def started(self) -> list[Effect]:
        """Ask gossip who is there."""
        return self._subscribe(again=False)

    def step(self, message: Message) -> list[Effect]:
        """Answer questions; pass them on to the members they are about."""
        match message:
            case QueryEvents():
                return self._query(message)
            case EventPage():
                return self._answered(message)
            case CallFailed():
                return self._answered(None)
            case MembersChanged(views):
                self._alive = _named(views, ("alive", "suspect"))
                self._dead = _named(views, ("confirmed",))
                self._followers.members(self._alive, self.context.now())
                early, self._early = self._early, []
                return [effect for query, ticket in early for effect in self._ring(query, ticket)]
            case GatherDue(number):
                return self._gathered(number)
            case PollDue():
                return self._poll()
            case RequestEnded(call):
                self._followers.end_of(self.envelope.sender, call)
                return []
            case SubscribeAgain():
                return self._subscribe(again=True)
            case _:
                return super().step(message)

    def _subscribe(self, *, again: bool) -> list[Effect]:
        return [
            Send("gossip", Subscribe(again=again)),
            After(SUBSCRIBE_S, SubscribeAgain(), name="subscribe"),
        ]

    def _query(self, query: QueryEvents) -> list[Effect]:
        ticket = self.envelope.ticket or Ticket(self.envelope.sender, "")
        if not query.follow and not means_ring(query):
            return [Send(LOG, query, ticket)]
        home = split_address(ticket.address)[0]
        if home not in (None, self.context.member) and home not in (self._alive or ()):
            text = "only members of this ring may follow its events, or ask for all of them"
            return [Reply(CallFailed("Refused", text, "not-a-member"), ticket)]
        if query.follow:
            return self._follow(query, ticket)
        if self._alive is not None:
            return self._ring(query, ticket)
        self._early.append((query, ticket))
        return [After(DEADLINE_S, GatherDue(0))] if len(self._early) == 1 else []

    # ── one answer of the whole ring ──

    def _ring(self, query: QueryEvents, ticket: Ticket) -> list[Effect]:
        me = self.context.member
        asked = chosen(self._alive or {}, query, me)
        absent = chosen(self._dead, query, me) - {me}
        unknown = frozenset() if self._alive is not None else frozenset({"*"})
        if not asked | absent | unknown:
            text = f"no member of the ring has the name or an id beginning with {query.member}"
            return [Reply(CallFailed("Refused", text, "no-member"), ticket)]
        self._numbers += 1
        number = self._numbers
        self._gathers[number] = (Gather(query, asked, absent | unknown), ticket)
        effects: list[Effect] = [
            Ask(self._log_of(member), of_member(query), self._call(member, number))
            for member in sorted(asked)
        ]
        if not asked:
            return self._gathered(number)
        return [*effects, After(DEADLINE_S, GatherDue(number))]

    def _gathered(self, number: int) -> list[Effect]:
        """Answer with what has come; number 0 is for questions from before the ring was known."""
        if number == 0:
            early, self._early = self._early, []
            return [effect for query, ticket in early for effect in self._ring(query, ticket)]
        gather, ticket = self._gathers.pop(number, (None, None))
        return [] if gather is None else [Reply(gather.answer(), ticket)]

    # ── followers ──

    def _follow(self, query: QueryEvents, ticket: Ticket) -> list[Effect]:
        was_idle = len(self._followers) == 0
        gone = self._followers.add(ticket, query, self._alive or {}, self.context.now())
        text = "too many follow this log; the oldest gave way"
        effects: list[Effect] = [
            Reply(CallFailed("Refused", text, "too-many-followers"), each) for each in gone
        ]
        return effects + (self._poll() if was_idle else [])

    def _poll(self) -> list[Effect]:
        if not len(self._followers):
            return []
        effects: list[Effect] = [
            Ask(
                self._log_of(question.member),
                question.query,
                self._call(question.member, question.follower, question.ask),
            )
            for question in self._followers.ask(self.context.now())
        ]
        return [*effects, *self._tell(), After(POLL_S, PollDue(), name="poll")]

    def _tell(self, follower: int = 0) -> list[Effect]:
        return [
            Reply(page, ticket, more=True)
            for ticket, pages in self._followers.tell(self.context.now(), follower).items()
            for page in pages
        ]

    # ── answers of logs ──

    def _answered(self, page: EventPage | None) -> list[Effect]:
        call = Call.of(self.envelope.answers, self.context.instance)
        if call is None:
            return []  # of an earlier instance, or made up
        if page is not None:
            if split_address(self.envelope.sender)[0] not in (call.member, None):
                return []  # a member speaks for itself alone
            own = tuple(event for event in page.events if member_of(event.id) == call.member)
            page = EventPage(own, page.more and bool(own), upto=page.upto)
        if call.ask:
            now = self.context.now()
            self._followers.take(call.number, call.member, call.ask, page, now)
            # Whom it does not concern hears with the next poll: strangers can make an open ring
            # large, and each of its members is asked by each follower.
            return [] if page is None else self._tell(call.number)
        if call.number not in self._gathers:
            return []  # its time was up
        gather, ticket = self._gathers[call.number]
        gather = gather.take(call.member, page)
        self._gathers[call.number] = (gather, ticket)
        return self._gathered(call.number) if gather.complete else []

    def _call(self, member: MemberId, number: int, ask: int = 0) -> str:
        return Call(member, number, ask).text(self.context.instance)

    def _log_of(self, member: MemberId) -> str:
        return LOG if member == self.context.member else join_address(member, "events")


def _named(views: tuple[MemberView, ...], health: tuple[MemberHealth, ...]) -> dict[MemberId, str]:
    return {view.member.id: view.member.name for view in views if view.health in health}
