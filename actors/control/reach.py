"""Which members are there: open requests to one that is lost are answered, not left to time out.

A relayed request is answered by the other member itself. If that member is confirmed dead, leaves,
or comes back as another process, what it was doing for us is lost, and nobody else would say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actors.messages.base import MemberId
from actors.messages.control import ReachableMember
from actors.messages.ring import MemberView


def reachable(views: Iterable[MemberView]) -> tuple[ReachableMember, ...]:
    """The members one may ask now, by id."""
    here = (
        ReachableMember(view.member.id, view.member.name, view.member.epoch)
        for view in views
        if view.health in ("alive", "suspect") and not view.member.left
    )
    return tuple(sorted(here, key=lambda member: member.id))


@dataclass(frozen=True, slots=True)
class LostMember:
    """A member whose open requests will not be answered; `text` says why, for a person."""

    id: MemberId
    name: str
    text: str

    def is_meant_by(self, wanted: str) -> bool:
        """Whether a request to `wanted` (an id, its beginning, or a name) went to this member."""
        return bool(wanted) and (self.id.startswith(wanted) or self.name == wanted)


class Reach:
    """The members as last heard of."""

    def __init__(self) -> None:
        self._members: dict[MemberId, ReachableMember] = {}

    def take(self, members: Iterable[ReachableMember]) -> list[LostMember]:
        """The members as they are now; those lost since the last time."""
        before, self._members = self._members, {member.id: member for member in members}
        return [
            LostMember(member.id, member.name, _reason(member, self._members.get(member.id)))
            for member in before.values()
            if (now := self._members.get(member.id)) is None or now.epoch != member.epoch
        ]


def _reason(member: ReachableMember, now: ReachableMember | None) -> str:
    how = "is out of reach" if now is None else "was started anew"
    return f"member {member.id[:8]} {how}; the call may have been executed"
