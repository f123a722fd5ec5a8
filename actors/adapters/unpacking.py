"""HART files on disk: is it signed by a key we have, and out with it into an empty directory.

Nothing of the archive is trusted before its signature is verified, and little afterwards: names are
checked (`depot.tree`), devices and FIFOs refused, symbolic links made last, so that nothing is ever
written through one.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from actors.depot.hart import HEADER_LIMIT, HartHeader, parse_header, parse_public_key
from actors.depot.ident import PackageIdent
from actors.depot.metadata import FILE_LIMIT, check_ident
from actors.depot.tree import ident_of_member, leads_to_package, link_stays, member_parts
from actors.errors import CryptoError, Refused

CHUNK: Final = 1024 * 1024
SIZE_LIMIT: Final = 32 * 1024**3  # bytes unpacked; the largest package of Habitat has 3 GiB
RATIO_LIMIT: Final = 400  # xz does 5 to 20 on packages, and 7,000 on a bomb
SMALL: Final = 256 * 1024**2  # … which below this size is not worth a complaint
HEAD_LIMIT: Final = 1024**2  # bytes before a member: its header, and a name of many kilobytes
MEMBERS_LIMIT: Final = 500_000
BROKEN: Final = (tarfile.TarError, lzma.LZMAError, EOFError, ValueError)  # what reading one raises


def verify(file: Path, key_cache: Path) -> HartHeader:
    """Check signature and hash. Raises CryptoError that says what is wrong, OSError."""
    with file.open("rb") as stream:
        header = parse_header(stream.read(HEADER_LIMIT))
        key_file = key_cache / header.key_file
        try:
            name, key = parse_public_key(key_file.read_bytes())
        except FileNotFoundError as error:
            raise CryptoError(
                f"{file.name} is signed with {header.signer}, whose public key is not in "
                f"{key_cache}: put {header.key_file} there and try again"
            ) from error
        if name != header.signer:
            raise CryptoError(f"{key_file} holds another key: {name}")
        try:
            digest = VerifyKey(key).verify(header.signed)
        except BadSignatureError as error:
            raise CryptoError(f"the signature of {file.name} is wrong ({header.signer})") from error
        stream.seek(header.payload_offset)
        hashed = hashlib.blake2b(digest_size=32)
        while chunk := stream.read(CHUNK):
            hashed.update(chunk)
    if hashed.hexdigest().encode() != digest:
        raise CryptoError(f"{file.name} was altered: its content is not what was signed")
    return header


class _Measured(io.BufferedIOBase):
    """A stream of which only so much is read: tarfile takes names, of any length, into memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self.left = HEAD_LIMIT

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on. Raises ValueError when no more may be read."""
        size = HEAD_LIMIT if size is None or size < 0 else size
        self.left -= size
        if self.left < 0:
            raise ValueError(f"the head of a file in it has more than {HEAD_LIMIT} bytes")
        return self._stream.read(size)


def members_of(payload: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The members of a `.tar.xz`, one after the other, each to be used before the next is asked.

    Raises what `BROKEN` names where it is damaged, or the head of a member is too large.
    """
    with lzma.LZMAFile(payload) as plain:
        measured = _Measured(plain)
        with tarfile.open(fileobj=measured, mode="r|") as tar:
            for member in tar:
                measured.left = HEAD_LIMIT + member.size  # its content, and the next one's head
                yield tar, member


def peek_ident(file: Path, header: HartHeader) -> PackageIdent:
    """The package in an archive, by its first member. Raises Refused."""
    with file.open("rb") as stream:
        stream.seek(header.payload_offset)
        try:
            names = (
                member.name
                for _, member in members_of(stream)
                if not (member.isdir() and leads_to_package(member.name))
            )
            ident = ident_of_member(next(names, ""))
        except BROKEN as error:
            raise _damaged(file, error) from error
    if ident is None or not ident.full:
        raise Refused(f"{file.name} does not hold a package below hab/pkgs", "bad-package")
    return ident


