"""What an election waits for, in one sentence; and the election as operators are shown it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from actors.election import electorate, timing
from actors.election.state import (
    Asking,
    Election,
    Leading,
    Preparing,
    Standing,
    Waiting,
)
from actors.messages.base import MemberId
from actors.messages.election import Electorate, Refusal, Voter
from actors.messages.election_orders import ElectionView, SeatView

_REFUSALS: dict[Refusal, str] = {
    "promise": "still follows a leader",
    "start-wait": "has just started",
    "stale-stamp": "knows a newer electorate",
    "stale-term": "has seen a later term",
    "voted": "voted for another",
    "suitability": "is fitter itself, or cannot say",
    "reading": "reads its suitability",
    "other-electorate": "belongs to another electorate",
    "no-votes": "has lost its votes",
    "no-seat": "is no voter",
    "busy": "leads itself",
}


def reason(state: Election, now: float) -> str:
    """What is waited for; empty for a leader with a lease, and for a follower of one."""
    record, phase = state.record, state.phase
    if record is None:
        return _founding(state)
    if not state.is_voter:
        return "no seat in the electorate yet; the leader is asked for one"
    match phase:
        case Asking(granted=granted, refused=refused):
            return f"asks who would vote for it: {_votes(state, record, granted, refused, now)}"
        case Standing(granted=granted, refused=refused):
            return _votes(state, record, granted, refused, now)
        case Preparing(term=term):
            return f"reads its suitability before it stands in term {term}"
        case Leading():
            return _leader(record, phase, now)
        case Waiting():
            return _idle(state, record, phase, now)


def view(state: Election, now: float) -> ElectionView:
    """The election as this member sees it."""
    record, phase = state.record, state.phase
    role, led_in, leader = state.told
    heard, lease_s = 0, 0.0
    match phase:
        case Asking(granted=granted) | Standing(granted=granted):
            heard = len(granted)
        case Leading(until_s=until_s):
            heard, lease_s = len(_acked(phase)), max(0.0, until_s - now)
        case _ if state.promise is not None:
            lease_s = max(0.0, state.promise.until_s - now)
        case _:
            pass
    shown = ElectionView(
        *state.names,
        role,
        type(phase).__name__.lower(),
        state.ballot.term if role == "none" else led_in,
        leader,
        lease_s,
        heard=heard,
        reason=reason(state, now),
    )
    if record is None:
        known = state.seen.id if state.seen is not None else ""
        return replace(shown, electorate=known)
    return replace(
        shown,
        needed=electorate.needed(record.voters, state.gone),
        electorate=record.id,
        keeper=record.keeper,
        stamp=record.stamp,
        committed=record.committed,
        founded=record.founded,
        founder=record.founder,
        dissolved_into=record.dissolved_into,
        rival=state.rival.id if state.rival is not None else "",
        seats=tuple(_seat(state, record, voter, now) for voter in electorate.electors(record)),
    )


def _seat(state: Election, record: Electorate, voter: Voter, now: float) -> SeatView:
    phase, heard_s = state.phase, state.heard.get(voter.member)
    refused: Refusal = ""
    if isinstance(phase, Asking | Standing):
        refused = phase.refused.get(voter.member, "")
    acked_s = -1.0
    if isinstance(phase, Leading):
        acks = [one.sent_s for one in phase.rounds.values() if voter in one.acked]
        acked_s = now - max(acks) if acks else -1.0
    wish = state.wants.get(voter.member)
    return SeatView(
        voter.member,
        voter.id,
        -1.0 if heard_s is None else now - heard_s,
        acked_s,
        refused,
        sworn_gone=voter.member in state.gone,
        new=not record.committed and voter not in record.previous,
        leaving=wish is not None and wish.leave,
    )


def _acked(leading: Leading) -> frozenset[Voter]:
    """Who acked the round that the present lease is from."""
    found = (one.acked for one in leading.rounds.values() if one.sent_s == leading.renewed_s)
    return next(found, frozenset())


def _votes(
    state: Election,
    record: Electorate,
    granted: frozenset[Voter],
    refused: Mapping[MemberId, Refusal],
    now: float,
) -> str:
    """As in: 2 of 5 votes, quorum needs 3; b7… has just started; waiting for c1… since 4 s."""
    seats = electorate.electors(record)
    got, needed = len(granted.intersection(seats)), electorate.needed(record.voters, state.gone)
    parts = [f"{got} of {len(seats)} votes, quorum needs {needed}"]
    silent = []
    for voter in seats:
        if voter in granted or voter.member in state.gone:
            continue
        if why := refused.get(voter.member):
            parts.append(f"{voter.member[:8]} {_REFUSALS[why]}")
        else:
            silent.append(f"{voter.member[:8]} ({_silence(state, voter.member, now)})")
    if silent:
        parts.append(f"waiting for {', '.join(silent)}")
    return "; ".join(parts)


def _silence(state: Election, member: MemberId, now: float) -> str:
    heard_s = state.heard.get(member)
    return "never heard" if heard_s is None else f"heard {now - heard_s:.0f} s ago"


def _unwilling(state: Election) -> str:
    """What a voter whose service would not lead waits for; it may be what the others wait for."""
    read_in, offers, _ = state.suitability
    ballot = state.ballot
    voted = ballot.voted_for not in ("", state.place.me)
    if not state.hook or not read_in or read_in != ballot.term or voted:
        return "waits for another member to stand"
    if offers < 0:
        return f"it could not say how fit it is in term {read_in}, so it voted for nobody"
    return (
        f"it votes for nobody less fit than it is (term {read_in}): start its service, or unload "
        "it, or have this member depart"
    )


def _founding(state: Election) -> str:
    mine, bound = state.ballot.open, state.ballot.bound
    if mine is not None:
        accepted = {voter.member for voter in state.founding}
        missing = ", ".join(one[:8] for one in mine.members if one not in accepted)
        return (
            f"founds its electorate: {len(accepted)} of {len(mine.members)} have accepted; "
            f"waiting for {missing}"
        )
    if bound is not None:
        return f"has accepted the electorate proposed by {bound.founder[:8]}, waits for its word"
    if state.seen is not None:
        return "no seat in the electorate yet; the leader is asked for one"
    return state.waits or "no electorate is founded yet"


def _leader(record: Electorate, leading: Leading, now: float) -> str:
    if leading.ending is not None:
        return f"stops to lead: {leading.ending.reason}"
    if now >= leading.until_s:
        return f"won term {leading.term}; waits for a quorum to ack its first round"
    if leading.handing is not None:
        return f"looks for a successor: {leading.handing.reason}"
    if not record.committed:
        stored = len(leading.stored.intersection(electorate.electors(record)))
        return (
            f"commits electorate {record.stamp.term}.{record.stamp.version}: on the disks of "
            f"{stored} of {len(electorate.electors(record))} voters"
        )
    return ""


def _idle(state: Election, record: Electorate, phase: Waiting, now: float) -> str:
    free_s = timing.waits_until_s(state.place.began_s)
    if now < free_s:
        return f"has just started: neither votes nor stands for {free_s - now:.1f} s more"
    if state.promise is not None and now < state.promise.until_s:
        return ""
    if not state.stands:
        return f"its service would not lead; {_unwilling(state)}"
    soon = f"in {max(0.0, phase.due_s - now):.1f} s"
    tried = state.tried
    if tried is None:
        return f"hears no leader; asks for votes {soon}"
    return f"{_votes(state, record, tried.granted, tried.refused, now)}; asks again {soon}"
