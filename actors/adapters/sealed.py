"""The sealed form of a state file: a line with a checksum, then the data as it is."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from actors.messages.runtime import StateFileDamaged

MAGIC: Final = b"habring-state-1 "
_HEX: Final = 64  # digits of a 256-bit digest
_HEADER: Final = len(MAGIC) + _HEX + 1


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).hexdigest().encode()


def seal(data: bytes) -> bytes:
    """`data` behind its header: `habring-state-1 <blake2b-256 in hex>` and a newline."""
    return MAGIC + _digest(data) + b"\n" + data


def unseal(content: bytes) -> bytes | None:
    """Check and strip the header; None if the content is torn, altered or was never sealed."""
    data = content[_HEADER:]
    intact = content[:_HEADER] == MAGIC + _digest(data) + b"\n"
    return data if intact else None


def set_aside(path: Path) -> StateFileDamaged:
    """Rename a damaged file that is kept without a header out of the way; what to say of it."""
    aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}")
    path.rename(aside)
    return StateFileDamaged(path.name, aside.name)
