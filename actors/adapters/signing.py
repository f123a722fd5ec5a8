"""Signing: a payload of bytes becomes a HART file, byte for byte as Habitat makes it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from nacl.signing import SigningKey

from actors.adapters.unpacking import CHUNK
from actors.depot.hart import format_header
from actors.depot.keyfile import KeyFile, KeyKind
from actors.errors import CryptoError


def blake2b_file(path: Path, offset: int = 0) -> str:
    """BLAKE2b-256 of a file from `offset` on, in hex: with 0, the checksum of an artifact."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as stream:
        stream.seek(offset)
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_and_blake2b(path: Path) -> tuple[str, str]:
    """Both checksums of an artifact, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), blake2b_file(path)


def signed_header(digest: str, key: KeyFile) -> bytes:
    """The header that signs a payload's digest (hex) with an origin's secret key.

    Raises CryptoError for a key whose two halves do not belong together.
    """
    assert key.kind is KeyKind.SIGNING_SECRET
    signing = SigningKey(key.raw[:32])
    if bytes(signing.verify_key) != key.raw[32:]:
        raise CryptoError(f"the secret key {key.full_name} is damaged: its halves do not match")
    return format_header(key.full_name, signing.sign(digest.encode()))


def sign_file(source: Path, destination: Path, key: KeyFile) -> None:
    """Sign the payload `source` into `destination`, which is there whole or not at all."""
    header = signed_header(blake2b_file(source), key)
    fd, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    try:
        with os.fdopen(fd, "wb") as out, source.open("rb") as payload:
            out.write(header)
            shutil.copyfileobj(payload, out, CHUNK)
            os.fchmod(fd, 0o644)
            out.flush()
            os.fsync(fd)
        Path(name).replace(destination)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
