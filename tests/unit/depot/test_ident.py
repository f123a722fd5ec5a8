"""Identifiers: Habitat's grammar, satisfaction and order."""

from __future__ import annotations

import pytest

from actors.depot.ident import (
    PackageIdent,
    compare_idents,
    compare_versions,
    newest,
    parse_ident,
    version_parts,
)
from actors.errors import UsageError


@pytest.mark.parametrize("text", ["acme/web", "acme/web/1.0", "acme/web/1.0/20260101000000"])
def test_two_to_four_parts_are_an_identifier(text: str) -> None:
    assert str(parse_ident(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web",
        "a/b/c/d/e",
        "a//b",
        "../b",
        "a/..",
        "a/b/../../c",
        "a/.",
        "a/b\0",
        "a/b/1/-x",
        "/a/b",
    ],
)
def test_anything_else_is_refused_in_habitats_words(text: str) -> None:
    with pytest.raises(UsageError, match="Invalid package identifier"):
        parse_ident(text)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0", "1.1"),
        ("1.9", "1.10"),
        ("1.0.0-alpha", "1.0.0"),
        ("1.0-alpha", "1.0-beta"),
        ("1.0-beta12", "1.0-beta2"),
        ("R9Z-9", "R16B"),
        ("R16B02-5", "R16B03-1"),
        ("R16B", "R16B03-1"),
        ("master", "tip"),
    ],
)
def test_versions_are_ordered_as_habitat_orders_them(older: str, newer: str) -> None:
    assert compare_versions(older, newer) == -1
    assert compare_versions(newer, older) == 1


def test_trailing_zeros_do_not_count() -> None:
    assert compare_versions("1.0", "1.0.0") == 0
    assert compare_versions("1", "1.0.0") == 0


@pytest.mark.parametrize("version", ["none", "19.1.0.", "..", "99999999999999999999999", ""])
def test_a_version_without_usable_numbers_has_no_parts(version: str) -> None:
    assert version_parts(version) is None


def test_what_is_left_open_is_older_and_names_that_differ_cannot_be_compared() -> None:
    bare, full = parse_ident("a/b"), parse_ident("a/b/1/2")
    assert compare_idents(bare, full) == -1
    assert compare_idents(full, parse_ident("a/b/1")) == 1
    assert compare_idents(bare, bare) is None
    assert compare_idents(bare, parse_ident("a/c")) is None


def test_the_newest_that_satisfies_is_chosen_and_the_earlier_of_equals() -> None:
    there = [
        parse_ident(t) for t in ("a/b/1.0.0/2", "a/b/1.0/2", "a/b/2.0/1", "x/b/9/1", "a/c/9/1")
    ]
    assert newest(parse_ident("a/b"), there) == there[2]
    assert newest(parse_ident("a/b/1.0"), there) == there[1]
    assert newest(PackageIdent("a", "b"), there[:2]) == there[0]
    assert newest(parse_ident("a/d"), there) is None


def test_the_file_name_is_habitats() -> None:
    ident = parse_ident("acme/web/1.0/20260101000000")
    assert ident.file_name("x86_64-linux") == "acme-web-1.0-20260101000000-x86_64-linux.hart"
