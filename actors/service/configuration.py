"""The configuration of a service: four layers of TOML, merged; what of it is exported.

Rules of Habitat's components/common/src/templating/config.rs: `default.toml` of the package, below
the environment's `HAB_<NAME>`, below the operator's `user.toml`, below what was applied to the
group. Tables are merged key by key, everything else is replaced whole, arrays too. Where Habitat
prints an error and keeps half a layer, the layer is refused here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import tomli

from actors.errors import Refused
from actors.service.handlebars.values import plain

Table: TypeAlias = Mapping[str, object]

MERGE_DEPTH: Final = 30  # Habitat's TOML_MAX_MERGE_DEPTH
FILE_LIMIT: Final = 1024 * 1024  # bytes of default.toml and user.toml, which people write
APPLIED_LIMIT: Final = 64 * 1024  # bytes applied to a group: Habitat's limit, and gossip carries it
DEPTH_LIMIT: Final = 90  # of values in values, within what templates take
_INTEGERS: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers, lowest first; one that is not there is empty."""

    default: Table = field(default_factory=dict)
    environment: Table = field(default_factory=dict)
    user: Table = field(default_factory=dict)
    applied: Table = field(default_factory=dict)

    def merged(self) -> dict[str, object]:
        """All layers as one table. Raises Refused where they are nested too deeply."""
        merged: dict[str, object] = {}
        for layer in (self.default, self.environment, self.user, self.applied):
            merged = merge(merged, layer)
        return merged


def environment_name(package: str) -> str:
    """The variable with a package's configuration, by the package's name (not its identifier)."""
    return f"HAB_{_ascii_upper(package).replace('-', '_')}"


def _ascii_upper(text: str) -> str:
    return "".join(c.upper() if c.isascii() else c for c in text)


def read_toml(data: bytes | str, what: str, limit: int = FILE_LIMIT) -> dict[str, object]:
    """The table that a file holds; `what` names it in errors. Raises Refused with line and column.

    Integers beyond 64 bits are refused, as by toml-rs.
    """
    if len(data) > limit:
        raise _refused(what, f"it has {len(data)} bytes, at most {limit} are taken")
    try:
        text = data if isinstance(data, str) else data.decode()
        table = tomli.loads(text)
    except UnicodeDecodeError as error:
        raise _refused(what, f"it is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:  # ValueError also for thousands of digits
        raise _refused(what, f"it is not TOML: {error}") from error
    _check(table, what, "", 0)
    return table


def read_environment(value: str, name: str) -> dict[str, object]:
    """The table in `HAB_<NAME>`: TOML, else JSON. Raises Refused where it is neither."""
    if len(value) > FILE_LIMIT:
        raise _refused(name, f"it has {len(value)} characters, at most {FILE_LIMIT} are taken")
    try:
        return read_toml(value, name)
    except Refused as refused:
        try:
            loaded = json.loads(value)
        except (ValueError, RecursionError):
            raise _refused(name, f"it is neither TOML nor JSON ({refused})") from refused
        if not isinstance(loaded, dict):
            raise _refused(name, "it is JSON, but not an object") from refused
    table = {key: part for key, part in loaded.items() if part is not None}
    _check(table, name, "", 0)
    return {key: _without_null(part) for key, part in table.items()}


def _without_null(value: object) -> object:
    """A value of JSON as TOML can say it: keys of null are left out, as Habitat does."""
    if isinstance(value, dict):
        return {key: _without_null(part) for key, part in value.items() if part is not None}
    return [_without_null(part) for part in value] if isinstance(value, list) else value


def _check(value: object, what: str, key: str, depth: int) -> None:
    """Refuse what TOML has no value for, and what is nested to hurt."""
    if depth > DEPTH_LIMIT:
        raise _refused(what, f"{key} is nested deeper than {DEPTH_LIMIT} levels")
    if isinstance(value, dict):
        for name, part in value.items():
            if part is not None:
                _check(part, what, f"{key}.{name}".removeprefix("."), depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, what, key, depth + 1)
    elif value is None:
        raise _refused(what, f"{key} holds null in an array, which TOML has not")
    elif isinstance(value, int) and value not in _INTEGERS:
        raise _refused(what, f"{key} is beyond integers of 64 bits")


def merge(base: Table, over: Table, depth: int = 0) -> dict[str, object]:
    """`base` with `over` laid on it; new keys stand after those there are. Raises Refused."""
    if depth > MERGE_DEPTH:
        raise Refused(
            f"configuration is merged at most {MERGE_DEPTH} tables deep; these layers go deeper",
            "bad-config",
        )
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value, depth + 1)
        else:
            merged[key] = value
    return merged


def exported(exports: Mapping[str, str], configuration: Table) -> dict[str, object]:
    """Public name → value, for the exports that the configuration has (dates as text).

    Habitat's walk: a part of the path that is missing is passed over, so only the last one decides,
    and it is looked up in the deepest table reached.
    """
    values: dict[str, object] = {}
    for public, path in exports.items():
        value: object = configuration
        found = False
        for name in path.split("."):
            found = isinstance(value, Mapping) and name in value
            if found:
                assert isinstance(value, Mapping)
                value = value[name]
        if found:
            values[public] = plain(value)
    return values


def _refused(what: str, reason: str) -> Refused:
    return Refused(f"{what} cannot be used: {reason[:400]}", "bad-config")
