"""Leader election: electorates, votes, leases, and who is told of them.

A group has up to two elections, kind `topology` (the leader of the service) and kind `update` (who
conducts updates), each with an electorate of its own. Each election is an actor
`election/<service group>/<kind>` on every member that takes part; they talk to their peers of the
same path. What is told to a service in kind `update` goes to `update/<name>`. Times are seconds;
instants are CLOCK_BOOTTIME of whoever says them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from actors.messages.base import Message

ElectionKind: TypeAlias = Literal["topology", "update"]
Role: TypeAlias = Literal["none", "leader", "follower"]
Refusal: TypeAlias = Literal[
    "",  # not refused
    "promise",  # it acked a leader's round less than a promise time ago
    "start-wait",  # its actor started less than a promise time ago
    "stale-stamp",  # the asker's electorate record is older than its own
    "stale-term",  # it has seen a later term
    "voted",  # it gave this term's vote to somebody else
    "suitability",  # its own suitability is greater
    "reading",  # not yet: it reads its suitability; the answer follows
    "other-electorate",  # it belongs to another electorate, or to none
    "no-votes",  # its vote files are unreadable: it has to be added anew
    "no-seat",  # it, or the asker, is no voter
    "busy",  # it is bound by something else; the next try may find it free
]
MAX_VOTERS = 7

# Rounds go on for ever: their fields have one-letter names on the wire.
_BRIEF = {
    "service_group": "g",
    "kind": "k",
    "electorate": "e",
    "stamp": "s",
    "voter": "v",
    "term": "n",
    "round": "r",
}

Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Key: TypeAlias = Annotated[str, msgspec.Meta(max_length=128)]
Group: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Reading: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Wait: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=60.0)]  # no promise lasts longer


class Stamp(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What orders an electorate's records: the keeper's term that made it, then its number."""

    term: Count = 0
    version: Count = 0


