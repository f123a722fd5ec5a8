import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.eventlog.render import civil, iso, jsonl, mermaid, short
from actors.messages.events import EventRecord

A, B = "a" * 32, "b" * 32


def event(number: int, actor: str, kind: str, text: str = "", **more: object) -> EventRecord:
    member = str(more.pop("member", A))
    return EventRecord(f"{member}:1:{number}", 1_700_000_000.5, number, actor, kind, text, **more)  # type: ignore[arg-type]


@given(st.integers(-(10**12), 10**13), st.integers(-12, 14))
def test_dates_are_those_of_the_calendar(millis: int, hours: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis, hours=hours)
    year, month, day, hour, minute, second = civil(millis / 1000, hours * 3600)
    assert (year, month, day, hour, minute) == expected.timetuple()[:5]
    assert second == pytest.approx(expected.second + expected.microsecond / 1e6)


def test_the_short_form_is_time_member_actor_sentence() -> None:
    record = event(7, "service/redis", "ServiceStageChanged", "redis is up: healthy")
    assert short(record) == "Nov 14 22:13:20.500 aaaaaaaa service/redis: redis is up: healthy"
    assert short(record, 3600).startswith("Nov 14 23:13:20.500")
    assert short(record, ids=True).endswith(" [aaaaaaaa:1:7]")


def test_an_events_text_cannot_forge_a_line_or_drive_the_terminal() -> None:
    line = short(event(1, "a", "K", "one\nNov 14 two\x1b[31m\x9b"))
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\x9b" not in line


def test_a_json_line_has_its_stable_keys() -> None:
    record = event(7, "a", "K", "text\nmore", cause="c", trace="t", fields={"n": 1})
    assert json.loads(jsonl(record)) == {
        "id": f"{A}:1:7",
        "time": "2023-11-14T22:13:20.500Z",
        "hlc": 7,
        "member": A,
        "actor": "a",
        "kind": "K",
        "text": "text\nmore",
        "cause": "c",
        "trace": "t",
        "fields": {"n": 1},
    }
    assert "\n" not in jsonl(record)
    assert iso(0) == "1970-01-01T00:00:00.000Z"


def test_a_diagram_draws_messages_causes_and_notes() -> None:
    handled = {"sender": f"{B}/events", "message": "QueryEvents"}
    text = mermaid(
        [
            event(1, "events", "MessageHandled", "…", fields=handled),
            event(2, "events", "Noted", "seen; <twice>", cause=f"{A}:1:1"),
            event(3, "service/x", "Started", "x starts", cause=f"{A}:1:2"),
        ]
    )
    assert text == (
        "sequenceDiagram\n"
        "    participant a0 as bbbbbbbb/events\n"
        "    participant a1 as aaaaaaaa/events\n"
        "    participant a2 as aaaaaaaa/service/x\n"
        "    a0->>a1: QueryEvents\n"
        "    Note over a1: seen#59; #lt;twice#gt;\n"
        "    a1-->>a2: x starts\n"
    )


def test_a_diagram_of_nothing_is_still_one() -> None:
    assert mermaid([]) == "sequenceDiagram\n"
