"""The launcher's entry points: `run` here and now, `become` by replacing the present process.

`hab sup run` calls `become`, so that the launcher starts with nothing of the command line in
memory. Options travel as one JSON argument, the supervisor's environment as the environment.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from typing import Final, NoReturn

from actors.launcher import lock, marks, process
from actors.launcher.console import OWN, Console
from actors.launcher.decisions import END_S, State
from actors.launcher.identity import boot_id
from actors.launcher.logs import Logs, Rotation
from actors.launcher.loop import Loop, Outside
from actors.launcher.notify import ServiceManager
from actors.launcher.supervision import CONNECT_TIMEOUT_S
from actors.launcher.table import ProcessTable

LOCK_FILE: Final = "LOCK"
TABLE_FILE: Final = "launcher.json"
EXIT_LOCKED: Final = 1
EXIT_USAGE: Final = 2
ROTATION: Final = Rotation()


@dataclass(frozen=True, slots=True)
class LauncherOptions:
    """What the launcher needs to know. `state_dir` exists; `argv` starts the supervisor.

    `env` is the supervisor's environment; the launcher adds its descriptor and pid. Services get
    theirs from the supervisor.
    """

    state_dir: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    json_logging: bool = False
    color: bool = False
    prefix: str = OWN
    log_size_bytes: int = ROTATION.size_bytes
    log_keep: int = ROTATION.keep
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    end_s: float = END_S


def run(options: LauncherOptions) -> int:
    """Be the launcher until the end; returns the exit code (0, 86, or 1 with the reason said)."""
    console = Console(1, json_lines=options.json_logging, own=options.prefix, color=options.color)
    try:
        lock_fd = lock.acquire(os.path.join(options.state_dir, LOCK_FILE))
    except (lock.LockHeldError, OSError) as error:
        console.say(str(error))
        console.flush()
        return EXIT_LOCKED
    env = dict(options.env)
    os.umask(os.umask(0o022) | 0o022)  # never looser than that for what the launcher creates
    process.become_subreaper()
    boot = boot_id()
    outside = Outside(
        argv=options.argv,
        env=env,
        place=marks.place(options.state_dir),
        table=ProcessTable(os.path.join(options.state_dir, TABLE_FILE), boot),
        logs=Logs(console.line, Rotation(options.log_size_bytes, options.log_keep)),
        console=console,
        manager=ServiceManager(env),
        files_soft=process.raise_file_limit(),
    )
    state = State(os.getpid(), boot, options.connect_timeout_s, options.end_s)
    gc.collect()
    gc.freeze()  # what start-up left is never garbage; children do not copy its pages
    try:
        return Loop(state, outside).run()
    finally:
        os.close(lock_fd)


def become(options: LauncherOptions) -> NoReturn:
    """Replace this process by a launcher with these options; keeps the pid."""
    told = asdict(options)
    env = told.pop("env")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    sys.stdout.flush()
    sys.stderr.flush()
    # -I -S: nothing but the standard library and this tree, whatever PYTHONPATH says; 1 MB less.
    command = [sys.executable, "-I", "-S", script, json.dumps(told)]
    os.execve(sys.executable, command, env)  # noqa: S606


def main(arguments: list[str]) -> int:
    """Be what `become` asked for: one JSON argument, the environment as it is."""
    try:
        told = json.loads(arguments[0])
        options = LauncherOptions(**{**told, "argv": tuple(told["argv"]), "env": dict(os.environ)})
    except (IndexError, KeyError, TypeError, ValueError) as error:
        sys.stderr.write(f"hab-launch: one JSON argument is needed: {error}\n")
        return EXIT_USAGE
    return run(options)
