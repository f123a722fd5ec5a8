"""A simulated machine: disk, clock, kernel, launcher, supervisor, and what may happen to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.launcher import protocol
from actors.launcher.protocol import Report, Request, Start
from actors.messages.simulation import (
    ClockRead,
    FilesWritten,
    LauncherBegan,
    LauncherGone,
    MachineStarted,
    ProcessGone,
    ProcessRan,
    SupervisorGone,
)
from actors.simulation.clock import MachineClock
from actors.simulation.disk import Disk
from actors.simulation.node import Root, SupervisorProcess
from actors.simulation.packages_port import Directories, Files
from actors.simulation.processes import (
    AILMENTS,
    PIPE_S,
    Behaviour,
    Process,
    ProcessTable,
    SimulatedLauncher,
)
from actors.simulation.roles import Roles
from actors.simulation.scheduler import Life, generator

if TYPE_CHECKING:
    from actors.simulation.ring import Ring

SERVICE_MANAGER_S = 1.0  # from the launcher's end to its next start
BOOT_S = 0.4  # from fork to the first actor: a Python process starts
FOR_EVER = Behaviour()
HOOK = Behaviour(runs_s=0.05, spread=0.5)


@dataclass(frozen=True, slots=True)
class Quartz:
    """A machine's clocks: `rate` seconds per true second, and the error of the wall clock."""

    rate: float = 1.0
    booted_s: float = 1000.0
    wall_error_s: float = 0.0


