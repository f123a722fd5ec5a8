"""Hot news: what is still being passed on, how often, and how it fits into a frame.

A piece of news is sent ⌈ln N⌉ + 7 times by each member that learns it, N being the largest ring
seen in the last minute: a count taken from the few members known during a mass start would starve
(memberlist's does). Fewest-sent goes first; newer news about the same thing replaces older.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple, TypeAlias

from actors.gossip.suspicion import sends
from actors.messages.gossip import Claim

News: TypeAlias = Claim | bytes | int  # a claim, a rumor's bytes, or the key of a big rumor

FRAME_BYTES: Final = 1_120  # of news in one frame: below 1,400 with envelope and encryption
BIG_BYTES: Final = 900  # a rumor beyond this is offered, and fetched once by each member
FAN_OUT: Final = 3  # members told at each push
PUSH_PERIODS: Final = 0.2  # pushes lie so far apart, in protocol periods
MAX_QUEUE: Final = 4_096  # pieces of news; the oldest go first, sync brings them later
_CLAIM_BYTES: Final = 60  # an id in hex, numbers, and framing


class Parcel(NamedTuple):
    """News for one frame."""

    claims: tuple[Claim, ...] = ()
    rumors: tuple[bytes, ...] = ()
    offers: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.claims or self.rumors or self.offers)


def size_bytes(news: News) -> int:
    """What a piece of news takes in a frame, about."""
    if isinstance(news, bytes):
        return len(news) + 5
    if isinstance(news, int):
        return 16
    keys = 9 * (len(news.by) + len(news.keys))
    return _CLAIM_BYTES + len(news.address) + len(news.name) + keys


class HotQueue:
    """News by how often it was sent."""

    def __init__(self) -> None:
        self._levels: list[dict[Hashable, tuple[News, int]]] = [{}]
        self._level: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._level)

    def __contains__(self, key: object) -> bool:
        return key in self._level

    def add(self, key: Hashable, news: News) -> None:
        """Pass on `news`, instead of what was passed on under `key` before."""
        self.drop(key)
        if len(self._level) >= MAX_QUEUE:
            most = max(level for level, news_ in enumerate(self._levels) if news_)
            self.drop(next(iter(self._levels[most])))
        self._levels[0][key] = (news, size_bytes(news))
        self._level[key] = 0

    def drop(self, key: Hashable) -> None:
        """Pass something on no longer."""
        level = self._level.pop(key, None)
        if level is not None:
            del self._levels[level][key]

    def clear(self) -> None:
        """Pass nothing on."""
        self._levels = [{}]
        self._level.clear()

    def take(
        self,
        members: int,
        budget: int = FRAME_BYTES,
        skip: Hashable = None,
        *,
        offers_too: bool = False,
    ) -> Parcel:
        """News for one frame to one member, counted as sent; `skip` is what it is told anyway."""
        if not self._level:
            return _NOTHING
        chosen = self._choose(budget, skip, offers_too=offers_too)
        self._count(chosen, sends(members))
        claims: list[Claim] = []
        rumors: list[bytes] = []
        offers: list[int] = []
        for _, news in chosen:
            if isinstance(news, bytes):
                rumors.append(news)
            elif isinstance(news, int):
                offers.append(news)
            else:
                claims.append(news)
        return Parcel(tuple(claims), tuple(rumors), tuple(offers))

    def _choose(
        self, budget: int, skip: Hashable, *, offers_too: bool
    ) -> list[tuple[Hashable, News]]:
        chosen: list[tuple[Hashable, News]] = []
        for level in self._levels:
            for key, (news, size) in level.items():
                if budget < _CLAIM_BYTES:
                    return chosen
                fits = size <= budget and (offers_too or not isinstance(news, int))
                if fits and key != skip:
                    chosen.append((key, news))
                    budget -= size
        return chosen

    def _count(self, chosen: list[tuple[Hashable, News]], limit: int) -> None:
        for key, _ in chosen:
            level = self._level[key]
            item = self._levels[level].pop(key)
            if level + 1 >= limit:
                del self._level[key]
                continue
            if level + 1 == len(self._levels):
                self._levels.append({})
            self._levels[level + 1][key] = item
            self._level[key] = level + 1


_NOTHING: Final = Parcel()


class PeakSize:
    """The largest ring of the last minute or two."""

    def __init__(self) -> None:
        self._before = 0
        self._now = 0

    def saw(self, members: int) -> None:
        """Take note of the ring's size."""
        self._now = max(self._now, members)

    def turn(self, members: int) -> None:
        """A minute is over; the ring has `members` now."""
        self._before, self._now = self._now, members

    @property
    def members(self) -> int:
        """The peak."""
        return max(self._before, self._now)
