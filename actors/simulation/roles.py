"""What the processes of a machine act as, and the data they take from each other.

A service with a leader is told its role by the supervisor: by the environment of its process when
it starts, and of its hook `role-changed` while it runs. The simulated program does as it is told:
as leader it writes to every other process of its group, twice a second and with its term. Whoever
is written to checks the term, as DESIGN asks of whatever a leader writes to, and keeps the greatest
it has seen with its data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors.messages.simulation import ProcessActs, WriteTaken

if TYPE_CHECKING:
    from actors.simulation.machine import Machine
    from actors.simulation.processes import Process

GROUP: Final = "default"  # every service is of this group
WRITE_S: Final = 0.5  # between two writes of a leader
ROLE: Final = "HAB_ROLE"  # in the environment of processes and hooks
TERM: Final = "HAB_LEADER_TERM"
HOOK: Final = "role-changed"


@dataclass(slots=True)
class _Acting:
    """What the live process of a service acts as."""

    pid: int
    role: str
    term: int


class Roles:
    """The roles on one machine, and what its data says of terms: that outlives every process."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._acting: dict[str, _Acting] = {}  # by service
        self.newest: dict[str, int] = {}  # by service: the greatest term seen
        self._said: set[tuple[str, int, int, bool]] = set()

    def hear(self, process: Process, how: str) -> None:
        """A process has begun, or (`how`) ended."""
        kind, _, rest = process.start.key.partition(":")
        service, _, hook = rest.partition(":")
        told = told_by(process.start.env)
        if kind == "service":
            if how:
                self._acting.pop(service, None)
            elif told is not None:
                self._acting[service] = _Acting(process.pid, "", 0)
                self._act(service, *told)
        elif hook.startswith(f"{HOOK}:") and told is not None and how == _moment(told[0]):
            self._act(service, *told)

    def forget(self) -> None:
        """A new disk: the data is gone."""
        self.newest.clear()

    def _act(self, service: str, role: str, term: int) -> None:
        acting = self._acting.get(service)
        if acting is None:
            return
        self.newest[service] = max(self.newest.get(service, 0), term)
        if (acting.role, acting.term) == (role, term):
            return
        acting.role, acting.term = role, term
        machine = self._machine
        group = f"{service}.{GROUP}"
        said = ProcessActs(machine.number, machine.member, group, acting.pid, role, term)
        machine.ring.log.note(said)
        if role == "leader":
            self._write(service, acting.pid, term)

    # ── data ──

    def _write(self, service: str, pid: int, term: int) -> None:
        """Write to all others that can be reached, and again in a while."""
        acting, machine = self._acting.get(service), self._machine
        if acting is None or (acting.pid, acting.role, acting.term) != (pid, "leader", term):
            return
        ring = machine.ring
        for other in ring.machines:
            if other is not machine and ring.fabric.passes(machine.address, other.address):
                ring.scheduler.after(
                    0.001,
                    other.table.life,
                    lambda roles=other.roles: roles.take(service, machine.number, term),  # type: ignore[misc]
                )
        ring.scheduler.after(WRITE_S, machine.table.life, lambda: self._write(service, pid, term))

    def take(self, service: str, source: int, term: int) -> None:
        """A write of a leader arrives: taken, if a process is there and knows no later term."""
        if service not in self._acting:
            return
        newest = self.newest.get(service, 0)
        taken = term >= newest
        self.newest[service] = max(newest, term)
        if (service, source, term, taken) not in self._said:
            self._said.add((service, source, term, taken))
            machine = self._machine
            group = f"{service}.{GROUP}"
            machine.ring.log.note(WriteTaken(machine.number, group, source, term, newest, taken))


def told_by(env: Mapping[str, str]) -> tuple[str, int] | None:
    """The role and term in an environment; None for a service without a leader."""
    if ROLE not in env:
        return None
    return env[ROLE], int(env.get(TERM, "0"))


def _moment(role: str) -> str:
    """When a hook counts: told to lead, a program may at once; told not to, it has by the end."""
    return "" if role == "leader" else "exit 0"
