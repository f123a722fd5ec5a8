"""Events as text: lines for people, JSON Lines for programs, sequence diagrams for documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from actors.eventlog.filters import member_of
from actors.messages.base import split_address
from actors.messages.events import EventRecord

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PREFIX = 8  # characters of a member id: enough to tell the members of a ring apart
_DAY_S = 86_400


def civil(wall: float, offset_s: int = 0) -> tuple[int, int, int, int, int, float]:
    """Year, month, day, hour, minute, second of a Unix time, `offset_s` east of UTC.

    Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    """
    millis = round((wall + offset_s) * 1000)
    days, rest = divmod(millis, _DAY_S * 1000)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153  # months from March on
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    minutes, seconds = divmod(rest, 60_000)
    return year, month, day, minutes // 60, minutes % 60, seconds / 1000


def iso(wall: float) -> str:
    """RFC 3339, UTC, milliseconds."""
    year, month, day, hour, minute, second = civil(wall)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:06.3f}Z"


def short(record: EventRecord, offset_s: int = 0, *, ids: bool = False) -> str:
    """One line: local time, member, actor, sentence; with `ids` the event's id at the end."""
    _, month, day, hour, minute, second = civil(record.wall, offset_s)
    when = f"{MONTHS[month - 1]} {day:02} {hour:02}:{minute:02}:{second:06.3f}"
    line = f"{when} {member_of(record.id)[:PREFIX]} {record.actor}: {one_line(record.text)}"
    return f"{line} [{short_id(record.id)}]" if ids else line


def short_id(event_id: str) -> str:
    """An event id with its member cut to a prefix."""
    member, colon, rest = event_id.partition(":")
    return member[:PREFIX] + colon + rest


def jsonl(record: EventRecord) -> str:
    """One JSON object on one line; its keys and their order are stable."""
    return msgspec.json.encode(
        {
            "id": record.id,
            "time": iso(record.wall),
            "hlc": record.hlc,
            "member": member_of(record.id),
            "actor": record.actor,
            "kind": record.kind,
            "text": record.text,
            "cause": record.cause,
            "trace": record.trace,
            "fields": record.fields,
        }
    ).decode()


def mermaid(records: Iterable[EventRecord]) -> str:
    """A Mermaid sequence diagram of traced messages and of the causes between events.

    A traced message is an arrow from its sender; an event caused by another actor's is a dashed
    arrow; any other event is a note over its actor.
    """
    events = list(records)
    actor_of = {event.id: _full(event) for event in events}
    steps: list[str] = []
    names: dict[str, str] = {}

    def alias(name: str) -> str:
        return names.setdefault(name, f"a{len(names)}")

    for event in events:
        here = _full(event)
        cause = actor_of.get(event.cause, here)
        if event.kind == "MessageHandled":
            sender = _address(str(event.fields.get("sender") or "outside"), event)
            label = _label(str(event.fields.get("message", "")))
            steps.append(f"    {alias(sender)}->>{alias(here)}: {label}")
        elif cause != here:
            steps.append(f"    {alias(cause)}-->>{alias(here)}: {_label(event.text)}")
        else:
            steps.append(f"    Note over {alias(here)}: {_label(event.text)}")
    people = [
        f"    participant {short_name} as {_label(name)}" for name, short_name in names.items()
    ]
    return "\n".join(["sequenceDiagram", *people, *steps]) + "\n"


def _full(event: EventRecord) -> str:
    """The actor with its member's prefix."""
    return f"{member_of(event.id)[:PREFIX]}/{event.actor}"


def _address(address: str, event: EventRecord) -> str:
    member, path = split_address(address)
    return f"{(member or member_of(event.id))[:PREFIX]}/{path}"


_ENTITY: Mapping[str, str] = {";": "#59;", "#": "#35;", "<": "#lt;", ">": "#gt;"}


def _label(text: str) -> str:
    """A text Mermaid shows as it is: one line, its own signs as entity codes."""
    return re.sub(r"[;#<>]", lambda found: _ENTITY[found[0]], one_line(text)) or " "


def one_line(text: str) -> str:
    """A text whose control characters cannot move the terminal's cursor or start a line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
