"""The key cache: a directory of Habitat's ring key files, read, written and watched.

The directory is for its owner alone (0700), each key file read-only (0400). A file that is no key,
or whose name is not that of the key in it, is left alone and not used.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from actors.adapters.key_files import SECRET_MODE, read_key_file, write_key_file
from actors.errors import CryptoError, HostError
from actors.wire import ringkey
from actors.wire.ringkey import KEY_BYTES, MAX_TEXT_CHARS, SUFFIX, RingKey


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
        data = read_key_file(self.path / name, MAX_TEXT_CHARS + 1)
        try:
            key = ringkey.parse((data or b"").decode("ascii"))
        except (UnicodeDecodeError, CryptoError):
            return None
        return key if key.file_name == name else None

    def _write(self, key: RingKey) -> None:
        write_key_file(self.path / key.file_name, ringkey.format_key(key).encode(), SECRET_MODE)


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
