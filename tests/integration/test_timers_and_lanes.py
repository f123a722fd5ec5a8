import threading
from collections.abc import Callable, Iterator

import pytest

from actors.adapters.clock import SystemClock
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.timers import ThreadTimers


@pytest.fixture
def timers() -> Iterator[ThreadTimers]:
    timers = ThreadTimers(SystemClock())
    yield timers
    timers.close()


def test_timers_run_in_the_order_they_fall_due(timers: ThreadTimers) -> None:
    order: list[int] = []
    over = threading.Event()
    timers.after(0.15, over.set)
    for number in (3, 1, 2):
        timers.after(number * 0.02, lambda number=number: order.append(number))
    assert over.wait(10)
    assert order == [1, 2, 3]


def test_equal_times_run_in_the_order_of_setting(timers: ThreadTimers) -> None:
    order: list[int] = []
    over = threading.Event()
    for number in range(100):
        timers.after(0.0, lambda number=number: order.append(number))
    timers.after(0.05, over.set)
    assert over.wait(10)
    assert order == list(range(100))


def test_a_timer_never_runs_early(timers: ThreadTimers) -> None:
    clock = SystemClock()
    over = threading.Event()
    ran: list[float] = []
    due = clock.now() + 0.05
    timers.after(0.05, lambda: (ran.append(clock.now()), over.set())[0])
    assert over.wait(10)
    assert ran[0] >= due


def test_a_cancelled_timer_never_runs_and_thousands_of_them_cost_nothing(
    timers: ThreadTimers,
) -> None:
    ran: list[int] = []
    over = threading.Event()
    cancels = [timers.after(60.0, lambda n=n: ran.append(n)) for n in range(20_000)]
    for cancel in cancels[1:]:
        cancel()
        cancel()
    assert timers.pending() == 1
    assert len(timers._heap) < 1000
    at_once = timers.after(0.0, over.set)
    assert over.wait(10)
    at_once()
    cancels[0]()
    assert timers.pending() == 0
    assert ran == []


def test_a_call_that_raises_or_sets_a_timer_does_not_stop_the_others(timers: ThreadTimers) -> None:
    over = threading.Event()

    def leave() -> None:
        raise SystemExit

    timers.after(0.0, leave)
    timers.after(0.0, lambda: 1 / 0)
    timers.after(0.01, lambda: timers.after(0.01, over.set))
    assert over.wait(10)


def test_nothing_runs_after_close() -> None:
    timers = ThreadTimers(SystemClock())
    ran: list[int] = []
    timers.after(0.01, lambda: ran.append(1))
    timers.close()
    timers.after(0.0, lambda: ran.append(2))
    timers.close()
    assert not timers._thread.is_alive()
    assert ran in ([], [1])


class Call:
    def __init__(self, call: Callable[[], None]) -> None:
        self.turn = call


def test_a_busy_normal_lane_does_not_delay_the_urgent_one() -> None:
    dispatcher = ThreadDispatcher()
    release, urgent, held = threading.Event(), threading.Event(), threading.Event()
    dispatcher.ready(Call(lambda: (held.set(), void(release.wait(10)))[1]), "normal")
    assert held.wait(10)
    dispatcher.ready(Call(urgent.set), "urgent")
    assert urgent.wait(10)
    release.set()
    dispatcher.close()


def test_a_turn_that_raises_ends_no_lane() -> None:
    dispatcher = ThreadDispatcher()
    over = threading.Event()

    def leave() -> None:
        raise SystemExit

    for turn in (leave, lambda: void(1 / 0), over.set):
        dispatcher.ready(Call(turn), "normal")
    assert over.wait(10)
    dispatcher.close()


def test_close_serves_what_is_queued_and_may_be_called_from_a_turn() -> None:
    dispatcher = ThreadDispatcher()
    ran: list[int] = []
    for number in range(100):
        dispatcher.ready(Call(lambda number=number: ran.append(number)), "normal")
    dispatcher.ready(Call(dispatcher.close), "urgent")
    dispatcher.close()
    assert ran == list(range(100))


def void(_value: object) -> None:
    pass
