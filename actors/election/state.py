"""One election at one member: what it knows, and what it is doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from actors.effects import Effect, Send
from actors.election import ballot as ballots
from actors.election import electorate, timing
from actors.election.ballot import Ballot
from actors.messages.base import MemberId, Message, join_address
from actors.messages.election import (
    AskReady,
    AskSeat,
    ElectionKind,
    Electorate,
    Refusal,
    RequestVote,
    Role,
    Voter,
)

if TYPE_CHECKING:
    from random import Random

NEVER: Final = float("inf")
NOTHING_TOLD: Final[tuple[Role, int, MemberId]] = ("none", 0, "")
BALLOTS: Final = "elections"  # the directory of all ballots


@dataclass(frozen=True, slots=True)
class Place:
    """Whose election it is, and of what; `instance` names the actor's life, `began_s` its start."""

    me: MemberId
    service: str
    service_group: str
    kind: ElectionKind
    instance: str
    began_s: float

    @property
    def names(self) -> tuple[str, ElectionKind]:
        """What every message about this election begins with."""
        return self.service_group, self.kind

    @property
    def path(self) -> str:
        """The actor's path, the same at each member."""
        return f"election/{self.service_group}/{self.kind}"

    @property
    def files(self) -> str:
        """What the names of its ballot's files begin with; all lie in one directory."""
        return f"{BALLOTS}/{self.service_group}:{self.kind}"


@dataclass(frozen=True, slots=True)
class Promise:
    """Until then nobody but `leader` gets a vote, or who was handed `term` by it."""

    leader: MemberId
    term: int
    until_s: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is under way; it asks for votes at `due_s`, if it may."""

    due_s: float


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks whether it would get the votes of `term`.

    `released`: the term it was handed. `for_leader`: asked for a leader that wants to hand over.
    """

    term: int
    round: str
    until_s: float
    granted: frozenset[Voter]
    refused: Mapping[MemberId, Refusal] = field(default_factory=dict)
    again_s: float = 0.0  # when the longest of the promises told of ends
    released: int = 0
    for_leader: MemberId = ""


@dataclass(frozen=True, slots=True)
class Preparing:
    """It would win `term`, and has its suitability read before it stands."""

    term: int
    until_s: float
    released: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """It asks for the votes of `term`, and has given itself its own."""

    term: int
    until_s: float
    granted: frozenset[Voter]
    refused: Mapping[MemberId, Refusal] = field(default_factory=dict)
    released: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """A round of renewals: when it was sent, and who acked it."""

    sent_s: float
    acked: frozenset[Voter]


@dataclass(frozen=True, slots=True)
class Ending:
    """A leader that has begun to stop: its service is told to be no leader by `settle_by_s`.

    `to` is who gets the term, empty for nobody. `dissolves`: the electorate to go to; `over`: the
    service leads no more, what is left is to store the last record.
    """

    reason: str
    settle_by_s: float
    to: MemberId = ""
    dissolves: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class HandOver:
    """A leader that looks for a successor: `to` if it must be that one."""

    reason: str
    until_s: float
    to: MemberId = ""


@dataclass(frozen=True, slots=True)
class Leading:
    """It has won `term`; it leads until `until_s` (0: no round of this life was acked yet).

    `renewed_s`: the sending of the last acked round, or when it began to try. `stored`: who has
    the present record on disk. `looked_s`: when it last looked at the clock.
    """

    term: int
    rounds: Mapping[str, Round]
    next_s: float
    renewed_s: float
    looked_s: float
    until_s: float = 0.0
    stored: frozenset[Voter] = frozenset()
    fit: frozenset[MemberId] = frozenset()
    ending: Ending | None = None
    handing: HandOver | None = None
    handed: bool = False  # a successor was looked for in this term already
    thawed_s: float = 0.0  # until when it tries a round after a pause


Phase: TypeAlias = Waiting | Asking | Preparing | Standing | Leading


@dataclass(frozen=True, slots=True)
class Reading:
    """The suitability of `term` is being read; votes asked for meanwhile wait for it."""

    term: int
    until_s: float
    asked: tuple[tuple[MemberId, RequestVote], ...] = ()


