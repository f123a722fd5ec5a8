"""Habitat's key files for packages and configuration: signing keys and box keys; pure.

Four lines: the format, `name-revision`, nothing, base64 of the raw key (Habitat,
components/core/src/crypto/keys). The revision is the UTC time of making, `YYYYmmddHHMMSS`. Text
from outside is hostile until parsed: a name ends up in a path.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import Enum

from actors.errors import CryptoError

TEXT_LIMIT = 4096  # a key file has about 200 bytes
_FULL = re.compile(r"\A([A-Za-z0-9][A-Za-z0-9_@.-]{0,250})-(\d{14})\Z", re.ASCII)
_SHOWN = 60  # of hostile text in a message


class KeyKind(Enum):
    """What a key file holds: its first line, the end of its file's name, its raw size in bytes."""

    SIGNING_PUBLIC = ("SIG-PUB-1", ".pub", 32)
    SIGNING_SECRET = ("SIG-SEC-1", ".sig.key", 64)  # the seed, then the public key
    BOX_PUBLIC = ("BOX-PUB-1", ".pub", 32)
    BOX_SECRET = ("BOX-SEC-1", ".box.key", 32)

    def __init__(self, form: str, suffix: str, size: int) -> None:
        self.form = form
        self.suffix = suffix
        self.size = size

    @property
    def public(self) -> bool:
        """Whether everybody may read it."""
        return self in (KeyKind.SIGNING_PUBLIC, KeyKind.BOX_PUBLIC)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key: `name` is an origin, a user, or `service.group@org`."""

    kind: KeyKind
    name: str
    revision: str
    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        split_key_name(self.full_name)
        if len(self.raw) != self.kind.size:
            raise CryptoError(
                f"key {self.full_name} has {len(self.raw)} bytes, not {self.kind.size}"
            )

    @property
    def full_name(self) -> str:
        """`name-revision`, the way a HART file names its signer."""
        return f"{self.name}-{self.revision}"

    @property
    def file_name(self) -> str:
        """Its file in a key cache."""
        return self.full_name + self.kind.suffix


def split_key_name(full_name: str) -> tuple[str, str]:
    """`name-revision` as its two parts. Raises CryptoError."""
    found = _FULL.fullmatch(full_name)
    if found is None:
        raise CryptoError(
            f"Cannot parse named revision: {full_name[:_SHOWN]!r} is not NAME-YYYYMMDDhhmmss"
        )
    return found.group(1), found.group(2)


def parse_key(data: bytes) -> KeyFile:
    """The key in the bytes of a key file. Raises CryptoError, whatever the bytes."""
    if len(data) > TEXT_LIMIT:
        raise CryptoError(f"a key file has four short lines, not {len(data)} bytes")
    lines = [line.strip() for line in data.split(b"\n")]
    kind = next((kind for kind in KeyKind if kind.form.encode() == lines[0]), None)
    if kind is None:
        raise CryptoError(
            f"this is not a key: it starts with {lines[0][:_SHOWN]!r}, not with one of "
            f"{', '.join(kind.form for kind in KeyKind)}"
        )
    if len(lines) < 4:
        raise CryptoError(f"this {kind.form} key is cut off: it must have four lines")
    name, revision = split_key_name(lines[1].decode("ascii", "replace"))
    return KeyFile(kind, name, revision, decode_base64(lines[3], f"key {name}-{revision}"))


def format_key(key: KeyFile) -> bytes:
    """The bytes of a key's file, as Habitat writes them: no newline at the end."""
    text = f"{key.kind.form}\n{key.full_name}\n\n"
    return text.encode() + base64.b64encode(key.raw)


def decode_base64(text: bytes, what: str) -> bytes:
    """Bytes of canonical base64. Raises CryptoError: no two texts may spell the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CryptoError(f"{what} is not base64: {error}") from error
    if base64.b64encode(raw) != text:
        raise CryptoError(f"{what} is not base64 as it is written")
    return raw
