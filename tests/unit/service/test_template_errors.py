"""Errors of templates name their place; hostile templates end."""

from __future__ import annotations

import time

import pytest

from actors.errors import TemplateError
from actors.service.handlebars import parse, render


def failing(
    text: str, *, partials: dict[str, str] | None = None, **values: object
) -> TemplateError:
    others = {name: parse(other, name) for name, other in (partials or {}).items()}
    with pytest.raises(TemplateError) as caught:
        render(parse(text, "redis.conf"), values, others)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("a\nb {{#if x}}\n", 2, 3, "{{#if}} is never closed"),
        ("{{#if x}}\n{{#each y}}\n{{/if}}", 3, 1, "{{/if}} closes {{#each}} of line 2"),
        ("x\n  {{/if}}", 2, 3, "closes nothing"),
        ("x\n{{cfg.port", 2, 11, "expected }}, found the end of the template"),
        ("{{cfg.list[0].ip}}", 1, 11, "an element of a list is written a.[0]"),
        ("ok\n{{toUppercase}}", 2, 1, "toUppercase needs a text"),
        ("ok\n  {{#each list}}\n{{a.b.c}}{{nope 1}}{{/each}}", 3, 10, "there is no helper 'nope'"),
        ("é{{> nope}}", 1, 2, "there is no partial 'nope'"),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 1, 18, "a second {{else}}"),
        ('{{eq "a\nb" 1}}', 1, 6, "is not a value"),
    ],
)
def test_an_error_names_file_line_and_column(
    text: str, line: int, column: int, reason: str
) -> None:
    error = failing(text, list=[1])
    assert (error.template, error.line, error.column) == ("redis.conf", line, column)
    assert str(error).startswith(f"redis.conf:{line}:{column}: ")
    assert reason in str(error)


def test_an_error_in_a_partial_names_the_partial() -> None:
    error = failing("{{> other}}", partials={"other": "\n {{nope 1}}"})
    assert (error.template, error.line, error.column) == ("other", 2, 2)


@pytest.mark.parametrize(
    "text",
    [
        "{{#if 1}}" * 5_000,
        "{{#if 1}}" * 5_000 + "{{/if}}" * 5_000,
        "{{#if 0}}" + "{{else if 0}}" * 5_000 + "{{/if}}",
        "{{x " + "(len " * 5_000 + ")" * 5_000 + "}}",
        "{{x " + "[" * 50_000 + "}}",
        "{{x " + '{"a":' * 50_000 + "}}",
        "{{> a}}",
        "{{> b}}",
        "{{> c}}",
        "{{#each @root.l}}" * 8 + "x" + "{{/each}}" * 8,
        "{{#each @root.l}}" * 4 + "{{#if 0}}{{/if}}" + "{{/each}}" * 4,
        "{{strReplace " * 1
        + '(strReplace (strReplace (strReplace big "a" big) "a" big) "a" big)'
        + ' "a" "b"}}',
        "{{x}}" * 200_000,
        "{{" * 100_000,
        "\\" * 500_000 + "{{x",
        "{{{{raw}}}}" * 50_000,
        "{{!" * 50_000,
        "{{a" + ".b" * 200_000,
        "{{a " + "b " * 200_000,
        " " * 200_000 + "{{#if",
    ],
)
def test_a_template_made_to_hurt_ends_with_an_error(text: str) -> None:
    partials = {
        "a": "{{#if 1}}{{/if}}{{> a}}",
        "b": "{{#if 1}}{{> b}}{{> b}}{{/if}}",
        "c": "{{> d}}",
        "d": "{{> c}}",
    }
    began = time.monotonic()
    failing(text, partials=partials, l=list(range(100)), big="a" * 1_000, wide="w" * 1_000_000)
    assert time.monotonic() - began < 30


def test_values_made_to_hurt_are_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match="nested deeper"):
        render(parse("{{x}}", "t"), {"x": deep})
    with pytest.raises(TemplateError, match="set is not a value"):
        render(parse("{{x}}", "t"), {"x": {1}})


def test_a_template_that_includes_itself_is_refused_by_name() -> None:
    assert "includes itself" in failing("{{> a}}", partials={"a": "{{> a}}"}).reason
