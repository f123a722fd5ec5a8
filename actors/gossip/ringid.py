"""The ring id: who mints it, who takes whose, and when two rings become one. All pure.

An id is 16 hex digits: the Unix second it was minted, then 32 random bits; so the older of two is
the smaller. Rings apart stay apart, because an address that changed hands must not pull a
supervisor into a stranger's ring (habitat #5865). Two rings become one, the older id staying, if an
operator says so, if one has merged into the other already, or if both are a few minutes old:
supervisors that were started together, met in different pairs and minted twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from random import Random

Verdict: TypeAlias = Literal["same", "mint", "wait", "take", "keep", "refuse"]

YOUNG_S: Final = 300  # a ring is being assembled so long
MAX_FORMER: Final = 16  # ids remembered of rings that merged into this one
DIGITS: Final = 16


def mint(wall_s: float, random: Random) -> str:
    """A new ring id."""
    return f"{int(wall_s) & 0xFFFFFFFF:08x}{random.getrandbits(32):08x}"


def is_ring_id(text: str) -> bool:
    """Whether `text` has the shape of a ring id."""
    return len(text) == DIGITS and all(digit in "0123456789abcdef" for digit in text)


def is_young(ring_id: str, wall_s: float) -> bool:
    """Whether a ring was minted a few minutes ago at most."""
    return bool(ring_id) and abs(wall_s - int(ring_id[:8], 16)) <= YOUNG_S


def judge(
    mine: str,
    theirs: str,
    *,
    mints: bool,
    related: bool,
    wall_s: float,
) -> Verdict:
    """What a member does about a peer's ring id; either may be empty (never met anybody).

    `mints`: this one has the smaller member id. `related`: the operator wants a merge, or one ring
    came out of the other.
    """
    if not mine and not theirs:
        return "mint" if mints else "wait"
    if mine == theirs:
        return "same"
    if not mine:
        return "take"
    if not theirs:
        return "keep"
    young = is_young(mine, wall_s) and is_young(theirs, wall_s)
    if not related and not young:
        return "refuse"
    return "take" if theirs < mine else "keep"


def to_bytes(ring_id: str, former: tuple[str, ...]) -> bytes:
    """The content of the ring id's file: the id, then those that merged into it."""
    return "".join(f"{one}\n" for one in (ring_id, *former)).encode()


def from_bytes(data: bytes | None) -> tuple[str, tuple[str, ...]]:
    """Ring id and former ones; empty if there is nothing to be read."""
    words = (data or b"").decode("ascii", "replace").split()
    if not words or not all(is_ring_id(word) for word in words):
        return "", ()
    return words[0], tuple(words[1 : 1 + MAX_FORMER])
