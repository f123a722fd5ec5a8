"""Seeds, ring ids and their quarrels, in whole rings."""

from typing import Any

from actors.messages.ring import SeedsChanged


def test_seeds_that_come_up_late_or_cannot_be_resolved_are_joined_all_the_same(
    ring_world: Any,
) -> None:
    world = ring_world(1)
    own = "10.0.0.5:9638"
    node = world.add(5, seeds=(own, "nowhere:9638", "10.0.0.0:9638"))
    world.run(100)
    assert any(type(event).__name__ == "SeedUnreachable" for _, event in node.events)
    world.add(0)
    assert world.run(30, world.all_alive) <= 8


def test_a_member_that_is_its_own_only_seed_is_fine_and_settled(ring_world: Any) -> None:
    world = ring_world(2)
    node = world.add(0, seeds=("10.0.0.0:9638",))
    world.run(10)
    assert node.ring.settled
    assert world.dials[node.member] == 0


def test_a_seed_is_dialled_no_more_once_its_member_lives(ring_world: Any) -> None:
    world = ring_world(3)
    world.ring(3)
    world.dials.clear()
    world.run(60)
    assert not world.dials
    world.nodes[0].kill()
    world.run(60)
    assert world.dials[world.nodes[1].member] >= 5


def test_changed_seeds_are_dialled_at_once(ring_world: Any) -> None:
    world = ring_world(4)
    world.add(0)
    late = world.add(1, seeds=("10.9.9.9:9638",))
    world.run(30)
    late.hear(SeedsChanged(("10.0.0.0:9638",)))
    assert world.run(30, world.all_alive) <= 1.0


def test_supervisors_started_together_become_one_ring_whoever_meets_first(ring_world: Any) -> None:
    for seed in range(12):
        world = ring_world(seed)
        for number in range(12):
            other = world.random.randrange(12)
            world.add(number, seeds=(f"10.0.0.{(number - 1) % 12}:9638", f"10.0.0.{other}:9638"))
            world.run(world.random.random() / 5)
        world.run(20, world.all_alive)
        world.run(20, world.equal)
        assert len({node.ring_id for node in world.nodes}) == 1
        assert world.confirmations() == []


def two_rings(world: Any) -> tuple[str, str]:
    """Two grown rings of three; the ids of the older and the younger."""
    for number in (0, 1, 2):
        world.add(number, seeds=("10.0.0.0:9638",))
    world.run(400)
    for number in (10, 11, 12):
        world.add(number, seeds=("10.0.0.10:9638",))
    world.run(400)
    return world.nodes[0].ring_id, world.nodes[3].ring_id


def test_two_rings_stay_apart_and_say_so(ring_world: Any) -> None:
    world = ring_world(5)
    older, younger = two_rings(world)
    assert older < younger
    world.nodes[4].hear(SeedsChanged(("10.0.0.1:9638",)))
    world.run(60)
    assert {node.ring_id for node in world.nodes[:3]} == {older}
    assert {node.ring_id for node in world.nodes[3:]} == {younger}
    assert world.nodes[0].sees(world.nodes[4].member) == ""
    assert any(type(event).__name__ == "OtherRingMet" for _, event in world.nodes[4].events)


def test_two_rings_become_one_when_the_operator_says_so(ring_world: Any) -> None:
    for merging in (1, 4):
        world = ring_world(6)
        older, _ = two_rings(world)
        node = world.nodes[merging]
        node.kill()
        other = "10.0.0.11:9638" if merging == 1 else "10.0.0.1:9638"
        node.option = {"seeds": (other,), "merge": True}
        node.start()
        world.run(60, world.all_alive)
        world.run(10, world.equal)
        assert {node.ring_id for node in world.nodes} == {older}


def test_a_reused_address_pulls_nobody_into_a_strangers_ring(ring_world: Any) -> None:
    world = ring_world(7)
    two_rings(world)
    world.nodes[2].kill()
    stranger = world.nodes[5]
    stranger.kill()
    stranger.address = world.nodes[2].address
    stranger.start()
    world.run(120)
    assert world.nodes[0].sees(stranger.member) == ""
    assert world.nodes[0].sees(world.nodes[2].member) == "confirmed"
    assert world.nodes[3].sees(stranger.member) == "alive"


def test_a_permanent_peer_counts_itself_among_the_peers_that_a_majority_is_of(
    ring_world: Any,
) -> None:
    world = ring_world(7)
    world.add(0)
    others = ("10.0.0.0:9638", "10.9.9.9:9638")
    permanent = world.add(1, seeds=others, permanent=True)
    visitor = world.add(2, seeds=others)
    world.run(30, world.all_alive)
    assert permanent.ring.join.footing() == (3, 2)
    assert visitor.ring.join.footing() == (2, 1)
