"""How an electorate begins: one member proposes exactly who shall vote, and all have to accept.

Who has accepted is bound, durably, until the founder says how it ended; so two proposals that share
a member are never both founded. Two sides that could not see each other can both found: of those
the earlier stays. A founder lets go of its own proposal for a founder with a smaller id, so that
proposals that block one another end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from actors.effects import Effect, Emit
from actors.election import electorate
from actors.election.ballot import Ballot, with_record
from actors.election.state import NEVER, Decision, Election, keep, tell
from actors.messages.base import MemberId
from actors.messages.election import (
    MAX_VOTERS,
    AskProposal,
    Electorate,
    ProposalAborted,
    ProposalAnswer,
    ProposalDecided,
    ProposeElectorate,
    Voter,
)
from actors.messages.election_events import (
    ElectorateFounded,
    ElectorateProposed,
    ProposalAccepted,
    ProposalDropped,
)

AGAIN_S: Final = 1.0  # between two tries to learn how a proposal stands


@dataclass(frozen=True, slots=True)
class Sight:
    """What a founder has to see. `seeds_joined` of its `seeds` have answered it.

    `unsynced`: permanent peers it sees and has not synchronised with. `candidates`: the members
    that would take part, itself included. `expect`: the greatest `--bootstrap-expect` of them.
    `wait_s`: seconds in which others may still be seen, where nobody says how many to expect.
    """

    seeds: int
    seeds_joined: int
    unsynced: tuple[MemberId, ...]
    candidates: tuple[MemberId, ...]
    expect: int
    wait_s: float = 0.0


def waits_for(me: MemberId, sight: Sight) -> str:
    """Why a member does not found its group's electorate; empty if it is the one to do it."""
    seen = len(sight.candidates)
    if sight.seeds and 2 * sight.seeds_joined <= sight.seeds:
        so_far = f"{sight.seeds_joined} of {sight.seeds} so far"
        return f"waiting to join the ring through a majority of the peers it was given ({so_far})"
    if sight.unsynced:
        names = ", ".join(peer[:8] for peer in sorted(sight.unsynced))
        return f"waiting to synchronise with permanent peer(s) {names}"
    if seen < sight.expect:
        return f"{seen} of {sight.expect} members seen (--bootstrap-expect {sight.expect})"
    if sight.wait_s > 0:
        return f"{seen} members seen; waits {sight.wait_s:.0f} s for more"
    first = min(sight.candidates)
    return "" if first == me else f"waiting for {first[:8]} (the smallest id) to found"


@dataclass(frozen=True, slots=True)
class Occasion:
    """A chance to found: what is seen, a proposal's id never used before, a hybrid clock reading.

    `forced`: an operator insists.
    """

    sight: Sight
    proposal: str
    founded: int
    forced: bool = False


def consider(state: Election, occasion: Occasion, now: float) -> Decision:
    """Found the group's electorate if nothing speaks against it, or somebody insists."""
    if state.record is not None:
        return state, []
    state = replace(state, waits=waits_for(state.place.me, occasion.sight))
    if state.waits and not occasion.forced:
        return state, []
    return propose(
        state,
        occasion.proposal,
        occasion.sight.candidates,
        occasion.founded,
        now,
        forced=occasion.forced,
    )


def propose(
    state: Election,
    proposal: str,
    members: Collection[MemberId],
    founded: int,
    now: float,
    *,
    forced: bool = False,
) -> Decision:
    """Propose an electorate under an id never used before; bound by it oneself."""
    if state.record is not None or (state.ballot.bound is not None and not forced):
        return state, []
    place = state.place
    chosen = tuple(sorted(members))[:MAX_VOTERS]
    asked = ProposeElectorate(
        place.service_group, proposal, place.kind, founded, place.me, chosen, forced
    )
    state, effects = keep(state, msgspec.structs.replace(state.ballot, open=asked, bound=asked))
    state = replace(state, founding=frozenset({state.seat}))
    names = ", ".join(member[:8] for member in chosen)
    effects.append(Emit(ElectorateProposed(place.service_group, proposal, names, forced)))
    state, more = again(state, now)
    return state, [*effects, *more]


def again(state: Election, now: float) -> Decision:
    """Ask those that have not accepted; or ask the founder how it ended."""
    mine, bound = state.ballot.open, state.ballot.bound
    if state.record is not None or (mine is None and bound is None):
        return replace(state, founding_again_s=NEVER), []
    state = replace(state, founding_again_s=now + AGAIN_S)
    if mine is not None:
        accepted = {voter.member for voter in state.founding}
        if accepted >= set(mine.members):
            return _decide(state, mine)
        waiting = [member for member in mine.members if member not in accepted]
        return state, [tell(state, m, mine) for m in waiting if m != state.place.me]
    assert bound is not None
    return state, [tell(state, bound.founder, AskProposal(bound.id, state.ballot.voter))]


