"""`hab origin key`, `hab user key`, `hab svc key`: key pairs in Habitat's file format."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from actors.errors import UsageError
from cli.ring import key_cache_path
from cli.ringkeys import cache_option
from cli.settings import cli_setting, state_root

if TYPE_CHECKING:
    from actors.adapters.key_ring import KeyRing

_ORIGIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")
_SERVICE_GROUP = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ORG = re.compile(r"[A-Za-z0-9_-]+")

type_option = click.option(
    "-t",
    "--type",
    "which",
    type=click.Choice(["public", "secret"]),
    default="public",
    show_default=True,
    help="Which half of the pair.",
)
file_argument = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group()
def origin() -> None:
    """Origins: whose keys sign packages."""


@origin.group("key")
def origin_key() -> None:
    """Signing keys of origins. The secret one signs packages, the public one verifies them."""


@origin_key.command("generate")
@click.argument("origin", required=False)
@cache_option
def generate_origin(origin: str | None, *, cache_key_path: str | None) -> None:
    """Make a signing key pair for ORIGIN.  [env: HAB_ORIGIN; cli.toml: origin]."""
    from actors.adapters.key_ring import SIGNING

    name = origin_name(origin)
    made = _ring(cache_key_path).generate(name, SIGNING, time.time())
    click.echo(f"Generated origin key pair {made.full_name}.")


@origin_key.command("import")
@file_argument
@cache_option
def import_origin(file: Path | None, *, cache_key_path: str | None) -> None:
    """Put a public or secret signing key into the key cache, from FILE or from standard input."""
    from actors.adapters.key_ring import SIGNING

    _import(file, cache_key_path, SIGNING, "origin")


@origin_key.command("export")
@click.argument("origin", required=False)
@type_option
@cache_option
def export_origin(origin: str | None, *, which: str, cache_key_path: str | None) -> None:
    """Print the newest signing key of ORIGIN.  [env: HAB_ORIGIN; cli.toml: origin]."""
    from actors.adapters.key_ring import SIGNING

    _export(origin_name(origin), SIGNING[which == "secret"], cache_key_path)


@click.group()
def user() -> None:
    """Users: whose keys encrypt configuration for a service group."""


@user.group("key")
def user_key() -> None:
    """Encryption keys of users."""


@user_key.command("generate")
@click.argument("user")
@cache_option
def generate_user(user: str, *, cache_key_path: str | None) -> None:
    """Make an encryption key pair for USER."""
    from actors.adapters.key_ring import BOX

    if not _USER.fullmatch(user):
        raise UsageError(f"{user!r} is no user's name: letters, digits and ._@- are")
    made = _ring(cache_key_path).generate(user, BOX, time.time())
    click.echo(f"Generated user encryption key pair {made.full_name}.")


@click.group("key")
def service_key() -> None:
    """Encryption keys of service groups: configuration encrypted for them only they can read."""


@service_key.command("generate")
@click.argument("service_group", metavar="SERVICE.GROUP")
@click.argument("org", required=False, envvar="HAB_ORG")
@cache_option
def generate_service(service_group: str, org: str | None, *, cache_key_path: str | None) -> None:
    """Make an encryption key pair for SERVICE.GROUP of ORG (also SERVICE.GROUP@ORG)."""
    from actors.adapters.key_ring import BOX

    group, _, named = service_group.partition("@")
    organization = named or org or ""
    if not _SERVICE_GROUP.fullmatch(group):
        raise UsageError(f"{service_group!r} is no service group: SERVICE.GROUP, as redis.default")
    if not _ORG.fullmatch(organization):
        raise UsageError(
            "name the organization: hab svc key generate SERVICE.GROUP ORG  [env: HAB_ORG]"
        )
    made = _ring(cache_key_path).generate(f"{group}@{organization}", BOX, time.time())
    click.echo(f"Generated service key pair {made.full_name}.")


def _box_commands(group: click.Group, what: str) -> None:
    """Give users' and services' keys the same `import` and `export`."""

    def import_box(file: Path | None, *, cache_key_path: str | None) -> None:
        from actors.adapters.key_ring import BOX

        _import(file, cache_key_path, BOX, what)

    def export_box(name: str, *, which: str, cache_key_path: str | None) -> None:
        from actors.adapters.key_ring import BOX

        _export(name, BOX[which == "secret"], cache_key_path)

    into = f"Put a {what}'s public or secret key into the key cache, from FILE or standard input."
    out = f"Print the newest key of a {what}."
    _command(group, "import", into, import_box, file_argument, cache_option)
    name = click.argument("name")
    _command(group, "export", out, export_box, name, type_option, cache_option)


def _command(
    group: click.Group, name: str, help_text: str, run: Callable[..., None], *options: Any
) -> None:
    for option in reversed(options):
        run = option(run)
    group.command(name, help=help_text)(run)


_box_commands(user_key, "user")
_box_commands(service_key, "service")


def origin_name(chosen: str | None) -> str:
    """Return the origin: as chosen, else HAB_ORIGIN, else cli.toml's. Raises UsageError."""
    root = state_root(os.environ)
    name = chosen or os.environ.get("HAB_ORIGIN") or cli_setting(root, "origin")
    if not name:
        raise UsageError("name an origin, or set HAB_ORIGIN, or `origin` in cli.toml")
    if not _ORIGIN.fullmatch(name):
        raise UsageError(
            f"{name!r} is no origin: lower-case letters, digits, - and _ are, beginning with a "
            "letter or digit"
        )
    return name


def _ring(chosen: str | None) -> KeyRing:
    from actors.adapters.key_ring import KeyRing

    return KeyRing(key_cache_path(chosen))


def _import(file: Path | None, cache_key_path: str | None, kinds: Any, what: str) -> None:
    if file is not None and not file.is_file():
        raise UsageError(f"File: '{file}' cannot be found")
    data = file.read_bytes() if file else sys.stdin.buffer.read()
    key = _ring(cache_key_path).import_bytes(data, kinds)
    half = "public" if key.kind.public else "secret"
    click.echo(f"Imported {half} {what} key {key.full_name}.")


def _export(name: str, kind: Any, cache_key_path: str | None) -> None:
    from actors.depot.keyfile import format_key

    key = _ring(cache_key_path).newest(name, kind)
    click.echo(format_key(key), nl=False)
