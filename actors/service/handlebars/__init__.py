"""Templates: Habitat's dialect of Handlebars, as a pure function from text and values to text.

    template = parse(text, "redis.conf")            # once a file; raises TemplateError
    render(template, context, {"other.conf": …})    # the text; raises TemplateError

`context` is a mapping of JSON's or TOML's values (dates become text); `partials` are the other
templates by name, which for configuration is the path below `config/`. A `TemplateError` has
`template`, `line`, `column` and `reason`. Both functions are safe for templates and values made to
hurt: depth, steps and the size of the output are bounded, and there is no way out of the values.

Decisions:

2026-11-24: An engine of our own. No library reproduces Habitat's: bindings to handlebars-rust
cannot host `eachAlive` or switch escaping off, the Python ones follow Handlebars.js, which differs
in truth ({} is false here), printing, indices and which newlines go. Rejected: pybars4,
pydantic-handlebars, chevron. `pyhandlebars` is the oracle of the differential test, nothing more.

2026-11-24: Where handlebars-rust 6.4.0 (the oracle) and 6.4.4 (Habitat's) differ, 6.4.4 counts:
`{{~else if}}`, scopes reached from partials, `@index` in `with` and partials, partials defined in a
block ending with it. The test of disagreements lists each.

2026-11-24: The tree is decided at the parse, whitespace included, and rendering only walks it.
Rejected: compiling to Python functions: hostile text and generated code should not meet, and a
246-line configuration renders in under a millisecond as it is.

2026-11-24: A date of TOML prints as its text; in Habitat it is an object and prints `[object]`,
which nobody can want. `pkgPathFor` finds the packages' directory from `pkg.path`, so that any root
works; Habitat's is fixed.

2026-11-24: TOML and YAML are written by our own writers, in the form of the Rust libraries that
Habitat uses, because templates depend on it (a value of `toToml` stands behind a `key =`).
Rejected: tomli-w (arrays over lines), PyYAML (quotes and folds differently).
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.errors import TemplateError
from actors.service.handlebars.parser import parse
from actors.service.handlebars.renderer import Renderer
from actors.service.handlebars.tree import Template
from actors.service.handlebars.values import Json, plain

__all__ = ["Json", "Template", "TemplateError", "parse", "plain", "render", "render_plain"]


def render(
    template: Template,
    context: Mapping[str, object],
    partials: Mapping[str, Template] | None = None,
    log: list[str] | None = None,
) -> str:
    """The text of a template. `log`, if given, takes the lines of `{{log}}`, level first.

    Raises TemplateError, at the place in the template that could not be rendered.
    """
    return render_plain(template, plain(context), partials or {}, [] if log is None else log)


def render_plain(
    template: Template, values: Json, partials: Mapping[str, Template], log: list[str]
) -> str:
    """As `render`, for values that `plain` has made already: once for many templates."""
    try:
        return Renderer(values, partials, log).text(template)
    except RecursionError as error:  # the caller is deep in its own stack already
        raise template.source.error("nested too deeply to be rendered", 0) from error