class Voter(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A seat: a member, and the id of its vote file (a lost vote file is another voter)."""

    member: Id
    id: Key


Voters: TypeAlias = Annotated[tuple[Voter, ...], msgspec.Meta(max_length=MAX_VOTERS + 1)]


class Electorate(Message, frozen=True):
    """Who votes in a group: a durable record, and the body of an `electorate` rumor.

    `keeper` is the kind of election it is for, whose leader changes it; `stamp.term` is its term.
    `previous` are the voters before the last change, until that is committed (`committed` false: a
    majority of both sets counts). `founded` is a hybrid clock reading. `dissolved_into` names the
    electorate that the members join instead.
    """

    service_group: Group
    id: Key
    keeper: ElectionKind
    founded: Reading
    founder: Id
    stamp: Stamp
    voters: Voters
    previous: Voters = ()
    committed: bool = False
    dissolved_into: Key = ""


class Leadership(Message, frozen=True):
    """The body of a `leader` rumor (key `<group>/<kind>/<member>`): its owner was elected.

    Of one electorate the greatest `term` counts. Withdrawn when the lease is given up; where the
    owner is not alive, or another term is greater, it says who led last.
    """

    service_group: Group
    kind: ElectionKind
    electorate: Key
    term: Count
    leader: Id


# ── between the elections of two members ──


class PreVote(Message, frozen=True):
    """Would you vote for me in `term`? Binds nobody (Ongaro 2014, §9.6).

    `released`: the term whose leader hands over to the asker; 0 if nobody does. `hand_over`: asked
    on behalf of that leader, before it lets go. `round` is repeated in the answer.
    """

    electorate: Key
    stamp: Stamp
    voter: Key
    term: Count
    round: Key
    released: Count = 0
    hand_over: bool = False


class RequestVote(Message, frozen=True):
    """Vote for me in `term`. `suitability` is what the asker offers; `released` as in `PreVote`."""

    electorate: Key
    stamp: Stamp
    voter: Key
    term: Count
    suitability: Reading = 0
    released: Count = 0


class VoteAnswer(Message, frozen=True):
    """The answer to both. `term` is the term asked about, `own_term` the voter's.

    `wait_s` says for how long the refusal lasts at most, `round` is empty for a real vote. A voter
    that knows a newer record tells it as `record`.
    """

    electorate: Key
    voter: Key
    term: Count
    granted: bool
    reason: Refusal = ""
    own_term: Count = 0
    round: Key = ""
    wait_s: Wait = 0.0
    record: Electorate | None = None


class Renewal(msgspec.Struct, frozen=True, omit_defaults=True, rename=_BRIEF):
    """A leader's round for one election. `round` is `<instance id>:<number>`."""

    service_group: Group
    kind: ElectionKind
    electorate: Key
    stamp: Stamp
    voter: Key
    term: Count
    round: Key
    committed: bool = True


class Renewals(Message, frozen=True):
    """`election/rounds` → `election/rounds`: the rounds of all groups between two members."""

    renewals: Annotated[tuple[Renewal, ...], msgspec.Meta(max_length=4096)]


class RenewalAck(msgspec.Struct, frozen=True, omit_defaults=True, rename=_BRIEF):
    """A voter's answer to a round. `fit`: it could lead; `health` is its service's."""

    service_group: Group
    kind: ElectionKind
    electorate: Key
    voter: Key
    term: Count
    round: Key
    acked: bool
    reason: Refusal = ""
    own_term: Count = 0
    stamp: Stamp = Stamp()
    fit: bool = False
    healthy: bool = True


class RenewalAcks(Message, frozen=True):
    """`election/rounds` → `election/rounds`: the answers to `Renewals`."""

    acks: Annotated[tuple[RenewalAck, ...], msgspec.Meta(max_length=4096)]


class AskReady(Message, frozen=True):
    """leader → a follower: would a majority let you lead after me? Answered by `Ready`."""

    electorate: Key
    stamp: Stamp
    term: Count


class Ready(Message, frozen=True):
    """A follower → leader: `heard` voters would vote for me once you release `term`."""

    electorate: Key
    voter: Key
    term: Count
    ready: bool
    heard: Annotated[tuple[Id, ...], msgspec.Meta(max_length=16)] = ()
    reason: Refusal = ""


class Released(Message, frozen=True):
    """leader → all voters: I lead no more in `term`; the promise of that term is void for `to`."""

    electorate: Key
    voter: Key
    term: Count
    to: Id


class StoreElectorate(Message, frozen=True):
    """leader (in `term`) → voters: make this record durable."""

    record: Electorate
    voter: Key
    term: Count


class ElectorateStored(Message, frozen=True):
    """The answer: `stamp` is the newest record the voter holds now."""

    electorate: Key
    voter: Key
    term: Count
    stamp: Stamp
    stored: bool
    reason: Refusal = ""
    own_term: Count = 0
    record: Electorate | None = None


class AskSeat(Message, frozen=True):
    """A member → all who may lead: add me as a voter. `term`: the greatest it ever took part in.

    `leave`: remove me instead (unload, depart).
    """

    electorate: Key
    voter: Key
    term: Count = 0
    leave: bool = False


class SeatAnswer(Message, frozen=True):
    """leader → a member that asked: how it stands with its seat. `record` is the present one."""

    electorate: Key
    record: Electorate
    text: Annotated[str, msgspec.Meta(max_length=512)] = ""


class ProposeElectorate(Message, frozen=True):
    """The founder → exactly the members it means: be the electorate, all of you.

    `forced`: an operator said so; who has accepted another proposal lets go of that.
    """

    service_group: Group
    id: Key
    keeper: ElectionKind
    founded: Reading
    founder: Id
    members: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_VOTERS)]
    forced: bool = False


class ProposalAnswer(Message, frozen=True):
    """`accepted` durably, as `voter`; or why not (`other`: the founder of what it has accepted)."""

    id: Key
    voter: Key
    accepted: bool
    reason: Refusal = ""
    other: Annotated[str, msgspec.Meta(max_length=32)] = ""
    term: Count = 0
    record: Electorate | None = None


class AskProposal(Message, frozen=True):
    """Who has accepted → the founder: what became of proposal `id`? `voter` as in the answer."""

    id: Key
    voter: Key


class ProposalAborted(Message, frozen=True):
    """The founder → all it asked: proposal `id` is dropped, durably; let go of it."""

    id: Key


class ProposalDecided(Message, frozen=True):
    """The founder → all it asked: all have accepted, the electorate is founded."""

    record: Electorate


ElectionFrame: TypeAlias = (
    PreVote
    | RequestVote
    | VoteAnswer
    | AskReady
    | Ready
    | Released
    | StoreElectorate
    | ElectorateStored
    | AskSeat
    | SeatAnswer
    | ProposeElectorate
    | ProposalAnswer
    | AskProposal
    | ProposalAborted
    | ProposalDecided
)
