"""The status table rebuilt from events alone: what `hab svc status` and `hab ring members` say.

A fold over the state events of one member gives its table; of a merged ring, the tables of all.
Events of different members touch different rows, so any merge that keeps each member's order gives
the same tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from actors.eventlog.filters import member_of
from actors.messages.base import MemberId
from actors.messages.events import EventRecord

Row: TypeAlias = tuple[MemberId, str]


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service as its events leave it. `pid` is None when nothing runs.

    `role` is what its process acts as, in `term`; empty for one without a part in an election.
    """

    ident: str
    stage: str = ""
    reason: str = ""
    pid: int | None = None
    health: str = "unknown"
    last_exit: str = ""
    role: str = ""
    term: int = 0


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member as another one sees it."""

    health: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Status:
    """`services`: (member, service) → row. `members`: (who sees, who is seen) → row."""

    services: Mapping[Row, ServiceRow] = field(default_factory=dict)
    members: Mapping[Row, MemberRow] = field(default_factory=dict)


def fold(events: Iterable[EventRecord], status: Status | None = None) -> Status:
    """The status after `events`, in order, from `status` on (or from nothing)."""
    start = status or Status()
    services, members = dict(start.services), dict(start.members)
    for event in events:
        _service(services, event)
        if event.kind == "MemberHealthChanged":
            row = MemberRow(_text(event, "health"), _number(event, "incarnation"))
            members[member_of(event.id), _text(event, "member")] = row
    return Status(services, members)


def _service(rows: dict[Row, ServiceRow], event: EventRecord) -> None:
    member = member_of(event.id)
    match event.kind:
        case "ServiceLoaded":
            rows[member, _text(event, "service")] = ServiceRow(_text(event, "ident"))
        case "ServiceUnloaded":
            rows.pop((member, _text(event, "service")), None)
        case "ServiceStageChanged":
            stage, reason = _text(event, "stage"), _text(event, "reason")
            pid = _number(event, "pid") or None
            at = (member, _text(event, "service"))
            rows[at] = replace(_row(rows, at), stage=stage, reason=reason, pid=pid)
        case "HealthChanged":
            at = (member, _text(event, "service"))
            rows[at] = replace(_row(rows, at), health=_text(event, "health"))
        case "RoleTaken":
            role, term = _text(event, "role"), _number(event, "term")
            at = (member, _text(event, "service"))
            rows[at] = replace(_row(rows, at), role=role, term=term)
        case "ProcessBegan" | "ProcessAdopted" | "ProcessEnded":
            _process(rows, event)
        case _:
            pass


def _process(rows: dict[Row, ServiceRow], event: EventRecord) -> None:
    what, _, service = _text(event, "key").partition(":")
    at = (member_of(event.id), service)
    if what != "service" or at not in rows:
        return  # a hook, an actor host, or a service that was unloaded meanwhile
    row, pid = rows[at], _number(event, "pid")
    if event.kind != "ProcessEnded":
        rows[at] = replace(row, pid=pid)
    elif row.pid in (pid, None):
        role = "none" if row.role else ""  # it ends with the process
        how = _text(event, "how")
        rows[at] = replace(row, pid=None, last_exit=how, role=role, term=0)


def _row(rows: Mapping[Row, ServiceRow], at: Row) -> ServiceRow:
    """The row; a new one where the log no longer reaches back to the loading."""
    return rows.get(at) or ServiceRow(ident="")


def _text(event: EventRecord, name: str) -> str:
    value = event.fields.get(name, "")
    return value if isinstance(value, str) else str(value)


def _number(event: EventRecord, name: str) -> int:
    value = event.fields.get(name, 0)
    return value if isinstance(value, int) else 0
