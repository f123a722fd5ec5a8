"""Questions to the event log and its answers, and what the log says about itself."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from actors.messages.base import Event, Message


class EventRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the event log. `id` is `<member>:<boot>:<seq>`; `wall` Unix seconds."""

    id: str
    wall: float
    hlc: int
    actor: str
    kind: str
    text: str
    cause: str = ""
    trace: str = ""
    fields: dict[str, object] = {}


class QueryEvents(Message, frozen=True):
    """Asks for events, oldest first; answered by `EventPage`.

    `actor`, `kind` (whatever its case) and `member` (its name, or the beginning of its id) are
    globs; `since` and `until` Unix seconds, 0 for open. `last` asks for the newest so many; `limit`
    bounds a page.
    To go on behind an event give its id as `after` and its `hlc` as `after_hlc` (the id alone is
    enough for the member it belongs to). `ring` merges all members by HLC, and so does a `member`;
    `follow` keeps answering as events come, until `RequestEnded` or the asker's member is gone.
    """

    actor: str = "*"
    kind: str = "*"
    member: str = "*"
    since: float = 0.0
    until: float = 0.0
    after: str = ""
    after_hlc: int = 0
    last: int = 0
    limit: int = 1000
    ring: bool = False
    follow: bool = False


class EventPage(Message, frozen=True):
    """Events in causal (HLC) order. `more`: the page was full, go on behind its last event.

    `upto`: no event with a lesser HLC will come from this member any more; 0 if unknown. `missing`
    names members that did not answer in time or are dead; `*` if the ring's members are not known
    yet. A follower hears an empty page at least each 5 s, so that silence means the log is gone.
    """

    events: tuple[EventRecord, ...] = ()
    more: bool = False
    missing: tuple[str, ...] = ()
    upto: int = 0


class EventLogStalled(Event, frozen=True):
    """The log cannot be written; the newest events are kept in memory meanwhile."""

    reason: str
    sentence: ClassVar[str] = "the event log cannot be written ({reason}); events wait in memory"


class EventLogResumed(Event, frozen=True):
    """The log can be written again. `lost` events, up to number `last_lost`, are gone."""

    kept: int
    lost: int
    last_lost: int = 0
    sentence: ClassVar[str] = (
        "the event log is written again: {kept} events were kept in memory, {lost} are lost"
    )
