"""What survives a restart: the incarnation ledger, the ring id, and an image of the ring.

`INCARNATION` holds the life's epoch and a ceiling: no incarnation above it was ever announced. A
start goes on above the stored ceiling, so an incarnation is never used twice, whichever byte of
whichever write a crash fell on. The image (`ring.dat`) is only memory: without it the member starts
empty and learns everything again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from actors.gossip.membership import Standing, claim_of, precedence, standing_of
from actors.gossip.rumors import Held, read
from actors.gossip.stamps import STALE_S
from actors.messages.base import MemberId
from actors.messages.gossip import Claim

LEDGER: Final = "INCARNATION"
RING_ID: Final = "RING_ID"
IMAGE: Final = "ring.dat"
AHEAD: Final = 16  # refutations between two writes of the ledger
SAVE_S: Final = 30.0  # between two images, if something changed
SAVE_SOON_S: Final = 2.0  # after a fact of one's own, which nobody else may have yet
MAX_SAVED: Final = 64  # addresses of members that are gone from the table, still worth a dial

_VERSION: Final = 1
_MAX_EPOCH: Final = 1 << 52


class Ledger(msgspec.Struct, frozen=True, array_like=True):
    """The life's epoch, and the highest incarnation that may be announced in it."""

    epoch: int
    ceiling: int


def read_ledger(data: bytes | None) -> Ledger | None:
    """The stored ledger; None if there is none to be read."""
    if data is None:
        return None
    words = data.split()
    if len(words) != 2 or not all(word.isdigit() and len(word) < 19 for word in words):
        return None
    return Ledger(int(words[0]), int(words[1]))


def ledger_bytes(ledger: Ledger) -> bytes:
    """A ledger as the content of its file."""
    return f"{ledger.epoch} {ledger.ceiling}\n".encode()


def first_ledger(stored: Ledger | None, epoch: int, wall_s: float) -> tuple[int, Ledger]:
    """The incarnation to begin with, and the ledger to store before it is announced.

    `epoch` names the life of the process (Unix seconds of its start); 0: it begins now. An epoch
    never decreases though the wall clock may.
    """
    epoch = min(epoch or max(1, int(wall_s)), _MAX_EPOCH)
    if stored is None:
        return 1, Ledger(epoch, 1 + AHEAD)
    if epoch < stored.epoch:
        epoch = stored.epoch + 1
    incarnation = stored.ceiling + 1
    return incarnation, Ledger(epoch, incarnation + AHEAD)


class Image(msgspec.Struct, frozen=True, array_like=True):
    """The ring as it was at `saved_wall` (Unix seconds); `since`: who is confirmed, since when."""

    version: int
    saved_wall: float
    claims: tuple[Claim, ...] = ()
    rumors: tuple[bytes, ...] = ()
    addresses: tuple[str, ...] = ()
    since: dict[MemberId, float] = {}


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Image).decode


def image_bytes(image: Image) -> bytes:
    """An image as the content of its file."""
    return _encode(image)


def make_image(
    wall_s: float,
    standings: list[Standing],
    rumors: list[Held],
    addresses: list[str],
    since: dict[MemberId, float] | None = None,
) -> Image:
    """An image of the ring as it is known now; `since` in Unix seconds."""
    claims = tuple(claim_of(known) for known in standings)
    data = tuple(held.data for held in rumors)
    return Image(_VERSION, wall_s, claims, data, tuple(addresses[:MAX_SAVED]), since or {})


class Remembered(msgspec.Struct, frozen=True):
    """What of an image is still worth believing; `silent_s`: how long who is confirmed was so."""

    standings: tuple[Standing, ...] = ()
    rumors: tuple[Held, ...] = ()
    addresses: tuple[str, ...] = ()
    silent_s: dict[MemberId, float] = {}


def remember(data: bytes | None, me: MemberId, wall_s: float) -> Remembered:
    """Read an image; empty if there is none, or none that can be read.

    Who was away for so long that the ring may have forgotten whom it buried keeps only its own
    facts, and everybody's address.
    """
    image = _read_image(data)
    if image is None:
        return Remembered()
    stale = wall_s - image.saved_wall > STALE_S
    standings: list[Standing] = []
    addresses = list(image.addresses)
    for claim in image.claims:
        known = standing_of(claim, None)
        if known is None or claim.id == me:
            continue
        if stale:
            addresses.insert(0, claim.address)
        else:
            # Nobody is suspect yet: the suspicion of an earlier life is over.
            alive = known.health == "suspect"
            standings.append(Standing(known.member, "alive") if alive else known)
    held = [rumor for rumor in map(read, image.rumors) if rumor is not None]
    if stale:
        held = [rumor for rumor in held if rumor.head.owner == me]
    standings.sort(key=precedence)
    since = ((one.member.id, image.since.get(one.member.id, wall_s)) for one in standings)
    silent_s = {member: max(0.0, wall_s - died_wall) for member, died_wall in since}
    return Remembered(tuple(standings), tuple(held), tuple(addresses[:MAX_SAVED]), silent_s)


def _read_image(data: bytes | None) -> Image | None:
    if data is None:
        return None
    try:
        image = _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return image if image.version == _VERSION else None
