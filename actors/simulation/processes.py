"""Simulated processes and the launcher that keeps them: its decisions are the real ones.

`SimulatedLauncher` is the shell around `actors.launcher.decisions`, as `actors.launcher.loop` is in
the real world: inputs in, actions out, deadlines by timer. Requests and reports pass through the
launcher's own encoding. What a program does once it runs is a `Behaviour`, chosen by its key.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from actors.launcher import decisions
from actors.launcher.protocol import Report, Request, Start, decode, encode
from actors.launcher.vocabulary import (
    Action,
    Adopted,
    Begin,
    Ended,
    Executed,
    Exit,
    Forget,
    Forked,
    GroupGone,
    Input,
    Notify,
    Probe,
    Record,
    Restart,
    Say,
    SignalGroup,
    SignalSupervisor,
    Spawn,
    SpawnFailed,
    StartSupervisor,
    SupervisorEnded,
    SupervisorStarted,
    Tell,
    Terminate,
    Tick,
    Vanished,
)
from actors.simulation.clock import MachineClock
from actors.simulation.scheduler import CALL, SECOND, Entry, Life, Scheduler

PIPE_S: Final = 0.0002  # launcher to supervisor and back
FORK_S: Final = 0.002
TICKS: Final = 100  # clock ticks a second, for start times


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a program does. `runs_s` until it ends by itself with `code`; infinity: it does not.

    It takes `stop_s` to end on a signal it heeds; `deaf` to all but KILL. `lingers`: a child in its
    group that outlives it. `unrunnable`: why its exec fails. `spread` varies the times, per run.
    `fails`: how likely a run ends with 1 instead of `code`.
    """

    runs_s: float = float("inf")
    code: int = 0
    stop_s: float = 0.05
    deaf: bool = False
    lingers: bool = False
    unrunnable: str = ""
    spread: float = 0.0
    fails: float = 0.0


# How a release may not work: which of its programs, and what that does.
AILMENTS: Final[dict[str, tuple[str, Behaviour]]] = {
    "crashes": ("run", Behaviour(runs_s=0.5, code=1, spread=0.5)),
    "sick": ("health-check", Behaviour(runs_s=0.1, code=2)),
    "unrunnable": ("run", Behaviour(unrunnable="exec format error")),
    "hangs": ("init", Behaviour(deaf=True)),
}
Programs: TypeAlias = Callable[[Start], Behaviour]


@dataclass(slots=True)
class Process:
    """A process group. `leader` is its first process, `rest` whether others of it are alive."""

    start: Start
    pid: int
    parent: int
    started_s: float
    behaviour: Behaviour
    leader: bool = True
    rest: bool = False
    code: int | None = None
    signal: int | None = None
    ending: Entry | None = None  # the scheduled end
    owner: str = ""
    was_leader: bool = False


@dataclass(slots=True)
class ProcessTable:
    """What the kernel of one machine knows: it outlives launchers and supervisors.

    `life` is the machine's own, from power on to power off. `reaper` hears of ends (code and
    signal are known to a process's own parent alone).
    """

    life: Life
    processes: dict[int, Process] = field(default_factory=dict)
    last_pid: int = 1000
    supervisor: int = 0  # the pid of the supervisor process, 0 for none
    reaper: Callable[[Process], None] | None = None
    note: Callable[[Process, str], None] = lambda _process, _how: None  # says so in the log

    def next_pid(self) -> int:
        """A pid that was never given before."""
        self.last_pid += 1
        return self.last_pid

    def power_off(self) -> None:
        """Everything dies."""
        for process in self.processes.values():
            if process.leader:
                self.note(process, "power")
        self.processes.clear()

    def kill(self, key: str) -> None:
        """Somebody kills a process by hand."""
        process = self.find(key)
        if process is not None:
            if process.ending is not None:
                process.ending[CALL] = None
            self.end(process, None, 9)

    def kill_group(self, pid: int) -> None:
        """SIGKILL to a process group, by a process that is not its parent."""
        process = self.processes.get(pid)
        if process is not None:
            if process.ending is not None:
                process.ending[CALL] = None
            self.end(process, None, 9)
            process.rest = False

    def find(self, key: str) -> Process | None:
        """The live process under a key."""
        alive = (p for p in self.processes.values() if p.start.key == key and p.leader)
        return next(alive, None)

    def end(self, process: Process, code: int | None, signal: int | None) -> None:
        """The first process of a group ends; a child of it may linger."""
        if process.leader:
            process.leader = False
            process.code, process.signal = code, signal
            process.rest = process.behaviour.lingers and signal != 9
            self.note(process, f"exit {code}" if signal is None else f"signal {signal}")
            if self.reaper is not None:
                self.reaper(process)


