"""A set of member ids that gives random members, and walks, without looking at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from actors.messages.base import MemberId


class Roster:
    """Members in arbitrary but reproducible order; add, discard and sample take constant time."""

    __slots__ = ("_at", "_ids")

    def __init__(self) -> None:
        self._ids: list[MemberId] = []
        self._at: dict[MemberId, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, member: object) -> bool:
        return member in self._at

    def __iter__(self) -> Iterator[MemberId]:
        return iter(self._ids)

    def add(self, member: MemberId) -> None:
        """Put a member in, once."""
        if member not in self._at:
            self._at[member] = len(self._ids)
            self._ids.append(member)

    def discard(self, member: MemberId) -> None:
        """Take a member out if it is in; the last one takes its place."""
        at = self._at.pop(member, None)
        if at is None:
            return
        last = self._ids.pop()
        if last != member:
            self._ids[at] = last
            self._at[last] = at

    def sample(self, count: int, random: Random, without: MemberId = "") -> list[MemberId]:
        """At most `count` different members, drawn at random."""
        size = len(self._ids)
        if size <= count + 1:
            chosen = [member for member in self._ids if member != without]
            random.shuffle(chosen)
            return chosen[:count]
        chosen = []
        while len(chosen) < count:
            member = self._ids[int(random.random() * size)]
            if member != without and member not in chosen:
                chosen.append(member)
        return chosen

    def one(self, random: Random) -> MemberId | None:
        """Any member, or None of an empty roster."""
        return self._ids[int(random.random() * len(self._ids))] if self._ids else None


class Walk:
    """Visits every member of a roster once a round, in an order drawn anew for each round.

    SWIM §4.3: each member is visited within two rounds, whatever the luck. A newcomer is put at a
    random place of what is left of the round, so that not all members visit it at once.
    """

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: list[MemberId] = []

    def add(self, member: MemberId, random: Random) -> None:
        """Let the running round visit a newcomer too."""
        self._left.insert(int(random.random() * (len(self._left) + 1)), member)

    def next(self, roster: Roster, random: Random) -> MemberId | None:
        """The next member to visit; None if the roster is empty."""
        if not len(roster):
            return None
        while True:
            if not self._left:
                self._left = list(roster)
                random.shuffle(self._left)
            member = self._left.pop()
            if member in roster:
                return member
