"""One supervisor machine under test, from outside: `hab sup run` as a process of its own.

Everything of it lies below one root and listens on loopback. Verbs are run as the command line a
person would type; what is asked often is asked over the same control gateway in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from actors.adapters.control_client import ControlClient
from actors.adapters.package_store import running_target
from actors.errors import HabError
from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, SupervisorInfo
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.runtime import ActorInfo, ActorList, KillActor, ListActors, Ok
from actors.messages.service import QueryServices, Services, ServiceStatus
from actors.node.options import StateLayout

HAB = str(Path(sys.executable).parent / "hab")
ROOT = os.geteuid() == 0
ANSWER_S = 10.0
Answer = TypeVar("Answer", bound=Message)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def eventually(
    what: str | Callable[[], str], ask: Callable[[], Found], within_s: float = 15.0
) -> Found:
    """Wait for `ask` to be true; returns what it said. `what` may say how it stands in the end."""
    deadline = time.monotonic() + within_s
    while not (value := ask()):
        late = time.monotonic() >= deadline
        assert not late, f"not within {within_s} s: {what if isinstance(what, str) else what()}"
        time.sleep(0.02)
    return value


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def free_ports(count: int) -> list[int]:
    """Ports that are free on loopback now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Machine:
    """One root of all state, and the supervisor called `name` on it."""

    def __init__(self, root: Path, name: str = "default", as_user: tuple[str, ...] = ()) -> None:
        self.root = root
        self.layout = StateLayout(root, name)
        self.as_user = as_user  # a command that runs another as somebody else
        self.gossip, self.http, self.ctl = free_ports(3)
        self.listen_http = f"127.0.0.1:{self.http}"
        self.launcher: subprocess.Popen[bytes] | None = None
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HAB_") and k != "FS_ROOT"}
        self.environment = {**kept, "HAB_ROOT": str(root), "NO_COLOR": "1", "HOME": str(root)}
        self.mark = f"MACHINE_UNDER_TEST={root}:{name}"  # in the environment of all that is started
        self.environment.update([self.mark.split("=")])
        if name == "default":
            self.environment["HAB_LISTEN_CTL"] = f"127.0.0.1:{self.ctl}"
        else:
            self.environment["HAB_OVERRIDE_NAME"] = name
        root.mkdir(parents=True, exist_ok=True)
        self.log = root / f"{name}.out"

    # ── processes ──

    def start(
        self,
        *words: str,
        verb: tuple[str, ...] = ("sup", "run"),
        ready: bool = True,
        terminal: int = -1,
    ) -> None:
        """Start `hab sup run` in a session of its own; wait until it answers.

        It writes to `self.log`, or to the descriptor `terminal`.
        """
        ports = [f"--listen-gossip=127.0.0.1:{self.gossip}", f"--listen-http={self.listen_http}"]
        with self.log.open("ab") as log:
            self.launcher = subprocess.Popen(
                [*self.as_user, HAB, *verb, *ports, *words],
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log if terminal < 0 else terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if ready:
            self.ready()

    def ready(self, within_s: float = 60.0) -> SupervisorInfo:
        """Wait until the supervisor answers."""
        said = f"the supervisor answers\n{self.said()}"
        return eventually(said, lambda: self.info() or self._alive(), within_s)

    def _alive(self) -> None:
        assert self.launcher is not None
        assert self.launcher.poll() is None, f"hab sup run ended\n{self.said()}"

    def wait(self, within_s: float = 30.0) -> int:
        """Wait for `hab sup run` to end; its exit code."""
        assert self.launcher is not None
        return self.launcher.wait(within_s)

    def said(self) -> str:
        """What the launcher, the supervisor and the services have written so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def processes(self) -> dict[int, str]:
        """Every live process that this machine's supervisor started: pid → command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                environment = (entry / "environ").read_bytes()
                if f"{self.mark}\0".encode() in environment and alive(pid):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[pid] = command
        return found

    def end(self) -> None:
        """End it as an operator would, then by force; raises if the first was not enough."""
        if self.launcher is None:
            return
        if self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGCONT)
            self.hab("sup", "term", check=False)
        try:
            self.launcher.wait(5)
        except subprocess.TimeoutExpired:
            self.launcher.kill()
            self.launcher.wait()
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"processes were left behind: {left}\n{self.said()}"

    # ── the command line ──

    def hab(
        self, *words: str, check: bool = True, timeout_s: float = 60.0, **environment: str
    ) -> Done:
        """Run `hab WORDS`; with `check` it has to end with 0."""
        ran = subprocess.run(
            [*self.as_user, HAB, *words],
            env={**self.environment, **environment},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        done = Done(ran.returncode, ran.stdout, ran.stderr)
        assert not check or done.code == 0, f"hab {' '.join(words)}: {done}\n{self.said()}"
        return done

    # ── the same gateway, asked from this process ──

    def stream(self, message: Message, timeout_s: float = ANSWER_S) -> Iterator[Message]:
        """Ask, and hear each answer."""
        address = self.layout.control_socket if self.layout.name != "default" else None
        endpoint = f"ipc://{address}" if address else f"tcp://127.0.0.1:{self.ctl}"
        secret = self.layout.secret.read_text(errors="replace").strip()
        with ControlClient(endpoint, secret, connect_timeout_s=2.0) as client:
            yield from client.request(message, timeout_s=timeout_s)

    def ask(self, message: Message, kind: type[Answer], timeout_s: float = ANSWER_S) -> Answer:
        """Ask for the first answer of a kind."""
        for answer in self.stream(message, timeout_s):
            if isinstance(answer, kind):
                return answer
        raise AssertionError(f"no {kind.__name__} for {message}")

    def info(self) -> SupervisorInfo | None:
        """Who the supervisor says it is; None while it does not answer."""
        try:
            return self.ask(QuerySupervisor(), SupervisorInfo, 3.0)
        except (HabError, OSError):
            return None

    def supervisor(self) -> int:
        """The pid of the supervisor process, once it answers."""
        return self.ready().supervisor_pid

    def services(self) -> dict[str, ServiceStatus]:
        """Status of all services, by name."""
        found = self.ask(QueryServices(), Services).services
        return {status.spec.service: status for status in found}

    def stage(self, service: str) -> str:
        """The stage of a service; empty while it is not loaded."""
        status = self.services().get(service)
        return status.stage if status else ""

    def up(self, service: str, within_s: float = 15.0) -> int:
        """Wait until a service is up; its pid."""

        def find() -> int | None:
            status = self.services().get(service)
            return status.pid if status and status.stage == "up" else None

        return eventually(f"{service} is up\n{self.said()}", find, within_s) or 0

    def actors(self) -> dict[str, ActorInfo]:
        """Every actor, by name."""
        return {info.name: info for info in self.ask(ListActors(), ActorList).actors}

    def kill_actor(self, name: str) -> str:
        """Kill an actor; the id of the event of the request, if the answer tells."""
        return self.ask(KillActor(name), Ok).event_id

    def events(self, kind: str = "*", actor: str = "*") -> list[EventRecord]:
        """All events that match, oldest first."""
        found: list[EventRecord] = []
        page = EventPage(more=True)
        while page.more:
            after = found[-1].id if found else ""
            query = QueryEvents(actor=actor, kind=kind, after=after)
            page = self.ask(query, EventPage)
            found += page.events
        return found

    # ── packages ──

    def package(
        self,
        ident: str,
        run: str = "exec sleep 1000",
        hooks: dict[str, str] | None = None,
        **meta: str,
    ) -> Path:
        """Put a package into the store: `run` and `hooks` are shell, `meta` metafiles."""
        full = ident if ident.count("/") == 3 else f"{ident}/1.0.0/20260101000000"
        path = self.root / "pkgs" / full
        (path / "hooks").mkdir(parents=True)
        for name, text in {"IDENT": full, "TARGET": running_target(), **meta}.items():
            (path / name).write_text(f"{text}\n")
        for name, text in {"run": run, **(hooks or {})}.items():
            hook = path / "hooks" / name
            hook.write_text(f"#!/bin/sh\n{text}\n")
            hook.chmod(0o755)
        return path

    def spec(self, service: str, **fields: object) -> Path:
        """Drop a spec in by hand; of a plain command unless `fields` say otherwise."""
        given = fields or {"name": service, "cmd": ["sleep", "1000"]}
        lines = (f"{key} = {json.dumps(value)}" for key, value in given.items())
        path = self.layout.specs / f"{service}.spec"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path
