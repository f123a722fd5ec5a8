"""Random templates and values, and what handlebars-rust 6.4.0 (`pyhandlebars`) makes of them.

The oracle escapes HTML and has none of Habitat's helpers, so values stand in triple braces. What it
is known to do otherwise is left out of the whole templates (each case is a test of its own in
`test_templates_oracle.py`); the altered ones may hit it, which the agreement asked for allows for.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from typing import Any

import pyhandlebars

from actors.errors import TemplateError
from actors.service.handlebars import parse, render

ERROR = "(error)"
TEXTS = ("a", " ", "  ", "\n", "\n\n", "  \n", "\n  ", "x y", "\t", "port = ", "é", "<&>", "\r\n")
RARE = ("\\", "\\\\", "}}", "{", "}", "\\{{a}}", "\\\\{{{a}}}", "\u2003", "~")
NAMES = ("a", "b", "list", "map", "deep", "none", "text", "zero", "missing", "odd-key", "p_1")
LITERALS = (
    '"q"',
    "'s'",
    "1",
    "0",
    "-2",
    "1.5",
    "true",
    "false",
    "null",
    '"2"',
    "[1, 2]",
    "[]",
    "{}",
)
ALTERATIONS = "{}~#/^!>*&\"'[]|=.@ \\\n()aeils"


def oracle(template: str, context: dict[str, Any]) -> str | None:
    """What handlebars-rust makes of it; None where it panics."""
    try:
        return pyhandlebars.Template(template).format(context)
    except pyhandlebars.PyHandlebarsError:
        return ERROR
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            return None
        raise


def ours(template: str, context: dict[str, Any]) -> str:
    try:
        return render(parse(template, "t"), context)
    except TemplateError:
        return ERROR


@contextlib.contextmanager
def silent_panics() -> Iterator[None]:
    """The oracle's panics write a trace to the process's standard error."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def cases(seed: int, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Templates and contexts; each third template is altered in one to three places."""
    rng = random.Random(seed)
    for number in range(count):
        template = Writer(rng).template()
        if number % 3 == 2:
            template = altered(rng, template)
        yield template, context(rng)


def altered(rng: random.Random, template: str) -> str:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(template) + 1)
        match rng.randrange(3):
            case 0:
                template = template[:at] + template[at + rng.randint(1, 3) :]
            case 1:
                template = template[:at] + rng.choice(ALTERATIONS) + template[at:]
            case _:
                template = template[:at] + rng.choice(ALTERATIONS) + template[at + 1 :]
    return template


def context(rng: random.Random) -> dict[str, Any]:
    """Values by sorted names: the oracle, unlike Habitat, sorts keys."""
    full = {name: value(rng, 3) for name in NAMES if name != "missing" and rng.random() < 0.85}
    return {name: full[name] for name in sorted(full)}


def value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(11 if depth else 8)
    if kind >= 9:
        names = sorted(rng.sample(NAMES, rng.randrange(4)))
        return {name: value(rng, depth - 1) for name in names}
    if kind == 8:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    simple = (None, True, False, 0, rng.randint(-9, 2000), rng.choice((0.5, 1.0, 1e21, -0.0)), "")
    return (
        simple[kind] if kind < 7 else rng.choice(("x", "two words", "<b>", "line\nline", "2", "é"))
    )


