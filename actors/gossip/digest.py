"""The whole store in eight bytes, kept up incrementally: the XOR of one hash an entry.

64 buckets by key hash narrow a difference down to a few entries (after the anti-entropy of Dynamo,
flattened: a ring's store has thousands of entries, not millions).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from typing import Final

BUCKETS: Final = 64
PAIR: Final = Struct(">QQ")  # key hash, version hash
_VECTOR: Final = Struct(f">{BUCKETS}Q")


def hash64(data: bytes) -> int:
    """Eight bytes of BLAKE2b as an integer."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


class StoreDigest:
    """Key hash → version hash of every entry that counts, and their sums.

    `total` is never 0, because 0 means "none told" on the wire.
    """

    def __init__(self) -> None:
        self._sums = [0] * BUCKETS
        self._entries: list[dict[int, int]] = [{} for _ in range(BUCKETS)]
        self._total = 0

    @property
    def total(self) -> int:
        """The digest of everything."""
        return self._total or 1

    def put(self, key: int, version: int) -> None:
        """Set an entry's version."""
        bucket = key % BUCKETS
        change = self._entries[bucket].get(key, 0) ^ version
        self._entries[bucket][key] = version
        self._sums[bucket] ^= change
        self._total ^= change

    def drop(self, key: int) -> None:
        """Forget an entry."""
        bucket = key % BUCKETS
        change = self._entries[bucket].pop(key, 0)
        self._sums[bucket] ^= change
        self._total ^= change

    def version(self, key: int) -> int:
        """An entry's version, 0 for none."""
        return self._entries[key % BUCKETS].get(key, 0)

    def vector(self) -> bytes:
        """The sums of all buckets, for a peer to compare."""
        return _VECTOR.pack(*self._sums)

    def differing(self, vector: bytes) -> list[int]:
        """The buckets that differ from a peer's; none if the bytes are not a vector."""
        if len(vector) != _VECTOR.size:
            return []
        theirs = _VECTOR.unpack(vector)
        return [bucket for bucket in range(BUCKETS) if theirs[bucket] != self._sums[bucket]]

    def pairs(self, bucket: int) -> bytes:
        """All entries of a bucket, keys and versions."""
        entries = self._entries[bucket]
        return b"".join(PAIR.pack(key, entries[key]) for key in sorted(entries))

    def entries(self, bucket: int) -> dict[int, int]:
        """All entries of a bucket, not to be changed."""
        return self._entries[bucket]


def read_pairs(data: bytes) -> Iterator[tuple[int, int]]:
    """Keys and versions out of bytes; a torn last pair is left out."""
    return PAIR.iter_unpack(data[: len(data) - len(data) % PAIR.size])


def pack_keys(keys: list[int]) -> bytes:
    """Keys as bytes, eight each."""
    return b"".join(key.to_bytes(8, "big") for key in keys)


def read_keys(data: bytes) -> list[int]:
    """Keys out of bytes; a torn last key is left out."""
    return [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data) - 7, 8)]
