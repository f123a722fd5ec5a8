"""The launcher's loop: feeds what happens to `decisions`, does what they say, on one thread.

Each turn: wait for signals, the supervisor's messages, ends of processes, or the next deadline;
decide; act. Work on output is bounded per turn, so that no log delays a leader's fence.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from actors.launcher import decisions, marks, process
from actors.launcher.console import Console
from actors.launcher.decisions import SUPERVISOR, State
from actors.launcher.identity import (
    boottime,
    group_is_alive,
    open_pidfd,
    start_ticks,
    stat_fields,
)
from actors.launcher.link import Link
from actors.launcher.logs import Logs, Output
from actors.launcher.notify import ServiceManager
from actors.launcher.process import Child, Program, SpawnError
from actors.launcher.protocol import (
    ENV_FD,
    ENV_PID,
    Hello,
    List,
    Own,
    OwnerDied,
    Ready,
    Renew,
    Start,
    Stop,
)
from actors.launcher.table import Entry, ProcessTable, entry_for
from actors.launcher.vocabulary import (
    Action,
    Adopted,
    Begin,
    Disconnected,
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
    TableRead,
    Tell,
    Terminate,
    Tick,
    Vanished,
)

WATCHFUL_S: Final = 0.1  # with a leader-role group: the selector's clock stands still in suspend
LAZY_S: Final = 30.0
NEVER: Final = float("inf")
_REQUESTS: Final = (Hello, Ready, Start, Stop, List, Own, OwnerDied, Renew)
_SIGNALS: Final[dict[int, Terminate | Restart]] = {
    signal.SIGTERM: Terminate(),
    signal.SIGINT: Terminate(),
    signal.SIGHUP: Restart(),
}
_SWALLOWED: Final = (signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A child whose program does not run yet: which group, which life of it."""

    key: str
    child: Child


@dataclass(slots=True)
class Outside:
    """Everything of the real world the loop touches. `place`: the state directory's own (marks)."""

    place: str
    argv: tuple[str, ...]
    env: dict[str, str]
    table: ProcessTable
    logs: Logs
    console: Console
    manager: ServiceManager
    files_soft: int = 0
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)


