"""The rounds of all elections of one member, gathered into one frame to each other member.

Each election's rounds are sent at the same instants (`timing.next_round_s`), so a frame of a few
hundred bytes each 0.4 s carries the leases of all groups that two members share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from actors.effects import Effect, Send
from actors.messages.base import MemberId, join_address
from actors.messages.election import Renewal, RenewalAck, RenewalAcks, Renewals
from actors.messages.election_orders import RenewalAcked, RenewalHeard, SendRenewal, SendRenewalAck

PATH: Final = "election/rounds"
GATHER_S: Final = 0.01  # for what others have to say at the same instant
MOST: Final = 256  # in a frame

T = TypeVar("T")


class Gathering:
    """What waits for the next frame to each member."""

    def __init__(self) -> None:
        self._renewals: dict[MemberId, list[Renewal]] = {}
        self._acks: dict[MemberId, list[RenewalAck]] = {}

    def __bool__(self) -> bool:
        return bool(self._renewals or self._acks)

    def add(self, message: SendRenewal | SendRenewalAck) -> None:
        """Take a round, or an answer to one."""
        if isinstance(message, SendRenewal):
            for member in message.to:
                self._renewals.setdefault(member, []).append(message.renewal)
        else:
            self._acks.setdefault(message.to, []).append(message.ack)

    def take(self) -> list[Effect]:
        """The frames, answers first: another's lease may hang on them."""
        acks, renewals = self._acks, self._renewals
        self._acks, self._renewals = {}, {}
        frames: list[Effect] = [
            Send(join_address(member, PATH), RenewalAcks(tuple(few)))
            for member, all_ in sorted(acks.items())
            for few in _in_frames(all_)
        ]
        frames += [
            Send(join_address(member, PATH), Renewals(tuple(few)))
            for member, all_ in sorted(renewals.items())
            for few in _in_frames(all_)
        ]
        return frames


def spread(member: MemberId, frame: Renewals | RenewalAcks) -> list[Effect]:
    """What a frame of `member` says to each election here; one that is not here is told nothing."""
    if isinstance(frame, Renewals):
        return [
            Send(_election(one.service_group, one.kind), RenewalHeard(member, one))
            for one in frame.renewals
        ]
    return [
        Send(_election(one.service_group, one.kind), RenewalAcked(member, one))
        for one in frame.acks
    ]


def _election(service_group: str, kind: str) -> str:
    return f"election/{service_group}/{kind}"


def _in_frames(items: list[T]) -> Iterator[list[T]]:
    return (items[at : at + MOST] for at in range(0, len(items), MOST))
