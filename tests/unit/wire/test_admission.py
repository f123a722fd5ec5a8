"""Who may say what to whom through which door."""

from __future__ import annotations

import pytest

from actors.messages.base import Message
from actors.messages.envelope import Envelope, Ticket
from actors.messages.events import EventPage, QueryEvents
from actors.messages.runtime import CallFailed, KillActor, ListActors, TraceActor, WatchActor
from actors.messages.service import QueryServices
from actors.wire import codec
from actors.wire.admission import TEXT, Gate, refusal
from actors.wire.vocabulary import RULES, Door

ME = "0123456789abcdef" * 2
PEER = "fedcba9876543210" * 2
RING = "00112233445566ff"
OTHER_RING = "ff00112233445566"


def judged(
    message: Message,
    *,
    to: str = f"{ME}/node",
    door: Door = Door.OPEN,
    ring: str = RING,
    source: str = PEER,
    answers: str = "",
    ticket: str | None = None,
    here: str = RING,
) -> str | None:
    address = f"{source}/node" if ticket is None else ticket
    envelope = Envelope(to, "node", message, ticket=Ticket(address, "1"), answers=answers)
    return refusal(Gate(ME, here, door), codec.decode(codec.encode(envelope, source, ring)))


def test_ring_frames_are_taken_without_a_ring_key() -> None:
    assert judged(WatchActor("gossip", f"{PEER}/node")) is None
    assert judged(QueryEvents(), to=f"{ME}/events") is None


@pytest.mark.parametrize("address", ["specs", f"{ME}/specs", f"{'ab' * 16}/node", "port/net", ""])
def test_an_answer_goes_to_no_one_but_the_sender(address: str) -> None:
    assert judged(QueryEvents(), to=f"{ME}/events", ticket=address) == "ticket"


@pytest.mark.parametrize("message", [KillActor("gossip"), ListActors(), TraceActor("*")])
def test_actor_commands_need_a_ring_key(message: Message) -> None:
    assert judged(message) == "door"
    assert judged(message, door=Door.KEYED) is None


def test_commands_of_the_command_line_never_pass_the_gossip_port() -> None:
    for door in (Door.OPEN, Door.KEYED):
        assert judged(QueryServices(), to=f"{ME}/control", door=door) == "door"
    assert judged(QueryServices(), to=f"{ME}/control", door=Door.CONTROL, ring="") is None
    assert judged(QueryServices(), to=f"{ME}/specs", door=Door.CONTROL, ring="") == "actor"


def test_another_members_frame_is_refused() -> None:
    assert judged(WatchActor("x", "y"), to=f"{PEER}/node", source="ab" * 16) == "addressee"
    assert judged(WatchActor("x", "y"), to="/node") == "addressee"


def test_another_rings_frame_is_refused() -> None:
    assert judged(WatchActor("x", "y"), ring=OTHER_RING) == "ring"
    assert judged(WatchActor("x", "y"), ring="") == "ring"


def test_before_the_join_nothing_but_joins_is_taken() -> None:
    assert judged(WatchActor("x", "y"), here="", ring="") == "no-ring"
    assert {name for name, rule in RULES.items() if rule.joins} == {"JoinRequest", "JoinReply"}


def test_our_own_frames_are_refused() -> None:
    assert judged(WatchActor("x", "y"), source=ME) == "own"


def test_an_actor_hears_only_its_own_language() -> None:
    assert judged(WatchActor("x", "y"), to=f"{ME}/specs") == "actor"
    assert judged(QueryEvents(), to=f"{ME}/gossip") == "actor"


def test_an_answer_names_its_question() -> None:
    for message in (EventPage(), CallFailed("Refused", "no")):
        assert judged(message, to=f"{ME}/call/1") == "answer"
        assert judged(message, to=f"{ME}/call/1", answers="1") is None


def test_every_refusal_has_words_for_people() -> None:
    assert all(TEXT.values())
