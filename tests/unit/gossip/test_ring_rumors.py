"""Rumors in whole rings: how they spread, how lost ones are found, how old ones end."""

from math import ceil, log, log2
from typing import Any

import pytest
from msgspec.structs import replace

from actors.gossip.membership import claim_of
from actors.gossip.rumors import encode
from actors.gossip.stamps import KEEP_S, STALE_S
from actors.messages.gossip import News
from actors.messages.ring import (
    MembersChanged,
    PublishRumor,
    RumorsChanged,
    ServiceInfo,
    Subscribe,
    SysInfo,
)


def publish(node: Any, key: str, *, up: bool = True, gone: bool = False, pad: int = 0) -> None:
    sys = SysInfo(hostname="h" * pad)
    info = ServiceInfo(node.member, "redis.default", "core/redis/7", up=up, sys=sys)
    node.hear(PublishRumor("service", key, None if gone else info, gone))


def find(node: Any, key: str) -> Any:
    """The one rumor of that key a member holds, or None."""
    found = [one for one in node.ring.core.rumors.held.values() if one.head.key == key]
    assert len(found) <= 1
    return found[0] if found else None


def holds(world: Any, key: str, *, up: bool | None = True) -> bool:
    """Whether all running members hold the rumor; `up` None: its tombstone."""
    for node in world.up():
        held = find(node, key)
        if held is None:
            return False
        rumor = held.rumor()
        if rumor.gone != (up is None) or (up is not None and rumor.body.up != up):
            return False
    return True


@pytest.mark.parametrize("size", [5, 10, 20, 40])
def test_one_change_reaches_all_soon_and_costs_a_bounded_number_of_bodies(
    ring_world: Any, size: int
) -> None:
    world = ring_world(size)
    world.ring(size)
    world.run(70)
    bodies = 0

    def count(_source: Any, _member: str, message: Any) -> None:
        nonlocal bodies
        bodies += len(getattr(message, "rumors", ()))

    world.watch = count
    publish(world.nodes[1], "a")
    assert world.run(30, lambda: holds(world, "a")) <= 1.0
    world.run(10)
    assert bodies <= size * (ceil(log(size)) + 7)
    assert bodies <= 8 * size * ceil(log2(size))
    assert world.sent["SyncBuckets"] == world.sent["SyncEntries"]


@pytest.mark.parametrize("seed", range(5))
def test_no_news_waits_for_sync_on_a_ring_without_loss(ring_world: Any, seed: int) -> None:
    world = ring_world(seed)
    world.ring(20)
    world.run(10)
    before = world.sent["SyncPush"]
    for number in range(10):
        publish(world.nodes[number], f"k{number}")
        assert world.run(5, lambda key=f"k{number}": holds(world, key)) <= 1.0
    assert world.sent["SyncPush"] == before


def test_a_big_rumor_is_fetched_once_by_each(ring_world: Any) -> None:
    world = ring_world(2)
    world.ring(10)
    world.run(5)
    before = world.bytes
    publish(world.nodes[3], "big", pad=60_000)
    world.run(10, lambda: holds(world, "big"))
    world.run(5)
    assert world.bytes - before < 60_000 * 9 * 2.5
    assert world.largest <= 1_400


def test_different_stores_are_equal_soon_although_every_push_was_lost(ring_world: Any) -> None:
    world = ring_world(3)
    world.ring(10)
    world.run(5)
    deaf = world.nodes[4]
    deaf.pause()
    for number in range(40):
        publish(world.nodes[number % 4], f"k{number}")
    world.run(1.5)
    deaf.held.clear()  # everything sent meanwhile is lost
    deaf.resume()
    assert world.run(30, world.equal) <= 10
    assert all(holds(world, f"k{number}") for number in range(40))


def test_a_black_holed_member_has_everything_it_missed_soon_after(ring_world: Any) -> None:
    world = ring_world(4)
    world.ring(10)
    hole = world.nodes[6].member
    world.cut = lambda a, b: hole in {a, b}
    for number in range(100):
        publish(world.nodes[number % 5], f"k{number}")
        world.run(1)
    world.cut = lambda _a, _b: False
    assert world.run(60, world.equal) <= 2 * ceil(log2(10)) + 4 + 10
    assert all(holds(world, f"k{number}") for number in range(100))


