"""What an operator orders of an election: to step down, to found; and what is answered."""

from __future__ import annotations

from actors.election import electorate
from actors.election.state import Election, Leading
from actors.messages.base import MemberId, Message
from actors.messages.election import Electorate
from actors.messages.runtime import CallFailed, Ok

REFUSED = 8  # the exit code of a refusal by a safety guard


def not_leading(state: Election, to: MemberId, now: float) -> CallFailed | None:
    """Why this member cannot be told to step down (for `to`, if given); None if it can."""
    group, kind = state.names
    phase = state.phase
    if not isinstance(phase, Leading) or now >= phase.until_s:
        role, term, leader = state.told
        who = f"{leader} does, in term {term}" if role == "follower" else "nobody it knows of does"
        text = f"{state.place.me} does not lead {group} ({kind}); {who}"
        return CallFailed("Refused", text, "not-leader")
    if to and (to == state.place.me or electorate.seat_of(state.record, to) is None):
        text = f"{to} is no other voter of {group}; `hab election show {group}` lists them"
        return CallFailed("Refused", text, "no-successor", exit_code=REFUSED)
    return None


def outcome(state: Election, term: int, to: MemberId) -> Message | None:
    """The answer to who ordered the leader of `term` to step down; None while it is not decided.

    `to`: who got the term, as far as is known.
    """
    phase = state.phase
    group = state.place.service_group
    if not isinstance(phase, Leading) or phase.term != term:
        handed = f"; handed to {to}" if to else "; nobody was ready to take over"
        return Ok(f"leads {group} no more in term {term}{handed}")
    if phase.ending is not None or phase.handing is not None:
        return None
    text = f"no voter of {group} is ready to lead after it; it leads on in term {term}"
    return CallFailed("Refused", text, "no-successor", exit_code=REFUSED)


def known(state: Election, record: Electorate) -> CallFailed:
    """The refusal to found a second electorate."""
    group = state.place.service_group
    names = ", ".join(voter.member for voter in record.voters)
    text = (
        f"electorate {record.id} of {group} is there already, with voters {names}; a seat is asked "
        "for. Depart voters that are gone for good (`hab sup depart`)"
    )
    return CallFailed("Refused", text, "exists", exit_code=REFUSED)


def founded(state: Election) -> Message:
    """The answer to who wanted the electorate founded."""
    group, record, mine = state.place.service_group, state.record, state.ballot.open
    if record is not None:
        names = ", ".join(voter.member for voter in record.voters)
        return Ok(f"electorate {record.id} of {group} is founded: {names}")
    if mine is not None:
        names = ", ".join(mine.members)
        return Ok(f"electorate {mine.id} of {group} is proposed; founded once all accept: {names}")
    bound = state.ballot.bound
    if bound is not None:
        text = (
            f"it has accepted the electorate of {group} that {bound.founder} proposed, and waits "
            "for its word; --force lets go of that"
        )
        return CallFailed("Refused", text, "bound", exit_code=REFUSED)
    text = f"{group}: {state.waits}; --force founds it all the same"
    return CallFailed("Refused", text, "waits", exit_code=REFUSED)
