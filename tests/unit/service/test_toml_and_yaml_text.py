"""What our writers of TOML and YAML write reads back the same."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import TemplateError
from actors.service.toml_text import inline, toml_document
from actors.service.yaml_text import yaml_document

texts = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    texts,
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-7))])),
    st.sampled_from(["'", '"""', "'''", "\\", "a\\b\nc", "\r", 'x"', "\x7f", "a\tb"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
tables = st.dictionaries(texts, values, max_size=4)


@given(tables)
def test_a_toml_document_reads_back_as_the_table(table: dict[str, Any]) -> None:
    assert tomli.loads(toml_document(table)) == table


@given(values)
def test_a_toml_value_stands_behind_a_key(value: Any) -> None:
    line = f"key = {inline(value)}\n"
    assert tomli.loads(line) == {"key": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('say "hi"', "'say \"hi\"'"),
        ("back\\slash", "'back\\slash'"),
        ("it's", '"it\'s"'),
        ('it\'s "x" y', '"""it\'s "x" y"""'),
        ("a\nb", '"""\na\nb"""'),
        ("a\\\nb", "'''\na\\\nb'''"),
        ("bell\x07", '"bell\\u0007"'),
        ("a\tb\nc", '"""\na\\tb\nc"""'),
        ("'''\n" + '"' * 6 + "\\", '"""\n' + "'''\n" + '""\\"""\\"\\\\"""'),
        ("tab\there", '"tab\\there"'),
        ([], "[]"),
        ([1, [2.5, "x"]], '[1, [2.5, "x"]]'),
        ([1, {"a b": 1, "c": None}], '[1, { "a b" = 1 }]'),
        (1e21, "1000000000000000000000.0"),
        (1e-7, "0.0000001"),
        (float("inf"), "inf"),
        (dt.datetime(2026, 11, 25, 7, 32, 0, 500_000, dt.UTC), "2026-11-25T07:32:00.5Z"),
        ([dt.date(2026, 11, 25), dt.time(7, 32)], "[2026-11-25, 07:32:00]"),
    ],
)
def test_toml_quotes_as_little_as_it_can(value: Any, text: str) -> None:
    assert inline(value) == text


def test_tables_follow_values_and_headers_of_nothing_but_tables_are_left_out() -> None:
    table = {
        "a": {"b": {"c": 1}},
        "v": 1,
        "empty": {},
        "list": [{"x": 1}, {}],
        "mixed": [1, {"y": 2}],
    }
    assert toml_document(table) == (
        "v = 1\nmixed = [1, { y = 2 }]\n\n[a.b]\nc = 1\n\n[empty]\n\n[[list]]\nx = 1\n\n[[list]]\n"
    )


@pytest.mark.parametrize("value", [None, [None], 2**63])
def test_what_toml_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(TemplateError):
        inline(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": [1, {"b": 2, "c": [3]}], "d": {}, "e": [], "f": None},
            "a:\n- 1\n- b: 2\n  c:\n  - 3\nd: {}\ne: []\nf: null\n",
        ),
        ([[1, 2], []], "- - 1\n  - 2\n- []\n"),
        ("plain words", "plain words\n"),
        ({"v": "true"}, "v: 'true'\n"),
        ({"v": "1.5"}, "v: '1.5'\n"),
        ({"v": "no"}, "v: 'no'\n"),
        ({"v": ""}, "v: ''\n"),
        ({"v": "a: b"}, "v: 'a: b'\n"),
        ({"v": "a #b"}, "v: 'a #b'\n"),
        ({"v": "- x"}, "v: '- x'\n"),
        ({"v": "it's"}, "v: it's\n"),
        ({"v": " x"}, "v: ' x'\n"),
        ({"v": "http://x:80/"}, "v: http://x:80/\n"),
        ({"v": "a\nb\n"}, "v: |\n  a\n  b\n"),
        ({"v": "a\n\nb"}, "v: |-\n  a\n\n  b\n"),
        ({"o": {"v": "a\nb"}}, "o:\n  v: |-\n    a\n    b\n"),
        ({"v": "bell\x07"}, 'v: "bell\\a"\n'),
        ({"a b": 1, "1": 2, "k\n": 3}, "a b: 1\n'1': 2\n\"k\\n\": 3\n"),
        (1.0, "1.0\n"),
        ([["a\nb"], {"k": "x\ny\n"}], "- - |-\n    a\n    b\n- k: |\n    x\n    y\n"),
        ({"a\t": "b\tc"}, '"a\\t": "b\\tc"\n'),
        ({"v": "a\x85b\n"}, 'v: "a\\Nb\\n"\n'),
    ],
)
def test_yaml_is_written_in_blocks_with_the_least_quoting(value: Any, text: str) -> None:
    assert yaml_document(value) == text
