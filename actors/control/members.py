"""A member named by the beginning of its id: which one is meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actors.messages.base import MemberId, is_member_id

SHOWN = 5  # candidates named when a beginning fits several


@dataclass(frozen=True, slots=True)
class Unresolved:
    """No one member is meant; `text` says why, for a person."""

    text: str
    code: str


def resolve(prefix: str, me: MemberId, members: Iterable[MemberId]) -> MemberId | Unresolved:
    """The only member whose id begins with `prefix`; whole ids must be known too."""
    known = {me, *members}
    if prefix in known:
        return prefix
    fits = sorted(member for member in known if prefix and member.startswith(prefix))
    match fits:
        case [member]:
            return member
        case []:
            what = "id" if is_member_id(prefix) else "id beginning with"
            text = f"no member of the ring has the {what} {prefix}; `hab ring members` shows them"
            return Unresolved(text, "no-member")
        case _:
            shown = ", ".join(member[:12] for member in fits[:SHOWN])
            text = (
                f"{prefix} is the beginning of {len(fits)} members' ids: {shown}; give more of it"
            )
            return Unresolved(text, "ambiguous-member")
