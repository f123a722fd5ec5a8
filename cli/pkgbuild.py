"""`hab pkg build`: make a signed package of a plan.sh."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import click

from actors.errors import UsageError
from cli.client import json_option
from cli.output import emit_json, say
from cli.pkg import cache_option, package_store

LEVEL = "6"  # Habitat's


@click.command()
@click.argument("plan_context", default=".", metavar="[PLAN_CONTEXT]")
@click.option(
    "-s",
    "--src",
    metavar="DIR",
    help="Where the sources are, for a plan without pkg_source.  [default: PLAN_CONTEXT]",
)
@cache_option
@json_option
def build(plan_context: str, *, src: str | None, cache_key_path: str | None, as_json: bool) -> None:
    """Build the plan.sh of PLAN_CONTEXT (or of its habitat/) into a signed package.

    The plan is run in place by bash, without a studio: what it needs beside its pkg_deps and
    pkg_build_deps it takes from this machine, and as root it may change this machine: build what
    others wrote as another user. Dependencies that are not installed are pulled from the depot
    (HAB_BLDR_URL, HAB_BLDR_CHANNEL). A pkg_scaffolding is one, too. The package lies in ./results
    afterwards, with last_build.env beside it, and in the artifact cache.

    \b
    HAB_ORIGIN                 whose key signs it, instead of the plan's pkg_origin
    HAB_OUTPUT_PATH            where the package is put, instead of ./results
    HAB_HART_COMPRESSION_LEVEL 0 to 9, 6 if not set
    HAB_STUDIO_SECRET_<NAME>   is <NAME> to the plan
    DO_CHECK                   runs do_check
    SOURCE_DATE_EPOCH          same plan, same epoch, same bytes
    """  # noqa: D301 - \b is click's mark for text kept as it is
    from actors.adapters.build_steps import BuildRequest
    from actors.adapters.key_ring import KeyRing
    from actors.adapters.plan_build import build as build_plan
    from actors.adapters.plan_build import find_plan

    store = package_store(cache_key_path)
    context = Path(plan_context).absolute()
    source = Path(src).absolute() if src else context
    if not source.is_dir():
        raise UsageError(f"Directory: '{source}' cannot be found")
    request = BuildRequest(
        find_plan(context, store.target),
        source,
        _epoch(os.environ),
        _level(os.environ),
        dict(os.environ),
    )
    results = Path(os.environ.get("HAB_OUTPUT_PATH") or "results").absolute()
    built = build_plan(request, store, KeyRing(store.key_cache), results, say)
    if as_json:
        emit_json(
            "pkg.build/1",
            {
                "ident": str(built.ident),
                "artifact": str(built.artifact),
                "sha256": built.sha256,
                "blake2b": built.blake2b,
            },
        )
        return
    click.echo(f"Built {built.ident}")
    click.echo(f"Artifact: {built.artifact}")
    click.echo(f"SHA256 Checksum: {built.sha256}")
    click.echo(f"Blake2b Checksum: {built.blake2b}")
    say(f"Next: hab pkg install {built.artifact}")


def _epoch(environ: Mapping[str, str]) -> int:
    """Return the Unix time that the package carries."""
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return int(time.time())
    if not (text.isascii() and text.isdigit()) or int(text) >= 8 * 1024**3:  # what tar can hold
        raise UsageError(f"SOURCE_DATE_EPOCH={text}: it must be a number of seconds since 1970")
    return int(text)


def _level(environ: Mapping[str, str]) -> int:
    """Return the level of compression."""
    text = environ.get("HAB_HART_COMPRESSION_LEVEL") or LEVEL
    if text not in tuple("0123456789"):
        raise UsageError(f"HAB_HART_COMPRESSION_LEVEL={text}: it must be 0 to 9")
    return int(text)