class Machine:
    """One machine, which has the same address for ever and a member id until its disk is wiped."""

    def __init__(self, ring: Ring, number: int, address: str, root: Root, quartz: Quartz) -> None:
        self.ring = ring
        self.number = number
        self.address = address
        self.root = root
        self.clock = MachineClock(ring.scheduler, quartz.rate, quartz.booted_s, quartz.wall_error_s)
        self._new_disk()
        self.wipes = 0
        self.boots = 0
        self.member = _member_id(ring.seed, number, 0)
        self.table = ProcessTable(Life(), note=self._process)
        self.launcher: SimulatedLauncher | None = None
        self.supervisor: SupervisorProcess | None = None
        self.behaviours: dict[str, Behaviour] = {}  # key prefix → what such programs do
        self._draw = generator(ring.seed, f"machine:{number}")
        self._frozen_at: int | None = None
        self._out_of_time = False
        self.wanted = False  # somebody wants it to run
        self.suitability: dict[str, int] = {}  # what the hook says, by service
        self.roles = Roles(self)
        self._say_time(quartz.rate)

    # ── verbs ──

    def start(self) -> None:
        """`hab sup run`: the launcher starts, and it the supervisor.

        While an earlier launcher is still ending, the start waits for its end, and while the
        machine is frozen for its thaw.
        """
        self.wanted = True
        if self.launcher is not None or self._frozen_at is not None:
            return
        if not self.table.life.alive:
            self.table = ProcessTable(Life(), note=self._process)
        self.launcher = SimulatedLauncher(
            self.ring.scheduler,
            self.clock,
            self.table,
            generator(self.ring.seed, f"launcher:{self.number}:{self.boots}"),
            self._behaviour,
            boot=self._boot,
            tell=self._tell,
            kill=self._signal,
            exited=self._launcher_exited,
            record=self._said,
        )
        self.ring.log.note(LauncherBegan(self.number, self.launcher.pid))
        self.launcher.begin()

    def terminate(self) -> None:
        """TERM to the launcher: an orderly end of everything."""
        self.wanted = False
        if self.launcher is not None:
            self.launcher.terminate()

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor process."""
        self._end_supervisor(None, 9)

    def kill_launcher(self) -> None:
        """SIGKILL to the launcher: the supervisor notices, services live on."""
        self.wanted = False
        launcher, self.launcher = self.launcher, None
        if launcher is None:
            return
        self.ring.scheduler.end(launcher.life)
        self.ring.log.note(LauncherGone(self.number, launcher.pid, "signal 9"))
        self.table.reaper = None
        supervisor = self.supervisor
        if supervisor is not None:
            self.ring.scheduler.after(PIPE_S, supervisor.life, supervisor.launcher_lost)

    def power_off(self) -> None:
        """The plug is pulled: every process dies, unsynced writes are lost."""
        self.wanted = False
        scheduler = self.ring.scheduler
        scheduler.end(self.table.life)
        self.table.power_off()
        if self.launcher is not None:
            scheduler.end(self.launcher.life)
            self.ring.log.note(LauncherGone(self.number, self.launcher.pid, "power"))
            self.launcher = None
        self._end_supervisor(None, None, power=True)
        if self._frozen_at is not None:
            self._frozen_at = None
            self._say_time(self.clock.rate)

    def wipe(self) -> None:
        """A new disk: the machine comes back as another member."""
        assert self.supervisor is None, "a running supervisor has its disk in use"
        self.wipes += 1
        self.roles.forget()
        self._new_disk()
        self.member = _member_id(self.ring.seed, self.number, self.wipes)

    def pause(self) -> None:
        """SIGSTOP to the supervisor: no turn, no byte read; timers come due and wait."""
        if self.supervisor is not None:
            self.ring.scheduler.freeze(self.supervisor.life)

    def resume(self) -> None:
        """SIGCONT."""
        if self.supervisor is not None and self._frozen_at is None:
            self.ring.scheduler.thaw(self.supervisor.life)

    def freeze(self, *, out_of_time: bool = False) -> None:
        """The whole machine stands still (suspended, or taken out of time by a hypervisor)."""
        if self._frozen_at is None and self._lives()[1:]:
            self._frozen_at = self.ring.scheduler.now
            self._out_of_time = out_of_time
            if out_of_time:
                self._say_time(0.0)
            for life in self._lives():
                self.ring.scheduler.freeze(life)

    def thaw(self) -> None:
        """Go on. CLOCK_BOOTTIME went on meanwhile, unless the machine was out of time."""
        if self._frozen_at is None:
            return
        scheduler, lost_ns = self.ring.scheduler, self.ring.scheduler.now - self._frozen_at
        self._frozen_at = None
        for life in self._lives():
            if self._out_of_time:
                scheduler.postpone(life, lost_ns)
            scheduler.thaw(life)
        if self._out_of_time:
            self.clock.hold_back(lost_ns)
            self._say_time(self.clock.rate)
        if self.wanted:
            self.start()

    # ── what happens inside ──

    def supervisor_exits(self, supervisor: SupervisorProcess, code: int) -> None:
        """The supervisor process ends by itself."""
        if supervisor is self.supervisor:
            # At the end of the present event: a turn of it may be running.
            self.ring.scheduler.at(
                self.ring.scheduler.now, supervisor.life, lambda: self._end_supervisor(code, None)
            )

    def to_launcher(self, request: Request) -> None:
        """The supervisor writes to its pipe; without a launcher nobody reads it."""
        if self.launcher is not None:
            self.launcher.request(request)

    def kill_process(self, pid: int) -> None:
        """The supervisor sends KILL to a process group."""
        self.table.kill_group(pid)

    def _boot(self) -> int:
        """A supervisor process is started; its actors begin once Python is up."""
        pid = self.table.supervisor = self.table.next_pid()
        self.boots += 1
        supervisor = SupervisorProcess(self, pid, self.boots)
        self.supervisor = supervisor
        up_s = BOOT_S * (1 + self._draw.random())
        self.ring.scheduler.after(up_s, supervisor.life, lambda: self._begin(supervisor))
        return pid

    def _begin(self, supervisor: SupervisorProcess) -> None:
        self.ring.log.note(MachineStarted(self.number, self.member, self.boots))
        supervisor.start(self.root)

    def _end_supervisor(self, code: int | None, signal: int | None, *, power: bool = False) -> None:
        supervisor, self.supervisor = self.supervisor, None
        if supervisor is None:
            return
        self.ring.scheduler.end(supervisor.life)
        supervisor.store.crash(power=power)
        self.ring.fabric.leave(supervisor.network, silent=power)
        self.table.supervisor = 0
        how = "power" if power else f"signal {signal}" if code is None else f"exit {code}"
        self.ring.log.note(SupervisorGone(self.number, self.member, self.boots, how))
        if self.launcher is not None:
            self.launcher.supervisor_ended(supervisor.pid, code, signal)

    def _launcher_exited(self, code: int) -> None:
        if self.launcher is not None:
            self.ring.log.note(LauncherGone(self.number, self.launcher.pid, f"exit {code}"))
        self.launcher = None
        self.table.reaper = None
        if code == protocol.EXIT_FAILED:
            self.wanted = False  # departed: this member does not come back
        if self.wanted:  # as a service manager would
            power = self.table.life
            self.ring.scheduler.after(SERVICE_MANAGER_S, power, self.start)

    def _signal(self, signal: str) -> None:
        if signal in ("KILL", "SIGKILL"):
            self.kill_supervisor()
        elif self.supervisor is not None:
            self.supervisor_exits(self.supervisor, 0)

    def _tell(self, report: Report) -> None:
        supervisor = self.supervisor
        if supervisor is not None:
            self.ring.scheduler.after(
                PIPE_S, supervisor.life, lambda: supervisor.launcher_port.hear(report)
            )

    def _said(self, text: str) -> None:
        """A line of the launcher's own: nobody reads it here."""

    def _new_disk(self) -> None:
        self.disk = Disk()
        self.directories = Directories(self.disk, self._written)

    def _written(self, service: str, files: Files, changed: tuple[str, ...]) -> None:
        version = int(files["config/app.conf"]) if "config/app.conf" in files else 0
        given = {n.removeprefix("files/"): d.decode() for n, d in files.items() if "files/" in n}
        self.ring.log.note(FilesWritten(self.number, service, version, given, changed))

    def _process(self, process: Process, how: str) -> None:
        key, pid = process.start.key, process.pid
        number = self.number
        said = ProcessGone(number, key, pid, how) if how else ProcessRan(number, key, pid)
        self.ring.log.note(said)
        self.roles.hear(process, how)

    def _behaviour(self, start: Start) -> Behaviour:
        how = self.ring.ailing.get(start.env.get("HAB_PKG_IDENT", ""))
        kind, _, rest = start.key.partition(":")
        if how is not None:
            program, ailing = AILMENTS[how]
            if program == ("run" if kind == "service" else rest.split(":")[1]):
                return ailing
        matching = (b for prefix, b in self.behaviours.items() if start.key.startswith(prefix))
        return next(matching, HOOK if start.key.startswith("hook:") else FOR_EVER)

    def _say_time(self, rate: float) -> None:
        self.ring.log.note(ClockRead(self.number, self.clock.now(), rate))

    def _lives(self) -> list[Life]:
        lives = [self.table.life]
        if self.supervisor is not None:
            lives.append(self.supervisor.life)
        if self.launcher is not None:
            lives.append(self.launcher.life)
        return lives


def _member_id(seed: str, number: int, wipes: int) -> str:
    text = f"{seed}:member:{number}:{wipes}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
