"""The supervisor process's life as a pure function: started, registered, ended, started again.

Habitat's table of exit codes, with one difference: a supervisor that ends by a signal has crashed,
and its services live on. It is started again after 1 s, doubling to 30 s, and the doubling is
forgotten once it has been up for 60 s. One that was told to restart is started again at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from actors.launcher.protocol import EXIT_FAILED, EXIT_RESTART, EXIT_STOPPED, StopRequest
from actors.launcher.vocabulary import Action, Say, SignalSupervisor, StartSupervisor, Tell

CONNECT_TIMEOUT_S: Final = 5.0  # Habitat's HAB_LAUNCH_SUP_CONNECT_TIMEOUT_SECS
RESTART_MIN_S: Final = 1.0
RESTART_MAX_S: Final = 30.0
STEADY_S: Final = 60.0  # up for so long, a supervisor has earned a fresh backoff
RESTART_PATIENCE_S: Final = 20.0  # for a supervisor asked to restart to end by itself
PREDECESSOR_PATIENCE_S: Final = 5.0  # the supervisor of a dead launcher ends in 2 s, if it can
EOF_PATIENCE_S: Final = 5.0  # between the end of its connection and the end of the process
ATTEMPTS_MAX: Final = 5  # of a supervisor that never came as far as registering: 15 s of retries
NO_CONNECTION: Final = "Failed to setup launcher IPC connection with supervisor"
TIMED_OUT: Final = "Timeout exceeded waiting for IPC connection from supervisor"

Phase: TypeAlias = Literal["leaving", "waiting", "starting", "up", "gone"]
Verdict: TypeAlias = Literal["go on", "stopped", "failed", "hopeless"]
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Where the supervisor process stands. Instants are CLOCK_BOOTTIME.

    `leaving`: an earlier launcher's supervisor is still there and must go first. `kill_at_s` is
    when patience with the present process ends; `registered` whether any ever said hello.
    """

    phase: Phase = "waiting"
    pid: int = 0
    since_s: float = 0.0
    start_at_s: float = NEVER
    kill_at_s: float = NEVER
    failures: int = 0
    starts: int = 0
    registered: bool = False
    restart_asked: bool = False


Life: TypeAlias = tuple[Supervisor, list[Action]]


def begin(predecessor: int, stopped: bool, now: float) -> Life:
    """Start the supervisor, once an earlier launcher's has gone (it holds the ports).

    One that stands still gets no time to end in: what it would do, nobody knows when.
    """
    if predecessor:
        patience_s = 0.0 if stopped else PREDECESSOR_PATIENCE_S
        waiting = Supervisor("leaving", predecessor, now, kill_at_s=now + patience_s)
        text = f"Waiting for supervisor {predecessor} of an earlier launcher to end"
        return waiting, [Say(text)]
    return start(Supervisor(), now)


def start(state: Supervisor, now: float) -> Life:
    """Start the process."""
    starting = replace(
        state,
        phase="starting",
        pid=0,
        since_s=now,
        start_at_s=NEVER,
        kill_at_s=NEVER,
        starts=state.starts + 1,
        restart_asked=False,
    )
    return starting, [StartSupervisor()]


def started(state: Supervisor, pid: int, now: float, patience_s: float) -> Supervisor:
    """The process exists and has `patience_s` to register."""
    return replace(state, pid=pid, since_s=now, kill_at_s=now + patience_s)


def registered(state: Supervisor) -> Supervisor:
    """It said hello."""
    if state.phase != "starting":
        return state
    return replace(state, phase="up", kill_at_s=NEVER, registered=True)


def disconnected(state: Supervisor, now: float) -> Supervisor:
    """Its end of the connection closed: it is dying, or it has to."""
    if state.phase in ("starting", "up"):
        return replace(state, kill_at_s=min(state.kill_at_s, now + EOF_PATIENCE_S))
    return state


def restart(state: Supervisor, now: float) -> Life:
    """Have it end and start again, services untouched."""
    if state.phase == "waiting":
        return start(state, now)
    if state.phase == "up":
        asked = replace(state, restart_asked=True, kill_at_s=now + RESTART_PATIENCE_S)
        return asked, [Tell(StopRequest("restart"))]
    return state, []  # it is on its way up already


def ended(
    state: Supervisor, code: int | None, signal: int | None, reason: str, now: float
) -> tuple[Supervisor, Verdict, list[Action]]:
    """It is gone: what follows, and the supervisor's next phase."""
    if state.phase == "leaving":
        again, actions = start(state, now)
        return again, "go on", actions
    gone = replace(state, phase="gone", pid=0, start_at_s=NEVER, kill_at_s=NEVER)
    if code == EXIT_STOPPED:
        return gone, "stopped", []
    if code == EXIT_FAILED:
        return gone, "failed", [Say("Supervisor cannot run here (exit 86)")]
    steady = state.phase == "up" and now - state.since_s >= STEADY_S
    failures = 0 if steady else state.failures
    if not state.registered and failures + 1 >= ATTEMPTS_MAX:
        return gone, "hopeless", [Say(_words(code, signal, reason)), Say(NO_CONNECTION)]
    # A supervisor hears commands to restart too; the launcher sees only how it ends.
    asked = state.restart_asked or (state.phase == "up" and code == EXIT_RESTART)
    delay_s = 0.0 if asked else min(RESTART_MAX_S, RESTART_MIN_S * 2.0**failures)
    waiting = replace(
        gone,
        phase="waiting",
        start_at_s=now + delay_s,
        failures=failures if asked else min(failures + 1, 16),
    )
    text = f"{_words(code, signal, reason)}; starting it again"
    return waiting, "go on", [Say(text + (f" in {delay_s:g} s" if delay_s else ""))]


def due(state: Supervisor, now: float) -> tuple[Supervisor, Verdict, list[Action]]:
    """Do what the clock demands."""
    if state.phase == "waiting" and now >= state.start_at_s:
        starting, actions = start(state, now)
        return starting, "go on", actions
    if now < state.kill_at_s:
        return state, "go on", []
    actions = [SignalSupervisor(state.pid, "KILL")]
    if state.phase == "starting":
        actions += [Say(TIMED_OUT), Say(NO_CONNECTION)]
        if not state.registered:
            return replace(state, phase="gone", kill_at_s=NEVER), "hopeless", actions
    return replace(state, kill_at_s=now + EOF_PATIENCE_S), "go on", actions


def wake_at(state: Supervisor) -> float:
    """The next instant at which `due` has something to do."""
    return min(state.start_at_s, state.kill_at_s)


def _words(code: int | None, signal: int | None, reason: str) -> str:
    if reason:
        return f"Supervisor could not be started: {reason}"
    if signal is not None:
        return f"Supervisor was killed by signal {signal}"
    return f"Supervisor ended with code {'unknown' if code is None else code}"