class Loop:
    """Runs until the decisions say `Exit`."""

    def __init__(self, state: State, outside: Outside) -> None:
        self._state = state
        self._out = outside
        self._selector = outside.selector
        self._inbox: deque[Input] = deque()
        self._exit_code: int | None = None
        self._link: Link | None = None
        self._link_events = 0
        self._attempts: dict[int, _Attempt] = {}  # pid → attempt
        self._keys: dict[int, str] = {}  # pid of our child → key
        self._watched: dict[int, tuple[str, int]] = {}  # pidfd → (key, pid), of adopted processes
        self._stdout_watched = -1
        self._signals, self._signals_in = socket.socketpair()
        self._said_trouble = ""
        self._alive_s = boottime() if outside.manager.watchdog_s != NEVER else NEVER

    def run(self) -> int:
        """The launcher's life; returns its exit code."""
        self._catch_signals()
        try:
            self._adopt()
            self._drain()
            while self._exit_code is None:
                self._turn()
        finally:
            self._let_go()
        return self._exit_code

    def _turn(self) -> None:
        for ready, _ in self._selector.select(self._patience_s()):
            ready.data()
        self._reap()
        self._inbox.append(Tick())
        self._drain()
        self._out.logs.tick(boottime())
        self._look_after_output()
        if boottime() >= self._alive_s:
            self._out.manager.alive()
            self._alive_s = boottime() + self._out.manager.watchdog_s

    def _patience_s(self) -> float:
        now = boottime()
        until_s = min(decisions.wake_at(self._state), self._out.logs.due_s(), self._alive_s)
        patience_s = min(max(0.0, until_s - now), LAZY_S)
        if patience_s > WATCHFUL_S and decisions.leads(self._state):
            return WATCHFUL_S
        return patience_s

    def _drain(self) -> None:
        """Decide about all that has happened, until nothing more follows from it."""
        while self._inbox and self._exit_code is None:
            received = self._inbox.popleft()
            self._state, actions = decisions.step(self._state, received, boottime())
            for action in actions:
                self._perform(action)
                if self._exit_code is not None:
                    return

    # ── doing ──

    def _perform(self, action: Action) -> None:
        match action:
            case StartSupervisor():
                self._start_supervisor()
            case Spawn(start):
                self._spawn(start)
            case SignalSupervisor(pid, name) | SignalGroup(_, pid, name):
                process.signal_group(pid, name)
            case Probe(key, pid, thorough):
                if not group_is_alive(pid, thorough=thorough):
                    self._inbox.append(GroupGone(key, pid))
            case Record(key, owner, leader):
                self._out.table.record(key, owner, leader)
            case Forget(key):
                self._out.table.forget(key)
                self._out.logs.finish(key)
            case Tell(report):
                if self._link is not None:
                    self._link.send(report)
                    self._watch_link()
            case Say(text):
                self._out.console.say(text)
                self._out.console.flush()
            case Notify(lines):
                self._out.manager.tell(lines)
            case Exit(code):
                self._exit_code = code
            case _:
                assert_never(action)

    def _spawn(self, start: Start) -> None:
        fds = [1, 2]
        entry = entry_for(start)
        try:
            for at, path in enumerate((start.stdout, start.stderr)):
                if path:
                    fds[at] = process.open_log(path, truncate=start.truncate)
            program = Program(
                argv=start.argv,
                env=start.env,
                cwd=start.cwd,
                user=start.user,
                group=start.group,
                output=fds[0],
                error=fds[1],
                mark=marks.mark(self._out.place, entry),
                files_soft=self._out.files_soft,
            )
            child = process.fork(program)
        except SpawnError as error:
            for fd in fds:
                if fd > 2:
                    os.close(fd)
            self._inbox.appendleft(SpawnFailed(start.key, str(error)))
            return
        self._begin(entry, child)
        self._follow(start.key, start.prefix, ((start.stdout, fds[0]), (start.stderr, fds[1])))
        self._attend(start.key, child)
        # Before anything else is decided about the group: its pid.
        self._inbox.appendleft(Forked(start.key, child.pid, child.start_ticks))

    def _begin(self, entry: Entry, child: Child) -> None:
        """Make it durable that the child exists, before it runs anything."""
        born = replace(entry, pid=child.pid, start_ticks=child.start_ticks, started_s=boottime())
        self._out.table.begin(born)

    def _follow(self, key: str, prefix: str, files: tuple[tuple[str, int], ...]) -> None:
        marks = ("HK", "HK") if key.startswith("hook:") else ("O", "E")
        for at, (path, fd) in enumerate(files):
            if fd <= 2:
                continue  # our own, or none
            if path == os.devnull or (at > 0 and path == files[0][0]):
                os.close(fd)  # nothing to follow, or followed already
            else:
                self._out.logs.follow(key, Output(path, fd, prefix, marks[at]), boottime())

    def _attend(self, key: str, child: Child) -> None:
        """Release a child and wait for its program to run."""
        self._keys[child.pid] = key
        self._attempts[child.pid] = _Attempt(key, child)
        pid = child.pid
        self._selector.register(child.report, selectors.EVENT_READ, lambda: self._judge(pid))
        child.release()

    def _judge(self, pid: int) -> None:
        """Hear from a child whether its program runs."""
        attempt = self._attempts[pid]
        report = attempt.child.report
        reason = attempt.child.verdict()
        if reason is None:
            return
        self._selector.unregister(report)
        del self._attempts[pid]
        if attempt.key == SUPERVISOR:
            if reason:
                self._keys.pop(pid, None)
                self._supervisor_is_gone(SupervisorEnded(pid, reason=reason))
        elif reason:
            self._keys.pop(pid, None)  # its end is nobody's business
            self._inbox.append(SpawnFailed(attempt.key, reason))
        else:
            self._inbox.append(Executed(attempt.key, pid))

    def _start_supervisor(self) -> None:
        entry = Entry(SUPERVISOR, 0, 0, 0.0)
        ours, theirs = socket.socketpair()
        env = dict(self._out.env)
        env[ENV_FD], env[ENV_PID] = str(theirs.fileno()), str(os.getpid())
        program = Program(
            argv=self._out.argv,
            env=env,
            keep=theirs.fileno(),
            mark=marks.mark(self._out.place, entry),
            files_soft=self._out.files_soft,
        )
        try:
            with theirs:
                child = process.fork(program)
        except SpawnError as error:
            ours.close()
            self._inbox.append(SupervisorEnded(0, reason=str(error)))
            return
        self._begin(entry, child)
        self._link = Link(ours)
        self._watch_link()
        self._attend(SUPERVISOR, child)
        self._inbox.appendleft(SupervisorStarted(child.pid))

    # ── hearing ──

    def _watch_link(self) -> None:
        """Keep the selector's view of the link true."""
        link = self._link
        if link is None:
            return
        if link.closed:
            # A closed socket left epoll by itself; the selector's own books need its number.
            self._forget_link()
            self._inbox.append(Disconnected())
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.wants_room else 0)
        if self._link_events == 0:
            self._link_fd = link.fileno()
            self._selector.register(self._link_fd, events, self._hear)
        elif events != self._link_events:
            self._selector.modify(self._link_fd, events, self._hear)
        self._link_events = events

    def _forget_link(self) -> None:
        if self._link_events:
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._selector.unregister(self._link_fd)
        self._link_events = 0
        if self._link is not None and not self._link.closed:
            self._link.close()
        self._link = None

    def _hear(self) -> None:
        link = self._link
        if link is None:
            return
        link.flush()
        for frame in link.receive():
            if isinstance(frame, _REQUESTS):
                self._inbox.append(frame)
        self._watch_link()

    def _reap(self) -> None:
        for pid, code, number in process.reap():
            if pid in self._attempts:
                self._judge(pid)  # the pipe is closed by now: which end was it?
            key = self._keys.pop(pid, None)
            if key == SUPERVISOR:
                process.signal_group(pid, "KILL")  # its own children: downloads, builds
                self._supervisor_is_gone(SupervisorEnded(pid, code, number))
            elif key is not None:
                remains = group_is_alive(pid)
                self._inbox.append(Ended(key, pid, code, number, remains))

    def _supervisor_is_gone(self, end: SupervisorEnded) -> None:
        link = self._link
        if link is not None:
            while frames := link.receive():  # its last words, a stop or a start, still count
                self._inbox.extend(f for f in frames if isinstance(f, _REQUESTS))
            self._forget_link()
        self._out.table.forget(SUPERVISOR)
        self._inbox.append(end)

    def _watch_adopted(self, key: str, pid: int, pidfd: int) -> None:
        self._watched[pidfd] = (key, pid)

        def over() -> None:
            self._selector.unregister(pidfd)
            os.close(pidfd)
            del self._watched[pidfd]
            if key == SUPERVISOR:
                process.signal_group(pid, "KILL")
                self._out.table.forget(SUPERVISOR)
                self._inbox.append(SupervisorEnded(pid))
            else:
                self._inbox.append(Ended(key, pid, group_remains=group_is_alive(pid)))

        self._selector.register(pidfd, selectors.EVENT_READ, over)

    def _adopt(self) -> None:
        """Take over what an earlier launcher left; then start the supervisor."""
        self._read_table()
        predecessor = 0
        for key, entry in sorted(self._out.table.entries.items()):
            pidfd = open_pidfd(entry.pid, entry.start_ticks)
            if key == SUPERVISOR:
                if pidfd is None:
                    self._out.table.forget(key)
                else:
                    predecessor = entry.pid
                    self._watch_adopted(key, entry.pid, pidfd)
            elif pidfd is None and not _left_a_group(entry):
                self._out.table.forget(key)
                self._inbox.append(Vanished(key, entry.pid, entry.owner, entry.ends_with_owner))
            else:
                self._take_over(entry, pidfd)
        stopped = predecessor > 0 and stat_fields(predecessor)[:1] == [b"T"]
        self._inbox.append(Begin(predecessor, stopped))

    def _read_table(self) -> None:
        """Add to the table whom it has lost, found by their marks."""
        table = self._out.table
        alive = {k for k, e in table.entries.items() if start_ticks(e.pid) == e.start_ticks}
        found = marks.unlisted(table.entries, alive, marks.survivors(self._out.place))
        for entry in found.values():
            table.begin(entry)
        told = tuple(f"{entry.key} (pid {entry.pid})" for entry in found.values())
        self._inbox.append(TableRead(table.damaged, table.skipped, told))

    def _take_over(self, entry: Entry, pidfd: int | None) -> None:
        if pidfd is not None:
            self._watch_adopted(entry.key, entry.pid, pidfd)
        files = []
        for path in (entry.stdout, entry.stderr):
            fd = -1
            with contextlib.suppress(SpawnError):
                fd = process.open_log(path, truncate=False) if path else -1
            files.append((path, fd))
        self._follow(entry.key, entry.prefix, tuple(files))
        self._inbox.append(
            Adopted(
                key=entry.key,
                pid=entry.pid,
                start_ticks=entry.start_ticks,
                started_s=entry.started_s,
                owner=entry.owner,
                ends_with_owner=entry.ends_with_owner,
                was_leader=entry.leader,
                stop_signal=entry.stop_signal,
                stop_timeout_s=entry.stop_timeout_s,
                alive=pidfd is not None,
            )
        )

    # ── signals, output, the end ──

    def _catch_signals(self) -> None:
        self._signals.setblocking(False)
        self._signals_in.setblocking(False)
        signal.set_wakeup_fd(self._signals_in.fileno(), warn_on_full_buffer=False)
        for number in (*_SIGNALS, *_SWALLOWED, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)  # the wake-up descriptor carries it
        self._selector.register(self._signals, selectors.EVENT_READ, self._hear_signals)

    def _hear_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._signals.recv(4096):
                if number in _SIGNALS:
                    self._inbox.append(_SIGNALS[number])

    def _look_after_output(self) -> None:
        console, table, logs = self._out.console, self._out.table, self._out.logs
        trouble = table.trouble and f"the process table cannot be written: {table.trouble}"
        trouble = trouble or (logs.trouble and f"cannot rotate {logs.trouble}")
        if trouble != self._said_trouble:
            self._said_trouble = trouble
            if trouble:
                console.say(trouble)
        console.flush()
        if console.waiting_fd != self._stdout_watched:
            if self._stdout_watched >= 0:
                self._selector.unregister(self._stdout_watched)
            self._stdout_watched = console.waiting_fd
            if self._stdout_watched >= 0:
                try:
                    self._selector.register(
                        self._stdout_watched, selectors.EVENT_WRITE, console.flush
                    )
                except OSError:  # epoll refuses regular files, which never wait
                    self._stdout_watched = -1

    def _let_go(self) -> None:
        self._forget_link()
        self._out.logs.close()
        self._out.console.flush()
        for attempt in self._attempts.values():
            os.close(attempt.child.report)
        for pidfd in self._watched:
            os.close(pidfd)
        self._out.table.close()
        self._out.manager.close()
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._signals.close()
        self._signals_in.close()


def _left_a_group(entry: Entry) -> bool:
    """Whether members of its group outlived the process (its pid is not another's by now)."""
    return start_ticks(entry.pid) in (0, entry.start_ticks) and group_is_alive(entry.pid)