@dataclass(frozen=True, slots=True)
class Election:
    """A member's part in one election of a group.

    `durable`: the ballot is on disk as it is here, in both slots. `stands`: its service would lead
    if elected. `process` is the launcher's key of the service, `hook` whether suitability is read.
    `told` is the role (and term, leader) its service was last told.
    """

    place: Place
    ballot: Ballot
    phase: Phase
    durable: bool = True
    weak: int = 0  # the slot that is written first
    stands: bool = True
    critical_s: float | None = None  # since when its service is critical
    hook: bool = False
    process: str = ""
    promise: Promise | None = None
    suitability: tuple[int, int, int] = (0, 0, 0)  # term it was read in, what it offers, and needs
    reading: Reading | None = None
    told: tuple[Role, int, MemberId] = NOTHING_TOLD
    gone: frozenset[MemberId] = frozenset()
    heard: Mapping[MemberId, float] = field(default_factory=dict)  # member → when
    wants: Mapping[MemberId, AskSeat] = field(default_factory=dict)
    founding: frozenset[Voter] = frozenset()  # who has accepted one's own open proposal
    founding_again_s: float = NEVER  # when it is proposed, or asked about, again
    count: int = 0  # rounds of this life
    seen: Electorate | None = None  # by the ring, of an electorate it has no part in
    rival: Electorate | None = None  # founded for the same group by others
    seat_again_s: float = NEVER  # when it asks for a seat again, or to be let go of its seat
    sworn: frozenset[MemberId] = frozenset()  # departed: an operator's oath that they are gone
    absent: Mapping[MemberId, float] = field(default_factory=dict)  # voter held dead → since when
    waits: str = ""  # why it founds nothing
    sibling: bool = False  # the election of the other kind leads here, or may soon lead
    hindered: bool = False  # it would stand, but for the sibling
    deferred: tuple[MemberId, AskReady] | None = None  # answered when the sibling has let go
    tried: Asking | Standing | None = None  # the last try that failed, until a leader is heard

    @property
    def names(self) -> tuple[str, ElectionKind]:
        """What every message about this election begins with."""
        return self.place.names

    @property
    def record(self) -> Electorate | None:
        """The newest record known."""
        return self.ballot.record

    @property
    def seat(self) -> Voter:
        """Who this member is as a voter."""
        return Voter(self.place.me, self.ballot.voter)

    @property
    def is_voter(self) -> bool:
        """Whether it has a seat under its present id."""
        return self.record is not None and self.seat in electorate.electors(self.record)


Decision: TypeAlias = tuple[Election, list[Effect]]


def opened(place: Place, slots: tuple[ballots.Slot, ...], voter: str) -> tuple[Election, bool]:
    """An election as it begins, and whether its votes were lost; `voter` is an id never used.

    Only what both slots say is taken for durable: a vote told while one slot holds it would be
    forgotten when the next write to that slot is torn.
    """
    stored, lost = ballots.read(slots)
    both = len({slot.data for slot in slots}) == 1 and slots[0].data is not None
    state = Election(
        place,
        stored or Ballot(voter),
        Waiting(timing.waits_until_s(place.began_s)),
        durable=stored is not None and both,
        weak=ballots.weak_slot(slots),
        founding_again_s=place.began_s,
    )
    if state.ballot.open is not None:  # who else accepted is asked once more
        state = replace(state, founding=frozenset({state.seat}))
    return state, lost


def keep(state: Election, ballot: Ballot) -> Decision:
    """Take a ballot on, and make it durable if it is not: what follows may tell of it."""
    if ballot == state.ballot and state.durable:
        return state, []
    ballot = msgspec.structs.replace(ballot, number=state.ballot.number + 1)
    written = ballots.writes(state.place.files, ballot, state.weak)
    return replace(state, ballot=ballot, durable=True), written


def learn(state: Election, record: Electorate, now: float, random: Random) -> Decision:
    """Take a newer record on. Votes asked for by the one before are not counted by this."""
    known = state.record
    if known is not None and electorate.newest(known, record) == known:
        return state, []
    ballot = msgspec.structs.replace(
        ballots.with_record(state.ballot, record), bound=None, open=None
    )
    state, effects = keep(state, ballot)
    if isinstance(state.phase, Asking | Preparing | Standing):
        state = rest(state, now, timing.retry_s(random))
    return state, effects


def rest(state: Election, now: float, wait_s: float) -> Election:
    """Do nothing for a while: at least until nothing forbids to ask for votes."""
    free = timing.waits_until_s(state.place.began_s)
    if state.promise is not None and state.promise.leader != state.place.me:
        free = max(free, state.promise.until_s)
    return replace(state, phase=Waiting(max(now, free) + wait_s), reading=None)


def rest_a_while(state: Election, now: float, random: Random) -> Election:
    """Rest as who has heard a leader, or may have."""
    return rest(state, now, timing.spread_s(random))


def tell(state: Election, member: MemberId, message: Message) -> Send:
    """Say something to the same election of another member."""
    return Send(join_address(member, state.place.path), message)


def tell_service(state: Election, message: Message) -> Send:
    """Say something to the service, or to who updates it."""
    role = "service" if state.place.kind == "topology" else "update"
    return Send(f"{role}/{state.place.service}", message)


def others(state: Election) -> list[MemberId]:
    """Every other member with a vote, each once."""
    if state.record is None:
        return []
    members = {voter.member for voter in electorate.electors(state.record)}
    return sorted(members - {state.place.me})
