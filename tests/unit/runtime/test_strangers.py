"""What other members may make of an actor: nothing but what it asked them for."""

from __future__ import annotations

from typing import Any

import pytest

from actors.effects import Ask, Effect
from actors.messages.base import Message, join_address
from actors.messages.envelope import Envelope
from actors.messages.ring import FrameRefused
from actors.messages.runtime import ActorFailed, Ok
from actors.runtime.actor import Actor

PEER = "b" * 32
OTHER = "c" * 32


class Outbox:
    """A network of which nothing has come back yet."""

    def __init__(self) -> None:
        self.sent: list[Envelope] = []

    def send(self, envelope: Envelope) -> None:
        self.sent.append(envelope)


class Begin(Message, frozen=True):
    pass


class Strict(Message, frozen=True):
    pass


def ask_the_peer(_actor: Actor, _message: Message) -> list[Effect]:
    return [Ask(join_address(PEER, "specs"), Ok("?"), call="question")]


def misunderstand(actor: Actor, message: Message) -> list[Effect]:
    return Actor.step(actor, message)


def answer(sender: str, *, more: bool = False) -> Envelope:
    to = "a" * 32 + "/one"
    return Envelope(to, join_address(sender, "specs"), Ok("!"), answers="question", more=more)


def asked_abroad(lone: Any) -> None:
    """Let `one` ask its question; it stays open."""
    lone.world.network = outbox = Outbox()
    lone.tell("one", Begin())
    lone.run(0.1)
    assert [sent.to for sent in outbox.sent] == [join_address(PEER, "specs")]


@pytest.mark.parametrize(
    ("sender", "heard"), [(PEER, 1), (OTHER, 0)], ids=["the member asked", "another one"]
)
def test_an_answer_passes_only_from_the_member_that_was_asked(
    begin: Any, book: Any, sender: str, heard: int
) -> None:
    book.reactions[Begin] = ask_the_peer
    lone = begin(book.spawn("one"))
    asked_abroad(lone)
    lone.world.deliver(answer(sender))
    lone.run(0.1)
    assert book.messages("one").count(Ok("!")) == heard


def test_a_call_is_answered_once_and_then_closed(begin: Any, book: Any) -> None:
    book.reactions[Begin] = ask_the_peer
    lone = begin(book.spawn("one"))
    asked_abroad(lone)
    for envelope in (answer(PEER, more=True), answer(PEER), answer(PEER)):
        lone.world.deliver(envelope)
        lone.run(0.1)
    assert book.messages("one").count(Ok("!")) == 2


def test_an_answer_to_a_call_never_made_reaches_nobody(begin: Any, book: Any) -> None:
    lone = begin(book.spawn("one"))
    lone.world.deliver(answer(PEER))
    lone.run(0.1)
    assert Ok("!") not in book.messages("one")


def test_a_peer_that_is_not_understood_is_counted_and_kills_nobody(begin: Any, book: Any) -> None:
    book.reactions[Strict] = misunderstand
    lone = begin(book.spawn("one"))
    for _ in range(5):
        lone.world.deliver(Envelope("one", join_address(PEER, "gossip"), Strict()))
    lone.run(0.5)
    assert not lone.events(ActorFailed)
    assert [event.count for event in lone.events(FrameRefused)] == [1, 2, 4]


def test_one_of_our_own_that_is_not_understood_is_our_failure(begin: Any, book: Any) -> None:
    book.reactions[Strict] = misunderstand
    lone = begin(book.spawn("one"))
    lone.tell("one", Strict(), sender="specs")
    lone.run(0.5)
    assert [event.name for event in lone.events(ActorFailed)] == ["one"]
