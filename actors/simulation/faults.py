"""Carrying out the faults of a plan, and undoing them: each end is said in the event log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from actors.messages.election_events import LeaseRenewed
from actors.messages.election_orders import StepDown
from actors.messages.ring import DepartMember, PublishRumor, ServiceInfo
from actors.messages.runtime import KillActor
from actors.messages.simulation import FaultBegan, FaultEnded
from actors.messages.update import DepotChanged
from actors.simulation.eventlog import Logged
from actors.simulation.fabric import LinkQuality
from actors.simulation.plan import Fault
from actors.simulation.processes import Behaviour
from actors.simulation.roles import GROUP
from actors.simulation.scheduler import MICROSECOND, SECOND, generator

if TYPE_CHECKING:
    from actors.simulation.machine import Machine
    from actors.simulation.ring import Ring
    from actors.simulation.workload import Workload

OBSERVER: Final = "port/observer"  # who the simulator is, to actors
GARBAGE_FRAMES: Final = 20
SICK: Final = Behaviour(runs_s=0.1, code=2)
UNSURE: Final = Behaviour(runs_s=0.1, code=75)


class Faults:
    """All faults of a run: begun and ended by the scheduler, ended early by `heal`."""

    def __init__(self, ring: Ring, workload: Workload) -> None:
        self._ring = ring
        self._workload = workload
        self._draw = generator(ring.seed, "faults")
        self._active: list[Fault] = []
        self._published = 0
        # (group, kind) → machine that had the last lease
        self._leaders: dict[tuple[str, str], int] = {}
        ring.log.observers.append(self._see)

    def schedule(self, faults: tuple[Fault, ...]) -> None:
        """Let the faults begin at their times, counted from now."""
        scheduler = self._ring.scheduler
        for fault in faults:
            due = scheduler.now + int(fault.at_s * SECOND)
            scheduler.at(due, None, lambda fault=fault: self.begin(fault))  # type: ignore[misc]

    def begin(self, fault: Fault) -> None:
        """The fault takes effect, on whom it is aimed at by now."""
        if fault.aim:
            fault = replace(fault, machines=self._aimed(fault.aim))
        self._ring.log.note(
            FaultBegan(fault.what, fault.machines, fault.others, fault.amount, fault.detail)
        )
        self._active.append(fault)
        for machine in self._machines(fault):
            self._strike(fault, machine)
        if fault.what in ("partition", "one-way"):
            one_way = fault.what == "one-way"
            self._ring.fabric.partition(*self._sides(fault), one_way=one_way)
        self._ring.scheduler.after(fault.for_s, None, lambda: self.end(fault))

    def end(self, fault: Fault) -> None:
        """The fault is over (again, if it was healed early)."""
        if not any(active is fault for active in self._active):
            return
        self._active = [active for active in self._active if active is not fault]
        if fault.what in ("partition", "one-way"):
            one_way = fault.what == "one-way"
            self._ring.fabric.repair(*self._sides(fault), one_way=one_way)
        for machine in self._machines(fault):
            self._relent(fault, machine)
        self._ring.log.note(FaultEnded(fault.what, fault.machines))

    def heal(self) -> None:
        """End everything at once: all links as they were, all machines up."""
        for fault in list(self._active):
            self.end(fault)
        self._ring.fabric.heal()

    # ── one fault, one machine ──

    def _strike(self, fault: Fault, machine: Machine) -> None:
        match fault.what:
            case "hold" | "sever":
                self._strike_links(fault, machine)
            case "degrade":
                self._degrade(machine, self._bad_quality(fault.amount))
            case "crash":
                machine.kill_supervisor()
            case "launcher":
                machine.kill_launcher()
            case "power" | "damage" | "wipe":
                machine.power_off()
            case "stop":
                machine.terminate()
            case "pause":
                machine.pause()
            case "freeze":
                machine.freeze(out_of_time=fault.amount > 0)
            case "wall":
                machine.clock.jump(fault.amount)
            case "disk":
                machine.disk.faults.failing = fault.detail
            case "tear":
                machine.disk.faults.tear = 0.5
            case "kill":
                self._tell(machine, "node", KillActor(fault.detail))
            case "command":
                verb, _, service = fault.detail.partition(" ")
                self._workload.give(machine, verb, service)
            case "apply" | "upload" | "release" | "bad-release" | "no-install" | "no-depot":
                self._give(fault, machine)
            case "service":
                machine.table.kill(f"service:{fault.detail}")
            case "step-down":
                self._tell(machine, "election", StepDown(f"{fault.detail}.{GROUP}"))
            case "sick":
                machine.behaviours[_health_check(fault.detail)] = SICK
            case "unsure":
                late = Behaviour(runs_s=fault.amount)
                machine.behaviours[_suitability(fault.detail)] = late if fault.amount else UNSURE
            case "publish":
                self._publish(machine)
            case "depart":
                self._depart(fault, machine)
            case "garbage":
                for _ in range(GARBAGE_FRAMES):
                    self._ring.fabric.inject(machine.address, self._garbage())
            case "replay":
                for frame in self._ring.fabric.seen(machine.address):
                    self._ring.fabric.inject(machine.address, frame)
            case "partition" | "one-way":
                pass  # of sides, not of machines

    def _relent(self, fault: Fault, machine: Machine) -> None:
        match fault.what:
            case "hold":
                for address in self._other_addresses(fault, machine):
                    self._ring.fabric.release(machine.address, address)
            case "degrade":
                self._degrade(machine, None)
            case "damage":
                machine.disk.damage(fault.detail, self._draw)
                machine.start()
            case "wipe":
                if machine.supervisor is None:
                    machine.wipe()
                machine.start()
            case "launcher" | "power" | "stop":
                machine.start()
            case "pause":
                machine.resume()
            case "freeze":
                machine.thaw()
            case "wall":
                machine.clock.jump(-fault.amount)
            case "disk":
                machine.disk.faults.failing = ""
            case "no-depot":
                self._ring.cut_off.discard(machine.number)
            case "tear":
                machine.disk.faults.tear = 0.0
            case "sick":
                machine.behaviours.pop(_health_check(fault.detail), None)
            case "unsure":
                machine.behaviours.pop(_suitability(fault.detail), None)
            case _:
                pass  # done at once

    def _strike_links(self, fault: Fault, machine: Machine) -> None:
        fabric = self._ring.fabric
        for address in self._other_addresses(fault, machine):
            if fault.what == "hold":
                fabric.hold(machine.address, address)
            else:
                fabric.sever(machine.address, address)

    def _degrade(self, machine: Machine, quality: LinkQuality | None) -> None:
        for other in self._ring.machines:
            if other is not machine:
                self._ring.fabric.degrade(machine.address, other.address, quality)
                self._ring.fabric.degrade(other.address, machine.address, quality)

    def _bad_quality(self, loss: float) -> LinkQuality:
        return replace(
            self._ring.fabric.quality,
            loss=loss,
            duplicate=0.05,
            reorder=0.1,
            spread_ns=20_000 * MICROSECOND,
        )

    def _publish(self, machine: Machine) -> None:
        self._published += 1
        number = self._published
        info = ServiceInfo(
            member=machine.member,
            service_group=f"fact{number % 3}.default",
            package="core/fact",
            exports={"version": number},
        )
        key = f"{info.service_group}@{machine.member}"
        self._tell(machine, "gossip", PublishRumor("fact", key, info))

    def _depart(self, fault: Fault, machine: Machine) -> None:
        asked = [self._ring.machines[n] for n in fault.others] or self._ring.machines
        for other in asked:
            if other is not machine and other.supervisor is not None:
                self._tell(other, "gossip", DepartMember(machine.member, force=True))
                return

    def _garbage(self) -> bytes:
        draw = self._draw
        known = self._ring.fabric.any_seen(draw)
        if known is None or draw.random() < 0.3:
            return draw.randbytes(draw.randrange(200))
        frame = bytearray(known)
        for _ in range(draw.randrange(1, 4)):
            frame[draw.randrange(len(frame))] = draw.randrange(256)
        return bytes(frame[: draw.randrange(len(frame) + 1)])

    def _give(self, fault: Fault, machine: Machine) -> None:
        """What people give to groups, and to the depot, or take away."""
        match fault.what:
            case "apply" | "upload":
                service, _, name = fault.detail.partition(" ")
                self._workload.apply(machine, service, name, int(fault.amount))
            case "release":
                self._workload.offer(*fault.detail.split(" "))
                self._tell(machine, "update", DepotChanged(""))
            case "no-depot":
                self._ring.cut_off.add(machine.number)
            case "bad-release":
                service, release, how = fault.detail.split(" ")
                self._ring.ailing[self._workload.release(service, release)] = how
            case "no-install":
                self._ring.unsound.add(self._workload.release(*fault.detail.split(" ")))
            case _:
                raise AssertionError(f"nothing is given by {fault.what}")

    def _tell(self, machine: Machine, to: str, message: object) -> None:
        supervisor = machine.supervisor
        if supervisor is not None and supervisor.is_up and not supervisor.life.frozen:
            supervisor.world.tell(to, message, sender=OBSERVER)  # type: ignore[arg-type]

    # ── who ──

    def _see(self, logged: Logged) -> None:
        event = logged.event
        if isinstance(event, LeaseRenewed):
            self._leaders[event.service_group, event.kind] = logged.machine

    def _aimed(self, aim: str) -> tuple[int, ...]:
        """The machines that `aim` means now; none before anybody led."""
        whom, _, service = aim.partition(" ")
        kind = "update" if whom == "conductor" else "topology"
        leader = self._leaders.get((f"{service}.{GROUP}", kind))
        if leader is None:
            return ()
        match whom:
            case "leader" | "conductor":
                return (leader,)
            case "followers":
                others = [n for n in self._workload.machines_of(service) if n != leader]
                return tuple(others[: len(others) // 2])
            case _:
                return tuple(n for n in range(len(self._ring.machines)) if n != leader)

    def _machines(self, fault: Fault) -> list[Machine]:
        return [self._ring.machines[number] for number in fault.machines]

    def _sides(self, fault: Fault) -> tuple[list[str], list[str]]:
        machines = self._ring.machines
        ones = [machines[number].address for number in fault.machines]
        others = fault.others or tuple(n for n in range(len(machines)) if n not in fault.machines)
        return ones, [machines[number].address for number in others]

    def _other_addresses(self, fault: Fault, machine: Machine) -> list[str]:
        others = fault.others or range(len(self._ring.machines))
        addresses = [self._ring.machines[number].address for number in others]
        return [address for address in addresses if address != machine.address]


def _health_check(service: str) -> str:
    """The keys of a service's health checks begin so."""
    return f"hook:{service}:health-check:"


def _suitability(service: str) -> str:
    """The keys of what reads a service's suitability begin so."""
    return f"hook:{service}:suitability:"
