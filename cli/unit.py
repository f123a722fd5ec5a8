"""`hab sup install-unit`: a systemd unit that runs a supervisor."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from actors.node.layout import DEFAULT_NAME, StateLayout
from cli.client import override_name_option
from cli.output import say
from cli.problem import Failure
from cli.settings import state_layout

# KillMode=process: systemd signals the launcher alone, which stops its services in order; when the
# launcher itself dies, services live on and the next start adopts them.
# 86: this member has departed, or cannot run here; starting it again would change nothing.
UNIT = """\
[Unit]
Description=habring supervisor ({name})
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
KillMode=process
Environment=HAB_ROOT={root}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartPreventExitStatus=86
TimeoutStartSec=90
TimeoutStopSec=60
LimitNOFILE=65536

[Install]
WantedBy={target}
"""


@click.command(
    "install-unit", context_settings={"ignore_unknown_options": False, "max_content_width": 100}
)
@override_name_option
@click.option("--user", is_flag=True, help="For this user's own systemd, not the machine's.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit; write nothing.")
@click.option("-f", "--force", is_flag=True, help="Replace a unit that says otherwise.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def install_unit(
    *,
    override_name: str | None,
    user: bool,
    only_print: bool,
    force: bool,
    options: tuple[str, ...],
) -> None:
    """Install a systemd unit for a supervisor; OPTIONS behind `--` are those of `hab sup run`.

    \b
      hab sup install-unit -- --permanent-peer --peer 10.0.0.7
    """  # noqa: D301 - \b is click's mark for text kept as it is
    layout = state_layout(override_name, os.environ)
    _check(options)
    text = unit(layout, options, user=user)
    if only_print:
        click.echo(text, nl=False)
        return
    path = unit_path(layout, user=user)
    if path.is_file() and path.read_text() == text:
        click.echo(f"{path} is there already (unchanged)")
        return
    if path.exists() and not force:
        raise Failure(
            f"{path} is there already and says otherwise.",
            "Look at it beside `hab sup install-unit --print`; --force replaces it.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text)
    draft.replace(path)
    click.echo(f"Wrote {path}")
    systemctl = "systemctl --user" if user else "systemctl"
    say(f"Next: {systemctl} daemon-reload && {systemctl} enable --now {path.name}")


def unit(layout: StateLayout, options: tuple[str, ...], *, user: bool) -> str:
    """Write the unit."""
    name = () if layout.name == DEFAULT_NAME else ("--override-name", layout.name)
    words = (*program(), "sup", "run", *name, *options)
    return UNIT.format(
        name=layout.name,
        root=quoted(str(layout.root)),
        command=" ".join(quoted(word) for word in words),
        target="default.target" if user else "multi-user.target",
    )


def program() -> tuple[str, ...]:
    """Return how to start `hab` without a PATH: the script beside this Python, or Python itself."""
    script = Path(sys.executable).with_name("hab")
    if script.is_file():
        return (str(script),)
    return (sys.executable, "-c", "from cli.main import main; main()")


def quoted(word: str) -> str:
    """Write a word so that systemd reads it as one, without its `%` and `$`."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if shlex.quote(word) == word:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unit_path(layout: StateLayout, *, user: bool) -> Path:
    """Return where the unit belongs."""
    name = "hab-sup" if layout.name == DEFAULT_NAME else f"hab-sup-{layout.name}"
    if not user:
        return Path("/etc/systemd/system") / f"{name}.service"
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "systemd" / "user" / f"{name}.service"


def _check(options: tuple[str, ...]) -> None:
    """Refuse what `hab sup run` would refuse, now rather than at the next boot."""
    from cli.sup import run

    with run.make_context("hab sup run", list(options)):
        return
