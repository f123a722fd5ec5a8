"""Elections within one member: what services and operators ask of them, and what they are told.

Frames between members are in `election`, what is put on record in `election_events`.
"""

from __future__ import annotations

import msgspec

from actors.messages.base import MemberId, Message
from actors.messages.election import (
    ElectionKind,
    Electorate,
    Leadership,
    Renewal,
    RenewalAck,
    Role,
    Stamp,
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

    `role` is this member's; `leader` empty where none is known. `term` is the leader's, or without
    one the newest this member has voted or might vote in. `lease_s` remaining seconds (of
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

    `living` are alive or suspect, `departed` out for good; `dead` says since when, by this
    machine's clock, others are confirmed (who said goodbye is in none of them). `candidates` offer
    the service and would take part, `expect` is the greatest `--bootstrap-expect` among them.
    `leader` is who was elected last, of what is told; `past_term` the greatest term of electorates
    that are no more.
    """

    living: tuple[MemberId, ...] = ()
    departed: tuple[MemberId, ...] = ()
    candidates: tuple[MemberId, ...] = ()
    expect: int = 0
    electorates: tuple[Electorate, ...] = ()
    leader: Leadership | None = None
    past_term: int = 0
    dead: tuple[tuple[MemberId, float], ...] = ()


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
