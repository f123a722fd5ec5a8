"""A small world of elections: the rules as they are, under clocks, disks and links that misbehave.

One seed is one execution. Time is true time in seconds; each member reads its own clock, which runs
up to 5 % fast or slow. Frames are lost, late, doubled and out of order; links break one way or
both; processes pause and crash, at best within a write. After the faults everything heals.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from actors.effects import After, Effect, Emit, Persist, Send
from actors.election import ballot as ballots
from actors.election import electorate, rules
from actors.election.state import Decision, Election, Leading, Place, opened
from actors.messages.base import Event, Message, split_address
from actors.messages.election import Electorate, ProposeElectorate, Voter
from actors.messages.election_events import (
    ElectorateCommitted,
    ElectorateFounded,
    LeaderElected,
    LeaseLost,
    LeaseRenewed,
    VoteGiven,
)
from actors.messages.election_orders import (
    ElectionDue,
    ReadSuitability,
    RenewalAcked,
    RenewalHeard,
    RoleChanged,
    RoleSettled,
    SendRenewal,
    SendRenewalAck,
    StandForElection,
    SuitabilityRead,
)
from actors.messages.runtime import PersistFailed

GROUP = "db.default"
KIND = "topology"
DRIFT = 0.05


class BrokenError(AssertionError):
    """An invariant of elections does not hold."""


@dataclass(frozen=True)
class Plan:
    """What befalls the members. `crash`, … are weights of faults; `every_s` is between two."""

    members: int = 3
    rivals: int = 0  # members of a second electorate, founded later
    spares: int = 0  # members that ask for a seat, and give it up
    faults_s: float = 40.0
    heal_s: float = 16.0
    every_s: float = 1.0
    seats_s: float = 0.0  # between two wishes for seats, on the average; 0 for none
    loss: float = 0.1
    round_loss: float = 0.0  # of a leader's rounds alone
    late: float = 0.05  # share of frames that take seconds
    late_s: float = 5.0
    slow_disk: float = 0.05  # share of writes that take up to a second
    bad_disk: float = 0.0  # share of writes that fail, and say so
    drift: bool = True
    hook: bool = False
    found: bool = False
    syncs: bool = True  # the store keeps what it says it wrote
    weights: tuple[tuple[str, float], ...] = (
        ("split", 2.0),
        ("one_way", 1.0),
        ("heal", 2.0),
        ("pause", 1.0),
        ("crash", 3.0),
        ("crash_all", 0.3),
        ("step_down", 0.5),
        ("fail", 0.5),
    )


@dataclass
class Machine:
    """A member: its clock, its disk, and its election while it runs."""

    me: str
    rate: float
    offset: float
    disk: dict[str, bytes] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
    life: int = 0
    state: Election | None = None
    random: Random = field(default_factory=Random)
    paused: bool = False
    writing: tuple[str, bytes] | None = None
    rest: deque[Effect] = field(default_factory=deque)
    mail: deque[tuple[str, Message]] = field(default_factory=deque)
    timer: int = 0
    suitability: int = 0
    needs: int = 0


class World:
    """Members, links, disks and clocks of one seed, and the checkers of what happens."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.now = 0.0
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.ties = count()
        self.log: list[tuple[float, str, Event]] = []
        self.blocked: set[tuple[str, str]] = set()
        self.faulty = True
        # member → true end of its lease, term, electorate
        self.leases: dict[str, tuple[float, int, str]] = {}
        self.leaders: dict[tuple[str, int], str] = {}
        self.votes: dict[tuple[str, str, int], str] = {}
        self.commits: dict[tuple[str, int, int], Electorate] = {}
        self.founded: set[str] = set()
        total = plan.members + plan.rivals + plan.spares
        ids = [f"{number:x}" * 32 for number in range(1, total + 1)]
        self.machines = {me: self._machine(me) for me in ids}
        first = tuple(ids[: plan.members])
        proposal = ProposeElectorate(GROUP, "e1", KIND, 1, ids[0], first)
        self.records = [electorate.founded(proposal, [Voter(me, f"v{me[0]}") for me in first])]
        if plan.rivals:
            second = tuple(ids[plan.members : plan.members + plan.rivals])
            rival = ProposeElectorate(GROUP, "e2", KIND, 2, second[0], second)
            seats = [Voter(me, f"v{me[0]}") for me in second]
            self.records.append(electorate.founded(rival, seats))
        for machine in self.machines.values():
            if not plan.found:
                has = (r for r in self.records if electorate.seat_of(r, machine.me) is not None)
                own = ballots.Ballot(f"v{machine.me[0]}", record=next(has, None))
                self._store(machine, own)
            self._boot(machine)

    # ── time ──

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (when, next(self.ties), call))

    def clock(self, machine: Machine) -> float:
        return machine.offset + self.now * machine.rate

    def true(self, machine: Machine, reading: float) -> float:
        return (reading - machine.offset) / machine.rate

    def run_until(self, end: float) -> None:
        while self.heap and self.heap[0][0] <= end:
            self.now, _, call = heapq.heappop(self.heap)
            call()
        self.now = end

    def holders(self) -> list[str]:
        """The members whose lease lasts."""
        return sorted(me for me, (end, _, _) in self.leases.items() if end > self.now)

    def kill(self, me: str) -> None:
        """For good: the process, and whoever would start it again."""
        self._crash(self.machines[me])

    # ── members ──

    def _machine(self, me: str) -> Machine:
        drift = self.random.uniform(-DRIFT, DRIFT) if self.plan.drift else 0.0
        if self.plan.drift and self.random.random() < 0.5:
            drift = self.random.choice([-DRIFT, DRIFT])
        made = Machine(me, 1.0 + drift, self.random.uniform(0, 1000))
        made.suitability = self.random.randrange(3)
        made.needs = made.suitability % 2  # the most suitable elects anybody
        return made

    def _store(self, machine: Machine, ballot: ballots.Ballot) -> None:
        for effect in ballots.writes(f"elections/{GROUP}:{KIND}", ballot):
            assert isinstance(effect, Persist)
            assert effect.data is not None
            machine.disk[effect.path] = effect.data

    def _boot(self, machine: Machine) -> None:
        if machine.state is not None:
            return
        machine.life += 1
        machine.random = Random(self.random.random())
        now = self.clock(machine)
        place = Place(machine.me, "db", GROUP, KIND, f"{machine.me[0]}.{machine.life}", now)
        files = [ballots.path(place.files, slot) for slot in range(ballots.SLOTS)]
        slots = tuple(
            ballots.Slot(None if f in machine.torn else machine.disk.get(f), f in machine.torn)
            for f in files
        )
        state, lost = opened(place, slots, f"v{machine.me[0]}.{machine.life}")
        if lost:
            raise BrokenError("votes were lost though only one slot can be torn")
        machine.state = state
        self._perform(machine, rules.start(state, now))
        self._deliver(machine, "", StandForElection("db", GROUP, KIND, 3, self.plan.hook))

    def _crash(self, machine: Machine) -> None:
        if machine.state is None:
            return
        machine.state = None
        machine.rest.clear()
        machine.mail.clear()
        machine.timer += 1
        machine.paused = False
        if machine.writing is not None:
            path, data = machine.writing
            machine.writing = None
            fate = self.random.randrange(3)
            if fate == 0:
                machine.torn.add(path)
            elif fate == 1:
                machine.disk[path] = data
                machine.torn.discard(path)

    def _deliver(self, machine: Machine, sender: str, message: Message) -> None:
        if machine.state is None:
            return
        machine.mail.append((sender, message))
        self._work(machine)

    def _work(self, machine: Machine) -> None:
        while machine.mail and not machine.paused and machine.writing is None:
            if machine.state is None:
                return
            sender, message = machine.mail.popleft()
            now = self.clock(machine)
            decided = rules.step(machine.state, sender, message, now, machine.random)  # type: ignore[arg-type]
            self._perform(machine, decided)

    def _perform(self, machine: Machine, decided: Decision) -> None:
        machine.state, effects = decided
        machine.rest.extend(effects)
        self._go_on(machine)

    def _go_on(self, machine: Machine) -> None:
        while machine.rest:
            match machine.rest.popleft():
                case Persist(path, data) if data is not None:
                    self._write(machine, path, data)
                    return
                case Send(to, message):
                    self._send(machine, to, message)
                case Emit(event):
                    self._hear(machine, event)
                case After(delay_s, _, "due"):
                    machine.timer += 1
                    self._set_timer(machine, machine.timer, delay_s)
                case effect:
                    raise AssertionError(effect)

    def _set_timer(self, machine: Machine, timer: int, delay_s: float) -> None:
        if delay_s == float("inf"):
            return

        def due() -> None:
            if machine.timer == timer:
                self._deliver(machine, "", ElectionDue())

        self.at(self.now + delay_s / machine.rate, due)

    def _write(self, machine: Machine, path: str, data: bytes) -> None:
        life = machine.life
        machine.writing = path, data
        fails = self.random.random() < self.plan.bad_disk
        slow = self.random.random() < self.plan.slow_disk
        took_s = self.random.uniform(0, 1.0) if slow else self.random.uniform(0.0002, 0.01)

        def done() -> None:
            if machine.life != life or machine.state is None:
                return
            machine.writing = None
            if self.faulty and fails:
                machine.rest.clear()
                if self.random.random() < 0.5:
                    machine.torn.add(path)
                machine.mail.appendleft(("", PersistFailed(path, "no space left")))
                self._work(machine)
                return
            if self.plan.syncs:
                machine.disk[path] = data
                machine.torn.discard(path)
            self._go_on(machine)
            self._work(machine)

        self.at(self.now + took_s, done)

    # ── links and services ──

    def _send(self, machine: Machine, to: str, message: Message) -> None:
        member, path = split_address(to)
        match message:
            case SendRenewal(renewal, members):
                for one in members:
                    self._carry(machine.me, one, RenewalHeard(machine.me, renewal))
            case SendRenewalAck(one, ack):
                self._carry(machine.me, one, RenewalAcked(machine.me, ack))
            case _ if member is not None:
                self._carry(machine.me, member, message)
            case _ if path.startswith("service/"):
                self._serve(machine, message)

    def _carry(self, sender: str, to: str, message: Message) -> None:
        plan, random = self.plan, self.random
        copies = 1
        if self.faulty:
            lost = plan.loss
            if isinstance(message, RenewalHeard):
                lost = max(lost, plan.round_loss)
            copies = 0 if random.random() < lost else 2 if random.random() < 0.05 else 1
        for _ in range(copies):
            delay_s = random.expovariate(200.0)
            if self.faulty and random.random() < plan.late:
                delay_s = random.uniform(0, plan.late_s)

            if (sender, to) in self.blocked:
                continue  # what was sent before a link broke may still arrive

            def arrive() -> None:
                self._deliver(self.machines[to], sender, message)

            self.at(self.now + delay_s, arrive)

    def _serve(self, machine: Machine, message: Message) -> None:
        answer: Message | None = None
        match message:
            case RoleChanged(role="none", term=term) if self.random.random() < 0.9:
                answer = RoleSettled(GROUP, KIND, "none", term)
            case ReadSuitability(term=term):
                unsure = self.faulty and self.random.random() < 0.1
                value = -1 if unsure else machine.suitability
                answer = SuitabilityRead(GROUP, KIND, term, value, machine.needs)
        if answer is not None:
            told, life = answer, machine.life

            def settle() -> None:
                if machine.life == life:
                    self._deliver(machine, "", told)

            self.at(self.now + self.random.expovariate(8.0), settle)

    # ── checkers ──

    def _hear(self, machine: Machine, event: Event) -> None:
        self.log.append((self.now, machine.me, event))
        match event:
            case LeaderElected(term=term, leader=leader, electorate=name):
                self._one_leader(name, term, leader)
            case LeaseRenewed(term=term, until_s=until_s, electorate=name):
                self._one_leader(name, term, machine.me)
                self._one_at_a_time(machine, (self.true(machine, until_s), term, name))
            case LeaseLost():
                end, term, name = self.leases.get(machine.me, (0.0, 0, ""))
                self.leases[machine.me] = min(end, self.now), term, name
            case VoteGiven(voter=voter, term=term, candidate=candidate):
                given = self.votes.setdefault((machine.me, voter, term), candidate)
                if given != candidate:
                    raise BrokenError(f"{machine.me[0]} voted twice in term {term}")
                fitter = machine.needs > self.machines[candidate].suitability
                if self.plan.hook and fitter and machine.me != candidate:
                    raise BrokenError(f"{machine.me[0]} voted for a less suitable in term {term}")
            case ElectorateCommitted(term=term, version=version, electorate=name):
                assert machine.state is not None
                record = machine.state.record
                if record is not None:
                    known = self.commits.setdefault((name, term, version), record)
                    if known.voters != record.voters:
                        raise BrokenError(f"two records {term}.{version} are committed")
            case ElectorateFounded(electorate=name):
                self.founded.add(name)
                if len(self.founded) > 1:
                    raise BrokenError(f"founded twice: {sorted(self.founded)}")

    def _one_leader(self, name: str, term: int, leader: str) -> None:
        known = self.leaders.setdefault((name, term), leader)
        if known != leader:
            raise BrokenError(f"term {term} has two leaders, {known[0]} and {leader[0]}")

    def _one_at_a_time(self, machine: Machine, lease: tuple[float, int, str]) -> None:
        _, term, name = lease
        for other, (end, theirs, where) in self.leases.items():
            if other != machine.me and where == name and end > self.now + 1e-9:
                raise BrokenError(
                    f"at {self.now:.3f} {machine.me[0]} leads in term {term}, and "
                    f"{other[0]} in term {theirs} until {end:.3f}"
                )
        self.leases[machine.me] = lease

    def _must_have_a_leader(self) -> None:
        leads = [
            m.me
            for m in self.machines.values()
            if m.state is not None and isinstance(m.state.phase, Leading)
        ]
        holds = self.holders()
        if len(leads) != 1 or leads != holds:
            raise BrokenError(f"{self.plan.heal_s} s after all healed, {leads} lead, {holds} hold")

    def story(self) -> Iterator[str]:
        """What happened, a line an event."""
        for when, me, event in self.log:
            yield f"{when:9.3f} {me[0]} {event.text()}"
