"""Facts of Habitat's Handlebars dialect, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from actors.errors import TemplateError
from actors.service.handlebars import parse, render

MEMBERS = [{"ip": "1.1.1.1"}, {"ip": "2.2.2.2"}]
CFG: dict[str, Any] = {
    "text": "<a & 'b'>",
    "yes": True,
    "none": None,
    "int": 42,
    "float": 1.0,
    "zero": 0,
    "list": ["a", "b"],
    "empty": [],
    "map": {"z": 1, "a": 2},
    "void": {},
    "odd key": "odd",
    "members": MEMBERS,
    "nested": [[1], {"x": 1}],
}


def made(template: str, partials: dict[str, str] | None = None, **values: Any) -> str:
    others = {name: parse(text, name) for name, text in (partials or {}).items()}
    return render(parse(template, "t"), {"cfg": CFG, **values}, others)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{cfg.text}}|{{{cfg.text}}}|{{&cfg.text}}", "<a & 'b'>|<a & 'b'>|<a & 'b'>"),
        ("{{cfg.yes}}", "true"),
        ("[{{cfg.none}}{{cfg.missing}}{{cfg.missing.deeper}}{{cfg.int.deeper}}]", "[]"),
        ("{{cfg.int}} {{cfg.float}}", "42 1.0"),
        ("{{cfg.list}} {{cfg.nested}} {{cfg.empty}}", "[a, b] [[1], [object]] []"),
        ("{{cfg.map}}", "[object]"),
    ],
)
def test_values_print_as_in_habitat(template: str, text: str) -> None:
    assert made(template) == text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("cfg.map.a", "2"),
        ("cfg/map/a", "2"),
        ("cfg.list.[0]", "a"),
        ("cfg.list.0", "a"),
        ("cfg.list.[9]", ""),
        ("cfg.[odd key]", "odd"),
        ("./cfg.int", "42"),
        ("this.cfg.int", "42"),
        ("@root.cfg.int", "42"),
        ("../cfg.int", "42"),
    ],
)
def test_paths(path: str, text: str) -> None:
    assert made(f"{{{{{path}}}}}") == text


@pytest.mark.parametrize("false", ["false", "null", '""', "0", "[]", "{}", "cfg.void", "cfg.nope"])
def test_what_is_empty_is_false(false: str) -> None:
    assert made(f"{{{{#if {false}}}}}yes{{{{else}}}}no{{{{/if}}}}") == "no"
    assert made(f"{{{{#unless {false}}}}}yes{{{{/unless}}}}") == "yes"
    assert made(f"{{{{#with {false}}}}}yes{{{{else}}}}no{{{{/with}}}}") == "no"


def test_zero_counts_when_asked_to() -> None:
    assert made("{{#if cfg.zero includeZero=true}}yes{{/if}}") == "yes"


@pytest.mark.parametrize(
    "template",
    [
        "{{cfg.list.foo}}",
        "{{#if cfg.list.foo}}{{/if}}",
        "{{nope 1}}",
        "{{#nope}}{{/nope}}",
        "{{#cfg.section}}{{/cfg.section}}",
        "{{toJson}}",
        "{{len}}",
        "{{cfg.list[0]}}",
        "{{.}}",
        "{{..}}",
        "{{*nope}}",
        "{{#*inline cfg.int}}{{/inline}}",
        "{{> nope}}",
        "{{> @partial-block}}",
        "{{#if cfg}}",
        "{{#if cfg}}{{/each}}",
        "{{else}}",
        "{{/if}}",
        "{{#if cfg}}{{else}}{{else}}{{/if}}",
        "{{ cfg",
        "{{! never closed",
        "{{{{raw}}}} never closed",
        "{{{{raw}}}} {{{{/other}}}}",
        '{{lookup cfg "\\x"}}',
        '{{lookup cfg "\\ud800"}}',
        "{{#> a}}{{/b}}",
    ],
)
def test_what_is_an_error_in_habitat_is_one_here(template: str) -> None:
    with pytest.raises(TemplateError):
        made(template)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{#if (eq cfg.int 42)}}y{{/if}}", "y"),
        ("{{#eq cfg.int 42}}y{{else}}n{{/eq}}", "y"),
        ("{{eq 1 1.0}}{{eq 1 true}}{{eq cfg.list cfg.list}}", "falsefalsetrue"),
        ("{{ne 1 2}}", "true"),
        (
            '{{lt 9 "10"}} {{gt "b" "a"}} {{gte 2 2}} {{lte 3 2}} {{gt true 0}}',
            "true true true false false",
        ),
        (
            "{{and 1 cfg.yes}} {{or 0 cfg.none}} {{not 0}} {{and}} {{or}}",
            "true false true true false",
        ),
        ('{{len cfg.list}} {{len "é"}} {{len cfg.map}} {{len 5}}', "2 2 2 0"),
        ("{{lookup cfg.list 1}}{{lookup cfg.list 9}}{{lookup cfg.map 'z'}}", "b1"),
        ("{{#with (lookup cfg.members 0)}}{{ip}}{{/with}}", "1.1.1.1"),
        ("{{#each (lookup cfg 'list')}}{{this}}{{/each}}", "ab"),
        ("{{#if (if cfg.yes)}}y{{else}}n{{/if}}", "n"),
        ("{{(lookup cfg 'int')}}", "42"),
        ("{{if cfg.yes}}{{each cfg.list}}{{with cfg}}{{raw}}", ""),
    ],
)
def test_built_in_helpers(template: str, text: str) -> None:
    assert made(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{#each cfg.list}}{{@index}}{{@first}}{{@last}}{{this}};{{/each}}",
            "0truefalsea;1falsetrueb;",
        ),
        ("{{#each cfg.map}}{{@key}}={{this}}@{{@index}};{{/each}}", "z=1@0;a=2@1;"),
        ("{{#each cfg.list as |v|}}{{v}}{{/each}}", "ab"),
        ("{{#each cfg.list as |v i|}}{{i}}{{v}}{{/each}}", "0a1b"),
        ("{{#each cfg.map as |v k|}}{{k}}{{v}}{{/each}}", "z1a2"),
        ("{{#each cfg.empty}}x{{else}}none{{/each}}", "none"),
        ("{{#each cfg.none}}x{{^}}none{{/each}}", "none"),
        ("{{#each cfg.int}}x{{else}}none{{/each}}", "none"),
        ("{{#each cfg.members}}{{ip}} {{../cfg.int}} {{/each}}", "1.1.1.1 42 2.2.2.2 42 "),
        (
            "{{#each cfg.list}}{{#each ../cfg.list}}{{@../index}}{{@index}} {{/each}}{{/each}}",
            "00 01 10 11 ",
        ),
        ("{{#each cfg.list}}{{#if this}}{{../cfg.int}}{{/if}}{{/each}}", "4242"),
        ("{{#with cfg.map}}{{a}}{{../cfg.int}}{{/with}}", "242"),
        ("{{#with cfg.map as |m|}}{{m.a}}{{/with}}", "2"),
        ("{{#if cfg.none}}1{{else if cfg.zero}}2{{else if cfg.int}}3{{else}}4{{/if}}", "3"),
        ("{{#if cfg.none}}1{{~else if cfg.int~}} 3 {{~/if}}", "3"),
    ],
)
def test_loops_scopes_and_branches(template: str, text: str) -> None:
    assert made(template) == text


def test_a_key_of_the_configuration_cannot_shadow_a_helper() -> None:
    with pytest.raises(TemplateError, match="len needs a parameter"):
        made("{{len}}", len=3)
    assert made("{{cfg.len}}{{./len}}", len=3) == "3"


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r'"a\nb"', "a\nb"),
        (r"'it\'s'", "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        (r'"\u00e9"', "é"),
        ("-1.50", "-1.5"),
        ("true", "true"),
        ("null", ""),
        ('[1,"a"]', "[1, a]"),
        ('{"k":1}', "[object]"),
    ],
)
def test_literals(literal: str, text: str) -> None:
    assert made(f"{{{{> p v={literal}}}}}", {"p": "{{v}}"}) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a  {{~cfg.int~}}  b", "a42b"),
        ("a\n{{#if cfg.yes}}\nb\n{{/if}}\nc\n", "a\nb\nc\n"),
        ("a\n  {{#if cfg.yes}}  \nb\n  {{else}}\nx\n{{/if}}\nc", "a\nb\nc"),
        ("a\n{{! c }}\nb", "a\nb"),
        ("a {{! c }}\nb", "a \nb"),
        ("a\n{{!-- }} --}}\nb", "a\nb"),
        ("a\r\n{{#if cfg.yes}}\r\nb\r\n{{/if}}\r\n", "a\r\nb\r\n"),
        ("{{#each cfg.list}}\n{{this}}\n{{/each}}\n", "a\nb\n"),
        ("x{{~#each cfg.list}}\n{{this}}{{~/each}}\n", "x\na\nb\n"),
        ("x\n{{~#each cfg.list}}\n{{this}}\n{{~/each}}\ny", "xaby"),
        ("\n{{cfg.int}}\n", "\n42\n"),
    ],
)
def test_whitespace(template: str, text: str) -> None:
    assert made(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (r"\{{cfg.int}}", "{{cfg.int}}"),
        (r"\\{{cfg.int}}", "\\42"),
        (r"\\\{{cfg.int}}", "\\\\42"),
        ("a \\ b", "a \\ b"),
        ("x{{{{raw}}}} {{cfg.int}} {{{{/raw}}}}y", "x{{cfg.int}} y"),
    ],
)
def test_escapes_and_raw_blocks(template: str, text: str) -> None:
    assert made(template) == text


@pytest.mark.parametrize(
    ("template", "partials", "text"),
    [
        ("{{> other.conf}}", {"other.conf": "n={{cfg.int}}"}, "n=42"),
        ("{{> sub/other.conf}}", {"sub/other.conf": "x"}, "x"),
        ("{{> p cfg.map}}", {"p": "{{a}}"}, "2"),
        ("{{> p x=cfg.int y='q'}}", {"p": "{{x}}{{y}}{{cfg.int}}"}, "42q42"),
        ("{{> (lookup cfg.list 0)}}", {"a": "dynamic"}, "dynamic"),
        ("{{#> p}}in{{/p}}", {"p": "<{{> @partial-block}}>"}, "<in>"),
        ("{{#> nope}}fallback{{/nope}}", {}, "fallback"),
        ("{{#> p}}{{/p}}", {"p": "{{#> @partial-block}}f{{/@partial-block}}."}, "."),
        ('{{#*inline "p"}}i{{v}}{{/inline}}{{> p v=1}}', {}, "i1"),
        ('{{#> p}}{{#*inline "x"}}new{{/inline}}{{/p}}', {"p": "{{> x}}", "x": "old"}, "new"),
        ("{{#each cfg.list}}{{> p}}{{/each}}", {"p": "{{@index}}{{this}}"}, "0a1b"),
        ("a:\n  {{> p}}\nb", {"p": "1\n2\n"}, "a:\n  1\n  2\nb"),
        ("  {{> p}}\n", {"p": "{{#if cfg.yes}}\nx\n{{/if}}\ny\n"}, "  x\n  y\n"),
    ],
)
def test_partials(template: str, partials: dict[str, str], text: str) -> None:
    assert made(template, partials) == text


def test_dates_print_as_their_text() -> None:
    import datetime as dt

    day = dt.date(2026, 11, 24)
    moment = dt.datetime(2026, 11, 24, 7, 32, 0, 500_000, tzinfo=dt.UTC)
    assert made("{{d}} {{m}}", d=day, m=moment) == "2026-11-24 2026-11-24T07:32:00.5Z"


def test_the_log_helper_writes_nothing_to_the_page() -> None:
    lines: list[str] = []
    template = parse('a{{log cfg.int "x" level="warn"}}b', "t")
    assert render(template, {"cfg": CFG}, log=lines) == "ab"
    assert lines == ["warn: cfg.int: 42, x"]
