"""The member table: who is known, what is thought of each, and which of two claims wins.

A standing is (record, health). Of two standings of one member the greater wins in the total order
(departed, epoch, incarnation, health, the rest of the record): merging is a maximum, so any order,
duplication or split of the same claims gives the same table. Only the member itself raises epoch
and incarnation, hence only it can undo an accusation; nothing undoes Departed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from actors.gossip.digest import StoreDigest, hash64
from actors.gossip.roster import Roster
from actors.gossip.suspicion import Flaps
from actors.messages.gossip import HEALTHS, Claim
from actors.messages.ring import Member, MemberHealth

if TYPE_CHECKING:
    from actors.messages.base import MemberId

RANK: Final[dict[MemberHealth, int]] = {health: rank for rank, health in enumerate(HEALTHS)}
MAX_MEMBERS: Final = 20_000  # twice the largest ring anybody gossips in
MAX_JUMP: Final = 1 << 32  # a member may be so far ahead of what we know; more is forged
MAX_EPOCH: Final = 1 << 52  # above every epoch there must be room for one that refutes it


class Standing(NamedTuple):
    """What is thought of a member."""

    member: Member
    health: MemberHealth


def standing(member: Member, health: MemberHealth) -> Standing:
    """A standing in its normal form: who said goodbye is not alive."""
    if member.left and RANK[health] < RANK["confirmed"]:
        health = "confirmed"
    return Standing(member, health)


def precedence(of: Standing) -> tuple[Any, ...]:
    """The total order of a member's standings; the tail only makes ties reproducible."""
    member, health = of
    return (
        health == "departed",
        member.epoch,
        member.incarnation,
        RANK[health],
        member.left,
        member.stamp,
        member.address,
        member.name,
        member.keys,
        member.permanent,
    )


def merge(one: Standing, other: Standing) -> Standing:
    """The one that wins."""
    return other if precedence(other) > precedence(one) else one


def claim_of(of: Standing, by: tuple[str, ...] = ()) -> Claim:
    """A standing as a full claim."""
    member, health = of
    return Claim(
        id=member.id,
        health=RANK[health],
        incarnation=member.incarnation,
        epoch=member.epoch,
        by=by,
        address=member.address,
        permanent=member.permanent,
        name=member.name,
        keys=member.keys,
        left=member.left,
        stamp=member.stamp,
    )


def brief(claim: Claim) -> Claim:
    """A claim for those who know the record."""
    return Claim(claim.id, claim.health, claim.incarnation, claim.epoch, claim.by)


def standing_of(claim: Claim, known: Member | None) -> Standing | None:
    """A claim as a standing; None if it is brief and the record it speaks of is not known."""
    health = HEALTHS[claim.health]
    if claim.address:
        member = Member(
            id=claim.id,
            incarnation=claim.incarnation,
            address=claim.address,
            permanent=claim.permanent,
            epoch=claim.epoch,
            name=claim.name,
            keys=claim.keys,
            left=claim.left,
            stamp=claim.stamp,
        )
        return standing(member, health)
    if known is None or known.epoch != claim.epoch:
        return None
    if known.incarnation == claim.incarnation:
        return standing(known, health)
    # A goodbye is a record of its own, so whoever goes on under a higher number is back.
    return standing(replace(known, incarnation=claim.incarnation, left=False), health)


def is_forged(claim: Claim, known: Member | None, wall_s: float) -> bool:
    """Whether no honest member can have come that far since it was last heard of.

    An epoch is the Unix second at which a life began, or one more than a claim about it.
    """
    epoch = known.epoch if known is not None else 0
    if claim.epoch > min(max(epoch, int(wall_s)) + MAX_JUMP, MAX_EPOCH):
        return True
    return known is not None and (
        claim.epoch == epoch and claim.incarnation > known.incarnation + MAX_JUMP
    )


class Entry:
    """A member in the table. Times in seconds of this member's clock; `heard_s` < 0: never."""

    __slots__ = ("flaps", "heard_s", "key", "now", "since_s")

    def __init__(self, now: Standing, since_s: float) -> None:
        self.now = now
        self.key = hash64(b"member:" + now.member.id.encode())
        self.since_s = since_s
        self.heard_s = -1.0
        self.flaps: Flaps | None = None  # made with the first flap: most members never do

    @property
    def member(self) -> Member:
        """Its record."""
        return self.now.member

    @property
    def health(self) -> MemberHealth:
        """What is thought of it."""
        return self.now.health


class MemberTable:
    """All known members, this one included, with rosters by what is done with them.

    `living`: alive or suspect, without this one. `dead_permanent`, `dead`: confirmed, to be
    re-dialled. Members that said goodbye and departed ones are in none.
    """

    def __init__(self, me: MemberId, digest: StoreDigest) -> None:
        self.me = me
        self.entries: dict[MemberId, Entry] = {}
        self.by_key: dict[int, MemberId] = {}
        self.living = Roster()
        self.dead_permanent = Roster()
        self.dead = Roster()
        self._digest = digest

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, member: MemberId) -> Entry | None:
        """A member's entry, if it is known."""
        return self.entries.get(member)

    def put(self, new: Standing, now: float) -> bool:
        """Merge a standing in; whether it changed anything."""
        entry = self.entries.get(new.member.id)
        if entry is None:
            if len(self.entries) >= MAX_MEMBERS:
                return False
            entry = self.entries[new.member.id] = Entry(new, now)
            self.by_key[entry.key] = new.member.id
        else:
            if precedence(new) <= precedence(entry.now):
                return False
            if new.health != entry.health:
                entry.since_s = now
            entry.now = new
        self._file(entry)
        return True

    def forget(self, member: MemberId) -> None:
        """Drop a member altogether."""
        entry = self.entries.pop(member, None)
        if entry is not None:
            del self.by_key[entry.key]
            self._digest.drop(entry.key)
            for roster in (self.living, self.dead_permanent, self.dead):
                roster.discard(member)

    def hide(self, member: MemberId) -> None:
        """Keep a member, but leave it out of digest and sync: too old to be news to anybody."""
        entry = self.entries.get(member)
        if entry is not None:
            self._digest.drop(entry.key)

    def claim(self, member: MemberId) -> Claim:
        """What is thought of a known member, in full."""
        return claim_of(self.entries[member].now)

    def _file(self, entry: Entry) -> None:
        """Put an entry where its standing belongs."""
        member, health = entry.now
        self._digest.put(entry.key, _version(entry.now))
        if member.id == self.me:
            return
        _place(self.living, member.id, is_in=health in {"alive", "suspect"})
        dead = health == "confirmed" and not member.left
        _place(self.dead_permanent, member.id, is_in=dead and member.permanent)
        _place(self.dead, member.id, is_in=dead and not member.permanent)


def _place(roster: Roster, member: MemberId, *, is_in: bool) -> None:
    if is_in:
        roster.add(member)
    else:
        roster.discard(member)


def _version(of: Standing) -> int:
    """The digest of a standing, all of the record included.

    A suspicion counts as life: it ends by itself, and soon.
    """
    member, health = of
    rank = 0 if health == "suspect" else RANK[health]
    return hash64(f"{rank}:{member}".encode())
