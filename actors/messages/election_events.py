"""What elections put on record: terms, votes, leases, electorates."""

from __future__ import annotations

from typing import ClassVar

from actors.messages.base import Event


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


class LeaderResumed(Event, frozen=True):
    """The actor of a leader began anew: its disk says that it won a term and never let go of it.

    It asks for acks in that term again, with no other vote, and leads on once a quorum gives them.
    """

    service_group: str
    kind: str
    electorate: str
    term: int
    leader: str
    stamp: str = ""
    sentence: ClassVar[str] = (
        "asks for acks as {kind} leader of {service_group} again, in term {term}, which it had won"
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
    """The last lease of a term ran out or was given up at `ended_s`; `until_s` was its end.

    `needed` and `stamp` as in `LeaseRenewed`.
    """

    service_group: str
    kind: str
    electorate: str
    term: int
    sent_s: float
    until_s: float
    ended_s: float
    reason: str
    needed: int = 0
    stamp: str = ""
    sentence: ClassVar[str] = "leads {service_group} ({kind}) no more in term {term}: {reason}"


class LeaderFollowed(Event, frozen=True):
    """This member follows a leader it did not follow before.

    `needed` and `stamp` are of the electorate as this member knows it.
    """

    service_group: str
    kind: str
    electorate: str
    term: int
    leader: str
    needed: int = 0
    stamp: str = ""
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
