"""`hab file`: files for all members of a service group, spread by the ring."""

from __future__ import annotations

from pathlib import Path

import click

from actors.messages.groups import GroupFacts, GroupFile, QueryGroup, UploadFile
from cli.client import Session, asks, json_option
from cli.config import read_input
from cli.lazy import LazyGroup
from cli.output import emit_json, say, table
from cli.sealing import sealed_for, seals
from cli.values import GroupName, Version
from cli.writes import Waiting, carry_out, writes

VERBS = {
    "upload": ("cli.file:upload", "Give a service group a file."),
    "list": ("cli.file:list_files", "List the files of service groups."),
}


@click.group(cls=LazyGroup, lazy=VERBS)
def file() -> None:
    """Files of service groups.

    Each member of the group finds them in its files directory, before its first start and whenever
    a newer version is uploaded.
    """


@click.command()
@click.argument("group", type=GroupName(), metavar="SERVICE_GROUP")
@click.argument("version", type=Version(), metavar="VERSION")
@click.argument("path", metavar="FILE")
@seals
@writes
def upload(
    group: str,
    version: int,
    path: str,
    *,
    user: str | None,
    cache_key_path: str | None,
    asked: Session,
    waiting: Waiting,
) -> None:
    """Give a service group a file of at most 64 KiB, under its own name.

    VERSION is a whole number above that of the file of this name uploaded before; anything else is
    refused, with the current version. The same again changes nothing.

    With --user it is encrypted before it leaves this machine, as by `hab config apply`.
    """
    data = read_input(path, "File")
    if user is not None:
        what = f"file {version} {Path(path).name}"
        data = sealed_for(group, user, data, what, cache_key_path)
    say(f"Uploading {path}" + ("" if user is None else f", encrypted by {user}"))
    file = GroupFile(group, Path(path).name, version, data, sealed=user is not None)
    carry_out(asked, UploadFile(file), waiting, "file.upload")


@click.command("list")
@click.argument("group", type=GroupName(), metavar="[SERVICE_GROUP]", required=False)
@asks
@json_option
def list_files(group: str | None, *, asked: Session, as_json: bool) -> None:
    """List the files uploaded to a service group, or to all of them."""
    groups = asked.ask(QueryGroup(group or ""), GroupFacts).files
    files = [file for name in sorted(groups) for file in groups[name]]
    if as_json:
        rows = [
            {
                "service_group": file.service_group,
                "name": file.name,
                "version": file.version,
                "size_bytes": len(file.data),
                "sealed": file.sealed,
            }
            for file in files
        ]
        emit_json("file.list/1", {"files": rows})
        return
    columns = ("group", "name", "version", "bytes", "encrypted")
    table(columns, [(f.service_group, f.name, f.version, len(f.data), f.sealed) for f in files])
