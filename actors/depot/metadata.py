"""What a package's metafiles say: a pure function of their bytes, safe for any content.

Formats of Habitat's components/core/src/package/metadata.rs; where a broken line makes Habitat
panic, the package is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import tomli

from actors.depot.ident import TARGETS, PackageIdent, parse_ident
from actors.errors import Refused, UsageError
from actors.messages.depot import PackageInfo

METAFILES = (
    "IDENT",
    "TARGET",
    "PACKAGE_TYPE",
    "DEPS",
    "TDEPS",
    "SVC_USER",
    "SVC_GROUP",
    "EXPORTS",
    "EXPOSES",
    "BINDS",
    "BINDS_OPTIONAL",
    "PATH",
    "RUNTIME_PATH",
    "RUNTIME_ENVIRONMENT",
    "RUNTIME_ENVIRONMENT_PATHS",
    "SHUTDOWN_SIGNAL",
    "SHUTDOWN_TIMEOUT",
    "default.toml",
)
SIGNALS = frozenset(
    (
        *("HUP", "INT", "QUIT", "ILL", "ABRT", "FPE", "KILL"),
        *("USR1", "SEGV", "USR2", "ALRM", "TERM", "CHLD"),
    )
)
HOOKS = (
    "file-updated",
    "health-check",
    "init",
    "install",
    "post-run",
    "post-stop",
    "reconfigure",
    "reload",
    "role-changed",
    "run",
    "suitability",
    "uninstall",
)
FILE_LIMIT = 1024 * 1024  # a metafile is text for people; Habitat's largest is a TDEPS of 40 kB
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?")
_TIMEOUT_MAX_S = 2**32 - 1  # Habitat reads a u32


def package_info(
    ident: PackageIdent,
    path: str,
    files: Mapping[str, bytes],
    hooks: Sequence[str],
    run_path: Sequence[str] = (),
) -> PackageInfo:
    """The package in directory `path`, from its metafiles (name → bytes; absent ones left out).

    `run_path` is used where there is no RUNTIME_PATH. Raises Refused with the file and the reason.
    """
    texts = {name: _text(ident, name, data) for name, data in files.items()}
    target = texts.get("TARGET", "")
    if target not in TARGETS:
        raise _refused(ident, "TARGET", f"{target!r} is not a target")
    exports = _pairs(ident, "EXPORTS", texts)
    environment = _pairs(ident, "RUNTIME_ENVIRONMENT", texts)
    environment.update(_pairs(ident, "RUNTIME_ENVIRONMENT_PATHS", texts))
    environment.pop("PATH", None)  # the run path is told apart, in RUNTIME_PATH
    runtime_path = texts.get("RUNTIME_PATH", "")
    return PackageInfo(
        ident=str(ident),
        path=path,
        target=target,
        svc_user=_account(ident, "SVC_USER", texts),
        svc_group=_account(ident, "SVC_GROUP", texts),
        exports=exports,
        exported=exported_values(exports, defaults(ident, files.get("default.toml", b""))),
        exposes=tuple(texts.get("EXPOSES", "").split()),
        binds=_binds(ident, "BINDS", texts),
        binds_optional=_binds(ident, "BINDS_OPTIONAL", texts),
        run_path=search_path(runtime_path) if runtime_path else tuple(run_path),
        environment=environment,
        shutdown_signal=_signal(ident, texts),
        shutdown_timeout=_timeout(ident, texts),
        deps=_idents(ident, "DEPS", texts),
        tdeps=_idents(ident, "TDEPS", texts),
        native=_native(ident, texts),
        hooks=tuple(sorted(hooks)),
    )


def check_ident(ident: PackageIdent, data: bytes | None) -> None:
    """Refuse a package whose IDENT does not name it."""
    found = "" if data is None else _text(ident, "IDENT", data)
    if found != str(ident):
        raise _refused(ident, "IDENT", f"it says {found!r}")


def read_ident(data: bytes) -> PackageIdent:
    """The fully qualified identifier in an IDENT file. Raises Refused."""
    try:
        ident = parse_ident(data.decode().strip())
    except (UnicodeDecodeError, UsageError) as error:
        raise Refused(f"the IDENT file is not an identifier: {error}", "bad-package") from error
    if not ident.full:
        raise Refused(
            f"the IDENT file says {ident}; it must name origin/name/version/release", "bad-package"
        )
    return ident


def search_path(text: str) -> tuple[str, ...]:
    """The directories of a `:`-joined path, each once."""
    return tuple(dict.fromkeys(part for part in text.split(":") if part))


def defaults(ident: PackageIdent, data: bytes) -> dict[str, object]:
    """The content of `default.toml`. Raises Refused when it is not TOML."""
    try:
        return tomli.loads(data[:FILE_LIMIT].decode())
    except (ValueError, RecursionError) as error:
        raise _refused(ident, "default.toml", f"it is not TOML: {error}") from error


def exported_values(
    exports: Mapping[str, str], configuration: Mapping[str, object]
) -> dict[str, object]:
    """Public name → value, for the exports whose whole path is in the configuration."""
    values: dict[str, object] = {}
    for public, path in exports.items():
        value: object = configuration
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            values[public] = _plain(value)
    return values


def _plain(value: object) -> object:
    """A TOML value as what may cross the wire: dates and times become text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def _text(ident: PackageIdent, name: str, data: bytes) -> str:
    if len(data) > FILE_LIMIT:
        raise _refused(ident, name, f"it has more than {FILE_LIMIT} bytes")
    if b"\0" in data:  # no argument, path or variable of a process may hold one
        raise _refused(ident, name, "it holds a NUL byte")
    try:
        return data.decode().strip()
    except UnicodeDecodeError as error:
        raise _refused(ident, name, "it is not UTF-8") from error


