"""`hab pkg` verbs that look into packages and archives, and those that make links to them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.client import json_option
from cli.output import emit_json, say
from cli.pkg import cache_option, installed_package, package_store
from cli.problem import Failure

if TYPE_CHECKING:
    from actors.adapters.package_store import PackageStore
    from actors.depot.ident import PackageIdent
    from actors.messages.depot import PackageInfo

source_argument = click.argument(
    "source", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.hart"
)
ident_argument = click.argument("ident", metavar="IDENT")


@click.command()
@source_argument
@json_option
def header(source: Path, *, as_json: bool) -> None:
    """Print the header of an archive. It is not verified: see `hab pkg verify`."""
    import base64

    from actors.depot.hart import HEADER_LIMIT, parse_header

    with source.open("rb") as file:
        found = parse_header(file.read(HEADER_LIMIT))
    signature = base64.b64encode(found.signed).decode()
    if as_json:
        emit_json(
            "pkg.header/1",
            {
                "package": str(source),
                "format": "HART-1",
                "key": found.signer,
                "hash": "BLAKE2b",
                "signature": signature,
            },
        )
        return
    click.echo(f"Package        : {source}")
    click.echo("Format Version : HART-1")
    click.echo(f"Key Name       : {found.signer}")
    click.echo("Hash Type      : BLAKE2b")
    click.echo(f"Raw Signature  : {signature}")


@click.command("hash")
@click.argument(
    "sources",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE...",
)
@json_option
def hash_files(sources: tuple[Path, ...], *, as_json: bool) -> None:
    """Print the BLAKE2b checksum of files; without any, of those named on standard input."""
    from actors.adapters.signing import blake2b_file

    if not sources:
        names = [line.strip() for line in sys.stdin]
        sources = tuple(Path(name) for name in names if name)
    found = {str(source): blake2b_file(source) for source in sources}
    if as_json:
        emit_json("pkg.hash/1", {"files": [{"file": f, "blake2b": h} for f, h in found.items()]})
        return
    for file, digest in found.items():
        click.echo(f"{digest}  {file}")


@click.command()
@source_argument
@click.option("-j", "--to-json", "--json", "as_json", is_flag=True, help="Write JSON.")
def info(source: Path, *, as_json: bool) -> None:
    """Print which package is in an archive, as its name in it says; it is not verified."""
    from actors.adapters.unpacking import peek_ident
    from actors.depot.hart import HEADER_LIMIT, parse_header

    with source.open("rb") as file:
        found = parse_header(file.read(HEADER_LIMIT))
    ident = peek_ident(source, found)
    parts = {
        "origin": ident.origin,
        "name": ident.name,
        "version": ident.version,
        "release": ident.release,
    }
    if as_json:
        emit_json("pkg.info/1", {"package": str(source), **parts})
        return
    click.echo(f"Package Path   : {source}")
    for name, value in parts.items():
        click.echo(f"{name.capitalize():<15}: {value}")


@click.command()
@source_argument
@cache_option
@json_option
def verify(source: Path, *, cache_key_path: str | None, as_json: bool) -> None:
    """Verify an archive: its content is what was signed, by a key of the key cache."""
    from actors.adapters import unpacking

    found = unpacking.verify(source, package_store(cache_key_path).key_cache)
    checksum = found.digest.decode()
    if as_json:
        emit_json(
            "pkg.verify/1", {"package": str(source), "key": found.signer, "checksum": checksum}
        )
        return
    click.echo(f"Verified checksum {checksum} signed with {found.signer}")


@click.command()
@click.option("--origin", metavar="ORIGIN", help="Whose key signs.  [env: HAB_ORIGIN]")
@click.argument(
    "source", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="SOURCE"
)
@click.argument("destination", type=click.Path(dir_okay=False, path_type=Path), metavar="DEST")
@cache_option
def sign(
    source: Path, destination: Path, *, origin: str | None, cache_key_path: str | None
) -> None:
    """Sign a file with the newest key of an origin: SOURCE becomes the payload of DEST."""
    from actors.adapters.key_ring import KeyRing
    from actors.adapters.signing import sign_file
    from actors.depot.keyfile import KeyKind
    from cli.keys import origin_name

    keys = KeyRing(package_store(cache_key_path).key_cache)
    key = keys.newest(origin_name(origin), KeyKind.SIGNING_SECRET)
    sign_file(source, destination, key)
    click.echo(f"Signed artifact {destination} with {key.full_name}.")


@click.command()
@ident_argument
@json_option
def config(ident: str, *, as_json: bool) -> None:
    """Print the default configuration of an installed package."""
    store = package_store()
    found = installed_package(store, ident)
    path = store.path(found) / "default.toml"
    text = path.read_text() if path.is_file() else ""
    if as_json:
        emit_json("pkg.config/1", {"ident": str(found), "default_toml": text})
        return
    click.echo(text, nl=False)


@click.command()
@ident_argument
@json_option
def env(ident: str, *, as_json: bool) -> None:
    """Print the environment of an installed package, for a shell to evaluate."""
    store = package_store()
    found = installed_package(store, ident)
    values = environment(store.describe(found))
    if as_json:
        emit_json("pkg.env/1", {"ident": str(found), "environment": values})
        return
    import shlex

    for name, value in sorted(values.items()):
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command(
    "exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@ident_argument
@click.argument("command", metavar="COMMAND")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARG...]")
def execute(ident: str, command: str, arguments: tuple[str, ...]) -> None:
    """Become COMMAND, in the environment of an installed package before this one."""
    store = package_store()
    values = environment(store.describe(installed_package(store, ident)))
    inherited = dict(os.environ)
    values["PATH"] = ":".join(p for p in (values.get("PATH"), inherited.get("PATH")) if p)
    program = shutil.which(command, path=values["PATH"])
    if program is None:
        raise Failure(
            f"`{command}' was not found (looked in {values['PATH']})",
            f"`ls $(hab pkg path {ident})/bin` shows what the package brings.",
        )
    os.execve(program, [command, *arguments], {**inherited, **values})  # noqa: S606 - no shell


@click.command()
@ident_argument
@click.option("-t", "--transitive", is_flag=True, help="Also what they need.")
@click.option("-r", "--reverse", is_flag=True, help="What needs it, instead of what it needs.")
@json_option
def dependencies(ident: str, *, transitive: bool, reverse: bool, as_json: bool) -> None:
    """Print what an installed package needs."""
    store = package_store()
    found = installed_package(store, ident)
    names = (
        _needing(store, found, transitive=transitive)
        if reverse
        else list(_needed(store, found, transitive=transitive))
    )
    if as_json:
        emit_json("pkg.dependencies/1", {"ident": str(found), "packages": names})
        return
    for name in names:
        click.echo(name)


@click.command()
@ident_argument
@click.argument("binary", required=False, metavar="[BINARY]")
@click.option(
    "-d",
    "--dest",
    metavar="DIR",
    envvar="HAB_BINLINK_DIR",
    help="Where the links go.  [default: bin below the root; env: HAB_BINLINK_DIR]",
)
@click.option("-f", "--force", is_flag=True, help="Replace a link to something else.")
def binlink(ident: str, binary: str | None, *, dest: str | None, force: bool) -> None:
    """Link the programs of an installed package, or only BINARY, into a directory of PATH."""
    from actors.adapters.binlinks import link_programs

    store = package_store()
    found = installed_package(store, ident)
    into = Path(dest).absolute() if dest else store.root / "bin"
    for link in link_programs(store, found, into, binary, force=force, say=say):
        click.echo(f"Binlinked {link.name} from {found} to {link}")
    if str(into) not in os.environ.get("PATH", "").split(":"):
        say(f"{into} is not in PATH yet: export PATH={into}:$PATH")


def environment(package: PackageInfo) -> dict[str, str]:
    """Return what a package sets for who runs its programs."""
    path = ":".join(package.run_path)
    return {**package.environment, **({"PATH": path} if path else {})}


def _needed(store: PackageStore, ident: PackageIdent, *, transitive: bool) -> tuple[str, ...]:
    package = store.describe(ident)
    return package.tdeps if transitive else package.deps


def _needing(store: PackageStore, ident: PackageIdent, *, transitive: bool) -> list[str]:
    return [
        str(other)
        for other in store.installed()
        if str(ident) in _needed(store, other, transitive=transitive)
    ]
