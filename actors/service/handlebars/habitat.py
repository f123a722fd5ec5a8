"""Habitat's own helpers: formats, texts, paths of packages, members that live."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from actors.errors import TemplateError
from actors.service.handlebars.builtin import parameter
from actors.service.handlebars.scopes import Scope
from actors.service.handlebars.values import Json, json_text, truthy
from actors.service.toml_text import inline, toml_document
from actors.service.yaml_text import yaml_document

if TYPE_CHECKING:
    from actors.service.handlebars.renderer import Invocation, Renderer

Write: TypeAlias = Callable[[str, tuple[Json, ...], Json, int], str]

PACKAGES: Final = "/hab/pkgs"  # where Habitat installs, for a context that does not say


def _text(name: str, params: tuple[Json, ...], index: int, wanted: str) -> str:
    """A parameter that must be a text. Raises TemplateError."""
    value = params[index] if index < len(params) else None
    if not isinstance(value, str):
        raise TemplateError(f"{name} needs {wanted}")
    return value


def to_json(name: str, params: tuple[Json, ...], _root: Json, _limit: int) -> str:
    """JSON over several lines, two blanks a level."""
    return json_text(parameter(name, params), indent=2)


def to_yaml(name: str, params: tuple[Json, ...], _root: Json, _limit: int) -> str:
    """A YAML document without `---`, ending in a newline."""
    return yaml_document(parameter(name, params))


def to_toml(name: str, params: tuple[Json, ...], _root: Json, _limit: int) -> str:
    """A TOML document for an object, else the value as it stands behind `=`."""
    value = parameter(name, params)
    return toml_document(value) if isinstance(value, dict) else inline(value)


def to_case(name: str, params: tuple[Json, ...], _root: Json, _limit: int) -> str:
    """`toUppercase TEXT`, `toLowercase TEXT`."""
    text = _text(name, params, 0, "a text")
    return text.upper() if name == "toUppercase" else text.lower()


def str_replace(name: str, params: tuple[Json, ...], _root: Json, limit: int) -> str:
    """`strReplace TEXT OLD NEW`: each OLD becomes NEW."""
    text, old, new = (_text(name, params, index, "three texts") for index in range(3))
    count = text.count(old)
    if len(text) + count * (len(new) - len(old)) > limit:
        raise TemplateError(f"the output of {name} grows beyond {limit} characters")
    return text.replace(old, new)


def str_join(name: str, params: tuple[Json, ...], _root: Json, limit: int) -> str:
    """`strJoin LIST SEPARATOR`; objects in the list are left out."""
    values = params[0] if params else None
    separator = _text(name, params, 1, "a list and a separator")
    if not isinstance(values, list):
        raise TemplateError(f"{name} needs a list and a separator")
    if len(values) * len(separator) > limit:
        raise TemplateError(f"the output of {name} grows beyond {limit} characters")
    return separator.join(_unquoted(values))


def str_concat(_name: str, params: tuple[Json, ...], _root: Json, _limit: int) -> str:
    """`strConcat A B …`; objects are left out."""
    return "".join(_unquoted(list(params)))


def _unquoted(values: list[Json]) -> list[str]:
    """Each value's JSON with every quotation mark deleted, as Habitat does it."""
    return [json_text(v).replace('"', "") for v in values if not isinstance(v, dict)]


def pkg_path_for(name: str, params: tuple[Json, ...], root: Json, _limit: int) -> str:
    """`pkgPathFor "origin/name"`: where the first dependency that satisfies it is installed."""
    wanted = _text(name, params, 0, "a package identifier").split("/")
    if not 2 <= len(wanted) <= 4 or not all(wanted):
        raise TemplateError(f"{'/'.join(wanted)!r} is not a package identifier")
    package = root.get("pkg") if isinstance(root, dict) else None
    deps = package.get("deps") if isinstance(package, dict) else None
    if not isinstance(package, dict) or not isinstance(deps, list):
        raise TemplateError(f"{name} needs pkg.deps, which is not in the context")
    for dep in deps:
        if isinstance(dep, dict):
            parts = [dep.get(part) for part in ("origin", "name", "version", "release")]
            if parts[: len(wanted)] == wanted:
                return "/".join((_packages(package), *(p for p in parts if isinstance(p, str))))
    return ""


def _packages(package: dict[str, Json]) -> str:
    """The directory of packages: this package's own path, but for its identifier."""
    path, ident = package.get("path"), package.get("ident")
    if isinstance(path, str) and isinstance(ident, str) and path.endswith(f"/{ident}"):
        return path.removesuffix(f"/{ident}")
    return PACKAGES


def each_alive(renderer: Renderer, call: Invocation) -> None:
    """`eachAlive MEMBERS as |member index|`; `@index` counts the living ones, from 1."""
    value, block = parameter(call.name, call.params), call.block
    if block is None:
        return
    if not truthy(value):
        renderer.body(block.inverse)
        return
    match value:
        case list():
            members = [member for member in value if isinstance(member, dict) and _alive(member)]
            items: list[tuple[Json, Json]] = list(enumerate(members, start=1))
        case dict():
            items = list(value.items()) if _alive(value) else []
        case _:
            raise TemplateError(f"{call.name} needs a list of members")
    scope = Scope(value)
    renderer.scopes.push(scope)
    for index, (key, item) in enumerate(items):
        scope.base = item
        scope.variables["first"] = index == 0
        if isinstance(value, dict):
            scope.variables["key"] = key
        else:
            scope.variables.update(last=index == len(items) - 1, index=key)
        scope.params = dict(zip(block.params, (item, key), strict=False))
        renderer.body(block.body)
    renderer.scopes.pop()


def _alive(member: dict[str, Json]) -> bool:
    alive = member.get("alive", False)
    if not isinstance(alive, bool):
        raise TemplateError("alive of a member is neither true nor false")
    return alive


TEXTS: Final[dict[str, Write]] = {
    "toJson": to_json,
    "toYaml": to_yaml,
    "toToml": to_toml,
    "toUppercase": to_case,
    "toLowercase": to_case,
    "strReplace": str_replace,
    "strJoin": str_join,
    "strConcat": str_concat,
    "pkgPathFor": pkg_path_for,
}
