"""Which events a query means.

Globs are the shell's: `*` any text (slashes included), `?` one character, `[a-z]` a set, `[!a]` its
complement; a `[` that is never closed stands for itself (as Python's `fnmatch`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from actors.messages.base import MemberId
from actors.messages.events import EventRecord, QueryEvents

MAX_LIMIT = 5_000  # events of a page, whatever is asked for
MAX_PAGE_BYTES = 512 * 1024  # by `size`, a rough measure; a frame takes 1 MiB

_MAGIC = re.compile(r"[*?\[]")

Key = tuple[int, str]


def key(record: EventRecord) -> Key:
    """Where an event stands in the order of the ring."""
    return (record.hlc, record.id)


def member_of(event_id: str) -> MemberId:
    """The member an event id belongs to."""
    return event_id.partition(":")[0]


def life_of(event_id: str) -> str:
    """The life of a supervisor an event id belongs to: its member and boot."""
    return event_id.rpartition(":")[0]


@lru_cache(maxsize=256)
def _compiled(glob: str, *, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(translate(glob), re.IGNORECASE if ignore_case else 0)


def matches(glob: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether the whole of `text` fits `glob`."""
    return _compiled(glob, ignore_case=ignore_case).match(text) is not None


def means_member(glob: str, member: MemberId, name: str = "") -> bool:
    """Whether a member is meant, by its name or its id; the beginning of an id is enough."""
    by_id = glob if _MAGIC.search(glob) else f"{glob}*"
    return matches(by_id, member, ignore_case=True) or bool(name and matches(glob, name))


def means_ring(query: QueryEvents) -> bool:
    """Whether other members have to be asked."""
    return query.ring or query.member != "*"


def limit_of(query: QueryEvents) -> int:
    """How many events a page of the answer may have; `last` asks for its own number."""
    return max(1, min(query.last or query.limit, MAX_LIMIT))


@dataclass(frozen=True, slots=True)
class Filter:
    """A query's conditions on single events, apart from its member."""

    actor: str = "*"
    kind: str = "*"
    since: float = 0.0
    until: float = 0.0
    after: Key = (0, "")

    @classmethod
    def of(cls, query: QueryEvents) -> Filter:
        """The conditions of `query`."""
        after = (query.after_hlc, query.after) if query.after_hlc else (0, "")
        return cls(query.actor, query.kind, query.since, query.until, after)

    def admits(self, record: EventRecord) -> bool:
        """Whether the event is meant."""
        return (
            key(record) > self.after
            and record.wall >= self.since
            and (not self.until or record.wall <= self.until)
            and (self.kind == "*" or matches(self.kind, record.kind, ignore_case=True))
            and (self.actor == "*" or matches(self.actor, record.actor))
        )


def size(record: EventRecord) -> int:
    """About how many bytes an event takes in a page."""
    fields = sum(len(name) + len(str(value)) + 4 for name, value in record.fields.items())
    return 200 + len(record.actor) + len(record.text) + fields


def fitting(events: Iterable[EventRecord], limit: int) -> tuple[tuple[EventRecord, ...], bool]:
    """The first of `events` that fit into one page, at least one; and whether there are more."""
    page: list[EventRecord] = []
    filled = 0
    for event in events:
        filled += size(event)
        if page and (len(page) >= limit or filled > MAX_PAGE_BYTES):
            return tuple(page), True
        page.append(event)
    return tuple(page), False
