"""A launcher under test, with the small supervisor, in a directory of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from actors.launcher import protocol
from actors.launcher.identity import start_ticks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPT = ROOT / "actors" / "launcher" / "__main__.py"
SUPERVISOR = HERE / "launcher_supervisor.py"
NAMES = vars(protocol)


def eventually(what: str, ask: Callable[[], object], within_s: float = 10.0) -> object:
    """Wait for `ask` to be true; returns what it said."""
    deadline = time.monotonic() + within_s
    while not (value := ask()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.01)
    return value


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


class Rig:
    """One state directory, its launcher, and what its supervisor hears."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.orders = count()
        self.asks = count(1)
        self.launcher: subprocess.Popen[bytes] | None = None
        self.pids: set[tuple[int, int]] = set()

    def start(self, stdout: int = -1, **options: object) -> subprocess.Popen[bytes]:
        told = {
            "state_dir": str(self.root),
            "argv": [sys.executable, str(SUPERVISOR), str(self.root)],
            **options,
        }
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.root / "out").open("ab") as out:
            self.launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(told)],
                env=env,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out if stdout < 0 else stdout,
                stderr=out,
            )
        return self.launcher

    def order(self, text: str) -> None:
        temporary = self.root / "order.tmp"
        temporary.write_text(text)
        temporary.rename(self.root / f"{next(self.orders)}.do")

    def send(self, frame: protocol.Request) -> None:
        self.order(repr(frame))

    def reports(self) -> list[object]:
        path = self.root / "reports"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [eval(line, NAMES) for line in lines]

    def heard(self, kind: type, within_s: float = 10.0, **wanted: object) -> object:
        def find() -> object:
            for report in reversed(self.reports()):
                if isinstance(report, kind) and all(
                    getattr(report, name) == value for name, value in wanted.items()
                ):
                    return report
            return None

        return eventually(f"{kind.__name__} {wanted}\n{self.said()}", find, within_s)

    def run(self, key: str, script: str, **more: object) -> int:
        """Start a shell script; returns its pid."""
        ask = f"a{next(self.asks)}"
        env = {"PATH": os.environ["PATH"]}
        argv = ("/bin/sh", "-c", script)
        self.send(protocol.Start(ask, key, argv, env, **more))  # type: ignore[arg-type]
        pid = self.heard(protocol.Started, ask=ask).pid  # type: ignore[attr-defined]
        self.pids.add((pid, start_ticks(pid)))
        return pid

    def lives(self) -> list[int]:
        path = self.root / "lives"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def supervisor(self, life: int = 1) -> int:
        """The pid of the supervisor's `life`, once it is registered."""
        eventually(f"life {life}\n{self.said()}", lambda: len(self.lives()) >= life)
        eventually(
            f"welcome {life}\n{self.said()}",
            lambda: sum(isinstance(r, protocol.Welcome) for r in self.reports()) >= life,
        )
        return self.lives()[life - 1]

    def said(self) -> str:
        path = self.root / "out"
        return path.read_text(errors="replace") if path.exists() else ""

    def end(self) -> None:
        """End what was started here, by pid."""
        if self.launcher is not None:
            if self.launcher.poll() is None:
                self.launcher.kill()
            self.launcher.wait()
        for pid, ticks in [*self.pids, *((life, 0) for life in self.lives()[-1:])]:
            if not ticks or start_ticks(pid) == ticks:
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
