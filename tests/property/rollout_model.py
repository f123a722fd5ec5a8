"""Faults for the world of rolling updates, and what must hold whatever happens in it.

At most one member is between the stop and health by a turn; nobody is stopped beside a sick member;
epochs never decrease on a disk, decided steps never in time, and no decided step is forgotten; at
the end all run what is offered, or the group says why not.
"""

from __future__ import annotations

from typing import Any

from rollout_members import GROUP, PATH, STALE_S, Machine, Plan, runs
from rollout_world import World

from actors.messages.base import Event
from actors.messages.election_orders import RoleChanged
from actors.messages.rollout import (
    OrderRollout,
    Rollout,
    RolloutStep,
    UpdateTurn,
    configuration,
    configuration_of,
)
from actors.update.memory import decode, path
from actors.update.views import view

__all__ = ["BrokenError", "Model", "Plan"]


class BrokenError(AssertionError):
    """An invariant of rolling updates does not hold."""


class Model(World):
    """A world in which things go wrong, and somebody looks on."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self.holders: dict[tuple[int, int], set[str]] = {}  # of each step, by its ballot
        self.settled: set[tuple[int, int]] = set()
        super().__init__(seed, plan)

    def whole(self) -> None:
        """Faults, then healing, then judgement."""
        self._each(self.plan.every_s, self._fault)
        self.run(self.plan.faults_s)
        self.faulty = False
        self.blocked.clear()
        for machine in self.machines.values():
            machine.sick_until = self.now
            machine.paused = False
            if machine.state is None:
                self.boot(machine)
            self._settle(machine)
        self.run(self.now + 1.0)
        self.appoint()
        self._each(30.0, self._reappoint)
        self.run(self.plan.faults_s + self.plan.heal_s)
        self.judge()

    # ── faults ──

    def _fault(self) -> None:
        if not self.faulty:
            return
        names, weights = zip(*self.plan.weights, strict=True)
        kind = self.random.choices(names, weights)[0]
        machine = self.random.choice(list(self.machines.values()))
        getattr(self, f"_{kind}")(machine)

    def _crash(self, machine: Machine) -> None:
        """The machine dies, its service too; it comes back."""
        if sum(m.state is not None for m in self.machines.values()) <= len(self.machines) // 2 + 1:
            return
        machine.state = None
        machine.life += 1
        machine.down_since = self.now
        machine.moves += 1
        back_s = self.random.choice((2.0, 8.0, 30.0))
        life = machine.life

        def back() -> None:
            if machine.state is None and machine.life == life:
                self.boot(machine)
                self._settle(machine)

        self.at(self.now + back_s, back)

    def _kill(self, machine: Machine) -> None:
        """The actor dies alone; who conducts is told so again."""
        if machine.state is None:
            return
        was = machine.state.conducting
        self.boot(machine)
        if was is not None:
            told = RoleChanged(GROUP, "update", "leader", was.term, machine.me)
            self.at(self.now + 0.2, lambda: self.hear(machine, "election", told, ""))

    def _pause(self, machine: Machine) -> None:
        machine.paused = True

        def resume() -> None:
            machine.paused = False
            self._mail(machine)

        self.at(self.now + self.random.uniform(1.0, 12.0), resume)

    def _split(self, machine: Machine) -> None:
        others = [m for m in self.machines if m != machine.me]
        for other in others:
            self.blocked |= {(machine.me, other), (other, machine.me)}

    def _heal(self, machine: Machine) -> None:
        del machine
        self.blocked.clear()

    def _appoint(self, machine: Machine) -> None:
        del machine
        self.appoint()

    def _sicken(self, machine: Machine) -> None:
        machine.sick_until = self.now + self.random.uniform(3.0, 25.0)
        self._settle(machine)

    def _exit(self, machine: Machine) -> None:
        if machine.stage == "up" and machine.state is not None:
            self._exits(machine, machine.moves)

    def _order(self, machine: Machine) -> None:
        """An operator says something."""
        order: Any = self.random.choice(("pause", "resume", "resume", "abort"))
        self.hear(machine, "port/control", OrderRollout(GROUP, order), "op")

    def _stray(self, machine: Machine) -> None:
        """A turn that was given long ago, or to another life, arrives."""
        for old in self.decided[-5:]:
            if old.turn == machine.me:
                late = UpdateTurn(old, f"{machine.me[:4]}.{machine.life}", self.clock(machine) - 1)
                self.hear(machine, f"{machine.me}/{PATH}", late, "")

    # ── judgement ──

    def _event(self, machine: Machine, event: Event) -> None:
        self.log.append((self.now, machine.me, event))
        if isinstance(event, RolloutStep) and (event.term, event.step) not in self.settled:
            raise BrokenError(f"{event} was not on the disks of a majority")

    def _stored(self, machine: Machine) -> None:
        """The disk of a member has changed; a step is decided once a majority has it there."""
        known = decode(GROUP, machine.disk.get(path(GROUP))).rollout
        if known is None:
            return
        if known.epoch < machine.epoch:
            raise BrokenError(f"epoch {machine.epoch} became {known.epoch} at {machine.me[:4]}")
        machine.epoch = known.epoch
        holders = self.holders.setdefault(known.ballot, set())
        holders.add(machine.me)
        if 2 * len(holders) > len(self.machines) and known.ballot not in self.settled:
            self.settled.add(known.ballot)
            self._decided(known)

    def _decided(self, step: Rollout) -> None:
        last = self.decided[-1] if self.decided else None
        self.decided.append(step)
        if last is None:
            return
        if step.place < last.place or step.ballot < last.ballot:
            raise BrokenError(f"{step.place} is decided after {last.place}")
        again = configuration_of(step.target) is not None  # who was loaded anew goes once more
        if step.epoch == last.epoch and set(last.updated) - set(step.updated) and not again:
            raise BrokenError("a member that had gone is forgotten")

    def _check_stop(self, machine: Machine) -> None:
        """A service is about to be stopped for a turn."""
        for other in self.machines.values():
            if other is machine:
                continue
            if other.down_since is not None or other.state is None:
                continue  # nobody can know at once of a death
            broken = not self._is_well(machine)  # stopping it takes nobody away
            mid = other.stage != "up" or other.in_turn not in runs(other)
            if (
                other.in_turn
                and self.now > other.well_at
                and not other.paused
                and mid
                and not broken
            ):
                raise BrokenError(
                    f"{machine.me[:4]} is stopped at {self.now:.2f} s while {other.me[:4]} is "
                    f"{other.stage} in a turn to {other.in_turn}"
                )
            if not broken and not self._is_well(other) and self.now - other.well_at > STALE_S:
                raise BrokenError(
                    f"{machine.me[:4]} is stopped at {self.now:.2f} s, and {other.me[:4]} is not "
                    f"well since {other.well_at:.2f} s"
                )
        drained_s = self.now - machine.withdrawn_at
        if machine.stage == "up" and drained_s > 5.0:  # a withdrawal lasts so long
            raise BrokenError(f"{machine.me[:4]} is stopped without leaving the census")

    def _judge_configs(self) -> None:
        """At the end all run with what is in force, and what is staged is so, or was refused."""
        newest = self.decided[-1] if self.decided else None
        if newest is not None and newest.state in ("halted", "aborted", "paused"):
            return
        in_force, staged = self.configs.get("in force"), self.configs.get("staged")
        version = in_force.version if in_force is not None else 0
        versions = {m.me: m.config for m in self.machines.values()}
        if set(versions.values()) != {version}:
            raise BrokenError(f"configuration {version} is in force, and {versions} run: {newest}")
        waits = staged is not None and staged.version > version
        refused = newest.refused if newest is not None else ()
        if waits and staged is not None and configuration(staged.version) not in refused:
            raise BrokenError(f"{staged.version} is staged, and nobody goes there: {newest}")
        if dict(self.plan.bad).get(configuration(version)):
            raise BrokenError(f"configuration {version} is in force, and does not work")

    def judge(self) -> None:
        """At the end: all where they should be, or the group says why not."""
        self._judge_configs()
        bad = dict(self.plan.bad)
        releases = {m.me: m.release for m in self.machines.values()}
        newest = self.decided[-1] if self.decided else None
        if newest is None:
            if set(releases.values()) != {self.offered}:
                raise BrokenError(f"nothing was ever decided: {releases}")
            return
        if newest.state in ("halted", "aborted", "paused"):
            return
        if configuration_of(newest.target) is not None:
            if newest.state != "done" or set(releases.values()) != {self.offered}:
                raise BrokenError(f"{newest} at the end, and {releases}")
            return
        wanted = {newest.target}
        if newest.state != "done" or set(releases.values()) != wanted:
            views = [view(m.state) for m in self.machines.values() if m.state]
            said = [f"{v.waits} {v.members}" for v in views if v.waits]
            raise BrokenError(f"{newest} at the end, and {releases}; {said}")
        if newest.target in bad:
            raise BrokenError(f"all run {newest.target}, which is {bad[newest.target]}")
        if self.offered not in newest.refused and newest.target != self.offered:
            raise BrokenError(f"{self.offered} is offered, and all run {newest.target}")