def hear_proposal(
    state: Election, founder: MemberId, proposal: ProposeElectorate, now: float
) -> Decision:
    """Accept a proposal, durably, if nothing else binds."""
    if founder != proposal.founder or state.place.me not in proposal.members:
        return state, []
    mine = state.ballot.open
    effects: list[Effect] = []
    if mine is not None and mine.id != proposal.id and (founder < state.place.me):
        state, effects = abort(state, f"{founder[:8]} founds")
    bound = state.ballot.bound
    if state.record is not None:
        answer = ProposalAnswer(
            proposal.id,
            state.ballot.voter,
            accepted=state.record.id == proposal.id,
            reason="" if state.record.id == proposal.id else "other-electorate",
            term=state.ballot.term,
            record=state.record,
        )
        return state, [*effects, tell(state, founder, answer)]
    if bound is not None and bound.id != proposal.id and not proposal.forced:
        busy = ProposalAnswer(
            proposal.id, state.ballot.voter, accepted=False, reason="busy", other=bound.founder
        )
        return state, [*effects, tell(state, founder, busy)]
    state, kept = keep(state, msgspec.structs.replace(state.ballot, bound=proposal, open=None))
    accepted = ProposalAccepted(state.place.service_group, proposal.id, founder)
    news = bound is None or bound.id != proposal.id
    effects += [*kept, *([Emit(accepted)] if news else [])]
    answer = ProposalAnswer(proposal.id, state.ballot.voter, accepted=True, term=state.ballot.term)
    state = replace(state, founding_again_s=now + AGAIN_S)
    return state, [*effects, tell(state, founder, answer)]


def hear_answer(state: Election, member: MemberId, answer: ProposalAnswer) -> Decision:
    """Count who has accepted; decide when all have."""
    mine = state.ballot.open
    if mine is None or mine.id != answer.id or member not in mine.members:
        return state, []
    if answer.accepted:
        accepted = {v for v in state.founding if v.member != member}
        accepted.add(Voter(member, answer.voter))
        state = replace(state, founding=frozenset(accepted))
        everybody = {voter.member for voter in accepted} >= set(mine.members)
        return _decide(state, mine) if everybody else (state, [])
    if answer.record is not None:
        return abort(state, f"{member[:8]} is in an electorate already")
    if answer.other and answer.other < state.place.me:
        return abort(state, f"{member[:8]} has accepted {answer.other[:8]}")
    return state, []


def _decide(state: Election, mine: ProposeElectorate) -> Decision:
    record = electorate.founded(mine, state.founding)
    state, effects = _adopt(state, record, mine)
    decided = ProposalDecided(record)
    others = [member for member in mine.members if member != state.place.me]
    return state, [*effects, *(tell(state, member, decided) for member in others)]


def _adopt(state: Election, record: Electorate, proposal: ProposeElectorate) -> Decision:
    """Take an electorate on. Who fell behind may get a record that leaders have changed since."""
    ballot = msgspec.structs.replace(with_record(state.ballot, record), bound=None, open=None)
    state, effects = keep(state, ballot)
    voters = ", ".join(member[:8] for member in proposal.members)  # those it was founded with
    event = ElectorateFounded(record.service_group, record.id, record.founded, voters)
    state = replace(state, founding=frozenset(), founding_again_s=NEVER)
    return state, [*effects, Emit(event)]


def abort(state: Election, reason: str) -> Decision:
    """Drop one's own proposal, durably, before anybody is told."""
    mine = state.ballot.open
    if mine is None:
        return state, []
    state, effects = keep(state, _unbound(state.ballot, mine.id))
    state = replace(state, founding=frozenset())
    effects.append(Emit(ProposalDropped(state.place.service_group, mine.id, reason)))
    dropped = ProposalAborted(mine.id)
    others = [member for member in mine.members if member != state.place.me]
    return state, [*effects, *(tell(state, member, dropped) for member in others)]


def _unbound(ballot: Ballot, proposal: str) -> Ballot:
    bound = None if ballot.bound is not None and ballot.bound.id == proposal else ballot.bound
    return msgspec.structs.replace(ballot, bound=bound, open=None)


def hear_question(state: Election, member: MemberId, question: AskProposal) -> Decision:
    """Say how one's proposal ended. One that is neither open nor founded was dropped."""
    record, mine = state.record, state.ballot.open
    if record is not None and record.id == question.id:
        # A member that fell behind gets the first record by its name, the newest by its content.
        return state, [tell(state, member, ProposalDecided(record))]
    if mine is not None and mine.id == question.id:
        return state, []
    return state, [tell(state, member, ProposalAborted(question.id))]


def hear_aborted(state: Election, founder: MemberId, dropped: ProposalAborted) -> Decision:
    """Let go of a proposal that its founder has dropped."""
    bound = state.ballot.bound
    if bound is None or bound.id != dropped.id or bound.founder != founder:
        return state, []
    if founder == state.place.me:
        return state, []
    state, effects = keep(state, _unbound(state.ballot, dropped.id))
    event = ProposalDropped(state.place.service_group, dropped.id, "its founder dropped it")
    return replace(state, founding_again_s=NEVER), [*effects, Emit(event)]


def hear_decided(state: Election, decided: ProposalDecided) -> Decision:
    """Take the electorate that one has accepted."""
    bound, record = state.ballot.bound, decided.record
    if state.record is not None or bound is None or bound.id != record.id:
        return state, []
    if electorate.seat_of(record, state.place.me) is None:
        return state, []
    return _adopt(state, record, bound)
