"""The five overrides this runtime makes of pykka, and the behaviour of pykka they rely on."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pykka
import pytest

from actors.effects import Effect, Send
from actors.messages.base import Message
from actors.messages.runtime import ActorFailed
from actors.runtime.actor import Actor
from actors.runtime.mailbox import Mailbox, MailboxEmpty


class Ping(Message, frozen=True):
    number: int = 0


class Exit(Message, frozen=True):
    pass


def test_the_pinned_minor_version_of_pykka_is_installed() -> None:
    assert version("pykka").startswith("4.5.")


def test_an_exception_of_the_inbox_ends_pykkas_loop_cleanly() -> None:
    class EmptyError(Exception):
        pass

    class Inbox:
        def get(self) -> Any:
            raise EmptyError

        def empty(self) -> bool:
            return True

    class Raw(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Inbox()

    actor = Raw()
    with pytest.raises(EmptyError):
        actor._actor_loop_running()
    assert not actor.actor_stopped.is_set()


def test_the_inbox_hook_gives_an_actor_our_mailbox(begin: Any, book: Any) -> None:
    begin(book.spawn("a"))
    actor = book.instance("a")
    assert isinstance(actor.actor_inbox, Mailbox)
    assert actor.actor_ref.actor_inbox is actor.actor_inbox
    with pytest.raises(MailboxEmpty):
        actor.actor_inbox.get()


def test_the_future_hook_stays_static_and_makes_a_future() -> None:
    assert isinstance(Actor.__dict__["_create_future"], staticmethod)
    assert isinstance(Actor._create_future(), pykka.ThreadingFuture)


def test_starting_leaves_the_registry_alone(begin: Any, book: Any) -> None:
    lone = begin(book.spawn("a"), book.spawn("b"))
    assert "a" in lone.world.cells
    assert pykka.ActorRegistry.get_all() == []


def test_the_start_hook_makes_started_the_first_turn(begin: Any, book: Any) -> None:
    book.at_start["a"] = lambda actor: [Send("a", Ping(1)), *_noted(book, actor)]
    lone = begin(book.spawn("a"))
    assert book.began == [("a", 1)]
    assert book.messages("a") == [Ping(1)]
    assert not lone.events(ActorFailed)


def _noted(book: Any, actor: Actor) -> list[Effect]:
    assert book.messages(actor.context.name) == []
    return []


def test_a_failure_is_told_once_with_its_traceback(begin: Any, book: Any) -> None:
    def fail(_actor: Actor, _message: Message) -> list[Effect]:
        raise ValueError("on purpose")

    book.reactions[Ping] = fail
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Ping())
    lone.run()
    failures = lone.events(ActorFailed)
    assert [(f.name, f.instance, f.error) for f in failures] == [("a", 1, "ValueError: on purpose")]
    assert "on purpose" in failures[0].traceback


def test_a_failing_start_is_a_failure_like_any(begin: Any, book: Any) -> None:
    failed: list[int] = []

    def fail_once(_actor: Actor) -> list[Effect]:
        if not failed:
            failed.append(1)
            raise RuntimeError("not yet")
        return []

    book.at_start["a"] = fail_once
    lone = begin(book.spawn("a"))
    lone.wait(lambda: book.began == [("a", 1), ("a", 2)])
    assert [f.error for f in lone.events(ActorFailed)] == ["RuntimeError: not yet"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_base_exception_in_one_actor_leaves_the_others_alive(
    begin: Any, book: Any, error: type[BaseException]
) -> None:
    raised: list[int] = []

    def leave(_actor: Actor, _message: Message) -> list[Effect]:
        raised.append(1)
        raise error("out")

    book.reactions[Exit] = leave
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Exit())
    if error is KeyboardInterrupt:  # the person at the keyboard ends a simulation, nobody else
        with pytest.raises(KeyboardInterrupt):
            lone.run()
    lone.run()
    lone.tell("b", Ping())
    lone.run()
    assert book.messages("b") == [Ping()]
    assert raised == [1]
    lone.wait(lambda: ("a", 2) in book.began)


def test_effects_of_a_step_that_raises_never_leave(begin: Any, book: Any) -> None:
    def half(_actor: Actor, _message: Message) -> list[Effect]:
        effects: list[Effect] = [Send("b", Ping(7))]
        if effects:
            raise ValueError("after deciding to send")
        return effects

    book.reactions[Exit] = half
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Exit())
    lone.run()
    assert book.messages("b") == []
