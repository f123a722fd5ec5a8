"""One simulated supervisor process: a world on the simulated ports, for one life.

What the actors are is the caller's business (`Root`): a test starts a bare guardian, a ring starts
the node of a supervisor. `port/process` is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from actors.messages.envelope import Envelope
from actors.messages.node import EndProcess
from actors.runtime.actor import Actor
from actors.runtime.structure import EscalateProcess
from actors.runtime.world import World
from actors.simulation.clock import LifeTimers
from actors.simulation.disk import SimulatedStore
from actors.simulation.event_port import ControlPort, EventPort
from actors.simulation.eventlog import MemorySink
from actors.simulation.files_port import FilesPort
from actors.simulation.lanes import Lanes
from actors.simulation.launcher_port import LauncherPort
from actors.simulation.network import SimulatedNetwork
from actors.simulation.packages_port import PackagesPort
from actors.simulation.scheduler import Life, generator

if TYPE_CHECKING:
    from actors.simulation.machine import Machine

ESCALATED = 1  # what a supervisor ends with after it gave up on an actor

Root: TypeAlias = Callable[["SupervisorProcess"], "RootActor"]


@dataclass(frozen=True, slots=True)
class RootActor:
    """The class of the actor `node` and its arguments."""

    actor_class: type[Actor]
    args: tuple[Any, ...] = ()


class SupervisorProcess:
    """One life of a machine's supervisor."""

    def __init__(self, machine: Machine, pid: int, boot: int) -> None:
        ring, number = machine.ring, machine.number
        scheduler, seed = ring.scheduler, ring.seed
        label = f"{number}:{boot}"
        self.machine = machine
        self.pid = pid
        self.life = Life()
        self.is_up = False  # its actors run
        self._orphaned = False  # its launcher died
        self.store = SimulatedStore(
            scheduler, self.life, machine.disk, generator(seed, f"store:{label}")
        )
        self.network = SimulatedNetwork(
            scheduler, ring.fabric, self.life, machine.address, keyed=ring.keyed
        )
        sink = MemorySink(ring.log, scheduler, number)
        self.world = World(
            member=machine.member,
            boot=str(boot),
            seed=f"{seed}:{label}",
            clock=machine.clock,
            timers=LifeTimers(scheduler, self.life, machine.clock),
            dispatcher=Lanes(scheduler, self.life, generator(seed, f"lanes:{label}"), ring.pace),
            store=self.store,
            network=self.network,
            events=sink,
            on_failure=ring.actor_failed,
        )
        sink.attach(self.world)
        self.files = FilesPort(scheduler, self.life, machine.disk, self.world)
        self.store.on_change = self.files.changed
        packages = generator(seed, f"packages:{label}")
        PackagesPort(
            *(scheduler, self.life, self.world, packages, machine.directories),
            offers=ring.offers,
            unsound=ring.unsound,
            is_cut_off=lambda: number in ring.cut_off,
            suitability=machine.suitability,
        )
        EventPort(scheduler, self.life, self.world, ring.log)
        ControlPort(self.world)
        self.launcher_port = LauncherPort(
            pid, self.world, machine.to_launcher, machine.kill_process
        )

    def start(self, root: Root) -> None:
        """Bind the ports and start the tree."""
        self.is_up = True
        self.network.attach(self.world)
        self.world.register_port("port/process", self._process)
        actor = root(self)
        self.world.start_root(actor.actor_class, *actor.args)
        self.launcher_port.hello()
        if self._orphaned:
            self.launcher_port.lost()

    def launcher_lost(self) -> None:
        """The pipe ends; a supervisor that still boots reads that when it is up."""
        self._orphaned = True
        if self.is_up:
            self.launcher_port.lost()

    # ── port/process ──

    def _process(self, envelope: Envelope) -> None:
        match envelope.message:
            case EscalateProcess():
                self.machine.supervisor_exits(self, ESCALATED)
            case EndProcess(code):
                self.machine.supervisor_exits(self, code)
            case _:
                raise AssertionError(f"port/process does not understand {envelope.message!r}")
