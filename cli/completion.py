"""`hab completion`: shell completion, as click makes it."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cli.problem import Failure

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
    from cli.main import hab

    found = get_completion_class(shell)
    if found is None:
        raise Failure(f"This release of click has no completion for {shell}.")
    click.echo(found(hab, {}, "hab", "_HAB_COMPLETE").source())
