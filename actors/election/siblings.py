"""The two elections of one member in one group: who leads the service conducts no update of it.

While there is another member, `update` gives way: it neither stands nor leads where `topology`
stands or leads, and `topology` stands only once `update` has let go. Each tells the other what it
claims, at each change and again with each look.
"""

from __future__ import annotations

from dataclasses import replace

from actors.election import electorate
from actors.election.state import Election, Waiting
from actors.messages.election import ElectionKind


def other(kind: ElectionKind) -> ElectionKind:
    """The other kind."""
    return "update" if kind == "topology" else "topology"


def claims(state: Election) -> bool:
    """Whether it leads or may soon lead, or (`topology`) would if its sibling let go."""
    return not isinstance(state.phase, Waiting) or state.hindered


def hinders(state: Election) -> bool:
    """Whether the sibling's claim is in the way."""
    record, me = state.record, state.place.me
    if record is None or not state.sibling:
        return False
    return any(voter.member != me for voter in electorate.electors(record))


def may_lead(state: Election) -> bool:
    """Whether it would lead if it were elected; `topology` makes its sibling let go first."""
    return state.stands and not (state.place.kind == "update" and hinders(state))


def wait(state: Election) -> Election:
    """It would stand; its sibling hears of it, and lets go."""
    return replace(state, hindered=True)
