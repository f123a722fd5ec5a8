"""A member of a group of three, what it is told, and what it says: for tests of single steps."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from actors.effects import Effect, Emit, Send
from actors.election import electorate, rules
from actors.election.ballot import Ballot
from actors.election.state import Election, Place, Waiting
from actors.messages.base import Message
from actors.messages.election import (
    Electorate,
    ProposeElectorate,
    Renewal,
    RenewalAck,
    RequestVote,
    Stamp,
    Voter,
)
from actors.messages.election_orders import RenewalAcked

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
GROUP = "redis.default"
DS = Voter(D, "vd")
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
RECORD = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 1, A, (A, B, C)), VOTERS)
READY_S = 110.0  # the start-wait is over


def member(me: str = A, record: Electorate | None = RECORD, **known: object) -> Election:
    place = Place(me, "redis", GROUP, "topology", f"{me[0]}.1", 100.0)
    written = Ballot(f"v{me[0]}", record=record)
    return replace(Election(place, written, Waiting(104.6)), **known)  # type: ignore[arg-type]


def step(
    state: Election, sender: str, message: Message, now: float = READY_S
) -> tuple[Election, list[Effect]]:
    return rules.step(state, sender, message, now, Random(1))  # type: ignore[arg-type]


def said(effects: list[Effect], kind: type[Message]) -> list[Message]:
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def emitted(effects: list[Effect], kind: type[Message]) -> list[Message]:
    return [e.event for e in effects if isinstance(e, Emit) and isinstance(e.event, kind)]


def vote(of: str = B, term: int = 1, **known: object) -> RequestVote:
    return RequestVote("e1", RECORD.stamp, f"v{of[0]}", term, **known)  # type: ignore[arg-type]


def renewal(term: int = 1, name: str = "b.1:1", stamp: Stamp = RECORD.stamp) -> Renewal:
    return Renewal(GROUP, "topology", "e1", stamp, "vb", term, name)


def ack(of: str, name: str, term: int = 1, **known: object) -> RenewalAcked:
    given = RenewalAck(GROUP, "topology", "e1", f"v{of[0]}", term, name, acked=True)
    from msgspec.structs import replace as changed

    return RenewalAcked(of, changed(given, stamp=RECORD.stamp, **known))
