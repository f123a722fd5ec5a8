"""What befalls a world of elections: faults drawn from the seed, then healing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from actors.election import electorate, founding
from actors.messages.election import AskSeat
from actors.messages.election_orders import ElectionDue, ServiceFitness, StepDown

sys.path.insert(0, str(Path(__file__).parent))

from election_world import GROUP, KIND, BrokenError, Machine, Plan, World

__all__ = ["BrokenError", "Model", "Plan"]


class Model(World):
    """One seed: faults for a while, then everything heals."""

    def run(self) -> None:
        """Faults, then healing, then whether there is a leader; raises `BrokenError`."""
        plan = self.plan
        self.at(0.0, self._fault)
        if plan.seats_s:
            self.at(0.0, self._want_seats)
        if plan.found:
            for machine in self.machines.values():
                self.at(self.random.uniform(0, 10), lambda m=machine: self._propose(m))
        self.at(plan.faults_s, self._heal_for_good)
        self.run_until(plan.faults_s + plan.heal_s)
        self._must_have_a_leader()

    # ── faults ──

    def _fault(self) -> None:
        if not self.faulty:
            return
        names = [name for name, _ in self.plan.weights]
        weights = [weight for _, weight in self.plan.weights]
        faults: dict[str, Callable[[], None]] = {
            "split": self._split,
            "isolate": self._isolate,
            "one_way": self._one_way,
            "heal": self._heal,
            "pause": self._pause,
            "cut_off": self._cut_off,
            "stumble": self._stumble,
            "forget": self._forget,
            "sleeper": self._sleeper,
            "usurp": self._usurp,
            "crash": self._crash_random,
            "crash_all": self._crash_all,
            "step_down": self._step_down,
            "fail": self._fail,
            "gossip": self._gossip,
        }
        faults[self.random.choices(names, weights)[0]]()
        self.at(self.now + self.random.expovariate(1.0 / self.plan.every_s), self._fault)

    def _any(self) -> Machine:
        """A member; every second time one that leads, if one does."""
        leading = self.holders()
        if leading and self.random.random() < 0.5:
            return self.machines[self.random.choice(leading)]
        return self.machines[self.random.choice(sorted(self.machines))]

    def _split(self) -> None:
        sides = {me: self.random.choice((1, 1, 2, 2, 3)) for me in self.machines}
        pairs = ((a, b) for a in self.machines for b in self.machines)
        self.blocked = {(a, b) for a, b in pairs if sides[a] != sides[b]}

    def _isolate(self) -> None:
        one = self._any().me
        self.blocked = {(a, b) for a in self.machines for b in self.machines if one in (a, b)}

    def _one_way(self) -> None:
        a, b = self.random.sample(sorted(self.machines), 2)
        self.blocked.add((a, b))

    def _heal(self) -> None:
        self.blocked.clear()

    def _cut_off(self) -> None:
        """The leader stands still, and nobody hears it."""
        if leading := self.holders():
            one = self.random.choice(leading)
            self.blocked = {(a, b) for a in self.machines for b in self.machines if one in (a, b)}
            self._pause(self.machines[one])

    def _forget(self) -> None:
        """The leader stands still, unheard, and everybody else starts anew."""
        if leading := self.holders():
            self._cut_off()
            for machine in self.machines.values():
                if machine.me not in leading:
                    self._crash(machine)
                    self.at(self.now + 0.1, lambda m=machine: self._boot(m))

    def _part(self, side: set[str]) -> None:
        pairs = ((a, b) for a in self.machines for b in self.machines)
        self.blocked = {(a, b) for a, b in pairs if (a in side) != (b in side)}

    def _sleeper(self) -> None:
        """One hears nothing while the others change; then it meets some of them alone."""
        one = self._any().me
        self._part({one})
        others = sorted(set(self.machines) - {one})
        self.random.shuffle(others)
        met = {one, *others[: self.random.randrange(1, 3)]}

        def meet() -> None:
            if self.faulty:
                self._part(met)

        self.at(self.now + 0.5 * self.plan.every_s, meet)

    def _usurp(self) -> None:
        """The leader is alone with those that have no seat, and they all want one."""
        leading = set(self.holders())
        states = {me: m.state for me, m in self.machines.items() if m.state is not None}
        newcomers = {me for me, state in states.items() if not state.is_voter}
        if leading:
            self._part(leading | newcomers)
            for me in sorted(newcomers):
                self._wish(self.machines[me], leave=False)

    def _stumble(self) -> None:
        """The leader's actor is killed, and at once there again."""
        for me, (end, *_) in sorted(self.leases.items()):
            if end > self.now:
                machine = self.machines[me]
                self._crash(machine)
                self.at(self.now + self.random.uniform(0.01, 0.1), lambda m=machine: self._boot(m))

    def _pause(self, machine: Machine | None = None) -> None:
        machine, life = machine or self._any(), 0
        if machine.state is None or machine.paused:
            return
        machine.paused, life = True, machine.life

        def resume() -> None:
            if machine.life == life and machine.paused:
                machine.paused = False
                self._work(machine)

        self.at(self.now + self.random.uniform(0.1, 7.0), resume)

    def _crash_one(self, machine: Machine) -> None:
        self._crash(machine)
        quick = self.random.random() < 0.6
        down_s = self.random.uniform(0.01, 0.3) if quick else self.random.uniform(0.3, 6.0)
        self.at(self.now + down_s, lambda: self._boot(machine))

    def _crash_random(self) -> None:
        self._crash_one(self._any())

    def _crash_all(self) -> None:
        for machine in self.machines.values():
            self._crash_one(machine)

    def _step_down(self) -> None:
        for machine in self.machines.values():
            self._deliver(machine, "", StepDown(GROUP))

    def _fail(self) -> None:
        machine = self._any()
        self._deliver(machine, "", ServiceFitness(GROUP, KIND, leads=False, failed=True))
        back = ServiceFitness(GROUP, KIND, leads=True)
        self.at(self.now + self.random.uniform(0, 2), lambda: self._deliver(machine, "", back))

    def _seats(self) -> None:
        """A member asks all for a seat, or gives it up."""
        one = self.machines[self.random.choice(sorted(self.machines))]
        if one.state is None:
            return
        seated = one.state.is_voter
        leave = seated and self.random.random() < 0.7
        if seated and not leave:
            return
        self._wish(one, leave=leave)

    def _wish(self, one: Machine, *, leave: bool) -> None:
        assert one.state is not None
        ask = AskSeat("e1", one.state.ballot.voter, one.state.ballot.term, leave)
        for other in self.machines:
            self._carry(one.me, other, ask)

    def _want_seats(self) -> None:
        if self.faulty:
            self._seats()
            self.at(self.now + self.random.expovariate(1.0 / self.plan.seats_s), self._want_seats)

    def _gossip(self) -> None:
        """The ring spreads the newest record to somebody."""
        holders = [m.state.record for m in self.machines.values() if m.state is not None]
        records = [record for record in holders if record is not None]
        if records:
            told = self.random.choice(records)
            self._deliver(self._any(), "", told)

    def _propose(self, machine: Machine) -> None:
        again_s = self.random.uniform(2, 6)
        self.at(self.now + again_s, lambda: self._propose(machine))
        if machine.state is None or machine.writing is not None or machine.paused:
            return
        name = f"e{machine.me[0]}.{machine.life}.{self.now:.3f}"
        members = list(self.machines)
        now = self.clock(machine)
        self._perform(machine, founding.propose(machine.state, name, members, int(now * 1000), now))
        self._deliver(machine, "", ElectionDue())

    def _heal_for_good(self) -> None:
        self.faulty = False
        self.blocked.clear()
        for machine in self.machines.values():
            machine.paused = False
            self._boot(machine)
            self._deliver(machine, "", ServiceFitness(GROUP, KIND, leads=True))
            self._work(machine)
        self.at(self.now + 0.5, self._spread)

    def _spread(self) -> None:
        """What gossip does in the end: everybody has heard the newest record."""
        states = [m.state for m in self.machines.values() if m.state is not None]
        records = [state.record for state in states if state.record is not None]
        for name in sorted({record.id for record in records}):
            newest = max((r for r in records if r.id == name), key=electorate.order)
            for machine in self.machines.values():
                self._deliver(machine, "", newest)
        self.at(self.now + 0.5, self._spread)
