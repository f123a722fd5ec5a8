"""Directory trees of packages: copy, compare, make, remove."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

from actors.adapters.unpacking import tdeps_of
from actors.depot.ident import PackageIdent
from actors.depot.tree import link_stays
from actors.errors import Refused

HOOK_STATUS: Final = "INSTALL_HOOK_STATUS"


def copy_tree(source: Path, into: Path, ident: PackageIdent) -> None:
    """Copy a tree without following links, refusing those that leave the package."""
    deps = tdeps_of(source)
    base = str(source)
    for directory, names, files in os.walk(source):
        here = Path(directory)
        parts = here.relative_to(base).parts
        for name in [*names, *files]:
            old, new = here / name, into.joinpath(*parts, name)
            mode = old.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = str(old.readlink())
                if not link_stays((*parts, name), target, ident, deps):
                    raise Refused(f"{old} links to {target}, outside of {ident}", "bad-package")
                new.symlink_to(target)
            elif stat.S_ISDIR(mode):
                new.mkdir()
                new.chmod(stat.S_IMODE(mode) | 0o700)
            elif stat.S_ISREG(mode):
                shutil.copyfile(old, new, follow_symlinks=False)
                new.chmod(stat.S_IMODE(mode))
            else:
                raise Refused(f"{old} is neither file, directory nor link", "bad-package")


def digest_tree(root: Path) -> str:
    """A digest over names, kinds, links and contents of a tree (not over times and owners).

    Nor over how an install hook ended: that is written into a package after it was installed.
    """
    found = hashlib.blake2b(digest_size=32)
    for directory, names, files in os.walk(root):
        names.sort()
        here = Path(directory)
        for name in sorted([*names, *files]):
            path = here / name
            if path == root / HOOK_STATUS:
                continue
            found.update(repr(str(path.relative_to(root))).encode())
            if path.is_symlink():
                found.update(b"@" + os.fsencode(path.readlink()))
            elif path.is_file():
                found.update(b"x" if os.access(path, os.X_OK) else b"-")
                found.update(hashlib.blake2b(path.read_bytes()).digest())
    return found.hexdigest()


def make_directories(path: Path) -> None:
    """Make a directory and its parents 0755, whatever the umask."""
    if path.is_dir():
        return
    make_directories(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        path.chmod(0o755)


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_tree(path: Path) -> None:
    """Remove a tree of our own, directories without write permission included."""
    for directory, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(directory).chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)
