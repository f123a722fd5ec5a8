"""`hab ring key`: ring keys in Habitat's file format, in the key cache of this machine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from actors.errors import UsageError
from cli.ring import key_cache_path

cache_option = click.option(
    "--cache-key-path",
    metavar="DIR",
    help="Directory of keys, instead of cache/keys below the root.  [env: HAB_CACHE_KEY_PATH]",
)


@click.command()
@click.argument("ring")
@cache_option
def generate(ring: str, *, cache_key_path: str | None) -> None:
    """Make a new key for RING, or a newer revision of one."""
    from actors.adapters.keys import KeyCache

    made = KeyCache(key_cache_path(cache_key_path)).generate(ring, time.time())
    click.echo(f"Generated ring key {made.full_name}.")


@click.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@cache_option
def import_key(file: Path | None, *, cache_key_path: str | None) -> None:
    """Put a ring key into the key cache, from FILE or from standard input."""
    from actors.adapters.keys import KeyCache

    if file is not None and not file.is_file():
        raise UsageError(f"File: '{file}' cannot be found")
    text = file.read_text() if file else sys.stdin.read()
    imported = KeyCache(key_cache_path(cache_key_path)).import_text(text)
    click.echo(f"Imported ring key {imported.full_name}.")


@click.command()
@click.argument("ring")
@cache_option
def export(ring: str, *, cache_key_path: str | None) -> None:
    """Print the newest revision of the key of RING, for `hab ring key import` elsewhere.

    Whoever has it can join the ring and speak for any member.
    """
    from actors.adapters.keys import KeyCache

    click.echo(KeyCache(key_cache_path(cache_key_path)).export(ring), nl=False)
