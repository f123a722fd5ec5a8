"""The order of versions is an order; what satisfies is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.depot.builder_order import builder_key, builder_version, newest_in_builder
from actors.depot.ident import PackageIdent, compare_versions, newest, parse_ident, version_parts

versions = st.one_of(
    st.text("0123456789.", min_size=1, max_size=8),
    st.text("019.-aR", min_size=1, max_size=8),
    st.text(min_size=1, max_size=6),
)
numbered = versions.filter(lambda v: version_parts(v) is not None)
parts = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)


@given(versions, versions)
def test_comparing_the_other_way_round_says_the_opposite(one: str, other: str) -> None:
    assert compare_versions(one, other) == -compare_versions(other, one)


@given(st.lists(numbered, min_size=3, max_size=3))
def test_versions_with_numbers_are_ordered_transitively(three: list[str]) -> None:
    one, two, last = three
    if compare_versions(one, two) <= 0 and compare_versions(two, last) <= 0:
        assert compare_versions(one, last) <= 0


@given(parts, parts, parts, parts)
def test_an_identifier_survives_its_text_and_satisfies_its_beginnings(
    origin: str, name: str, version: str, release: str
) -> None:
    ident = PackageIdent(origin, name, version, release)
    assert parse_ident(str(ident)) == ident
    assert ident.full
    for wanted in (PackageIdent(origin, name), PackageIdent(origin, name, version), ident):
        assert ident.satisfies(wanted)
        assert newest(wanted, [ident]) == ident
    assert not PackageIdent(origin, name).satisfies(ident)


@given(st.lists(st.tuples(numbered, parts), min_size=1, max_size=6))
def test_nothing_that_satisfies_is_newer_than_the_newest(found: list[tuple[str, str]]) -> None:
    there = [PackageIdent("o", "n", version, release) for version, release in found]
    best = newest(PackageIdent("o", "n"), there)
    assert best is not None
    for ident in there:
        order = compare_versions(best.version, ident.version)
        assert order >= 0
        if order == 0:
            assert best.release >= ident.release


@given(st.lists(versions, min_size=3, max_size=3))
def test_builder_s_order_is_total_over_versions_with_a_digit(three: list[str]) -> None:
    one, two, last = (builder_version(version) for version in three)
    if one is None or two is None or last is None:
        return
    assert (one < two) + (two < one) + (one == two) == 1
    if one <= two <= last:
        assert one <= last


@given(versions, versions)
def test_the_two_orders_part_only_over_zeros_dashes_and_odd_dots(one: str, other: str) -> None:
    """Where both orders have numbers of the same length and no extension, they agree."""
    left, right = builder_version(one), builder_version(other)
    if left is None or right is None or version_parts(one) is None or version_parts(other) is None:
        return
    if (
        left.extension is None
        and right.extension is None
        and len(left.numbers) == len(right.numbers)
    ):
        assert compare_versions(one, other) == (left > right) - (left < right)


@given(st.lists(st.tuples(versions, parts), max_size=6))
def test_nothing_that_satisfies_is_newer_in_builder_than_the_newest(
    found: list[tuple[str, str]],
) -> None:
    there = [PackageIdent("o", "n", version, release) for version, release in found]
    best = newest_in_builder(PackageIdent("o", "n"), there)
    keys = [key for ident in there if (key := builder_key(ident)) is not None]
    if best is None:
        assert keys == []
    else:
        assert builder_key(best) == max(keys)
