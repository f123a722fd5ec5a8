"""A ring of three permanent peers on loopback, driven by the `hab` command, for the demo.

Everything lies below one temporary root and goes with it. Each peer is a launcher, a supervisor
and its own `--override-name`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
HAB = str(BIN / "hab")
PEERS = ("alpha", "beta", "gamma")
READY_S = 30.0  # for the slowest thing that is waited for


class DemoFailedError(Exception):
    """Something that must hold did not, within its time."""


@dataclass(frozen=True)
class Peer:
    """One supervisor of the demo: its name and its ports on loopback."""

    name: str
    gossip: int
    http: int


class Ring:
    """The ring and the commands to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ports = free_ports(2 * len(PEERS))
        self.peers = [Peer(n, ports[2 * i], ports[2 * i + 1]) for i, n in enumerate(PEERS)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HAB_") and k != "FS_ROOT"}
        self.environment = {**kept, "HAB_ROOT": str(root), "NO_COLOR": "1"}
        self.launchers: dict[str, subprocess.Popen[bytes]] = {}

    # ── the command line ──

    def hab(self, *words: str, peer: str = "", typed: str = "", check: bool = True) -> str:
        """Run `hab WORDS` against a peer, `typed` on standard input; its standard output."""
        name = ["--override-name", peer] if peer else []
        done = subprocess.run(
            [HAB, *words, *name],
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode != 0:
            raise DemoFailedError(f"hab {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def ask(self, *words: str, peer: str) -> dict[str, Any]:
        """Run `hab WORDS --json` against a peer."""
        answer: dict[str, Any] = json.loads(self.hab(*words, "--json", peer=peer))
        return answer

    def shown(self, *words: str, peer: str = "", typed: str = "") -> None:
        """Run a command and show it as a person would type it."""
        name = f" --override-name {peer}" if peer else ""
        echo = f"echo '{typed}' | " if typed else ""
        print(f"\n$ {echo}hab {' '.join(words)}{name}")
        print(self.hab(*words, peer=peer, typed=typed).rstrip(), flush=True)

    # ── the ring ──

    def start(self) -> None:
        """Generate the ring key, start the peers, wait until each sees all alive."""
        self.hab("ring", "key", "generate", "demo")
        for peer in self.peers:
            self.run_peer(peer)
        for peer in self.peers:
            wait_for(f"{peer.name} sees the whole ring", lambda p=peer: self.is_whole(p.name))

    def run_peer(self, peer: Peer) -> None:
        """Start one launcher with its supervisor, as a permanent peer."""
        words = [HAB, "sup", "run", "--override-name", peer.name, "--permanent-peer"]
        words += ["--ring", "demo", "--listen-gossip", f"127.0.0.1:{peer.gossip}"]
        words += ["--listen-http", f"127.0.0.1:{peer.http}", "--sys-ip-address", "127.0.0.1"]
        for other in self.peers:
            if other is not peer:
                words += ["--peer", f"127.0.0.1:{other.gossip}"]
        with (self.root / f"{peer.name}.log").open("ab") as log:
            self.launchers[peer.name] = subprocess.Popen(
                words,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to handle
            )

    def is_whole(self, peer: str) -> bool:
        """Whether `peer` sees every member alive."""
        try:
            members = self.ask("ring", "members", peer=peer)["members"]
        except (DemoFailedError, json.JSONDecodeError):
            return False
        return sum(m["health"] == "alive" for m in members) == len(PEERS)

    def stop(self) -> None:
        """End every peer in order, then by force what is left of the launchers."""
        for name, launcher in self.launchers.items():
            if launcher.poll() is None:
                self.hab("sup", "term", peer=name, check=False)
        for launcher in self.launchers.values():
            try:
                launcher.wait(timeout=READY_S)
            except subprocess.TimeoutExpired:
                launcher.kill()
                launcher.wait()

    # ── what is true ──

    def pid(self, service: str, peer: str) -> int | None:
        """The pid of a service that is up."""
        for found in self.ask("svc", "status", peer=peer)["services"]:
            if found["name"] == service and found["state"] == "up":
                pid: int = found["pid"]
                return pid
        return None

    def processes(self) -> dict[int, str]:
        """Every live process whose environment names the demo's root: pid → command line."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    environment = (entry / "environ").read_bytes()
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if f"HAB_ROOT={self.root}\0".encode() in environment and command:
                    found[int(entry.name)] = command
        return found


def expect(holds: bool, otherwise: str) -> None:
    """Fail in words."""
    if not holds:
        raise DemoFailedError(otherwise)


def wait_for(what: str, holds: Callable[[], bool]) -> None:
    """Ask until it holds, at most READY_S."""
    deadline = time.monotonic() + READY_S
    while not holds():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"within {READY_S:.0f} s it did not come true that {what}")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports that are free on loopback now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def ended(ring: Ring) -> Iterator[None]:
    """Whatever happens to a ring, nothing of it is left afterwards, its root included."""
    try:
        yield
    except DemoFailedError:
        for log in sorted(ring.root.glob("*.log")):
            print(f"\n--- last lines of {log.name}", file=sys.stderr)
            print("\n".join(log.read_text().splitlines()[-15:]), file=sys.stderr)
        raise
    finally:
        ring.stop()
        left = ring.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(ring.root)
        if left:
            raise DemoFailedError(f"processes were left behind: {left}")
