"""The files of a service made from its templates: all of `config/`, and the hooks.

The files of `config/` can include one another as partials, by their path below it; each hook stands
alone. A template of `config/` that cannot be read or rendered fails the whole. A hook that cannot
be read is left out and said, as in Habitat, unless it is `run`; one that cannot be rendered fails
the whole, where Habitat starts the service without it.

How the pieces go together, all of them pure:

    layers = Layers(read_toml(defaults, …), read_environment(variable, …), read_toml(user, …), …)
    parsed = parse_templates(config, hooks)            # once for the same bytes
    files = service_files(package, parsed, layers, here, group, binds=…)

Layers that cannot be read or merged are `Refused`, templates a `TemplateError`; both are `HabError`
and say the file, and where in it. The same arguments make the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from actors.errors import TemplateError
from actors.messages.depot import PackageInfo
from actors.service.configuration import Layers, exported
from actors.service.context import Group, Here, render_context, values_of
from actors.service.handlebars import Template, parse, plain, render_plain

RUN = "run"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The templates of a service. `left_out`: hook → why it cannot be used."""

    config: Mapping[str, Template]
    hooks: Mapping[str, Template]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files: `config` by path below `config/`, `hooks` by name. `log`: what templates said."""

    config: Mapping[str, bytes]
    hooks: Mapping[str, bytes]
    log: tuple[str, ...] = ()


def parse_templates(config: Mapping[str, bytes], hooks: Mapping[str, bytes]) -> Parsed:
    """The templates in these files. Raises TemplateError, which names the file."""
    parsed: dict[str, Template] = {}
    left_out: dict[str, str] = {}
    for name in sorted(hooks):
        try:
            parsed[name] = _parse(hooks[name], name, f"hooks/{name}")
        except TemplateError as error:
            if name == RUN:
                raise
            left_out[name] = str(error)
    files = {name: _parse(config[name], name, f"config/{name}") for name in sorted(config)}
    return Parsed(files, parsed, left_out)


def _parse(data: bytes, name: str, path: str) -> Template:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise TemplateError("the file is not UTF-8", path, line, column) from error
    return parse(text, name, path)


def render_templates(parsed: Parsed, context: Mapping[str, object]) -> Rendered:
    """The files these templates make. Raises TemplateError."""
    values = plain(context)
    log: list[str] = []
    config = {
        name: render_plain(template, values, parsed.config, log).encode()
        for name, template in parsed.config.items()
    }
    hooks = {
        name: render_plain(template, values, {name: template}, log).encode()
        for name, template in parsed.hooks.items()
    }
    return Rendered(config, hooks, tuple(log))


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """All that is made for a service. `configuration` is the merged one.

    `values` is the same as templates see it, dates as text; `exports` is what of it the ring is to
    be told.
    """

    rendered: Rendered
    configuration: Mapping[str, object]
    values: Mapping[str, object]
    exports: Mapping[str, object]


def service_files(
    package: PackageInfo,
    parsed: Parsed,
    layers: Layers,
    here: Here,
    group: Group,
    *,
    binds: Mapping[str, Group],
) -> ServiceFiles:
    """The files of a service as this member sees the ring. Raises Refused and TemplateError.

    `binds` as in `render_context`. This member's own exports, in `here`, are those made here.
    """
    configuration = layers.merged()
    exports = exported(package.exports, configuration)
    here = replace(here, own=msgspec.structs.replace(here.own, exports=exports))
    context = render_context(package, configuration, here, group, binds)
    rendered = render_templates(parsed, values_of(context))
    return ServiceFiles(rendered, configuration, context.cfg, exports)
