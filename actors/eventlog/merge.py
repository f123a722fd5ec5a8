"""Events of many members as one list, in the order of the ring: (HLC, id).

`merge` is for pages that have all come; `RingTail` for following. Both show an event only when
nothing earlier can come any more from a member that is asked and answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from actors.eventlog.filters import Key, fitting, key
from actors.messages.base import MemberId
from actors.messages.events import EventPage, EventRecord

HOLD_S = 2.0  # an event waits at most this long for members that are slow or whose clock is
MOST_HELD = 10_000  # events that wait for a member that is behind: a few megabytes
POLL_S = 0.25  # between questions to one member: half the 0.5 s a person takes for "at once"


def merge(pages: Mapping[MemberId, EventPage], limit: int, last: int = 0) -> EventPage:
    """Members' pages as one of at most `limit` events; with `last`, of the newest so many.

    Behind the end of a full page its member has more: what is later there has to wait for the next
    question, or it would be shown before what it followed.
    """
    full = [key(page.events[-1]) for page in pages.values() if page.more and page.events]
    streams = [sorted(page.events, key=key) for page in pages.values()]
    merged = list(heapq.merge(*streams, key=key))
    upto = min((page.upto for page in pages.values()), default=0)
    if last:
        newest, _ = fitting(reversed(merged), min(last, limit))
        return EventPage(tuple(reversed(newest)), upto=upto)
    complete = [event for event in merged if not full or key(event) <= min(full)]
    shown, _ = fitting(complete, limit)
    more = len(shown) < len(merged) or bool(full)
    return EventPage(shown, more, upto=0 if more else upto)


@dataclass(slots=True)
class _Source:
    """A member that is followed.

    `cursor` is the key behind which to ask, `upto` the HLC up to which all is here,
    `behind` whether it has more; `asked` numbers the question open since `asked_s`, the next is due
    at `due_s`; it owes an answer since `owes_s`.
    """

    due_s: float
    owes_s: float | None
    cursor: Key = (0, "")
    upto: int = 0
    asked: int = 0
    asked_s: float | None = None
    answered: bool = False
    behind: bool = False


@dataclass(frozen=True, slots=True)
class TailAsk:
    """Ask `member` for what is behind `cursor`; its first question carries the query's `last`."""

    member: MemberId
    number: int
    cursor: Key
    first: bool


class RingTail:
    """Follows members: whom to ask from where, and which events may be shown.

    Never twice and none lost; in order as long as members answer within `HOLD_S`. With `last`,
    what comes first is the newest so many events of the ring, not of each member. With `most_held`
    events waiting, only those members are asked that the others wait for.
    """

    def __init__(self, last: int, most_held: int = MOST_HELD) -> None:
        self._last = last
        self._most_held = most_held
        self._begun = not last
        self._floor: Key = (0, "")
        self._sources: dict[MemberId, _Source] = {}
        self._left: dict[MemberId, _Source] = {}
        self._held: list[tuple[Key, float, EventRecord]] = []
        self._numbers = 0

    def follow(self, members: Iterable[MemberId], now: float) -> None:
        """Follow exactly these members; what was heard of others is still shown.

        One that comes back is asked from where it was left.
        """
        wanted = set(members)
        for member in sorted(wanted - set(self._sources)):
            source = self._left.pop(member, None) or _Source(now, now)
            source.due_s = source.owes_s = now
            source.asked_s = None
            self._sources[member] = source
        for member in sorted(set(self._sources) - wanted):
            self._left[member] = self._sources.pop(member)

    def ask(self, now: float) -> list[TailAsk]:
        """Whom to ask now; a question open for `HOLD_S` may be lost and is asked again."""
        asks = []
        is_full = len(self._held) >= self._most_held
        frontier = min((s.upto for s in self._sources.values() if not _is_late(s, now)), default=0)
        for member, source in sorted(self._sources.items()):
            if is_full and source.upto > frontier:
                continue
            is_open = source.asked_s is not None and now - source.asked_s < HOLD_S
            if is_open or now < source.due_s:
                continue
            self._numbers += 1
            source.asked, source.asked_s = self._numbers, now
            source.owes_s = now if source.owes_s is None else source.owes_s
            asks.append(TailAsk(member, self._numbers, source.cursor, not source.answered))
        return asks

    def take(self, member: MemberId, number: int, page: EventPage | None, now: float) -> None:
        """An answer, None for a failure; answers to questions asked again since are dropped."""
        source = self._sources.get(member)
        if source is None or source.asked != number or source.asked_s is None:
            return
        source.asked_s = None
        source.due_s = now + POLL_S
        if page is None:
            if _is_late(
                source, now
            ):  # it is not waited for any more, and need not be asked so often
                source.due_s = now + HOLD_S
            return
        source.owes_s, source.answered, source.behind = None, True, page.more
        floor = max(self._floor, source.cursor)
        for event in page.events:
            if key(event) > floor:
                heapq.heappush(self._held, (key(event), now, event))
        source.cursor = max([source.cursor, *(key(event) for event in page.events)])
        if page.more:
            source.due_s = now
        else:
            source.cursor = max(source.cursor, (page.upto, ""))
        source.upto = source.cursor[0]

    def missing(self, now: float) -> tuple[MemberId, ...]:
        """Members that have not answered for `HOLD_S`."""
        return tuple(sorted(m for m, source in self._sources.items() if _is_late(source, now)))

    def release(self, now: float) -> tuple[EventRecord, ...]:
        """What may be shown now, in order."""
        timely = [source for source in self._sources.values() if not _is_late(source, now)]
        if not self._begun:
            if not all(source.answered for source in timely):
                return ()
            self._begin()
        frontier = min((source.upto for source in timely), default=None)
        # Whoever answers, but has more already, is waited for: that is history, and will come.
        behind = min((source.upto for source in timely if source.behind), default=None)
        overdue = [at for at, since_s, _ in self._held if now - since_s >= HOLD_S]
        late = max((at for at in overdue if behind is None or at[0] <= behind), default=(0, ""))
        shown = []
        while self._held:
            at = self._held[0][0]
            if frontier is not None and at[0] > frontier and at > late:
                break
            shown.append(heapq.heappop(self._held)[2])
        return tuple(shown)

    def _begin(self) -> None:
        """Everyone's newest events are here: keep the newest of all, forget what is older."""
        self._begun = True
        self._held = sorted(self._held)[-self._last :]  # a sorted list is a heap
        if self._held:
            self._floor = self._held[0][0]


def _is_late(source: _Source, now: float) -> bool:
    return source.owes_s is not None and now - source.owes_s >= HOLD_S
