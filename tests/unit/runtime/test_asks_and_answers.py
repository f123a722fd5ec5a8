"""Every ask is answered once by somebody, or said to be unanswerable."""

from __future__ import annotations

from typing import Any

import pykka
import pytest

from actors.effects import Ask, Effect, Emit, Reply, RestartPolicy, Send
from actors.errors import ActorDiedError, ActorUnavailableError
from actors.messages.base import Event, Message
from actors.messages.envelope import Envelope, Ticket
from actors.messages.runtime import CallFailed, KillActor, Ok
from actors.runtime.actor import Actor
from actors.runtime.mailbox import LIMIT
from actors.runtime.structure import StopChild


class Question(Message, frozen=True):
    text: str = ""


class Forward(Message, frozen=True):
    to: str


class Fail(Message, frozen=True):
    pass


class Numbered(Message, frozen=True):
    event_id: str = ""


class Happened(Event, frozen=True):
    what: str


def fail(_actor: Actor, _message: Message) -> list[Effect]:
    raise ValueError("on purpose")


def kind(answer: Message | None) -> str:
    assert isinstance(answer, CallFailed), answer
    return answer.kind


def test_an_ask_to_a_name_nobody_had_is_answered_died(begin: Any) -> None:
    assert kind(begin().ask("nobody", Question())) == "ActorDiedError"


def test_an_ask_to_a_restarting_actor_is_answered_unavailable(begin: Any, book: Any) -> None:
    book.reactions[Fail] = fail
    slow = RestartPolicy(backoff_min_s=2.0, backoff_max_s=2.0)
    lone = begin(book.spawn("a", slow))
    lone.tell("a", Fail())
    lone.run(1.0)
    assert kind(lone.ask("a", Question())) == "ActorUnavailableError"


def test_an_ask_to_an_actor_that_is_dead_for_good_is_answered_died(begin: Any, book: Any) -> None:
    book.reactions[Fail] = fail
    lone = begin(book.spawn("a", RestartPolicy(max_restarts=0)), book.spawn("b"))
    lone.tell("a", Fail())
    lone.tell("node", StopChild("b"))
    lone.run()
    assert kind(lone.ask("a", Question())) == "ActorDiedError"
    assert kind(lone.ask("b", Question())) == "ActorDiedError"


def test_asks_left_unread_by_a_dead_instance_are_answered(begin: Any, book: Any) -> None:
    book.reactions[Fail] = fail
    lone = begin(book.spawn("a"))
    answers: list[Envelope] = []
    lone.tell("a", Fail())
    lone.world.call("a", Question(), answers.append)
    lone.run()
    assert [kind(envelope.message) for envelope in answers] == ["ActorUnavailableError"]


def test_an_answer_carries_the_callers_word_and_comes_as_mail(begin: Any, book: Any) -> None:
    seen: list[tuple[str, str]] = []

    def note(actor: Actor, _message: Message) -> list[Effect]:
        seen.append((actor.envelope.sender, actor.envelope.answers))
        return []

    book.reactions[Forward] = lambda _actor, message: [Ask(message.to, Question("?"), "my-call")]
    book.reactions[Question] = lambda _actor, _message: [Reply(Ok("!"))]
    book.reactions[Ok] = note
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Forward("b"))
    lone.run()
    assert book.messages("a") == [Forward("b"), Ok("!")]
    assert seen == [("b", "my-call")]


def test_a_forwarded_ticket_is_answered_by_whoever_settles_it(begin: Any, book: Any) -> None:
    book.reactions[Forward] = lambda actor, message: [
        Send(message.to, Question("for you"), actor.envelope.ticket)
    ]
    book.reactions[Question] = lambda _actor, message: [Reply(Ok(message.text))]
    lone = begin(book.spawn("a"), book.spawn("b"))
    assert lone.ask("a", Forward("b")) == Ok("for you")


def test_a_forwarded_ticket_to_the_dead_is_answered_too(begin: Any, book: Any) -> None:
    book.reactions[Forward] = lambda actor, message: [
        Send(message.to, Question(), actor.envelope.ticket)
    ]
    lone = begin(book.spawn("a"))
    assert kind(lone.ask("a", Forward("nobody"))) == "ActorDiedError"


