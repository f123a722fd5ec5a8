"""The key cache: a directory of Habitat's ring key files, read, written and watched.

The directory is for its owner alone (0700), each key file read-only (0400). A file that is no key,
or whose name is not that of the key in it, is left alone and not used.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.errors import CryptoError, HostError
from actors.wire import ringkey
from actors.wire.ringkey import KEY_BYTES, MAX_TEXT_CHARS, SUFFIX, RingKey

_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o400


class KeyCache:
    """The ring keys below a directory, by name and revision."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def generate(self, name: str, now: float) -> RingKey:
        """Make and store a new revision of `name`, newer than every stored one.

        `now` is Unix time. Raises `CryptoError` for a name that cannot be, `HostError`.
        """
        ringkey.checked_name(name)
        held = self.revisions(name)
        revision = ringkey.next_revision(held[0].revision if held else "", now)
        key = RingKey(name, revision, secrets.token_bytes(KEY_BYTES))
        self._write(key)
        return key

    def import_text(self, text: str) -> RingKey:
        """Store the key in the text of a key file; the same key again changes nothing.

        Raises `CryptoError` for text that is no key, and for another secret under the name and
        revision of a stored key: one of the two is not what it says.
        """
        key = ringkey.parse(text)
        stored = next((k for k in self.revisions(key.name) if k.revision == key.revision), None)
        if stored is None:
            self._write(key)
        elif stored != key:
            raise CryptoError(f"{self.path / key.file_name} already holds another key of that name")
        return key

    def export(self, name: str) -> str:
        """The text of the newest revision of `name`, or of `<name>-<revision>` itself."""
        return ringkey.format_key(self.newest(name))

    def newest(self, name: str) -> RingKey:
        """The newest revision of `name` (or exactly `<name>-<revision>`). Raises `CryptoError`."""
        held = self.revisions(name) or [key for key in self.list() if key.full_name == name]
        if not held:
            raise CryptoError(
                f"no ring key {name!r} in {self.path}; "
                "`hab ring key generate NAME` makes one, `hab ring key import` takes one"
            )
        return held[0]

    def revisions(self, name: str) -> list[RingKey]:
        """All stored revisions of `name`, newest first."""
        return [key for key in self.list() if key.name == name]

    def list(self) -> list[RingKey]:
        """Every key in the directory: by name, and the newest of a name first."""
        try:
            names = [entry.name for entry in self.path.iterdir() if entry.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise HostError(f"the key cache {self.path} cannot be read: {error}") from error
        keys = [key for key in map(self._read, names) if key is not None]
        keys.sort(key=lambda key: key.revision, reverse=True)
        return sorted(keys, key=lambda key: key.name)

    def stamp(self) -> int:
        """What changes whenever a key file comes or goes; one system call."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def _read(self, name: str) -> RingKey | None:
        try:
            # A link could name a device; a pipe would block.
            handle = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            key = ringkey.parse(os.read(handle, MAX_TEXT_CHARS + 1).decode("ascii"))
        except (OSError, UnicodeDecodeError, CryptoError):
            return None
        finally:
            os.close(handle)
        return key if key.file_name == name else None

    def _write(self, key: RingKey) -> None:
        temporary = self.path / f".{key.file_name}.{secrets.token_hex(4)}"
        try:
            self.path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
            try:
                os.write(handle, ringkey.format_key(key).encode())
                os.fsync(handle)
            finally:
                os.close(handle)
            temporary.replace(self.path / key.file_name)
            directory = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise HostError(f"{self.path / key.file_name} cannot be written: {error}") from error


class RingKeys:
    """The revisions of one ring's key that this member holds, as they come.

    Raises `CryptoError` at the start if there is none: a keyed ring is not entered without its key.
    """

    def __init__(self, cache: KeyCache, name: str) -> None:
        self._cache = cache
        self.name = name
        cache.newest(name)
        self._stamp = cache.stamp()
        self.revisions: tuple[RingKey, ...] = tuple(cache.revisions(name))

    def refresh(self) -> bool:
        """Look again; whether the revisions changed. An unreadable cache changes nothing."""
        stamp = self._cache.stamp()
        if stamp == self._stamp:
            return False
        with suppress(HostError):
            found = tuple(self._cache.revisions(self.name))
            self._stamp = stamp
            if found and found != self.revisions:
                self.revisions = found
                return True
        return False
