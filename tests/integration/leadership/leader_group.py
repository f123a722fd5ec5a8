"""A database with a leader on three machines: a plan of the demo, with its server from PyPI."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acknowledged_writes import Client
from ring_rig import Ring
from supervisor_rig import Machine, eventually, free_ports

from actors.errors import HabError
from actors.messages.election_orders import Elections, ElectionView, QueryElections

CHECKOUT = Path(__file__).parents[3]
HEALTHY_S = 90.0  # the slowest way back: launcher, supervisor, database and its resynchronisation


def fetched(program: Path, dependencies: str) -> None:
    """Have pip fetch a group of dependencies, if it has not yet brought a program."""
    if not program.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--group", dependencies], cwd=CHECKOUT, check=True, timeout=300)


class LeaderGroup(ABC):
    """The group, each member on a machine of its own, and what is done to its leader.

    `secret` is where the plan finds the server's programs, `settings` what is the same for all.
    """

    def __init__(
        self, ring: Ring, service: str, secret: dict[str, str], *loaded: str, settings: str = ""
    ) -> None:
        self.service, self.group, self.secret = service, f"{service}.acme", secret
        self.machines = ring.start(3, key="acme")
        self.ids = {machine.ready().member_id: machine for machine in self.machines}
        self.ports = free_ports(3)
        self.machines[0].hab("origin", "key", "generate", "demo")
        self.publish(CHECKOUT / "scripts" / "demo_plans" / service)
        for machine, port in zip(self.machines, self.ports, strict=True):
            file = machine.layout.user_config(service)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"port = {port}\n{settings}")
            depot = f"file://{self.machines[0].root}/depot"
            words = ("--topology=leader", "--group=acme", "-i", "2", f"--url={depot}", "--no-wait")
            machine.hab("svc", "load", f"demo/{service}", *words, *loaded)

    @abstractmethod
    def replicates(self, term: int) -> bool:
        """Whether one server leads in a term, and the others have all it has."""

    @abstractmethod
    def connect(self, port: int) -> Client:
        """A client that writes to the server at a port."""

    @abstractmethod
    def found(self, port: int, numbers: list[int]) -> set[int]:
        """Which of the writes the server at a port has."""

    def publish(self, plan: Path) -> str:
        """Build a release and promote it in the depot of the first machine; its ident."""
        first = self.machines[0]
        first.hab(
            "pkg", "build", str(plan), timeout_s=300, HAB_HART_COMPRESSION_LEVEL="0", **self.secret
        )
        results = first.root / "results"
        lines = (results / "last_build.env").read_text().splitlines()
        built = {key: shlex.split(value)[0] for key, _, value in (x.partition("=") for x in lines)}
        hart = str(results / built["pkg_artifact"])
        first.hab("pkg", "upload", hart, "--channel", "stable")
        return built["pkg_ident"]

    # ── what is true ──

    def port(self, machine: Machine) -> int:
        return self.ports[self.machines.index(machine)]

    def view(self, machine: Machine) -> ElectionView | None:
        """The election as a member sees it; None while it does not answer."""
        try:
            found = machine.ask(QueryElections(self.group), Elections, 3.0).elections
        except (HabError, OSError):
            return None
        return next((view for view in found if view.kind == "topology"), None)

    def leader(self) -> tuple[Machine, int] | None:
        """Who holds a lease now, by its own word, and in which term."""
        for machine in self.machines:
            view = self.view(machine)
            if view is not None and view.role == "leader" and view.lease_s > 0:
                return machine, view.term
        return None

    def is_whole(self) -> bool:
        """Whether one server leads, all are up and healthy, and the others have all it has."""
        leader = self.leader()
        if leader is None or not self.replicates(leader[1]):
            return False
        for machine in self.machines:
            try:
                service = machine.services().get(self.service)
            except (HabError, OSError):
                return False
            if service is None or (service.stage, service.health) != ("up", "ok"):
                return False
        return True

    def whole(self) -> tuple[Machine, int]:
        """Wait until it is whole; the leader, and its term."""
        eventually(f"the group is whole{self.told()}", self.is_whole, HEALTHY_S)
        leader = self.leader()
        assert leader is not None
        return leader

    def told(self) -> str:
        """What everybody says, for a failure's text."""
        return "".join(f"\n--- {machine.root.name}\n{machine.said()}" for machine in self.machines)

    # ── faults of the leader's machine: each is a context that ends with all in order ──

    @contextmanager
    def fault(self, kind: str, machine: Machine) -> Iterator[None]:
        """Do it now; what has to be mended is mended at the end."""
        match kind:
            case "supervisor":
                os.kill(machine.supervisor(), signal.SIGKILL)
                yield
            case "service":
                os.kill(machine.services()[self.service].pid or 0, signal.SIGKILL)
                yield
            case "launcher":
                assert machine.launcher is not None
                machine.launcher.kill()
                machine.launcher.wait()
                yield
                eventually("its supervisor has ended", lambda: self._is_down(machine), 30)
                machine.start("--permanent-peer", *self._peers(), "--ring", "acme")
            case "freeze":
                assert machine.launcher is not None
                frozen = stop_all(machine.launcher.pid)
                try:
                    yield
                finally:
                    for pid in frozen:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGCONT)
            case _:
                raise AssertionError(kind)

    def _is_down(self, machine: Machine) -> bool:
        return not any("actors.adapters.supervisor" in c for c in machine.processes().values())

    def _peers(self) -> list[str]:
        return [f"--peer=127.0.0.1:{machine.gossip}" for machine in self.machines]


def stop_all(root: int) -> list[int]:
    """Stop a process and all below it, the parents first, so that none is added; their pids."""
    stopped = [root]
    os.kill(root, signal.SIGSTOP)
    for parent in stopped:  # it grows while we go
        for child in children(parent):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP)
                stopped.append(child)
    return stopped


def children(parent: int) -> list[int]:
    """The children of a process. (By its environment Redis is not found: it writes over that.)"""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(pid)
    return found
