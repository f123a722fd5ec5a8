"""`hab`: the root of the command line. Groups are imported when used, so that reading is fast.

Exit codes: 0 done, 1 failed, 2 wrong usage, 7 timed out, 8 refused by a safety guard, 9 an
invariant broke.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

import click

from actors import __version__
from cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "sup": ("cli.sup:sup", "Run a supervisor; ask, restart and end it."),
    "svc": ("cli.svc:svc", "Load, start, stop, update and watch services."),
    "service": ("cli.svc:svc", "The same as svc."),
    "start": ("cli.start:start", "Load a service; become the supervisor where none runs."),
    "stop": ("cli.svcverbs:stop", "The same as `svc stop`."),
    "config": ("cli.config:config", "Give service groups configuration."),
    "file": ("cli.file:file", "Give service groups files."),
    "apply": ("cli.config:apply", "The same as `config apply`."),
    "install": ("cli.pkg:install", "The same as `pkg install`."),
    "ring": ("cli.ring:ring", "Members of the ring, and its keys."),
    "election": ("cli.election:election", "Who leads which service group, who votes, and why."),
    "actor": ("cli.actor:actor", "List, inspect, trace and kill actors."),
    "events": ("cli.events:events", "What happened, on this supervisor or on the whole ring."),
    "why": ("cli.why:why_command", "Why a service, an actor or a member is as it is."),
    "pkg": ("cli.pkg:pkg", "Build, install and look into packages."),
    "plan": ("cli.plan:plan", "Write a plan to start a package from."),
    "origin": ("cli.keys:origin", "Generate, import and export the keys that sign packages."),
    "user": ("cli.keys:user", "Generate, import and export users' encryption keys."),
    "depot": ("cli.depot:depot", "Serve packages to other machines."),
    "sim": ("cli.sim:sim", "Run a ring of simulated supervisors on virtual time."),
    "doctor": ("cli.doctor:doctor", "Check this machine, and say what to do."),
    "completion": ("cli.completion:completion", "Print completion for bash, zsh or fish."),
}

EPILOG = """\b
Examples:
  hab sup run                                     a supervisor, in the foreground
  hab svc load core/redis                         load a service into it
  hab svc load --cmd "python web.py" --name web   supervise a plain command
  hab svc status                                  desired and actual state of each
"""


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="hab", message="%(prog)s %(version)s (habring)")
def hab() -> None:
    """Supervise services on a ring of machines."""


def main() -> NoReturn:
    """Be the command `hab`.

    Nothing is left to clean up when a command has ended, and taking the interpreter apart would
    cost 20 ms of the 100 that a read verb may take.
    """
    code: object = 0
    try:
        hab(prog_name="hab")
    except SystemExit as ended:
        code = ended.code
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader is gone
        code = code or 1
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)
