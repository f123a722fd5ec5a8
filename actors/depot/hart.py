r"""HART files (format `HART-1`): the header, and what a signature must say; pure.

Five lines, then a `.tar.xz`: `HART-1`, the signer's key (`name-revision`), `BLAKE2b`, base64 of an
attached Ed25519 signature over the lower-case hex of the payload's BLAKE2b-256, and an empty line
(Habitat, components/core/src/crypto/artifact.rs).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from actors.errors import CryptoError

HEADER_LIMIT = 4096  # the five lines of a real file have about 250 bytes
SIGNATURE_BYTES = 64
DIGEST_HEX = re.compile(rb"[0-9a-f]{64}")
_SIGNER = re.compile(r"\A([A-Za-z0-9_@.-]+)-(\d{14})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class HartHeader:
    """`signer` is the signing key's `name-revision`; the payload begins at `payload_offset`.

    `signed` is the attached signature: 64 bytes of Ed25519, then the signed 64 hex digits.
    """

    signer: str
    signed: bytes
    payload_offset: int

    @property
    def digest(self) -> bytes:
        """The payload's digest in hex, as the signer has it; trust it only once verified."""
        return self.signed[SIGNATURE_BYTES:]

    @property
    def key_file(self) -> str:
        """The name of the signer's public key in a key cache."""
        return f"{self.signer}.pub"


def parse_header(data: bytes) -> HartHeader:
    """The header at the beginning of a HART file. Raises CryptoError, whatever the bytes."""
    parts = data[:HEADER_LIMIT].split(b"\n", 5)
    lines = [part.strip() for part in parts[:5]]
    if not lines or lines[0] != b"HART-1":
        raise CryptoError("this is not a HART file: its first line is not HART-1")
    if len(lines) > 1 and not _SIGNER.fullmatch(lines[1].decode("ascii", "replace")):
        raise CryptoError("Cannot parse named revision: the second line names no signing key")
    if len(parts) < 6:
        raise CryptoError("this HART file is cut off within its header")
    if lines[2] != b"BLAKE2b":
        raise CryptoError(f"this HART file is hashed with {lines[2][:40]!r}; BLAKE2b is known")
    if lines[4]:
        raise CryptoError("the fifth line of a HART file must be empty")
    try:
        signed = base64.b64decode(lines[3], validate=True)
    except binascii.Error as error:
        raise CryptoError(f"the signature of this HART file is not base64: {error}") from error
    if len(signed) != SIGNATURE_BYTES + 64 or not DIGEST_HEX.fullmatch(signed[SIGNATURE_BYTES:]):
        raise CryptoError("the signature of this HART file does not sign a digest")
    offset = sum(len(part) + 1 for part in parts[:5])
    return HartHeader(lines[1].decode(), signed, offset)


def parse_public_key(data: bytes) -> tuple[str, bytes]:
    """A signing key's public file as (`name-revision`, 32 bytes). Raises CryptoError."""
    lines = [line.strip() for line in data[:HEADER_LIMIT].split(b"\n")]
    if len(lines) < 4 or lines[0] != b"SIG-PUB-1":
        raise CryptoError("this is not a public signing key (SIG-PUB-1)")
    name = lines[1].decode("ascii", "replace")
    if not _SIGNER.fullmatch(name):
        raise CryptoError("Cannot parse named revision: the key file names no key")
    try:
        key = base64.b64decode(lines[3], validate=True)
    except binascii.Error as error:
        raise CryptoError(f"key {name} is not base64: {error}") from error
    if len(key) != 32:
        raise CryptoError(f"key {name} has {len(key)} bytes, not 32")
    return name, key
