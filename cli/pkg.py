"""`hab pkg`: the packages installed on this machine. They need no supervisor, only the root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actors.errors import UsageError
from cli.client import json_option
from cli.lazy import LazyGroup
from cli.output import emit_json, say
from cli.problem import Failure
from cli.settings import state_layout

if TYPE_CHECKING:
    from actors.adapters.package_store import PackageStore


VERBS = {
    "install": ("cli.pkg:install", "Install packages."),
    "list": ("cli.pkg:list_packages", "List installed packages."),
    "path": ("cli.pkg:path", "Print the directory of an installed package."),
    "build": ("cli.pkgbuild:build", "Make a signed package of a plan.sh."),
}

cache_option = click.option(
    "--cache-key-path",
    metavar="DIR",
    help="Directory of the origins' keys, instead of cache/keys below the root.  "
    "[env: HAB_CACHE_KEY_PATH]",
)


@click.group(cls=LazyGroup, lazy=VERBS)
def pkg() -> None:
    """Build, install and look into packages."""


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH|FILE.hart...")
@cache_option
@json_option
def install(sources: tuple[str, ...], *, cache_key_path: str | None, as_json: bool) -> None:
    """Install packages: a HART file, whose signature is verified, or a directory.

    A directory is one in the layout of an installed package: IDENT, TARGET, default.toml, hooks.
    What is installed already is left as it is.
    """
    store = package_store(cache_key_path)
    found = []
    for source in sources:
        path = Path(source).absolute()
        if not path.exists():
            raise Failure(
                f"{source} does not exist: name a directory or a .hart file",
                "This release takes packages from this machine only.",
            )
        found.append(store.install(path, say))
    if as_json:
        packages = [{"ident": str(one.ident), "new": one.new} for one in found]
        emit_json("pkg.install/1", {"packages": packages})
        return
    for one in found:
        new = "1 new package" if one.new else "0 new packages"
        click.echo(f"Install of {one.ident} complete with {new} installed.")


@click.command("list")
@click.argument("ident", required=False)
@click.option("-a", "--all", "everything", is_flag=True, help="All packages; the default.")
@click.option("-o", "--origin", metavar="ORIGIN", help="Of this origin only.")
@json_option
def list_packages(
    ident: str | None, *, everything: bool, origin: str | None, as_json: bool
) -> None:
    """List installed packages, all or those that IDENT, an ident or a part of one, fits."""
    if sum([everything, bool(origin), bool(ident)]) > 1:
        raise UsageError("give one of --all, --origin and IDENT")
    packages = package_store().installed()
    if ident:
        from actors.depot.ident import parse_ident

        wanted = parse_ident(ident)
        packages = tuple(package for package in packages if package.satisfies(wanted))
    if origin:
        packages = tuple(package for package in packages if package.origin == origin)
    names = sorted(str(package) for package in packages)
    if as_json:
        emit_json("pkg.list/1", {"packages": names})
        return
    for name in names:
        click.echo(name)


@click.command()
@click.argument("ident")
@json_option
def path(ident: str, *, as_json: bool) -> None:
    """Print the directory of the newest installed package that IDENT fits."""
    store = package_store()
    found = store.find(ident)
    if found is None:
        raise Failure(
            f"Cannot find a release of package: {ident}", "`hab pkg list` shows what is installed."
        )
    place = str(store.path(found))
    if as_json:
        emit_json("pkg.path/1", {"ident": str(found), "path": place})
        return
    click.echo(place)


def package_store(cache_key_path: str | None = None) -> PackageStore:
    """Return the packages of this machine; their keys as chosen, else HAB_CACHE_KEY_PATH's."""
    from actors.adapters.package_store import PackageStore

    keys = cache_key_path or os.environ.get("HAB_CACHE_KEY_PATH")
    root = state_layout(None, os.environ).root
    return PackageStore(root, key_cache=Path(keys).absolute() if keys else None)