def _lines(name: str, texts: Mapping[str, str]) -> list[str]:
    return [line.strip() for line in texts.get(name, "").split("\n") if line.strip()]


def _pairs(ident: PackageIdent, name: str, texts: Mapping[str, str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in _lines(name, texts):
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise _refused(ident, name, f"{line!r} is not NAME=VALUE")
        pairs[key.strip()] = value.strip()
    return pairs


def _binds(ident: PackageIdent, name: str, texts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {bind: tuple(keys.split()) for bind, keys in _pairs(ident, name, texts).items()}


def _idents(ident: PackageIdent, name: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    for line in _lines(name, texts):
        try:
            full = parse_ident(line).full
        except UsageError as error:
            raise _refused(ident, name, str(error)) from error
        if not full:
            raise _refused(ident, name, f"{line} is not fully qualified")
    return tuple(_lines(name, texts))


def _account(ident: PackageIdent, name: str, texts: Mapping[str, str]) -> str:
    account = texts.get(name, "")
    if account and not _ACCOUNT.fullmatch(account):
        raise _refused(ident, name, f"{account!r} is not the name of an account")
    return account


def _signal(ident: PackageIdent, texts: Mapping[str, str]) -> str:
    signal = texts.get("SHUTDOWN_SIGNAL", "") or "TERM"
    if signal not in SIGNALS:
        raise _refused(ident, "SHUTDOWN_SIGNAL", f"{signal!r} is not a signal's name")
    return signal


def _timeout(ident: PackageIdent, texts: Mapping[str, str]) -> int | None:
    text = texts.get("SHUTDOWN_TIMEOUT", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > _TIMEOUT_MAX_S:
        raise _refused(ident, "SHUTDOWN_TIMEOUT", f"{text!r} is not a number of seconds")
    return int(text)


def _native(ident: PackageIdent, texts: Mapping[str, str]) -> bool:
    kind = texts.get("PACKAGE_TYPE", "") or "standard"
    if kind not in ("standard", "native"):
        raise _refused(ident, "PACKAGE_TYPE", f"{kind!r} is neither standard nor native")
    return kind == "native"


def _refused(ident: PackageIdent, name: str, reason: str) -> Refused:
    return Refused(f"package {ident} cannot be used: {name}: {reason[:300]}", "bad-package")
