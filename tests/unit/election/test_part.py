"""What lies around an election's rules: files, strangers, operators, what the ring is told."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from actors.effects import After, Ask, Cancel, Effect, Emit, Load, Persist, Reply, Send
from actors.election import electorate, timing
from actors.election.ballot import Ballot
from actors.election.part import LEFT_S, ROLL_S, SERVICE_S, ElectionOption, Moment, Part
from actors.election.state import Place
from actors.messages.base import Message
from actors.messages.election import (
    ElectionKind,
    Electorate,
    PreVote,
    ProposeElectorate,
    RenewalAck,
    Stamp,
    VoteAnswer,
    Voter,
)
from actors.messages.election_events import LeaderDemoting, LeaseRenewed, VotesLost
from actors.messages.election_orders import (
    BootstrapElectorate,
    ElectionDue,
    Elections,
    LookDue,
    QueryElections,
    RenewalAcked,
    RingSeen,
    SeatGivenUp,
    SendRenewal,
    StandForElection,
    StepDown,
)
from actors.messages.envelope import Ticket
from actors.messages.ring import Members, PublishRumor, QueryMembers, RememberMembers
from actors.messages.runtime import CallFailed, Loaded, Ok

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
GROUP = "redis.default"
PATH = f"election/{GROUP}/topology"
VOTERS = [Voter(one, f"v{one[0]}") for one in (A, B, C)]
RECORD = electorate.founded(ProposeElectorate(GROUP, "e1", "topology", 1, A, (A, B, C)), VOTERS)
WON = Ballot("va", 5, term=1, voted_for=A, won=True, record=RECORD)
ASKER = Ticket("call/1", "1")


class Member:
    """A part, its clock, and what it was told."""

    def __init__(
        self,
        ballot: Ballot | None = None,
        option: ElectionOption | None = None,
        kind: ElectionKind = "topology",
    ) -> None:
        self.now = 100.0
        self.random = Random(1)
        self.part = Part(
            Place(A, "redis", GROUP, kind, "1.1", self.now), option or ElectionOption()
        )
        files = [f"elections/{GROUP}:{kind}.{slot}" for slot in (0, 1)]
        assert self.part.started() == [Load(file) for file in files]
        data = msgspec.msgpack.encode(ballot) if ballot is not None else None
        self.opened: list[Effect] = []
        for file in files:
            self.opened += self.hear(Loaded(file, data))

    def hear(self, message: Message, sender: str = "election", answers: str = "") -> list[Effect]:
        effects = self.understood(message, sender, answers)
        assert effects is not None, message
        return effects

    def understood(self, message: Message, sender: str, answers: str = "") -> list[Effect] | None:
        at = Moment(self.now, self.random, lambda: 7, ASKER, answers)
        return self.part.step(at, message, sender)

    def stand(self) -> list[Effect]:
        return self.hear(StandForElection("redis", GROUP, "topology", 1, process="service:redis"))

    def lead(self) -> None:
        """The first round of this life is acked."""
        rounds = [e.message for e in self.opened if isinstance(e, Send)]
        (sent,) = (m for m in rounds if isinstance(m, SendRenewal))
        self.acked(sent.renewal.round)

    def acked(self, name: str) -> list[Effect]:
        ack = RenewalAck(GROUP, "topology", "e1", "vb", 1, name, acked=True, stamp=RECORD.stamp)
        return self.hear(RenewalAcked(B, ack))


def events(effects: list[Effect], kind: type) -> list[Any]:
    return [e.event for e in effects if isinstance(e, Emit) and isinstance(e.event, kind)]


def rumors(effects: list[Effect]) -> list[PublishRumor]:
    said = (e.message for e in effects if isinstance(e, Send) and e.to == "gossip")
    return [one for one in said if isinstance(one, PublishRumor)]


def test_only_the_same_election_of_another_member_is_understood() -> None:
    member = Member(Ballot("va", record=RECORD))
    asked = PreVote("e1", RECORD.stamp, "vb", 1, "1.1:1")
    assert member.understood(asked, f"{B}/{PATH}") is not None
    for sender in (
        f"{B}/election/other.default/topology",
        f"{B}/gossip",
        PATH,
        "",
        f"{B}/{PATH}/x",
    ):
        assert member.understood(asked, sender) is None


@pytest.mark.parametrize(
    "record",
    [
        msgspec.structs.replace(RECORD, service_group="other.default", stamp=Stamp(9, 9)),
        msgspec.structs.replace(RECORD, voters=(), stamp=Stamp(9, 9)),
        msgspec.structs.replace(RECORD, committed=False, stamp=Stamp(9, 9)),
    ],
)
def test_a_record_that_cannot_be_one_is_not_taken_from_anybody(record: Electorate) -> None:
    member = Member(Ballot("va", record=RECORD))
    answer = VoteAnswer("e1", "vb", 1, granted=False, record=record)
    assert member.understood(answer, f"{B}/{PATH}") is None


def test_the_departed_are_not_heard_and_strangers_bind_nobody() -> None:
    member = Member()
    proposal = ProposeElectorate(GROUP, "e1", "topology", 1, B, (A, B))
    assert member.hear(proposal, f"{B}/{PATH}") == []  # nothing is known of the ring yet
    member.hear(RingSeen(living=(A,)))
    assert member.hear(proposal, f"{B}/{PATH}") == []
    member.hear(RingSeen(living=(A, B)))
    assert [e for e in member.hear(proposal, f"{B}/{PATH}") if isinstance(e, Persist)]
    other = Member(Ballot("va", record=RECORD))
    other.hear(RingSeen(living=(A, C), departed=(B,)))
    assert other.hear(PreVote("e1", RECORD.stamp, "vb", 1, "1.1:1"), f"{B}/{PATH}") == []
    for_others = msgspec.structs.replace(proposal, service_group="other.default")
    assert member.understood(for_others, f"{B}/{PATH}") is None


def test_nothing_due_is_no_timer() -> None:
    member = Member()
    effects = member.hear(ElectionDue())
    assert Cancel("due") in effects
    assert not [e for e in effects if isinstance(e, After) and e.name == "due"]


def test_lost_votes_are_said_and_the_voter_is_another() -> None:
    member = Member()
    part = Part(Place(A, "redis", GROUP, "topology", "1.2", 100.0), ElectionOption())
    part.started()
    effects: list[Effect] = []
    for slot in (0, 1):
        loaded = Loaded(f"elections/{GROUP}:topology.{slot}", None, damaged=True)
        effects += part.step(Moment(100.0, member.random, lambda: 7, ASKER), loaded, "") or []
    (lost,) = events(effects, VotesLost)
    assert lost.voter.startswith("1.2.")


def test_a_resumed_leader_without_a_service_steps_down() -> None:
    member = Member(WON)
    member.lead()
    for _ in range(int(SERVICE_S / timing.ROUND_S) + 10):
        member.now += timing.ROUND_S
        sent = [e.message for e in member.hear(ElectionDue()) if isinstance(e, Send)]
        for one in sent:
            if isinstance(one, SendRenewal):
                member.acked(one.renewal.round)
    effects = member.hear(LookDue())
    (demoting,) = events(effects, LeaderDemoting)
    assert demoting.reason == "its service is to stop"


def test_a_ballot_that_binds_to_nothing_and_is_nobodys_is_removed() -> None:
    left, kept, stands = Member(Ballot("va")), Member(Ballot("va", record=RECORD)), Member()
    stands.stand()
    for member in (left, kept, stands):
        member.now += LEFT_S
        removed = [e for e in member.hear(LookDue()) if isinstance(e, Persist) and e.data is None]
        assert len(removed) == (2 if member is left else 0)
    assert left.hear(ElectionDue()) == [Send("election", SeatGivenUp(GROUP, "topology"))]


@pytest.mark.parametrize(("every_s", "said"), [(0.0, 10), (2.0, 2), (float("inf"), 0)])
def test_renewals_are_said_as_often_as_was_told(every_s: float, said: int) -> None:
    member = Member(WON, ElectionOption(every_s))
    member.lead()
    member.stand()
    found: list[Any] = []
    rounds = 0
    while rounds < 10:
        member.now += timing.ROUND_S
        for effect in member.hear(ElectionDue()):
            if isinstance(effect, Send) and isinstance(effect.message, SendRenewal):
                rounds += 1
                found += events(member.acked(effect.message.renewal.round), LeaseRenewed)
    assert len(found) == said


def test_the_ring_is_told_of_the_leader_and_again_when_it_has_lost_that() -> None:
    member = Member(WON)
    assert rumors(member.opened) == []  # what an earlier life told stands until it is decided
    member.lead()
    told = rumors(member.stand())
    assert told == []
    member.hear(RingSeen(living=(A, B, C), electorates=(RECORD,)))
    repeated = rumors(member.hear(LookDue()))
    assert [one.kind for one in repeated if one.body is not None] == ["electorate", "leader"]
    no_more = PublishRumor("leader", f"{GROUP}/topology/{A}", gone=True)
    assert rumors(Member(Ballot("va", record=RECORD)).opened) == [no_more]


def test_it_founds_once_it_stands_and_the_ring_knows_of_no_electorate() -> None:
    member = Member()
    asks = [e for e in member.hear(LookDue()) if isinstance(e, Ask)]
    assert asks == []
    member.stand()
    member.hear(RingSeen(living=(A,)))
    assert Ask("gossip", QueryMembers(), "members") in member.hear(LookDue())
    waiting = member.hear(Members(A, "r", (), seeds=3, seeds_joined=1), answers="members")
    assert not [e for e in waiting if isinstance(e, Persist)]
    (answer,) = [e.message for e in member.hear(QueryElections()) if isinstance(e, Reply)]
    assert isinstance(answer, Elections)
    assert answer.elections[0].reason.startswith("waiting to join the ring through a majority")
    founding = member.hear(Members(A, "r", (), seeds=3, seeds_joined=2), answers="members")
    assert [e for e in founding if isinstance(e, Persist)]


def test_it_founds_nothing_where_an_electorate_is_known() -> None:
    member = Member()
    member.stand()
    theirs = msgspec.structs.replace(RECORD, voters=tuple(VOTERS[1:]))
    member.hear(RingSeen(living=(A, B, C), electorates=(theirs,)))
    assert not [e for e in member.hear(LookDue()) if isinstance(e, Ask)]
    member.hear(RingSeen(living=(A, B, C)))  # it was withdrawn
    assert [e for e in member.hear(LookDue()) if isinstance(e, Ask)]


def answer_of(effects: list[Effect]) -> Message:
    (answer,) = [e.message for e in effects if isinstance(e, Reply)]
    return answer


def test_an_operator_is_told_why_it_is_not_founded_and_may_insist() -> None:
    member = Member()
    early = answer_of(member.hear(BootstrapElectorate(GROUP)))
    assert isinstance(early, CallFailed)
    member.hear(StandForElection("redis", GROUP, "topology", 3))
    member.hear(RingSeen(living=(A, B), candidates=(A, B)))

    def order(*, force: bool) -> Message:
        (ask,) = [e for e in member.hear(BootstrapElectorate(GROUP, force)) if isinstance(e, Ask)]
        return answer_of(member.hear(Members(A, "r", ()), answers=ask.call))

    refused = order(force=False)
    assert isinstance(refused, CallFailed)
    assert "2 of 3 members seen" in refused.text
    proposed = order(force=True)
    assert isinstance(proposed, Ok)
    assert "is proposed" in proposed.text


def test_a_group_that_only_rolls_is_founded_with_whoever_is_seen_after_a_minute() -> None:
    member = Member(kind="update")
    member.hear(StandForElection("redis", GROUP, "update", 3))
    member.hear(RingSeen(living=(A, B), candidates=(A, B)))

    def order() -> Message:
        (ask,) = [e for e in member.hear(BootstrapElectorate(GROUP)) if isinstance(e, Ask)]
        return answer_of(member.hear(Members(A, "r", ()), answers=ask.call))

    early = order()
    assert isinstance(early, CallFailed)
    assert "2 members seen; waits 60 s for more" in early.text
    member.now += ROLL_S
    assert isinstance(order(), Ok)


def test_a_follower_told_to_step_down_names_who_leads() -> None:
    member = Member(Ballot("va", record=RECORD))
    refused = answer_of(member.hear(StepDown(GROUP)))
    assert isinstance(refused, CallFailed)
    assert (refused.code, refused.exit_code) == ("not-leader", 1)
    leader = Member(WON)
    leader.lead()
    stranger = answer_of(leader.hear(StepDown(GROUP, to=D)))
    assert isinstance(stranger, CallFailed)
    assert (stranger.code, stranger.exit_code) == ("no-successor", 8)


def test_the_ring_is_told_whom_not_to_forget_for_they_hold_seats() -> None:
    asked = [e.message for e in Member(WON).hear(LookDue()) if isinstance(e, Send)]
    assert RememberMembers((A, B, C)) in asked
    asked = [e.message for e in Member().hear(LookDue()) if isinstance(e, Send)]
    assert not [message for message in asked if isinstance(message, RememberMembers)]
