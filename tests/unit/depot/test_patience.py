"""How long a client waits, and what it takes for stalled."""

from __future__ import annotations

import pytest

from actors.depot.patience import Pace, Patience, check_file_name, resumes_at
from actors.errors import RemoteError


def test_delays_are_fibonacci_numbers_of_the_unit() -> None:
    patience = Patience(unit_s=2.0)
    assert patience.delays_s(6) == [2.0, 2.0, 4.0, 6.0, 10.0]
    assert patience.delays_s(1) == []


def test_a_byte_a_second_is_stalled_after_one_window_however_steady() -> None:
    pace = Pace(Patience(window_s=10.0, floor=100.0), 0.0)
    for second in range(1, 10):
        pace.moved(1, float(second))
    with pytest.raises(RemoteError, match="too slow"):
        pace.moved(1, 10.0)


def test_a_transfer_that_moves_is_never_stalled_however_long_it_takes() -> None:
    pace = Pace(Patience(window_s=10.0, floor=100.0), 0.0)
    for second in range(1, 5000):
        pace.moved(150, float(second))
    with pytest.raises(RemoteError):  # … until it stalls
        pace.moved(0, 5020.0)


def test_only_the_file_that_was_asked_for_is_taken() -> None:
    check_file_name("a-b-1-2-x86_64-linux.hart", "a-b-1-2-x86_64-linux.hart")
    for name in (None, "", "../../etc/passwd", "/etc/passwd", "other.hart"):
        with pytest.raises(RemoteError):
            check_file_name(name, "a-b-1-2-x86_64-linux.hart")


def test_a_range_goes_on_where_the_file_ends_or_not_at_all() -> None:
    assert resumes_at("bytes 100-199/200", 100)
    for given in (None, "", "bytes 0-199/200", "bytes 1000-1/2", "100-"):
        assert not resumes_at(given, 100)
