"""The key pairs of this member: which it serves with, lets in, and tries on a peer.

A ring turns to a new key by itself: each member serves with the newest revision that every other
member says it holds, and tries the served one first, then the other of the newest two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from actors.adapters.curve import ACCEPTED_REVISIONS, CurvePair, candidates, pair_of, serving

if TYPE_CHECKING:
    from actors.adapters.keys import RingKeys


class Keychain:
    """The ring key's revisions as CURVE pairs; without keys all of it is plain."""

    def __init__(self, keys: RingKeys | None) -> None:
        self._keys = keys
        self._served = keys.revisions[0] if keys is not None else None

    @property
    def keyed(self) -> bool:
        """Whether there is a ring key."""
        return self._keys is not None

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions held, newest first."""
        return () if self._keys is None else tuple(key.full_name for key in self._keys.revisions)

    @property
    def served(self) -> str:
        """The revision to listen with; empty without a key."""
        return "" if self._served is None else self._served.full_name

    def refresh(self) -> bool:
        """Look into the key cache; whether the revisions changed."""
        return self._keys is not None and self._keys.refresh()

    def serve(self, others: Iterable[Sequence[str]]) -> CurvePair | None:
        """The pair to listen with from now on, given what every other member holds."""
        if self._keys is None:
            return None
        self._served = serving(self._keys.revisions, others)
        return pair_of(self._served)

    def accepted(self) -> list[CurvePair]:
        """The pairs whose holders may enter: the newest two, and the one that is served."""
        if self._keys is None or self._served is None:
            return []
        return [pair_of(key) for key in {*self._keys.revisions[:ACCEPTED_REVISIONS], self._served}]

    def to_try(self) -> list[CurvePair] | list[None]:
        """The pairs to dial with, most likely first; never empty."""
        if self._keys is None or self._served is None:
            return [None]
        return [pair_of(key) for key in candidates(self._keys.revisions, self._served)]
