"""What must hold of suitability: read once a term, no voter elects whom it outdoes, or unread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from actors.election import timing
from actors.messages.election_events import LeaderElected, VoteGiven
from actors.messages.runtime import ActorStarted
from actors.messages.service import SuitabilityMeasured
from actors.messages.simulation import FaultBegan, MachineStarted
from actors.simulation.leader_checkers import Verdicts
from actors.simulation.leadership import member_of
from actors.simulation.plan import Plan
from actors.simulation.roles import GROUP
from actors.simulation.story import Story, Trouble

HASTE_S: Final = timing.READING_S  # a value read no longer ago than that was read for this vote
SLOWS: Final = ("pause", "freeze", "disk", "launcher")  # a hook may come too late, or not run

Measured: TypeAlias = tuple[float, int, int]  # when, what it offers, and what it needs
Known: TypeAlias = dict[tuple[str, str, int], Measured]  # by group, member and term


def the_fittest_leads(story: Story, plan: Plan) -> Verdicts:
    """33: no voter has elected a member that offers less than the voter needs.

    Of equal ones the greater id wins, unless it would not lead or the other was handed the term,
    which a log does not tell. Judged where both have just read it for this very term, and nothing
    kept a hook from being run.
    """
    del plan
    slow_s = [t.began_s for t in story.troubles if t.what in SLOWS]
    known: Known = {}
    votes: dict[tuple[str, str, int, str], list[tuple[float, str]]] = {}
    for logged in story.events:
        event, member, at_s = logged.event, member_of(logged), logged.at_s
        match event:
            case SuitabilityMeasured(service_group=group, term=term, value=value, needs=needs):
                known[group, member, term] = at_s, value, value if needs is None else needs
            case VoteGiven(kind="topology") if member != event.candidate:
                key = event.service_group, event.electorate, event.term, event.candidate
                votes.setdefault(key, []).append((at_s, member))
            case LeaderElected(kind="topology"):
                key = event.service_group, event.electorate, event.term, event.leader
                if not any(at_s - 10 < moment < at_s for moment in slow_s):
                    yield from _compared(known, votes.get(key, ()), event)
            case _:
                pass


def _compared(
    known: Known, votes: Sequence[tuple[float, str]], elected: LeaderElected
) -> Iterator[str | None]:
    group, term, leader = elected.service_group, elected.term, elected.leader
    mine = known.get((group, leader, term))
    for voted_s, voter in votes:
        theirs = known.get((group, voter, term))
        if mine is None or theirs is None or not 0 <= voted_s - theirs[0] < HASTE_S:
            continue
        text = f"{voter[:8]} (needs {theirs[2]}) has elected {leader[:8]} (offers {mine[1]})"
        yield None if theirs[2] <= mine[1] else f"{text} in term {term} of {group}"


def suitability_is_read_once_a_term(story: Story, plan: Plan) -> Verdicts:
    """33: a member reads its suitability once in a term, as long as its actors live."""
    del plan
    read: set[tuple[str, str, int]] = set()
    for logged in story.events:
        member = member_of(logged)
        match logged.event:
            case MachineStarted(member=whose):
                read = {one for one in read if one[1] != whose}
            case FaultBegan("kill") | FaultBegan("disk"):
                read.clear()
            case ActorStarted(name) if name.startswith(("service/", "election/")):
                read = {one for one in read if one[1] != member}
            case SuitabilityMeasured(service_group=group, term=term):
                fine = (group, member, term) not in read
                read.add((group, member, term))
                text = f"{logged.id}: reads its suitability for term {term} of {group} again"
                yield None if fine else text
            case _:
                pass


def who_cannot_say_elects_nobody(story: Story, plan: Plan) -> Verdicts:
    """Whose hook says nothing, or says it too late, votes for nobody and does not stand.

    Judged for each time of a hook that cannot say: whoever votes meanwhile has read its
    suitability for that very term, before or in time.
    """
    del plan
    said: dict[int, set[tuple[str, int]]] = {}
    troubles = [t for t in story.troubles if t.what == "unsure"]
    broken: dict[int, str] = {}
    for logged in story.events:
        match logged.event:
            case SuitabilityMeasured(service_group=group, term=term):
                said.setdefault(logged.machine, set()).add((group, term))
            case VoteGiven(kind="topology", service_group=group, term=term) as vote:
                unread = (group, term) not in said.get(logged.machine, set())
                text = f"{logged.id}: votes for {vote.candidate[:8]} in term {term} of {group}"
                for number, trouble in enumerate(troubles):
                    struck = trouble.touches(logged.machine) and group == _group(trouble)
                    if unread and struck and trouble.overlaps(logged.at_s, logged.at_s):
                        broken.setdefault(number, f"{text}, and cannot say how suitable it is")
            case _:
                pass
    for number in range(len(troubles)):
        yield broken.get(number)


def _group(trouble: Trouble) -> str:
    return f"{trouble.fault.detail}.{GROUP}"


CHECKERS: Final = (
    the_fittest_leads,
    who_cannot_say_elects_nobody,
    suitability_is_read_once_a_term,
)
