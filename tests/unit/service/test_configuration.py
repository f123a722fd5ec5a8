"""The layers of a service's configuration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import Refused
from actors.service.configuration import (
    APPLIED_LIMIT,
    Layers,
    environment_name,
    exported,
    merge,
    read_environment,
    read_toml,
)

values = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def nested(depth: int) -> dict[str, Any]:
    return {"x": nested(depth - 1)} if depth else {"leaf": depth}


def test_later_layers_win_key_by_key_and_arrays_are_replaced_whole() -> None:
    layers = Layers(
        default={
            "port": 1,
            "web": {"host": "d", "list": [1, 2, 3], "deep": {"a": 1}},
            "kind": {"x": 1},
        },
        environment={"port": 2, "web": {"host": "e"}},
        user={"port": 3, "web": {"list": [9]}, "kind": "now a text"},
        applied={"port": 4, "web": {"deep": {"b": 2}}, "new": True},
    )
    assert layers.merged() == {
        "port": 4,
        "web": {"host": "e", "list": [9], "deep": {"a": 1, "b": 2}},
        "kind": "now a text",
        "new": True,
    }
    assert list(layers.merged()) == ["port", "web", "kind", "new"]


@given(tables, tables)
def test_merging_adds_no_more_the_second_time_and_keeps_the_order(one: Any, two: Any) -> None:
    merged = merge(one, two)
    assert merge(merged, two) == merged
    assert merge(one, {}) == one
    assert merge({}, one) == one
    assert list(merged)[: len(one)] == list(one)
    assert set(merged) == set(one) | set(two)


def test_merging_changes_neither_layer() -> None:
    below: dict[str, Any] = {"a": {"b": 1}}
    merge(below, {"a": {"b": 2, "c": 3}})
    assert below == {"a": {"b": 1}}


def test_tables_are_merged_thirty_deep_and_no_deeper() -> None:
    merge(nested(30), nested(30))
    with pytest.raises(Refused, match="30 tables deep"):
        merge(nested(31), nested(31))
    assert Layers(default=nested(40)).merged() == nested(40)


@pytest.mark.parametrize(
    ("package", "name"),
    [("redis", "HAB_REDIS"), ("my-app_2", "HAB_MY_APP_2"), ("bldr-url", "HAB_BLDR_URL")],
)
def test_the_environment_is_named_after_the_package(package: str, name: str) -> None:
    assert environment_name(package) == name


@pytest.mark.parametrize(
    ("value", "table"),
    [
        ("port = 1", {"port": 1}),
        (
            '{"port": 1, "none": null, "web": {"x": null, "l": [1.5]}}',
            {"port": 1, "web": {"l": [1.5]}},
        ),
        ("", {}),
        ("{}", {}),
    ],
)
def test_the_environment_is_toml_else_json(value: str, table: dict[str, Any]) -> None:
    assert read_environment(value, "HAB_X") == table


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("port", "neither TOML nor JSON"),
        ("[1, 2]", "not an object"),
        ('{"a": [null]}', "null in an array"),
        ('{"a": 99999999999999999999}', "64 bits"),
        ("a = " + "9" * 5_000, "neither"),
        ('{"a": ' + "[" * 100_000, "neither"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nested deeper"),
    ],
)
def test_an_environment_that_is_neither_is_refused(value: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as caught:
        read_environment(value, "HAB_X")
    assert caught.value.code == "bad-config"
    assert "HAB_X" in str(caught.value)


def test_toml_1_1_is_read() -> None:
    text = 'a = {\n  x = 1,\n  y = 2,\n}\nb = "\\e\\x41"\nc = 07:32\n'
    table = read_toml(text, "default.toml")
    assert table["a"] == {"x": 1, "y": 2}
    assert table["b"] == "\x1bA"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"a = 1\nb = \n", "line 2, column 5"),
        (b"a = 1\na = 2\n", "not TOML"),
        (b"\xff", "not UTF-8"),
        (b"a = 9223372036854775808", "a is beyond integers of 64 bits"),
        (b"[t]\na = [[9223372036854775808]]", "t.a is beyond"),
        (b"a = " + b"[" * 10_000, "not TOML"),
        (b"a = " + b"[" * 100 + b"]" * 100, "nested deeper"),
        (b"a = " + b"9" * 5_000, "not TOML"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_place(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as caught:
        read_toml(data, "user.toml of redis")
    assert str(caught.value).startswith("user.toml of redis cannot be used: ")


def test_what_is_applied_has_a_limit() -> None:
    fits = b'a = "' + b"x" * (APPLIED_LIMIT - 6) + b'"'
    assert read_toml(fits, "x", APPLIED_LIMIT)
    with pytest.raises(Refused, match="at most 65536"):
        read_toml(fits + b" ", "x", APPLIED_LIMIT)


def test_exports_walk_the_merged_configuration_as_habitat_does() -> None:
    table = read_toml("port = 1\nday = 2026-11-24\n[web]\nhost = 'h'\n[web.tls]\non = true\n", "x")
    paths = {
        "port": "port",
        "host": "web.host",
        "tls": "web.tls",
        "day": "day",
        "through-a-gap": "web.nope.host",
        "from-a-gap": "nope.port",
        "missing": "web.nope",
        "below-a-text": "web.host.x",
    }
    assert exported(paths, table) == {
        "port": 1,
        "host": "h",
        "tls": {"on": True},
        "day": "2026-11-24",
        "through-a-gap": "h",
        "from-a-gap": 1,
    }
