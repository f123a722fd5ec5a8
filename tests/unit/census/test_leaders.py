"""Who leads a group, folded from what leaders and electorates tell of themselves."""

from __future__ import annotations

from itertools import permutations

from actors.census.leaders import elections
from actors.messages.election import Electorate, Leadership, Stamp, Voter
from actors.messages.ring import GroupElection, MemberHealth, Rumor, RumorBody
from actors.messages.rollout import RolloutStanding

A, B, C = "a" * 32, "b" * 32, "c" * 32
GROUP = "db.default"
ALL: dict[str, MemberHealth] = {A: "alive", B: "alive", C: "suspect"}


def record(*, number: str = "e1", founded: int = 1, version: int = 1, into: str = "") -> Electorate:
    voters = tuple(Voter(member, member[:1]) for member in (A, B, C))
    stamp = Stamp(1, version)
    return Electorate(
        GROUP, number, "topology", founded, A, stamp, voters, committed=True, dissolved_into=into
    )


def rumor(body: RumorBody, owner: str = A) -> Rumor:
    match body:
        case Electorate():
            return Rumor("electorate", f"{GROUP}/{body.id}", owner, 1, 1, body)
        case _:
            return Rumor("leader", f"{GROUP}/topology/{owner}", owner, 1, 1, body)


def led(leader: str, term: int, electorate: str = "e1", owner: str = "") -> Rumor:
    return rumor(Leadership(GROUP, "topology", electorate, term, leader), owner or leader)


def topology(rumors: list[Rumor], healths: dict[str, MemberHealth] = ALL) -> GroupElection:
    found = {elections(order, healths)[GROUP].topology for order in permutations(rumors)}
    assert len(found) == 1, "the order of rumors matters"
    return found.pop()


def test_the_leader_of_the_greatest_term_leads() -> None:
    told = [rumor(record()), led(A, 3), led(B, 4)]
    assert topology(told) == GroupElection("finished", B, 4)


def test_a_dead_leader_leads_nobody_and_an_older_one_not_again() -> None:
    told = [rumor(record()), led(A, 3), led(B, 4)]
    assert topology(told, {A: "alive", C: "alive"}) == GroupElection("running")
    assert topology(told, {A: "alive"}) == GroupElection("no_quorum")


def test_nobody_tells_that_another_leads() -> None:
    assert topology([rumor(record()), led(A, 3, owner=C)]) == GroupElection("running")


def test_a_rollout_stands_where_the_last_conductor_has_told_in_any_order() -> None:
    def told(owner: str, epoch: int, term: int, step: int, group: str = GROUP) -> Rumor:
        body = RolloutStanding(GROUP, epoch, term, step, "core/web/2", "rolling")
        return Rumor("rollout", group, owner, 1, 1, body)

    rumors = [rumor(record()), told(A, 2, 4, 9), told(B, 2, 5, 1), told(C, 9, 9, 9, "x.default")]
    found = {elections(order, ALL)[GROUP].rollout for order in permutations(rumors)}
    assert [one and one.place for one in found] == [(2, 5, 1)]


def test_of_two_electorates_the_earlier_founded_counts() -> None:
    later = record(number="e0", founded=2)
    told = [rumor(record()), rumor(later, B), led(B, 9, "e0"), led(A, 1)]
    assert topology(told) == GroupElection("finished", A, 1)
    assert elections(told, ALL)[GROUP].rivals == ("e0",)


def test_a_dissolved_electorate_has_no_leader_any_more() -> None:
    gone = record(version=2, into="e0")
    told = [rumor(gone), rumor(record(number="e0", founded=0), B), led(A, 9), led(B, 2, "e0")]
    assert topology(told) == GroupElection("finished", B, 2)


def test_the_newest_record_of_an_electorate_counts() -> None:
    (found,) = elections([rumor(record(version=4)), rumor(record(), B)], ALL).values()
    assert (found.stamp, found.needed) == (Stamp(1, 4), 2)


def test_a_group_without_an_electorate_has_no_elections() -> None:
    assert elections([led(A, 1)], ALL) == {}


def test_an_election_that_nobody_holds_is_none() -> None:
    (found,) = elections([rumor(record())], ALL).values()
    assert found.update == GroupElection()


def test_a_record_under_a_key_that_is_not_its_own_counts_for_nothing() -> None:
    wrong = Rumor("electorate", "other.default/e1", A, 1, 1, record())
    assert elections([wrong], ALL) == {}
