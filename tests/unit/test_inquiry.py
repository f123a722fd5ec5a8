"""Several actors are asked the same, and whoever wanted to know hears once."""

from __future__ import annotations

from actors.effects import After, Ask, Cancel, Effect, Reply
from actors.inquiry import Inquiries
from actors.messages.base import Message
from actors.messages.envelope import Ticket
from actors.messages.runtime import Ok

ASKER = Ticket("call/1", "1")
QUESTION = Ok("how do you stand?")


def inquiries() -> Inquiries[str]:
    def due(call: str) -> Message:
        return Ok(call)

    def answer(found: list[str]) -> Message:
        return Ok(", ".join(sorted(found)))

    return Inquiries("1.1", 2.0, due, answer)


def calls(effects: list[Effect]) -> dict[str, str]:
    return {effect.to: effect.call for effect in effects if isinstance(effect, Ask)}


def test_the_answer_comes_with_the_last_one_and_once() -> None:
    open_ = inquiries()
    begun = open_.begin(["a", "b"], QUESTION, ASKER)
    asked = calls(begun)
    (overdue,) = [effect for effect in begun if isinstance(effect, After)]
    assert overdue.delay_s == 2.0
    assert open_.hear(asked["b"], ["of b"]) == []
    assert open_.hear(asked["b"], ["of b, told twice"]) == []
    assert open_.hear("query:1.0.1 a", ["for an earlier life"]) == []
    done = open_.hear(asked["a"], [])  # it refused
    assert done[0] == Cancel(overdue.name)
    assert done[1] == Reply(Ok("of b"), ASKER)
    assert open_.hear(asked["a"], ["late"]) == []
    assert open_.late(overdue.name) == []


def test_who_is_late_is_left_out() -> None:
    open_ = inquiries()
    asked = calls(open_.begin(["a", "b"], QUESTION, ASKER))
    open_.hear(asked["a"], ["of a"])
    assert open_.late(asked["a"].partition(" ")[0]) == [Reply(Ok("of a"), ASKER)]
    assert open_.hear(asked["b"], ["of b"]) == []


def test_where_nobody_is_to_be_asked_the_answer_comes_at_once() -> None:
    assert inquiries().begin([], QUESTION, ASKER) == [Reply(Ok(""), ASKER)]


def test_two_inquiries_do_not_mix() -> None:
    open_ = inquiries()
    one = calls(open_.begin(["a"], QUESTION, ASKER))
    two = calls(open_.begin(["a"], QUESTION, Ticket("call/2", "2")))
    assert one["a"] != two["a"]
    answered = open_.hear(two["a"], ["second"])
    assert answered[-1] == Reply(Ok("second"), Ticket("call/2", "2"))
    assert open_.hear(one["a"], ["first"])[-1] == Reply(Ok("first"), ASKER)
