"""The failure detector: whose turn it is, what the answers mean, and when a suspicion ends.

SWIM's probing (DSN 2002, §3) with Lifeguard's local health, nacks and buddy system (2017), and
three steps beyond: the verdict falls as soon as everybody asked has answered; who hears an
accusation may check it at once, so that true ones gather accusers and false ones their refutation;
and a last direct probe precedes every death.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.gossip.core import Core
from actors.gossip.membership import Entry
from actors.gossip.opinion import Opinions
from actors.gossip.probe import HELPER_PATIENCE, HELPERS, PINGS, Probe, Purpose, RoundTrip
from actors.gossip.roster import Walk
from actors.messages.base import MemberId
from actors.messages.gossip import Ack, Claim, Nack, Ping, PingReq

CHECKERS: Final = 6  # members that check an accusation at once, on average
REDIALS: Final = 8  # members that check a broken connection at once, on average
MAX_CHECKS: Final = 8  # running at once
DEAD_SHARE: Final = 5  # each fifth period a dead permanent peer is dialled
REDIAL_PERIODS: Final = 10.0  # another dead member, about so often
INQUIRY_PERIODS: Final = 2.0  # for the one to depart to answer itself, who is just being dialled
MAX_RELAYS: Final = 1_024  # pings for others under way at once
_RELAY_PERIODS: Final = 2.0  # an answer later than that helps nobody


class _Relay:
    """A ping sent for somebody else."""

    __slots__ = ("asker", "seq", "target")

    def __init__(self, asker: MemberId, seq: int, target: MemberId) -> None:
        self.asker = asker
        self.seq = seq
        self.target = target


class Detector:
    """Owns the running probes and relays.

    `redial` reaches out to a dead member, `reconcile` to a silent one that may be in another ring.
    """

    def __init__(
        self,
        core: Core,
        opinions: Opinions,
        redial: Callable[[MemberId], None],
        reconcile: Callable[[MemberId], None],
    ) -> None:
        self._core = core
        self._opinions = opinions
        self._redial = redial
        self._reconcile = reconcile
        self._round = Walk()
        self._dead_round = Walk()
        self._probes: dict[int, Probe] = {}
        self._relays: dict[int, _Relay] = {}
        self._seq = 0
        self._periods = 0
        self._next_redial_s = 0.0
        self._round_trip = RoundTrip()
        self.inquiries: list[Probe] = []  # of departures, just ended

    def start(self) -> None:
        """Begin at a random phase; probe numbers name the instance by their start."""
        core = self._core
        self._seq = core.random.getrandbits(30)
        core.agenda.at(core.now + core.random.random() * core.period_s, "probe")
        self._next_redial_s = core.now + core.random.random() * REDIAL_PERIODS * core.period_s

    def pause(self) -> None:
        """Drop what runs, without a verdict."""
        for seq in self._probes:
            self._core.agenda.cancel("stage", str(seq))
        self._probes.clear()
        self._relays.clear()

    def stop(self) -> None:
        """Probe nobody any more."""
        self.pause()
        self._core.agenda.cancel("probe")

    # ── whose turn it is ──

    def period(self) -> None:
        """A protocol period begins: probe the next member, dial the dead now and then."""
        core = self._core
        core.agenda.at(core.now + core.period_s * core.awareness.factor, "probe")
        target = self._round.next(core.members.living, core.random)
        if target is not None:
            self.probe(target, Purpose.ROUND)
        self._periods += 1
        if self._periods % DEAD_SHARE == 0:
            dead = self._dead_round.next(core.members.dead_permanent, core.random)
            if dead is not None:
                self._redial(dead)
        if core.now >= self._next_redial_s:
            wait = (0.5 + core.random.random()) * REDIAL_PERIODS * core.period_s
            self._next_redial_s = core.now + wait
            dead = core.members.dead.one(core.random)
            if dead is not None:
                self._redial(dead)

    def welcome(self, member: MemberId) -> None:
        """Let the running round reach a newcomer."""
        self._round.add(member, self._core.random)

    def check(self, member: MemberId, checkers: int) -> None:
        """Look after a member out of turn, as about `checkers` members of the ring will."""
        core = self._core
        living = core.members.living
        busy = any(probe.target == member for probe in self._probes.values())
        if busy or member not in living or len(self._probes) >= MAX_CHECKS:
            return
        if core.option.lifeguard and core.random.random() * len(living) < checkers:
            self.probe(member, Purpose.CHECK)

    def inquire(self, member: MemberId) -> None:
        """Ask everybody whether they hear a member."""
        self.probe(member, Purpose.DEPART)

    def probe(self, target: MemberId, purpose: Purpose) -> None:
        """Begin a probe."""
        core = self._core
        patience = core.awareness.factor if core.option.lifeguard else 1
        timeout = self._round_trip.timeout_s(core.period_s) * patience
        self._seq += 1
        probe = Probe(target, purpose, core.now, timeout)
        self._probes[self._seq] = probe
        self._ping(self._seq, probe)
        if purpose is Purpose.DEPART:
            self._ask(self._seq, probe, list(core.members.living))

    def _ping(self, seq: int, probe: Probe) -> None:
        probe.pings += 1
        self._send_ping(seq, probe.target)
        # Plain SWIM pings once in a timeout.
        after_s = probe.next_ping_s() if self._core.option.lifeguard else probe.end_s()
        self._core.agenda.at(after_s, "stage", str(seq))

    def _send_ping(self, seq: int, target: MemberId) -> None:
        core = self._core
        entry = core.members.get(target)
        buddy: tuple[Claim, ...] = ()
        if core.option.lifeguard and entry is not None and self._opinions.thinks_badly(entry):
            buddy = (core.brief(target),)
        parcel = core.parcel(target, buddy)
        core.send(target, Ping(seq, core.digest.total, parcel.claims, parcel.rumors))

    # ── stages of a probe ──

    def stage(self, seq: int) -> None:
        """A stage of a probe, or of a ping for somebody else, is over."""
        if seq in self._relays:
            self._relay_stage(seq)
            return
        probe = self._probes.get(seq)
        if probe is None:
            return
        if probe.purpose is Purpose.DEPART:
            self._ask_on(seq, probe)
        elif probe.has_helpers:
            self._fail(seq, probe)
        elif probe.pings < PINGS and self._core.option.lifeguard:
            self._ping(seq, probe)
        elif probe.purpose is Purpose.LAST:
            self._fail(seq, probe)
        else:
            core = self._core
            self._ask(seq, probe, core.members.living.sample(HELPERS, core.random, probe.target))

    def _ask(self, seq: int, probe: Probe, helpers: list[MemberId]) -> None:
        """Begin the second stage: through helpers."""
        core = self._core
        probe.asked = [helper for helper in helpers if helper != probe.target]
        for helper in probe.asked:
            core.send(helper, PingReq(seq, probe.target))
        self._reconcile(probe.target)
        if probe.purpose is Purpose.DEPART:
            if not probe.asked:
                probe.asked = [probe.target]  # nobody else to ask: only its own answer counts
            core.agenda.at(probe.next_ping_s(), "stage", str(seq))
        elif probe.asked:
            core.agenda.at(core.now + probe.timeout_s, "stage", str(seq))
        else:
            self._fail(seq, probe)

    def _ask_on(self, seq: int, probe: Probe) -> None:
        """Ping the one to depart again, and ask who has not answered, until time is up.

        Whoever has only just started has connections that are still being opened: silence so far
        proves nothing, and that others hear it is no reason yet to believe that we do not.
        """
        core = self._core
        until_s = probe.start_s + INQUIRY_PERIODS * core.period_s
        if core.now >= until_s:
            self._fail(seq, probe)
            return
        probe.pings += 1
        self._send_ping(seq, probe.target)
        for helper in probe.asked:
            if helper not in probe.silent and helper not in probe.heard_by:
                core.send(helper, PingReq(seq, probe.target))
        core.agenda.at(min(probe.next_ping_s(), until_s), "stage", str(seq))

    def _fail(self, seq: int, probe: Probe) -> None:
        core = self._core
        self._end(seq)
        match probe.purpose:
            case Purpose.ROUND:
                if core.option.lifeguard:
                    core.awareness.worse(probe.missed() if probe.asked else 1)
                self._opinions.accuse(probe.target)
            case Purpose.CHECK:
                self._opinions.accuse(probe.target)
            case Purpose.LAST:
                self._opinions.confirm(probe.target)
            case Purpose.DEPART:
                self.inquiries.append(probe)

    def _end(self, seq: int) -> None:
        self._probes.pop(seq, None)
        self._core.agenda.cancel("stage", str(seq))

    def suspicion_over(self, member: MemberId) -> None:
        """A suspicion's time is (nearly) up."""
        core = self._core
        suspicion = self._opinions.suspicions.get(member)
        if suspicion is None:
            return
        if core.option.lifeguard:
            suspicion.probing = True
            self.probe(member, Purpose.LAST)
        else:
            self._opinions.confirm(member)

    # ── frames ──

    def ping(self, sender: MemberId, entry: Entry | None, frame: Ping) -> None:
        """Answer; a member that is thought badly of hears it with the answer."""
        core = self._core
        first: tuple[Claim, ...] = ()
        if any(claim.id == core.me for claim in frame.claims):
            first = (core.brief(core.me),)
        if entry is not None and self._opinions.thinks_badly(entry):
            first = (*first, core.brief(sender))
        parcel = core.parcel(sender, first)
        core.send(sender, Ack(frame.seq, core.digest.total, parcel.claims, parcel.rumors))

    def ack(self, sender: MemberId, frame: Ack) -> None:
        """A probe is answered, by the target or through a helper; or a ping for somebody else."""
        relay = self._relays.get(frame.seq)
        if relay is not None and relay.target == sender:
            del self._relays[frame.seq]
            self._core.agenda.cancel("stage", str(frame.seq))
            self._core.send(relay.asker, Ack(relay.seq))
            return
        probe = self._probes.get(frame.seq)
        if probe is None:
            return
        if sender == probe.target:
            if probe.pings == 1 and not probe.has_helpers:
                self._round_trip.add(self._core.now - probe.start_s)
            if probe.purpose is Purpose.DEPART:
                probe.heard_by.insert(0, sender)
                self._fail(frame.seq, probe)
                return
        elif sender in probe.asked and sender not in probe.heard_by:
            probe.heard_by.append(sender)
            if probe.purpose is Purpose.DEPART:
                self._look(frame.seq, probe)
                return
        else:
            return
        self._succeed(frame.seq, probe)

    def joined(self, member: MemberId) -> None:
        """A member spoke in a join: as good as an ack to what is asked of it."""
        for seq, probe in list(self._probes.items()):
            if probe.target == member and probe.purpose is not Purpose.DEPART:
                self._succeed(seq, probe)

    def _succeed(self, seq: int, probe: Probe) -> None:
        self._end(seq)
        if probe.purpose is Purpose.ROUND:
            self._core.awareness.better()
        elif probe.purpose is Purpose.LAST:
            self._opinions.renew(probe.target)

    def nack(self, sender: MemberId, frame: Nack) -> None:
        """A helper lives, but has not reached the target."""
        probe = self._probes.get(frame.seq)
        if probe is not None and sender in probe.asked:
            probe.silent.add(sender)
            self._look(frame.seq, probe)

    def _look(self, seq: int, probe: Probe) -> None:
        """The verdict needs not wait when nobody is left to be heard."""
        if len(probe.silent) == len(probe.asked):
            self._fail(seq, probe)

    def ping_req(self, sender: MemberId, frame: PingReq) -> None:
        """Ping a member for somebody else."""
        core = self._core
        if frame.target == core.me:
            core.send(sender, Ack(frame.seq))
            return
        if core.members.get(frame.target) is None or len(self._relays) >= MAX_RELAYS:
            core.send(sender, Nack(frame.seq))
            return
        self._seq += 1
        self._relays[self._seq] = _Relay(sender, frame.seq, frame.target)
        self._send_ping(self._seq, frame.target)
        patience = self._round_trip.timeout_s(core.period_s) * HELPER_PATIENCE
        core.agenda.at(core.now + patience / 2, "stage", str(self._seq))
        core.agenda.at(core.now + patience, "nack", str(self._seq))

    def _relay_stage(self, seq: int) -> None:
        """Ping once more for somebody else."""
        self._send_ping(seq, self._relays[seq].target)

    def admit(self, seq: int) -> None:
        """Tell who asked that the target is silent; a later answer is still passed on."""
        relay = self._relays.get(seq)
        if relay is not None:
            core = self._core
            core.send(relay.asker, Nack(relay.seq))
            core.agenda.at(core.now + _RELAY_PERIODS * core.period_s, "forget", str(seq))

    def give_up(self, seq: int) -> None:
        """Forget a ping for somebody else."""
        self._relays.pop(seq, None)