class Writer:
    """Writes one template."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.params: list[str] = []
        self.loops = 0
        self.in_with = False
        self.partials: list[str] = []

    def template(self) -> str:
        rng = self.rng
        parts = []
        if rng.random() < 0.25:
            self.partials = ["part", "other"][: rng.randint(1, 2)]
            parts = [self.inline(name) for name in self.partials]
        return "".join(parts) + self.body(rng.randint(1, 4))

    def body(self, depth: int) -> str:
        return "".join(self.node(depth) for _ in range(self.rng.randint(0, 5)))

    def node(self, depth: int) -> str:
        rng = self.rng
        kinds = ["text", "text", "text", "value", "value", "comment", "rare"]
        if depth:
            kinds += ["if", "if", "each", "each", "with", "test", "raw", "helper"]
        if self.partials and depth:
            kinds += ["partial", "partial"]
        match rng.choice(kinds):
            case "text":
                return rng.choice(TEXTS)
            case "rare":
                return rng.choice(RARE) if rng.random() < 0.3 else rng.choice(TEXTS)
            case "value":
                return self.braces(self.path())
            case "helper":
                return self.braces(self.call(2))
            case "comment":
                return rng.choice(("{{! c }}", "{{!-- c }} --}}", "{{!}}", "{{!--\nc\n--}}"))
            case "raw":
                return "{{{{raw}}}}" + rng.choice((" {{a}} ", "x", "\n {{b}}\n")) + "{{{{/raw}}}}"
            case "each":
                return self.each(depth)
            case "with":
                return self.within(depth)
            case "test":
                return self.block("eq", f"{self.param(1)} {self.param(1)}", depth)
            case "partial":
                return self.partial()
            case _:
                zero = " includeZero=true" if rng.random() < 0.2 else ""
                return self.block(rng.choice(("if", "unless")), self.param(1) + zero, depth)

    # ── tags ──

    def tag(self, inner: str) -> str:
        left = "~" if self.rng.random() < 0.12 else ""
        right = "~" if self.rng.random() < 0.12 else ""
        blank = " " if self.rng.random() < 0.1 else ""
        return f"{{{{{left}{inner}{blank}{right}}}}}"

    def braces(self, inner: str) -> str:
        match self.rng.randrange(4):
            case 0 if " " not in inner and "(" not in inner:
                return self.tag(f"&{inner}")
            case 1:
                return (
                    f"{{{{{{~{inner}~}}}}}}" if self.rng.random() < 0.3 else f"{{{{{{{inner}}}}}}}"
                )
            case _:
                return self.tag(f"{{{inner}}}")

    def block(self, name: str, rest: str, depth: int) -> str:
        text = self.tag(f"#{name} {rest}") + self.body(depth - 1)
        if self.rng.random() < 0.2:
            text += "{{else if " + self.param(1) + self.rng.choice(("}}", "~}}"))
            text += self.body(depth - 1)
        if self.rng.random() < 0.35:
            text += self.tag(self.rng.choice(("else", "^"))) + self.body(depth - 1)
        return text + self.tag(f"/{name}")

    def each(self, depth: int) -> str:
        names = self.rng.choice(((), (), ("v",), ("v", "k")))
        heading = f"#each {self.path()}" + (f" as |{' '.join(names)}|" if names else "")
        self.loops += 1
        self.params += names
        outer, self.in_with = self.in_with, False
        text = self.tag(heading) + self.body(depth - 1)
        self.in_with = outer
        self.loops -= 1
        del self.params[len(self.params) - len(names) :]
        if self.rng.random() < 0.3:
            text += self.tag("else") + self.body(depth - 1)
        return text + self.tag("/each")

    def within(self, depth: int) -> str:
        names = self.rng.choice(((), (), ("w",)))
        heading = f"#with {self.path()}" + (f" as |{names[0]}|" if names else "")
        self.params += names
        outer, self.in_with = self.in_with, True
        text = self.tag(heading) + self.body(depth - 1)
        self.in_with = outer
        del self.params[len(self.params) - len(names) :]
        return text + self.tag("/with")

    def inline(self, name: str) -> str:
        rng = self.rng
        inner = "".join(
            rng.choice(
                (*TEXTS, "{{{a}}}", "{{#if b}}\n yes\n{{/if}}", "l1\nl2\n", "\n{{{text}}}\n")
            )
            for _ in range(rng.randint(0, 5))
        )
        return self.tag(f'#*inline "{name}"') + inner + self.tag("/inline")

    def partial(self) -> str:
        name = self.rng.choice(self.partials)
        scope = (
            f" {self.rng.choice(('map', 'deep', 'this', 'a'))}" if self.rng.random() < 0.3 else ""
        )
        return self.tag(f"> {name}{scope}")

    # ── what stands in tags ──

    def path(self) -> str:
        rng = self.rng
        if self.params and rng.random() < 0.4:
            name = rng.choice(self.params)
            return name if rng.random() < 0.7 else f"{name}.{rng.choice(NAMES)}"
        if self.loops and not self.in_with and rng.random() < 0.3:
            return rng.choice(("@index", "@first", "@last", "@key", "@../index", "this", "@index"))
        steps = [
            rng.choice((*NAMES, "0", "1", "[odd-key]", "[0]")) for _ in range(rng.randint(1, 3))
        ]
        steps = steps[: 1 if rng.random() < 0.6 else 3]
        prefix = rng.choice(("", "", "", "", "", "this.", "./", "../", "../../", "@root.", "this/"))
        return prefix + rng.choice((".", ".", ".", "/")).join(steps)

    def param(self, depth: int) -> str:
        kind = self.rng.random()
        if kind < 0.25:
            return self.rng.choice(LITERALS)
        if kind < 0.4 and depth:
            return f"({self.call(depth - 1)})"
        return self.path()

    def call(self, depth: int) -> str:
        name = self.rng.choice(
            (
                "lookup",
                "len",
                "eq",
                "ne",
                "gt",
                "gte",
                "lt",
                "lte",
                "and",
                "or",
                "not",
                "if",
                "nope",
            )
        )
        wanted = 1 if name in ("len", "not", "if") else 2
        if self.rng.random() < 0.03:
            wanted -= 1
        if name == "nope" and self.rng.random() < 0.8:
            name = "len"
        return " ".join((name, *(self.param(depth) for _ in range(max(1, wanted)))))


PARTIAL_VALUES = {"list": ["p", "q\nr", ""], "no": False, "text": "t1\nt2", "yes": True}
PIECES = (
    *("a", "\n", "\n", "  ", "\t", "b c", "{{{text}}}", "{{! c }}", "{{~#if yes~}} z {{~/if~}}"),
    *(
        "{{#if yes}}\n x\n{{/if}}\n",
        "{{#if yes}}{{/if}}",
        "{{#each list}}\n- {{{this}}}\n{{/each}}\n",
    ),
    *("{{#if no}}\nq\n{{else}}\nr\n{{/if}}", "\n  {{> @partial-block}}\n"),
)


def partial_cases(seed: int, count: int) -> Iterator[dict[str, str]]:
    """Sets of four templates by name; `main` includes the others, and they those before them."""
    rng = random.Random(seed)
    for _ in range(count):
        made: dict[str, str] = {}
        for name in ("c", "b", "a", "main"):
            made[name] = "".join(partial_piece(rng, list(made)) for _ in range(rng.randint(0, 7)))
        yield made


def partial_piece(rng: random.Random, names: list[str]) -> str:
    """A piece of a template: text and blocks over lines, or a partial before and after blanks."""
    if not names or rng.random() < 0.4:
        return rng.choice(PIECES)
    name, left, right = rng.choice(names), rng.choice(("", "", "~")), rng.choice(("", "", "~"))
    before, after = rng.choice(("", "  ", "\n  ")), rng.choice(("", "\n", "  \n"))
    if rng.random() < 0.25:
        inner = rng.choice(("in", "\n in\n", "{{{text}}}\n"))
        return f"{before}{{{{{left}#> {name}}}}}{inner}{{{{/{name}{right}}}}}{after}"
    return f"{before}{{{{{left}> {name}{right}}}}}{after}"


def oracle_of_set(templates: dict[str, str]) -> str:
    client = pyhandlebars.PyHandlebars()
    try:
        made = {n: pyhandlebars.Template(t, name=n, client=client) for n, t in templates.items()}
        return made["main"].format(PARTIAL_VALUES)
    except pyhandlebars.PyHandlebarsError:
        return ERROR


def ours_of_set(templates: dict[str, str]) -> str:
    try:
        parsed = {name: parse(text, name) for name, text in templates.items()}
        return render(parsed["main"], PARTIAL_VALUES, parsed)
    except TemplateError:
        return ERROR
