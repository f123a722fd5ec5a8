import pytest

from actors.eventlog.filters import (
    MAX_LIMIT,
    MAX_PAGE_BYTES,
    Filter,
    fitting,
    limit_of,
    matches,
    means_member,
    means_ring,
    size,
)
from actors.messages.events import EventRecord, QueryEvents

ME = "a1b2c3d4" + "0" * 24


def event(**fields: object) -> EventRecord:
    values = {"id": f"{ME}:1:1", "wall": 100.0, "hlc": 10, "actor": "a", "kind": "K", "text": ""}
    return EventRecord(**(values | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("glob", "text", "fits"),
    [
        ("*", "", True),
        ("service/*", "service/redis/deep", True),
        ("service/?", "service/ab", False),
        ("service/[rs]*", "service/redis", True),
        ("service/[!r]*", "service/redis", False),
        ("a.b", "axb", False),
        ("a[", "a[", True),
        ("service", "service/redis", False),
    ],
)
def test_globs_are_the_shells(glob: str, text: str, fits: bool) -> None:
    assert matches(glob, text) is fits


def test_case_counts_unless_told_otherwise() -> None:
    assert not matches("K", "k")
    assert matches("K", "k", ignore_case=True)


def test_the_beginning_of_a_members_id_means_it() -> None:
    assert means_member("a1b2", ME)
    assert means_member("*", ME)
    assert means_member("A1B2C3D4", ME)
    assert means_member("?1b2*", ME)
    assert not means_member("b2", ME)
    assert means_member("beta", ME, "beta")
    assert means_member("be*", ME, "beta")
    assert not means_member("bet", ME, "beta")
    assert not means_member("?1b2", ME)


def test_naming_a_member_means_the_ring() -> None:
    assert not means_ring(QueryEvents())
    assert means_ring(QueryEvents(member="a1"))
    assert means_ring(QueryEvents(ring=True))


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (QueryEvents(), True),
        (QueryEvents(actor="b"), False),
        (QueryEvents(kind="k"), True),
        (QueryEvents(kind="L"), False),
        (QueryEvents(since=100.0, until=100.0), True),
        (QueryEvents(since=100.1), False),
        (QueryEvents(until=99.9), False),
        (QueryEvents(after_hlc=9, after="z"), True),
        (QueryEvents(after_hlc=10, after=f"{ME}:1:1"), False),
        (QueryEvents(after_hlc=10, after=""), True),
        (QueryEvents(after_hlc=11), False),
        (QueryEvents(after="an id alone is for the member that holds it"), True),
    ],
)
def test_all_conditions_have_to_hold(query: QueryEvents, fits: bool) -> None:
    assert Filter.of(query).admits(event()) is fits


def test_a_page_ends_at_its_limit_or_when_it_is_full_and_holds_at_least_one() -> None:
    small = [event(hlc=n) for n in range(5)]
    assert fitting(small, 5) == (tuple(small), False)
    assert fitting(small, 4) == (tuple(small[:4]), True)
    assert fitting([], 4) == ((), False)
    large = [event(text="x" * (MAX_PAGE_BYTES // 2)) for _ in range(3)]
    assert fitting(large, 9) == ((large[0],), True)
    assert fitting(large[:1], 9) == ((large[0],), False)
    assert fitting([event(text="x" * 2 * MAX_PAGE_BYTES)], 9)[1] is False


def test_pages_are_bounded_whatever_is_asked_for() -> None:
    assert [limit_of(QueryEvents(limit=n)) for n in (-1, 0, 7, 10**9)] == [1, 1, 7, MAX_LIMIT]
    assert size(event(fields={"note": "x" * 1000})) > 1200
