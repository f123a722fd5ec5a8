"""Leader election: electorates, votes, leases, and who is told of them.

A group has up to two elections, kind `topology` (the leader of the service) and kind `update` (who
conducts updates), each with an electorate of its own. Each election is an actor
`election/<service group>/<kind>` on every member that takes part; they talk to their peers of the
same path. What is told to a service in kind `update` goes to `update/<name>`. Times are seconds;
instants are CLOCK_BOOTTIME of whoever says them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from actors.messages.base import Event, MemberId, Message

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


# ── services → election ──


class StandForElection(Message, frozen=True):
    """`service/<name>` → `election`: this member takes part; repeated each 5 s (idempotent).

    For kind `update` all that is said of `service/<name>` here is said of `update/<name>`, which is
    told the record of its electorate (`Electorate`) too, at each change and when it asks its role.
    `bootstrap_expect` is 1 for kind `update` where no topology leader is wanted either: such a
    group is founded with the members that are seen a minute after the start.
    `process` is the launcher's key of the process that acts as leader, empty for none (`update`).
    `suitability_hook`: the package has one, so this member is asked `ReadSuitability`. `leads`: it
    would lead if elected; false for a stopped service, which keeps its seat and votes.
    """

    service: str
    service_group: str
    kind: ElectionKind
    bootstrap_expect: int = 3
    suitability_hook: bool = False
    process: str = ""
    leads: bool = True


class WithdrawFromElection(Message, frozen=True):
    """`service/<name>` → `election`: unloaded; the leader is asked to remove the seat.

    Answered by `Ok` when the seat is given up, or after 10 s.
    """

    service: str
    service_group: str
    kind: ElectionKind


class ServiceFitness(Message, frozen=True):
    """`service/<name>` → `election`: how the service stands; on each change, and when asked anew.

    `failed`: its process ended without being asked to (a leader steps down). `leads` as in
    `StandForElection`.
    """

    service_group: str
    kind: ElectionKind
    leads: bool
    failed: bool = False
    health: str = "unknown"


class RoleChanged(Message, frozen=True):
    """election → `service/<name>`: act in this role from now on; answered by `RoleSettled`.

    `none`: nobody leads (run hook `role-changed none`, take no data from the old leader); for a
    leader: demote now, it must be settled by `settle_by_s` or the launcher kills the process.
    `follower`: `leader` leads in `term`. `leader`: lead in `term`; a process started in this role
    gets `kill_at_s` as `leader_until_s` (ask `AskRole` for a fresh one when starting late).
    `dissolved` names the electorate this member joins instead (`HAB_DISSOLVED=1`).
    """

    service_group: str
    kind: ElectionKind
    role: Role
    term: int
    leader: MemberId = ""
    kill_at_s: float = 0.0
    settle_by_s: float = 0.0
    dissolved: str = ""
    reason: str = ""


class RoleSettled(Message, frozen=True):
    """`service/<name>` → `election`: it acts in that role now, and in no other."""

    service_group: str
    kind: ElectionKind
    role: Role
    term: int


class AskRole(Message, frozen=True):
    """`service/<name>` → `election`: which role? Answered by `RoleChanged`."""

    service_group: str
    kind: ElectionKind


class ReadSuitability(Message, frozen=True):
    """election → `service/<name>`: run `suitability`; once per term; answer `SuitabilityRead`.

    `RoleChanged(none)` of the same term came before it, and its hook has at most 1 s.
    """

    service_group: str
    kind: ElectionKind
    term: int


class SuitabilityRead(Message, frozen=True):
    """`service/<name>` → `election`: the number that the hook printed last; 0 where it failed.

    -1: it cannot say now (exit code 75, or too late): in this term its member votes for nobody
    else, and does not stand. `needs`: what it asks of whoever it votes for, if not as much as its
    own number.
    """

    service_group: str
    kind: ElectionKind
    term: int
    value: int = 0
    needs: int | None = None


class GiveUpSeats(Message, frozen=True):
    """node → `election`: this member departs; hand over, leave all electorates; then `Ok`."""


# ── operators ──


class QueryElections(Message, frozen=True):
    """Asks `election` for its elections (of one group, or all); answered by `Elections`."""

    service_group: str = ""


class SeatView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voter as this member sees it. `heard_s`: seconds since it said anything here, -1: never."""

    member: MemberId
    voter: str
    heard_s: float = -1.0
    acked_s: float = -1.0
    refusal: str = ""
    sworn_gone: bool = False
    new: bool = False
    leaving: bool = False


