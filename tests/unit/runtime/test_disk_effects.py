"""`Persist` and `Load` suspend the actor and nobody else; failures come back as messages."""

from __future__ import annotations

from typing import Any

from actors.effects import After, Effect, Emit, Load, Persist, Reply, Send, Watch
from actors.messages.base import Event, Message
from actors.messages.runtime import (
    ActorDied,
    ActorFailed,
    KillActor,
    Loaded,
    Ok,
    PersistFailed,
    StateFileDamaged,
)
from actors.runtime.actor import Actor


class Save(Message, frozen=True):
    data: bytes


class Saved(Message, frozen=True):
    data: bytes


class Read(Message, frozen=True):
    path: str


class Ping(Message, frozen=True):
    number: int


class Tell(Message, frozen=True):
    event_id: str = ""


class Happened(Event, frozen=True):
    what: str


def save(_actor: Actor, message: Any) -> list[Effect]:
    return [Send("b", Ping(1)), Persist("state", message.data), Send("b", Saved(message.data))]


def test_what_follows_a_persist_waits_for_the_disk_and_mail_waits_too(
    begin: Any, book: Any
) -> None:
    book.reactions[Save] = save
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.machine.disk.faults.commit_s = 5.0
    lone.tell("a", Save(b"x"))
    lone.tell("a", Ping(2))
    lone.run(4.0)
    assert book.messages("b") == [Ping(1)]
    assert book.messages("a") == [Save(b"x")]
    assert book.instance("a").mailbox.held
    lone.run(20.0)
    assert book.messages("b") == [Ping(1), Saved(b"x")]
    assert book.messages("a") == [Save(b"x"), Ping(2)]
    assert lone.machine.disk.files["state"].endswith(b"x")


def test_a_failed_persist_drops_the_rest_is_heard_and_the_actor_lives(
    begin: Any, book: Any
) -> None:
    book.reactions[Save] = save
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.machine.disk.faults.failing = "ENOSPC"
    lone.tell("a", Save(b"x"))
    lone.run()
    assert book.messages("b") == [Ping(1)]
    assert book.messages("a") == [Save(b"x"), PersistFailed("state", "ENOSPC")]
    lone.machine.disk.faults.failing = ""
    lone.tell("a", Save(b"y"))
    lone.run()
    assert book.messages("b")[-1] == Saved(b"y")
    assert book.began.count(("a", 1)) == 1


def test_an_answer_given_after_a_persist_goes_to_whoever_asked(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [
        Persist("state", message.data),
        Reply(Ok("saved")),
    ]
    lone = begin(book.spawn("a"))
    assert lone.ask("a", Save(b"x")) == Ok("saved")


def test_the_reaction_to_a_failed_persist_can_answer_whoever_asked(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [
        Persist("state", message.data),
        Reply(Ok("saved")),
    ]
    book.reactions[PersistFailed] = lambda _actor, message: [Reply(Ok(message.reason))]
    lone = begin(book.spawn("a"))
    lone.machine.disk.faults.failing = "EIO"
    assert lone.ask("a", Save(b"x")) == Ok("EIO")


def test_a_kill_during_a_persist_takes_effect_at_once_and_the_late_answer_is_dropped(
    begin: Any, book: Any
) -> None:
    book.reactions[Save] = save
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.machine.disk.faults.commit_s = 5.0
    lone.tell("a", Save(b"x"))
    lone.run(1.0)
    lone.tell("node", KillActor("a"))
    lone.wait(lambda: ("a", 2) in book.began, within_s=1.0)
    lone.run(20.0)
    assert Saved(b"x") not in book.messages("b")
    assert book.messages("a", instance=2) == []
    assert not lone.events(ActorFailed)


def test_a_load_suspends_and_what_it_read_is_the_next_message(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [Persist("state", message.data)]
    book.reactions[Read] = lambda _actor, message: [Load(message.path), Send("b", Ping(3))]
    book.reactions[Loaded] = lambda _actor, message: [Send("b", Saved(message.data or b""))]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Save(b"x"))
    lone.tell("a", Read("state"))
    lone.tell("a", Ping(4))
    lone.tell("a", Read("absent"))
    lone.run()
    heard = book.messages("a")
    assert heard[1:] == [
        Read("state"),
        Loaded("state", b"x"),
        Ping(4),
        Read("absent"),
        Loaded("absent", None),
    ]
    assert book.messages("b") == [Saved(b"x"), Ping(3), Saved(b""), Ping(3)]


def test_a_damaged_file_is_set_aside_and_said(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [Persist("state", message.data)]
    book.reactions[Read] = lambda _actor, message: [Load(message.path)]
    lone = begin(book.spawn("a"))
    lone.tell("a", Save(b"long enough"))
    lone.run()
    lone.machine.disk.files["state"] = lone.machine.disk.files["state"][:-3]
    lone.tell("a", Read("state"))
    lone.run()
    assert book.messages("a")[-1] == Loaded("state", None, damaged=True)
    assert lone.events(StateFileDamaged) == [StateFileDamaged("state", "state.damaged-1")]
    assert "state" not in lone.machine.disk.files


def test_an_actor_that_loads_at_its_start_hears_nothing_before(begin: Any, book: Any) -> None:
    book.at_start["a"] = lambda _actor: [Load("facts"), Send("b", Ping(1))]
    book.at_start["b"] = lambda _actor: [Send("a", Ping(9)), Watch("a")]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.run()
    assert book.messages("a")[0] == Loaded("facts", None)
    assert Ping(9) in book.messages("a")
    assert not [m for m in book.messages("b") if isinstance(m, ActorDied)]


def test_an_event_before_a_persist_fills_event_ids_after_it(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [
        Emit(Happened("saved")),
        Persist("state", message.data),
        Send("b", Tell()),
    ]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Save(b"x"))
    lone.run()
    told = book.messages("b")[-1]
    logged = next(e for e in lone.ring.log.events if isinstance(e.event, Happened))
    assert told == Tell(logged.id)


def test_unnamed_timers_wait_while_the_disk_is_busy(begin: Any, book: Any) -> None:
    book.reactions[Save] = lambda _actor, message: [
        After(0.1, Ping(5)),
        Persist("state", message.data),
    ]
    lone = begin(book.spawn("a"))
    lone.machine.disk.faults.commit_s = 5.0
    lone.tell("a", Save(b"x"))
    lone.run(3.0)
    assert book.messages("a") == [Save(b"x")]
    lone.run(20.0)
    assert book.messages("a") == [Save(b"x"), Ping(5)]
