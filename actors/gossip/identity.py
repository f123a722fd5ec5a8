"""This member's own record: announced only under numbers that are durable, always above claims."""

from __future__ import annotations

from typing import Final, TypedDict

from msgspec.structs import replace

from actors.effects import Send
from actors.gossip.core import Core
from actors.gossip.membership import MAX_JUMP, claim_of, standing
from actors.gossip.persistence import (
    AHEAD,
    LEDGER,
    Ledger,
    first_ledger,
    ledger_bytes,
    read_ledger,
)
from actors.gossip.stamps import RESTAMP_S, age_s
from actors.messages.gossip import Claim, IncarnationDurable, MemberAnnounced
from actors.messages.ring import Member

INSIST: Final = 3  # times a refutation is passed on anew, a period apart


class Change(TypedDict, total=False):
    """Fields of the own record that a new incarnation changes."""

    keys: tuple[str, ...]
    left: bool
    stamp: int


class Identity:
    """Owns the own entry of the member table, and the ledger behind it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._ledger = Ledger(0, 0)
        self._asked: Ledger | None = None  # being written
        self._wanted: tuple[int, int] | None = None  # to be announced once it may be
        self._change: Change = {}
        self._first = 0
        self._insisting = 0

    @property
    def record(self) -> Member:
        """The own record as announced."""
        return self._core.members.entries[self._core.me].member

    @property
    def is_announced(self) -> bool:
        """Whether this life has a durable incarnation."""
        return self._core.me in self._core.members.entries

    def claim(self) -> Claim:
        """The own record, in full."""
        return claim_of(standing(self.record, "alive"))

    def load(self, data: bytes | None) -> None:
        """Begin above what the ledger says was used."""
        core = self._core
        incarnation, ledger = first_ledger(read_ledger(data), core.option.epoch, core.wall)
        self._first = incarnation
        self._ask(ledger)

    def retry(self) -> None:
        """The last write failed: try it again."""
        if self._asked is not None:
            self._write(self._asked)

    def durable(self, message: IncarnationDurable) -> bool:
        """A ledger is on disk; whether the record is announced now for the first time."""
        self._ledger = Ledger(message.epoch, message.ceiling)
        if self._asked == self._ledger:
            self._asked = None
        if not self.is_announced:
            self._begin()
            return True
        if self._wanted is not None:
            self._advance(*self._wanted)
        return False

    def change(self, change: Change) -> None:
        """Announce a changed record."""
        self._change.update(change)
        self._advance(self.record.epoch, self.record.incarnation + 1)

    def refute(self, claim: Claim) -> None:
        """Announce a record that beats a claim about this member."""
        mine = self.record
        self._insisting = INSIST
        self._core.agenda.at(self._core.now + self._core.period_s, "insist")
        if claim.epoch > mine.epoch or claim.incarnation > mine.incarnation + MAX_JUMP:
            # The name of a life that the disk forgot, or a forgery: go above it, where nobody
            # takes a high number for a forged one.
            self._advance(claim.epoch + 1, 1)
        else:
            self._advance(mine.epoch, max(mine.incarnation, claim.incarnation) + 1)

    def insist(self) -> None:
        """Say the last refutation again: whoever is accused may have links that lose most of it."""
        if self._insisting:
            self._insisting -= 1
            self._core.spread_claim(self._core.brief(self._core.me))
            self._core.agenda.at(self._core.now + self._core.period_s, "insist")

    def restamp(self) -> None:
        """Renew the record's stamp when it is time."""
        if age_s(self.record.stamp, self._core.wall) > RESTAMP_S:
            self.change({"stamp": self._core.stamps.next(self._core.wall)})

    def _begin(self) -> None:
        core, option = self._core, self._core.option
        record = Member(
            id=core.me,
            incarnation=self._first,
            address=option.address,
            permanent=option.permanent,
            epoch=self._ledger.epoch,
            name=option.name,
            keys=self._change.pop("keys", option.keys),
            stamp=core.stamps.next(core.wall),
        )
        core.members.put(standing(record, "alive"), core.now)
        core.emit(MemberAnnounced(record.epoch, record.incarnation))
        core.spread_claim(self.claim())
        if self._wanted is not None:
            self._advance(*self._wanted)

    def _advance(self, epoch: int, incarnation: int) -> None:
        """Announce (epoch, incarnation) now if the ledger allows it, or as soon as it does."""
        if epoch != self._ledger.epoch or incarnation > self._ledger.ceiling:
            self._wanted = max(self._wanted or (0, 0), (epoch, incarnation))
            self._ask(Ledger(epoch, incarnation + AHEAD))
            return
        self._wanted = None
        core, changed = self._core, bool(self._change)
        record = replace(self.record, epoch=epoch, incarnation=incarnation, **self._change)
        changed = changed or epoch != self.record.epoch
        self._change = {}
        core.members.put(standing(record, "alive"), core.now)
        core.emit(MemberAnnounced(epoch, incarnation))
        core.spread_claim(self.claim() if changed else core.brief(core.me))
        if incarnation > self._ledger.ceiling - AHEAD // 2:
            self._ask(Ledger(epoch, incarnation + AHEAD))

    def _ask(self, ledger: Ledger) -> None:
        asked = self._asked
        covered = asked is not None and asked.epoch == ledger.epoch
        if asked is not None and covered and ledger.ceiling <= asked.ceiling + AHEAD // 2:
            return  # being written already
        self._asked = ledger
        self._write(ledger)

    def _write(self, ledger: Ledger) -> None:
        durable = IncarnationDurable(ledger.epoch, ledger.ceiling)
        self._core.write(LEDGER, ledger_bytes(ledger), Send("gossip", durable))
