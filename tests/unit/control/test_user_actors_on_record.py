from typing import Any

import pytest

from actors.control import records
from actors.control.hosting import MAX_DEAD, MAX_WAITING, PORT, UserActorTable
from actors.effects import Effect, Persist, Reply, Send, Spawn, Stop, Watch
from actors.messages.base import Message
from actors.messages.envelope import Ticket
from actors.messages.primitives import (
    ActorCreated,
    CallMethod,
    CreateActor,
    HostBroken,
    HostLost,
    HostOpen,
    HostReady,
    RunMethod,
)
from actors.messages.runtime import CallFailed, KillActor, Ok

ME = "aa" * 16
TICKET = Ticket("port/control", "1")


def table(*allowed: str) -> UserActorTable:
    return UserActorTable(
        ME, allowed or None, lambda spec: Spawn(f"host/{spec.name}", object, (spec,))
    )


def create(name: str = "c", cls: str = "app:Counter", **more: Any) -> CreateActor:
    return CreateActor(cls, b"", name, **more)


def answers(effects: list[Effect]) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Reply)]


def of_kind(effects: list[Effect], kind: type[Any]) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


def alive(**more: Any) -> UserActorTable:
    actors = table()
    actors.create(create(**more))
    actors.ready(HostReady("c", 1, 77))
    return actors


def failed(effects: list[Effect]) -> CallFailed:
    [answer] = answers(effects)
    assert isinstance(answer, CallFailed)
    return answer


def test_an_actor_is_durable_before_it_is_promised() -> None:
    effects = table().create(create())
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Persist) == 0
    assert kinds.index(Spawn) < kinds.index(Watch) < kinds.index(Reply)
    assert answers(effects) == [ActorCreated(f"{ME}/host/c", "app:Counter")]
    assert records.decode(of_kind(effects, Persist)[0].data) == (create(),)


def test_a_record_that_could_not_be_written_is_no_actor() -> None:
    actors = table()
    actors.create(create())
    assert failed(actors.uncreate("c", "disk full")).code == "disk"
    assert isinstance(actors.find("c"), CallFailed)
    assert answers(actors.create(create())) == [ActorCreated(f"{ME}/host/c", "app:Counter")]


def test_a_name_is_given_once() -> None:
    actors = table()
    actors.create(create())
    assert failed(actors.create(create())).code == "exists"


def test_get_if_exists_takes_the_one_there_is_if_it_is_of_the_class() -> None:
    actors = table()
    actors.create(create())
    [found] = answers(actors.create(create(get_if_exists=True)))
    assert found == ActorCreated(f"{ME}/host/c", "app:Counter", existing=True)
    assert failed(actors.create(create(cls="app:Other", get_if_exists=True))).code == "exists"


@pytest.mark.parametrize("name", ["", "a/b", "../x", "-x", "a b", "x" * 101, "é"])
def test_a_name_that_is_no_path_of_one_part_is_refused(name: str) -> None:
    assert failed(table().create(create(name))).code == "name"


@pytest.mark.parametrize("cls", ["", "app", "app:", ":C", "app:C()", "os;x:C", "app:C:D"])
def test_a_class_that_is_no_import_path_is_refused(cls: str) -> None:
    assert failed(table().create(create(cls=cls))).code == "class"


def test_only_modules_on_the_list_and_their_submodules_start() -> None:
    actors = table("app", "lib.tasks")
    for number, cls in enumerate(("app:C", "app.sub:C", "lib.tasks:C")):
        assert isinstance(answers(actors.create(create(f"n{number}", cls)))[0], ActorCreated)
    for cls in ("application:C", "lib:C", "os:C", "subprocess:Popen"):
        assert failed(actors.create(create("x", cls))).code == "not-allowed"


def test_an_empty_list_allows_nothing() -> None:
    actors = UserActorTable(ME, (), lambda spec: Spawn(spec.name, object))
    assert failed(actors.create(create())).code == "not-allowed"


def test_calls_wait_for_the_creation_and_keep_their_order() -> None:
    actors = table()
    actors.create(create())
    for method in ("one", "two"):
        assert actors.call(CallMethod("host/c", method, b""), TICKET) == []
    sent = [e.message for e in actors.ready(HostReady("c", 1, 77)) if isinstance(e, Send)]
    assert sent == [RunMethod("c", "one", b""), RunMethod("c", "two", b""), HostOpen("c")]


def test_too_many_waiting_calls_are_refused() -> None:
    actors = table()
    actors.create(create())
    for _ in range(MAX_WAITING):
        actors.call(CallMethod("c", "m", b""), TICKET)
    answer = failed(actors.call(CallMethod("c", "m", b""), TICKET))
    assert answer.kind == "ActorUnavailableError"


def test_a_call_to_a_living_actor_takes_its_ticket_along() -> None:
    effects = alive().call(CallMethod("host/c", "m", b"x"), TICKET)
    assert effects == [Send(PORT, RunMethod("c", "m", b"x"), TICKET)]


def test_a_private_method_is_never_called() -> None:
    assert failed(alive().call(CallMethod("c", "_m", b""), TICKET)).code == "private"


