"""`hab doctor`: what on this machine stands in the way of a supervisor, and what to do about it.

It looks and says; it changes nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import click

from actors import __version__
from actors.errors import HabError
from actors.messages.control import QuerySupervisor, SupervisorInfo
from actors.node.options import StateLayout, SupervisorOptions
from cli.client import Session, json_option, override_name_option
from cli.output import emit_json
from cli.problem import Failure
from cli.settings import Place, cli_setting, locate, lock_holder
from cli.starting import habitat_state, ports, settled_options, supervisor_options, warnings
from cli.unit import program

Verdict: TypeAlias = Literal["ok", "warning", "problem"]
FIRST_RELEASE = 1_767_225_600.0  # 2026-01-01; a clock before that is wrong
SPARE_BYTES = 100 * 1024 * 1024  # state files, logs and the event log of a small supervisor


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `topic`, how it stands, and what to do if it is not well."""

    verdict: Verdict
    topic: str
    text: str
    next_step: str = ""


@click.command()
@override_name_option
@json_option
def doctor(*, override_name: str | None, as_json: bool) -> None:
    """Check this machine, and say what to do. Exit 1 if something stands in the way."""
    place = locate(override_name, None, os.environ)
    findings = list(examine(place))
    if as_json:
        emit_json(
            "doctor/1",
            {
                "findings": [
                    {
                        "verdict": one.verdict,
                        "topic": one.topic,
                        "text": one.text,
                        "next_step": one.next_step,
                    }
                    for one in findings
                ]
            },
        )
    else:
        for one in findings:
            mark = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}[one.verdict]
            click.echo(f"{mark} {one.topic}: {one.text}")
            if one.next_step:
                click.echo(f"          → {one.next_step}")
    problems = sum(one.verdict == "problem" for one in findings)
    if problems:
        raise Failure(f"{problems} problem{'s' if problems > 1 else ''} found.")


def examine(place: Place) -> Iterator[Finding]:
    """Look at everything, in the order in which it would go wrong."""
    layout = place.layout
    yield Finding("ok", "version", f"hab {__version__}, Python {platform.python_version()}")
    yield from _command()
    yield from _root(layout)
    yield from _clock()
    yield from _habitat(layout)
    yield from _configuration(layout)
    yield from _secret(layout)
    launcher = lock_holder(layout)
    if launcher is not None:
        yield from _supervisor(place, launcher)
        return
    left = "; LOCK is left over and harmless" if layout.lock.exists() else ""
    yield Finding("ok", "supervisor", f"none runs with {layout.supervisor}{left}")
    yield from _ports(layout)
    yield from _exposure(layout)


def _command() -> Iterable[Finding]:
    """Whether the `hab` that a shell finds is this one."""
    ours = program()[0]
    found = shutil.which("hab")
    if found is None:
        yield Finding(
            "warning", "command", "no `hab` is in PATH", f"Add {Path(ours).parent} to PATH."
        )
    elif Path(found).resolve() != Path(ours).resolve() and Path(ours).name == "hab":
        yield Finding(
            "warning",
            "command",
            f"the `hab` in PATH is another one: {found}",
            f"It may be Chef Habitat's. This one is {ours}: put its directory first in PATH.",
        )
    else:
        yield Finding("ok", "command", found)


def _root(layout: StateLayout) -> Iterable[Finding]:
    """Whether the state can be written, and there is room for it."""
    there = layout.supervisor
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            "problem",
            "root",
            f"{layout.supervisor} cannot be written by this user",
            "Run as its owner, or choose another root with HAB_ROOT.",
        )
        return
    free = shutil.disk_usage(there).free
    if free < SPARE_BYTES:
        yield Finding(
            "problem", "root", f"{there} has {free // 2**20} MiB left", "Make room on that disk."
        )
        return
    user = "root: services can run as their own users" if os.geteuid() == 0 else "not root"
    yield Finding("ok", "root", f"{layout.root} is writable ({user})")
    if os.geteuid() != 0:
        yield Finding(
            "ok", "users", "every service runs as this user, since only root can change users"
        )


