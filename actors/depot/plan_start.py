"""A plan to start from: the files `hab plan init` writes; pure.

Every plan made here builds as it is: an empty one into a package without a service, one for a
command into a package that runs it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of the package to be. `command` in words, empty: no service yet.

    `copies`: the directory of the sources goes into the package, and the command runs there;
    otherwise it runs in `directory`. `timeout_s`: seconds between the stop signal and KILL.
    """

    name: str
    origin: str
    version: str
    user: str
    group: str
    command: tuple[str, ...] = ()
    copies: bool = False
    directory: str = ""
    timeout_s: int | None = None


def plan_files(start: Start, minimal: bool = False) -> dict[str, str]:
    """Path below the plan's directory → text. `minimal`: without what only explains."""
    files = {"plan.sh": plan_text(start, minimal), "default.toml": DEFAULT_TOML}
    if start.command:
        files["hooks/run"] = _run_hook(start)
    return files


def plan_text(start: Start, minimal: bool) -> str:
    """The plan.sh."""
    lines = [
        f"pkg_name={shlex.quote(start.name)}",
        f"pkg_origin={shlex.quote(start.origin)}",
        f"pkg_version={shlex.quote(start.version)}",
        'pkg_maintainer=""',
        'pkg_license=("Apache-2.0")',
        f"pkg_svc_user={shlex.quote(start.user)}",
        f"pkg_svc_group={shlex.quote(start.group)}",
    ]
    if start.timeout_s is not None:
        lines.append(f"pkg_shutdown_timeout_sec={start.timeout_s}")
    explained = [] if minimal else ["", *EXPLAINED]
    phases = ["", "do_build() {", "  return 0", "}", "", "do_install() {", *_install(start), "}"]
    return "\n".join((*lines, *explained, *phases)) + "\n"


def _install(start: Start) -> Sequence[str]:
    if not start.copies:
        return ("  return 0",)
    left_out = " ".join(f"--exclude=./{name}" for name in ("habitat", "results", ".git"))
    return (
        '  mkdir -p "$pkg_prefix/app"',
        f'  tar -C "$SRC_PATH" {left_out} -cf - . | tar -C "$pkg_prefix/app" --no-same-owner -xf -',
    )


def _run_hook(start: Start) -> str:
    place = '"{{pkg.path}}/app"' if start.copies else shlex.quote(start.directory or "/")
    # A word that looks like a template must reach the shell as it is.
    words = shlex.join(start.command).replace("{{", r"\{{")
    return f"#!/bin/sh\ncd {place} || exit 1\nexec {words} 2>&1\n"


DEFAULT_TOML = """\
# The defaults of the configuration. Templates in config/ and hooks/ read it as {{cfg.name}}.
"""
EXPLAINED = (
    "# Where the sources come from: a path, or a file://, http:// or https:// URL.",
    '# pkg_source="https://example.com/releases/${pkg_name}-${pkg_version}.tar.gz"',
    '# pkg_shasum=""  # SHA-256',
    "# What it needs to run, and to be built.",
    "# pkg_deps=(core/glibc)",
    "# pkg_build_deps=(core/make core/gcc)",
    "# Directories with programs, below $pkg_prefix.",
    "# pkg_bin_dirs=(bin)",
    "# What it tells services that bind to it, by keys of default.toml; which of these are ports.",
    "# pkg_exports=([port]=server.port)",
    "# pkg_exposes=(port)",
    "# What it wants to be told by others.",
    '# pkg_binds=([database]="port host")',
    "# How it runs, unless hooks/run says.",
    '# pkg_svc_run="my-server --config $pkg_svc_config_path/my.conf"',
)
