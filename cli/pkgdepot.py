"""`hab pkg upload|download|promote|demote|search|channels`: what is asked of a depot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from actors.errors import Refused, UsageError
from cli.client import json_option
from cli.depotoptions import channel_option, depot_options, open_chosen
from cli.output import emit_json, say, table
from cli.pkg import cache_option, package_store
from cli.problem import Failure
from cli.writes import Line

if TYPE_CHECKING:
    from actors.adapters.package_store import PackageStore
    from actors.depot.channels import Artifact

SEARCH_LIMIT = 50  # as many as Builder has on a page

target_option = click.option(
    "--target",
    metavar="TARGET",
    help="Platform of the package.  [default: this machine's]",
)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.hart...")
@click.option(
    "-c", "--channel", metavar="CHANNEL", help="Promote to this channel too, made if need be."
)
@click.option("--force", is_flag=True, help="Send it although the depot has it.")
@cache_option
@depot_options
@json_option
def upload(
    files: tuple[str, ...],
    *,
    channel: str | None,
    force: bool,
    cache_key_path: str | None,
    url: str,
    auth: str | None,
    as_json: bool,
) -> None:
    """Upload packages to the depot, with the public key that signed them.

    They land in channel unstable. What a package depends on is uploaded before it where the depot
    lacks it and its file lies beside it or in the artifact cache.
    """
    from actors.adapters.depot_upload import Uploader

    store = package_store(cache_key_path)
    line = Line()
    depot = open_chosen(store, line, url, auth)
    uploader = Uploader(store, depot, line.show)
    sent = []
    try:
        for file in files:
            if not Path(file).is_file():
                raise Failure(f"{file} does not exist", "Name the .hart file of a package.")
            sent += uploader.upload(Path(file).absolute(), channel or "", forced=force)
    finally:
        line.end()
    if as_json:
        packages = [{"ident": str(one.artifact.ident), "new": one.new} for one in sent]
        emit_json("pkg.upload/1", {"url": depot.url, "packages": packages})
        return
    for one in sent:
        there = "" if one.new else " It was there already."
        click.echo(f"Upload of {one.artifact.ident} complete.{there}")


@click.command()
@click.argument("idents", nargs=-1, required=True, metavar="IDENT...")
@click.option(
    "--download-directory",
    metavar="DIR",
    default=".",
    help="Where archives/ and keys/ are made.  [default: the current directory]",
)
@channel_option
@target_option
@depot_options
@json_option
def download(
    idents: tuple[str, ...],
    *,
    download_directory: str,
    channel: str,
    target: str | None,
    url: str,
    auth: str | None,
    as_json: bool,
) -> None:
    """Download packages, all they depend on, and the keys that signed them, without installing.

    The files can be carried to a machine without a network, or uploaded to another depot.
    """
    from actors.adapters.depot_fetch import Fetcher
    from actors.adapters.package_store import PackageStore

    directory = Path(download_directory).absolute()
    store = PackageStore(package_store().root, check_target(target), key_cache=directory / "keys")
    line = Line()
    depot = open_chosen(store, line, url, auth)
    fetcher = Fetcher(store, depot, line.show)
    try:
        got = [
            file
            for ident in idents
            for file in fetcher.download(ident, channel, directory / "archives")
        ]
    finally:
        line.end()
    files = list(dict.fromkeys(str(file) for file in got))
    if as_json:
        emit_json("pkg.download/1", {"url": depot.url, "files": files})
        return
    for file in files:
        click.echo(file)


@click.command()
@click.argument("ident", metavar="FULL_IDENT")
@click.argument("channel")
@target_option
@depot_options
def promote(ident: str, channel: str, *, target: str | None, url: str, auth: str | None) -> None:
    """Put a package into a channel, which is made if need be."""
    line, store = Line(), package_store()
    depot, artifact = open_chosen(store, line, url, auth), _artifact(store, ident, target)
    try:
        if channel not in ("stable", "unstable"):
            depot.create_channel(artifact.ident.origin, channel)
        depot.promote(artifact, channel)
    finally:
        line.end()
    click.echo(f"Promoted {artifact.ident} to {channel}")


@click.command()
@click.argument("ident", metavar="FULL_IDENT")
@click.argument("channel")
@target_option
@depot_options
def demote(ident: str, channel: str, *, target: str | None, url: str, auth: str | None) -> None:
    """Take a package out of a channel; it stays in the depot."""
    line, store = Line(), package_store()
    depot, artifact = open_chosen(store, line, url, auth), _artifact(store, ident, target)
    try:
        depot.demote(artifact, channel)
    finally:
        line.end()
    click.echo(f"Demoted {artifact.ident} from {channel}")


@click.command()
@click.argument("term")
@click.option(
    "-l",
    "--limit",
    type=click.IntRange(min=1, max=10_000),
    default=SEARCH_LIMIT,
    metavar="COUNT",
    help=f"Show at most so many.  [default: {SEARCH_LIMIT}]",
)
@depot_options
@json_option
def search(term: str, *, limit: int, url: str, auth: str | None, as_json: bool) -> None:
    """Search a depot for packages of which some part begins with TERM (`origin/name` for both)."""
    line, store = Line(), package_store()
    depot = open_chosen(store, line, url, auth)
    try:
        found, total = depot.search(term, limit)
    finally:
        line.end()
    names = [str(ident) for ident in found]
    if as_json:
        emit_json("pkg.search/1", {"url": depot.url, "packages": names, "total": total})
        return
    if not names:
        say(f"{depot.url} has no package of which a part begins with {term}")
    for name in names:
        click.echo(name)
    if total > len(names):
        say(f"{len(names)} of {total} shown; --limit shows more")


@click.command()
@click.argument("ident", metavar="FULL_IDENT|ORIGIN")
@target_option
@depot_options
@json_option
def channels(ident: str, *, target: str | None, url: str, auth: str | None, as_json: bool) -> None:
    """Show the channels that a package is in, or those that an origin has."""
    line, store = Line(), package_store()
    depot = open_chosen(store, line, url, auth)
    try:
        if "/" in ident:
            artifact = _artifact(store, ident, target)
            names = depot.channels(artifact)
            if names is None:
                raise Refused(f"{artifact} is not in {depot.url}", "not-found")
        else:
            names = depot.origin_channels(ident)
    finally:
        line.end()
    if as_json:
        emit_json("pkg.channels/1", {"url": depot.url, "ident": ident, "channels": names})
        return
    table(["channel"], [[name] for name in names])


def check_target(target: str | None) -> str:
    """Return the target that was named, or "" for this machine's. Raises UsageError."""
    from actors.depot.ident import TARGETS

    if target and target not in TARGETS:
        raise UsageError(f"{target!r} is not a target: {', '.join(TARGETS)}")
    return target or ""


def _artifact(store: PackageStore, ident: str, target: str | None) -> Artifact:
    from actors.depot.channels import Artifact
    from actors.depot.ident import parse_ident

    wanted = parse_ident(ident)
    if not wanted.full:
        raise UsageError(f"{ident} does not name a release: origin/name/version/release does")
    return Artifact(wanted, check_target(target) or store.target)
