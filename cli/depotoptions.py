"""The options that say which depot is meant, and the depot they come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from actors.adapters.depot_client import Depot
    from actors.adapters.package_store import PackageStore
    from cli.writes import Line

url_option = click.option(
    "-u",
    "--url",
    metavar="URL",
    default="",
    help="Depot: http(s)://HOST[:PORT] or file:///DIRECTORY.  [default: the folder depot below the "
    "root; env: HAB_BLDR_URL]",
)
auth_option = click.option(
    "-z",
    "--auth",
    metavar="TOKEN",
    help="Token for the depot.  [env: HAB_AUTH_TOKEN; auth_token in etc/cli.toml]",
)
channel_option = click.option(
    "-c",
    "--channel",
    metavar="CHANNEL",
    default="stable",
    envvar="HAB_BLDR_CHANNEL",
    help="Channel to install from.  [default: stable; env: HAB_BLDR_CHANNEL]",
)


def depot_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--url` and `--auth`."""
    return url_option(auth_option(command))


def open_chosen(store: PackageStore, line: Line, url: str, auth: str | None) -> Depot:
    """Open the depot of these options. Raises UsageError."""
    from actors.adapters.depot_client import depot_settings, open_depot

    settings = depot_settings(store.root, os.environ, url)
    if auth:
        settings = replace(settings, token=auth)
    return open_depot(settings, store.target, line.show)
