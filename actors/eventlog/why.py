"""Why something is as it is: the causes of its last events, as sentences with event ids.

The story of a subject is what happened to it lately, and for each of these what led to it: cause
ids are followed backwards, over actors and members, until an event has no cause in the log (an
operator's command, a timer, the outside) or the log no longer reaches back.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from actors.eventlog.filters import key, member_of
from actors.eventlog.render import short_id
from actors.messages.events import EventRecord

LAST = 5  # events of the subject that are explained unless more are asked for
DEPTH = 50  # causes in a row; a longer chain is a conversation, not an explanation

# The fields by which an event is about something: a service, an actor, a member, a process.
_SUBJECTS = ("service", "name", "member", "key", "path", "group")


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a story. `depth` counts the causes between it and what is explained.

    `missing` is the id of a cause the log does not hold.
    """

    record: EventRecord
    depth: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to `subject`, oldest first; below each event its causes."""

    subject: str
    lines: tuple[Line, ...] = ()

    def text(self) -> str:
        """The story for a person: the causes of an event stand below it, indented."""
        if not self.lines:
            return f"nothing is in the log about {self.subject}\n"
        said: list[str] = []
        for line in self.lines:
            indent = "  " * line.depth
            because = "because " if line.depth else ""
            said.append(f"{indent}{because}{line.record.text} [{short_id(line.record.id)}]")
            if line.missing:
                cause = short_id(line.missing)
                said.append(f"{indent}  its cause {cause} is not in the log (any more)")
        return "\n".join(said) + "\n"


def is_about(record: EventRecord, subject: str) -> bool:
    """Whether an event is one of `subject`'s own.

    A subject is an event id, an actor's path, a service's name, ident or group, or (the beginning,
    of at least four characters, of) a member's id.
    """
    if subject in (record.id, short_id(record.id), record.actor):
        return True
    names = {value for name in _SUBJECTS if isinstance(value := record.fields.get(name), str)}
    last_part = subject.removeprefix("service:").rpartition("/")[2]
    services = {last_part, last_part.partition(".")[0]}
    actors = {f"service/{service}" for service in services}
    if names & ({subject} | services | actors | {f"service:{each}" for each in services}):
        return True
    if record.actor in actors:
        return True
    seen = record.fields.get("member")
    return len(subject) >= 4 and isinstance(seen, str) and seen.startswith(subject)


def why(
    records: Iterable[EventRecord],
    subject: str,
    last: int = LAST,
    among: Container[str] | None = None,
) -> Story:
    """The story of `subject` as far as `records` tell it.

    `among`: the ids of events that may be explained; the others are there as causes only.
    """
    by_id = {record.id: record for record in records}
    own = (r for r in by_id.values() if among is None or r.id in among)
    about = sorted((r for r in own if is_about(r, subject)), key=key)[-last:]
    told: set[str] = set()
    lines: list[Line] = []
    for record in about:
        if record.id in told:
            continue  # as a cause of one before
        for line in _causes(record, by_id):
            lines.append(line)
            if line.record.id in told:
                break  # its own causes stand above
            told.add(line.record.id)
    return Story(subject, tuple(lines))


def missing_causes(records: Iterable[EventRecord]) -> tuple[str, ...]:
    """Ids of causes that `records` name and do not hold: whoever tells a story may fetch them."""
    known = {record.id: record for record in records}
    return tuple(sorted({r.cause for r in known.values() if r.cause and r.cause not in known}))


def members_of(ids: Iterable[str]) -> frozenset[str]:
    """The members that may hold the events named."""
    return frozenset(member_of(each) for each in ids)


def _causes(record: EventRecord, by_id: Mapping[str, EventRecord]) -> list[Line]:
    """The event, its cause, the cause's cause and so on."""
    lines: list[Line] = []
    seen: set[str] = set()
    at: EventRecord | None = record
    while at is not None and at.id not in seen and len(lines) < DEPTH:
        seen.add(at.id)
        cause = by_id.get(at.cause)
        lines.append(Line(at, len(lines), at.cause if at.cause and cause is None else ""))
        at = cause
    return lines
