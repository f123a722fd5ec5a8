"""Each state of an election says what it waits for."""

from dataclasses import replace
from random import Random

from actors.effects import Emit
from actors.election import electorate, founding, oaths, rules
from actors.election.ballot import Ballot
from actors.election.founding import Sight
from actors.election.state import Election, Place, Waiting
from actors.election.waiting import reason, view
from actors.messages.election import ProposeElectorate, RequestVote, VoteAnswer, Voter
from actors.messages.election_events import OathCounted
from actors.messages.election_orders import ElectionDue

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
GROUP = "redis.default"
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
RECORD = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 1, A, (A, B, C)), VOTERS)


def member(record: electorate.Electorate | None = RECORD, me: str = A) -> Election:
    place = Place(me, "redis", GROUP, "topology", "a.1", 100.0)
    return Election(place, Ballot(f"v{me[0]}", record=record), Waiting(104.6))


def asking() -> Election:
    state, _ = rules.step(member(), "", ElectionDue(), 105.0, Random(1))
    return state


def test_a_member_that_has_just_started_says_for_how_long_it_keeps_still() -> None:
    assert reason(member(), 101.0) == "has just started: neither votes nor stands for 3.6 s more"


def test_a_candidate_says_who_has_not_answered_and_who_refuses_why() -> None:
    state = asking()
    assert reason(state, 105.0) == (
        "asks who would vote for it: 1 of 3 votes, quorum needs 2; "
        "waiting for bbbbbbbb (never heard), cccccccc (never heard)"
    )
    told = VoteAnswer("e1", "vb", 1, granted=False, reason="start-wait", round="a.1:1", wait_s=2.0)
    state, _ = rules.step(state, B, told, 105.1, Random(1))
    assert reason(state, 105.1) == (
        "asks who would vote for it: 1 of 3 votes, quorum needs 2; bbbbbbbb has just started; "
        "waiting for cccccccc (never heard)"
    )
    seats = {seat.member: seat.refusal for seat in view(state, 105.1).seats}
    assert seats == {A: "", B: "start-wait", C: ""}


def test_a_leader_with_a_lease_and_its_follower_wait_for_nothing() -> None:
    one = electorate.founded(ProposeElectorate(GROUP, "e2", "topology", 1, A, (A,)), VOTERS[:1])
    state, _ = rules.step(member(one), "", ElectionDue(), 105.0, Random(1))
    shown = view(state, 105.0)
    assert (shown.role, shown.leader, shown.term, shown.lease_s) == ("leader", A, 1, 4.0)
    assert shown.reason == ""
    assert (shown.heard, shown.needed) == (1, 1)


def test_a_founder_names_who_has_not_accepted_and_the_others_whom_they_wait_for() -> None:
    state, _ = founding.propose(member(None), "e9", [A, B, C], 7, 105.0)
    assert reason(state, 105.0) == (
        "founds its electorate: 1 of 3 have accepted; waiting for bbbbbbbb, cccccccc"
    )
    assert state.ballot.open is not None
    bound, _ = founding.hear_proposal(member(None, B), A, state.ballot.open, 105.0)
    assert reason(bound, 105.0) == (
        "has accepted the electorate proposed by aaaaaaaa, waits for its word"
    )


def test_a_founding_waits_for_seeds_peers_members_and_the_smallest_id() -> None:
    ready = Sight(seeds=2, seeds_joined=2, unsynced=(), candidates=(A, B, C), expect=3)
    assert founding.waits_for(A, ready) == ""
    assert founding.waits_for(B, ready) == "waiting for aaaaaaaa (the smallest id) to found"
    two = replace(ready, candidates=(A, B))
    assert founding.waits_for(A, two) == "2 of 3 members seen (--bootstrap-expect 3)"
    behind = replace(ready, unsynced=(C,))
    assert founding.waits_for(A, behind) == "waiting to synchronise with permanent peer(s) cccccccc"
    assert "majority of the peers" in founding.waits_for(A, replace(ready, seeds_joined=1))


def test_an_oath_counts_one_promise_time_after_its_member_was_last_heard() -> None:
    state, _ = rules.step(member(), C, RequestVote("e1", RECORD.stamp, "vc", 1), 106.0, Random(1))
    state, events = oaths.count(state, [B, C], 107.0)
    assert events == [Emit(OathCounted(GROUP, "topology", B))]
    state, events = oaths.count(state, [B, C], 110.7)
    assert events == [Emit(OathCounted(GROUP, "topology", C))]
    state, _ = rules.step(state, "", ElectionDue(), 120.0, Random(1))
    assert view(state, 120.0).role == "leader"  # the only one of three that is left
