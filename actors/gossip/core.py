"""What all parts of the gossip machine share: the stores, the turn's time, the effects so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors.effects import Effect, Emit, Persist, Send
from actors.gossip.agenda import Agenda
from actors.gossip.awareness import Awareness
from actors.gossip.digest import StoreDigest, pack_keys
from actors.gossip.dissemination import (
    BIG_BYTES,
    FAN_OUT,
    PUSH_PERIODS,
    HotQueue,
    Parcel,
    PeakSize,
)
from actors.gossip.membership import MemberTable, brief
from actors.gossip.rumors import Held, RumorId, RumorStore
from actors.gossip.stamps import StampClock
from actors.messages.base import Event, MemberId, Message
from actors.messages.envelope import Ticket
from actors.messages.gossip import Claim, ClaimRefused, News

if TYPE_CHECKING:
    from random import Random

NET: Final = "port/net"
ACCUSER_DIGITS: Final = 8  # of an id: enough to count different accusers
_COUNTED_S: Final = 60.0  # refusals of one kind and peer make one event in so long
_MAX_COUNTED: Final = 256


@dataclass(frozen=True, slots=True)
class RingOption:
    """How this member takes part in its ring.

    `address` is what others reach it under (`host:port`). `epoch` names the life of the process
    (Unix seconds of its start, 0: now). `period_s` is T. `merge` lets two rings become one.
    `lifeguard` off is plain SWIM, the control in tests.
    """

    address: str
    seeds: tuple[str, ...] = ()
    permanent: bool = False
    name: str = ""
    keys: tuple[str, ...] = ()
    epoch: int = 0
    period_s: float = 1.0
    merge: bool = False
    lifeguard: bool = True


@dataclass(frozen=True, slots=True)
class Moment:
    """A turn: its time (boottime and wall, seconds), who speaks, where an answer goes."""

    now: float
    wall: float
    sender: str
    random: Random
    ticket: Ticket | None = None


class Core:
    """The shared state. Parts read it freely; each change goes through the part that owns it."""

    def __init__(self, me: MemberId, option: RingOption) -> None:
        self.me = me
        self.option = option
        self.period_s = option.period_s
        self.digest = StoreDigest()
        self.members = MemberTable(me, self.digest)
        self.rumors = RumorStore(self.digest)
        self.hot = HotQueue()
        self.peak = PeakSize()
        self.agenda = Agenda()
        self.awareness = Awareness(enabled=option.lifeguard)
        self.stamps = StampClock()
        self.effects: list[Effect] = []
        self.writes: list[Effect] = []  # performed last: they suspend the actor
        self.now = 0.0
        self.wall = 0.0
        self.random: Random  # each turn brings its own
        self.members_changed = False
        self.rumors_changed: set[RumorId] = set()
        self.image_changed = False
        self._refused: dict[tuple[str, MemberId], int] = {}

    def begin(self, moment: Moment) -> None:
        """Start a turn."""
        self.now, self.wall, self.random = moment.now, moment.wall, moment.random

    def finish(self) -> list[Effect]:
        """End the turn: what it asks of the world."""
        effects = self.effects + self.writes
        self.effects, self.writes = [], []
        return effects

    # ── speaking ──

    def send(self, member: MemberId, frame: Message) -> None:
        """Tell another member's gossip something."""
        self.effects.append(Send(f"{member}/gossip", frame))

    def tell(self, address: str, message: Message) -> None:
        """Tell a local actor or port something."""
        self.effects.append(Send(address, message))

    def emit(self, event: Event) -> None:
        """Write an event."""
        self.effects.append(Emit(event))

    def write(self, path: str, data: bytes, *then: Effect) -> None:
        """Make a file durable, and only then do the rest."""
        self.writes += [Persist(path, data), *then]

    def refuse(self, reason: str, peer: MemberId) -> None:
        """Count something not taken; said once a minute."""
        key = (reason, peer)
        if key not in self._refused and len(self._refused) < _MAX_COUNTED:
            self.emit(ClaimRefused(reason, peer, 1))
            self._refused[key] = 0
            if ("refused", "") not in self.agenda:
                self.agenda.at(self.now + _COUNTED_S, "refused")
        elif key in self._refused:
            self._refused[key] += 1

    def say_refused(self) -> None:
        """A minute is over: say what was not taken meanwhile."""
        for (reason, peer), count in self._refused.items():
            if count:
                self.emit(ClaimRefused(reason, peer, count))
        self._refused.clear()

    # ── news ──

    def spread_claim(self, claim: Claim) -> None:
        """Pass a claim on to a few, they to a few more."""
        self._spread(("m", claim.id), claim)
        self.note_members()

    def spread_rumor(self, held: Held) -> None:
        """Pass a rumor on, a big one as an offer."""
        self._spread(("r", held.id), held.key if len(held.data) > BIG_BYTES else held.data)

    def note_members(self) -> None:
        """The members changed: subscribers and the image have to know."""
        self.members_changed = True
        self.image_changed = True
        self._notify()

    def note_rumor(self, rumor: RumorId) -> None:
        """A rumor changed: subscribers and the image have to know."""
        self.rumors_changed.add(rumor)
        self.image_changed = True
        self._notify()

    def _notify(self) -> None:
        if ("notify", "") not in self.agenda:
            self.agenda.at(self.now + 0.1 * self.period_s, "notify")

    def _spread(self, key: tuple[str, object], news: Claim | bytes | int) -> None:
        if not len(self.members.living):
            return  # nobody to tell; who comes later is told everything
        self.hot.add(key, news)
        if ("push", "") not in self.agenda:
            # At once, but not before what else this burst brings.
            delay = (0.02 + 0.03 * self.random.random()) * self.period_s
            self.agenda.at(self.now + delay, "push")

    def push(self) -> None:
        """Tell a few members what is hot; again soon, while there is any."""
        members = self.peak.members
        for member in self.members.living.sample(FAN_OUT, self.random):
            parcel = self.hot.take(members, offers_too=True)
            if not parcel:
                return
            offers = pack_keys(list(parcel.offers))
            self.send(member, News(parcel.claims, parcel.rumors, offers))
        if len(self.hot) and len(self.members.living):
            self.agenda.at(self.now + PUSH_PERIODS * self.period_s, "push")

    def parcel(self, member: MemberId, first: tuple[Claim, ...] = ()) -> Parcel:
        """What a frame to `member` carries along: `first`, then news."""
        if not len(self.hot):
            return Parcel(first) if first else _EMPTY
        parcel = self.hot.take(self.peak.members, skip=("m", member))
        return parcel._replace(claims=first + parcel.claims) if first else parcel

    def brief(self, member: MemberId, by: tuple[str, ...] = ()) -> Claim:
        """What is thought of a member, for those who know its record."""
        claim = brief(self.members.claim(member))
        return Claim(claim.id, claim.health, claim.incarnation, claim.epoch, by) if by else claim


_EMPTY: Final = Parcel()
