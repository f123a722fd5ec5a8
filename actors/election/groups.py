"""What the ring says of each group, as its elections are told: members, offers, records, leaders.

Rumors are hostile until checked: a body that does not belong under its key, or whose number is not
its content's, counts for nothing. A record's number is its stamp, so the ring itself keeps the
newest, whoever publishes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from actors.messages.base import MemberId
from actors.messages.election import MAX_VOTERS, ElectionKind, Electorate, Leadership, Stamp
from actors.messages.election_orders import RingSeen
from actors.messages.ring import (
    MemberHealth,
    MembersChanged,
    MemberView,
    PublishRumor,
    Rumor,
    ServiceInfo,
)

ElectionId: TypeAlias = tuple[str, ElectionKind]  # service group, kind
RumorId: TypeAlias = tuple[str, str, MemberId]  # kind, key, owner; records have no owner
Fact: TypeAlias = ServiceInfo | Electorate | Leadership

LIVING: Final[frozenset[MemberHealth | None]] = frozenset({"alive", "suspect"})
KINDS: Final = ("service", "electorate", "leader")
_TERMS: Final = 1 << 28  # what a rumor's number has room for
_VERSIONS: Final = 1 << 31


def number(record: Electorate, *, gone: bool = False) -> int:
    """A record as the number of its rumor: the newer the greater; its withdrawal is the newest."""
    stamp = record.stamp
    term, version = min(stamp.term, _TERMS - 1), min(stamp.version, _VERSIONS - 1)
    return (term * _VERSIONS + version) << 2 | record.committed << 1 | gone


def term_of(number_: int) -> int:
    """The term in the number of a record's rumor."""
    return (number_ >> 2) // _VERSIONS


def electorate_rumor(record: Electorate, *, gone: bool = False) -> PublishRumor:
    """What gossip is to spread of a record, or that there is no such electorate any more."""
    key = f"{record.service_group}/{record.id}"
    body = None if gone else record
    return PublishRumor("electorate", key, body, gone, number(record, gone=gone))


def leader_rumor(election: ElectionId, me: MemberId, told: Leadership | None) -> PublishRumor:
    """What gossip is to spread of one's own leadership, or that there is none."""
    return PublishRumor("leader", "/".join((*election, me)), told, gone=told is None)


def fact_of(rumor: Rumor) -> Fact | None:
    """What a rumor brings, if it may be used."""
    info = rumor.body
    if isinstance(info, ServiceInfo):
        fine = rumor.kind == "service" and info.member == rumor.owner
        return info if fine and rumor.key == info.service_group else None
    return electorate_of(rumor) or leadership_of(rumor)


def electorate_of(rumor: Rumor) -> Electorate | None:
    """The record that a rumor brings, if it is one that may be used."""
    body = rumor.body
    if rumor.kind != "electorate" or not isinstance(body, Electorate):
        return None
    fine = rumor.key == f"{body.service_group}/{body.id}" and rumor.incarnation == number(body)
    return body if fine and is_whole(body) else None


def is_whole(record: Electorate) -> bool:
    """Whether a record is one that a leader, or a founder, can have made."""
    seats, before = record.voters, record.previous
    return (
        0 < len(seats) <= MAX_VOTERS
        and len({voter.member for voter in seats}) == len(seats)
        and len({voter.member for voter in before}) == len(before)
        and Stamp() < record.stamp
        and record.committed != bool(before)
    )


def leadership_of(rumor: Rumor) -> Leadership | None:
    """The leadership that a rumor brings, if its owner speaks for itself."""
    body = rumor.body
    if rumor.kind != "leader" or not isinstance(body, Leadership) or body.leader != rumor.owner:
        return None
    key = f"{body.service_group}/{body.kind}/{body.leader}"
    return body if rumor.key == key else None


def takes_part(info: ServiceInfo, kind: ElectionKind) -> bool:
    """Whether a member that offers a service would take part in its group's election."""
    return info.topology == "leader" if kind == "topology" else info.strategy == "rolling"


