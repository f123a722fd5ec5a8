from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from click.testing import Result

from actors.messages.base import Message
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.ring import Member, Members, MemberView, QueryMembers

Hab = Callable[..., Result]
Start = Callable[[Callable[[Message], list[Message]]], AbstractContextManager[Any]]
ME, OTHER = "a1b2c3d4" * 4, "b7000000" * 4
RING = Members(ME, "0123456789abcdef", (MemberView(Member(OTHER, 3, "", name="beta"), "alive"),))


def record(number: int, text: str, cause: str = "", of: str = ME, **fields: Any) -> EventRecord:
    return EventRecord(
        f"{of}:1:{number}", float(number), number, "node", "K", text, cause, "", fields
    )


ORDER = record(1, "an operator asked for it", of=OTHER)
LOG = [
    ORDER,
    record(2, "redis was killed", ORDER.id, service="redis"),
    record(3, "redis started", f"{ME}:1:2", service="redis"),
    record(4, "beta is alive", member=OTHER),
]


def log_of(*records: EventRecord, missing: tuple[str, ...] = ()) -> Callable[[Any], list[Message]]:
    """Answers as a ring with these events would."""

    def answer(query: Any) -> list[Message]:
        if isinstance(query, QueryMembers):
            return [RING]
        assert isinstance(query, QueryEvents)
        if query.after:
            after = int(query.after.rpartition(":")[2])
            of = [r for r in (*LOG, *records) if r.id.startswith(query.member)]
            return [EventPage(tuple(r for r in of if r.hlc > after)[: query.limit])]
        assert query.ring
        of = [r for r in records if r.id.startswith(query.member.strip("*"))]
        seen = [r for r in of if not query.until or r.wall <= query.until]
        return [EventPage(tuple(seen[-query.last :]), missing=missing)]

    return answer


def test_a_story_has_what_happened_with_its_causes_over_members(hab: Hab, gateway: Start) -> None:
    with gateway(log_of(*LOG)):
        said = hab("why", "core/redis")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [
        "redis was killed [a1b2c3d4:1:2]",
        "  because an operator asked for it [b7000000:1:1]",
        "redis started [a1b2c3d4:1:3]",
        "  because redis was killed [a1b2c3d4:1:2]",
    ]


def test_a_cause_further_back_than_was_read_is_fetched_from_its_member(
    hab: Hab, gateway: Start
) -> None:
    with gateway(log_of(LOG[2])) as playing:
        said = hab("why", "redis", "-n", "1")
    assert "      because an operator asked" not in said.stdout
    assert said.stdout.splitlines()[-1] == "    because an operator asked for it [b7000000:1:1]"
    fetched = [query for query in playing.asked if query.after]
    assert [query.member for query in fetched] == [ME, OTHER]


def test_an_event_and_a_member_by_name_have_stories_too(hab: Hab, gateway: Start) -> None:
    with gateway(log_of(*LOG)):
        event = hab("why", f"{ME}:1:2", "-n", "1")
        member = hab("why", "beta")
    assert event.stdout.splitlines()[0] == "redis was killed [a1b2c3d4:1:2]"
    assert member.stdout == "beta is alive [a1b2c3d4:1:4]\n"


def test_of_same_named_actors_one_member_s_can_be_asked_for(hab: Hab, gateway: Start) -> None:
    theirs = record(5, "their census died", of=OTHER, name="census")
    ours = record(6, "our census died", theirs.id, name="census")
    with gateway(log_of(*LOG, theirs, ours)):
        both = hab("why", "census")
        told = hab("why", "census", "--member", "a1b2")
        other = hab("why", "census", "--member", "b700")
        unknown = hab("why", "census", "--member", "ffff")
    assert "their census died [b7000000:1:5]" in both.stdout.splitlines()
    assert told.stdout.splitlines() == [
        "our census died [a1b2c3d4:1:6]",
        "  because their census died [b7000000:1:5]",
    ]
    assert other.stdout == "their census died [b7000000:1:5]\n"
    assert unknown.exit_code == 1


def test_a_story_as_json_has_a_schema_depths_and_who_is_missing(hab: Hab, gateway: Start) -> None:
    with gateway(log_of(*LOG, missing=(OTHER,))):
        said = hab("why", "redis", "--json")
    answer = json.loads(said.stdout)
    assert (answer["schema"], answer["subject"], answer["missing"]) == ("why/1", "redis", [OTHER])
    assert [line["depth"] for line in answer["lines"]] == [0, 1, 0, 1]
    assert OTHER in said.stderr


def test_of_what_the_log_knows_nothing_it_says_so(hab: Hab, gateway: Start) -> None:
    with gateway(log_of(*LOG)):
        said = hab("why", "postgresql")
    assert said.exit_code == 1
    assert "Nothing is in the log about postgresql" in said.stderr
