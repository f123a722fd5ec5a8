"""One question to many members: who was asked, what came, when it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from actors.eventlog.filters import limit_of, means_member, means_ring
from actors.eventlog.merge import merge
from actors.messages.base import MemberId
from actors.messages.events import EventPage, QueryEvents

DEADLINE_S = 2.0  # a member that has not answered by then is named as missing


@dataclass(frozen=True, slots=True)
class Gather:
    """The pages of `asked` members as they come; `absent` ones cannot be asked (dead, unknown)."""

    query: QueryEvents
    asked: frozenset[MemberId]
    absent: frozenset[str] = frozenset()
    pages: dict[MemberId, EventPage] = field(default_factory=dict)
    failed: frozenset[MemberId] = frozenset()

    def take(self, member: MemberId, page: EventPage | None) -> Gather:
        """With a member's answer; None for a failure."""
        if page is None:
            return replace(self, failed=self.failed | {member})
        return replace(self, pages={**self.pages, member: page})

    @property
    def complete(self) -> bool:
        """Whether nobody is waited for."""
        return self.asked <= self.pages.keys() | self.failed

    def answer(self) -> EventPage:
        """What there is by now, with those who are missing."""
        page = merge(self.pages, limit_of(self.query), self.query.last)
        missing = (self.asked - self.pages.keys()) | self.absent
        return EventPage(page.events, page.more, tuple(sorted(missing)), page.upto)


def of_member(query: QueryEvents) -> QueryEvents:
    """The question as one member's own log is to answer it."""
    return QueryEvents(
        actor=query.actor,
        kind=query.kind,
        since=query.since,
        until=query.until,
        after=query.after,
        after_hlc=query.after_hlc,
        last=query.last,
        limit=query.limit,
    )


def chosen(
    members: Mapping[MemberId, str], query: QueryEvents, me: MemberId
) -> frozenset[MemberId]:
    """Which of the members (id → name), and oneself, the query is about."""
    if not means_ring(query):
        return frozenset({me})
    return frozenset(m for m in {me, *members} if means_member(query.member, m, members.get(m, "")))