def test_an_idle_ring_is_constant_and_small_traffic(ring_world: Any) -> None:
    world = ring_world(5)
    world.ring(50)
    for number in range(50):
        publish(world.nodes[number], f"k{number}")
    world.run(40)
    world.sent.clear()
    before, stores = world.bytes, [node.ring.core.digest.total for node in world.nodes]
    world.run(20)
    assert set(world.sent) == {"Ping", "Ack"}
    assert world.sent["Ping"] == world.sent["Ack"] == pytest.approx(1000, abs=50)
    assert (world.bytes - before) / 50 / 20 <= 60
    assert [node.ring.core.digest.total for node in world.nodes] == stores


def test_no_pushed_frame_is_larger_than_a_packet(ring_world: Any) -> None:
    world = ring_world(6)
    for _ in range(60):
        world.add(
            seeds=("10.0.0.0:9638",),
            name="n" * 60,
            keys=("20260101000000", "20260201000000"),
        )
    world.run(60, world.all_alive)
    for number in range(60):
        publish(world.nodes[number], f"k{number}", pad=200)
    world.run(30, world.equal)
    assert world.largest <= 1_400


def test_a_restarted_publisher_goes_on_above_what_the_ring_remembers(ring_world: Any) -> None:
    world = ring_world(7)
    world.ring(5)
    node = world.nodes[3]
    for _ in range(5):
        publish(node, "a", up=False)
        publish(node, "a", up=True)
    world.run(10, lambda: holds(world, "a"))
    node.kill()
    node.disk.clear()
    node.start()
    publish(node, "a", up=False)
    world.run(10, lambda: holds(world, "a", up=False))
    publish(node, "a", gone=True)
    world.run(10, lambda: holds(world, "a", up=None))