class ElectionView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One election as this member sees it.

    `role` is this member's; `leader` empty where none is known. `lease_s` remaining seconds (of
    its own lease where it leads, of its promise where it follows). `heard` of `needed` voters are
    counted in what is under way. `reason` says what is waited for, in one sentence.
    """

    service_group: str
    kind: ElectionKind
    role: Role
    state: str
    term: int
    leader: MemberId = ""
    lease_s: float = 0.0
    needed: int = 0
    heard: int = 0
    electorate: str = ""
    keeper: str = ""
    stamp: Stamp = Stamp()
    committed: bool = True
    founded: int = 0
    founder: str = ""
    dissolved_into: str = ""
    rival: str = ""
    seats: tuple[SeatView, ...] = ()
    reason: str = ""


class Elections(Message, frozen=True):
    """The elections asked about, by group and kind."""

    elections: tuple[ElectionView, ...] = ()


class StepDown(Message, frozen=True):
    """Operator → `election` of the leader: hand over, to `to` if given.

    Answered by `Ok`, or `CallFailed` with code `not-leader` (the text names the leader) or
    `no-successor` (exit code 8).
    """

    service_group: str
    kind: ElectionKind = "topology"
    to: MemberId = ""


class BootstrapElectorate(Message, frozen=True):
    """Operator → `election`: found the group's electorate now, with the members seen.

    Without `force` as the founding would, only said at once why it waits. With it: whatever
    `--bootstrap-expect` says, and whatever proposal was accepted before.
    """

    service_group: str
    force: bool = False


# ── inside one member ──


class ElectionDue(Message, frozen=True):
    """An election to itself: something is due."""


class LookDue(Message, frozen=True):
    """An election to itself: look at the ring, and at what the ring is told."""


class RingSeen(Message, frozen=True):
    """`election` → an election: what the ring says of its group; asked for by `Subscribe`.

    `living` are alive or suspect, `departed` out for good. `candidates` offer the service and would
    take part, `expect` is the greatest `--bootstrap-expect` among them. `leader` is who was elected
    last, of what is told; `past_term` the greatest term of electorates that are no more.
    """

    living: tuple[MemberId, ...] = ()
    departed: tuple[MemberId, ...] = ()
    candidates: tuple[MemberId, ...] = ()
    expect: int = 0
    electorates: tuple[Electorate, ...] = ()
    leader: Leadership | None = None
    past_term: int = 0


class RoundsDue(Message, frozen=True):
    """`election/rounds` to itself: send what was gathered."""


class SendRenewal(Message, frozen=True):
    """election → `election/rounds`: this round is for these members."""

    renewal: Renewal
    to: tuple[MemberId, ...]


class RenewalHeard(Message, frozen=True):
    """`election/rounds` → election: `member` renews its lease."""

    member: MemberId
    renewal: Renewal


class SendRenewalAck(Message, frozen=True):
    """election → `election/rounds`: the answer to a round of `to`."""

    to: MemberId
    ack: RenewalAck


class RenewalAcked(Message, frozen=True):
    """`election/rounds` → election: `member` answered a round."""

    member: MemberId
    ack: RenewalAck


class Introduce(Message, frozen=True):
    """An election → `election` → its sibling of the other kind: say what you claim."""

    service_group: str
    kind: ElectionKind


class LeadClaimed(Message, frozen=True):
    """An election of `kind` → `election` → its sibling: whether it leads here, or may soon lead."""

    service_group: str
    kind: ElectionKind
    claims: bool


class SeatGivenUp(Message, frozen=True):
    """An election → `election`: this member has no seat in it any more; the actor may end."""

    service_group: str
    kind: ElectionKind


class AnswersDue(Message, frozen=True):
    """`election` to itself: answer what was asked under `call` with what is known."""

    call: str


class SubscribeAgain(Message, frozen=True):
    """`election` to itself: subscriptions are messages, and repeated."""


# ── events ──


class ElectionOpened(Event, frozen=True):
    """This member asks for votes in a new term."""

    service_group: str
    kind: str
    electorate: str
    term: int
    reason: str = ""
    sentence: ClassVar[str] = "stands for {kind} leader of {service_group} in term {term}: {reason}"


class VoteGiven(Event, frozen=True):
    """This member's vote of a term, durable before it was told."""

    service_group: str
    kind: str
    electorate: str
    term: int
    candidate: str
    voter: str = ""
    sentence: ClassVar[str] = (
        "votes for {candidate} as {kind} leader of {service_group} in term {term}"
    )


class VoteRefused(Event, frozen=True):
    """A real vote was refused; pre-votes are not on record."""

    service_group: str
    kind: str
    term: int
    candidate: str
    reason: str
    sentence: ClassVar[str] = (
        "refuses {candidate} its vote for {kind} leader of {service_group} in term {term}: {reason}"
    )


class LeaderElected(Event, frozen=True):
    """This member won a term: a majority voted for it. It leads from its first acked round on."""

    service_group: str
    kind: str
    electorate: str
    term: int
    leader: str
    votes: int = 0
    needed: int = 0
    stamp: str = ""
    sentence: ClassVar[str] = (
        "elected {kind} leader of {service_group} in term {term} with {votes} votes of {needed}"
    )


