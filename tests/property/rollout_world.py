"""A small world of rolling updates: the rules as they are; links, disks and services that fail.

One seed is one execution. Elections are an oracle that names a conductor in ever greater terms, and
does not mind whether the one before has heard of it: the rules must be safe without leases. Time is
true time in seconds; each member reads its own clock, which runs up to 5 % fast or slow.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random

from rollout_members import CONFIRM_S, GROUP, ONE, PATH, Machine, Plan, runs

from actors.effects import After, Ask, Cancel, Effect, Emit, Load, Persist, Reply, Send
from actors.messages.base import Event, Message, split_address
from actors.messages.depot import PackageInfo, PackageResolved, ResolvePackage
from actors.messages.election_orders import (
    Elections,
    ElectionView,
    QueryElections,
    RoleChanged,
    SeatView,
    StandForElection,
    StepDown,
)
from actors.messages.envelope import Ticket
from actors.messages.groups import GroupConfig, GroupFacts
from actors.messages.ring import PublishRumor
from actors.messages.rollout import Rollout, configuration, configuration_of
from actors.messages.runtime import CallFailed, Loaded, Ok
from actors.messages.service import ServiceSettled, ServiceStatus
from actors.messages.update import (
    FindRelease,
    ReleaseFound,
    TakeConfiguration,
    TakeRelease,
    WithdrawService,
)
from actors.update import rolling
from actors.update.configs import configs_of
from actors.update.rolling import Heard
from actors.update.scene import Peer
from actors.update.state import Moment


class World:
    """Members, links, disks, services and an oracle of one seed, and the checkers."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.now = 0.0
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.ties = count()
        self.log: list[tuple[float, str, Event]] = []
        self.blocked: set[tuple[str, str]] = set()
        self.faulty = True
        self.term = 0
        self.conductor = ""
        self.offered = ONE
        self.configs: dict[str, GroupConfig] = {}  # `in force`, `staged`
        self.topology = ""
        self.decided: list[Rollout] = []
        self.stops: list[tuple[float, str, str]] = []
        self.answers: list[Message] = []
        ids = [f"{number:x}" * 32 for number in range(1, plan.members + 1)]
        self.machines = {me: self._machine(me) for me in ids}
        if plan.topology:
            self.topology = ids[-1]
        for machine in self.machines.values():
            self.boot(machine)
        self._each(1.0, self._census)
        for when, release in plan.offers:
            self.at(when, lambda release=release: self._offer(release))
        self.at(1.0, self.appoint)

    def _offer(self, what: str) -> None:
        """Somebody offers a release, or gives the group a configuration."""
        target = what.removeprefix("all ")
        version = configuration_of(target)
        if version is None:
            self.offered = what
            return
        config = GroupConfig(GROUP, version, b"a = 1", rolling=target == what)
        if config.rolling:
            self.configs["staged"] = config
            return
        self.configs["in force"] = config
        for machine in self.machines.values():
            if machine.state is not None:
                self._apply(machine, version)

    def _apply(self, machine: Machine, version: int) -> None:
        """What is applied to all counts at once; nobody's turn is asked for."""
        machine.config = version
        machine.in_turn = ""
        if machine.stage == "up":
            machine.well_at = self.now
        self._settle(machine)

    # ── time ──

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self.heap, (when, next(self.ties), call))

    def _each(self, pause_s: float, call: Callable[[], None]) -> None:
        def again() -> None:
            call()
            self.at(self.now + pause_s, again)

        self.at(self.now + pause_s, again)

    def clock(self, machine: Machine) -> float:
        return machine.offset + self.now * machine.rate

    def run(self, until: float) -> None:
        while self.heap and self.heap[0][0] <= until:
            self.now, _, call = heapq.heappop(self.heap)
            call()
        self.now = until

    # ── members ──

    def _machine(self, me: str) -> Machine:
        rate = self.random.uniform(0.95, 1.05)
        return Machine(me, rate, self.random.uniform(0, 1000), random=Random(self.random.random()))

    def boot(self, machine: Machine) -> None:
        """Its actor begins, as after any restart."""
        machine.life += 1
        machine.mail.clear()
        machine.rest.clear()
        machine.writing = False
        machine.timers.clear()
        if machine.down_since is not None:
            machine.down_since = None
            machine.stage, machine.health = "up", "ok"
            machine.well_at = self.now  # nobody can know at once that it is back
            machine.moves += 1
            self._start_config(machine)
        machine.state, effects = rolling.begin(machine.me, self.status(machine))
        self.perform(machine, effects)
        self.hear(machine, "service/web", ServiceSettled(self.status(machine)), "")
        self._census_of(machine)

    def status(self, machine: Machine) -> ServiceStatus:
        return ServiceStatus(
            self.plan.spec,
            machine.release,
            machine.stage,
            restarts=machine.restarts,
            health=machine.health,  # type: ignore[arg-type]
            config=machine.config,
        )

    def _moment(self, machine: Machine) -> Moment:
        instance = f"{machine.me[:4]}.{machine.life}"
        return Moment(self.clock(machine), machine.random, instance, 5.0, self.now)

    def hear(self, machine: Machine, sender: str, message: Message, call: str) -> None:
        """A message arrives; it waits while the actor does."""
        if machine.state is None:
            return
        if machine.writing or machine.paused:
            machine.mail.append((sender, message, call))
            return
        on = Heard(sender, call, Ticket(sender, call))
        machine.state, effects = rolling.step(machine.state, message, on, self._moment(machine))
        self.perform(machine, effects)

    def perform(self, machine: Machine, effects: list[Effect]) -> None:
        machine.rest.extend(effects)
        life = machine.life
        while machine.rest and not machine.writing:
            effect = machine.rest.popleft()
            if isinstance(effect, Persist):
                machine.writing = True
                took_s = self.random.uniform(0.001, 0.05 if self.faulty else 0.01)
                self.at(
                    self.now + took_s,
                    lambda effect=effect: self._written(machine, life, effect),
                )
            else:
                self._effect(machine, effect)
        self._mail(machine)

    def _mail(self, machine: Machine) -> None:
        while machine.mail and not machine.writing and not machine.paused:
            self.hear(machine, *machine.mail.popleft())

    def _written(self, machine: Machine, life: int, effect: Persist) -> None:
        if life != machine.life:
            return
        assert effect.data is not None
        machine.disk[effect.path] = effect.data
        machine.writing = False
        self._stored(machine)
        self.perform(machine, [])

    def _effect(self, machine: Machine, effect: Effect) -> None:
        match effect:
            case Load(file):
                self.hear(machine, "", Loaded(file, machine.disk.get(file)), "")
            case Send(to, message):
                self.send(machine, to, message)
            case Ask(to, message, call):
                self.ask(machine, to, message, call)
            case After(delay_s, message, name):
                self._after(machine, delay_s, message, name)
            case Cancel(name):
                machine.timers[name] = machine.timers.get(name, 0) + 1
            case Reply(message):
                self.answers.append(message)
            case Emit(event):
                self._event(machine, event)
            case _:
                raise AssertionError(f"not in this world: {effect}")

    def _after(self, machine: Machine, delay_s: float, message: Message, name: str) -> None:
        number = machine.timers[name] = machine.timers.get(name, 0) + 1
        life = machine.life

        def due() -> None:
            if machine.life == life and machine.timers.get(name) == number:
                self.hear(machine, PATH, message, "")

        self.at(self.now + delay_s / machine.rate, due)

    # ── what is said ──

    def send(self, machine: Machine, to: str, message: Message) -> None:
        member, local = split_address(to)
        if member is not None:
            self._carry(machine, member, message)
        elif isinstance(message, WithdrawService):
            machine.withdrawn_at = self.now
        elif isinstance(message, PublishRumor) and message.kind == "config":
            self._publish(message)
        elif isinstance(message, StandForElection):
            machine.leads = message.leads
        else:
            assert local in ("specs", "census", "election", "gossip", PATH), (to, message)

    def _publish(self, rumor: PublishRumor) -> None:
        """A configuration is in force from here on, if it is newer."""
        assert isinstance(rumor.body, GroupConfig)
        current = self.configs.get("in force")
        if current is None or rumor.version > current.version:
            self.configs["in force"] = rumor.body

    def _carry(self, machine: Machine, member: str, message: Message) -> None:
        target = self.machines[member]
        sender = f"{machine.me}/{PATH}"
        if target is machine:
            self.at(self.now + 0.001, lambda: self.hear(machine, sender, message, ""))
            return
        times = 1
        if self.faulty:
            draw = self.random.random()
            times = 0 if draw < self.plan.loss else 2 if draw > 0.98 else 1
        for _ in range(times):
            delay_s = self.random.uniform(0.001, 0.05)
            if self.faulty and self.random.random() < self.plan.late:
                delay_s = self.random.uniform(0.5, self.plan.late_s)
            self.at(self.now + delay_s, lambda: self._arrive(machine.me, target, sender, message))

    def _arrive(self, source: str, target: Machine, sender: str, message: Message) -> None:
        if (source, target.me) not in self.blocked:
            self.hear(target, sender, message, "")

    def ask(self, machine: Machine, to: str, message: Message, call: str) -> None:
        life = machine.life

        def answer(reply: Message, delay_s: float) -> None:
            def come() -> None:
                if machine.life == life:
                    self.hear(machine, to, reply, call)

            self.at(self.now + delay_s, come)

        bad = dict(self.plan.bad)
        match message:
            case FindRelease():
                answer(ReleaseFound(self.offered, "file:///depot"), 0.1)
            case ResolvePackage(ident) if bad.get(ident) == "cannot be installed":
                answer(CallFailed("Refused", "it needs acme/lib", "bad-package"), 0.2)
            case ResolvePackage(ident):
                info = PackageInfo(ident, "/p", "x86_64-linux", hooks=("run",))
                answer(PackageResolved(info), self.random.uniform(0.1, 3.0))
            case QueryElections():
                seats = tuple(SeatView(me, me) for me in self.machines)
                answer(
                    Elections((ElectionView(GROUP, "update", "none", "", 0, seats=seats),)), 0.01
                )
            case StepDown():
                others = [m for m in self.machines.values() if m is not machine and m.state]
                if others:
                    self.topology = self.random.choice(others).me
                answer(Ok(""), 0.5)
            case TakeRelease(resolved, not_after_s):
                self._take(machine, resolved.package.ident, not_after_s)
                answer(Ok(""), 0.01)
            case TakeConfiguration(config, not_after_s, check):
                target = configuration(config.version if config is not None else 0)
                if bad.get(target) == "cannot be used":
                    answer(CallFailed("Refused", "it is no TOML", "not-renderable"), 0.01)
                    return
                if not check:
                    self._take(machine, target, not_after_s)
                answer(Ok(""), 0.01)
            case _:
                raise AssertionError(f"nobody answers {message}")

    # ── the service ──

    def _take(self, machine: Machine, target: str, not_after_s: float) -> None:
        if not_after_s and self.clock(machine) > not_after_s:
            return
        if target in runs(machine) or machine.stage not in ("up", "backoff", "failed"):
            return
        self._check_stop(machine)
        machine.in_turn = target
        machine.stage = "stopping"
        machine.moves += 1
        self._settle(machine)
        self.stops.append((self.now, machine.me, target))
        moves, version = machine.moves, configuration_of(target)

        def stopped() -> None:
            if machine.moves == moves:
                if version is None:
                    machine.release = target
                else:
                    machine.config = version
                machine.restarts = 0
                self._start(machine)

        self.at(self.now + self.random.uniform(0.1, 2.0), stopped)

    def _start(self, machine: Machine) -> None:
        machine.stage = "starting"
        machine.moves += 1
        self._settle(machine)
        self._start_config(machine)
        moves, kind = machine.moves, self._flaw(machine)

        def started() -> None:
            if machine.moves != moves:
                return
            machine.stage = "failed" if kind == "hangs" else "up"
            self._settle(machine)
            if kind == "crashes":
                self.at(self.now + 1.0, lambda: self._exits(machine, moves))

        self.at(self.now + self.random.uniform(0.1, 2.0), started)

    def _start_config(self, machine: Machine) -> None:
        """A start takes the configuration in force, where that is newer than what ran."""
        current = self.configs.get("in force")
        if current is not None and current.version > machine.config:
            machine.config = current.version

    def _flaw(self, machine: Machine) -> str:
        """How what a machine runs fails; empty if it does not."""
        bad = dict(self.plan.bad)
        return next((bad[one] for one in runs(machine) if one in bad), "")

    def _exits(self, machine: Machine, moves: int) -> None:
        if machine.moves != moves or machine.stage != "up":
            return
        machine.stage, machine.restarts = "backoff", machine.restarts + 1
        machine.moves += 1
        self._settle(machine)
        again = machine.moves
        self.at(self.now + 1.0, lambda: self._start(machine) if machine.moves == again else None)

    def _settle(self, machine: Machine) -> None:
        """The service tells how it stands."""
        sick = self.now < machine.sick_until or self._flaw(machine) == "is sick"
        machine.health = "critical" if sick else "ok"
        if self._is_well(machine):
            machine.in_turn = ""
        self.hear(machine, "service/web", ServiceSettled(self.status(machine)), "")

    @staticmethod
    def _is_well(machine: Machine) -> bool:
        return machine.stage == "up" and machine.health == "ok" and machine.down_since is None

    # ── the ring ──

    def _census(self) -> None:
        for machine in self.machines.values():
            if self._is_well(machine):
                machine.well_at = self.now
            self._census_of(machine)
            if machine.sick_until and self.now >= machine.sick_until:
                machine.sick_until = 0.0
                self._settle(machine)

    def _census_of(self, machine: Machine) -> None:
        if machine.state is None or machine.paused:
            return
        peers = {
            other.me: Peer(
                other.release,
                gone=other.down_since is not None and self.now - other.down_since > CONFIRM_S,
                leads=other.me == self.topology,
                config=other.config,
            )
            for other in self.machines.values()
        }
        in_force, staged = self.configs.get("in force"), self.configs.get("staged")
        if staged is not None and in_force is not None and staged.version <= in_force.version:
            staged = None
        facts = GroupFacts(
            {GROUP: in_force} if in_force else {}, staged={GROUP: staged} if staged else {}
        )
        machine.state = replace(
            machine.state,
            peers=peers,
            leader=self.conductor,
            configs=configs_of(facts, GROUP),
        )

    def appoint(self) -> None:
        """The oracle names a conductor of the next term; the one before may never hear of it."""
        able = [m for m in self.machines.values() if m.state and not m.paused and m.leads]
        if not able:
            return
        chosen = self.random.choice(able)
        before, self.conductor = self.conductor, chosen.me
        self.term += 1
        term = self.term
        told = RoleChanged(GROUP, "update", "leader", term, chosen.me)
        self.hear(chosen, "election", told, "")
        if before and before != chosen.me and (not self.faulty or self.random.random() < 0.5):
            late_s = self.random.uniform(0.0, 5.0)
            gone = RoleChanged(GROUP, "update", "follower", term, chosen.me)
            self.at(
                self.now + late_s, lambda: self.hear(self.machines[before], "election", gone, "")
            )

    def _reappoint(self) -> None:
        if self.machines[self.conductor].state is None or self.conductor == self.topology:
            self.appoint()

    # ── who looks on (see `rollout_model`) ──

    def _event(self, machine: Machine, event: Event) -> None:
        self.log.append((self.now, machine.me, event))

    def _check_stop(self, machine: Machine) -> None:
        """A service is about to be stopped for a turn."""

    def _stored(self, machine: Machine) -> None:
        """The disk of a member has changed."""
