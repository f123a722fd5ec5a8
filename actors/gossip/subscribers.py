"""Who on this member wants to hear of members and rumors, and what it is told."""

from __future__ import annotations

from typing import Final

from actors.gossip.core import ACCUSER_DIGITS, Core
from actors.gossip.membership import Entry
from actors.gossip.opinion import Opinions
from actors.messages.base import Address, MemberId
from actors.messages.ring import MembersChanged, MemberView, Rumor, RumorsChanged

EXPIRES_S: Final = 20.0  # a subscription not repeated for so long is over


class Subscribers:
    """Subscriptions by address. What did not change between two of them is built once.

    Changes are told up to ten times a second, so what is told then is kept for each member until
    its standing is another; ages and accusers are only for who asks (`views`).
    """

    def __init__(self, core: Core, opinions: Opinions) -> None:
        self._core = core
        self._opinions = opinions
        self._kinds: dict[Address, tuple[frozenset[str], float]] = {}
        self._members: MembersChanged | None = None
        self._standings: dict[MemberId, MemberView] = {}
        self._complete: dict[frozenset[str], RumorsChanged] = {}

    def add(self, address: Address, kinds: tuple[str, ...], *, again: bool, settled: bool) -> None:
        """Subscribe, or go on; a new subscriber is told everything at once, if it may be."""
        wanted = frozenset(kinds)
        before = self._kinds.get(address)
        self._kinds[address] = (wanted, self._core.now + EXPIRES_S)
        goes_on = again and before is not None and before[0] == wanted
        if settled and not goes_on:
            self._tell(address, wanted)

    def settle(self) -> None:
        """From now on subscribers may hear: tell all everything."""
        self.forget_built()
        for address, (kinds, _) in list(self._kinds.items()):
            self._tell(address, kinds)

    def forget_built(self) -> None:
        """Something changed: build the answers anew."""
        if self._core.members_changed:
            self._members = None
        if self._core.rumors_changed:
            self._complete.clear()

    def notify(self) -> None:
        """Tell what changed since the last time."""
        core = self._core
        self.forget_built()
        for address, (kinds, until_s) in list(self._kinds.items()):
            if until_s < core.now:
                del self._kinds[address]
                continue
            if core.members_changed:
                core.tell(address, self.members())
            if kinds and core.rumors_changed:
                self._tell_rumors(address, kinds)

    def members(self) -> MembersChanged:
        """All members as they are seen here."""
        if self._members is None:
            entries = self._core.members.entries
            told = tuple(self._standing(entries[one]) for one in sorted(entries))
            self._standings = {view.member.id: view for view in told}
            dead = (entries[one] for one in sorted(entries) if entries[one].health == "confirmed")
            since = {one.member.id: one.since_s for one in dead if not one.member.left}
            self._members = MembersChanged(told, since)
        return self._members

    def views(self) -> tuple[MemberView, ...]:
        """All members by id; times in seconds before now."""
        core = self._core
        return tuple(self._view(core.members.entries[one]) for one in sorted(core.members.entries))

    def _standing(self, entry: Entry) -> MemberView:
        member, health = entry.now
        known = self._standings.get(member.id)
        if known is not None and known.member is member and known.health == health:
            return known
        return MemberView(member, health)

    def _view(self, entry: Entry) -> MemberView:
        core = self._core
        member = entry.member
        heard_s = core.now - entry.heard_s if entry.heard_s >= 0 else -1.0
        suspicion = self._opinions.suspicions.get(member.id)
        return MemberView(
            member=member,
            health=entry.health,
            heard_s=0.0 if member.id == core.me else heard_s,
            suspected_by=self._accusers(suspicion.accusers) if suspicion is not None else (),
            since_s=core.now - entry.since_s,
        )

    def _accusers(self, prefixes: set[str]) -> tuple[MemberId, ...]:
        entries = self._core.members.entries
        return tuple(one for one in sorted(entries) if one[:ACCUSER_DIGITS] in prefixes)

    def _tell(self, address: Address, kinds: frozenset[str]) -> None:
        self._core.tell(address, self.members())
        if kinds:
            self._core.tell(address, self._everything(kinds))

    def _everything(self, kinds: frozenset[str]) -> RumorsChanged:
        built = self._complete.get(kinds)
        if built is None:
            rumors = (held.rumor() for held in self._core.rumors.of_kinds(kinds))
            known = tuple(rumor for rumor in rumors if rumor is not None)
            built = self._complete[kinds] = RumorsChanged(known, complete=True)
        return built

    def _tell_rumors(self, address: Address, kinds: frozenset[str]) -> None:
        core = self._core
        changed: list[Rumor] = []
        forgotten = False
        for one in sorted(core.rumors_changed):
            if one[0] not in kinds:
                continue
            held = core.rumors.get(one)
            rumor = held.rumor() if held is not None else None
            forgotten |= held is None
            if rumor is not None:
                changed.append(rumor)
        if forgotten:
            core.tell(address, self._everything(kinds))
        elif changed:
            core.tell(address, RumorsChanged(tuple(changed)))
