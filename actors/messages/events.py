"""Questions to the event log and its answers."""

from __future__ import annotations

import msgspec

from actors.messages.base import Message


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

    `actor`, `kind`, `member` are globs; `since`/`until` Unix seconds; `after` an event id to go on
    from; `ring` merges all members by HLC; `follow` keeps answering (`more`) as events come.
    """

    actor: str = "*"
    kind: str = "*"
    member: str = "*"
    since: float = 0.0
    until: float = 0.0
    after: str = ""
    last: int = 0
    limit: int = 1000
    ring: bool = False
    follow: bool = False


class EventPage(Message, frozen=True):
    """Events in causal (HLC) order; `missing` names members that did not answer in time."""

    events: tuple[EventRecord, ...] = ()
    more: bool = False
    missing: tuple[str, ...] = ()
