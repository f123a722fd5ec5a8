from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.hlc import MAX_AHEAD_S, Hlc, is_too_far_ahead, pack, wall_s

WALLS = st.floats(min_value=-10.0, max_value=4e9, allow_nan=False)
NEAR = st.floats(min_value=1.7e9, max_value=1.7e9 + 50, allow_nan=False)


@given(st.lists(WALLS, max_size=50))
def test_readings_grow_strictly_however_the_wall_clock_steps(walls: list[float]) -> None:
    clock = Hlc()
    readings = [clock.tick(wall) for wall in walls]
    assert readings == sorted(set(readings))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), NEAR), max_size=60))
def test_a_receipt_reads_later_than_its_sending_and_than_all_before_it(
    talk: list[tuple[int, int, float]],
) -> None:
    members = [Hlc() for _ in range(3)]
    for sender, receiver, wall in talk:
        sent = members[sender].tick(wall)
        before = members[receiver].last
        received = members[receiver].merge(sent, wall)
        assert received > sent
        assert received > before


@given(NEAR, st.floats(min_value=MAX_AHEAD_S + 1, max_value=1e8))
def test_a_clock_too_far_ahead_is_not_merged(wall: float, ahead: float) -> None:
    clock = Hlc()
    remote = pack(wall + ahead)
    assert is_too_far_ahead(remote, wall)
    assert wall_s(clock.merge(remote, wall)) <= wall


@given(NEAR, st.floats(min_value=0, max_value=MAX_AHEAD_S))
def test_skew_within_the_bound_is_merged(wall: float, ahead: float) -> None:
    clock = Hlc()
    remote = pack(wall + ahead)
    assert not is_too_far_ahead(remote, wall)
    assert clock.merge(remote, wall) > remote


def test_a_full_counter_carries_and_stays_monotone() -> None:
    clock = Hlc()
    readings = [clock.tick(1.0) for _ in range(70_000)]
    assert len(set(readings)) == 70_000
    assert clock.tick(10.0) == pack(10.0)
