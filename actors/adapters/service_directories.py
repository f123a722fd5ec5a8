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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from actors.adapters.package_store import hook_files
from actors.adapters.trees import make_directories
from actors.errors import Refused

OWN: Final = (("hooks", 0o755), ("logs", 0o755))
USERS: Final = ("config", "config_install", "data", "files", "static", "var")
USERS_MODE: Final = 0o770
HOOK_MODE: Final = 0o755
CONFIG_MODE: Final = 0o740
UPLOADED_MODE: Final = 0o640
PID_MODE: Final = 0o644
FILE_LIMIT: Final = 16 * 1024 * 1024  # a hook or a configuration file is text
FILES_LIMIT: Final = 10_000
OUTPUT_LIMIT: Final = 64 * 1024
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Owner:
    """Numeric owner of what belongs to a service; -1 leaves it as it is."""

    uid: int = -1
    gid: int = -1


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """What is to lie in a service's directory: by path below `config`, by name in the others."""

    config: Mapping[str, bytes] = field(default_factory=dict)
    hooks: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A service's directory, the hooks in it, and the files whose content is new."""

    path: str
    hooks: tuple[str, ...]
    changed: tuple[str, ...]


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

    def prepare(self, service: str, files: ServiceFiles, owner: Owner) -> Prepared:
        """Make the directory, and put the files in place."""
        changed: list[str] = []
        with self._made(service, owner) as (home, own, users):
            changed += _put_hooks(files.hooks, own["hooks"], home)
            changed += _put_config(files.config, users["config"], owner)
            for name, data in sorted(files.files.items()):
                if not _is_plain(name):
                    raise Refused(f"{name!r} cannot be the name of a file", "invalid")
                if _put(users["files"], name, data, UPLOADED_MODE, owner):
                    changed.append(f"files/{name}")
        return Prepared(str(self._svc_dir / service), tuple(sorted(files.hooks)), tuple(changed))

    def prepare_install(self, service: str, files: ServiceFiles, owner: Owner) -> str:
        """Make the directory and put `config_install` and the hooks of an install in place.

        The hooks of a service that may run with it are left alone. Returns the directory's path.
        """
        with self._made(service, owner) as (_, own, users):
            _put_config(files.config, users["config_install"], owner)
            for name, data in sorted(files.hooks.items()):
                _put(own["hooks"], name, data, HOOK_MODE, Owner())
        return str(self._svc_dir / service)

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

    @contextlib.contextmanager
    def _made(
        self, service: str, owner: Owner
    ) -> Iterator[tuple[int, Mapping[str, int], Mapping[str, int]]]:
        """A service's directory and those in it, open: itself, our own, the user's."""
        check_name(service)
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
            yield home, own, users

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


def read_templates(source: Path) -> tuple[dict[str, bytes], dict[str, bytes], bytes]:
    """The files of `config/` by path, the hooks by name, and `default.toml`. Raises Refused."""
    hooks = {name: _content(path) for name, path in hook_files(source).items()}
    defaults = source / "default.toml"
    return (
        config_files(source / "config"),
        hooks,
        _content(defaults) if defaults.is_file() else b"",
    )


def config_files(source: Path) -> dict[str, bytes]:
    """Every file below `config/` that lies there itself: a link must not lead elsewhere."""
    found: dict[str, bytes] = {}
    for directory, names, files in os.walk(source):
        names.sort()
        for name in sorted(files):
            path = Path(directory) / name
            if path.is_file() and path.resolve().is_relative_to(source.resolve()):
                found[str(path.relative_to(source))] = _content(path)
                if len(found) > FILES_LIMIT:
                    raise Refused(f"{source} holds more than {FILES_LIMIT} files", "bad-package")
    return found


def tail(path: Path) -> str:
    """The end of a log file, at most 64 KiB; empty where there is none. Follows no link."""
    try:
        fd = os.open(path, _FILE)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        what = os.fstat(fd)
        if not stat.S_ISREG(what.st_mode):
            return ""
        file.seek(max(0, what.st_size - OUTPUT_LIMIT))
        return file.read(OUTPUT_LIMIT).decode(errors="replace")


def check_name(service: str) -> None:
    """Raise Refused if a service's name would lead out of its directory."""
    if not _is_plain(service):
        raise Refused(f"{service!r} cannot be the name of a directory", "invalid")


def _is_plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _put_hooks(hooks: Mapping[str, bytes], fd: int, home: int) -> list[str]:
    """Write the hooks; those of an earlier package go."""
    changed = []
    for name, data in sorted(hooks.items()):
        if not _is_plain(name):
            raise Refused(f"{name!r} cannot be the name of a hook", "invalid")
        if _put(fd, name, data, HOOK_MODE, Owner()):
            changed.append(f"hooks/{name}")
        if name == "run":
            _put(home, name, data, HOOK_MODE, Owner())
    for name in sorted(os.listdir(fd)):
        if name not in hooks:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=fd)
                changed.append(f"hooks/{name}")
    return changed


def _put_config(config: Mapping[str, bytes], fd: int, owner: Owner) -> list[str]:
    """Write the files below `config/`, directories included."""
    changed = []
    for path, data in sorted(config.items()):
        *directories, name = path.split("/")
        if not all(map(_is_plain, (*directories, name))):
            raise Refused(f"{path!r} cannot be the path of a file below config", "invalid")
        with contextlib.ExitStack() as stack:
            here = stack.enter_context(_again(fd))
            for directory in directories:
                below = _directory(here, directory, USERS_MODE, owner, only_new=True)
                here = stack.enter_context(below)
            if _put(here, name, data, CONFIG_MODE, owner):
                changed.append(f"config/{path}")
    return changed


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise Refused(f"{path} has more than {FILE_LIMIT} bytes", "bad-package")
    return data


def _put(fd: int, name: str, data: bytes, mode: int, owner: Owner) -> bool:
    """Let `name` in the open directory hold `data`; left alone (False) if it does already."""
    if _holds(fd, name, data, mode):
        return False
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
    return True


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
