"""The terms of an election as the event log tells them: who won, with which votes, how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actors.eventlog.filters import key, member_of
from actors.messages.base import MemberId
from actors.messages.election_orders import ElectionView
from actors.messages.events import EventRecord

_TELLS_OF_A_LEADER = ("LeaderElected", "LeaderResumed", "LeaderFollowed")


@dataclass(frozen=True, slots=True)
class Term:
    """One term that somebody won; each event is None where the log does not hold it (any more).

    `followed` is the first word of another member that it follows this leader. `opened`, `led`,
    `resumed`, `ordered`, `demoting`, `lost` and `released` are the leader's own: it stood, had its
    first lease, began anew in the term it had won, was told to step down, began to stop, stopped,
    and named a successor. `votes` are those for the leader.
    """

    number: int
    leader: MemberId
    elected: EventRecord | None = None
    opened: EventRecord | None = None
    votes: tuple[EventRecord, ...] = ()
    led: EventRecord | None = None
    resumed: EventRecord | None = None
    followed: EventRecord | None = None
    ordered: EventRecord | None = None
    demoting: EventRecord | None = None
    lost: EventRecord | None = None
    released: EventRecord | None = None

    @property
    def began(self) -> EventRecord | None:
        """From when on it led: its first lease, or else what comes next to that."""
        return self.led or self.elected or self.followed


def is_about(record: EventRecord, view: ElectionView) -> bool:
    """Whether an event is one of this very election (one of a rival electorate is not)."""
    said = record.fields
    mine = (said.get("service_group"), said.get("kind", view.kind))
    if mine != (view.service_group, view.kind):
        return False
    return not view.electorate or said.get("electorate", view.electorate) == view.electorate


def terms(records: Iterable[EventRecord], view: ElectionView) -> tuple[Term, ...]:
    """The terms that were won, oldest first; the present one even if the log knows nothing of it.

    A `LeaderElected` makes a term, and so does a `LeaderResumed`: whoever dies right after it has
    won says only that. Of a leader whose own log cannot be read, its followers tell. Who leads now,
    as `view` says, is believed without any.
    """
    about = sorted((record for record in records if is_about(record, view)), key=key)
    leaders = {
        number: str(record.fields.get("leader", ""))
        for record in about
        if record.kind in _TELLS_OF_A_LEADER and (number := number_in(record, "term"))
    }
    if view.leader:
        leaders[view.term] = view.leader
    return tuple(_term(number, leaders[number], about) for number in sorted(leaders))


def _term(number: int, leader: MemberId, about: list[EventRecord]) -> Term:
    of_term = [record for record in about if number_in(record, "term") == number]
    own = [record for record in of_term if member_of(record.id) == leader]

    def last(kind: str) -> EventRecord | None:
        return next((record for record in reversed(own) if record.kind == kind), None)

    def first(kind: str) -> EventRecord | None:
        return next((record for record in own if record.kind == kind), None)

    votes = [
        record
        for record in of_term
        if record.kind == "VoteGiven" and record.fields.get("candidate") == leader
    ]
    return Term(
        number,
        leader,
        elected=first("LeaderElected"),
        opened=last("ElectionOpened"),
        votes=tuple(votes),
        led=first("LeaseRenewed"),
        resumed=last("LeaderResumed"),
        followed=next((record for record in of_term if record.kind == "LeaderFollowed"), None),
        ordered=last("StepDownOrdered"),
        demoting=last("LeaderDemoting"),
        lost=last("LeaseLost"),
        released=last("LeaderReleased"),
    )


def told(records: Iterable[EventRecord], view: ElectionView, last: int) -> list[EventRecord]:
    """The newest events of this election that are worth telling, oldest first.

    A lease is renewed for as long as it lasts: only the first of a term is news.
    """
    found: list[EventRecord] = []
    leases: set[int] = set()
    for record in sorted((r for r in records if is_about(r, view)), key=key):
        if record.kind == "LeaseRenewed":
            number = number_in(record, "term")
            if number in leases:
                continue
            leases.add(number)
        found.append(record)
    return found[-last:] if last else []


def number_in(record: EventRecord, name: str) -> int:
    """A number that an event tells, 0 where it tells none."""
    number = record.fields.get(name)
    return number if isinstance(number, int) else 0
