"""What a plan says, once bash has read it: checked values, and the metafiles they come to; pure.

A plan is a program; what counts is what its variables hold when it has run. They come as fields
that end in NUL (`plan_build.sh` writes them): kind, name, count, then the values. Facts about the
metafiles: Habitat, plan-build's metadata and manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.metadata import SIGNALS, defaults
from actors.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_VERSION = re.compile(r"[A-Za-z0-9_+~][A-Za-z0-9_+~.:-]{0,254}")
_BIND = re.compile(r"[A-Za-z0-9_.-]+")
_FLAGS = ("CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "LD_RUN_PATH")
_RUNTIME, _BUILDTIME = "__runtime_environment", "__buildtime_environment"
STORE = "/hab/pkgs"  # what paths in a package begin with, wherever it was built


@dataclass(frozen=True, slots=True)
class Plan:
    """The variables of a plan, by name without doubt about their shape."""

    texts: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    maps: Mapping[str, Mapping[str, str]]
    runtime: Mapping[str, str] = field(default_factory=dict)
    buildtime: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A variable's text, empty where the plan does not set it."""
        return self.texts.get(name, "")

    def ident(self, release: str) -> PackageIdent:
        """The package that comes of it."""
        return PackageIdent(
            self.text("pkg_origin"), self.text("pkg_name"), self.text("pkg_version"), release
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a plan depends on: full identifiers, direct ones in the plan's order."""

    deps: tuple[PackageIdent, ...] = ()
    tdeps: tuple[PackageIdent, ...] = ()
    build_deps: tuple[PackageIdent, ...] = ()
    build_tdeps: tuple[PackageIdent, ...] = ()


def read_plan(dump: bytes) -> Plan:
    """The plan in what the bash half wrote. Raises UsageError."""
    try:
        fields = iter(dump.decode().split("\0")[:-1])
    except UnicodeDecodeError as error:
        raise UsageError(f"a variable of the plan is not UTF-8: {error}") from error
    texts: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    maps: dict[str, dict[str, str]] = {}
    for kind in fields:
        name, count = next(fields), int(next(fields))
        values = [next(fields) for _ in range(count)]
        if kind == "text":
            texts[name] = values[0]
        elif kind == "list":
            lists[name] = tuple(value for value in values if value)
        else:
            # Bash keeps no order of its own; ours is the same each time.
            maps[name] = dict(sorted(zip(values[::2], values[1::2], strict=True)))
    return Plan(texts, lists, maps, maps.get(_RUNTIME, {}), maps.get(_BUILDTIME, {}))


def check_plan(plan: Plan, default_toml: bytes | None) -> None:
    """Refuse a plan that cannot become a package, before anything is built. Raises UsageError."""
    for name in ("pkg_name", "pkg_origin"):
        if not _NAME.fullmatch(plan.text(name)):
            raise UsageError(
                f"the plan's {name} is {plan.text(name)!r}; letters, digits, - and _ are allowed"
                + ("; HAB_ORIGIN sets it too" if name == "pkg_origin" else "")
            )
    check_version(plan.text("pkg_version"))
    for name in ("pkg_deps", "pkg_build_deps"):
        for dep in plan.lists.get(name, ()):
            parse_ident(dep)
    signal = plan.text("pkg_shutdown_signal")
    if signal and signal not in SIGNALS:
        raise UsageError(f"pkg_shutdown_signal={signal}: not one of {', '.join(sorted(SIGNALS))}")
    timeout = plan.text("pkg_shutdown_timeout_sec")
    if timeout and not (timeout.isascii() and timeout.isdigit() and len(timeout) < 10):
        raise UsageError(f"pkg_shutdown_timeout_sec={timeout}: not a number of seconds")
    for name in ("pkg_binds", "pkg_binds_optional", "pkg_exports"):
        for key, value in plan.maps.get(name, {}).items():
            # A bind may ask for nothing but the group; an export stands for something.
            nothing = name == "pkg_exports" and not value.strip()
            if not _BIND.fullmatch(key) or "\n" in value or nothing:
                raise UsageError(f"{name}[{key}]={value!r}: a name and what it stands for, please")
    exposed_ports(plan, default_toml)


def check_version(version: str) -> None:
    """Refuse a version that cannot be part of an identifier. Raises UsageError."""
    if not _VERSION.fullmatch(version):
        raise UsageError(
            f"the plan's pkg_version is {version!r}; set it, or write a function pkg_version "
            "and call update_pkg_version in do_before"
        )


def exposed_ports(plan: Plan, default_toml: bytes | None) -> tuple[str, ...]:
    """The ports of `pkg_exposes`, read from `default.toml` by way of `pkg_exports`."""
    wanted, exports = plan.lists.get("pkg_exposes", ()), plan.maps.get("pkg_exports", {})
    if not wanted:
        return ()
    configuration = defaults(PackageIdent("plan", "plan"), default_toml or b"")
    ports: list[str] = []
    for name in wanted:
        if name not in exports:
            raise UsageError(f"pkg_exposes names {name}, which is not in pkg_exports")
        value: object = configuration
        for key in exports[name].split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
            raise UsageError(
                f"pkg_exposes names {name}, but {exports[name]} in default.toml is "
                f"{'absent' if value is None else repr(value)}, not a port"
            )
        ports.append(str(value))
    return tuple(ports)


def transitive(
    direct: Sequence[PackageIdent], tdeps_of: Mapping[PackageIdent, Sequence[PackageIdent]]
) -> tuple[PackageIdent, ...]:
    """Direct dependencies, then theirs; of a duplicate the last one stays.

    So what others need comes after them, and installing from the end is in order.
    """
    found = dict.fromkeys(direct)
    for dep in direct:
        for below in tdeps_of.get(dep, ()):
            found.pop(below, None)
            found[below] = None
    return tuple(found)


def metafiles(
    plan: Plan,
    ident: PackageIdent,
    target: str,
    resolved: Resolved,
    *,
    run_path: Sequence[str],
    service: bool,
    default_toml: bytes | None,
) -> dict[str, bytes]:
    """Name → bytes of the metafiles, empty ones left out. Paths in `plan` begin with STORE.

    `service`: it has a run hook or script, so that SVC_USER and SVC_GROUP are written.
    """
    home = f"{STORE}/{ident}"
    texts = {
        "IDENT": str(ident),
        "TARGET": target,
        "DEPS": _lines(resolved.deps),
        "TDEPS": _lines(resolved.tdeps),
        "BUILD_DEPS": _lines(resolved.build_deps),
        "BUILD_TDEPS": _lines(resolved.build_tdeps),
        "EXPORTS": _pairs(plan.maps.get("pkg_exports", {})),
        "EXPOSES": " ".join(exposed_ports(plan, default_toml)),
        "BINDS": _pairs(plan.maps.get("pkg_binds", {})),
        "BINDS_OPTIONAL": _pairs(plan.maps.get("pkg_binds_optional", {})),
        "PATH": _below(plan, "pkg_bin_dirs", home),
        "LD_RUN_PATH": _below(plan, "pkg_lib_dirs", home),
        "LDFLAGS": _below(plan, "pkg_lib_dirs", f"-L{home}", " "),
        **{
            name: _below(plan, "pkg_include_dirs", f"-I{home}", " ")
            for name in ("CFLAGS", "CPPFLAGS", "CXXFLAGS")
        },
        "PKG_CONFIG_PATH": _below(plan, "pkg_pconfig_dirs", home),
        "INTERPRETERS": _below(plan, "pkg_interpreters", home, "\n"),
        "RUNTIME_PATH": ":".join(run_path),
        "RUNTIME_ENVIRONMENT": _pairs(plan.runtime),
        "BUILDTIME_ENVIRONMENT": _pairs(plan.buildtime),
        "SHUTDOWN_SIGNAL": plan.text("pkg_shutdown_signal"),
        "SHUTDOWN_TIMEOUT": plan.text("pkg_shutdown_timeout_sec"),
        "SVC_USER": plan.text("pkg_svc_user") if service else "",
        "SVC_GROUP": plan.text("pkg_svc_group") if service else "",
    }
    return {name: f"{text}\n".encode() for name, text in texts.items() if text}


def manifest(plan: Plan, ident: PackageIdent, target: str, source: str) -> bytes:
    """The MANIFEST, for people: Markdown, with the text of the plan at its end."""

    def words(name: str, otherwise: str) -> str:
        values = plan.lists.get(name, ())
        return f"`{' '.join(values)}`" if values else otherwise

    def link(name: str, otherwise: str) -> str:
        return f"[{plan.text(name)}]({plan.text(name)})" if plan.text(name) else otherwise

    about = {
        "Maintainer": plan.text("pkg_maintainer"),
        "Version": ident.version,
        "Release": ident.release,
        "Target": target,
        "Upstream URL": link(
            "pkg_upstream_url", "upstream project's website or home page is not defined"
        ),
        "License": " ".join(plan.lists.get("pkg_license", ())),
        "Source": link("pkg_source", "source URL not provided or required"),
        "SHA": f"`{plan.text('pkg_shasum')}`"
        if plan.text("pkg_shasum")
        else "SHA256 checksum not provided or required",
        "Path": f"`{STORE}/{ident}`",
        "Build Dependencies": words("pkg_build_deps", "no build dependencies or undefined"),
        "Dependencies": words("pkg_deps", "no runtime dependencies or undefined"),
        "Interpreters": words("pkg_interpreters", "no interpreters or undefined"),
    }
    flags = "\n".join(f"{name}: {plan.text(name) or f'no {name}'}" for name in _FLAGS)
    lines = "\n".join(f"* __{name}__: {text}".rstrip() for name, text in about.items())
    return (
        f"# {ident.origin} / {ident.name}\n{plan.text('pkg_description')}\n\n{lines}\n\n"
        f"# Plan\n\n## Build Flags\n\n```bash\n{flags}\n```\n\n"
        f"## Plan Source\n\n```bash\n{source.rstrip()}\n```\n"
    ).encode()


def last_build(ident: PackageIdent, target: str, sha256: str, blake2b: str) -> bytes:
    """`last_build.env`: what was built, for a shell to read."""
    lines = {
        "pkg_origin": ident.origin,
        "pkg_name": ident.name,
        "pkg_version": ident.version,
        "pkg_release": ident.release,
        "pkg_target": target,
        "pkg_ident": str(ident),
        "pkg_artifact": ident.file_name(target),
        "pkg_sha256sum": sha256,
        "pkg_blake2bsum": blake2b,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items()).encode()


def canonical(plan: Plan, store: str) -> Plan:
    """The plan with this machine's store in values of its environment replaced by STORE."""

    def told(values: Mapping[str, str]) -> dict[str, str]:
        return {name: value.replace(f"{store}/", f"{STORE}/") for name, value in values.items()}

    return replace(plan, runtime=told(plan.runtime), buildtime=told(plan.buildtime))


def _below(plan: Plan, name: str, prefix: str, between: str = ":") -> str:
    return between.join(f"{prefix}/{part}" for part in plan.lists.get(name, ()))


def _pairs(values: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in values.items())


def _lines(idents: Iterable[PackageIdent]) -> str:
    return "\n".join(str(ident) for ident in idents)
