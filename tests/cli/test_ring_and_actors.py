from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, StopSupervisor, SupervisorInfo
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.ring import DepartMember, Member, Members, MemberView
from actors.messages.runtime import (
    ActorInfo,
    ActorList,
    InspectActor,
    KillActor,
    ListActors,
    Ok,
    TraceActor,
)
from actors.node.layout import StateLayout
from cli.actor import drawn

Hab = Callable[..., Result]
Start = Callable[[Callable[[Message], list[Message]]], AbstractContextManager[Any]]
ME, OTHER = "a1b2c3d4" * 4, "b7000000" * 4
RING = Members(
    ME,
    "0123456789abcdef",
    (
        MemberView(
            Member(OTHER, 3, "10.0.0.2:9638", permanent=True, name="beta"),
            "suspect",
            heard_s=4.25,
            suspected_by=(ME,),
        ),
        MemberView(Member(ME, 1, "10.0.0.1:9638"), "alive"),
    ),
)
INFO = SupervisorInfo(
    member_id=ME,
    name="default",
    version="0.1.0",
    launcher_pid=10,
    supervisor_pid=11,
    root="/hab",
    listen_gossip="0.0.0.0:9638",
    listen_http="0.0.0.0:9631",
    listen_ctl="127.0.0.1:9632",
    uptime_s=61,
)


def test_members_are_listed_self_first_with_whom_they_are_suspected_by(
    hab: Hab, gateway: Start
) -> None:
    with gateway(lambda _: [RING]):
        said = hab("ring", "members")
    assert said.exit_code == 0, said.output
    header, me, other = (line.split() for line in said.stdout.splitlines())
    assert header[:5] == ["id", "health", "incarnation", "permanent", "address"]
    assert me == ["a1b2c3d4", "alive", "1", "no", "10.0.0.1:9638", "self", "<none>", "<none>"]
    assert other == ["b7000000", "suspect", "3", "yes", "10.0.0.2:9638", "4s", "a1b2c3d4", "beta"]


def test_members_as_json_have_whole_ids_and_a_schema(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [RING]):
        answer = json.loads(hab("ring", "members", "--json").stdout)
    assert answer["schema"] == "ring.members/1"
    me, other = answer["members"]
    assert (me["id"], me["health"], me["self"]) == (ME, "alive", True)
    assert (other["id"], other["health"], other["heard_s"]) == (OTHER, "suspect", 4.25)
    assert other["suspected_by"] == [ME]


def test_who_holds_a_new_ring_key_back_is_told(hab: Hab, gateway: Start) -> None:
    old, new = "prod-20260101000000", "prod-20260201000000"
    views = (
        MemberView(Member(OTHER, 3, "10.0.0.2:9638", keys=(old,)), "confirmed"),
        MemberView(Member("c" * 32, 3, "10.0.0.3:9638", keys=(old,)), "departed"),
        MemberView(Member(ME, 1, "10.0.0.1:9638", keys=(new, old)), "alive"),
    )
    with gateway(lambda _: [Members(ME, "0123456789abcdef", views, served_key=old)]):
        told = hab("ring", "members")
        answer = json.loads(hab("ring", "members", "--json").stdout)
    assert answer["ring_key"] == {"served": old, "newest": new, "held_back_by": [OTHER]}
    assert f"served with key {old}; {new} is held back by b7000000" in told.stderr


def test_supervisor_status_has_its_schema_and_pids(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [INFO]):
        answer = json.loads(hab("sup", "status", "--json").stdout)
        text = hab("sup", "status").stdout
    assert answer["schema"] == "sup.status/1"
    assert (answer["member_id"], answer["launcher_pid"], answer["supervisor_pid"]) == (ME, 10, 11)
    assert "listen-http" in text
    assert "1m1s" in text


def test_restart_waits_until_another_process_answers(hab: Hab, gateway: Start) -> None:
    import msgspec

    asked: list[Message] = []

    def script(message: Message) -> list[Message]:
        asked.append(message)
        if isinstance(message, QuerySupervisor) and len(asked) > 3:
            return [msgspec.structs.replace(INFO, supervisor_pid=12)]
        return [INFO if isinstance(message, QuerySupervisor) else Ok()]

    with gateway(script):
        said = hab("sup", "restart")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == ["Restart recorded.", "Supervisor runs as pid 12"]
    assert StopSupervisor("restart") in asked


def test_depart_takes_a_name_or_an_unambiguous_beginning_of_an_id(hab: Hab, gateway: Start) -> None:
    def script(message: Message) -> list[Message]:
        return [Ok(event_id="e")] if isinstance(message, DepartMember) else [RING]

    with gateway(script) as playing:
        done = hab("sup", "depart", "b7")
        named = hab("sup", "depart", "beta")
        unknown = hab("sup", "depart", "c")
    assert done.exit_code == named.exit_code == 0
    assert done.stdout == "Departure recorded. (event e)\n"
    assert playing.asked[1::2] == [DepartMember(OTHER)] * 2
    assert unknown.exit_code == 1


def test_term_where_none_runs_is_success(hab: Hab, layout: StateLayout) -> None:
    said = hab("sup", "term")
    assert said.exit_code == 0
    assert "Supervisor not terminated" in said.stdout
    layout.supervisor.mkdir(parents=True)
    layout.lock.write_text("1\n")  # left over
    assert hab("sup", "term").exit_code == 0