class Groups:
    """The ring's members, and what they say of each group; a part counts only after the whole."""

    def __init__(self) -> None:
        self._members: tuple[MemberView, ...] | None = None
        self._healths: dict[MemberId, MemberHealth | None] = {}
        self._living: tuple[MemberId, ...] = ()
        self._departed: tuple[MemberId, ...] = ()
        self._dead: tuple[tuple[MemberId, float], ...] = ()
        self._is_whole = False
        self._facts: dict[str, dict[RumorId, Fact]] = {}
        self._group_of: dict[RumorId, str] = {}
        self._past: dict[str, int] = {}  # group → greatest term of an electorate that was withdrawn

    def members(self, changed: MembersChanged) -> bool:
        """Take all members in; whether their standing is another than before."""
        views = self._members = changed.members
        healths = {v.member.id: None if v.member.left else v.health for v in views}
        dead = tuple(sorted(changed.dead_since_s.items()))
        if (healths, dead) == (self._healths, self._dead):
            return False
        self._healths, self._dead = healths, dead
        told = sorted(healths.items())
        self._living = tuple(member for member, health in told if health in LIVING)
        self._departed = tuple(member for member, health in told if health == "departed")
        return True

    def rumors(self, told: Iterable[Rumor], *, complete: bool) -> set[str]:
        """Take rumors in; the groups they are about."""
        if not (complete or self._is_whole):
            return set()
        about: set[str] = set()
        if complete:
            about, self._is_whole = set(self._facts), True
            self._facts, self._group_of, self._past = {}, {}, {}
        for rumor in told:
            about |= self._take(rumor)
        return about

    def seen(self, election: ElectionId) -> RingSeen | None:
        """What an election is told; None before gossip has told all it knows."""
        if self._members is None or not self._is_whole:
            return None
        group, kind = election
        facts = [fact for _, fact in sorted(self._facts.get(group, {}).items())]
        records = tuple(
            fact for fact in facts if isinstance(fact, Electorate) and fact.keeper == kind
        )
        offers = [
            fact
            for fact in facts
            if isinstance(fact, ServiceInfo)
            and takes_part(fact, kind)
            and self._healths.get(fact.member) in LIVING
        ]
        return RingSeen(
            self._living,
            self._departed,
            candidates=tuple(offer.member for offer in offers),
            # Who only rolls expects nobody: its group is founded with whoever is seen.
            expect=max(
                (one.bootstrap_expect for one in offers if one.topology == "leader"), default=0
            ),
            electorates=records,
            leader=self._leader(kind, facts, records),
            past_term=self._past.get(group, 0),
            dead=self._dead,
        )

    def _leader(
        self, kind: ElectionKind, facts: Iterable[Fact], records: Iterable[Electorate]
    ) -> Leadership | None:
        """Who was elected last in the electorate that stays."""
        homes = [record for record in records if not record.dissolved_into]
        stays = min(homes, key=lambda record: (record.founded, record.id), default=None)
        told = [
            fact
            for fact in facts
            if isinstance(fact, Leadership)
            and fact.kind == kind
            and self._healths.get(fact.leader) in LIVING
            and (stays is None or fact.electorate == stays.id)
        ]
        return max(told, key=lambda fact: (fact.term, fact.leader), default=None)

    def _take(self, rumor: Rumor) -> set[str]:
        rumor_id = rumor.kind, rumor.key, "" if rumor.kind == "electorate" else rumor.owner
        about = set()
        if (group := self._group_of.pop(rumor_id, None)) is not None:
            del self._facts[group][rumor_id]
            about.add(group)
            if not self._facts[group]:
                del self._facts[group]
        if rumor.gone and rumor.kind == "electorate":
            group = rumor.key.rpartition("/")[0]
            self._past[group] = max(self._past.get(group, 0), term_of(rumor.incarnation))
            about.add(group)
        fact = None if rumor.gone else fact_of(rumor)
        if fact is not None:
            group = fact.service_group
            self._facts.setdefault(group, {})[rumor_id] = fact
            self._group_of[rumor_id] = group
            about.add(group)
        return about