def _clock() -> Iterable[Finding]:
    now = time.time()
    if now < FIRST_RELEASE:
        yield Finding(
            "problem",
            "clock",
            f"this machine believes it is {time.strftime('%Y-%m-%d', time.gmtime(now))}",
            "Set the clock, and let NTP keep it: other members refuse times 60 s ahead.",
        )
        return
    said = Path("/run/systemd/timesync/synchronized")
    if Path("/run/systemd/timesync").is_dir() and not said.exists():
        yield Finding(
            "warning", "clock", "systemd-timesyncd has not synchronised it", "Check `timedatectl`."
        )
        return
    yield Finding("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def _habitat(layout: StateLayout) -> Iterable[Finding]:
    """Whether Chef Habitat is on this machine; it is recognised, and not touched."""
    theirs = StateLayout(Path("/hab"))
    if habitat_state(layout):
        yield Finding(
            "problem",
            "habitat",
            f"{layout.supervisor} is the state of a Chef Habitat supervisor",
            "Choose another root with HAB_ROOT, or another name with --override-name.",
        )
    elif layout.root != theirs.root and habitat_state(theirs):
        yield Finding(
            "warning",
            "habitat",
            f"a Chef Habitat supervisor has run here ({theirs.supervisor})",
            "If it runs, give this one other ports: --listen-gossip, --listen-http, --listen-ctl.",
        )


def _configuration(layout: StateLayout) -> Iterable[Finding]:
    """Whether the configuration files are good."""
    try:
        cli_setting(layout.root, "ctl_secret")
        settled_options({}, layout, ())
    except HabError as error:
        yield Finding("problem", "configuration", str(error), "Correct it.")
    else:
        which = layout.config_file
        text = str(which) if which.is_file() else f"no {which}: defaults and environment"
        yield Finding("ok", "configuration", text)


def _secret(layout: StateLayout) -> Iterable[Finding]:
    try:
        mode = stat.S_IMODE(layout.secret.stat().st_mode)
    except FileNotFoundError:
        yield Finding("ok", "secret", "none yet; the first start makes it")
        return
    except OSError as error:
        yield Finding(
            "warning",
            "secret",
            f"{layout.secret}: {error.strerror}",
            "Commands need it: run as its owner, or set HAB_CTL_SECRET.",
        )
        return
    if mode & 0o077:
        yield Finding(
            "problem",
            "secret",
            f"{layout.secret} has mode {mode:04o}: others can read it and command the supervisor",
            f"chmod 600 {layout.secret}",
        )
    else:
        yield Finding("ok", "secret", f"{layout.secret} is its owner's alone")


def _supervisor(place: Place, launcher: int) -> Iterable[Finding]:
    """Whether the supervisor that runs answers, and to whom it is open."""
    try:
        info = Session(place).ask(QuerySupervisor(), SupervisorInfo)
    except (HabError, Failure) as error:
        yield Finding(
            "problem",
            "supervisor",
            f"launcher {launcher} runs, but its supervisor does not answer: {error}",
            "`hab sup term` ends both; the launcher's output says what happened.",
        )
        return
    differs = "" if info.version == __version__ else f" (this `hab` is {__version__})"
    yield Finding(
        "warning" if differs else "ok",
        "supervisor",
        f"{info.version} runs as pid {info.supervisor_pid} under launcher {launcher}{differs}",
    )
    open_to = SupervisorOptions(
        info.root, listen_gossip=info.listen_gossip, listen_ctl=info.listen_ctl, ring=info.ring
    )
    yield from (Finding("warning", "exposure", text) for text in warnings(open_to))


def _ports(layout: StateLayout) -> Iterable[Finding]:
    """Whether the ports are free that a supervisor started now would listen on."""
    try:
        options = supervisor_options(layout, settled_options({}, layout, ()))
    except HabError:
        return  # said already
    for what, address, flag, reason in ports(options):
        if reason:
            yield Finding(
                "problem",
                "port",
                f"{what} address {address} cannot be listened on: {reason}",
                f"Find who has it (`ss -ltnp`), or choose another with {flag}.",
            )
        else:
            yield Finding("ok", "port", f"{what} address {address} is free")


def _exposure(layout: StateLayout) -> Iterable[Finding]:
    """Whether strangers would reach a supervisor started now."""
    try:
        resolved = settled_options({}, layout, ())
    except HabError:
        return
    options = supervisor_options(layout, resolved, ring=resolved.text("ring"))
    yield from (Finding("warning", "exposure", text) for text in warnings(options))