@dataclass(slots=True)
class _Unpacking:
    """One archive on its way out; directories get their modes, and links are made, at the end."""

    ident: PackageIdent
    into: Path
    limit: int
    size: int = 0
    members: int = 0
    links: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    modes: list[tuple[Path, int]] = field(default_factory=list)


def unpack(file: Path, header: HartHeader, ident: PackageIdent, into: Path) -> None:
    """Put the package `ident` of a verified archive into the empty directory `into`.

    Raises Refused for whatever does not belong into a package, OSError for the disk.
    """
    limit = min(SIZE_LIMIT, max(SMALL, RATIO_LIMIT * file.stat().st_size))
    work = _Unpacking(ident, into, limit)
    with file.open("rb") as stream:
        stream.seek(header.payload_offset)
        try:
            for tar, member in members_of(stream):
                _take(work, tar, member)
        except BROKEN as error:
            raise _damaged(file, error) from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise Refused(f"{file.name} holds one name twice: {error}", "bad-package") from error
    check_ident(ident, read_metafile(into / "IDENT"))
    _make_links(work)
    for path, mode in reversed(work.modes):
        path.chmod(mode)


def read_metafile(path: Path) -> bytes | None:
    """A metafile's bytes (a little more than allowed, so that this shows); None if it is absent."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def tdeps_of(directory: Path) -> tuple[str, ...]:
    """The lines of a package's TDEPS."""
    return lines_of(directory, "TDEPS")


def lines_of(directory: Path, metafile: str) -> tuple[str, ...]:
    """The lines of a package's metafile, none where it has no such file."""
    text = (read_metafile(directory / metafile) or b"").decode(errors="replace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _take(work: _Unpacking, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    if member.isdir() and leads_to_package(member.name, work.ident):
        return
    parts = member_parts(member.name, work.ident)
    work.members += 1
    if work.members > MEMBERS_LIMIT:
        raise Refused(f"{work.ident} holds more than {MEMBERS_LIMIT} files", "bad-package")
    path = work.into.joinpath(*parts)
    if member.isdir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        work.modes.append((path, (member.mode & 0o7777) | 0o700))
        return
    if not parts:
        raise Refused(f"{work.ident} is not a directory in the archive", "bad-package")
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if member.issym():
        work.links.append((parts, member.linkname))
    elif member.islnk():
        source = work.into.joinpath(*member_parts(member.linkname, work.ident))
        if not source.is_file():
            raise Refused(f"{member.name[:200]} is a link to nothing", "bad-package")
        path.hardlink_to(source)
    elif member.isreg() and not member.issparse():
        _write(work, path, member, tar.extractfile(member))
    else:
        raise Refused(f"{member.name[:200]} is neither file, directory nor link", "bad-package")


def _write(work: _Unpacking, path: Path, member: tarfile.TarInfo, data: IO[bytes] | None) -> None:
    work.size += member.size
    if work.size > work.limit or data is None:
        raise Refused(f"{work.ident} unpacks to more than {work.limit} bytes", "bad-package")
    with path.open("xb") as file:
        while chunk := data.read(CHUNK):
            file.write(chunk)
        file.flush()  # a write behind the mode would take its set-user-id bit again, but root's
        os.fchmod(file.fileno(), member.mode & 0o7777)
    os.utime(path, (member.mtime, member.mtime), follow_symlinks=False)


def _make_links(work: _Unpacking) -> None:
    deps = tdeps_of(work.into)
    for parts, target in work.links:
        if not link_stays(parts, target, work.ident, deps):
            raise Refused(
                f"{'/'.join(parts)[:200]} links to {target[:200]!r}, which is neither in "
                f"{work.ident} nor in a package it depends on",
                "bad-package",
            )
        try:
            work.into.joinpath(*parts).symlink_to(target)
        except FileExistsError as error:
            name = "/".join(parts)[:200]
            raise Refused(f"{work.ident} holds {name} twice", "bad-package") from error


def _damaged(file: Path, error: Exception) -> Refused:
    return Refused(f"{file.name} is damaged: {error}", "bad-package")
