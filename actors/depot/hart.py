r"""HART files (format `HART-1`): the header, and what a signature must say; pure.

Five lines, then a `.tar.xz`: `HART-1`, the signer's key (`name-revision`), `BLAKE2b`, base64 of an
attached Ed25519 signature over the lower-case hex of the payload's BLAKE2b-256, and an empty line
(Habitat, components/core/src/crypto/artifact.rs).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from actors.depot.keyfile import KeyKind, decode_base64, parse_key
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
    signed = decode_base64(lines[3], "the signature of this HART file")
    if len(signed) != SIGNATURE_BYTES + 64 or not DIGEST_HEX.fullmatch(signed[SIGNATURE_BYTES:]):
        raise CryptoError("the signature of this HART file does not sign a digest")
    offset = sum(len(part) + 1 for part in parts[:5])
    return HartHeader(lines[1].decode(), signed, offset)


def format_header(signer: str, signed: bytes) -> bytes:
    """The five lines before the payload, as Habitat writes them."""
    lines = (b"HART-1", signer.encode(), b"BLAKE2b", base64.b64encode(signed), b"")
    return b"".join(line + b"\n" for line in lines)


def parse_public_key(data: bytes) -> tuple[str, bytes]:
    """A signing key's public file as (`name-revision`, 32 bytes). Raises CryptoError."""
    key = parse_key(data)
    if key.kind is not KeyKind.SIGNING_PUBLIC:
        raise CryptoError(f"{key.full_name} is no public signing key: it is {key.kind.form}")
    return key.full_name, key.raw
