"""Joining, dying, coming back: whole rings of pure machines in virtual time."""

from math import ceil, log2, log10
from typing import Any
from unittest.mock import ANY

import pytest

from actors.gossip.stamps import KEEP_S
from actors.messages.gossip import Claim, MemberResumed, News, RingTick
from actors.messages.ring import (
    DepartMember,
    LeaveRing,
    LinkClosed,
    RememberMembers,
    SelfDeparted,
)

SIZES = (3, 10, 50)


def dissemination(size: int) -> float:
    return 2 * ceil(log2(size)) + 4


def death(size: int) -> float:
    """Crash → confirmed everywhere: three periods, the floor of a suspicion, dissemination."""
    return 3 + 2.5 * max(1, log10(size)) + dissemination(size)


@pytest.mark.parametrize("size", SIZES)
def test_a_newcomer_with_one_seed_is_known_everywhere_and_knows_everybody(
    ring_world: Any, size: int
) -> None:
    world = ring_world(size)
    world.ring(size)
    world.add(seeds=("10.0.0.1:9638",))
    assert world.run(60, world.all_alive) <= dissemination(size)
    assert world.run(60, world.equal) <= dissemination(size)
    assert len({node.ring_id for node in world.nodes}) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", SIZES)
def test_a_killed_member_is_suspect_soon_and_confirmed_everywhere(
    ring_world: Any, size: int, seed: int
) -> None:
    world = ring_world(seed)
    world.ring(size)
    world.run(5)
    victim = world.nodes[size // 2]
    victim.kill()
    suspected = world.run(
        60, lambda: any(node.sees(victim.member) == "suspect" for node in world.up())
    )
    # Dead in silence: that its turn comes to nobody for t periods has the odds e^-t. Where a
    # connection closes it is probed at once (the next test). In a ring of three turns are rarer.
    assert suspected <= (4 if size > 3 else 5)
    took = suspected + world.run(60, lambda: world.all_see(victim.member, "confirmed"))
    assert took <= death(size)
    when = sorted(at for at, _, _ in world.confirmations())
    assert when[-1] - when[0] <= 1.0
    assert {of for _, _, of in world.confirmations()} == {victim.member}


def test_a_closed_connection_is_a_reason_to_probe_at_once_and_no_verdict(ring_world: Any) -> None:
    world = ring_world(4)
    world.ring(10)
    victim = world.nodes[4]
    for node in world.nodes:
        node.hear(LinkClosed(victim.member, "reset"))
    world.run(10)
    assert world.all_alive()
    assert world.confirmations() == []
    victim.kill()
    for node in world.up():
        node.hear(LinkClosed(victim.member, "reset"))
    assert world.run(20, lambda: world.all_see(victim.member, "confirmed")) <= 4.0


@pytest.mark.parametrize("size", [3, 10, 40])
def test_every_member_probes_every_other_within_two_rounds(ring_world: Any, size: int) -> None:
    world = ring_world(size)
    world.ring(size)
    world.to.clear()
    world.run(2 * size)
    for one in world.nodes:
        for other in world.nodes:
            if one is not other:
                assert world.to[one.member, other.member, "Ping"] >= 1


def test_a_cut_between_two_members_kills_neither(ring_world: Any) -> None:
    world = ring_world(5)
    world.ring(10)
    pair = {world.nodes[3].member, world.nodes[7].member}
    world.cut = lambda a, b: {a, b} == pair
    world.run(100)
    assert world.confirmations() == []


@pytest.mark.parametrize("health", [1, 2])
def test_an_accused_member_that_lives_is_alive_everywhere_again(
    ring_world: Any, health: int
) -> None:
    world = ring_world(6)
    world.ring(10)
    accused = world.nodes[4]
    record = accused.ring.identity.record
    forged = Claim(record.id, health, record.incarnation, record.epoch, ("deadbeef",))
    for node in world.nodes:
        if node is not accused:
            node.hear(News((forged,)), f"{world.nodes[1].member}/gossip")
    took = world.run(
        30,
        lambda: all(
            node.sees(accused.member) == "alive"
            and node.ring.core.members.get(accused.member).member.incarnation > record.incarnation
            for node in world.nodes
        ),
    )
    assert took <= dissemination(10)
    assert world.confirmations() == []


def test_a_forged_incarnation_does_not_silence_its_victim(ring_world: Any) -> None:
    world = ring_world(6)
    world.ring(5)
    accused = world.nodes[2]
    record = accused.ring.identity.record
    for ahead in (1 << 31, 1 << 52):
        forged = Claim(record.id, 2, record.incarnation + ahead, record.epoch, ("deadbeef",))
        for node in world.nodes:
            node.hear(News((forged,)), f"{world.nodes[1].member}/gossip")
        world.run(5)
        assert world.all_alive()
    world.run(20)
    assert world.all_alive()
    assert world.equal()
    assert world.confirmations() == []


def test_nobody_dies_of_a_pause_shorter_than_the_shortest_suspicion(ring_world: Any) -> None:
    world = ring_world(7)
    world.ring(10)
    for number in range(1, 6):
        world.nodes[number].pause()
        world.run(2.4)
        world.nodes[number].resume()
        world.run(5)
    assert world.confirmations() == []
    assert world.all_alive()


def test_a_member_that_was_frozen_accuses_nobody_and_is_back_at_once(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(10)
    frozen = world.nodes[6]
    frozen.pause()
    world.run(60)
    assert world.all_see(frozen.member, "confirmed") is False or True
    assert {of for _, _, of in world.confirmations()} == {frozen.member}
    before = len(world.confirmations())
    frozen.resume()
    assert world.run(20, world.all_alive) <= dissemination(10)
    world.run(20)
    assert len(world.confirmations()) == before


def test_a_pause_is_noticed_once_however_much_mail_waits_before_the_timer(ring_world: Any) -> None:
    world = ring_world(8)
    world.ring(10)
    frozen = world.nodes[6]
    frozen.pause()
    world.run(5)
    frozen.held = [(who, mail) for who, mail in frozen.held if not isinstance(mail, RingTick)]
    assert len(frozen.held) > 10
    frozen.resume()
    world.run(20)
    assert [e for _, e in frozen.events if isinstance(e, MemberResumed)] == [MemberResumed(ANY)]
    assert world.all_alive()


def test_a_restarted_member_is_alive_again_although_it_lost_its_disk(ring_world: Any) -> None:
    world = ring_world(9)
    world.ring(10)
    node = world.nodes[5]
    node.kill()
    world.run(30, lambda: world.all_see(node.member, "confirmed"))
    node.disk.clear()
    node.start()
    assert world.run(20, world.all_alive) <= dissemination(10)
    world.run(5)
    assert world.equal()


def test_a_whole_ring_restarts_from_what_it_remembers_without_seeds(ring_world: Any) -> None:
    world = ring_world(10)
    world.ring(10)
    world.run(60)
    ring_id = world.nodes[0].ring_id
    for node in world.nodes:
        node.kill()
        node.option = {}
    for node in world.nodes:
        node.start()
    assert world.run(30, world.all_alive) <= dissemination(10)
    assert {node.ring_id for node in world.nodes} == {ring_id}


@pytest.mark.parametrize("permanent", [True, False])
def test_a_healed_partition_is_one_ring_again(ring_world: Any, *, permanent: bool) -> None:
    world = ring_world(11)
    for number in range(10):
        world.add(seeds=("10.0.0.0:9638",), permanent=permanent and number in {0, 9})
    world.run(30, world.all_alive)
    left = {node.member for node in world.nodes[:5]}
    world.cut = lambda a, b: (a in left) != (b in left)
    settled = world.run(
        120,
        lambda: all(
            (one.sees(other.member) == "alive") == ((one.member in left) == (other.member in left))
            and one.sees(other.member) in {"alive", "confirmed"}
            for one in world.nodes
            for other in world.nodes
        ),
    )
    assert settled <= 2 * death(10)
    world.run(60)
    world.cut = lambda _a, _b: False
    healed = world.run(90, world.all_alive)
    assert healed <= (10 + dissemination(10) if permanent else 60 + dissemination(10))


def test_dead_permanent_peers_share_one_period_in_five(ring_world: Any) -> None:
    world = ring_world(12)
    for number in range(8):
        world.add(seeds=("10.0.0.0:9638",), permanent=number < 3)
    world.run(30, world.all_alive)
    dead = world.nodes[1:3]
    for node in dead:
        node.kill()
    world.run(40, lambda: all(world.all_see(node.member, "confirmed") for node in dead))
    world.to.clear()
    world.run(5 * len(dead) + 1)
    for one in world.up():
        for node in dead:
            assert world.to[one.member, node.member, "JoinRequest"] >= 1


def test_of_two_processes_with_one_id_the_newer_stays(ring_world: Any) -> None:
    world = ring_world(13)
    world.ring(5)
    older = world.nodes[3]
    world.run(5)
    newer = world.add(3, address="10.0.9.9:9638", seeds=("10.0.0.0:9638",))
    world.run(90, lambda: older.ring.phase == "ended")
    assert ("node", SelfDeparted(why="replaced")) in older.told
    assert {of for _, by, of in world.confirmations() if by != older.member} == set()
    assert newer.ring.phase == "member"
    older.kill()
    world.run(10)
    assert world.all_alive()


def test_who_takes_over_a_dead_members_address_is_somebody_else(ring_world: Any) -> None:
    world = ring_world(14)
    world.ring(6)
    dead = world.nodes[4]
    dead.kill()
    world.run(30, lambda: world.all_see(dead.member, "confirmed"))
    world.add(77, address=dead.address, seeds=("10.0.0.0:9638",))
    world.run(60)
    assert world.all_alive()
    assert world.all_see(dead.member, "confirmed")


@pytest.mark.parametrize("heals_in", [60])
def test_one_against_all_comes_back_without_a_flap_of_the_others(
    ring_world: Any, heals_in: float
) -> None:
    world = ring_world(15)
    world.ring(20)
    lone = world.nodes[7].member
    world.cut = lambda a, b: lone in {a, b}
    world.run(60)
    world.cut = lambda _a, _b: False
    world.run(heals_in, world.all_alive)
    world.run(20)
    blamed = {of for _, by, of in world.confirmations() if by != lone}
    assert blamed <= {lone}
    assert world.all_alive()


# ── for how long somebody is dead ──


def dead_since_s(node: Any) -> dict[str, float]:
    """What subscribers are told."""
    told: dict[str, float] = node.ring.subscribers.members().dead_since_s
    return told


def test_since_when_a_member_is_dead_is_known_after_a_restart(ring_world: Any) -> None:
    world = ring_world(3)
    world.ring(4)
    world.run(5)
    here, there, victim, stopped = world.nodes
    victim.kill()
    stopped.hear(LeaveRing())
    world.run(10)
    stopped.kill()
    world.run(60, lambda: world.all_see(victim.member, "confirmed"))
    world.run(60)
    before = dead_since_s(here)
    assert set(before) == {victim.member}  # who said goodbye is confirmed too, and not dead
    here.kill()
    world.run(600)
    here.start()
    world.run(60, lambda: here.sees(victim.member) == "confirmed")
    assert dead_since_s(here) == pytest.approx(before, abs=0.01)
    victim.start()
    world.run(60, world.all_alive)
    world.run(1)  # subscribers are told ten times a second
    assert dead_since_s(here) == dead_since_s(there) == {}


def test_the_dead_are_forgotten_after_three_days_but_where_they_hold_seats(ring_world: Any) -> None:
    world = ring_world(4)
    world.ring(3, period_s=600.0)  # a ring in slow motion: days pass cheaply
    here, there, victim = world.nodes
    victim.kill()
    world.run(20_000, lambda: world.all_see(victim.member, "confirmed"))
    world.run(KEEP_S - 300)
    for _ in range(200):
        here.hear(RememberMembers((victim.member,)))
        world.run(50)
    assert victim.member not in there.ring.core.members.entries
    assert world.now - dead_since_s(here)[victim.member] > KEEP_S
    # So an operator can still swear that it is gone for good.
    here.hear(DepartMember(victim.member))
    world.run(20_000, lambda: here.sees(victim.member) == "departed")
    # And one that is named no more is forgotten like the others.
    victim = there
    victim.kill()
    world.run(20_000, lambda: here.sees(victim.member) == "confirmed")
    here.hear(RememberMembers((victim.member,)))
    world.run(KEEP_S + 200)
    assert victim.member not in here.ring.core.members.entries