def test_the_same_publication_again_changes_nothing(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(5)
    publish(world.nodes[3], "a")
    world.run(10, world.equal)
    before = world.nodes[0].ring.core.digest.total
    publish(world.nodes[3], "a")
    world.run(5)
    assert {node.ring.core.digest.total for node in world.nodes} == {before}


def test_a_withdrawn_rumor_is_forgotten_and_old_data_does_not_revive_it(ring_world: Any) -> None:
    world = ring_world(9)
    world.ring(4, period_s=600.0)  # a ring in slow motion: days pass cheaply
    old = world.nodes[3]
    publish(world.nodes[1], "a")
    world.run(6_000, lambda: holds(world, "a"))
    data = find(world.nodes[0], "a").data
    world.run(3_000)
    old.kill()
    publish(world.nodes[1], "a", gone=True)
    world.run(6_000, lambda: holds(world, "a", up=None))
    world.run(KEEP_S + 200)
    assert all(find(node, "a") is None for node in world.up())
    assert world.equal()
    old.start()
    world.run(30_000, world.all_alive)
    world.nodes[0].hear(News((), (data,)), f"{world.nodes[2].member}/gossip")
    world.run(30_000, world.equal)
    assert all(find(node, "a") is None for node in world.up())


def test_owners_renew_their_stamps_so_that_newcomers_believe_them(ring_world: Any) -> None:
    world = ring_world(10)
    world.ring(3, period_s=600.0)
    publish(world.nodes[1], "a")
    world.run(2.5 * STALE_S)
    world.add(seeds=("10.0.0.0:9638",), period_s=600.0)
    world.run(20_000, lambda: world.all_alive() and holds(world, "a"))
    world.run(10_000, world.equal)


def test_a_rumor_from_the_future_is_not_taken(ring_world: Any) -> None:
    world = ring_world(11)
    world.ring(3)
    world.skew[world.nodes[2].member] = 3_600.0
    publish(world.nodes[2], "a")
    world.run(10)
    assert find(world.nodes[0], "a") is None
    world.sent.clear()
    world.run(120)
    assert world.sent["SyncBuckets"] <= 40  # the hopeless exchange is not tried each second
    world.skew.clear()
    publish(world.nodes[2], "a", up=False)
    publish(world.nodes[2], "b")
    world.run(10, lambda: holds(world, "b"))


def test_what_was_withdrawn_under_a_clock_ahead_is_withdrawn_everywhere_in_the_end(
    ring_world: Any,
) -> None:
    world = ring_world(17)
    world.ring(3)
    node = world.nodes[1]
    publish(node, "a")
    world.run(5, lambda: holds(world, "a"))
    world.skew[node.member] = 3600.0
    world.run(1)
    publish(node, "a", gone=True)
    world.run(5)
    world.skew[node.member] = 0.0
    world.run(150, lambda: holds(world, "a", up=None))


def test_a_lone_member_publishing_without_end_stays_bounded(ring_world: Any) -> None:
    world = ring_world(12)
    node = world.add()
    world.run(1)
    for number in range(3_000):
        publish(node, f"k{number % 50}", up=bool(number // 50 % 2))
    assert len(node.ring.core.hot) == 0
    assert len(node.ring.core.rumors) == 50


def test_subscribers_hear_everything_once_the_ring_is_settled_and_then_changes(
    ring_world: Any,
) -> None:
    world = ring_world(13)
    world.ring(4)
    publish(world.nodes[1], "a")
    world.run(5, lambda: holds(world, "a"))
    node = world.add(seeds=("10.0.0.2:9638",))
    node.hear(Subscribe(("service",)), "census")
    assert [m for _, m in node.told if isinstance(m, RumorsChanged)] == []
    world.run(5)
    first = next(m for _, m in node.told if isinstance(m, RumorsChanged))
    assert first.complete
    assert [rumor.key for rumor in first.rumors] == ["a"]
    node.told.clear()
    publish(world.nodes[2], "b")
    world.run(5)
    (change,) = [m for _, m in node.told if isinstance(m, RumorsChanged)]
    assert not change.complete
    assert [rumor.key for rumor in change.rumors] == ["b"]


def test_members_of_one_group_publish_under_one_key_each_its_own(ring_world: Any) -> None:
    world = ring_world(14)
    world.ring(3)
    for node in world.nodes:
        publish(node, "redis.default")
    world.run(10, world.equal)
    assert {len(node.ring.core.rumors) for node in world.nodes} == {3}
    publish(world.nodes[1], "redis.default", gone=True)
    world.run(10, world.equal)
    gone = {
        held.head.owner for held in world.nodes[0].ring.core.rumors.held.values() if held.head.gone
    }
    assert gone == {world.nodes[1].member}


def test_a_fact_of_a_whole_group_exists_once_whoever_publishes_it(ring_world: Any) -> None:
    world = ring_world(15)
    world.ring(3)
    for node in world.nodes:
        info = ServiceInfo(node.member, "redis.default", "core/redis/7")
        node.hear(PublishRumor("config", "redis.default", info))
        world.run(10, world.equal)
    (held,) = world.nodes[0].ring.core.rumors.held.values()
    assert held.head.owner == world.nodes[2].member
    assert held.head.incarnation == 3


@pytest.mark.parametrize("number", [2, (1 << 62) - 2, (1 << 62) - 1])
def test_a_forged_number_of_ones_own_fact_is_outdone(ring_world: Any, number: int) -> None:
    world = ring_world(3)
    world.ring(3)
    publish(world.nodes[0], "a")
    world.run(5, lambda: holds(world, "a"))
    mine = find(world.nodes[0], "a").rumor()
    forged = replace(mine, incarnation=number, body=replace(mine.body, up=False))
    world.nodes[0].hear(News(rumors=(encode(forged),)), f"{world.nodes[1].member}/gossip")
    world.run(1)
    world.run(20, world.equal)
    assert holds(world, "a", up=True)


@pytest.mark.parametrize("jump", [1, 1 << 31, 1 << 40, (1 << 53) - 2_000_000_000])
def test_a_forged_life_of_ones_own_is_refuted_or_refused(ring_world: Any, jump: int) -> None:
    world = ring_world(3)
    world.ring(3)
    accused = world.nodes[0]
    mine = claim_of(accused.ring.core.members.entries[accused.member].now)
    forged = replace(mine, epoch=min(mine.epoch + jump, (1 << 53) - 1), health=2)
    for node in world.nodes:
        node.hear(News((forged,)), f"{world.nodes[1].member}/gossip")
    world.run(60, world.all_alive)
    assert accused.up
    assert accused.ring.core.members.entries[accused.member].member.epoch < 1 << 53


def test_who_subscribes_again_is_told_nothing_new_except_by_a_new_instance(ring_world: Any) -> None:
    world = ring_world(16)
    world.ring(3)
    node = world.nodes[0]
    node.told.clear()
    node.hear(Subscribe(("service",)), "census")
    assert [type(m) for _, m in node.told] == [MembersChanged, RumorsChanged]
    node.told.clear()
    node.hear(Subscribe(("service",), again=True), "census")
    assert node.told == []
    node.kill()
    node.start()
    world.run(10)
    node.told.clear()
    node.hear(Subscribe(("service",), again=True), "census")
    assert [type(m) for _, m in node.told] == [MembersChanged, RumorsChanged]
