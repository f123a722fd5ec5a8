"""The gossip machine: one member's part in the ring, as a pure function of what it hears.

`Ring.step(moment, message)` returns effects; nothing else goes in or out. The parts own what they
change; this is the one place that knows them all, and the order of a life: read the disk, make an
incarnation durable, announce it, join, take part, say goodbye.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, assert_never

from actors.effects import After, Effect, Load, Reply, Send
from actors.gossip.core import Core, Moment, RingOption
from actors.gossip.depart import FAREWELLS, Departures
from actors.gossip.detector import CHECKERS, REDIALS, Detector
from actors.gossip.facts import Facts
from actors.gossip.identity import Identity
from actors.gossip.join import Join
from actors.gossip.opinion import Opinions
from actors.gossip.persistence import (
    IMAGE,
    LEDGER,
    RING_ID,
    SAVE_S,
    SAVE_SOON_S,
    image_bytes,
    make_image,
    remember,
)
from actors.gossip.stamps import KEEP_S, STALE_S, age_s
from actors.gossip.subscribers import Subscribers
from actors.gossip.sync import Sync
from actors.messages.base import MemberId, Message, split_address
from actors.messages.envelope import Ticket
from actors.messages.gossip import (
    Ack,
    GossipFrame,
    IncarnationDurable,
    JoinReply,
    JoinRequest,
    LeaveForGood,
    MemberResumed,
    Nack,
    News,
    Ping,
    PingReq,
    RingTick,
    SaveSnapshot,
    SyncBuckets,
    SyncEntries,
    SyncPush,
)
from actors.messages.ring import (
    DepartMember,
    DialFailed,
    KeysHeld,
    LeaveRing,
    LinkClosed,
    Member,
    Members,
    PublishRumor,
    QueryMembers,
    RememberMembers,
    SeedsChanged,
    Subscribe,
    Unroute,
)
from actors.messages.runtime import CallFailed, Loaded, Ok, PersistFailed

Phase: TypeAlias = Literal["loading", "member", "leaving", "ended"]
LocalMessage: TypeAlias = (
    RingTick
    | Loaded
    | PersistFailed
    | IncarnationDurable
    | PublishRumor
    | Subscribe
    | RememberMembers
    | QueryMembers
    | DepartMember
    | LeaveRing
    | SeedsChanged
    | KeysHeld
    | DialFailed
    | LinkClosed
)

SNAPSHOT: Final = "gossip/snapshot"
SETTLE_S: Final = 5.0  # nobody waits longer for a first push/pull
HOUSE_S: Final = 60.0  # between looks at ages
REMEMBER_S: Final = 60.0  # who holds seats is named each few seconds
PAUSE_PERIODS: Final = 1.0  # a deadline met so late means that we did not run
RETRY_S: Final = 1.0  # after a failed write
_UNSETTLED: Final = CallFailed(
    "ActorUnavailableError",
    "the first exchange with the ring is not over, so the current version is not known; try again",
    "not-settled",
)
FRAMES: Final = (
    Ping,
    Ack,
    PingReq,
    Nack,
    News,
    SyncBuckets,
    SyncEntries,
    SyncPush,
    LeaveForGood,
    JoinRequest,
    JoinReply,
)


class Ring:
    """One member's gossip. Not to be stepped before `started`."""

    def __init__(self, me: MemberId, option: RingOption) -> None:
        core = Core(me, option)
        self.core = core
        self.identity = Identity(core)
        self.opinions = Opinions(core, self.identity)
        self.facts = Facts(core)
        self.sync = Sync(core, self._synced)
        self.join = Join(
            core, self.identity, self.opinions, self.facts, self.sync, joined=self._synced
        )
        self.detector = Detector(core, self.opinions, self.join.redial, self.join.reconcile)
        self.departures = Departures(core, self.opinions, self.detector.inquire)
        self.subscribers = Subscribers(core, self.opinions)
        self.phase: Phase = "loading"
        self.settled = False
        self.served_key = ""
        self._armed_s: float | None = None
        self._ledger: bytes | None = None
        self._image: bytes | None = None
        self._image_due = False
        self._remembered: dict[MemberId, float] = {}  # who holds seats here → until when

    # ── turns ──

    def started(self) -> list[Effect]:
        """Read the disk, one file after the other."""
        return [Load(LEDGER)]

    def step(self, moment: Moment, message: Message) -> list[Effect]:
        """One message's effects."""
        core = self.core
        core.begin(moment)
        if self._armed_s is not None:
            gap = core.now - self._armed_s
            if gap > PAUSE_PERIODS * core.period_s and self.phase == "member":
                self._resume(gap)
        if isinstance(message, FRAMES):
            self._frame(moment, message)
        else:
            self._local(moment, message)
        self._follow_up()
        self._arm()
        return core.finish()

    def _follow_up(self) -> None:
        """What one part has found and another one acts upon."""
        opinions, detector = self.opinions, self.detector
        if opinions.newcomers:
            newcomers, opinions.newcomers = opinions.newcomers, []
            for member in newcomers:
                detector.welcome(member)
        if opinions.departed:
            departed, opinions.departed = opinions.departed, []
            for member in departed:
                self.facts.forget_owner(member)
                self.departures.gone(member)
        if opinions.checks:
            checks, opinions.checks = opinions.checks, []
            if self.phase == "member":
                for member in checks:
                    detector.check(member, CHECKERS)
        if detector.inquiries:
            inquiries, detector.inquiries = detector.inquiries, []
            for inquiry in inquiries:
                self.departures.settle(inquiry)
        if opinions.ended is not None and self.phase != "ended":
            self.phase = "ended"
            detector.stop()
            self.core.agenda.cancel("dial")
            self.core.tell("node", opinions.ended)
        if self.core.image_changed and self.phase != "loading" and not self._image_due:
            self._image_due = True
            self.core.agenda.at(self.core.now + SAVE_S, "image")

    def _arm(self) -> None:
        """Let the one timer stand on the earliest deadline."""
        core = self.core
        first = core.agenda.first_s()
        if first is not None and first != self._armed_s:
            core.effects.append(After(max(0.0, first - core.now), RingTick(), "tick"))
            self._armed_s = first

    def _resume(self, gap: float) -> None:
        """This member did not run: what fell due meanwhile says nothing about the others."""
        core = self.core
        self._armed_s = None  # set anew, whatever became of the old one
        core.emit(MemberResumed(gap))
        core.awareness.worse()
        self.detector.pause()
        self.departures.drop()
        self.opinions.renew_all()
        for member in core.members.living.sample(2, core.random):
            self.join.redial(member)
        # Now, not by the timer: while mail waits each message would find the old deadline, take
        # it for another pause, reach out again, and so keep the timer from ever coming.
        core.agenda.run(core.now, self._due)

    # ── local messages ──

    def _local(self, moment: Moment, message: Message) -> None:
        core = self.core
        match message:
            case RingTick():
                self._armed_s = None
                core.agenda.run(core.now, self._due)
            case Loaded():
                self._loaded(message)
            case PersistFailed():
                core.agenda.at(core.now + RETRY_S, "retry")
            case IncarnationDurable():
                if self.identity.durable(message):
                    self._open()
            case PublishRumor():
                self._publish(moment, message)
            case Subscribe(kinds, again):
                self.subscribers.add(moment.sender, kinds, again=again, settled=self.settled)
            case RememberMembers(members):
                until_s = core.now + REMEMBER_S
                self._remembered |= dict.fromkeys(members, until_s)
            case QueryMembers():
                views = self.subscribers.views()
                score = core.awareness.score
                joined, unsynced = self.join.footing(), self._unsynced()
                ring_id = self.join.ring_id
                known = (ring_id, views, self.settled, score, *joined, unsynced, self.served_key)
                core.effects.append(Reply(Members(core.me, *known)))
            case DepartMember():
                self.departures.ask(message, moment.ticket)
            case LeaveRing():
                self._leave()
            case SeedsChanged(seeds):
                self.join.change_seeds(seeds)
                if self.phase == "member":
                    self.join.dial()
            case KeysHeld(keys, served):
                self.served_key = served
                if self.phase == "member" and keys != self.identity.record.keys:
                    self.identity.change({"keys": keys})
            case DialFailed():
                self.join.failed(message)
            case LinkClosed(member):
                if self.phase == "member":
                    self.detector.check(member, REDIALS)
            case _:
                raise AssertionError(f"gossip does not understand {message!r}")

    def _due(self, what: str, about: str) -> None:
        """A deadline is met."""
        core = self.core
        match what:
            case "probe":
                self.detector.period()
            case "stage":
                self.detector.stage(int(about))
            case "nack":
                self.detector.admit(int(about))
            case "forget":
                self.detector.give_up(int(about))
            case "suspicion":
                self.detector.suspicion_over(about)
            case "push":
                core.push()
            case "notify":
                self._notify()
            case "dial":
                self.join.dial()
            case "leaving":
                self.departures.overdue(about)
            case "unroute":
                core.tell("port/net", Unroute(about))
            case "minting":
                self.join.admit_waiting()
            case "insist":
                self.identity.insist()
            case "settle":
                self._settle()
            case "house":
                self._house()
            case "image":
                self._save_image()
            case "refused":
                core.say_refused()
            case "retry":
                self.identity.retry()
                self.join.retry()
            case "met":
                pass  # only its being set mattered
            case _:
                raise AssertionError(f"nothing is due as {what}")

    # ── a life ──

    def _loaded(self, message: Loaded) -> None:
        """One file after the other; the last step makes an incarnation durable."""
        core = self.core
        match message.path:
            case path if path == LEDGER:
                self._ledger = message.data
                core.writes.append(Load(RING_ID))
            case path if path == RING_ID:
                self.join.load(message.data)
                core.writes.append(Load(IMAGE))
            case _:
                self._image = message.data
                self.identity.load(self._ledger)

    def _open(self) -> None:
        """The incarnation is durable: remember the ring, announce, join."""
        core = self.core
        self.phase = "member"
        remembered = remember(self._image, core.me, core.wall)
        self._image = None
        self.join.saved = list(remembered.addresses)
        for known in remembered.standings:
            self.opinions.recall(known, remembered.silent_s.get(known.member.id, 0.0))
        for held in remembered.rumors:
            self.facts.recall(held)
        self.facts.open()
        self.detector.start()
        core.peak.saw(len(core.members.living) + 1)
        core.agenda.at(core.now + HOUSE_S, "house")
        self.join.open()
        if self.join.has_anybody():
            core.agenda.at(core.now + SETTLE_S, "settle")
        else:
            self._settle()

    def _unsynced(self) -> tuple[MemberId, ...]:
        """Living permanent peers whose store was not seen to equal ours."""
        core = self.core
        return tuple(
            entry.member.id
            for _, entry in sorted(core.members.entries.items())
            if entry.member.permanent
            and entry.health in ("alive", "suspect")
            and entry.member.id != core.me
            and entry.member.id not in self.sync.equal
        )

    def _synced(self, peer: MemberId) -> None:
        """A push/pull is done; with whom nobody here knows, it is none."""
        if self.core.members.get(peer) is None:
            return
        self.sync.equal.add(peer)
        if not self.settled:
            self.join.announce(peer)
            self._settle()

    def _settle(self) -> None:
        """From now on others may build on what is known here."""
        if not self.settled:
            self.settled = True
            self.core.agenda.cancel("settle")
            self.subscribers.settle()
            self._changes_told()

    def _publish(self, moment: Moment, message: PublishRumor) -> None:
        unsettled = message.version and not (self.settled and self.phase == "member")
        answer = _UNSETTLED if unsettled else self.facts.publish(message)
        if answer is not None:
            self.core.effects.append(Reply(answer))
        elif message.version:
            self._save_image(moment.ticket)  # it is answered by who writes the image
            return
        elif moment.ticket is not None:
            self.core.effects.append(Reply(Ok()))
        if self.phase == "member" and self.core.image_changed:
            self._image_due = True
            self.core.agenda.at(self.core.now + SAVE_SOON_S, "image")

    def _leave(self) -> None:
        """Say goodbye to some; they pass it on."""
        core = self.core
        if self.phase == "member":
            self.phase = "leaving"
            self.opinions.silent = True
            self.detector.stop()
            core.agenda.cancel("dial")
            self.identity.change({"left": True})
            farewell = News((core.members.claim(core.me),))
            for member in core.members.living.sample(FAREWELLS, core.random):
                core.send(member, farewell)
            self._save_image()
        core.effects.append(Reply(Ok("said goodbye")))

    def _notify(self) -> None:
        if self.settled:
            self.subscribers.notify()
        else:
            self.subscribers.forget_built()
        self._changes_told()

    def _changes_told(self) -> None:
        self.core.members_changed = False
        self.core.rumors_changed.clear()

    def _save_image(self, ticket: Ticket | None = None) -> None:
        core = self.core
        self._image_due = False
        core.image_changed = False
        known = [entry.now for one, entry in core.members.entries.items() if one != core.me]
        since = {
            one: core.wall - (core.now - entry.since_s)
            for one, entry in core.members.entries.items()
            if entry.health == "confirmed"
        }
        rumors = list(core.rumors.held.values())
        image = make_image(core.wall, known, rumors, self.join.saved, since)
        core.effects.append(Send(SNAPSHOT, SaveSnapshot(image_bytes(image)), ticket))

    def _house(self) -> None:
        """About once a minute: ages."""
        core = self.core
        core.agenda.at(core.now + HOUSE_S, "house")
        core.peak.turn(len(core.members.living) + 1)
        if self.phase != "member":
            return
        self.identity.restamp()
        self.facts.house()
        for member, entry in list(core.members.entries.items()):
            if member == core.me or entry.health in {"alive", "suspect"}:
                continue
            silent_s = core.now - entry.since_s
            age = age_s(entry.member.stamp, core.wall)
            if entry.health == "departed":
                self._age_departed(member, age)
            elif silent_s > KEEP_S and not self._is_needed(entry.member):
                self._bury(member, entry.member.address)
            elif age > STALE_S:
                core.members.hide(member)

    def _is_needed(self, member: Member) -> bool:
        """Whether a member is kept for as long as it is silent.

        Without that nobody could say for how long a seat's holder is dead, or swear that it is.
        """
        return member.permanent or self._remembered.get(member.id, 0.0) >= self.core.now

    def _age_departed(self, member: MemberId, age: float) -> None:
        if age > KEEP_S:
            self.facts.forget_owner(member)
            self.opinions.forget(member)
        elif age > STALE_S:
            self.core.members.hide(member)

    def _bury(self, member: MemberId, address: str) -> None:
        """Forget a member dead for so long; its address is still dialled now and then."""
        if address not in self.join.saved:
            self.join.saved.append(address)
            del self.join.saved[:-64]
        self.facts.forget_owner(member)
        self.opinions.forget(member)

    # ── frames ──

    def _frame(self, moment: Moment, frame: GossipFrame) -> None:
        sender = split_address(moment.sender)[0] or ""
        if self.phase not in {"member", "leaving"} or not sender:
            return
        if isinstance(frame, JoinRequest):
            self.join.request(sender, frame)
            return
        if isinstance(frame, JoinReply):
            self.join.reply(sender, frame, fresh=self.settled)
            if not frame.refused:
                self.detector.joined(sender)
            return
        if sender == self.core.me:
            return
        entry = self.opinions.heard_from(sender)
        if entry is None:
            self.join.meet(sender)
        elif entry.health == "departed":
            self.join.banish(sender)
            return
        self._from_member(sender, frame)

    def _from_member(
        self,
        sender: MemberId,
        frame: (
            Ping | Ack | PingReq | Nack | News | SyncBuckets | SyncEntries | SyncPush | LeaveForGood
        ),
    ) -> None:
        core, detector = self.core, self.detector
        match frame:
            case Ping():
                self._hear(sender, frame)
                detector.ping(sender, core.members.get(sender), frame)
                self.sync.compare(sender, frame.digest)
            case Ack():
                self._hear(sender, frame)
                detector.ack(sender, frame)
                self.sync.compare(sender, frame.digest)
            case PingReq():
                detector.ping_req(sender, frame)
            case Nack():
                detector.nack(sender, frame)
            case News():
                self._hear(sender, frame)
                missing = self.sync.missing(frame.offers) if frame.offers else b""
                if missing:
                    core.send(sender, SyncPush(want=missing))
            case SyncBuckets():
                self.sync.buckets(sender, frame)
            case SyncEntries():
                self.sync.entries(sender, frame)
            case SyncPush():
                self._hear(sender, frame)
                if frame.want:
                    self.sync.deliver(sender, frame.want)
                if frame.last:
                    self.sync.finish(sender)
            case LeaveForGood(epoch):
                self.departures.told(sender, epoch)
            case _:
                assert_never(frame)

    def _hear(self, sender: MemberId, frame: Ping | Ack | News | SyncPush) -> None:
        if frame.claims:
            self.opinions.hear_all(frame.claims, sender)
        if frame.rumors:
            self.facts.hear_all(frame.rumors, sender)
