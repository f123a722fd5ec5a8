"""Builder's JSON: pages, packages, and hostile answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.artifact import Description
from actors.depot.builder import (
    PAGE,
    IdentJson,
    PackageJson,
    PageJson,
    ident_json,
    number,
    package_json,
    page,
    parse_range,
    read_ident_json,
    read_json,
)
from actors.depot.ident import PackageIdent
from actors.errors import RemoteError, UsageError

IDENT = "acme/web/1.0/20260101000000"


@given(st.integers(0, 170))
def test_a_client_that_asks_until_200_gets_every_item_once(count: int) -> None:
    items, got = list(range(count)), list[int]()
    for _ in range(10):
        shown = page(items, len(got))
        got += shown.items
        if shown.status == 200:
            break
    assert got == items


def test_a_page_counts_as_builder_does() -> None:
    first = page(list(range(120)), 0)
    assert (first.start, first.end, first.total, first.status) == (0, PAGE - 1, 120, 206)
    last = page(list(range(120)), 100)
    assert (last.start, last.end, last.status, len(last.items)) == (100, 119, 200, 20)
    assert page([], 0).json(str) == {
        "range_start": 0,
        "range_end": 0,
        "total_count": 0,
        "data": [],
    }
    assert page(list(range(120)), -1).status == 200
    assert page(list(range(10)), 50).status == 200


@pytest.mark.parametrize("text", ["x", "1.5", "9" * 13, "--1", "1 "])
def test_a_range_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_range(text)


def test_an_absent_range_begins_at_the_beginning() -> None:
    assert (parse_range(None), parse_range(""), parse_range("-1"), parse_range("50")) == (
        0,
        0,
        -1,
        50,
    )


def test_a_package_has_every_field_that_habitats_client_requires() -> None:
    description = Description(
        ident=IDENT,
        target="x86_64-linux",
        checksum="ab" * 32,
        size=7,
        uploaded="2026-01-01T00:00:00.000",
        tdeps=("core/glibc/1/2",),
        config="port = 1",
        manifest="# m",
    )
    shown = package_json(description, ("unstable", "stable"), full=True)
    for key in ("ident", "checksum", "manifest", "config", "deps", "tdeps", "exposes"):
        assert shown[key] is not None, key
    assert (shown["config"], shown["manifest"]) == ("port = 1", "# m")
    assert shown["channels"] == ["stable", "unstable"]
    assert "size" not in shown
    brief = package_json(description, (), full=False)
    assert (brief["size"], brief["config"], brief["manifest"]) == (7, "", "")
    read = read_json(json.dumps(shown).encode(), PackageJson)
    assert str(read_ident_json(read.ident)) == IDENT
    assert [str(read_ident_json(dep)) for dep in read.tdeps] == ["core/glibc/1/2"]


def test_ids_are_decimal_text_and_the_same_for_the_same_package() -> None:
    assert number("a").isdigit()
    assert len(number("a")) == 18
    assert number("a") == number("a") != number("b")


def test_what_is_left_open_is_null() -> None:
    assert ident_json(PackageIdent("acme", "web")) == {
        "origin": "acme",
        "name": "web",
        "version": None,
        "release": None,
    }


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"{}", b'{"ident": 3}', b"\xff\xfe", b"[" * 100_000, b"null"],
)
def test_what_is_not_builders_json_is_the_depots_fault(data: bytes) -> None:
    for kind in (PackageJson, PageJson):
        with pytest.raises(RemoteError, match="not Builder's JSON"):
            read_json(data, kind)


@pytest.mark.parametrize("part", ["..", "a/b", "", "x\n", "\0"])
def test_a_depot_cannot_name_a_path(part: str) -> None:
    with pytest.raises(RemoteError):
        read_ident_json(IdentJson("acme", part, "1.0", "20260101000000"))
    with pytest.raises(RemoteError):
        read_ident_json(IdentJson("acme", "web", "1.0", None))
