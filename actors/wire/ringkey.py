"""Habitat's ring keys: the text of a key file, its name, and what is derived from it.

A file `<name>-<YYYYMMDDhhmmss>.sym.key` holds four lines: `SYM-SEC-1`, the name with its revision,
nothing, and 32 bytes in base64 (habitat, `components/core/src/crypto/keys`). Text from outside is
hostile until parsed: a name ends up in a path, a revision in an order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from actors.errors import CryptoError

FORMAT: Final = "SYM-SEC-1"
SUFFIX: Final = ".sym.key"
KEY_BYTES: Final = 32
MAX_TEXT_CHARS: Final = 4_096  # a key file has about a hundred

_REVISION: Final = "%Y%m%d%H%M%S"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")  # no separator, no leading dot
_FULL: Final = re.compile(r"(?P<name>.+)-(?P<revision>[0-9]{14})", re.DOTALL)
_CURVE: Final = b"habring curve 1"  # separates this use of a key from every other


@dataclass(frozen=True, slots=True, order=True)
class RingKey:
    """One revision of a ring's key. Revisions of a name order by their time."""

    name: str
    revision: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        checked_name(self.name)
        _checked_revision(self.revision)
        if len(self.secret) != KEY_BYTES:
            raise CryptoError(f"a ring key has {KEY_BYTES} bytes, not {len(self.secret)}")

    @property
    def full_name(self) -> str:
        """`<name>-<revision>`: what members tell each other about the keys they hold."""
        return f"{self.name}-{self.revision}"

    @property
    def file_name(self) -> str:
        """The file that holds it in a key cache."""
        return self.full_name + SUFFIX


def parse(text: str) -> RingKey:
    """The key in the text of a key file. Raises `CryptoError` with what is wrong."""
    if len(text) > MAX_TEXT_CHARS:
        raise CryptoError(f"a ring key has four short lines, not {len(text)} characters")
    lines = [line.strip() for line in text.strip().split("\n")]
    if len(lines) != 4 or lines[2]:
        raise CryptoError("a ring key has four lines: format, name with revision, nothing, key")
    if lines[0] != FORMAT:
        raise CryptoError(f"a ring key starts with {FORMAT}, not {lines[0][:20]!r}")
    name, revision = split_full_name(lines[1])
    try:
        secret = base64.b64decode(lines[3], validate=True)
    except (binascii.Error, ValueError) as error:
        raise CryptoError("the fourth line of a ring key is base64") from error
    return RingKey(name, revision, secret)


def format_key(key: RingKey) -> str:
    """The text of a key's file, as Habitat writes it."""
    return f"{FORMAT}\n{key.full_name}\n\n{base64.b64encode(key.secret).decode()}"


def split_full_name(full_name: str) -> tuple[str, str]:
    """`<name>-<revision>` as its two parts. Raises `CryptoError`."""
    match = _FULL.fullmatch(full_name)
    if match is None:
        raise CryptoError(f"not a key's name with its revision: {full_name[:80]!r}")
    return checked_name(match["name"]), _checked_revision(match["revision"])


def checked_name(name: str) -> str:
    """A ring's name that is safe in a path. Raises `CryptoError`."""
    if _NAME.fullmatch(name) is None:
        raise CryptoError(
            f"not a ring's name: {name[:80]!r}; letters, digits and ._@+- are, 128 at most"
        )
    return name


def revision_at(wall_s: float) -> str:
    """The revision of a key made at a Unix time."""
    return datetime.fromtimestamp(int(wall_s), UTC).strftime(_REVISION)


def next_revision(revision: str, wall_s: float) -> str:
    """A revision for now that is newer than `revision` (empty: there is none), if need be ahead."""
    now = revision_at(wall_s)
    if now > revision:
        return now
    newest = datetime.strptime(revision, _REVISION).replace(tzinfo=UTC)
    return revision_at(newest.timestamp() + 1)


def curve_secret(key: RingKey) -> bytes:
    """The 32-byte Curve25519 secret that all holders of the key share.

    BLAKE2b keyed with the ring key over the name and revision, personalised for this use: the
    ring key itself never enters a handshake, and two revisions never share a pair.
    """
    return hashlib.blake2b(
        key.full_name.encode(), key=key.secret, person=_CURVE, digest_size=KEY_BYTES
    ).digest()


def _checked_revision(revision: str) -> str:
    try:
        datetime.strptime(revision, _REVISION).replace(tzinfo=UTC)
    except ValueError as error:
        raise CryptoError(f"not a revision (YYYYMMDDhhmmss): {revision[:20]!r}") from error
    return revision
