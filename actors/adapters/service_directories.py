"""Service directories: made, filled with a package's hooks and files, modes proof of any umask.

Root writes into directories that belong to a service's user, who may have put links there: every
step is taken from an open directory, follows no link, and a file is replaced by renaming.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.adapters.package_store import hooks_in
from actors.adapters.trees import make_directories
from actors.errors import Refused

OWN: Final = (("hooks", 0o755), ("logs", 0o755))
USERS: Final = ("config", "config_install", "data", "files", "static", "var")
USERS_MODE: Final = 0o770
HOOK_MODE: Final = 0o755
CONFIG_MODE: Final = 0o740
PID_MODE: Final = 0o644
FILE_LIMIT: Final = 16 * 1024 * 1024  # a hook or a configuration file is text
FILES_LIMIT: Final = 10_000
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Owner:
    """Numeric owner of what belongs to a service; -1 leaves it as it is."""

    uid: int = -1
    gid: int = -1


def owner_of(user: str, group: str) -> Owner:
    """The owner for accounts by name, empty for the supervisor's own. Raises Refused."""
    try:
        uid = pwd.getpwnam(user).pw_uid if user else -1
        gid = grp.getgrnam(group).gr_gid if group else -1
    except KeyError as error:
        raise Refused(f"account {user}:{group} does not exist here", "no-account") from error
    return Owner(uid, gid)


class ServiceDirectories:
    """The directories below `svc_dir`, one a service. `root` of all state is made if need be."""

    def __init__(self, root: Path, svc_dir: Path) -> None:
        self._root = root
        self._svc_dir = svc_dir

    def prepare(self, service: str, source: str, owner: Owner) -> tuple[str, tuple[str, ...]]:
        """Make the directory, put `source`'s hooks and config in place; its path, its hooks."""
        if service in ("", ".", "..") or "/" in service:
            raise Refused(f"{service!r} cannot be the name of a directory", "invalid")
        self._make_root()
        with (
            _opened(self._svc_dir) as top,
            _directory(top, service, 0o755, Owner()) as home,
            contextlib.ExitStack() as stack,
        ):
            own = {n: stack.enter_context(_directory(home, n, m, Owner())) for n, m in OWN}
            users = {
                n: stack.enter_context(_directory(home, n, USERS_MODE, owner, only_new=True))
                for n in USERS
            }
            hooks = hooks_in(Path(source)) if source else ()
            if source:
                _put_hooks(Path(source), hooks, own["hooks"], home)
                _put_config(Path(source) / "config", users["config"], owner)
        return str(self._svc_dir / service), hooks

    def write_pid(self, service: str, pid: int | None) -> None:
        """Write the PID file, or remove it; a service without a directory has none."""
        with (
            contextlib.suppress(FileNotFoundError),
            _opened(self._svc_dir) as top,
            _descend(top, service) as home,
        ):
            if pid is None:
                os.unlink("PID", dir_fd=home)
            else:
                _put(home, "PID", f"{pid}\n".encode(), PID_MODE, Owner())

    def _make_root(self) -> None:
        """The way down to the services must be open to their users, under any umask."""
        make_directories(self._svc_dir)
        for directory in (self._svc_dir, *self._svc_dir.parents):
            if directory == self._root or not directory.is_relative_to(self._root):
                break
            mode = stat.S_IMODE(directory.stat().st_mode)
            wanted = 0o755 if directory == self._svc_dir else mode | 0o011
            if mode != wanted:
                directory.chmod(wanted)


def _put_hooks(source: Path, hooks: tuple[str, ...], fd: int, home: int) -> None:
    """Copy the hooks; those of an earlier package go."""
    for name in hooks:
        path = source / "hooks" / name
        data = _content(path if path.is_file() else source / name)
        _put(fd, name, data, HOOK_MODE, Owner())
        if name == "run":
            _put(home, name, data, HOOK_MODE, Owner())
    for name in os.listdir(fd):
        if name not in hooks:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=fd)


def _put_config(source: Path, fd: int, owner: Owner) -> None:
    """Copy the files of `config/` verbatim, directories included."""
    count = 0
    for directory, names, files in os.walk(source):
        names.sort()
        parts = Path(directory).relative_to(source).parts
        with contextlib.ExitStack() as stack:
            here = stack.enter_context(_again(fd))
            for part in parts:
                here = stack.enter_context(_directory(here, part, USERS_MODE, owner, only_new=True))
            for name in sorted(files):
                count += 1
                if count > FILES_LIMIT:
                    raise Refused(f"{source} holds more than {FILES_LIMIT} files", "bad-package")
                path = Path(directory) / name
                if path.is_file() and path.resolve().is_relative_to(source.resolve()):
                    _put(here, name, _content(path), CONFIG_MODE, owner)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise Refused(f"{path} has more than {FILE_LIMIT} bytes", "bad-package")
    return data


def _put(fd: int, name: str, data: bytes, mode: int, owner: Owner) -> None:
    """Let `name` in the open directory hold `data`; left alone if it does already."""
    if _holds(fd, name, data, mode):
        return
    temporary = f".{name}.hab-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=fd)
    new = os.open(temporary, _NEW, 0o600, dir_fd=fd)
    try:
        with os.fdopen(new, "wb") as file:
            file.write(data)
            if (owner.uid, owner.gid) != (-1, -1):
                os.fchown(new, owner.uid, owner.gid)
            os.fchmod(new, mode)
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=fd)
        raise


def _holds(fd: int, name: str, data: bytes, mode: int) -> bool:
    try:
        old = os.open(name, _FILE, dir_fd=fd)
    except OSError:
        return False
    with os.fdopen(old, "rb") as file:
        what = os.fstat(old)
        if not stat.S_ISREG(what.st_mode) or stat.S_IMODE(what.st_mode) != mode:
            return False
        return what.st_size == len(data) and file.read(len(data) + 1) == data


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _again(fd: int) -> Iterator[int]:
    copy = os.dup(fd)
    try:
        yield copy
    finally:
        os.close(copy)


@contextlib.contextmanager
def _descend(parent: int, name: str) -> Iterator[int]:
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _directory(
    parent: int, name: str, mode: int, owner: Owner, *, only_new: bool = False
) -> Iterator[int]:
    """A directory in an open one, made if need be. `only_new`: an old one keeps mode and owner."""
    new = True
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        new = False
    with _descend(parent, name) as fd:
        if new and (owner.uid, owner.gid) != (-1, -1):
            os.fchown(fd, owner.uid, owner.gid)
        if new or (not only_new and stat.S_IMODE(os.fstat(fd).st_mode) != mode):
            os.fchmod(fd, mode)
        yield fd
