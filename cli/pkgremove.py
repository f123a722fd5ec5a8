"""`hab pkg uninstall`."""

from __future__ import annotations

import click

from cli.client import json_option
from cli.output import emit_json, say
from cli.pkg import install_hooks, package_store
from cli.problem import Failure


@click.command()
@click.argument("ident", metavar="IDENT")
@click.option("-d", "--dryrun", is_flag=True, help="Only say what would go.")
@click.option(
    "--keep-latest",
    type=click.IntRange(min=0),
    metavar="COUNT",
    help="All releases that IDENT fits but so many of the newest.  [default: the newest one goes]",
)
@click.option("--exclude", multiple=True, metavar="IDENT", help="Leave this one; repeat for more.")
@click.option("--no-deps", is_flag=True, help="Leave what only it needed.")
@click.option("--ignore-uninstall-hook", is_flag=True, help="Run no uninstall hooks.")
@json_option
def uninstall(
    ident: str,
    *,
    dryrun: bool,
    keep_latest: int | None,
    exclude: tuple[str, ...],
    no_deps: bool,
    ignore_uninstall_hook: bool,
    as_json: bool,
) -> None:
    """Uninstall a package, and what nothing else needs of what it needed.

    What a service is loaded with, and what another package needs, stays.
    """
    from actors.adapters.package_removal import removal, remove

    store = package_store()
    plan = removal(store, ident, keep_latest=keep_latest, excluded=exclude, with_deps=not no_deps)
    for kept in plan.kept:
        say(f"Skipping {kept.ident}: {kept.reason}")
    if not dryrun:
        before = None if ignore_uninstall_hook else install_hooks(store).uninstalling
        remove(store, plan.gone, say if as_json else click.echo, before)
    if as_json:
        emit_json(
            "pkg.uninstall/1",
            {
                "uninstalled": [str(one) for one in plan.gone],
                "kept": [{"ident": str(one.ident), "reason": one.reason} for one in plan.kept],
                "dryrun": dryrun,
            },
        )
    elif dryrun:
        for one in plan.gone:
            click.echo(f"Would uninstall {one}")
    if plan.kept and not plan.gone and keep_latest is None:
        raise Failure(f"{ident} was not uninstalled: {plan.kept[0].reason}")
