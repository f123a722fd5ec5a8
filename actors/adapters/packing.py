"""Packing a package's directory: the same tree and time, the same bytes.

Members are sorted, owned by root, and carry one time. Absolute links within the store become
relative ones, so that a package does not care which root it is installed below.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from actors.adapters.signing import blake2b_file
from actors.adapters.unpacking import tdeps_of
from actors.depot.ident import PackageIdent
from actors.depot.tree import link_stays
from actors.errors import Refused


def pack(
    place: Path, packages: Path, ident: PackageIdent, out: IO[bytes], *, epoch: int, level: int
) -> None:
    """Write the `.tar.xz` of the package in directory `place`; `packages` is this machine's store.

    Raises Refused for a link that leaves the package and its dependencies, and for devices.
    """
    deps = tdeps_of(place)
    with (
        lzma.LZMAFile(out, "w", check=lzma.CHECK_CRC64, preset=level) as compress,
        tarfile.open(fileobj=compress, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path, parts in _walk(place):
            info = tarfile.TarInfo("/".join(("hab/pkgs", str(ident), *parts)))
            info.mtime, info.uname, info.gname = epoch, "root", "root"
            status = path.lstat()
            info.mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISDIR(status.st_mode):
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            elif stat.S_ISLNK(status.st_mode):
                info.type, info.mode = tarfile.SYMTYPE, 0o777
                info.linkname = _link(path, parts, packages, ident)
                if not link_stays(parts, info.linkname, ident, deps):
                    raise Refused(
                        f"{'/'.join(parts)} links to {info.linkname}, which is neither in {ident} "
                        "nor in a package of its pkg_deps",
                        "bad-package",
                    )
                tar.addfile(info)
            elif stat.S_ISREG(status.st_mode):
                info.size = status.st_size
                with path.open("rb") as data:
                    tar.addfile(info, data)
            else:
                raise Refused(f"{path} is neither file, directory nor link", "bad-package")


def file_sums(place: Path, ident: PackageIdent) -> bytes:
    """Lines `blake2b  path` of all files, by path, as Habitat's FILES lists them."""
    return "".join(
        f"{blake2b_file(path)}  /hab/pkgs/{ident}/{'/'.join(parts)}\n"
        for path, parts in _walk(place)
        if path.is_file() and not path.is_symlink()
    ).encode()


def _walk(place: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The directory itself, then all below it, each directory's entries in order of name."""
    yield place, ()
    pending: list[tuple[Path, tuple[str, ...]]] = [(place, ())]
    while pending:
        here, parts = pending.pop()
        below: list[tuple[Path, tuple[str, ...]]] = []
        for path in sorted(here.iterdir()):
            inner = (*parts, path.name)
            yield path, inner
            if path.is_dir() and not path.is_symlink():
                below.append((path, inner))
        pending += reversed(below)


def _link(path: Path, parts: tuple[str, ...], packages: Path, ident: PackageIdent) -> str:
    target = str(path.readlink())
    for store in (str(packages), "/hab/pkgs"):
        if target.startswith(f"{store}/"):
            inside = os.path.normpath(target[len(store) + 1 :])
            here = os.path.join(str(ident), *parts[:-1])  # noqa: PTH118 - lexical, not on disk
            return os.path.relpath(inside, here)
    return target
