"""Timers die with their instance; a name holds one timer."""

from __future__ import annotations

from typing import Any

from actors.effects import After, Cancel, Effect
from actors.messages.base import Message
from actors.messages.runtime import KillActor
from actors.runtime.actor import Actor
from actors.simulation.lanes import Pace

LATE = Pace(late=0.0, slow=1.0, slow_ns=2_000_000_000)  # each turn takes up to two seconds


class Set(Message, frozen=True):
    delay_s: float
    number: int
    name: str = ""


class Forget(Message, frozen=True):
    name: str


class Due(Message, frozen=True):
    number: int


def rules(book: Any) -> None:
    book.reactions[Set] = lambda _actor, m: [After(m.delay_s, Due(m.number), m.name)]
    book.reactions[Forget] = lambda _actor, m: [Cancel(m.name)]


def due(book: Any) -> list[int]:
    return [m.number for m in book.messages("a") if isinstance(m, Due)]


def test_a_timer_comes_when_its_time_is_over(begin: Any, book: Any) -> None:
    rules(book)
    lone = begin(book.spawn("a"))
    lone.tell("a", Set(5.0, 1))
    lone.run(4.99)
    assert due(book) == []
    lone.run(0.1)
    assert due(book) == [1]


def test_a_name_set_again_replaces_the_earlier_timer(begin: Any, book: Any) -> None:
    rules(book)
    lone = begin(book.spawn("a"))
    for number in (1, 2, 3):
        lone.tell("a", Set(float(number), number, "probe"))
    lone.tell("a", Set(1.0, 4))
    lone.run(10.0)
    assert due(book) == [4, 3]


def test_a_cancelled_timer_does_not_come_and_unknown_names_are_fine(begin: Any, book: Any) -> None:
    rules(book)
    lone = begin(book.spawn("a"))
    lone.tell("a", Set(1.0, 1, "probe"))
    lone.tell("a", Forget("probe"))
    lone.tell("a", Forget("never set"))
    lone.run(5.0)
    assert due(book) == []


def test_a_timer_already_in_the_mailbox_is_void_once_cancelled_or_set_again(
    begin: Any, book: Any
) -> None:
    rules(book)
    for seed in range(20):
        book.heard.clear()
        lone = begin(book.spawn("a"), seed=str(seed), pace=LATE)
        lone.tell("a", Set(0.5, 1, "probe"))
        lone.tell("a", Due(0))  # busy: the reminder arrives behind what follows, or before it
        lone.tell("a", Set(3.0, 2, "probe"))
        lone.tell("a", Forget("probe"))
        lone.run(30.0)
        numbers = due(book)
        forgotten = book.messages("a").index(Forget("probe"))
        after = [m.number for m in book.messages("a")[forgotten:] if isinstance(m, Due)]
        assert after == [], numbers


def test_timers_of_an_instance_die_with_it(begin: Any, book: Any) -> None:
    rules(book)
    lone = begin(book.spawn("a"))
    lone.tell("a", Set(2.0, 1, "named"))
    lone.tell("a", Set(2.0, 2))
    lone.run(1.0)
    lone.tell("node", KillActor("a"))
    lone.run(10.0)
    assert ("a", 2) in book.began
    assert due(book) == []


def test_a_fired_name_can_be_set_again_by_its_own_message(begin: Any, book: Any) -> None:
    def again(_actor: Actor, message: Any) -> list[Effect]:
        return [After(1.0, Due(message.number + 1), "tick")] if message.number < 5 else []

    book.reactions[Due] = again
    lone = begin(book.spawn("a"))
    lone.tell("a", Due(1))
    lone.run(10.0)
    assert due(book) == [1, 2, 3, 4, 5]
