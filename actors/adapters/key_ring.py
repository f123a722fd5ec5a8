"""The signing and box keys of a key cache: origins', users' and services'."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from actors.adapters.key_files import PUBLIC_MODE, SECRET_MODE, read_key_file, write_key_file
from actors.depot.keyfile import TEXT_LIMIT, KeyFile, KeyKind, format_key, parse_key, split_key_name
from actors.errors import CryptoError

REVISION: Final = "%Y%m%d%H%M%S"
SIGNING: Final = (KeyKind.SIGNING_PUBLIC, KeyKind.SIGNING_SECRET)
BOX: Final = (KeyKind.BOX_PUBLIC, KeyKind.BOX_SECRET)


class KeyRing:
    """Key pairs in a directory of key files. One that is no key, or misnamed, is not used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def generate(self, name: str, kinds: Sequence[KeyKind], now: float) -> KeyFile:
        """Make and store a pair, `kinds` being `SIGNING` or `BOX`; the public key.

        `now` is Unix time. The revision is the first free second from then on: a signing and a box
        key of one name would share their public file. Raises CryptoError, HostError.
        """
        at = datetime.fromtimestamp(int(now), UTC)
        split_key_name(f"{name}-{at.strftime(REVISION)}")
        while any(self.path.glob(f"{name}-{at.strftime(REVISION)}.*")):
            at += timedelta(seconds=1)
        revision = at.strftime(REVISION)
        public, secret = _raw_pair(kinds)
        pair = [
            KeyFile(k, name, revision, raw) for k, raw in zip(kinds, (public, secret), strict=True)
        ]
        for key in reversed(pair):  # who sees the public key can use the pair
            self.store(key)
        return pair[0]

    def store(self, key: KeyFile) -> None:
        """Write a key's file; the same key again changes nothing. Raises CryptoError, HostError."""
        path = self.path / key.file_name
        if path.exists():
            if self._read(path) == key:
                return
            raise CryptoError(f"{path} already holds another key of that name")
        write_key_file(path, format_key(key), PUBLIC_MODE if key.kind.public else SECRET_MODE)

    def import_bytes(self, data: bytes, kinds: Sequence[KeyKind]) -> KeyFile:
        """Store the key in the bytes of a key file, if it is of one of `kinds`."""
        key = parse_key(data)
        if key.kind not in kinds:
            wanted = " or ".join(kind.form for kind in kinds)
            raise CryptoError(f"{key.full_name} is a {key.kind.form} key; here belongs {wanted}")
        self.store(key)
        return key

    def newest(self, name: str, kind: KeyKind) -> KeyFile:
        """The newest key of `name`, or exactly `name-revision`. Raises CryptoError."""
        found = [key for key in self.list(kind) if name in (key.name, key.full_name)]
        if not found:
            raise CryptoError(
                f"no {'public' if kind.public else 'secret'} key {name!r} ({kind.form}) in "
                f"{self.path}; {_how_to_get(name, kind)}"
            )
        return max(found, key=lambda key: key.revision)

    def exactly(self, full_name: str, kind: KeyKind) -> KeyFile:
        """The key of that name and revision. Raises CryptoError."""
        split_key_name(full_name)
        key = self._read(self.path / f"{full_name}{kind.suffix}")
        if key is None or key.kind is not kind:
            half = "public" if kind.public else "secret"
            verb = "svc" if "@" in full_name else "user"
            raise CryptoError(
                f"{half} key {full_name} ({kind.form}) is not in {self.path}; "
                f"`hab {verb} key import` takes it"
            )
        return key

    def list(self, kind: KeyKind) -> list[KeyFile]:
        """Every key of a kind, by file name."""
        try:
            paths = sorted(self.path.glob(f"*{kind.suffix}"))
        except OSError as error:
            raise CryptoError(f"the key cache {self.path} cannot be read: {error}") from error
        return [key for path in paths if (key := self._read(path)) and key.kind is kind]

    def _read(self, path: Path) -> KeyFile | None:
        data = read_key_file(path, TEXT_LIMIT + 1)
        try:
            key = parse_key(data or b"")
        except CryptoError:
            return None
        return key if key.file_name == path.name else None


def _raw_pair(kinds: Sequence[KeyKind]) -> tuple[bytes, bytes]:
    if tuple(kinds) == SIGNING:
        signing = SigningKey.generate()
        public = bytes(signing.verify_key)
        return public, bytes(signing) + public
    box = PrivateKey.generate()
    return bytes(box.public_key), bytes(box)


def _how_to_get(name: str, kind: KeyKind) -> str:
    if kind in SIGNING:
        return f"`hab origin key generate {name}` makes a pair, `hab origin key import` takes one"
    verb = "svc" if "." in name else "user"
    return f"`hab {verb} key generate` makes a pair, `hab {verb} key import` takes one"
