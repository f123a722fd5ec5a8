"""A member named by its name or the beginning of its id: which one is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from actors.messages.base import MemberId, is_member_id

SHOWN = 5  # candidates named when a word fits several


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No one member is meant; `text` says why, for a person."""

    text: str
    code: str


def fitting(
    wanted: str, me: MemberId, members: Iterable[MemberId], names: Mapping[MemberId, str]
) -> list[MemberId]:
    """The members that `wanted` may mean: by whole id, or by name and beginning of an id."""
    known = {me, *members}
    if wanted in known:
        return [wanted]
    return sorted(
        member
        for member in known
        if wanted and (member.startswith(wanted) or names.get(member) == wanted)
    )


def resolve(
    wanted: str,
    me: MemberId,
    members: Iterable[MemberId],
    names: Mapping[MemberId, str] | None = None,
) -> MemberId | Unresolved:
    """The only member of that name, or whose id begins so; whole ids must be known too.

    A name is not proven by anything but the ring key, so one that fits another member's id as well
    is ambiguous, not stronger.
    """
    match fitting(wanted, me, members, names or {}):
        case [member]:
            return member
        case []:
            what = "the id" if is_member_id(wanted) else "the name or an id beginning with"
            text = f"no member of the ring has {what} {wanted}; `hab ring members` shows them"
            return Unresolved(text, "no-member")
        case fits:
            shown = ", ".join(member[:12] for member in fits[:SHOWN])
            text = f"{wanted} may be any of {len(fits)} members: {shown}; give (more of) the id"
            return Unresolved(text, "ambiguous-member")
