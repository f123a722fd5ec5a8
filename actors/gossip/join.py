"""Getting into the ring, and back into it: seeds, remembered peers, rings that meet.

Seeds are dialled for ever while the member behind one is not known to live, by name, so that each
attempt resolves anew. A join is also how a dead member is re-dialled, and a reply brings the store
along: one round trip makes a newcomer a member that knows everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.gossip import ringid
from actors.gossip.core import NET, Core
from actors.gossip.facts import Facts
from actors.gossip.identity import Identity
from actors.gossip.opinion import Opinions
from actors.gossip.persistence import RING_ID
from actors.gossip.suspicion import sends
from actors.gossip.sync import Sync
from actors.messages.base import MemberId
from actors.messages.gossip import (
    Claim,
    JoinReply,
    JoinRequest,
    OtherRingMet,
    RingIdChosen,
    SeedUnreachable,
)
from actors.messages.ring import Dial, DialFailed, RingChosen, RingJoined

EAGER_PERIODS: Final = 1.0  # between dials while nobody is known
PATIENT_PERIODS: Final = 5.0  # later, and for seeds whose member is not there
SAVED_PERIODS: Final = 60.0  # for addresses of members long gone
MAX_DIALS: Final = 8  # at once
REJOINS: Final = 3  # remembered members asked at a start
MAX_WAITING: Final = 4_096  # joins that wait for the ring's id
MAX_DUE: Final = 4_096  # deadlines set, when strangers are no longer asked who they are
_QUIET_PERIODS: Final = 60.0  # the same complaint is an event once in so long


class _Seed:
    """One seed: which member answered there, and how often nobody did."""

    __slots__ = ("attempts", "is_me", "member", "said_s")

    def __init__(self) -> None:
        self.member: MemberId = ""
        self.is_me = False
        self.attempts = 0
        self.said_s = -1e9


class Join:
    """Owns seeds and ring id. `joined` is called when a reply was merged that holds everything."""

    def __init__(
        self,
        core: Core,
        identity: Identity,
        opinions: Opinions,
        facts: Facts,
        sync: Sync,
        *,
        joined: Callable[[MemberId], None],
    ) -> None:
        self._core = core
        self._identity = identity
        self._opinions = opinions
        self._facts = facts
        self._sync = sync
        self._joined = joined
        self.ring_id = ""
        self._former: tuple[str, ...] = ()
        self._unsaved = False
        self._seeds: dict[str, _Seed] = {}
        self.saved: list[str] = []  # addresses of members the table has forgotten
        self._rounds = 0
        self._next_saved_s = 0.0
        self._quiet: dict[tuple[str, str], float] = {}
        self._waiting: dict[MemberId, JoinRequest] = {}
        self.change_seeds(core.option.seeds)

    # ── the ring's id ──

    def load(self, data: bytes | None) -> None:
        """Take up the stored ring id."""
        self.ring_id, self._former = ringid.from_bytes(data)

    def retry(self) -> None:
        """The last write failed: try it again."""
        if self._unsaved:
            self._save()

    def saved_ring(self) -> None:
        """The ring id is durable."""
        self._unsaved = False

    def _choose(self, ring_id: str, how: str) -> None:
        """Belong to a ring; the rest of the old one, if there was one, is told to follow."""
        core, old = self._core, self.ring_id
        self.ring_id = ring_id
        if old:
            self._former = (old, *self._former)[: ringid.MAX_FORMER]
        core.emit(RingIdChosen(ring_id, how))
        core.tell(NET, RingChosen(ring_id))
        self._save()
        self.admit_waiting()
        if old:
            for member in core.members.living.sample(sends(core.peak.members), core.random):
                core.send(member, self._request(came_from=old))

    def _save(self) -> None:
        self._unsaved = True
        self._core.write(RING_ID, ringid.to_bytes(self.ring_id, self._former))

    def _judge(self, theirs: str, peer: MemberId, *, related: bool) -> ringid.Verdict:
        core = self._core
        return ringid.judge(
            self.ring_id,
            theirs,
            mints=core.me < peer,
            related=related or core.option.merge or theirs in self._former,
            wall_s=core.wall,
        )

    # ── dialling ──

    def open(self) -> None:
        """The member is announced: reach out to seeds and remembered members."""
        core = self._core
        if self.ring_id:
            core.tell(NET, RingChosen(self.ring_id))
        self._next_saved_s = core.now + SAVED_PERIODS * core.period_s
        self.dial()

    def has_anybody(self) -> bool:
        """Whether there is anybody to reach out to."""
        return bool(self._seeds or self.saved or len(self._core.members) > 1)

    def footing(self) -> tuple[int, int]:
        """How many seeds there are, and how many have answered in this life.

        Oneself counts, also where one is permanent and was given the other permanent peers only:
        one of three that are gone would else keep the two that are left from ever being a majority.
        """
        seeds = self._seeds.values()
        alone = bool(seeds) and self._core.option.permanent and not any(s.is_me for s in seeds)
        joined = sum(bool(seed.is_me or seed.member) for seed in seeds)
        return len(seeds) + alone, joined + alone

    def change_seeds(self, seeds: tuple[str, ...]) -> None:
        """These are the seeds from now on."""
        mine = self._core.option.address
        wanted = [seed.strip() for seed in seeds if seed.strip() and seed.strip() != mine]
        self._seeds = {seed: self._seeds.get(seed, _Seed()) for seed in wanted}
        self._rounds = 0

    def dial(self) -> None:
        """Dial what is not known to live; again and again."""
        core = self._core
        lonely = not len(core.members.living)
        waiting = [name for name, seed in self._seeds.items() if self._is_wanted(seed)]
        core.random.shuffle(waiting)
        self._rounds += 1
        first = self._rounds == 1
        for name in waiting[: MAX_DIALS if lonely or first else 1]:
            core.tell(NET, Dial(name, self._request(seed=name)))
        if first:
            for member in core.members.living.sample(REJOINS, core.random):
                core.send(member, self._request())
        if core.now >= self._next_saved_s and self.saved:
            self._next_saved_s = core.now + SAVED_PERIODS * core.period_s
            address = self.saved[int(core.random.random() * len(self.saved))]
            core.tell(NET, Dial(address, self._request(seed=address)))
        patience = min(PATIENT_PERIODS, EAGER_PERIODS + self._rounds / 4)
        wait = (patience if lonely else PATIENT_PERIODS) * (0.75 + core.random.random() / 2)
        core.agenda.at(core.now + wait * core.period_s, "dial")

    def reconcile(self, member: MemberId) -> None:
        """A member is silent: while rings are becoming one, perhaps because it is in the other."""
        if self._former or ringid.is_young(self.ring_id, self._core.wall):
            self.redial(member)

    def redial(self, member: MemberId) -> None:
        """Reach out to a known member: it hears what is thought of it, both become equal."""
        self._core.send(member, self._request())

    def meet(self, member: MemberId) -> None:
        """A member nobody here knows has spoken: ask who it is, not too often."""
        core = self._core
        if ("met", member) not in core.agenda and len(core.agenda) < MAX_DUE:
            core.agenda.at(core.now + 2 * core.period_s, "met", member)
            self.redial(member)

    def banish(self, member: MemberId) -> None:
        """A departed member speaks: tell it, not too often."""
        core = self._core
        if ("met", member) not in core.agenda:
            core.agenda.at(core.now + core.period_s, "met", member)
            core.send(member, self._refusal("departed", member))

    def failed(self, message: DialFailed) -> None:
        """A seed was not reached; said at the first time, and once a minute."""
        seed = self._seeds.get(message.seed)
        if seed is None:
            return
        seed.attempts += 1
        if self._core.now - seed.said_s >= _QUIET_PERIODS:
            seed.said_s = self._core.now
            self._core.emit(SeedUnreachable(message.seed, message.reason, seed.attempts))

    def _is_wanted(self, seed: _Seed) -> bool:
        if seed.is_me:
            return False
        return not seed.member or seed.member not in self._core.members.living

    def _request(self, *, seed: str = "", came_from: str = "") -> JoinRequest:
        core = self._core
        return JoinRequest(
            claim=self._identity.claim(),
            ring_id=self.ring_id,
            came_from=came_from or (self._former[0] if self._former else ""),
            merge=core.option.merge,
            seed=seed,
            digest=core.digest.total,
        )

    # ── frames ──

    def request(self, sender: MemberId, frame: JoinRequest) -> None:
        """Somebody wants to join, or to join again, or reaches out after a silence."""
        core = self._core
        if frame.claim.id != sender or not _is_ring(frame.ring_id):
            core.refuse("a join in another's name", sender)
            return
        if sender == core.me:
            self._found_myself(frame.seed)
            return
        entry = core.members.get(sender)
        if entry is not None and entry.health == "departed":
            core.send(sender, self._refusal("departed", sender, frame.seed))
            return
        related = frame.merge or (bool(frame.came_from) and frame.came_from == self.ring_id)
        verdict = self._judge(frame.ring_id, sender, related=related)
        if verdict == "refuse":
            self._complain(frame.ring_id, sender)
            core.send(sender, self._refusal("ring", sender, frame.seed))
            return
        if verdict in {"mint", "wait"} and self._is_minting(sender, frame):
            return
        self._obey(verdict, frame.ring_id)
        self._opinions.hear(frame.claim, sender)
        self._opinions.heard_from(sender)
        self._welcome(sender, frame, merge=verdict in {"take", "keep"})

    def _is_minting(self, sender: MemberId, frame: JoinRequest) -> bool:
        """Of many that could mint, the first one is asked to; the others wait for what it says."""
        core = self._core
        if ("minting", "") in core.agenda and len(self._waiting) < MAX_WAITING:
            self._waiting[sender] = frame
            return True
        if core.me > sender:
            core.agenda.at(core.now + EAGER_PERIODS * core.period_s, "minting")
        return False

    def admit_waiting(self) -> None:
        """The ring has an id, or whoever was to mint it is silent: answer those who wait."""
        self._core.agenda.cancel("minting")
        waiting, self._waiting = self._waiting, {}
        for sender, frame in waiting.items():
            self.request(sender, frame)

    def _welcome(self, sender: MemberId, frame: JoinRequest, *, merge: bool) -> None:
        core = self._core
        claims: tuple[Claim, ...] = ()
        rumors: tuple[bytes, ...] = ()
        more = False
        if frame.digest != core.digest.total:
            page, more = self._sync.first_page()
            claims, rumors = tuple(page.claims), tuple(page.rumors)
        else:
            entry = core.members.get(sender)
            if entry is not None and self._opinions.thinks_badly(entry):
                claims = (core.members.claim(sender),)
        core.send(
            sender,
            JoinReply(
                claim=self._identity.claim(),
                ring_id=self.ring_id,
                seed=frame.seed,
                merge=merge,
                digest=core.digest.total,
                claims=claims,
                rumors=rumors,
                more=more,
            ),
        )

    def reply(self, sender: MemberId, frame: JoinReply, *, fresh: bool) -> None:
        """A member answers; `fresh`: what it brings is passed on."""
        core = self._core
        if frame.claim.id != sender or sender == core.me or not _is_ring(frame.ring_id):
            core.refuse("a join in another's name", sender)
            return
        if frame.refused == "departed":
            self._opinions.hear_all(tuple(c for c in frame.claims if c.id == core.me), sender)
            return
        related = frame.merge and not frame.refused
        verdict = self._judge(frame.ring_id, sender, related=related)
        if frame.refused or verdict == "refuse":
            self._complain(frame.ring_id, sender)
            return
        self._obey(verdict, frame.ring_id)
        if frame.seed in self._seeds:
            seed = self._seeds[frame.seed]
            seed.member, seed.attempts = sender, 0
        self._opinions.hear(frame.claim, sender, fresh=fresh)
        self._opinions.hear_all(frame.claims, sender, fresh=fresh)
        self._facts.hear_all(frame.rumors, sender, fresh=fresh)
        self._opinions.heard_from(sender)
        if verdict in {"mint", "wait"}:
            if verdict == "mint":
                self.redial(sender)
            return
        if not frame.more:
            self._joined(sender)
        if frame.digest != core.digest.total:
            self._sync.pull(sender)

    def announce(self, peer: MemberId) -> None:
        """The first push/pull of this life is done."""
        self._core.emit(RingJoined(self.ring_id, peer))

    def _obey(self, verdict: ringid.Verdict, theirs: str) -> None:
        core = self._core
        if verdict == "mint":
            self._choose(ringid.mint(core.wall, core.random), "minted")
        elif verdict == "take":
            self._choose(theirs, "merged" if self.ring_id else "adopted")

    def _found_myself(self, name: str) -> None:
        seed = self._seeds.get(name)
        if seed is not None:
            seed.is_me = True

    def _complain(self, ring_id: str, peer: MemberId) -> None:
        """Say that another ring was met, once a minute for each."""
        core, key = self._core, (ring_id, peer)
        if core.now >= self._quiet.get(key, -1e9):
            if len(self._quiet) > MAX_DIALS * MAX_DIALS:
                self._quiet.clear()
            self._quiet[key] = core.now + _QUIET_PERIODS * core.period_s
            core.emit(OtherRingMet(ring_id, peer))

    def _refusal(self, why: str, peer: MemberId, seed: str = "") -> JoinReply:
        core = self._core
        claims: tuple[Claim, ...] = ()
        if why == "departed":
            claims = (core.members.claim(peer),)
        mine = self._identity.claim()
        return JoinReply(claim=mine, ring_id=self.ring_id, seed=seed, refused=why, claims=claims)


def _is_ring(text: str) -> bool:
    return not text or ringid.is_ring_id(text)
