"""Watching actors here and on other members: deaths, returns, and members out of reach."""

from __future__ import annotations

from typing import Any

import pytest

from actors.effects import Effect, Watch
from actors.messages.base import Message
from actors.messages.ring import Member, MembersChanged, MemberView, RingChosen, Route
from actors.messages.runtime import ActorAvailable, ActorDied, KillActor
from actors.runtime.actor import Actor
from actors.runtime.guardian import REANNOUNCE_S, WATCH_LIFE_S, Guardian
from actors.runtime.structure import SpawnChild, StopChild
from actors.simulation.node import RootActor
from actors.simulation.ring import Ring


class Observe(Message, frozen=True):
    name: str


class Fail(Message, frozen=True):
    pass


def fail(_actor: Actor, _message: Message) -> list[Effect]:
    raise ValueError("on purpose")


@pytest.fixture
def watching(book: Any) -> Any:
    book.reactions[Observe] = lambda _actor, m: [Watch(m.name)]
    book.reactions[Fail] = fail
    return book


def heard(book: Any, name: str = "w") -> list[tuple[str, str]]:
    return [
        (m.name, m.why if isinstance(m, ActorDied) else "available")
        for m in book.messages(name)
        if isinstance(m, ActorDied | ActorAvailable)
    ]


def test_a_watcher_hears_at_once_whether_the_actor_is_there(begin: Any, watching: Any) -> None:
    lone = begin(watching.spawn("w"), watching.spawn("a"))
    lone.tell("w", Observe("a"))
    lone.tell("w", Observe("b"))
    lone.run()
    assert heard(watching) == [("a", "available"), ("b", "exited")]


def test_a_watcher_hears_of_each_death_and_return(begin: Any, watching: Any) -> None:
    lone = begin(watching.spawn("w"), watching.spawn("a"))
    lone.tell("w", Observe("a"))
    lone.run()
    lone.tell("a", Fail())
    lone.run()
    lone.tell("node", KillActor("a"))
    lone.run()
    lone.tell("node", StopChild("a"))
    lone.run()
    lone.tell("node", SpawnChild("node", 1, watching.spawn("a")))
    lone.run()
    assert [why for _, why in heard(watching)] == [
        "available",
        "failed",
        "available",
        "killed",
        "available",
        "exited",
        "available",
    ]


def test_a_dead_watcher_is_forgotten(begin: Any, watching: Any) -> None:
    lone = begin(watching.spawn("w"), watching.spawn("a"))
    lone.tell("w", Observe("a"))
    lone.run()
    lone.tell("node", StopChild("w"))
    lone.run(2 * REANNOUNCE_S)
    before = lone.world.dead_letters
    lone.tell("a", Fail())
    lone.run()
    assert lone.world.dead_letters == before


@pytest.fixture
def pair(watching: Any) -> Any:
    """Two machines that know each other's address: `w` on the first, `a` on the second."""
    ring = Ring("pair")
    first = ring.add(lambda _p: RootActor(Guardian, ((watching.spawn("w"),),)))
    second = ring.add(lambda _p: RootActor(Guardian, ((watching.spawn("a"),),)))
    for machine in ring.machines:
        machine.start()
    ring.run_for(2.0)
    introduce(ring)
    return ring, first, second


def introduce(ring: Any) -> None:
    for machine in ring.machines:
        for other in ring.machines:
            if other is not machine:
                machine.supervisor.world.tell("port/net", RingChosen("1f" * 8))
                machine.supervisor.world.tell("port/net", Route(other.member, other.address))


def members(ring: Any, *health: str) -> MembersChanged:
    return MembersChanged(
        tuple(
            MemberView(Member(m.member, 1, m.address), h)  # type: ignore[arg-type]
            for m, h in zip(ring.machines, health, strict=True)
        )
    )


def test_an_actor_of_another_member_is_watched_by_message(pair: Any, watching: Any) -> None:
    ring, first, second = pair
    name = f"{second.member}/a"
    first.supervisor.world.tell("w", Observe(name))
    ring.run_for(1.0)
    assert heard(watching) == [(name, "available")]
    second.supervisor.world.tell("a", Fail())
    ring.run_for(1.0)
    assert heard(watching) == [(name, "available"), (name, "failed"), (name, "available")]


def test_a_watch_is_announced_again_so_that_the_other_side_may_forget(
    pair: Any, watching: Any
) -> None:
    ring, first, second = pair
    name = f"{second.member}/a"
    first.supervisor.world.tell("w", Observe(name))
    ring.run_for(1.0)
    second.kill_supervisor()
    ring.run_for(3.0)
    introduce(ring)
    watching.heard.clear()
    ring.run_for(2 * REANNOUNCE_S)
    assert (name, "available") in heard(watching)
    second.supervisor.world.tell("a", Fail())
    ring.run_for(1.0)
    assert (name, "failed") in heard(watching)


def test_a_watch_whose_watcher_is_gone_is_forgotten_over_there(pair: Any, watching: Any) -> None:
    ring, first, second = pair
    first.supervisor.world.tell("w", Observe(f"{second.member}/a"))
    ring.run_for(1.0)
    first.supervisor.world.tell("node", StopChild("w"))
    ring.run_for(WATCH_LIFE_S + 2 * REANNOUNCE_S)
    sent = ring.fabric.sent
    second.supervisor.world.tell("a", Fail())
    ring.run_for(1.0)
    assert ring.fabric.sent == sent


def test_a_watcher_hears_when_the_member_cannot_be_reached_and_when_it_is_back(
    pair: Any, watching: Any
) -> None:
    ring, first, second = pair
    name = f"{second.member}/a"
    first.supervisor.world.tell("w", Observe(name))
    ring.run_for(1.0)
    ring.fabric.partition([first.address], [second.address])
    first.supervisor.world.tell("node", members(ring, "alive", "confirmed"))
    ring.run_for(1.0)
    assert heard(watching)[-1] == (name, "unreachable")
    first.supervisor.world.tell("w", Observe(name))
    ring.run_for(1.0)
    assert heard(watching)[-2:] == [(name, "unreachable"), (name, "unreachable")]
    ring.fabric.repair([first.address], [second.address])
    first.supervisor.world.tell("node", members(ring, "alive", "alive"))
    ring.run_for(2 * REANNOUNCE_S)
    assert heard(watching)[-1] == (name, "available")
