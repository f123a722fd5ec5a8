"""Real PostgreSQL streaming replication over three supervisors: no acknowledged commit is lost.

A commit counts as acknowledged when the client's COMMIT has returned. Run by hand, because it
takes minutes: `LEADERSHIP_ROUNDS=10 pytest -m slow -s` and this file, see `failover_story`. The
servers run as an ordinary account, which the plan chooses where the supervisors are root's.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from failover_story import failovers, hand_overs
from postgresql_group import PostgresqlGroup
from ring_rig import Ring


@pytest.fixture
def group() -> Iterator[PostgresqlGroup]:
    """Below a root that the servers' account can enter; sockets need it short."""
    root = Path(tempfile.mkdtemp(prefix="habring-pg-"))
    root.chmod(0o755)
    ring = Ring(root)
    try:
        made = PostgresqlGroup(ring)
        made.make_table()
        yield made
    finally:
        ring.close()
        shutil.rmtree(root)


@pytest.mark.slow
def test_no_acknowledged_commit_is_lost_when_leaders_die_or_freeze(
    group: PostgresqlGroup, say: Callable[[str], None]
) -> None:
    failovers(group, say)


@pytest.mark.slow
def test_the_lead_is_handed_over_to_whoever_is_named_while_commits_go_on(
    group: PostgresqlGroup, say: Callable[[str], None]
) -> None:
    hand_overs(group, say)