def test_a_death_within_the_restarts_makes_callers_wait_for_the_next_life() -> None:
    actors = alive(max_restarts=1)
    effects = actors.died("host/c", "signal 9")
    [lost] = [e.message for e in effects if isinstance(e, Send)]
    assert isinstance(lost, HostLost)
    assert lost.kind == "ActorUnavailableError"
    assert failed(actors.call(CallMethod("c", "m", b""), None)).kind == "ActorUnavailableError"
    actors.ready(HostReady("c", 2, 78))
    assert of_kind(actors.call(CallMethod("c", "m", b""), None), Send)


def test_a_death_beyond_the_restarts_is_for_good_and_says_why() -> None:
    actors = alive(max_restarts=1)
    actors.died("host/c", "signal 9")
    effects = actors.died("host/c", "signal 11")
    assert of_kind(effects, Persist)
    answer = failed(actors.call(CallMethod("c", "m", b""), None))
    assert answer.kind == "ActorDiedError"
    assert "signal 11 after 1 restarts" in answer.text


def test_an_actor_without_restarts_dies_once() -> None:
    actors = alive()
    actors.died("host/c", "signal 9")
    assert failed(actors.call(CallMethod("c", "m", b""), None)).kind == "ActorDiedError"


def test_minus_one_restarts_for_ever() -> None:
    actors = alive(max_restarts=-1)
    for _ in range(100):
        actors.died("host/c", "signal 9")
    assert actors.listing().actors[0].phase == "RESTARTING"


def test_waiting_callers_of_an_actor_that_dies_are_answered() -> None:
    actors = table()
    actors.create(create())
    actors.call(CallMethod("c", "m", b""), TICKET)
    assert failed(actors.died("host/c", "signal 9")).kind == "ActorDiedError"


def test_a_constructor_that_raises_ends_the_actor_whatever_its_restarts() -> None:
    actors = table()
    actors.create(create(max_restarts=-1))
    actors.call(CallMethod("c", "m", b""), TICKET)
    effects = actors.broken(HostBroken("c", 1, "ValueError: no", "Traceback…"))
    assert Stop("host/c") in effects
    assert "ValueError: no" in failed(effects).text
    assert actors.died("host/c", "exit 1") == []
    assert actors.ready(HostReady("c", 1, 1)) == []


def test_a_killed_actor_is_gone_and_its_name_free() -> None:
    actors = alive(max_restarts=-1)
    effects = actors.kill("host/c", "killed by request")
    assert Stop("host/c") in effects
    assert records.decode(of_kind(effects, Persist)[0].data) == ()
    assert isinstance(answers(effects)[-1], Ok)
    assert failed(actors.kill("c", "again")).code == "no-actor"
    assert isinstance(answers(actors.create(create()))[0], ActorCreated)


def test_the_actors_of_a_driver_end_with_it_and_others_stay() -> None:
    actors = table()
    for name, owner in (("a", "m/s1"), ("b", "m/s2"), ("d", "")):
        actors.create(create(name, owner=owner, detached=not owner))
    effects = actors.end_owned(lambda owner: owner == "m/s1", "gone")
    assert of_kind(effects, Stop) == [Stop("host/a")]
    assert [a.name for a in actors.listing().actors if a.phase != "DEAD"] == ["host/b", "host/d"]
    assert actors.owners() == {"m/s2"}
    assert actors.end_owned(lambda owner: owner == "m/s1", "gone") == []


def test_the_dead_are_remembered_up_to_a_bound_and_then_leave_the_node() -> None:
    actors = table()
    stopped: list[str] = []
    for number in range(MAX_DEAD + 3):
        actors.create(create(f"n{number}"))
        effects = actors.died(f"host/n{number}", "signal 9")
        stopped += [e.name for e in of_kind(effects, Stop)]
    assert len(actors.listing().actors) == MAX_DEAD
    assert stopped == ["host/n0", "host/n1", "host/n2"]


def test_records_of_another_release_are_no_records() -> None:
    assert records.decode(b"{") is None
    assert records.decode(b'[{"t":"Other"}]') is None
    assert records.decode(records.encode([create("b"), create("a")])) == (create("a"), create("b"))


def test_a_life_ended_by_request_gets_no_call_and_is_counted_once() -> None:
    actors = alive(max_restarts=1)
    effects = actors.end_life("host/c", TICKET)
    lost, kill = of_kind(effects, Send)
    assert (lost.to, lost.message.kind) == (PORT, "ActorUnavailableError")
    assert kill == Send("node", KillActor("host/c"), TICKET)
    assert failed(actors.call(CallMethod("host/c", "add", b""), None)).kind == (
        "ActorUnavailableError"
    )
    assert actors.died("host/c", "killed") == []
    actors.ready(HostReady("c", 2, 78))
    assert actors.listing().actors[0].restarts == 1
    actors.died("host/c", "signal 9")
    assert actors.listing().actors[0].phase == "DEAD"


def test_a_life_that_is_restarting_may_be_ended_and_its_death_counts() -> None:
    actors = alive(max_restarts=2)
    actors.died("host/c", "signal 9")
    assert actors.end_life("c", TICKET) == [Send("node", KillActor("host/c"), TICKET)]
    actors.died("host/c", "killed")
    assert actors.listing().actors[0].restarts == 2
    assert failed(actors.end_life("d", TICKET)).code == "no-actor"
