"""Those who follow the log, each with its own tail of the members it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actors.eventlog.filters import MAX_LIMIT, fitting
from actors.eventlog.gather import chosen, of_member
from actors.eventlog.merge import RingTail
from actors.messages.base import Address, MemberId, split_address
from actors.messages.envelope import Ticket
from actors.messages.events import EventPage, EventRecord, QueryEvents

BEAT_S = 5.0  # a follower hears something at least this often
MOST = 64  # followers; the oldest gives way: each costs a question to each member a quarter second


@dataclass(slots=True)
class Follower:
    """One who follows. `told_s`: when it heard something last; `missing`: what it was told."""

    ticket: Ticket
    query: QueryEvents
    tail: RingTail
    told_s: float
    missing: tuple[MemberId, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Ask `member` for `query`; the answer belongs to follower `number`, question `ask`."""

    follower: int
    member: MemberId
    ask: int
    query: QueryEvents


class Followers:
    """The table of followers of one events actor."""

    def __init__(self, me: MemberId) -> None:
        self._me = me
        self._followers: dict[int, Follower] = {}
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._followers)

    def add(
        self, ticket: Ticket, query: QueryEvents, alive: Mapping[MemberId, str], now: float
    ) -> list[Ticket]:
        """Take a follower; whoever had to give way for it is returned.

        The same ticket again replaces the former.
        """
        self.end(ticket)
        tail = RingTail(query.last)
        tail.follow(chosen(alive, query, self._me), now)
        self._numbers += 1
        self._followers[self._numbers] = Follower(ticket, query, tail, now)
        gone = list(self._followers)[:-MOST]
        return [self._followers.pop(number).ticket for number in gone]

    def end(self, ticket: Ticket) -> None:
        """Nobody follows under the ticket any more."""
        for number, follower in list(self._followers.items()):
            if follower.ticket == ticket:
                del self._followers[number]

    def end_of(self, sender: Address, call: str) -> None:
        """`sender` says that nobody waits for `call`; `control` speaks for `port/control`."""
        for follower in list(self._followers.values()):
            if follower.ticket.call == call and _speaks_for(sender, follower.ticket.address):
                self.end(follower.ticket)

    def members(self, alive: Mapping[MemberId, str], now: float) -> None:
        """The members (id → name) one may ask now; followers on those gone are forgotten."""
        for follower in list(self._followers.values()):
            home = split_address(follower.ticket.address)[0]
            if home is not None and home != self._me and home not in alive:
                self.end(follower.ticket)
            else:
                follower.tail.follow(chosen(alive, follower.query, self._me), now)

    def ask(self, now: float) -> list[Question]:
        """The questions that are due."""
        questions = []
        for number, follower in self._followers.items():
            for ask in follower.tail.ask(now):
                own = of_member(follower.query)
                hlc, event_id = ask.cursor
                if not ask.first or hlc:
                    own = QueryEvents(
                        actor=own.actor,
                        kind=own.kind,
                        since=own.since,
                        until=own.until,
                        after=event_id,
                        after_hlc=hlc,
                        limit=own.limit,
                    )
                questions.append(Question(number, ask.member, ask.number, own))
        return questions

    def take(
        self, follower: int, member: MemberId, ask: int, page: EventPage | None, now: float
    ) -> None:
        """A member's answer, None for a failure."""
        if follower in self._followers:
            self._followers[follower].tail.take(member, ask, page, now)

    def tell(self, now: float, only: int = 0) -> Mapping[Ticket, list[EventPage]]:
        """What each follower is to hear now, or the one of a number."""
        told: dict[Ticket, list[EventPage]] = {}
        some = [self._followers[only]] if only in self._followers else []
        for follower in some if only else self._followers.values():
            events = follower.tail.release(now)
            missing = follower.tail.missing(now)
            pages = _pages(events, follower.query.limit, missing)
            if not pages and (missing != follower.missing or now - follower.told_s >= BEAT_S):
                pages = [EventPage(missing=missing)]
            if pages:
                follower.told_s, follower.missing = now, missing
                told[follower.ticket] = pages
        return told


def _pages(
    events: tuple[EventRecord, ...], limit: int, missing: tuple[MemberId, ...]
) -> list[EventPage]:
    """The events in as many pages as they need."""
    pages = []
    while events:
        page, _ = fitting(events, max(1, min(limit, MAX_LIMIT)))
        pages.append(EventPage(page, missing=missing))
        events = events[len(page) :]
    return pages


def _speaks_for(sender: Address, address: Address) -> bool:
    mine, theirs = split_address(sender), split_address(address)
    return mine[0] == theirs[0] and mine[1].removeprefix("port/") == theirs[1].removeprefix("port/")
