"""`hab svc render`: a service's files as its templates make them, without a supervisor."""

from __future__ import annotations

import os
from pathlib import Path

import click

from actors.messages.service import ServiceSpec
from cli.output import emit_json, say
from cli.preview import Role, chosen, find_source, preview
from cli.settings import state_layout
from cli.values import Bind, Name


@click.command()
@click.argument("subject", metavar="IDENT|DIR")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML laid over the other layers, as `hab config apply` would.",
)
@click.option(
    "--bind",
    "binds",
    multiple=True,
    type=Bind(),
    metavar="NAME:GROUP",
    help="Bind a name of the package to a service group; repeat for more. What the group would "
    "export is made up.",
)
@click.option("--group", type=Name(), default="default", show_default=True, help="Service group.")
@click.option("--name", type=Name(), help="Name of the service, instead of the package's.")
@click.option(
    "--role",
    type=click.Choice(["none", "leader", "follower"]),
    default="none",
    show_default=True,
    help="What this member is in a group with a leader.",
)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the files below DIR instead of showing them.",
)
@click.option("--json", "as_json", is_flag=True, help="Files, configuration and exports as JSON.")
def render(
    subject: str,
    files: tuple[str, ...],
    *,
    config: Path | None,
    binds: tuple[str, ...],
    group: str,
    name: str | None,
    role: Role,
    to: Path | None,
    as_json: bool,
) -> None:
    """Show the configuration files and hooks that a service would run with.

    IDENT is an installed package, DIR a directory with config, hooks and default.toml: a package's
    or a plan's. FILE is config/NAME or hooks/NAME; one alone is shown without a heading. Nothing is
    started or changed, and no supervisor is asked: the ring that templates see is made up, this
    member in it alive and alone.
    """
    layout = state_layout(None, os.environ)
    source = find_source(subject, layout)
    given = tuple(bind for bind in binds if bind)
    spec = ServiceSpec(source.package.ident, name=name or "", group=group, binds=given)
    seen = preview(source, spec, layout, config, role)
    shown = chosen(seen, files)
    for note in seen.notes:
        say(note)
    if to is not None:
        _write(to, shown)
    if as_json:
        texts = {path: data.decode() for path, data in shown.items()}
        cfg, exports = dict(seen.made.values), dict(seen.made.exports)
        emit_json(
            "svc.render/1", {"ident": seen.ident, "files": texts, "cfg": cfg, "exports": exports}
        )
    elif to is not None:
        for path in shown:
            click.echo(to / path)
    else:
        _show(shown, bare=len(files) == 1)


def _show(files: dict[str, bytes], *, bare: bool) -> None:
    for path, data in files.items():
        text = data.decode()
        if bare:
            click.echo(text, nl=False)
            continue
        click.echo(f"==> {path} <==")
        click.echo(text, nl=not text.endswith("\n"))


def _write(to: Path, files: dict[str, bytes]) -> None:
    """Write the files; hooks can be run."""
    for path, data in files.items():
        file = to / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0o755 if path.startswith("hooks/") else 0o644)