ACTORS = ActorList(
    (
        ActorInfo("service/redis", "ServiceActor", "RESTARTING", "service", 3, restarts=2),
        ActorInfo("node", "NodeActor", "ALIVE", "", 1),
        ActorInfo("gossip", "GossipActor", "ALIVE", "node", 1, lane="urgent", mailbox=4),
        ActorInfo("service", "ServicesActor", "ALIVE", "node", 1),
        ActorInfo("service/web", "ServiceActor", "ALIVE", "service", 1, last_error="KeyError: 'x'"),
    )
)


def test_the_tree_shows_who_supervises_whom_and_what_is_out_of_the_ordinary() -> None:
    assert drawn(ACTORS.actors) == [
        "node",
        "├─ gossip  (mailbox 4)",
        "└─ service",
        "   ├─ service/redis  (RESTARTING, restarts 2)",
        "   └─ service/web  (KeyError: 'x')",
    ]


def test_the_root_of_the_tree_is_drawn_although_it_is_not_listed() -> None:
    assert drawn(ACTORS.actors[2:3]) == ["node", "└─ gossip  (mailbox 4)"]


def test_actors_are_listed_and_counted(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [ACTORS]) as playing:
        rows = [line.split() for line in hab("actor", "list", "service/*").stdout.splitlines()]
        answer = json.loads(hab("actor", "list", "--json").stdout)
        counted = json.loads(hab("actor", "summary", "--json").stdout)
    assert [row[0] for row in rows] == ["name", "service/redis", "service/web"]
    assert answer["schema"] == "actor.list/1"
    assert [one["name"] for one in answer["actors"]] == sorted(i.name for i in ACTORS.actors)
    assert counted["actors"] == 5
    assert playing.asked == [ListActors()] * 3


@pytest.mark.parametrize(
    ("words", "message", "member"),
    [
        (("inspect", "gossip"), InspectActor("gossip"), ""),
        (("kill", "service/redis"), KillActor("service/redis"), ""),
        (("kill", "a1b2c3d4/service/redis"), KillActor("service/redis"), "a1b2c3d4"),
        (("kill", "gossip", "--no-restart"), KillActor("gossip", no_restart=True), ""),
        (("trace", "b700/service/*", "--for", "1m"), TraceActor("service/*", for_s=60.0), "b700"),
        (("trace", "gossip", "--off"), TraceActor("gossip", on=False), ""),
        (("inspect", "gossip", "--member", "beta"), InspectActor("gossip"), "beta"),
        (("kill", "gossip", "--member", "beta"), KillActor("gossip"), "beta"),
        (("trace", "*", "--member", "beta"), TraceActor("*", for_s=600.0), "beta"),
    ],
)
def test_an_actor_is_named_by_path_or_by_member_and_path(
    hab: Hab, gateway: Start, words: tuple[str, ...], message: Message, member: str
) -> None:
    def script(asked: Message) -> list[Message]:
        return [ActorList(ACTORS.actors[2:3]) if isinstance(asked, InspectActor) else Ok("done")]

    with gateway(script) as playing:
        said = hab("actor", *words)
    assert said.exit_code == 0, said.output
    assert playing.asked == [message]
    assert playing.members == [member]


def _record(number: int, kind: str = "ServiceLoaded", actor: str = "specs") -> EventRecord:
    return EventRecord(f"{ME}:1:{number}", 1_795_336_134.5, 7, actor, kind, f"fact {number}")


def test_events_are_a_sentence_a_line_and_the_question_carries_the_filters(
    hab: Hab, gateway: Start
) -> None:
    with gateway(lambda _: [EventPage((_record(1), _record(2)), missing=(OTHER,))]) as playing:
        said = hab("events", "--actor", "spe*", "--kind", "Service*", "--ring", "--last", "8")
    assert said.exit_code == 0, said.output
    assert [line.rpartition(": ")[2] for line in said.stdout.splitlines()] == ["fact 1", "fact 2"]
    assert OTHER in said.stderr
    assert playing.asked == [QueryEvents(actor="spe*", kind="Service*", last=8, ring=True)]


def test_events_as_json_lines_as_a_document_and_as_a_diagram(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [EventPage((_record(1),), more=True), EventPage((_record(2),))]):
        lines = [json.loads(line) for line in hab("events", "-o", "jsonl").stdout.splitlines()]
        document = json.loads(hab("events", "--json").stdout)
        diagram = hab("events", "-o", "mermaid").stdout
    assert [line["text"] for line in lines] == ["fact 1", "fact 2"]
    assert document["schema"] == "events/1"
    assert document["events"] == lines
    assert diagram.startswith("sequenceDiagram")


def test_a_bad_time_is_a_usage_error(hab: Hab) -> None:
    said = hab("events", "--since", "yesterday")
    assert said.exit_code == 2
    assert "5m" in said.stderr


def test_ring_keys_are_generated_exported_and_imported(
    hab: Hab, layout: StateLayout, tmp_path: Path
) -> None:
    made = hab("ring", "key", "generate", "acme")
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("Generated ring key acme-")
    [file] = layout.keys.iterdir()
    text = hab("ring", "key", "export", "acme").stdout
    assert text == file.read_text()
    other = str(tmp_path / "elsewhere")
    taken = hab("ring", "key", "import", "--cache-key-path", other, text=text)
    assert taken.exit_code == 0, taken.output
    assert hab("ring", "key", "export", "acme", "--cache-key-path", other).stdout == text
    assert hab("ring", "key", "import", str(file), "--cache-key-path", other).exit_code == 0
    nothing = hab("ring", "key", "export", "none")
    assert nothing.exit_code == 1
    assert "hab ring key generate" in nothing.stderr
    assert hab("ring", "key", "import", text="no key").exit_code == 1
