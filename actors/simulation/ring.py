"""A ring of simulated machines on one scheduler, one fabric and one event log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.messages.base import Message
from actors.messages.envelope import Envelope
from actors.messages.simulation import FrameCarried
from actors.simulation.eventlog import RingLog
from actors.simulation.fabric import Fabric, LinkQuality
from actors.simulation.lanes import Pace
from actors.simulation.machine import Machine, Quartz
from actors.simulation.node import Root
from actors.simulation.scheduler import SECOND, Scheduler, generator
from actors.wire.codec import decode

GOSSIP_PORT: Final = 9638


class Ring:
    """All machines of a simulation, by number."""

    def __init__(
        self,
        seed: str,
        *,
        quality: LinkQuality | None = None,
        pace: Pace | None = None,
        keyed: bool = False,
        watched: bool = False,
    ) -> None:
        self.seed = seed
        self.scheduler = Scheduler(seed)
        self.log = RingLog(self.scheduler)
        self.fabric = Fabric(self.scheduler, generator(seed, "fabric"), quality or LinkQuality())
        self.pace = pace or Pace()
        self.keyed = keyed
        if watched:
            self.fabric.watch = self._carried
        self.machines: list[Machine] = []
        self.offers: dict[str, str] = {}  # the channel all depots have: ident → full ident
        self.unsound: set[str] = set()  # packages that cannot be installed
        self.ailing: dict[str, str] = {}  # releases that do not work: full ident → how (`AILMENTS`)
        self.cut_off: set[int] = set()  # machines that cannot reach the depot

    def add(self, root: Root, quartz: Quartz | None = None) -> Machine:
        """A new machine; it is not started."""
        number = len(self.machines)
        machine = Machine(self, number, self.address(number), root, quartz or Quartz())
        self.machines.append(machine)
        return machine

    @staticmethod
    def address(number: int) -> str:
        """The gossip address of machine `number`."""
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:{GOSSIP_PORT}"

    # ── time ──

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.scheduler.run_for(seconds)

    def run_until(self, stop: Callable[[], bool], within_s: float) -> bool:
        """Run until `stop()` holds; False if it does not within virtual seconds."""
        scheduler = self.scheduler
        return scheduler.run_until(scheduler.now + int(within_s * SECOND), stop)

    def ask(
        self, machine: Machine, to: str, message: Message, within_s: float = 10.0
    ) -> Message | None:
        """Ask an actor from outside and let time pass until it answers; None if it does not."""
        answers: list[Envelope] = []
        assert machine.supervisor is not None, "nobody is there to be asked"
        machine.supervisor.world.call(to, message, answers.append)
        self.run_until(lambda: bool(answers) and not answers[-1].more, within_s)
        return answers[-1].message if answers else None

    # ── what is watched ──

    def _carried(self, source: str, target: str, frame: bytes) -> None:
        """Say what a frame carries: claims and rumors are bodies, an offer or a digest is none."""
        message = decode(frame).envelope.message
        bodies = len(getattr(message, "claims", ())) + len(getattr(message, "rumors", ()))
        ends = _number(source), _number(target)
        self.log.note(FrameCarried(*ends, type(message).__name__, len(frame), bodies))

    # ── what the machines report ──

    def actor_failed(self, error: BaseException, name: str) -> None:
        """An actor raised; only the person at the keyboard stops the simulation."""
        del name
        if isinstance(error, KeyboardInterrupt):
            self.scheduler.interrupted = error


def _number(address: str) -> int:
    """The machine at an address that `Ring.address` gave."""
    high, middle, low = address.partition(":")[0].split(".")[1:]
    return int(high) << 16 | int(middle) << 8 | int(low)
