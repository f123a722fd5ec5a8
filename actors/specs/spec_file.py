"""Spec files: TOML with Habitat's keys and ours; unknown keys ignored, missing ones defaulted."""

from __future__ import annotations

import re
import tomllib

import msgspec

from actors.errors import Refused
from actors.messages.service import ServiceSpec

SUFFIX = ".spec"
FILE_LIMIT = 64 * 1024  # a spec has well under 1 kB
_IDENT_PART = re.compile(r"[A-Za-z0-9_+~][A-Za-z0-9_+~.:-]{0,254}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")  # a directory, an actor, part of a group
_BIND = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(@[A-Za-z0-9_.-]+)?")
_ORG = re.compile(r"[A-Za-z0-9_-]{1,100}")
LEAST = (
    *(("health_check_interval", 1), ("bootstrap_expect", 1), ("restarts", 0)),
    *(("drain", 0), ("health_grace", 1)),
)
_SECONDS_MAX = 10 * 365 * 86_400  # no timer of ten years is meant
OPTIONAL = frozenset(  # not written while empty
    ("ident", "name", "org", "bldr_url", "config_from", "cmd", "cwd", "restarts")
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def file_name(spec: ServiceSpec) -> str:
    """The name of a spec's file."""
    return spec.service + SUFFIX


def problem(spec: ServiceSpec) -> str:
    """Why a spec cannot be used, or the empty string."""
    if not spec.ident and not spec.cmd:
        return "it names neither a package (ident) nor a command (cmd)"
    if spec.ident and spec.cmd:
        return "it names both a package (ident) and a command (cmd)"
    if spec.cmd and not spec.name:
        return "a plain command needs a name"
    if spec.ident and not is_ident(spec.ident):
        return (
            f'Invalid package identifier: "{spec.ident}". A valid identifier is in the form '
            "origin/name (example: acme/redis)"
        )
    for what, text in (("name", spec.service), ("group", spec.group)):
        if not _NAME.fullmatch(text):
            return f"{what} {text!r} may hold letters, digits, `_` and `-` only"
    if spec.org and not _ORG.fullmatch(spec.org):
        return f"org {spec.org!r} may hold letters, digits, `_` and `-` only"
    return _bind_problem(spec.binds) or _number_problem(spec) or _text_problem(spec)


def is_ident(text: str) -> bool:
    """Whether `text` has the form `origin/name[/version[/release]]`."""
    parts = text.split("/")
    return 2 <= len(parts) <= 4 and all(_IDENT_PART.fullmatch(part) for part in parts)


def parse(name: str, data: bytes, org: str = "") -> ServiceSpec:
    """The spec in file `name`; `org` is this supervisor's. Raises Refused with the reason."""
    if len(data) > FILE_LIMIT:
        raise Refused(f"it has more than {FILE_LIMIT} bytes", "bad-spec")
    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Refused(f"it is not TOML: {error}", "bad-spec") from error
    table.setdefault("ident", "")
    table.setdefault("bldr_url", table.pop("depot_url", ""))  # its name in Habitat 0.20
    interval = table.get("health_check_interval")
    if isinstance(interval, dict):  # Habitat writes {secs, nanos}
        table["health_check_interval"] = interval.get("secs")
    try:
        spec = msgspec.convert(table, ServiceSpec)
    except (msgspec.ValidationError, OverflowError) as error:
        raise Refused(str(error), "bad-spec") from error
    if reason := problem(spec):
        raise Refused(reason, "bad-spec")
    if file_name(spec) != name:
        reason = f"it holds service {spec.service}, so its name must be {file_name(spec)}"
        raise Refused(reason, "bad-spec")
    return msgspec.structs.replace(spec, org=spec.org or org)


def write(spec: ServiceSpec) -> bytes:
    """A spec as TOML, all keys that mean something for it, arrays on one line."""
    lines = [
        "# The desired state of one service. Edits take effect; deleting it unloads the service."
    ]
    for field in spec.__struct_fields__:
        value = getattr(spec, field)
        if value is None or (field in OPTIONAL and value in ("", (), 0)):
            continue
        lines.append(f"{field} = {_toml(value)}")
    return ("\n".join(lines) + "\n").encode()


def _toml(value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    plain = _ESCAPES.get(char, char)
    return f"\\u{ord(char):04x}" if plain == char and (char < " " or char == "\x7f") else plain


def _bind_problem(binds: tuple[str, ...]) -> str:
    for bind in binds:
        if not _BIND.fullmatch(bind):
            return (
                f'Invalid binding "{bind}", must be of the form <NAME>:<SERVICE_GROUP> where '
                "<NAME> is a service name and <SERVICE_GROUP> is a valid service group"
            )
    names = [bind.partition(":")[0] for bind in binds]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"bind {twice[0]} is given twice" if twice else ""


def _number_problem(spec: ServiceSpec) -> str:
    for name, least in LEAST:
        if not least <= getattr(spec, name) <= _SECONDS_MAX:
            return f"{name} must be at least {least}"
    timeout = spec.shutdown_timeout
    if timeout is not None and not 0 <= timeout <= _SECONDS_MAX:
        return "shutdown_timeout must be a number of seconds"
    return ""


def _text_problem(spec: ServiceSpec) -> str:
    texts = (*spec.cmd, spec.cwd, spec.config_from, spec.bldr_url, spec.channel)
    if any("\0" in text for text in texts):
        return "it holds a NUL character"
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return "it holds text that is not UTF-8"
    return "a command needs a program to run" if spec.cmd and not spec.cmd[0] else ""
