"""What other members may make of an actor: nothing but what it asked them for."""

from __future__ import annotations

from typing import Any

import pytest

from actors.effects import Ask, Effect, Watch
from actors.messages.base import Message, join_address
from actors.messages.envelope import Envelope
from actors.messages.ring import FrameRefused
from actors.messages.runtime import (
    ActorAvailable,
    ActorDied,
    ActorFailed,
    ActorKilled,
    CallFailed,
    KillActor,
    Ok,
    TraceActor,
    WatchActor,
)
from actors.runtime import guardian
from actors.runtime.actor import Actor
from actors.runtime.guardian import MAX_TRACES
from actors.runtime.world import EDGE_LIMIT

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


def from_peer(to: str, message: Message, **more: Any) -> Envelope:
    return Envelope(join_address("a" * 32, to), join_address(PEER, "node"), message, **more)


@pytest.mark.parametrize("watcher", ["one", "port/launcher", join_address(OTHER, "x"), ""])
def test_a_peer_cannot_let_our_node_speak_to_others(begin: Any, book: Any, watcher: str) -> None:
    lone = begin(book.spawn("one"))
    lone.world.network = outbox = Outbox()
    lone.world.deliver(from_peer("node", WatchActor("one", watcher)))
    lone.run(0.1)
    assert not book.messages("one")
    assert not outbox.sent
    lone.world.deliver(from_peer("node", WatchActor("one", join_address(PEER, "node"))))
    lone.run(0.1)
    assert [type(sent.message) for sent in outbox.sent] == [ActorAvailable]


def test_a_peer_tells_of_its_own_actors_alone(begin: Any, book: Any) -> None:
    theirs = join_address(OTHER, "specs")
    book.reactions[Begin] = lambda _actor, _message: [Watch(theirs)]
    lone = begin(book.spawn("one"))
    lone.world.network = Outbox()
    lone.tell("one", Begin())
    lone.run(0.1)
    lone.world.deliver(from_peer("node", ActorDied(theirs, "killed")))
    lone.run(0.1)
    assert not [m for m in book.messages("one") if isinstance(m, ActorDied)]


@pytest.mark.parametrize("path", ["port/process", "port/launcher", "port/net"])
def test_what_peers_send_reaches_no_port_that_did_not_ask_for_it(
    begin: Any, book: Any, path: str
) -> None:
    lone = begin(book.spawn("one"))
    assert lone.world.deliver(from_peer(path, Ok("!"), answers="1")) == "port"


def test_what_comes_faster_than_it_is_handled_is_dropped_before_it_kills(
    begin: Any, book: Any
) -> None:
    lone = begin(book.spawn("one"))
    taken = [lone.world.deliver(from_peer("one", Begin())) for _ in range(2 * EDGE_LIMIT)]
    assert taken == [""] * EDGE_LIMIT + ["busy"] * EDGE_LIMIT
    lone.run(5.0)
    assert len(book.messages("one")) == EDGE_LIMIT
    assert not lone.events(ActorKilled)
    assert not lone.world.deliver(from_peer("one", Begin()))


@pytest.mark.parametrize("for_s", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_trace_of_absurd_length_is_refused(begin: Any, book: Any, for_s: float) -> None:
    lone = begin(book.spawn("one"))
    refused = lone.ask("node", TraceActor("*", for_s=for_s))
    assert isinstance(refused, CallFailed)
    assert lone.world.traced == ()


def test_only_so_many_globs_are_traced_at_once(begin: Any, book: Any) -> None:
    lone = begin(book.spawn("one"))
    answers = [lone.ask("node", TraceActor(f"{n}")) for n in range(MAX_TRACES + 1)]
    assert isinstance(answers[-2], Ok)
    assert isinstance(answers[-1], CallFailed)
    assert isinstance(lone.ask("node", TraceActor("0")), Ok), "one of them may be renewed"


def test_watches_of_peers_are_bounded(
    begin: Any, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "MAX_WATCHES", 3)
    lone = begin(book.spawn("one"))
    lone.world.network = outbox = Outbox()
    for number in range(9):
        watcher = join_address(PEER, f"w{number}")
        lone.world.deliver(from_peer("node", WatchActor("one", watcher)))
    lone.run(0.1)
    outbox.sent.clear()
    lone.tell("node", KillActor("one"))
    lone.run(0.02)
    assert len({sent.to for sent in outbox.sent}) == 3
    lone.run(30.0)
    outbox.sent.clear()
    lone.world.deliver(from_peer("node", WatchActor("one", join_address(PEER, "later"))))
    lone.tell("node", KillActor("one"))
    lone.run(0.02)
    assert {sent.to for sent in outbox.sent} == {join_address(PEER, "later")}
