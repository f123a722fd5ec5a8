"""A Redis with a leader rolls while a writer writes: nothing acknowledged is lost, one at a time.

The leader hands over before its turn, which is the last. A write counts as acknowledged when
`WAIT 1` says that another member has it. By hand, as it takes minutes:
`pytest -m slow -s tests/integration/rollout`.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from acknowledged_writes import Writer
from members_down import Watch
from redis_client import Redis, RedisSaysError
from redis_group import CHECKOUT, RedisGroup
from ring_rig import Ring
from rolling_group import RollingGroup

PLAN = CHECKOUT / "scripts" / "demo_plans" / "redis"
ROLLING = ("--strategy=rolling", "--update-condition=track-channel", "--on-failure=rollback")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisGroup]:
    ring = Ring(tmp_path)
    try:
        yield RedisGroup(ring, *ROLLING, "--health-grace=3")
    finally:
        ring.close()


def answers(port: int) -> bool:
    """Whether a Redis answers, in whatever role."""
    try:
        with Redis(port, 10.0) as client:
            return client.ask("PING") == "PONG"
    except (OSError, RedisSaysError):
        return False


def watch(redis: RedisGroup) -> Watch:
    """Ask all members, each by itself."""
    return Watch({m.root.name: partial(answers, redis.port(m)) for m in redis.machines})


def broken(root: Path) -> Path:
    """The plan, with a server that ends at once."""
    plan = root / "broken"
    shutil.copytree(PLAN, plan)
    (plan / "hooks" / "run").write_text("#!/bin/sh\nexit 3\n")
    return plan


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_in_a_rollout_a_bad_release_and_a_demotion(
    redis: RedisGroup, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: object) -> None:
        with capsys.disabled():
            print(*words)  # noqa: T201 - what this is run for

    group = RollingGroup(redis.machines, "redis.acme")
    redis.whole()
    (old,) = group.packages()
    writer = Writer(redis.ports, redis.connect)
    writer.start()
    try:
        with watch(redis) as seen:
            leader, _ = redis.whole()
            began, since = time.time(), time.monotonic()
            new = redis.publish(PLAN)
            assert group.rolled(1).target == new
            redis.whole()
            assert group.runs(new)
            given = group.never_two_down(seen, began)
            assert [turn.member for turn in given][2:] == [leader.root.name]
            gap_s = writer.longest_gap_s(since)
            say(f"\nrolled in {time.time() - began:.0f} s, {gap_s:.1f} s without a write:", *given)

            began, since, epoch = time.time(), time.monotonic(), group.epoch() + 2
            bad = redis.publish(broken(tmp_path))
            back = group.rolled(epoch)
            assert back.returns
            assert back.refused == (bad,)
            redis.whole()
            assert group.runs(new)
            given = group.never_two_down(seen, began)
            assert len({turn.member for turn in given}) == 1
            gap_s = writer.longest_gap_s(since)
            say(f"bad: back in {time.time() - began:.0f} s, {gap_s:.1f} s without a write:", *given)

            leader, _ = redis.whole()
            began, since, epoch = time.time(), time.monotonic(), group.epoch() + 1
            for ident in (bad, new):
                redis.machines[0].hab("pkg", "demote", ident, "stable")
            assert group.rolled(epoch).target == old
            last, _ = redis.whole()
            assert group.runs(old)
            given = group.never_two_down(seen, began)
            assert [turn.member for turn in given][2:] == [leader.root.name]
            gap_s = writer.longest_gap_s(since)
            say(f"demoted: {time.time() - began:.0f} s, {gap_s:.1f} s without a write:", *given)
    finally:
        writer.end()
    acknowledged = writer.written.numbers()
    lost = set(acknowledged) - redis.found(redis.port(last), acknowledged)
    taken = writer.written.taken
    gone = len(taken) - len(redis.found(redis.port(last), taken))
    say(f"{writer}; {len(lost)} acknowledged lost, {gone} taken lost; down:", *seen.down)
    assert lost == set()


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_the_conductor_dies_in_a_rollout(
    redis: RedisGroup, capsys: pytest.CaptureFixture[str]
) -> None:
    group = RollingGroup(redis.machines, "redis.acme")
    redis.whole()
    writer = Writer(redis.ports, redis.connect)
    writer.start()
    try:
        with watch(redis) as seen:
            group.conducts()
            began, since = time.time(), time.monotonic()
            new = redis.publish(PLAN)
            mine = group.taking("draining")
            conducts = group.conducts()
            os.kill(conducts.supervisor(), signal.SIGKILL)
            assert group.rolled(1).target == new
            last, _ = redis.whole()
            assert group.runs(new)
            gap_s = writer.longest_gap_s(since)
    finally:
        writer.end()
    given = group.never_two_down(seen, began)
    acknowledged = writer.written.numbers()
    lost = set(acknowledged) - redis.found(redis.port(last), acknowledged)
    whose = "its own" if mine is conducts else "another's"
    with capsys.disabled():
        print(  # noqa: T201 - what this is run for
            f"\nconductor killed in {whose} turn: {gap_s:.1f} s without a write; {writer}; "
            f"{len(lost)} acknowledged lost; turns",
            *given,
        )
    assert lost == set()
