import threading

import pytest

from actors.driver.refs import ObjectRef, get, wait
from actors.errors import ActorDiedError, ActorTaskError, GetTimeoutError
from actors.messages.primitives import MethodReturned
from actors.messages.runtime import CallFailed
from actors.wire.values import pack


def ref(value: object = None, *, settled: bool = True) -> ObjectRef:
    made = ObjectRef("host/c.m()", lambda address, cls: (address, cls))
    if settled:
        made.settle(MethodReturned(pack(value)))
    return made


def test_get_gives_the_value_again_and_again() -> None:
    one = ref([1, "x"])
    assert get(one) == [1, "x"]
    assert get(one) == [1, "x"]


def test_get_of_several_keeps_their_order() -> None:
    assert get([ref(1), ref(2), ref(3)]) == [1, 2, 3]


def test_get_out_of_time_is_a_timeout_error_too() -> None:
    with pytest.raises(TimeoutError):
        get(ref(settled=False), timeout=0.01)
    with pytest.raises(GetTimeoutError):
        get([ref(1), ref(settled=False)], timeout=0)


def test_an_answer_from_another_thread_wakes_get() -> None:
    one = ref(settled=False)
    timer = threading.Timer(0.02, one.settle, [MethodReturned(pack(5))])
    timer.start()
    assert get(one, timeout=5) == 5
    timer.join()


def test_the_first_answer_counts() -> None:
    one = ref(1)
    one.settle(MethodReturned(pack(2)))
    assert get(one) == 1


def test_a_failed_call_raises_what_it_failed_with() -> None:
    died, task = ref(settled=False), ref(settled=False)
    died.settle(CallFailed("ActorDiedError", "gone"))
    task.settle(CallFailed("ActorTaskError", "ValueError: x", traceback="Traceback: there"))
    with pytest.raises(ActorDiedError, match="gone"):
        get(died)
    with pytest.raises(ActorTaskError, match="ValueError: x") as raised:
        get(task)
    assert raised.value.remote_traceback == "Traceback: there"
    assert "Traceback: there" in raised.value.__notes__[0]


def test_wait_returns_as_soon_as_enough_are_ready() -> None:
    open_one, first, second = ref(settled=False), ref(1), ref(2)
    ready, rest = wait([open_one, first, second], num_returns=1, timeout=5)
    assert ready == [first]
    assert rest == [open_one, second]


def test_wait_out_of_time_gives_what_there_is() -> None:
    open_one, first = ref(settled=False), ref(1)
    assert wait([open_one, first], num_returns=2, timeout=0.01) == ([first], [open_one])


def test_wait_hears_of_answers_that_come_later() -> None:
    refs = [ref(settled=False) for _ in range(3)]
    timers = [
        threading.Timer(0.01 * n, r.settle, [MethodReturned(pack(n))]) for n, r in enumerate(refs)
    ]
    for timer in timers:
        timer.start()
    assert wait(refs, num_returns=3, timeout=5) == (refs, [])
    for timer in timers:
        timer.join()


def test_wait_and_get_take_refs_and_nothing_else() -> None:
    one = ref(1)
    with pytest.raises(TypeError):
        get(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        get([one, 5])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        wait(one)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="once"):
        wait([one, one])
    with pytest.raises(ValueError, match="num_returns"):
        wait([one], num_returns=2)