class LeaseRenewed(Event, frozen=True):
    """A quorum acked a round sent at `sent_s`: this member leads until `until_s`, by its clock.

    The first of a term always; then as often as the member was told to say so. `needed` is the
    quorum, `stamp` the electorate's (`term.version`).
    """

    service_group: str
    kind: str
    electorate: str
    term: int
    sent_s: float
    until_s: float
    needed: int = 0
    stamp: str = ""
    sentence: ClassVar[str] = "leads {service_group} ({kind}) in term {term} until {until_s:.2f} s"


class LeaseLost(Event, frozen=True):
    """The last lease of a term ran out or was given up at `ended_s`; `until_s` was its end."""

    service_group: str
    kind: str
    electorate: str
    term: int
    sent_s: float
    until_s: float
    ended_s: float
    reason: str
    sentence: ClassVar[str] = "leads {service_group} ({kind}) no more in term {term}: {reason}"


class LeaderFollowed(Event, frozen=True):
    """This member follows a leader it did not follow before."""

    service_group: str
    kind: str
    electorate: str
    term: int
    leader: str
    sentence: ClassVar[str] = "follows {leader} as {kind} leader of {service_group} (term {term})"


class LeaderDemoting(Event, frozen=True):
    """The service of the leader is told to stop leading, to be done by `settle_by_s`."""

    service_group: str
    kind: str
    term: int
    settle_by_s: float
    reason: str
    sentence: ClassVar[str] = "demotes its {service_group} ({kind}, term {term}): {reason}"


class LeaderReleased(Event, frozen=True):
    """The leader let go of its term; `to` may stand at once."""

    service_group: str
    kind: str
    term: int
    to: str
    sentence: ClassVar[str] = "hands {service_group} ({kind}) over to {to} after term {term}"


class StepDownOrdered(Event, frozen=True):
    """An operator told the leader to step down."""

    service_group: str
    kind: str
    term: int
    to: str = ""
    sentence: ClassVar[str] = "was told to step down as {kind} leader of {service_group}"


class ElectionWaits(Event, frozen=True):
    """What an election waits for changed."""

    service_group: str
    kind: str
    reason: str
    sentence: ClassVar[str] = "{service_group} ({kind}): {reason}"


class ElectorateProposed(Event, frozen=True):
    """A founding began."""

    service_group: str
    electorate: str
    members: str
    forced: bool = False
    sentence: ClassVar[str] = "proposes electorate {electorate} of {service_group}: {members}"


class ProposalAccepted(Event, frozen=True):
    """This member bound itself, durably, to a proposal."""

    service_group: str
    electorate: str
    founder: str
    sentence: ClassVar[str] = (
        "accepts electorate {electorate} of {service_group}, proposed by {founder}"
    )


class ProposalDropped(Event, frozen=True):
    """The founder dropped its proposal, or this member was let go of one."""

    service_group: str
    electorate: str
    reason: str
    sentence: ClassVar[str] = "proposal {electorate} of {service_group} is dropped: {reason}"


class ElectorateFounded(Event, frozen=True):
    """All have accepted: the electorate exists from now on."""

    service_group: str
    electorate: str
    founded: int
    voters: str
    sentence: ClassVar[str] = "electorate {electorate} of {service_group} is founded: {voters}"


class ElectorateChanged(Event, frozen=True):
    """The leader made a new record; it counts at once, and is committed later."""

    service_group: str
    electorate: str
    term: int
    version: int
    voters: str
    change: str
    sentence: ClassVar[str] = (
        "electorate of {service_group} becomes {term}.{version}: {change}; voters {voters}"
    )


class ElectorateCommitted(Event, frozen=True):
    """A majority of both sets has the record on disk."""

    service_group: str
    electorate: str
    term: int
    version: int
    sentence: ClassVar[str] = "electorate {term}.{version} of {service_group} is committed"


class ElectorateDissolved(Event, frozen=True):
    """This member's electorate gave way to an earlier one."""

    service_group: str
    electorate: str
    into: str
    sentence: ClassVar[str] = "electorate {electorate} of {service_group} is dissolved into {into}"


class RivalElectorate(Event, frozen=True):
    """A second electorate of the same group is known; the earlier founded one stays."""

    service_group: str
    electorate: str
    rival: str
    stays: str
    sentence: ClassVar[str] = (
        "{service_group} was founded twice, {electorate} and {rival}: {stays} stays"
    )


class VotesLost(Event, frozen=True):
    """Neither vote file can be read: this member votes no more until it is added anew."""

    service_group: str
    kind: str
    voter: str
    sentence: ClassVar[str] = (
        "the votes of {service_group} ({kind}) are lost; asks for a new seat as voter {voter}"
    )


class OathCounted(Event, frozen=True):
    """An operator swore that a voter is gone for good: quorums are over the rest from now on."""

    service_group: str
    kind: str
    member: str
    sentence: ClassVar[str] = (
        "{member} is sworn to be gone: quorums of {service_group} ({kind}) are over the rest"
    )
