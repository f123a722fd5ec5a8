"""What this member makes of what it is told and sees: suspicions, deaths, returns, its own name.

Safety: a claim that somebody is dead only accuses; death is declared here, at the end of a
suspicion that the accused could have refuted (so one forged or mistaken word kills nobody). The
exceptions speak for themselves: a goodbye (only the member makes that record) and Departed (an
operator's).
"""

from __future__ import annotations

from typing import Any, Final

from actors.gossip.core import ACCUSER_DIGITS, NET, Core
from actors.gossip.identity import Identity
from actors.gossip.membership import (
    RANK,
    Entry,
    Standing,
    is_forged,
    precedence,
    standing,
    standing_of,
)
from actors.gossip.probe import TIMEOUT_PERIODS
from actors.gossip.stamps import STALE_S, age_s, is_ahead
from actors.gossip.suspicion import CONFIRMERS, Flaps, Suspicion
from actors.messages.base import MemberId
from actors.messages.gossip import Claim, IdentityConflict
from actors.messages.ring import Member, MemberHealthChanged, Route, SelfDeparted, Unroute

_MAX_RETIMED: Final = 64  # suspicions adjusted at once when another one begins

_UNROUTE_PERIODS: Final = 1.0  # the departed hears that it is, then nothing any more


class Opinions:
    """Owns the member table's changes, and the suspicions."""

    def __init__(self, core: Core, identity: Identity) -> None:
        self._core = core
        self._identity = identity
        self.suspicions: dict[MemberId, Suspicion] = {}
        self.newcomers: list[MemberId] = []  # to be probed, since the last look
        self.checks: list[MemberId] = []  # accused by others, since the last look
        self.departed: list[MemberId] = []  # out for good, since the last look
        self.ended: SelfDeparted | None = None  # this member is out of the ring
        self.silent = False  # this member said goodbye: it refutes nothing any more

    # ── what others say ──

    def hear_all(self, claims: tuple[Claim, ...], source: MemberId, *, fresh: bool = True) -> None:
        """Take claims from a peer; `fresh` ones are passed on."""
        for claim in claims:
            self.hear(claim, source, fresh=fresh)

    def hear(self, claim: Claim, source: MemberId, *, fresh: bool = True) -> None:
        """Take one claim from a peer; its own record, if the peer is the one it speaks of."""
        core = self._core
        if claim.id == core.me:
            self._about_me(claim, source)
            return
        entry = core.members.get(claim.id)
        if entry is not None and _is_old_news(claim, entry.now):
            return
        heard = standing_of(claim, entry.member if entry else None)
        if heard is None or (entry is None and self._is_refused(claim, source)):
            return
        if is_forged(claim, entry.member if entry is not None else None, core.wall):
            core.refuse("an incarnation nobody can have reached", source)
            return
        if heard.health in {"suspect", "confirmed"} and not heard.member.left:
            self._accusation(heard, claim.by or (source[:ACCUSER_DIGITS],), source, fresh=fresh)
        else:
            self._take(heard, f"says {source[:8]}", fresh=fresh)

    def _is_refused(self, claim: Claim, source: MemberId) -> bool:
        """Whether a claim about an unknown member is not believed."""
        if source == claim.id:
            return False
        core = self._core
        if is_ahead(claim.stamp, core.wall):
            core.refuse("an unknown member stamped in the future", source)
            return True
        return age_s(claim.stamp, core.wall) > STALE_S  # somebody buried and forgotten

    def _accusation(
        self, heard: Standing, by: tuple[str, ...], source: MemberId, *, fresh: bool
    ) -> None:
        """Somebody is said to be suspect or dead."""
        entry = self._core.members.get(heard.member.id)
        if entry is None:
            if heard.health == "confirmed":
                self._take(heard, f"says {source[:8]}", fresh=fresh)
                return
            self._take(standing(heard.member, "alive"), f"says {source[:8]}", fresh=fresh)
            entry = self._core.members.get(heard.member.id)
        elif precedence(Standing(heard.member, "suspect")) > precedence(entry.now):
            pass
        elif entry.health != "suspect" or heard.member.incarnation != entry.member.incarnation:
            return  # refuted, or dead here already
        if entry is not None:
            self._suspect(entry, heard.member, by, source)

    def _suspect(self, entry: Entry, member: Member, by: tuple[str, ...], source: MemberId) -> None:
        core = self._core
        began = entry.health != "suspect" or entry.member.incarnation != member.incarnation
        if began:
            self._put(Standing(member, "suspect"), f"accused by {', '.join(by)}")
            flaps = entry.flaps
            stretch = flaps.stretch(core.now) if flaps is not None else 1.0
            self.suspicions[member.id] = Suspicion(core.now, stretch)
        suspicion = self.suspicions[member.id]
        if suspicion.accuse(by):
            accusers = tuple(sorted(suspicion.accusers))
            core.spread_claim(core.brief(member.id, accusers))
            self._retime(member.id)
        if began:
            self._retime_others(member.id)
            if source != core.me:
                self.checks.append(member.id)

    # ── what this member sees ──

    def accuse(self, member: MemberId) -> None:
        """An own probe failed."""
        entry = self._core.members.get(member)
        if entry is not None and member in self._core.members.living:
            me = self._core.me
            self._suspect(entry, entry.member, (me[:ACCUSER_DIGITS],), me)

    def confirm(self, member: MemberId) -> None:
        """Its suspicion has ended, unrefuted: declare it dead."""
        core = self._core
        suspicion = self.suspicions.get(member)
        entry = core.members.get(member)
        if suspicion is None or entry is None:
            return
        accusers = tuple(sorted(suspicion.accusers))
        text = f"silent for {core.now - suspicion.start_s:.1f} s, accused by {', '.join(accusers)}"
        self._put(Standing(entry.member, "confirmed"), text)
        core.spread_claim(core.brief(member, (core.me[:ACCUSER_DIGITS],)))

    def renew(self, member: MemberId) -> None:
        """A suspect answers, though it has not refuted: its suspicion begins anew."""
        suspicion = self.suspicions.get(member)
        if suspicion is not None:
            suspicion.start_s = self._core.now
            suspicion.probing = False
            self._retime(member)

    def renew_all(self) -> None:
        """This member did not run for a while: whatever was due meanwhile proves nothing."""
        for member in sorted(self.suspicions):
            self.suspicions[member].accusers.clear()
            self.renew(member)

    def heard_from(self, member: MemberId) -> Entry | None:
        """A frame came from a member itself."""
        entry = self._core.members.get(member)
        if entry is not None:
            entry.heard_s = self._core.now
        return entry

    def thinks_badly(self, entry: Entry) -> bool:
        """Whether a member should be told what is thought of it."""
        return entry.health != "alive" and not entry.member.left

    # ── operators and age ──

    def depart(self, member: MemberId) -> None:
        """An operator's word: this member is out for good."""
        core = self._core
        entry = core.members.get(member)
        if entry is None:
            return
        stamp = core.stamps.next(core.wall)
        record = Member(
            id=member,
            incarnation=entry.member.incarnation,
            address=entry.member.address,
            epoch=entry.member.epoch,
            name=entry.member.name,
            stamp=stamp,
        )
        self._put(Standing(record, "departed"), "departed by command")
        core.spread_claim(core.members.claim(member))
        if member == core.me:
            self.ended = SelfDeparted(by=core.me, why="departed")

    def forget(self, member: MemberId) -> None:
        """Drop a member that nobody needs to remember any more."""
        core = self._core
        self._end_suspicion(member)
        core.members.forget(member)
        core.hot.drop(("m", member))
        core.tell(NET, Unroute(member))
        core.note_members()

    def recall(self, known: Standing, silent_s: float = 0.0) -> None:
        """Take a standing out of the own image; who was confirmed was so for `silent_s` already."""
        member = known.member.id
        if member != self._core.me and self._put(known, "remembered from before the start"):
            entry = self._core.members.entries[member]
            if entry.health == "confirmed":
                entry.since_s = self._core.now - silent_s

    # ── changes ──

    def _take(self, heard: Standing, why: str, *, fresh: bool) -> None:
        if self._put(heard, why):
            core = self._core
            if fresh:
                core.spread_claim(core.members.claim(heard.member.id))
            else:
                core.note_members()

    def _put(self, new: Standing, why: str) -> bool:
        """Merge a standing, and do what follows from the change."""
        core = self._core
        member = new.member.id
        entry = core.members.get(member)
        before = entry.now if entry is not None else None
        if not core.members.put(new, core.now):
            return False
        if new.health != "suspect":
            self._end_suspicion(member)
        if before is None or before.health != new.health:
            who, health = new
            event = MemberHealthChanged(member, health, who.incarnation, why, who.epoch)
            core.emit(event)
        self._follow(before, new)
        core.note_members()
        return True

    def _follow(self, before: Standing | None, new: Standing) -> None:
        """Routes, rosters and flaps after a change."""
        core = self._core
        member, health = new
        if health == "departed":
            self.departed.append(member.id)
            core.agenda.at(core.now + _UNROUTE_PERIODS * core.period_s, "unroute", member.id)
            return
        old = before.member if before is not None else None
        if old is None or (old.address, old.keys) != (member.address, member.keys):
            core.tell(NET, Route(member.id, member.address, member.keys))
        if member.id in core.members.living:
            core.peak.saw(len(core.members.living) + 1)
            if before is None or before.health == "confirmed":
                self.newcomers.append(member.id)
        if before is None or health != "alive" or before.health != "confirmed":
            return
        if before.member.epoch == member.epoch and not before.member.left:
            entry = core.members.entries[member.id]
            entry.flaps = entry.flaps or Flaps()
            entry.flaps.add(core.now)

    # ── timing ──

    def end_s(self, member: MemberId) -> float:
        """When a running suspicion ends, as things stand."""
        core = self._core
        living = len(core.members.living)
        others = max(0, living - len(self.suspicions))
        return self.suspicions[member].end_s(
            living + 1, others, core.period_s, lifeguard=core.option.lifeguard
        )

    def _retime(self, member: MemberId) -> None:
        core = self._core
        suspicion = self.suspicions[member]
        if suspicion.probing:
            return
        # The last probe runs before the end, so that it delays no death.
        lead = TIMEOUT_PERIODS * core.period_s if core.option.lifeguard else 0.0
        suspicion.due_s = max(core.now, self.end_s(member) - lead)
        core.agenda.at(suspicion.due_s, "suspicion", member)

    def _retime_others(self, member: MemberId) -> None:
        """One more suspect is one less to accuse the others; that matters once few are left."""
        left = len(self._core.members.living) - len(self.suspicions)
        if left < CONFIRMERS and len(self.suspicions) <= _MAX_RETIMED:
            for other in sorted(self.suspicions):
                if other != member:
                    self._retime(other)

    def _end_suspicion(self, member: MemberId) -> None:
        if self.suspicions.pop(member, None) is not None:
            self._core.agenda.cancel("suspicion", member)

    # ── this member's own name ──

    def _about_me(self, claim: Claim, source: MemberId) -> None:
        """Somebody speaks of this member: nothing but praise may stand."""
        if claim.health == 3:
            self.ended = SelfDeparted(why="departed")
            return
        if self.silent or not self._identity.is_announced:
            return
        mine = self._identity.record
        if (claim.epoch, claim.incarnation) < (mine.epoch, mine.incarnation):
            return
        if claim.epoch > mine.epoch and is_forged(claim, mine, self._core.wall):
            # Nobody else takes it either. (Within an epoch some may, who know this member less.)
            self._core.refuse("an incarnation nobody can have reached", source)
        elif claim.epoch > mine.epoch and self._is_another_life(claim, mine):
            self._core.emit(IdentityConflict(self._core.me, claim.address))
            self.ended = SelfDeparted(why="replaced")
        elif claim.health or (claim.epoch, claim.incarnation) > (mine.epoch, mine.incarnation):
            if claim.health:
                self._core.awareness.worse()
            self._identity.refute(claim)

    def _is_another_life(self, claim: Claim, mine: Member) -> bool:
        """Whether a process that began later, elsewhere, has this member's id."""
        return bool(claim.address) and claim.address != mine.address and claim.stamp > mine.stamp


def _is_old_news(claim: Claim, known: Standing) -> bool:
    """Whether a claim cannot change anything of a known member (cheaply, before all else)."""
    if claim.health == 3:
        return False
    member, health = known
    number, ours = (claim.epoch, claim.incarnation), (member.epoch, member.incarnation)
    if number != ours:
        return number < ours
    said, rank = max(claim.health, 2) if claim.left else claim.health, RANK[health]
    if said != rank or said == 1:
        return said < rank  # the same accusation may name another accuser
    return not claim.address or _record(claim) <= _record(member)


def _record(of: Claim | Member) -> tuple[Any, ...]:
    """What decides between two records of one number, in the order of `precedence`."""
    return of.left, of.stamp, of.address, of.name, of.keys, of.permanent
