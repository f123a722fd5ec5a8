"""The rumor store: facts by (kind, key, owner); the newest (incarnation, stamp, content) wins.

The facts of a whole group (its configuration, files, electorate) exist once, whoever publishes
them: there the owner is no part of the name.

Merging is a maximum of a total order. A withdrawn fact stays as a tombstone until everybody can
have heard of it. A fact nobody here knows and that is older than half of that time is refused: its
tombstone may already be forgotten. Owners renew their stamps long before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from actors.gossip.digest import StoreDigest, hash64
from actors.gossip.stamps import KEEP_S, RESTAMP_S, STALE_S, age_s, is_ahead
from actors.messages.base import MemberId, is_member_id
from actors.messages.ring import Rumor, RumorBody

RumorId: TypeAlias = tuple[str, str, str]  # kind, key, and the owner or ""

MAX_RUMORS: Final = 60_000
MAX_RUMOR_BYTES: Final = 192 * 1024  # a file of 64 KiB, sealed for a service group, with room
LASTING: Final = frozenset(
    {"config", "staged", "file"}
)  # facts of a group: they outlive their publisher
SHARED: Final = LASTING | {"electorate"}  # one fact, though several may publish it
_MAX_NAME: Final = 512
_MAX_NUMBER: Final = 1 << 62
MAX_STORE_BYTES: Final = 64 << 20  # of all rumors together

_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_decode: Final = msgspec.msgpack.Decoder(Rumor).decode


class _Head(msgspec.Struct, frozen=True):
    """What gossip reads of a rumor; the body may be of a kind this release does not know."""

    kind: str
    key: str
    owner: MemberId
    incarnation: int
    hlc: int
    gone: bool = False


_decode_head: Final = msgspec.msgpack.Decoder(_Head).decode


def rumor_id(kind: str, key: str, owner: MemberId) -> RumorId:
    """What a rumor is filed under."""
    return kind, key, "" if kind in SHARED else owner


class Held:
    """A rumor in the store: its head, its bytes, and (made on demand) itself."""

    __slots__ = ("_rumor", "data", "hash", "head", "hidden", "key", "readable")

    def __init__(self, head: _Head, data: bytes) -> None:
        self.head = head
        self.data = data
        self.hash = hash64(data)
        self.key = hash64("\x00".join(self.id).encode())
        self.hidden = False  # too old to be news to anybody: kept, not told
        self.readable = True
        self._rumor: Rumor | None = None

    @property
    def id(self) -> RumorId:
        """What it is filed under."""
        return rumor_id(self.head.kind, self.head.key, self.head.owner)

    @property
    def version(self) -> tuple[int, int, int]:
        """What is compared."""
        return self.head.incarnation, self.head.hlc, self.hash

    def rumor(self) -> Rumor | None:
        """The rumor itself; None if its body is of a kind this release does not know."""
        if self._rumor is None and self.readable:
            try:
                self._rumor = _decode(self.data)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self.readable = False
        return self._rumor


def above(incarnation: int) -> int:
    """The incarnation of a fact that is to replace one with `incarnation`.

    At the end of the numbers (a forgery: nobody publishes so often) the stamp alone decides.
    """
    return min(incarnation + 1, _MAX_NUMBER - 1)


def encode(rumor: Rumor) -> bytes:
    """A rumor's bytes."""
    return _encode(rumor)


def body_bytes(body: RumorBody | None, *, gone: bool) -> bytes:
    """The content of a rumor, to tell whether two say the same."""
    return b"gone" if gone else _encode(body)


def read(data: bytes) -> Held | None:
    """A rumor out of bytes; None if they are not one."""
    if len(data) > MAX_RUMOR_BYTES:
        return None
    try:
        head = _decode_head(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    fine = (
        is_member_id(head.owner)
        and 0 < len(head.kind) <= _MAX_NAME
        and len(head.key) <= _MAX_NAME
        and 0 <= head.incarnation < _MAX_NUMBER
        and 0 <= head.hlc < 1 << 63
    )
    return Held(head, data) if fine else None


class RumorStore:
    """All rumors, and what of them counts in the digest."""

    def __init__(self, digest: StoreDigest) -> None:
        self.held: dict[RumorId, Held] = {}
        self.by_key: dict[int, RumorId] = {}
        self.size = 0  # bytes of all rumors
        self._digest = digest

    def __len__(self) -> int:
        return len(self.held)

    def get(self, rumor: RumorId) -> Held | None:
        """The rumor held under an id."""
        return self.held.get(rumor)

    def by_hash(self, key: int) -> Held | None:
        """The rumor under a key's hash, as peers ask for it."""
        found = self.by_key.get(key)
        return None if found is None else self.held[found]

    def refusal(self, new: Held, wall_s: float) -> str:
        """Why a rumor is not taken from a peer; empty if it may be."""
        if is_ahead(new.head.hlc, wall_s):
            return "its stamp lies in the future"
        known = self.held.get(new.id)
        grows = len(new.data) - (len(known.data) if known is not None else 0)
        if grows > 0 and self.size + grows > MAX_STORE_BYTES:
            return "the store is full"
        if known is not None:
            return ""
        if new.head.kind not in LASTING and age_s(new.head.hlc, wall_s) > STALE_S:
            return "unknown, and too old to be news"
        return "too many rumors" if len(self.held) >= MAX_RUMORS else ""

    def put(self, new: Held) -> bool:
        """Merge a rumor in; whether it was newer."""
        known = self.held.get(new.id)
        if known is not None and known.version >= new.version:
            return False
        self.size += len(new.data) - (len(known.data) if known is not None else 0)
        self.held[new.id] = new
        self.by_key[new.key] = new.id
        self._digest.put(new.key, new.hash)
        return True

    def forget(self, rumor: RumorId) -> None:
        """Drop a rumor altogether."""
        held = self.held.pop(rumor, None)
        if held is not None:
            self.size -= len(held.data)
            self.by_key.pop(held.key, None)
            self._digest.drop(held.key)

    def age(self, wall_s: float) -> list[Held]:
        """Hide what is no news any more, drop what is forgotten; returns what was dropped.

        Facts of groups stay, their tombstones do not. Called about once a minute.
        """
        dropped = []
        for held in list(self.held.values()):
            lasts = held.head.kind in LASTING and not held.head.gone
            if lasts:
                continue
            age = age_s(held.head.hlc, wall_s)
            if age > KEEP_S:
                dropped.append(held)
                self.forget(held.id)
            elif age > STALE_S and not held.hidden:
                held.hidden = True
                self._digest.drop(held.key)
        return dropped

    def due(self, owner: MemberId, wall_s: float) -> list[Held]:
        """The rumors whose stamps this member has to renew: its own, and shared ones ahead.

        Withdrawals too, where they were stamped by a clock that was ahead: nobody takes them else,
        and the others would list for days what is gone.
        """
        return [held for held in self.held.values() if _is_due(held.head, owner, wall_s)]

    def of_kinds(self, kinds: frozenset[str]) -> Iterator[Held]:
        """The rumors of some kinds (all, if none is named), in order of their ids."""
        for rumor in sorted(self.held):
            if not kinds or rumor[0] in kinds:
                yield self.held[rumor]


def _is_due(head: _Head, owner: MemberId, wall_s: float) -> bool:
    mine = head.owner == owner
    if is_ahead(head.hlc, wall_s):
        return mine or head.kind in SHARED
    return mine and not head.gone and age_s(head.hlc, wall_s) > RESTAMP_S
