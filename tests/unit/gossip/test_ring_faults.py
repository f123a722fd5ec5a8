"""Loss, impaired members and broken disks; plain SWIM is the control that must fail."""

from typing import Any

import pytest

from actors.gossip.depart import LEAVE_S
from actors.gossip.persistence import Ledger, read_ledger
from actors.messages.gossip import LeaveForGood, News
from actors.messages.ring import DepartMember, LeaveRing, Members, QueryMembers, SelfDeparted
from actors.messages.runtime import CallFailed, Ok


def test_a_quarter_of_all_frames_lost_kills_nobody_and_stays_cheap(ring_world: Any) -> None:
    world = ring_world(1)
    world.ring(40)
    world.run(10)
    world.loss = 0.25
    before = world.bytes
    world.run(40)
    assert world.confirmations() == []
    assert (world.bytes - before) / 40 / 40 <= 1_500


def test_a_dead_member_is_found_although_a_tenth_of_all_frames_is_lost(ring_world: Any) -> None:
    world = ring_world(2)
    world.ring(20)
    world.loss = 0.1
    world.nodes[9].kill()
    world.run(20, lambda: world.all_see(world.nodes[9].member, "confirmed"))
    world.run(20)
    assert {of for _, _, of in world.confirmations()} == {world.nodes[9].member}


def healthy_deaths(world: Any, *, lifeguard: bool) -> tuple[int, int]:
    """Deaths declared of running members in 30 s, by anybody and by the unimpaired."""
    world.ring(20, lifeguard=lifeguard)
    impaired = {node.member for node in world.nodes[3:6]}
    world.lossy = dict.fromkeys(impaired, 0.8)
    world.run(30)
    deaths = world.confirmations()
    return len(deaths), sum(of not in impaired and by not in impaired for _, by, of in deaths)


def test_members_with_bad_links_do_not_kill_the_healthy_with_lifeguard(ring_world: Any) -> None:
    plain = healthy_deaths(ring_world(3), lifeguard=False)
    guarded = healthy_deaths(ring_world(3), lifeguard=True)
    assert guarded[1] == 0
    assert guarded[0] <= 2
    assert plain[0] > 10  # the control: this test can tell


def test_a_flapping_member_is_declared_dead_ever_more_rarely(ring_world: Any) -> None:
    world = ring_world(4)
    world.ring(12)
    stalled = world.nodes[8]
    for _ in range(17):
        stalled.pause()
        world.run(16)
        stalled.resume()
        world.run(1)
    at_one = [by for _, by, of in world.confirmations() if of == stalled.member]
    assert max(at_one.count(by) for by in set(at_one)) <= 4
    assert {of for _, _, of in world.confirmations()} == {stalled.member}