class SimulatedLauncher:
    """One life of a launcher process.

    `boot` starts a supervisor process and answers its pid; `tell` brings it a report; `kill`
    signals it. `exited` hears the launcher's own exit code.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        clock: MachineClock,
        table: ProcessTable,
        draw: random.Random,
        programs: Programs,
        *,
        boot: Callable[[], int],
        tell: Callable[[Report], None],
        kill: Callable[[str], None],
        exited: Callable[[int], None],
        record: Callable[[str], None],
    ) -> None:
        self.life = Life()
        self._scheduler = scheduler
        self._clock = clock
        self._table = table
        self._draw = draw
        self._programs = programs
        self._boot = boot
        self._tell = tell
        self._kill = kill
        self._exited = exited
        self._record = record
        self.pid = table.next_pid()
        self._state = decisions.State(self.pid, "simulated")
        self._timer: Entry | None = None

    def begin(self) -> None:
        """Adopt what an earlier launcher left, then start the supervisor."""
        self._table.reaper = self._reap
        for pid, process in list(self._table.processes.items()):
            start = process.start
            if process.leader or process.rest:
                ticks = int(process.started_s * TICKS)
                self._input(
                    Adopted(
                        start.key,
                        pid,
                        ticks,
                        process.started_s,
                        process.owner,
                        start.ends_with_owner,
                        process.was_leader,
                        start.stop_signal,
                        start.stop_timeout_s,
                        process.leader,
                    )
                )
            else:
                del self._table.processes[pid]
                self._input(Vanished(start.key, pid, process.owner, start.ends_with_owner))
        self._input(Begin(self._table.supervisor))

    def request(self, request: Request) -> None:
        """A line of the supervisor's, on its way through the pipe."""
        read = decode(encode(request))
        self._later(PIPE_S, read)  # type: ignore[arg-type]  # what was encoded is a request

    def supervisor_ended(self, pid: int, code: int | None, signal: int | None) -> None:
        """The kernel reports the end of the supervisor process."""
        self._later(0.001, SupervisorEnded(pid, code, signal))

    def terminate(self) -> None:
        """TERM arrives at the launcher."""
        self._later(0.001, Terminate())

    def restart(self) -> None:
        """HUP arrives at the launcher."""
        self._later(0.001, Restart())

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the groups it keeps."""
        return tuple(sorted(self._state.groups))

    # ── inside ──

    def _reap(self, process: Process) -> None:
        mine = process.parent == self.pid
        code, signal = (process.code, process.signal) if mine else (None, None)
        self._later(0.001, Ended(process.start.key, process.pid, code, signal, process.rest))

    def _later(self, delay_s: float, received: Input) -> None:
        spread_s = delay_s * (1 + self._draw.random())
        self._scheduler.after(spread_s, self.life, lambda: self._input(received))

    def _input(self, received: Input) -> None:
        if not self.life.alive:
            return
        self._state, actions = decisions.step(self._state, received, self._clock.now())
        for action in actions:
            self._act(action)
        self._wake()

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer[CALL] = None
            self._timer = None
        due_s = decisions.wake_at(self._state)
        if due_s != decisions.NEVER and self.life.alive:
            wait_s = max(0.0, due_s - self._clock.now()) / self._clock.rate
            due = self._scheduler.now + int(wait_s * SECOND) + 1000
            self._timer = self._scheduler.at(due, self.life, lambda: self._input(Tick()))

    def _act(self, action: Action) -> None:
        match action:
            case StartSupervisor():
                # At once, as the loop does: the end of a process is never heard before its start.
                self._input(SupervisorStarted(self._boot()))
            case SignalSupervisor(pid, signal):
                if pid == self._table.supervisor:
                    self._kill(signal)
            case Spawn(start):
                self._spawn(start)
            case SignalGroup(_, pid, signal):
                self._signal(pid, signal)
            case Probe(key, pid):
                process = self._table.processes.get(pid)
                if process is None or not (process.leader or process.rest):
                    self._later(0.0001, GroupGone(key, pid))
            case Record(key, owner, leader):
                for process in self._table.processes.values():
                    if process.start.key == key:
                        process.owner, process.was_leader = owner, leader
            case Forget(key):
                for pid, process in list(self._table.processes.items()):
                    if process.start.key == key and not (process.leader or process.rest):
                        del self._table.processes[pid]
            case Tell(report):
                read: Report = decode(encode(report))  # type: ignore[assignment]  # as encoded
                self._tell(read)
            case Say(text):
                self._record(text)
            case Notify():
                pass  # there is no service manager here
            case Exit(code):
                self._scheduler.end(self.life)
                self._exited(code)

    def _spawn(self, start: Start) -> None:
        behaviour = self._programs(start)
        if behaviour.unrunnable:
            self._later(FORK_S, SpawnFailed(start.key, behaviour.unrunnable))
            return
        table = self._table
        pid, now_s = table.next_pid(), self._clock.now()
        process = Process(start, pid, self.pid, now_s, behaviour, owner=start.owner)
        process.was_leader = start.leader_until_s > 0
        table.processes[pid] = process
        table.note(process, "")
        self._input(Forked(start.key, pid, int(now_s * TICKS)))
        self._later(FORK_S, Executed(start.key, pid))
        if behaviour.runs_s != float("inf"):
            factor = 1 + behaviour.spread * (2 * self._draw.random() - 1)
            failed = behaviour.fails > 0 and self._draw.random() < behaviour.fails
            code = 1 if failed else behaviour.code
            self._schedule_end(process, behaviour.runs_s * factor + 2 * FORK_S, code, None)

    def _schedule_end(
        self, process: Process, delay_s: float, code: int | None, signal: int | None
    ) -> None:
        if process.ending is not None:
            process.ending[CALL] = None
        table = self._table
        process.ending = self._scheduler.after(
            delay_s, table.life, lambda: table.end(process, code, signal)
        )

    def _signal(self, pid: int, signal: str) -> None:
        process = self._table.processes.get(pid)
        if process is None:
            return
        if signal in ("KILL", "SIGKILL"):
            process.rest = False
            if process.leader:
                self._schedule_end(process, 0.001, None, 9)
        elif process.leader and not process.behaviour.deaf:
            self._schedule_end(process, process.behaviour.stop_s, None, 15)
        elif process.rest and not process.leader and not process.behaviour.deaf:
            process.rest = False
