"""The shell of the census: `census`, between gossip and whoever wants to know the groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actors.census import facts, fold, leaders
from actors.effects import After, Ask, Effect, Emit, Reply, Send
from actors.messages.base import Address, MemberId, Message
from actors.messages.envelope import Ticket
from actors.messages.groups import ApplyConfig, GroupFacts, QueryGroup, UploadFile
from actors.messages.ring import (
    UNCHANGED,
    Census,
    GroupElections,
    GroupMember,
    MemberHealth,
    MembersChanged,
    MemberView,
    QueryCensus,
    Rumor,
    RumorsChanged,
    Subscribe,
)
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import Accepted
from actors.runtime.actor import Actor, Context

REPEAT_S: Final = 5.0  # subscriptions are messages, and may be lost with their instance
EXPIRES_S: Final = 20.0  # a subscription not repeated for so long is over
KINDS: Final = (fold.KIND, *fold.GROUP_KINDS, *leaders.KINDS)


class Repeat(Message, frozen=True):
    """The census to itself: subscribe to gossip once more."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber wants beside the census, and until when (seconds)."""

    wants_facts: bool
    until_s: float


class CensusActor(Actor):
    """`census`: folds what gossip tells. Says nothing before gossip is settled."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._members: tuple[MemberView, ...] | None = None
        self._healths: dict[MemberId, MemberHealth] | None = None
        self._told: tuple[Rumor, ...] | None = None
        self._rumors: dict[fold.RumorId, Rumor] | None = None
        self._groups: dict[str, tuple[GroupMember, ...]] | None = None
        self._elections: dict[str, GroupElections] = {}
        self._facts: GroupFacts | None = None
        self._version = 0
        self._subscribers: dict[Address, Subscription] = {}
        self._applying: dict[str, tuple[facts.Command, Ticket | None]] = {}
        self._durable: list[tuple[facts.Command, Ticket | None]] = []  # and still to be seen here
        self._calls = 0

    def started(self) -> list[Effect]:
        """Subscribe to gossip, now and again."""
        return self._subscribe(again=False)

    def step(self, message: Message) -> list[Effect]:
        """Fold what changed; tell who wants to know; take what is applied to a group."""
        match message:
            case Repeat():
                return self._subscribe(again=True)
            case MembersChanged(members):
                return self._members_changed(members)
            case RumorsChanged(rumors, complete):
                return self._rumors_changed(rumors, complete=complete)
            case Subscribe(kinds):
                return self._subscribed(self.envelope.sender, wants_facts="config" in kinds)
            case QueryCensus():
                return [Reply(self._census() or _NOT_YET)]
            case QueryGroup(group):
                return [Reply(_NOT_YET if self._facts is None else _only(self._facts, group))]
            case ApplyConfig() | UploadFile():
                return self._apply(message)
            case Ok() | CallFailed() if self.envelope.answers in self._applying:
                return self._applied(message)
            case _:
                return super().step(message)

    def _subscribe(self, *, again: bool) -> list[Effect]:
        repeat = After(REPEAT_S, Repeat(), "repeat")
        return [Send("gossip", Subscribe(KINDS, again)), repeat]

    # ── the view ──

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
        if self._rumors is None and not complete:
            return []  # meant for an instance before this one: a part would be taken for all
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
        effects: list[Effect] = []
        now = self.context.now()
        self._subscribers = {a: one for a, one in self._subscribers.items() if one.until_s > now}
        group_facts = fold.group_facts(self._rumors)
        if group_facts != self._facts:
            self._facts = group_facts
            wanting = (who for who, one in self._subscribers.items() if one.wants_facts)
            effects += [Send(who, group_facts) for who in wanting]
            effects += self._settle()
        groups = fold.groups(self._rumors, self._healths)
        elections = leaders.elections(self._rumors.values(), self._healths)
        if (groups, elections) != (self._groups, self._elections):
            self._groups, self._elections = groups, elections
            self._version += 1
            census = Census(self._version, groups, elections)
            effects += [Send(who, census) for who in self._subscribers]
        return effects

    def _census(self) -> Census | None:
        if self._groups is None:
            return None
        return Census(self._version, self._groups, self._elections)

    def _subscribed(self, who: Address, *, wants_facts: bool) -> list[Effect]:
        self._subscribers[who] = Subscription(wants_facts, self.context.now() + EXPIRES_S)
        census = self._census()
        if census is None or self._facts is None:
            return []
        group_facts: list[Effect] = [Send(who, self._facts)] if wants_facts else []
        return [*group_facts, Send(who, census)]

    # ── what is applied to a group ──

    def _apply(self, command: facts.Command) -> list[Effect]:
        if (refusal := facts.refusal(command)) is not None:
            return [Reply(refusal)]
        if isinstance(command, ApplyConfig) and (refusal := self._conflict(command)) is not None:
            return [Reply(refusal)]
        self._calls += 1
        call = f"publish:{self.context.instance}.{self._calls}"
        self._applying[call] = command, self.envelope.ticket
        return [Ask("gossip", facts.publication(command), call)]

    def _conflict(self, command: ApplyConfig) -> CallFailed | None:
        if self._facts is None or self._groups is None:
            return _NOT_YET if command.config.rolling else None
        members = self._groups.get(command.config.service_group, ())
        return facts.conflict(command, self._facts, members)

    def _applied(self, answer: Ok | CallFailed) -> list[Effect]:
        command, ticket = self._applying.pop(self.envelope.answers)
        if isinstance(answer, CallFailed):
            return [Reply(answer, ticket)]
        if answer.text == UNCHANGED:
            return [Reply(Accepted(facts.done_text(command), unchanged=True), ticket)]
        self._durable.append((command, ticket))
        return self._settle()

    def _settle(self) -> list[Effect]:
        """Answer what is seen here too, so that whoever asks next finds what he has applied."""
        effects: list[Effect] = []
        waiting, self._durable = self._durable, []
        for command, ticket in waiting:
            if self._facts is None or not facts.holds(self._facts, command):
                self._durable.append((command, ticket))
                continue
            accepted = Accepted(facts.done_text(command))
            effects += [Emit(facts.event_of(command)), Reply(accepted, ticket)]
        return effects


def _only(found: GroupFacts, group: str) -> GroupFacts:
    if not group:
        return found
    config, files = found.configs.get(group), found.files.get(group)
    staged = found.staged.get(group)
    return GroupFacts(
        {group: config} if config else {},
        {group: files} if files else {},
        {group: staged} if staged else {},
    )


_NOT_YET: Final = CallFailed(
    "ActorUnavailableError", "the ring is not settled yet, there is no census", "not-settled"
)
