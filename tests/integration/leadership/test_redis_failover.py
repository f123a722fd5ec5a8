"""Real Redis replication over three supervisors: what was acknowledged is never lost.

A write counts as acknowledged when `WAIT 1` says that another member has it. The rounds of faults
are run by hand, because they take minutes: `pytest -m slow -s`, see `failover_story`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from failover_story import failovers, hand_overs
from redis_group import RedisGroup
from ring_rig import Ring


@pytest.fixture
def group(tmp_path: Path) -> Iterator[RedisGroup]:
    ring = Ring(tmp_path)
    try:
        yield RedisGroup(ring)
    finally:
        ring.close()


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_leaders_die_or_freeze(
    group: RedisGroup, say: Callable[[str], None]
) -> None:
    failovers(group, say)


def test_the_lead_is_handed_over_to_whoever_is_named_while_a_writer_writes(
    group: RedisGroup, say: Callable[[str], None]
) -> None:
    hand_overs(group, say)
