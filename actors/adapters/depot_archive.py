"""What a HART file says of itself without being unpacked: checksum, metafiles, whether it runs.

The archive is read through to its end, since metafiles may stand anywhere in it, under the same
limits as an installation. Nothing is written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from actors.adapters.unpacking import (
    BROKEN,
    CHUNK,
    MEMBERS_LIMIT,
    RATIO_LIMIT,
    SIZE_LIMIT,
    SMALL,
    members_of,
)
from actors.depot.artifact import MORE_METAFILES, Description, describe
from actors.depot.hart import HEADER_LIMIT, HartHeader, parse_header
from actors.depot.ident import PackageIdent
from actors.depot.metadata import FILE_LIMIT, METAFILES
from actors.depot.tree import ident_of_member, leads_to_package, member_parts
from actors.errors import CryptoError, Refused

RUN: Final = (("run",), ("hooks", "run"))  # either makes a package a service


@dataclass(frozen=True, slots=True)
class ArchiveFiles:
    """The metafiles of an archive, name → bytes, and whether it brings a `run`."""

    ident: PackageIdent
    files: dict[str, bytes]
    runnable: bool


def read_header(file: Path) -> HartHeader:
    """The header of a HART file. Raises CryptoError, OSError."""
    with file.open("rb") as stream:
        return parse_header(stream.read(HEADER_LIMIT))


def read_archive(file: Path, header: HartHeader) -> ArchiveFiles:
    """The metafiles in an archive. Raises Refused for what no machine could install, OSError."""
    wanted = {*METAFILES, *MORE_METAFILES}
    limit = min(SIZE_LIMIT, max(SMALL, RATIO_LIMIT * file.stat().st_size))
    found: dict[str, bytes] = {}
    ident: PackageIdent | None = None
    runnable, size, members = False, 0, 0
    with file.open("rb") as stream:
        stream.seek(header.payload_offset)
        try:
            for tar, member in members_of(stream):
                if member.isdir() and leads_to_package(member.name, ident):
                    continue
                ident = ident or ident_of_member(member.name)
                if ident is None or not ident.full:
                    break
                parts = member_parts(member.name, ident)
                size, members = size + member.size, members + 1
                if size > limit or members > MEMBERS_LIMIT:
                    raise Refused(f"{ident} unpacks to more than {limit} bytes", "bad-package")
                runnable = runnable or (parts in RUN and member.isreg())
                if len(parts) == 1 and parts[0] in wanted and member.isreg():
                    data = tar.extractfile(member)
                    found[parts[0]] = data.read(FILE_LIMIT + 1) if data else b""
        except BROKEN as error:
            raise Refused(f"{file.name} is damaged: {error}", "bad-package") from error
    if ident is None or not ident.full:
        raise Refused(f"{file.name} does not hold a package below hab/pkgs", "bad-package")
    return ArchiveFiles(ident, found, runnable)


def describe_archive(file: Path, uploaded: str, keys: Path | None = None) -> Description:
    """Describe a HART file. Raises CryptoError, Refused, OSError.

    Its content must be what its header says was signed. Where the signer's public key is in `keys`
    the signature must fit as well; without the key that is for those who install it.
    """
    header = read_header(file)
    whole, payload = hashlib.blake2b(digest_size=32), hashlib.blake2b(digest_size=32)
    size = 0
    with file.open("rb") as stream:
        whole.update(stream.read(header.payload_offset))
        while chunk := stream.read(CHUNK):
            whole.update(chunk)
            payload.update(chunk)
        size = stream.tell()
    if payload.hexdigest().encode() != header.digest:
        raise CryptoError(f"{file.name} was altered: its content is not what was signed")
    if keys is not None:
        _check_signature(file, header, keys)
    read = read_archive(file, header)
    return describe(
        read.ident,
        read.files,
        runnable=read.runnable,
        checksum=whole.hexdigest(),
        size=size,
        uploaded=uploaded,
        signer=header.signer,
    )


def _check_signature(file: Path, header: HartHeader, keys: Path) -> None:
    from actors.depot.hart import parse_public_key

    try:
        _, key = parse_public_key((keys / header.key_file).read_bytes())
    except FileNotFoundError:
        return
    try:
        VerifyKey(key).verify(header.signed)
    except BadSignatureError as error:
        raise CryptoError(f"the signature of {file.name} is wrong ({header.signer})") from error
