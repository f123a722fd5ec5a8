"""What must hold of elections: one leader at a time, one a term, one vote a voter, and one at last.

Safety is judged at every instant of true time, under whatever happens. What each promise is worth
where machines freeze, and where launcher and supervisor die together, is said by checkers of their
own (`fencing_checkers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from actors.election import timing
from actors.messages.election_events import (
    ElectorateChanged,
    ElectorateCommitted,
    ElectorateDissolved,
    ElectorateFounded,
    LeaderElected,
    LeaderFollowed,
    LeaderResumed,
    LeaseRenewed,
    OathCounted,
    VoteGiven,
)
from actors.messages.simulation import ElectionsSeen
from actors.simulation.leadership import Leadership, Lease, member_of, read_leadership
from actors.simulation.plan import Plan
from actors.simulation.story import Story

INSTANT_S: Final = 1e-6  # clocks are read in floats
BRIEF: Final = 8  # digits of a member id, as events name voters

Stamp: TypeAlias = tuple[int, int]  # of a record: the term of its maker, its number
Verdicts: TypeAlias = Iterator[str | None]


def leadership(story: Story) -> Leadership:
    """The leadership of a story, read once."""
    if story.leadership is None:
        story.leadership = read_leadership(story.events)
    return story.leadership


# ── leases ──


def one_leads_at_a_time(story: Story, plan: Plan) -> Verdicts:
    """27: no two members hold a lease of one electorate at one instant of true time.

    The lease of a machine that a hypervisor takes out of time counts until then: nothing on it
    runs, and what it does once it is back is the matter of another checker.
    """
    del plan
    found = leadership(story)
    held: dict[tuple[str, str, str], list[Lease]] = {}
    for lease in sorted(found.leases, key=lambda lease: lease.began_s):
        others = [
            other
            for other in held.setdefault(lease.place, [])
            if other.member != lease.member
            and _counted_end_s(found, other) > lease.began_s + INSTANT_S
        ]
        held[lease.place].append(lease)
        yield _both(found, others[0], lease) if others else None


def _counted_end_s(found: Leadership, lease: Lease) -> float:
    clock = found.clocks[lease.machine]
    return min(lease.ended_s, clock.stood_still_s(lease.began_s, lease.ended_s))


def _both(found: Leadership, held: Lease, lease: Lease) -> str:
    until_s = _counted_end_s(found, held)
    return (
        f"{lease.service_group} ({lease.kind}): {lease.member[:8]} leads in term {lease.term} from "
        f"{lease.began_s:.3f} s on, and {held.member[:8]} in term {held.term} until {until_s:.3f} s"
    )


def leases_count_from_the_sending(story: Story, plan: Plan) -> Verdicts:
    """30: a lease ends a lease time after a round was sent, which was before its acks came."""
    del plan
    found = leadership(story)
    for logged, renewed in found.said(LeaseRenewed):
        sent_s = found.clocks[logged.machine].true_s(renewed.sent_s)
        longest_s = renewed.sent_s + timing.LEASE_S
        fine = sent_s <= logged.at_s + INSTANT_S and renewed.until_s <= longest_s + INSTANT_S
        text = f"sent at {renewed.sent_s:.3f} s, until {renewed.until_s:.3f} s by its own clock"
        yield None if fine else f"{logged.id}: a lease {text}"


def later_leaders_have_greater_terms(story: Story, plan: Plan) -> Verdicts:
    """A lease that begins later is of the same term by the same member, or of a greater one."""
    del plan
    last: dict[tuple[str, str, str], Lease] = {}
    for lease in sorted(leadership(story).leases, key=lambda lease: lease.began_s):
        before = last.setdefault(lease.place, lease)
        if lease.term > before.term:
            last[lease.place] = lease
        fine = lease.term > before.term or (lease.term, lease.member) == (
            before.term,
            before.member,
        )
        text = f"{lease.service_group} ({lease.kind}) at {lease.began_s:.3f} s"
        yield None if fine else f"{text}: term {lease.term} after {before.term}"


# ── terms and votes ──


def one_leader_a_term(story: Story, plan: Plan) -> Verdicts:
    """27: whoever says who leads in a term says the same: the elected, and all that follow."""
    del plan
    leaders: dict[tuple[str, str, str, int], str] = {}
    for logged in story.events:
        event = logged.event
        match event:
            case (
                LeaderElected(leader=leader)
                | LeaderResumed(leader=leader)
                | LeaderFollowed(leader=leader)
            ):
                pass
            case LeaseRenewed():
                leader = member_of(logged)
            case _:
                continue
        place = event.service_group, event.kind, event.electorate, event.term
        known = leaders.setdefault(place, leader)
        text = f"{event.service_group} ({event.kind}) in term {event.term}"
        yield None if known == leader else f"{text}: {known[:8]} leads, and {leader[:8]}"


def who_is_followed_was_elected(story: Story, plan: Plan) -> Verdicts:
    """A member that leads or is followed in a term was elected in it before.

    Or says that it was: its actor may have died between the disk and the log.
    """
    del plan
    elected: set[tuple[str, str, str, int, str]] = set()
    for logged in story.events:
        event = logged.event
        match event:
            case LeaderElected(leader=leader) | LeaderResumed(leader=leader):
                elected.add((*_place(event), event.term, leader))
            case LeaderFollowed(leader=leader):
                fine = (*_place(event), event.term, leader) in elected
                text = f"{logged.id}: {leader[:8]} is followed in term {event.term}"
                yield None if fine else f"{text}, which it has not won"
            case LeaseRenewed():
                fine = (*_place(event), event.term, member_of(logged)) in elected
                yield None if fine else f"{logged.id}: a lease in term {event.term}, never won"
            case _:
                pass


def _place(
    event: LeaderElected | LeaderResumed | LeaderFollowed | LeaseRenewed,
) -> tuple[str, str, str]:
    return event.service_group, event.kind, event.electorate


def no_vote_is_forgotten(story: Story, plan: Plan) -> Verdicts:
    """A voter votes once a term, and in terms that grow, over all its lives and torn writes."""
    del plan
    given: dict[tuple[str, str, str], tuple[int, str]] = {}
    for logged, vote in leadership(story).said(VoteGiven):
        voter = vote.service_group, vote.kind, f"{member_of(logged)}:{vote.voter}"
        term, candidate = given.get(voter, (-1, ""))
        given[voter] = vote.term, vote.candidate
        fine = vote.term > term or (vote.term, vote.candidate) == (term, candidate)
        before = f"after {candidate[:8]} in term {term}"
        text = f"{logged.id}: votes for {vote.candidate[:8]} in term {vote.term}"
        yield None if fine else f"{text} {before}"


def majorities_elect(story: Story, plan: Plan) -> Verdicts:
    """Who is elected has the votes of a majority of some record that is not behind the committed.

    Votes are those that voters say they gave; members sworn to be gone are not counted. Who says
    that it was elected in an earlier life needs them just the same, of whatever record was then.
    """
    del plan
    votes: dict[tuple[str, str, str, int, str], set[str]] = {}
    records: dict[str, list[tuple[tuple[int, int], frozenset[str]]]] = {}
    committed: dict[str, tuple[int, int]] = {}
    sworn: dict[tuple[str, str], set[str]] = {}
    won: set[tuple[str, str, str, int, str]] = set()
    for logged in story.events:
        event = logged.event
        match event:
            case VoteGiven():
                key = event.service_group, event.kind, event.electorate, event.term, event.candidate
                votes.setdefault(key, set()).add(member_of(logged)[:BRIEF])
            case ElectorateFounded() | ElectorateChanged():
                known = records.setdefault(event.electorate, [])
                known.append((stamp_of(event), frozenset(event.voters.split(", "))))
            case ElectorateCommitted(electorate=name, term=term, version=version):
                committed[name] = max(committed.get(name, (0, 0)), (term, version))
            case OathCounted(member=member):
                sworn.setdefault((event.service_group, event.kind), set()).add(member[:BRIEF])
            case LeaderElected() | LeaderResumed():
                key = event.service_group, event.kind, event.electorate, event.term, event.leader
                if key in won:  # judged by the records of that time
                    continue
                won.add(key)
                gone = sworn.get((event.service_group, event.kind), set())
                newest = committed.get(event.electorate, (0, 0))
                if isinstance(event, LeaderResumed):
                    newest = (0, 0)
                known = records.get(event.electorate, [])
                last = max((stamp for stamp, _ in known), default=newest)
                # Who dies between a record and its event leaves one that nobody has told of.
                sets = {names - gone for stamp, names in known if stamp >= min(newest, last)}
                got = votes.get(key, set())
                fine = any(2 * len(got & names) > len(names) for names in sets)
                text = f"{logged.id}: {event.leader[:8]} is elected in term {event.term}"
                yield None if fine else f"{text} by {', '.join(sorted(got)) or 'nobody'}"
            case _:
                pass


# ── electorates ──


def stamp_of(event: ElectorateFounded | ElectorateChanged | ElectorateCommitted) -> Stamp:
    """The stamp of the record that an event is about."""
    return (0, 1) if isinstance(event, ElectorateFounded) else (event.term, event.version)


def electorates_change_one_by_one(story: Story, plan: Plan) -> Verdicts:
    """A stamp names one record; committed records grow, by one voter each.

    In the order of their stamps: a leader that stood still learns late what a majority had stored
    when it still led, and says so after another has gone on from there.
    """
    del plan
    records: dict[tuple[str, Stamp], frozenset[str]] = {}
    done: dict[str, dict[Stamp, frozenset[str]]] = {}
    for logged in story.events:
        event = logged.event
        match event:
            case ElectorateFounded() | ElectorateChanged():
                names = frozenset(event.voters.split(", "))
                known = records.setdefault((event.electorate, stamp_of(event)), names)
                if isinstance(event, ElectorateFounded):
                    done.setdefault(event.electorate, {(0, 1): names})
                yield None if known == names else f"{logged.id}: another record of that stamp"
            case ElectorateCommitted(electorate=name):
                stamp, chain = stamp_of(event), done.setdefault(name, {})
                voters = records.get((name, stamp)) or chain.get(max(chain, default=stamp))
                beside = _not_beside(chain, stamp, voters or frozenset())
                chain[stamp] = voters or frozenset()
                text = f"{logged.id}: record {stamp} is committed, and {beside}"
                yield text if beside else None
            case _:
                pass


def _not_beside(
    chain: dict[Stamp, frozenset[str]], stamp: Stamp, voters: frozenset[str]
) -> Stamp | None:
    """The committed record next to that of `stamp` which cannot be: made beside it, or too far."""
    older = max((one for one in chain if one < stamp), default=None)
    newer = min((one for one in chain if one > stamp), default=None)
    # Each record counts one up from that it was made of, whoever makes it.
    if older is not None and (older[1] >= stamp[1] or len(chain[older] ^ voters) > 1):
        return older
    if newer is not None and (newer[1] <= stamp[1] or len(chain[newer] ^ voters) > 1):
        return newer
    return None


def one_electorate_is_left(story: Story, plan: Plan) -> Verdicts:
    """At the end a group has one electorate, of those founded the earliest, however many met."""
    del plan
    if "end" not in story.phases:
        return
    founded: dict[str, dict[str, int]] = {}
    for logged in story.events:
        event = logged.event
        if isinstance(event, ElectorateFounded):
            founded.setdefault(event.service_group, {})[event.electorate] = event.founded
        elif isinstance(event, ElectorateDissolved):
            kept = founded.get(event.service_group, {}).get(event.into, -1)
            own = founded.get(event.service_group, {}).get(event.electorate, -1)
            text = f"{logged.id}: {event.electorate} is dissolved into {event.into}"
            yield None if kept <= own else f"{text}, which was founded later"
    last = last_seen(story)
    names: dict[str, set[str]] = {}  # by group and kind: each kind keeps a record of its own
    for seen in last.values():
        for key, view in seen.elections.items():
            if key.rpartition("/")[0] in founded and view[3]:
                names.setdefault(key, set()).add(view[3])
    for key, found in names.items():
        yield None if len(found) <= 1 else f"{key} has electorates {sorted(found)} at the end"


def last_seen(story: Story) -> dict[int, ElectionsSeen]:
    """What was last seen of the elections at each machine whose supervisor is up at the end."""
    up = {life.machine for life in story.up_at_end()}
    seen = (logged.event for logged in story.events)
    return {s.machine: s for s in seen if isinstance(s, ElectionsSeen) and s.machine in up}


CHECKERS: Final = (
    one_leads_at_a_time,
    leases_count_from_the_sending,
    later_leaders_have_greater_terms,
    one_leader_a_term,
    who_is_followed_was_elected,
    no_vote_is_forgotten,
    majorities_elect,
    electorates_change_one_by_one,
    one_electorate_is_left,
)
