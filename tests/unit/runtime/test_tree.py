"""The tree: who is started, restarted, parked, stopped, in which order, and who hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.effects import Effect, RestartPolicy, Spawn, Stop
from actors.messages.base import Message
from actors.messages.process import OwnerDied
from actors.messages.runtime import (
    ActorFailed,
    ActorKilled,
    ActorList,
    ActorParked,
    ActorRestarting,
    ActorStarted,
    ActorStopped,
    CallFailed,
    InspectActor,
    KillActor,
    ListActors,
    MessageHandled,
    NodeEscalated,
    Ok,
    TraceActor,
)
from actors.messages.simulation import SupervisorGone
from actors.runtime.actor import Actor
from actors.runtime.guardian import ROOT_POLICY
from actors.runtime.structure import InstanceDied, SpawnChild, StopChild
from actors.runtime.supervision import PARK_S


class Fail(Message, frozen=True):
    pass


class Grow(Message, frozen=True):
    name: str


class Prune(Message, frozen=True):
    name: str = ""


class Ping(Message, frozen=True):
    pass


def fail(_actor: Actor, _message: Message) -> list[Effect]:
    raise ValueError("on purpose")


@pytest.fixture
def tree(book: Any) -> Any:
    book.reactions[Fail] = fail
    book.reactions[Grow] = lambda _actor, m: [book.spawn(m.name)]
    book.reactions[Prune] = lambda _actor, m: [Stop(m.name)]
    return book


def alive(lone: Any) -> list[str]:
    return sorted(name for name in lone.world.cells if name != "node")


def family(begin: Any, book: Any) -> Any:
    """A parent with two children, one of which has a child."""
    lone = begin(book.spawn("p"))
    lone.tell("p", Grow("p/1"))
    lone.tell("p", Grow("p/2"))
    lone.run()
    lone.tell("p/1", Grow("p/1/x"))
    lone.run()
    assert alive(lone) == ["p", "p/1", "p/1/x", "p/2"]
    return lone


def test_first_children_start_in_the_order_given(begin: Any, tree: Any) -> None:
    lone = begin(*(tree.spawn(name) for name in "cab"))
    assert [e.name for e in lone.events(ActorStarted)] == ["c", "a", "b"]


def test_a_failed_actor_starts_again_with_its_arguments_and_a_new_number(
    begin: Any, tree: Any
) -> None:
    lone = begin(tree.spawn("a"))
    lone.tell("a", Fail())
    lone.wait(lambda: ("a", 2) in tree.began, within_s=1.0)
    first, second = tree.instances
    assert first is not second
    assert first.book is second.book
    assert lone.events(ActorRestarting) == [ActorRestarting("a", 0.05, 1)]
    assert {first.context.instance_id, second.context.instance_id} == {
        f"{lone.world.member[:8]}.1.a.{n}" for n in (1, 2)
    }


def test_children_end_before_their_parent_is_restarted_last_started_first(
    begin: Any, tree: Any
) -> None:
    lone = family(begin, tree)
    lone.tell("p", Fail())
    lone.wait(lambda: ("p", 2) in tree.began)
    kinds = [
        (type(e.event).__name__, e.event.name)
        for e in lone.ring.log.events
        if isinstance(e.event, ActorFailed | ActorStopped | ActorStarted) and e.at_s > 2
    ]
    assert kinds[0] == ("ActorFailed", "p")
    assert kinds[-1] == ("ActorStarted", "p")
    stopped = [name for kind, name in kinds if kind == "ActorStopped"]
    assert sorted(stopped) == ["p/1", "p/1/x", "p/2"]
    assert stopped.index("p/1/x") < stopped.index("p/1")
    assert alive(lone) == ["p"]


def test_stopping_ends_children_first_and_the_name_is_free(begin: Any, tree: Any) -> None:
    lone = family(begin, tree)
    lone.tell("node", StopChild("p"))
    lone.run()
    assert alive(lone) == []
    stopped = [e.name for e in lone.events(ActorStopped)]
    assert stopped[-1] == "p"
    assert stopped.index("p/1/x") < stopped.index("p/1")
    lone.tell("node", SpawnChild("node", 1, tree.spawn("p")))
    lone.run()
    assert alive(lone) == ["p"]


def test_a_stopped_actor_is_not_started_again(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    lone.tell("a", Prune())
    lone.run(120.0)
    assert alive(lone) == []
    assert not lone.events(ActorRestarting)


def test_an_actor_stopped_during_its_backoff_stays_stopped(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a", RestartPolicy(backoff_min_s=2.0)))
    lone.tell("a", Fail())
    lone.run(1.0)
    lone.tell("node", StopChild("a"))
    lone.run(120.0)
    assert tree.began == [("a", 1)]


def test_a_name_spawned_anew_during_an_old_backoff_is_not_started_twice(
    begin: Any, tree: Any
) -> None:
    lone = begin(tree.spawn("a", RestartPolicy(backoff_min_s=2.0)))
    lone.tell("a", Fail())
    lone.run(1.0)
    lone.tell("node", StopChild("a"))
    lone.tell("node", SpawnChild("node", 1, tree.spawn("a", RestartPolicy(backoff_min_s=2.0))))
    lone.run(0.5)
    lone.tell("a", Fail())
    lone.run(120.0)
    assert tree.began == [("a", 1), ("a", 2), ("a", 3)]


def test_word_of_a_death_that_comes_after_a_stop_and_a_spawn_is_not_taken_for_a_second_death(
    begin: Any, tree: Any
) -> None:
    lone = begin(tree.spawn("a"))
    actor = tree.instance("a")
    # The last turn is over and the name free, but the node has not been told yet.
    actor.actor_stopped.set()
    del lone.world.cells["a"]
    lone.world.bury(actor, actor.mailbox.close())
    lone.tell("node", StopChild("a"))
    lone.tell("node", SpawnChild("node", 1, tree.spawn("a")))
    lone.run()
    assert alive(lone) == []
    lone.tell("node", InstanceDied("a", 1, "failed", "late word"))
    lone.run(120.0)
    assert tree.began == [("a", 1), ("a", 2)]


def test_a_name_spawned_while_it_ends_starts_after_its_last_turn(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    lone.tell("node", StopChild("a"))
    lone.tell("node", SpawnChild("node", 1, tree.spawn("a")))
    lone.run()
    order = [type(e).__name__ for e in lone.events(ActorStarted | ActorStopped)]  # type: ignore[arg-type]
    assert order == ["ActorStarted", "ActorStopped", "ActorStarted"]
    assert tree.began == [("a", 1), ("a", 2)]


def test_a_stop_takes_back_a_spawn_that_waits(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    for message in (
        StopChild("a"),
        SpawnChild("node", 1, tree.spawn("a")),
        StopChild("a"),
    ):
        lone.tell("node", message)
    lone.run(120.0)
    assert alive(lone) == []


def test_a_spawn_of_a_running_name_changes_nothing(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    lone.tell("node", SpawnChild("node", 1, tree.spawn("a")))
    lone.run()
    assert tree.began == [("a", 1)]


def test_a_spawn_by_a_dead_instance_is_void(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("p"))
    lone.tell("p", Fail())
    lone.wait(lambda: ("p", 2) in tree.began)
    lone.tell("node", SpawnChild("p", 1, tree.spawn("p/late")))
    lone.run()
    assert alive(lone) == ["p"]


def test_a_constructor_that_raises_is_a_death_like_any(begin: Any) -> None:
    class Unbuildable(Actor):
        def __init__(self, context: Any) -> None:
            super().__init__(context)
            raise OSError("no")

    lone = begin(Spawn("a", Unbuildable))
    lone.run(5.0)
    failures = lone.events(ActorFailed)
    assert [f.instance for f in failures] == [1, 2, 3, 4, 5, 6]
    assert {f.error for f in failures} == {"OSError: no"}
    assert len(lone.events(ActorParked)) == 1


def test_a_child_that_dies_too_often_is_parked_with_its_reason_and_tried_each_minute(
    begin: Any, tree: Any
) -> None:
    tree.at_start["a"] = lambda _actor: fail(_actor, Fail())
    lone = begin(tree.spawn("a"))
    lone.wait(lambda: len(lone.events(ActorParked)) == 1)
    assert lone.events(ActorParked) == [ActorParked("a", "ValueError: on purpose", PARK_S)]
    parked = lone.ask("node", InspectActor("a"))
    assert parked.actors[0].state == "PARKED"
    assert parked.actors[0].last_error == "ValueError: on purpose"
    del tree.at_start["a"]
    lone.run(PARK_S - 1)
    assert len(tree.began) == 6
    lone.run(2.0)
    assert tree.began[-1] == ("a", 7)
    assert alive(lone) == ["a"]


def test_a_singleton_that_dies_too_often_ends_the_process_and_it_comes_back(
    begin: Any, tree: Any
) -> None:
    lone = begin(tree.spawn("gossip", ROOT_POLICY), tree.spawn("b"))
    for _ in range(6):
        lone.tell("gossip", Fail())
        lone.run(1.0)
    assert len(lone.events(NodeEscalated)) == 1
    assert [e.how for e in lone.events(SupervisorGone)] == ["exit 1"]
    lone.run(5.0)
    assert lone.machine.boots == 2
    assert alive(lone) == ["b", "gossip"]


def test_spent_restarts_end_an_actor_for_good_until_it_is_spawned_again(
    begin: Any, tree: Any
) -> None:
    once = RestartPolicy(max_restarts=1)
    lone = begin(tree.spawn("a", once))
    for _ in range(2):
        lone.tell("a", Fail())
        lone.run()
    lone.run(120.0)
    assert alive(lone) == []
    assert lone.ask("node", InspectActor("a")).actors[0].state == "DEAD"
    lone.tell("node", SpawnChild("node", 1, tree.spawn("a", once)))
    lone.run()
    assert tree.began == [("a", 1), ("a", 2), ("a", 3)]


def test_a_kill_passes_waiting_mail_and_says_who_asked(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    for _ in range(1000):
        lone.tell("a", Ping())
    assert lone.ask("node", KillActor("a")) == Ok("a killed (instance 1)")
    lone.wait(lambda: ("a", 2) in tree.began)
    assert len(tree.messages("a", instance=1)) < 1000
    assert not tree.messages("a", instance=2)
    (killed,) = lone.events(ActorKilled)
    assert (killed.name, killed.why, killed.by.startswith("call/")) == ("a", "killed", True)


def test_killing_the_node_ends_the_process_and_it_comes_back(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    assert isinstance(lone.ask("node", KillActor("node")), Ok)
    lone.run(5.0)
    assert lone.machine.boots == 2
    assert alive(lone) == ["a"]


def test_a_failure_of_the_node_itself_ends_the_process(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    lone.tell("node", Ping())
    lone.run(5.0)
    assert lone.machine.boots == 2


def test_what_cannot_be_killed_is_refused(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a", RestartPolicy(backoff_min_s=5.0, backoff_max_s=5.0)))
    unknown = lone.ask("node", KillActor("z"))
    forever = lone.ask("node", KillActor("a", no_restart=True))
    lone.tell("a", Fail())
    lone.run()
    gone = lone.ask("node", KillActor("a"))
    codes = [answer.code for answer in (unknown, forever, gone) if isinstance(answer, CallFailed)]
    assert codes == ["no-actor", "system-actor", "not-alive"]


def test_the_launcher_hears_of_every_death(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"))
    heard: list[Message] = []
    lone.world.register_port("port/launcher", lambda envelope: heard.append(envelope.message))
    lone.tell("a", Fail())
    lone.wait(lambda: ("a", 2) in tree.began)
    lone.tell("node", StopChild("a"))
    lone.run()
    assert heard == [OwnerDied("a"), OwnerDied("a")]


def test_the_list_tells_states_restarts_and_errors(begin: Any, tree: Any) -> None:
    lone = begin(tree.spawn("a"), tree.spawn("b", urgent=True))
    lone.tell("a", Ping())
    lone.tell("a", Fail())
    lone.wait(lambda: ("a", 2) in tree.began)
    listed = lone.ask("node", ListActors())
    assert isinstance(listed, ActorList)
    a, b = listed.actors
    assert (a.name, a.state, a.instance, a.restarts, a.last_error) == (
        "a",
        "ALIVE",
        2,
        1,
        "ValueError: on purpose",
    )
    assert (b.name, b.lane, b.restarts, b.parent) == ("b", "urgent", 0, "node")


def test_traced_actors_write_an_event_for_each_message_until_the_time_is_over(
    begin: Any, tree: Any
) -> None:
    lone = begin(tree.spawn("a"), tree.spawn("b"))
    assert isinstance(lone.ask("node", TraceActor("a*", for_s=5.0)), Ok)
    for name in ("a", "b"):
        lone.tell(name, Ping(), sender="test")
    lone.run(10.0)
    lone.tell("a", Ping())
    lone.run()
    assert lone.events(MessageHandled) == [MessageHandled("a", "Ping", "test", "Ping()")]
