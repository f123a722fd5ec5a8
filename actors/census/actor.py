"""The shell of the census: `census`, between gossip and whoever wants to know the groups."""

from __future__ import annotations

from typing import Final

from actors.census import fold
from actors.effects import After, Effect, Reply, Send
from actors.messages.base import Address, MemberId, Message
from actors.messages.ring import (
    Census,
    GroupMember,
    MemberHealth,
    MembersChanged,
    MemberView,
    QueryCensus,
    Rumor,
    RumorsChanged,
    Subscribe,
)
from actors.messages.runtime import CallFailed
from actors.runtime.actor import Actor, Context

REPEAT_S: Final = 5.0  # subscriptions are messages, and may be lost with their instance
EXPIRES_S: Final = 20.0  # a subscription not repeated for so long is over


class Repeat(Message, frozen=True):
    """The census to itself: subscribe to gossip once more."""


class CensusActor(Actor):
    """`census`: folds what gossip tells. Says nothing before gossip is settled."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._members: tuple[MemberView, ...] | None = None
        self._healths: dict[MemberId, MemberHealth] | None = None
        self._told: tuple[Rumor, ...] | None = None
        self._rumors: dict[fold.RumorId, Rumor] | None = None
        self._groups: dict[str, tuple[GroupMember, ...]] | None = None
        self._version = 0
        self._subscribers: dict[Address, float] = {}

    def started(self) -> list[Effect]:
        """Subscribe to gossip, now and again."""
        return self._subscribe()

    def step(self, message: Message) -> list[Effect]:
        """Fold what changed; tell who wants to know."""
        match message:
            case Repeat():
                return self._subscribe()
            case MembersChanged(members):
                return self._members_changed(members)
            case RumorsChanged(rumors, complete):
                return self._rumors_changed(rumors, complete=complete)
            case Subscribe():
                until_s = self.context.now() + EXPIRES_S
                self._subscribers[self.envelope.sender] = until_s
                census = self._census()
                return [] if census is None else [Send(self.envelope.sender, census)]
            case QueryCensus():
                return [Reply(self._census() or _NOT_YET)]
            case _:
                return super().step(message)

    def _subscribe(self) -> list[Effect]:
        again = After(REPEAT_S, Repeat(), "repeat")
        return [Send("gossip", Subscribe((fold.KIND,))), again]

    def _members_changed(self, members: tuple[MemberView, ...]) -> list[Effect]:
        if members is self._members:
            return []  # gossip builds its answer once for all who ask
        self._members = members
        healths = fold.healths(members)
        if healths == self._healths:
            return []
        self._healths = healths
        return self._fold()

    def _rumors_changed(self, rumors: tuple[Rumor, ...], *, complete: bool) -> list[Effect]:
        if complete and rumors is self._told:
            return []
        if complete:
            self._told = rumors
        known = fold.update({} if complete else self._rumors or {}, rumors)
        if known == self._rumors:
            return []
        self._rumors = known
        return self._fold()

    def _fold(self) -> list[Effect]:
        if self._rumors is None or self._healths is None:
            return []
        groups = fold.groups(self._rumors, self._healths)
        if groups == self._groups:
            return []
        self._groups = groups
        self._version += 1
        census = self._census()
        now = self.context.now()
        self._subscribers = {who: until for who, until in self._subscribers.items() if until > now}
        return [Send(who, census) for who in self._subscribers] if census is not None else []

    def _census(self) -> Census | None:
        return None if self._groups is None else Census(self._version, self._groups)


_NOT_YET: Final = CallFailed(
    "ActorUnavailableError", "the ring is not settled yet, there is no census", "not-settled"
)
