"""A stranger at terminals: types what README.md says, on this machine, below one directory.

Everything is typed as it stands, with two exceptions. `git clone …` clones this checkout, and what
follows it is typed in the checkout itself, whose environment is made already. Port numbers are
replaced by free ones, so that the test disturbs nobody; those of the first supervisor, which the
README leaves to their defaults, come from a sup.toml.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from readme_blocks import Program
from supervisor_rig import alive, eventually, free_ports

CHECKOUT = Path(__file__).parents[3]
PORT = re.compile(r"\b(97[0-9][0-9]|8000)\b")
READY_S = 60.0  # for the slowest start
ENDS_S = 180.0  # for the slowest command: the demo, which installs its Redis and Caddy once


class Stranger:
    """The reader, with a terminal to type in and one for each command that stays."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cwd = home
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HAB_", "PYTEST"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.base = {**kept, "HOME": str(home), "PATH": path, "NO_COLOR": "1"}
        self.base |= {"HAB_ROOT": str(home / "root"), "README_UNDER_TEST": str(home)}
        self.base.pop("FS_ROOT", None)
        self.environment = dict(self.base)
        self.staying: dict[str, subprocess.Popen[bytes]] = {}  # supervisor's name → its launcher
        self.rings: dict[str, list[str]] = {}  # ring → names of its supervisors
        self.programs: dict[str, Program] = {}
        self.typed = 0
        self.printed = ""  # by the last command
        self._ports: dict[str, str] = {}
        self._epochs: dict[str, int] = {}  # group → its rollouts before the last upload
        gossip, http, ctl = free_ports(3)
        config = home / "root" / "sup" / "default" / "config" / "sup.toml"
        config.parent.mkdir(parents=True)
        config.write_text(
            f'listen_gossip = "127.0.0.1:{gossip}"\nlisten_http = "127.0.0.1:{http}"\n'
            f'listen_ctl = "127.0.0.1:{ctl}"\n'
        )

    # ── typing ──

    def type(self, line: str) -> None:
        """Type one line, by what it is; wait for its end, or until what stays is ready."""
        self.typed += 1
        line = PORT.sub(lambda found: self._port(found[0]), line)
        words = shlex.split(line, comments=True)
        match words:
            case ["git", "clone", "…", *_]:
                self._ends(line.replace("…", shlex.quote(str(CHECKOUT))))
                assert (self.cwd / "README.md").is_file()
                self.cwd = CHECKOUT
            case ["./scripts/test"]:
                assert os.environ.get("PYTEST_CURRENT_TEST"), "this is the run we are in"
            case ["./scripts/demo"]:
                self._until_interrupted(line, "Ctrl-C ends it", self._tries)
            case ["pip", "install", "."]:
                self._installs(line)
            case ["hab", "pkg", "upload", *_]:
                self._epochs = self._rollouts()
                self._ends(line)
            case ["hab", "svc", "rollout", "status", group]:
                self._until_it_stands(line, group)
            case ["hab", "sup", "run", *options]:
                self._stays(line, options)
            case ["hab", "start", *options] if _option(options, "--override-name") not in (
                *self.staying,
            ):
                self._stays(line, options)
            case _:
                self.printed = said = self._ends(line)
                for name in set(words) & set(self.programs):
                    assert tuple(said.splitlines()) == self.programs[name].prints

    def save(self, program: Program) -> None:
        """Save a program where one stands."""
        self.programs[program.name] = program
        (self.cwd / program.name).write_text(program.text)

    def look(self) -> None:
        """Wait until rings are whole, and groups led: a person sees that before typing on."""
        for names in self.rings.values():
            for name in names:
                eventually(f"{name} sees all of {names}", lambda n=name: self._whole(n), READY_S)
                eventually(f"{name} sees leaders", lambda n=name: self._led(n), READY_S)

    def _ends(self, line: str, **environment: str) -> str:
        """Run a line to its end, which has to be 0; where it stands and what it exports stay."""
        state = self.home / ".state"
        script = f"{line}\ncode=$?\n{{ pwd; env -0; }} > {shlex.quote(str(state))}\nexit $code\n"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_S,
            check=False,
        )
        said = f"$ {line}\n{ran.stdout}{ran.stderr}"
        print(said)  # noqa: T201 - shown when the test fails
        assert ran.returncode == 0, f"exit {ran.returncode}: {said}{self.said()}"
        where, _, rest = state.read_bytes().partition(b"\n")
        self.cwd = Path(os.fsdecode(where))
        pairs = (pair.partition("=") for pair in os.fsdecode(rest).split("\0") if pair)
        self.environment = {name: value for name, _, value in pairs} | {"PATH": self.base["PATH"]}
        for name in environment:
            self.environment.pop(name, None)
        return ran.stdout

    def _until_it_stands(self, line: str, group: str) -> None:
        """Type a question for a rollout again and again until it is over; all that was said."""
        said: list[str] = []

        def stands() -> bool:
            said.append(self._ends(f"{line} 2>&1 > {shlex.quote(str(self.home / 'table'))}"))
            return any(
                name.startswith(f"{group}.") and epoch > self._epochs.get(name, 0) and over
                for name, (epoch, over) in self._rolled().items()
            )

        eventually(f"the rollout of {group} is over", stands, ENDS_S)
        said.append(self._ends(f"{line} 2>&1 > {shlex.quote(str(self.home / 'table'))}"))
        self.printed = "\n".join(said)

    def _rollouts(self) -> dict[str, int]:
        return {name: epoch for name, (epoch, _) in self._rolled().items()}

    def _rolled(self) -> dict[str, tuple[int, bool]]:
        """Group → epoch of its newest rollout, and whether that is over; without a ring, none."""
        seen = self._hab("one", "svc", "rollout", "status") if "one" in self.staying else None
        views = seen["rollouts"] if seen is not None else []
        assert isinstance(views, list)
        found = [(view["service_group"], view.get("rollout")) for view in views]
        return {name: (one["epoch"], one.get("state") == "done") for name, one in found if one}

    def _installs(self, line: str) -> None:
        """Install what is built here beside the environment that runs these tests, not over it."""
        target = self.home / "installed"
        self._ends(line, PIP_TARGET=str(target), PIP_QUIET="1")
        assert "habring" in self._ends(f"{target}/bin/hab --version", PYTHONPATH=str(target))

    def _until_interrupted(self, line: str, said: str, then: Callable[[str], None]) -> None:
        """Run a line until it has said something, do `then`, press Ctrl-C; it has to end with 0."""
        log = self.home / "interrupted.out"
        process = self._start(line, log)
        try:
            eventually(f"{line} says {said}", lambda: said in log.read_text(), ENDS_S)
            then(log.read_text())
        finally:
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(READY_S)
        assert code == 0, log.read_text()

    def _tries(self, said: str) -> None:
        """Type what the demo says to try, all in one other terminal; what stays is left at once."""
        _, _, tries = said.partition("Try, in another terminal:")
        lines = [line.strip() for line in tries.splitlines() if line.startswith("  ")]
        assert len(lines) > 8, said
        typed = (f"timeout 5 {li} || [ $? = 124 ]" if "--follow" in li else li for li in lines)
        script = "\n".join(["set -ex", *typed])
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=self.cwd,
            env=self.base,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ENDS_S,
            check=False,
        )
        assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}"

    # ── what stays ──

    def _stays(self, line: str, options: list[str]) -> None:
        name = _option(options, "--override-name")
        assert name not in self.staying or self.staying[name].poll() is not None
        self.staying[name] = process = self._start(line, self.home / f"{name}.out")

        def answers() -> bool:
            assert process.poll() is None, f"{line} ended\n{self.said()}"
            return self._hab(name, "sup", "status") is not None

        eventually(f"{name} answers", answers, READY_S)
        if "--ring" in options:
            self.rings.setdefault(_option(options, "--ring"), []).append(name)

    def _start(self, line: str, log: Path) -> subprocess.Popen[bytes]:
        """In a terminal of its own, with nothing exported in the first."""
        with log.open("ab") as file:
            return subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.cwd,
                env=self.base,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _whole(self, name: str) -> bool:
        if self.staying[name].poll() is not None:
            return True  # it was told to end
        ring = next(names for names in self.rings.values() if name in names)
        living = [each for each in ring if self.staying[each].poll() is None]
        seen = self._hab(name, "ring", "members")
        if seen is None or not seen["settled"]:
            return False
        return sum(member["health"] == "alive" for member in seen["members"]) == len(living)

    def _led(self, name: str) -> bool:
        if self.staying[name].poll() is not None:
            return True  # it was told to end
        seen = self._hab(name, "election", "list")
        elections = seen["elections"] if seen is not None else None
        return isinstance(elections, list) and all(one["leader"] for one in elections)

    def _hab(self, name: str, *words: str) -> dict[str, object] | None:
        """What `hab WORDS --json` says to a supervisor, if it ends well."""
        done = subprocess.run(
            ["hab", *words, "--json", "--override-name", name],
            env=self.base,
            capture_output=True,
            timeout=READY_S,
            check=False,
        )
        answer: dict[str, object] | None = json.loads(done.stdout) if not done.returncode else None
        return answer

    def _port(self, written: str) -> str:
        if written not in self._ports:
            self._ports[written] = str(free_ports(1)[0])
        return self._ports[written]

    # ── the end ──

    def said(self) -> str:
        """What everything that stays has written."""
        return "\n".join(f"--- {p.name}\n{p.read_text()}" for p in self.home.glob("*.out"))

    def processes(self) -> dict[int, str]:
        """What still runs of all that was started: pid → command line."""
        found = {}
        mark = f"README_UNDER_TEST={self.home}\0".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if mark in (entry / "environ").read_bytes() and alive(int(entry.name)):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(entry.name)] = command.decode()
        return found

    def leave(self) -> Iterator[int]:
        """End by force what is left; its pids."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            yield pid
        deadline = time.monotonic() + READY_S
        for process in self.staying.values():
            process.wait(max(0.1, deadline - time.monotonic()))


def _option(options: list[str], name: str) -> str:
    """The value of an option, as written; the supervisor's name without it is `default`."""
    return options[options.index(name) + 1] if name in options else "default"
