from hypothesis import given
from hypothesis import strategies as st

from actors.control.window import RequestWindow
from actors.messages.runtime import CallFailed, Ok


def test_the_first_of_its_id_is_to_be_done() -> None:
    assert RequestWindow().begin("a", "call-1", now=0.0) is None


def test_the_same_request_while_open_leads_to_the_first_call() -> None:
    window = RequestWindow()
    window.begin("a", "call-1", now=0.0)
    assert window.begin("a", "call-2", now=1.0) == "call-1"


def test_the_same_request_once_answered_gets_the_same_answer() -> None:
    window = RequestWindow()
    window.begin("a", "call-1", now=0.0)
    window.settle("a", Ok("done"))
    assert window.begin("a", "call-2", now=1.0) == Ok("done")


def test_a_refusal_is_an_answer_too() -> None:
    window = RequestWindow()
    window.begin("a", "call-1", now=0.0)
    window.settle("a", CallFailed("Refused", "no"))
    assert window.begin("a", "call-2", now=1.0) == CallFailed("Refused", "no")


def test_an_unknown_outcome_is_tried_again() -> None:
    window = RequestWindow()
    window.begin("a", "call-1", now=0.0)
    window.settle("a", CallFailed("ActorUnavailableError", "it died"))
    assert window.begin("a", "call-2", now=1.0) is None


def test_what_has_left_the_window_is_done_again() -> None:
    window = RequestWindow(window_s=10.0)
    window.begin("a", "call-1", now=0.0)
    window.settle("a", Ok())
    assert window.begin("a", "call-2", now=10.0) is None


def test_an_answer_after_its_entry_was_forgotten_changes_nothing() -> None:
    window = RequestWindow(size=1)
    window.begin("a", "call-1", now=0.0)
    window.begin("b", "call-2", now=0.0)
    window.settle("a", Ok())
    assert window.begin("a", "call-3", now=0.0) is None


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 5)), max_size=100))
def test_the_window_is_bounded_whatever_is_asked(steps: list[tuple[int, float]]) -> None:
    window = RequestWindow(window_s=20.0, size=8)
    now = 0.0
    for number, later in steps:
        now += later
        window.begin(str(number), f"call-{number}", now)
        assert len(window) <= 8


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_within_the_window_each_request_is_done_once(ids: list[str]) -> None:
    window = RequestWindow()
    done: list[str] = []
    for number, request_id in enumerate(ids):
        if window.begin(request_id, str(number), now=float(number)) is None:
            done.append(request_id)
            window.settle(request_id, Ok())
    assert sorted(done) == sorted(set(ids))