def test_progress_comes_before_the_last_answer(begin: Any, book: Any) -> None:
    book.reactions[Question] = lambda _actor, _message: [
        Reply(Ok("1"), more=True),
        Reply(Ok("2"), more=True),
        Reply(Ok("3")),
    ]
    lone = begin(book.spawn("a"))
    answers: list[Envelope] = []
    lone.world.call("a", Question(), answers.append)
    lone.run()
    assert [(e.message, e.more) for e in answers] == [
        (Ok("1"), True),
        (Ok("2"), True),
        (Ok("3"), False),
    ]


def test_a_reply_to_what_nobody_asked_goes_to_the_sender(begin: Any, book: Any) -> None:
    book.reactions[Forward] = lambda _actor, message: [Send(message.to, Question())]
    book.reactions[Question] = lambda _actor, _message: [Reply(Ok("heard"))]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Forward("b"))
    lone.run()
    assert book.messages("a") == [Forward("b"), Ok("heard")]


def test_event_ids_left_empty_are_filled_with_the_last_event_of_the_turn(
    begin: Any, book: Any
) -> None:
    book.reactions[Question] = lambda _actor, _message: [
        Send("b", Numbered()),
        Emit(Happened("first")),
        Send("b", Numbered()),
        Emit(Happened("second")),
        Send("b", Numbered("given")),
        Reply(Ok()),
    ]
    lone = begin(book.spawn("a"), book.spawn("b"))
    answer = lone.ask("a", Question())
    ids = {e.event.what: e.id for e in lone.ring.log.events if isinstance(e.event, Happened)}
    lone.run()
    assert book.messages("b") == [Numbered(), Numbered(ids["first"]), Numbered("given")]
    assert answer == Ok(event_id=ids["second"])


def test_what_an_event_leads_to_names_it_as_its_cause(begin: Any, book: Any) -> None:
    book.reactions[Forward] = lambda _actor, message: [
        Emit(Happened("first")),
        Send(message.to, Question()),
    ]
    book.reactions[Question] = lambda _actor, _message: [Emit(Happened("second"))]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Forward("b"), trace="t1")
    lone.run()
    first, second = (e for e in lone.ring.log.events if isinstance(e.event, Happened))
    assert second.cause == first.id
    assert (first.trace, second.trace) == ("t1", "t1")


def test_an_overloaded_mailbox_ends_its_instance_and_answers_what_it_held(
    begin: Any, book: Any
) -> None:
    lone = begin(book.spawn("a"))
    answers: list[Envelope] = []
    lone.world.call("a", Question("last"), answers.append)
    for _ in range(LIMIT + 1):
        lone.tell("a", Question())
    lone.wait(lambda: ("a", 2) in book.began)
    lone.run()
    handled = len(book.messages("a", instance=1))
    assert handled < LIMIT
    assert len(answers) <= 1
    assert not book.messages("a", instance=2)


def test_an_ask_from_outside_raises_the_matching_error(begin: Any, book: Any) -> None:
    book.reactions[Fail] = fail
    slow = RestartPolicy(backoff_min_s=5.0, backoff_max_s=5.0)
    lone = begin(book.spawn("a", slow))
    with pytest.raises(ActorDiedError):
        lone.world.ask("nobody", Question()).get(timeout=0)
    lone.tell("a", Fail())
    lone.run(1.0)
    with pytest.raises(ActorUnavailableError):
        lone.world.ask("a", Question()).get(timeout=0)


def test_an_ask_nobody_answers_times_out_and_a_forgotten_call_hears_nothing(
    begin: Any, book: Any
) -> None:
    lone = begin(book.spawn("a"))
    with pytest.raises(pykka.Timeout):
        lone.world.ask("a", Question()).get(timeout=0)
    answers: list[Envelope] = []
    forget = lone.world.call("a", Question(), answers.append)
    forget()
    lone.tell("call/1", Ok(), ticket=Ticket("x", "y"))
    lone.tell("node", KillActor("a"))
    lone.run()
    assert answers == []


def test_where_nobody_waits_no_answer_goes_to_who_passed_the_question_on(
    begin: Any, book: Any
) -> None:
    book.reactions[Ok] = lambda _actor, _message: [Reply(Ok("an answer"))]
    lone = begin(book.spawn("a"), book.spawn("b"))
    lone.tell("a", Ok("?"), sender="b", ticket=Ticket("", ""))
    lone.run(0.1)
    assert book.messages("a") == [Ok("?")]
    assert book.messages("b") == []