@pytest.mark.parametrize("damage", ["torn", "empty", "flipped", "gone", "foreign"])
@pytest.mark.parametrize("path", ["INCARNATION", "ring.dat", "RING_ID"])
def test_a_damaged_file_prevents_no_start(ring_world: Any, path: str, damage: str) -> None:
    world = ring_world(5)
    world.ring(5)
    world.run(40)
    node = world.nodes[2]
    node.kill()
    data = node.disk[path]
    if damage == "gone":
        del node.disk[path]
    else:
        node.disk[path] = {
            "torn": data[: len(data) // 2],
            "empty": b"",
            "flipped": bytes([data[0] ^ 0x40]) + data[1:],
            "foreign": b"\x95\x01\x02\x03\x04\x05",
        }[damage]
    node.start()
    assert world.run(30, world.all_alive) <= 12


def test_the_incarnation_never_decreases_whatever_write_was_cut(ring_world: Any) -> None:
    world = ring_world(6)
    world.ring(3)
    node = world.nodes[1]
    announced = 0
    for life in range(6):
        world.run(3)
        for _ in range(life * 9):
            node.ring.identity.change({})
            node.perform(node.ring.core.finish())
            announced = max(announced, node.ring.identity.record.incarnation)
        stored = read_ledger(node.disk["INCARNATION"])
        assert isinstance(stored, Ledger)
        assert stored.ceiling >= announced  # what is on disk is never behind what was told
        node.kill()
        node.start()
        world.run(2)
        assert node.ring.identity.record.incarnation > announced
    world.run(10, world.all_alive)


def test_nothing_is_announced_while_the_disk_refuses_the_incarnation(ring_world: Any) -> None:
    world = ring_world(7)
    world.ring(3)
    node = world.nodes[1]
    node.kill()
    node.broken_disk = True
    world.sent.clear()
    world.to.clear()
    node.start()
    world.run(5)
    assert not any(source == node.member for source, _, _ in world.to)
    node.broken_disk = False
    assert world.run(20, world.all_alive) <= 12


@pytest.mark.parametrize("size", [3, 10, 50])
def test_a_goodbye_takes_a_member_out_of_probing_and_not_out_of_the_ring(
    ring_world: Any, size: int
) -> None:
    world = ring_world(size)
    world.ring(size)
    gone = world.nodes[size - 1]
    gone.hear(LeaveRing())
    assert gone.replies == [Ok("said goodbye")]
    gone.kill()
    assert world.run(10, lambda: world.all_see(gone.member, "confirmed")) <= 2.0
    world.run(1)
    world.to.clear()
    world.run(30)
    assert not any(member == gone.member for _, member, _ in world.to)
    gone.start()
    assert world.run(20, world.all_alive) <= 12
    assert not world.nodes[0].ring.core.members.get(gone.member).member.left


def test_a_departed_member_ends_and_hears_nothing_more(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(10)
    gone = world.nodes[4]
    world.nodes[2].hear(DepartMember(gone.member[:6]), "control", ("control", "1"))
    took = world.run(20, lambda: world.all_see(gone.member, "departed"))
    assert took <= 12
    assert world.nodes[2].replies == [Ok(f"{gone.member} departed")]
    assert ("node", SelfDeparted(by=gone.member, why="departed")) in gone.told
    gone.kill()
    world.run(2)
    world.to.clear()
    world.run(40)
    assert not any(member == gone.member for _, member, _ in world.to)
    gone.disk.clear()
    gone.start()
    world.run(2, lambda: gone.ring.phase == "ended")
    gone.kill()
    world.add(99, seeds=("10.0.0.0:9638",))
    world.run(20, world.equal)


def test_who_is_heard_by_others_departs_only_by_force(ring_world: Any) -> None:
    world = ring_world(9)
    world.ring(6)
    asker, other = world.nodes[1], world.nodes[4]
    pair = {asker.member, other.member}
    world.cut = lambda a, b: {a, b} == pair
    asker.hear(DepartMember(other.member), "control", ("control", "1"))
    world.run(5)
    (answer,) = asker.replies
    assert isinstance(answer, CallFailed)
    assert answer.code == "refused"
    assert world.nodes[2].member[:8] in answer.text
    asker.hear(DepartMember(other.member, force=True), "control", ("control", "2"))
    world.run(10, lambda: world.all_see(other.member, "departed"))


@pytest.mark.parametrize("alone", [False, True])
def test_who_has_just_started_finds_out_before_it_answers(ring_world: Any, alone: bool) -> None:
    """Its connections take a second to open: to the one to go, or to everybody."""
    world = ring_world(13)
    world.ring(6)
    asker, other = world.nodes[1], world.nodes[4]
    closed = {node.member for node in world.nodes} if alone else {other.member}
    world.cut = lambda a, b: asker.member in (a, b) and bool({a, b} & (closed - {asker.member}))
    asker.hear(DepartMember(other.member), "control", ("control", "1"))
    world.run(0.9)
    assert asker.replies == []
    world.cut = lambda _a, _b: False
    world.run(1.5, lambda: bool(asker.replies))
    assert asker.replies == [Ok(f"{other.member} departed")]
    assert ("node", SelfDeparted(by=other.member, why="departed")) in other.told


def test_who_is_told_to_go_and_does_not_is_out_all_the_same(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(5)
    asker, other = world.nodes[1], world.nodes[4]
    other.stays = True
    asker.hear(DepartMember(other.member), "control", ("control", "1"))
    world.run(LEAVE_S - 1)
    assert asker.replies == []
    assert not world.all_see(other.member, "departed")
    world.run(3, lambda: bool(asker.replies))
    assert asker.replies == [Ok(f"{other.member} departed")]
    world.run(10, lambda: ("node", SelfDeparted(why="departed")) in other.told)


def test_a_word_to_leave_that_was_meant_for_another_life_is_not_heard(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(3)
    one, other = world.nodes[0], world.nodes[1]
    epoch = other.ring.core.members.get(other.member).member.epoch
    other.hear(LeaveForGood(epoch + 1), f"{one.member}/gossip")
    world.run(2)
    assert not [told for _, told in other.told if isinstance(told, SelfDeparted)]
    other.hear(LeaveForGood(epoch), f"{one.member}/gossip")
    world.run(2, lambda: any(isinstance(told, SelfDeparted) for _, told in other.told))


def test_who_nobody_hears_departs_by_the_operators_oath(ring_world: Any) -> None:
    world = ring_world(10)
    world.ring(5)
    dead = world.nodes[3]
    dead.kill()
    world.nodes[1].hear(DepartMember(dead.member), "control", ("control", "1"))
    world.run(10, lambda: world.all_see(dead.member, "departed"))
    dead.start()
    world.run(5, lambda: dead.ring.phase == "ended")


def test_unknown_members_do_not_depart(ring_world: Any) -> None:
    world = ring_world(11)
    world.ring(2)
    world.nodes[0].hear(DepartMember("ffff"), "control", ("control", "1"))
    (answer,) = world.nodes[0].replies
    assert answer.code == "unknown"


def test_the_ring_can_be_asked_for(ring_world: Any) -> None:
    world = ring_world(12)
    world.ring(3)
    world.nodes[1].hear(QueryMembers(), "control", ("control", "1"))
    (answer,) = world.nodes[1].replies
    assert isinstance(answer, Members)
    assert answer.settled
    assert answer.ring_id == world.nodes[0].ring_id
    assert [view.member.id for view in answer.members] == sorted(n.member for n in world.nodes)
    assert {view.health for view in answer.members} == {"alive"}


def test_garbage_in_frames_changes_nothing(ring_world: Any) -> None:
    world = ring_world(13)
    world.ring(3)
    world.run(5)
    before = world.nodes[0].ring.core.digest.total
    for size in range(200):
        data = world.random.randbytes(size)
        world.nodes[0].hear(News((), (data,), data), f"{world.nodes[1].member}/gossip")
    world.run(3)
    assert world.nodes[0].ring.core.digest.total == before
    assert world.all_alive()


def test_duplicated_and_delayed_frames_change_no_outcome(ring_world: Any) -> None:
    world = ring_world(14)
    world.duplicate = 0.5
    world.spread_s = 0.2
    world.ring(10)
    world.run(40)
    assert world.confirmations() == []
    assert world.run(10, world.equal) <= 10
