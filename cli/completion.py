"""`hab completion`: shell completion, as click makes it; and what is completed from files."""

from __future__ import annotations

import os

import click

from actors.errors import HabError
from cli.problem import Failure
from cli.settings import state_layout

WHERE = {
    "bash": 'eval "$(hab completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(hab completion zsh)" in ~/.zshrc',
    "fish": "hab completion fish > ~/.config/fish/completions/hab.fish",
}


@click.command()
@click.argument("shell", type=click.Choice(sorted(WHERE)))
def completion(shell: str) -> None:
    """Print completion for SHELL, for a line in its configuration.

    \b
      eval "$(hab completion bash)"        in ~/.bashrc
      eval "$(hab completion zsh)"         in ~/.zshrc
      hab completion fish > ~/.config/fish/completions/hab.fish
    """  # noqa: D301 - \b is click's mark for text kept as it is
    from click.shell_completion import get_completion_class

    from cli.main import hab

    found = get_completion_class(shell)
    if found is None:
        raise Failure(f"This release of click has no completion for {shell}.")
    click.echo(found(hab, {}, "hab", "_HAB_COMPLETE").source())


def loaded_services(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the names of loaded services that begin like `begun`: for completion, from files."""
    try:
        layout = state_layout(ctx.params.get("override_name"), os.environ)
        names = sorted(path.stem for path in layout.specs.glob("*.spec"))
    except (HabError, OSError):
        return []
    return [name for name in names if name.startswith(begun)]
