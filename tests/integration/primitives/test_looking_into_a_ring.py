"""Events and actors of a whole ring, by the commands a person types at one of its members."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from primitives_rig import Ring
from supervisor_rig import HAB, Machine, eventually


def of(machine: Machine) -> str:
    return machine.ready().member_id


def kinds(machine: Machine, *words: str) -> list[dict[str, Any]]:
    """Events as `hab events -o jsonl` has them."""
    lines = machine.hab("events", "-o", "jsonl", *words).out.splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def killed(ring: Ring) -> Iterator[str]:
    """An actor of `two` was killed by a command at `one`; the id of the command's event."""
    done = ring["one"].hab("actor", "kill", "census", "--member", "two", "--json").json

    def back() -> bool:
        events = kinds(ring["one"], "--member", "two", "--kind", "ActorStarted", "--actor", "node")
        return any(event["fields"] == {"name": "census", "instance": 2} for event in events)

    eventually("census of two is back", back)
    return done["event_id"]


def test_a_command_s_chain_of_causes_crosses_the_ring(ring: Ring, killed: str) -> None:
    one, two = ring["one"], ring["two"]
    assert killed.startswith(f"{of(one)}:")
    events = {e["id"]: e for e in kinds(one, "--ring", "--since", "1h")}
    [death] = [e for e in events.values() if e["kind"] == "ActorKilled"]
    assert death["member"] == of(two)
    assert death["cause"] == killed
    assert events[killed]["kind"] == "RequestAdmitted"
    [started] = [
        e for e in events.values() if e["kind"] == "ActorStarted" and e["fields"]["instance"] == 2
    ]
    assert events[started["cause"]]["cause"] == death["id"]
    order = [e["id"] for e in kinds(one, "--ring", "--since", "1h")]
    assert order.index(killed) < order.index(death["id"]) < order.index(started["id"])


def test_why_tells_it_in_sentences_from_any_member(ring: Ring, killed: str) -> None:
    for machine in ring.values():
        said = machine.hab("why", "census", "-n", "3").out
        assert "asked" in said
        assert "because census was killed" in said
        assert f"[{killed[:8]}:{killed.partition(':')[2]}]" in said
    lines = ring["three"].hab("why", killed, "--json").json["lines"]
    assert lines[0]["id"] == killed


def test_every_form_of_the_log_tells_the_same_events(ring: Ring, killed: str) -> None:
    one = ring["one"]
    filters = ("--ring", "--kind", "Actor*", "--since", "1h")
    told = kinds(one, *filters)
    assert {event["member"] for event in told} == {of(machine) for machine in ring.values()}
    assert one.hab("events", *filters, "--json").json == {
        "schema": "events/1",
        "events": told,
        "missing": [],
    }
    short = one.hab("events", *filters, "--ids").out.splitlines()
    assert [line.rpartition("[")[2][:-1] for line in short] == [
        event["id"][:8] + event["id"][32:] for event in told
    ]
    diagram = one.hab("events", *filters, "-o", "mermaid").out
    assert diagram.startswith("sequenceDiagram")
    assert diagram.count("census was killed") == 1


def test_one_member_s_events_are_asked_for_by_name(ring: Ring, killed: str) -> None:
    told = kinds(ring["three"], "--member", "two", "--last", "5")
    assert {event["member"] for event in told} == {of(ring["two"])}
    assert len(told) == 5
    nobody = ring["one"].hab("events", "--member", "nobody", check=False)
    assert nobody.code == 1
    assert "no member" in nobody.err


def test_followers_hear_of_other_members_as_it_happens(ring: Ring) -> None:
    one = ring["one"]
    with subprocess.Popen(
        [HAB, "events", "--ring", "-f", "-o", "jsonl", "--last", "1"],
        env=one.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline()
        ring["three"].hab("svc", "load", "--cmd", "sleep 1000", "--name", "seen")
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["fields"].get("stage") != "up":
            heard.append(json.loads(following.stdout.readline()))
        following.send_signal(signal.SIGINT)
    assert {event["member"] for event in heard} == {of(ring["three"])}
    assert "ServiceLoaded" in {event["kind"] for event in heard}
    assert [e["hlc"] for e in heard] == sorted(e["hlc"] for e in heard)


def test_actors_of_another_member_are_listed_drawn_inspected_and_traced(ring: Ring) -> None:
    one = ring["one"]
    listed = one.hab("actor", "list", "--member", "two", "--json").json["actors"]
    assert {"gossip", "census", "specs"} <= {actor["name"] for actor in listed}
    assert "├─ census" in one.hab("actor", "tree", "--member", "three").out
    facts = one.hab("actor", "inspect", "gossip", "--member", "two", "--json").json
    assert (facts["name"], facts["state"]) == ("gossip", "ALIVE")
    by_id = one.hab("actor", "inspect", f"{of(ring['two'])[:8]}/gossip", "--json").json
    assert by_id["cls"] == facts["cls"]
    one.hab("actor", "trace", "census", "--member", "two", "--for", "1m")
    filters = ("--member", "two", "--kind", "MessageHandled", "--actor", "census")
    eventually("a message of it is in the log", lambda: kinds(one, *filters), 20)
    one.hab("actor", "trace", "census", "--member", "two", "--off")
    missing = one.hab("actor", "inspect", "nobody", "--member", "two", check=False)
    assert (missing.code, "no actor named nobody" in missing.err) == (1, True)


def test_a_member_that_does_not_answer_is_named_as_missing(ring: Ring) -> None:
    frozen = ring["two"].supervisor()
    os.kill(frozen, signal.SIGSTOP)
    try:
        said = ring["one"].hab("events", "--ring", "--json")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert said.json["missing"] == [
        ring["two"].layout.supervisor.joinpath("MEMBER_ID").read_text().strip()
    ]
    assert "their events are missing" in said.err
