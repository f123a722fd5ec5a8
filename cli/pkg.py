"""`hab pkg`: the packages installed on this machine. They need no supervisor, only the root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from actors.errors import UsageError
from cli.client import json_option
from cli.depotoptions import channel_option, depot_options, open_chosen
from cli.lazy import LazyGroup
from cli.output import emit_json, say
from cli.problem import Failure
from cli.settings import state_layout
from cli.writes import Line

if TYPE_CHECKING:
    from actors.adapters.depot_fetch import Fetched, Fetcher
    from actors.adapters.install_hooks import InstallHooks
    from actors.adapters.package_store import PackageStore
    from actors.depot.ident import PackageIdent


VERBS = {
    "install": ("cli.pkg:install", "Install packages."),
    "uninstall": ("cli.pkgremove:uninstall", "Uninstall a package and what only it needed."),
    "list": ("cli.pkg:list_packages", "List installed packages."),
    "path": ("cli.pkg:path", "Print the directory of an installed package."),
    "upload": ("cli.pkgdepot:upload", "Upload packages to a depot."),
    "download": ("cli.pkgdepot:download", "Download packages without installing them."),
    "promote": ("cli.pkgdepot:promote", "Put a package into a channel."),
    "demote": ("cli.pkgdepot:demote", "Take a package out of a channel."),
    "search": ("cli.pkgdepot:search", "Search a depot for packages."),
    "channels": ("cli.pkgdepot:channels", "Show the channels of a package or an origin."),
    "build": ("cli.pkgbuild:build", "Make a signed package of a plan.sh."),
    "sign": ("cli.pkginspect:sign", "Sign a file with an origin's key."),
    "verify": ("cli.pkginspect:verify", "Verify an archive's signature and content."),
    "header": ("cli.pkginspect:header", "Print the header of an archive."),
    "info": ("cli.pkginspect:info", "Print which package is in an archive."),
    "hash": ("cli.pkginspect:hash_files", "Print the BLAKE2b checksum of files."),
    "config": ("cli.pkginspect:config", "Print the default configuration of a package."),
    "env": ("cli.pkginspect:env", "Print the environment of a package."),
    "exec": ("cli.pkginspect:execute", "Run a command in the environment of a package."),
    "dependencies": ("cli.pkginspect:dependencies", "Print what a package needs."),
    "binlink": ("cli.pkginspect:binlink", "Link a package's programs into a directory of PATH."),
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
@click.argument("sources", nargs=-1, required=True, metavar="IDENT|FILE.hart|DIR...")
@click.option("-b", "--binlink", is_flag=True, help="Link its programs into a directory of PATH.")
@click.option(
    "--binlink-dir",
    metavar="DIR",
    envvar="HAB_BINLINK_DIR",
    help="That directory.  [default: bin below the root; env: HAB_BINLINK_DIR]",
)
@click.option("-f", "--force", is_flag=True, help="Replace links to something else.")
@click.option("--ignore-install-hook", is_flag=True, help="Run no install hooks.")
@click.option("--offline", is_flag=True, help="Ask no depot: use what is installed and cached.")
@click.option(
    "--ignore-local",
    is_flag=True,
    help="Do not use what is installed instead of what the channel has.",
)
@channel_option
@depot_options
@cache_option
@json_option
def install(
    sources: tuple[str, ...],
    *,
    binlink: bool,
    binlink_dir: str | None,
    force: bool,
    ignore_install_hook: bool,
    offline: bool,
    ignore_local: bool,
    channel: str,
    url: str,
    auth: str | None,
    cache_key_path: str | None,
    as_json: bool,
) -> None:
    """Install packages, and before them what they depend on.

    An IDENT is looked for in the channel of the depot, and what is installed is used only if it is
    newer; a full one (origin/name/version/release) is that release, in whatever channel. A HART
    file is verified first; what it depends on may come from its directory, the artifact cache or
    the depot. A directory is one in the layout of an installed package: IDENT, TARGET,
    default.toml, hooks. What is installed already is left as it is.
    """
    from actors.adapters.depot_fetch import Fetcher

    if offline and ignore_local:
        raise UsageError("--offline uses what is local, --ignore-local does not: give one of them")
    store = package_store(cache_key_path)
    line = Line()
    depot = None if offline else open_chosen(store, line, url, auth)
    fetcher = Fetcher(store, depot, line.show)
    found: list[Fetched] = []
    try:
        for source in sources:
            found.append(_install(store, fetcher, source, channel, ignore_local=ignore_local))
            line.end()
            if not ignore_install_hook:
                install_hooks(store).installed(found[-1].ident)
    finally:
        line.end()
    if binlink:
        from actors.adapters.binlinks import link_programs

        into = Path(binlink_dir).absolute() if binlink_dir else store.root / "bin"
        for one in found:
            for link in link_programs(store, one.ident, into, None, force=force, say=say):
                say(f"Binlinked {link.name} from {one.ident} to {link}")
    if as_json:
        packages = [{"ident": str(one.ident), "new": one.new > 0} for one in found]
        emit_json("pkg.install/1", {"packages": packages})
        return
    for one in found:
        new = "1 new package" if one.new == 1 else f"{one.new} new packages"
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
    found = installed_package(store, ident)
    place = str(store.path(found))
    if as_json:
        emit_json("pkg.path/1", {"ident": str(found), "path": place})
        return
    click.echo(place)


def _install(
    store: PackageStore, fetcher: Fetcher, source: str, channel: str, *, ignore_local: bool
) -> Fetched:
    path = Path(source).absolute()
    if path.is_dir():
        from actors.adapters.depot_fetch import Fetched

        done = store.install_directory(path, say)
        return Fetched(done.ident, int(done.new))
    if path.exists():
        return fetcher.install_file(path)
    if source.endswith(".hart") or source.count("/") not in (1, 2, 3) or source[0] in "./":
        raise Failure(
            f"{source} does not exist",
            "Name a .hart file, a directory, or a package: origin/name[/version[/release]].",
        )
    return fetcher.install(source, channel, ignore_local=ignore_local)


def install_hooks(store: PackageStore) -> InstallHooks:
    """Return what runs the install and uninstall hooks of packages."""
    from actors.adapters.install_hooks import InstallHooks

    services = state_layout(None, os.environ).services
    return InstallHooks(store, services, os.environ, say)


def installed_package(store: PackageStore, ident: str) -> PackageIdent:
    """Return the newest installed package that `ident` fits. Raises Failure, UsageError."""
    found = store.find(ident)
    if found is None:
        raise Failure(
            f"Cannot find a release of package: {ident}", "`hab pkg list` shows what is installed."
        )
    return found


def package_store(cache_key_path: str | None = None) -> PackageStore:
    """Return the packages of this machine; their keys as chosen, else HAB_CACHE_KEY_PATH's."""
    from actors.adapters.package_store import PackageStore

    keys = cache_key_path or os.environ.get("HAB_CACHE_KEY_PATH")
    root = state_layout(None, os.environ).root
    return PackageStore(root, key_cache=Path(keys).absolute() if keys else None)
