"""Which decoded frames a member takes: a pure rule over its own id, ring, and kind of listener.

Safety: a frame passes only if its message may enter through this door, for this actor, from this
ring, and was meant for this member. Frames of a join pass whatever ring and addressee they name,
since a newcomer knows neither; gossip judges them. At the control gateway clients have no ring,
and whom a request is for is its gateway's business. There is no replay window: with a ring key,
CURVE's nonces refuse recorded bytes; without one, a replayed frame is an old claim, and the merge
of membership and rumors (incarnation, clock) makes an old claim change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from actors.messages.base import MemberId
from actors.wire.codec import Frame
from actors.wire.vocabulary import Door, rule_of

Refusal: TypeAlias = Literal[
    "own", "door", "actor", "answer", "ticket", "no-ring", "ring", "addressee"
]

# What each word means to a person.
TEXT: dict[Refusal, str] = {
    "own": "it claims to come from this very member",
    "door": "such messages are not taken here",
    "actor": "its actor does not take such messages",
    "answer": "an answer that names no question",
    "ticket": "its answer is to go to somebody else than its sender",
    "no-ring": "this member has not joined a ring yet",
    "ring": "it comes from another ring",
    "addressee": "it was meant for another member",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What a listener knows when it judges a frame."""

    member: MemberId
    ring: str
    door: Door


def refusal(gate: Gate, frame: Frame) -> Refusal | None:
    """Why the frame is not taken; None if it is."""
    envelope = frame.envelope
    rule = rule_of(type(envelope.message))
    assert rule is not None, "the codec decodes what has a rule"
    if rule.door > gate.door:
        return "door"
    if gate.door is Door.CONTROL:
        return None if rule.answer or rule.door < gate.door or rule.is_for(envelope.to) else "actor"
    if frame.source == gate.member:
        return "own"
    if envelope.ticket is not None and not envelope.ticket.address.startswith(f"{frame.source}/"):
        return "ticket"  # else an answer of ours, to one of us, would be the stranger's word
    if not rule.joins:
        if not gate.ring:
            return "no-ring"
        if frame.ring != gate.ring:
            return "ring"
        if not frame.target or not gate.member.startswith(frame.target):
            return "addressee"
    if rule.answer:
        return None if envelope.answers else "answer"
    return None if rule.is_for(envelope.to) else "actor"
