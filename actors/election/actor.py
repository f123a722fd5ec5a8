"""The shells of elections: `election`, and below it `rounds` and one for each group and kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from actors.effects import (
    After,
    Effect,
    Reply,
    RestartPolicy,
    Send,
    Spawn,
    Stop,
)
from actors.election import groups, rounds
from actors.election.groups import ElectionId, Groups
from actors.election.part import ElectionOption, Moment, Part
from actors.election.rounds import Gathering
from actors.election.siblings import other
from actors.election.state import BALLOTS, Place
from actors.inquiry import Inquiries
from actors.messages.base import Message, split_address
from actors.messages.election import ElectionKind, RenewalAcks, Renewals
from actors.messages.election_orders import (
    AnswersDue,
    AskRole,
    BootstrapElectorate,
    Elections,
    ElectionView,
    GiveUpSeats,
    Introduce,
    LeadClaimed,
    QueryElections,
    RingSeen,
    RoleChanged,
    RoleSettled,
    RoundsDue,
    SeatGivenUp,
    SendRenewal,
    SendRenewalAck,
    ServiceFitness,
    StandForElection,
    StepDown,
    SubscribeAgain,
    SuitabilityRead,
    WithdrawFromElection,
)
from actors.messages.envelope import Ticket
from actors.messages.files import DirectoryListed, WatchDirectory
from actors.messages.ring import MembersChanged, RumorsChanged, Subscribe
from actors.messages.runtime import CallFailed, Ok
from actors.runtime.actor import Actor, Context

PATH: Final = "election"
AGAIN_S: Final = 5.0  # subscriptions are messages, and may be lost with an instance
VIEW_S: Final = 1.0  # for all elections to answer
GIVE_UP_S: Final = 10.0  # for a seat to be given up, before whoever waits for it goes on
CHILD: Final = RestartPolicy(exhausted="park")
ROUNDS: Final = RestartPolicy(exhausted="escalate")  # no lease lives without it
_BALLOT: Final = re.compile(r"(?P<group>[^/:]+):(?P<kind>topology|update)\.[01]")
_GROUP: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_.@-]{1,300}")


def path_of(election: ElectionId) -> str:
    """The actor of an election."""
    return f"{PATH}/{election[0]}/{election[1]}"


class RoundsActor(Actor):
    """`election/rounds`: carries the rounds of all elections, and the answers to them."""

    lane = "urgent"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._gathering = Gathering()

    def step(self, message: Message) -> list[Effect]:
        """Gather what goes out, spread what comes in."""
        match message:
            case SendRenewal() | SendRenewalAck():
                is_first = not self._gathering
                self._gathering.add(message)
                return [After(rounds.GATHER_S, RoundsDue(), "rounds")] if is_first else []
            case RoundsDue():
                return self._gathering.take()
            case Renewals() | RenewalAcks():
                member, path = split_address(self.envelope.sender)
                if member is None or path != rounds.PATH:
                    return super().step(message)
                return rounds.spread(member, message)
            case _:
                return super().step(message)


class ElectionActor(Actor):
    """`election/<service group>/<kind>`: this member's part in one election."""

    lane = "urgent"

    def __init__(
        self, context: Context, service: str, election: ElectionId, option: ElectionOption
    ) -> None:
        super().__init__(context)
        group, kind = election
        life = f"{context.world.boot}.{context.instance}"
        place = Place(context.member, service, group, kind, life, self.began_s)
        self._part = Part(place, option)

    def started(self) -> list[Effect]:
        """Read the ballot, in both its slots."""
        return self._part.started()

    def step(self, message: Message) -> list[Effect]:
        """Hand what is said, and when and by whom, to the part."""
        context, envelope = self.context, self.envelope
        asker = envelope.ticket or Ticket(envelope.sender, "")
        moment = Moment(
            context.now(), context.random, context.world.hlc_now, asker, envelope.answers
        )
        effects = self._part.step(moment, message, envelope.sender)
        return super().step(message) if effects is None else effects


class ElectionsActor(Actor):
    """`election`: an actor for each election this member takes part in, and what the ring says."""

    lane = "urgent"

    def __init__(self, context: Context, option: ElectionOption) -> None:
        super().__init__(context)
        self._option = option
        self._groups = Groups()
        self._services: dict[ElectionId, str] = {}
        self._told: dict[ElectionId, RingSeen] = {}
        self._leaving: dict[ElectionId, list[Ticket]] = {}
        self._departing: list[Ticket] = []
        self._is_departing = False
        self._inquiries = Inquiries(str(context.instance), VIEW_S, AnswersDue, _views)
        self._is_listed = False

    def started(self) -> list[Effect]:
        """Find the ballots on disk: who promised something must be there to keep it."""
        return [Spawn(rounds.PATH, RoundsActor, (), ROUNDS), *self._subscribe(again=False)]

    def step(self, message: Message) -> list[Effect]:
        """Start and end elections, pass on what concerns one, tell them what the ring says."""
        match message:
            case SubscribeAgain():
                return self._subscribe(again=True)
            case DirectoryListed():
                return self._listed(message)
            case MembersChanged():
                return self._tell(self._services) if self._groups.members(message) else []
            case RumorsChanged(rumors, complete):
                about = self._groups.rumors(rumors, complete=complete)
                return self._tell(one for one in self._services if one[0] in about)
            case Subscribe():
                return self._subscribed()
            case StandForElection(service, group, kind):
                if self._is_departing or not _GROUP.fullmatch(group):
                    return []
                return [*self._child((group, kind), service), self._pass_on((group, kind), message)]
            case WithdrawFromElection(_, group, kind):
                return self._withdraw((group, kind), message)
            case GiveUpSeats():
                return self._depart()
            case SeatGivenUp(group, kind):
                return self._given_up((group, kind))
            case AnswersDue(call):
                return self._overdue(call)
            case QueryElections(group):
                return self._query(group)
            case Elections(found):
                return self._inquiries.hear(self.envelope.answers, found)
            case CallFailed() | Ok():
                return self._inquiries.hear(self.envelope.answers, ())
            case _:
                return self._order(message)

    def _order(self, message: Message) -> list[Effect]:
        """What concerns one election."""
        match message:
            case (
                ServiceFitness(group, kind)
                | RoleSettled(group, kind)
                | SuitabilityRead(group, kind)
            ):
                known = (group, kind) in self._services
                return [self._pass_on((group, kind), message)] if known else []
            case AskRole(group, kind):
                if (group, kind) in self._services:
                    return [self._pass_on((group, kind), message)]
                # Before the ballots are found nobody can say; the service asks again.
                return [Reply(RoleChanged(group, kind, "none", 0))] if self._is_listed else []
            case LeadClaimed(group, kind) | Introduce(group, kind):
                sibling: ElectionId = group, other(kind)
                known = sibling in self._services
                return [Send(path_of(sibling), message)] if known else []
            case StepDown(group, kind):
                return self._ordered((group, kind), message, "not-leader")
            case BootstrapElectorate(group):
                rolls = (group, "topology") not in self._services
                kind = "update" if rolls and (group, "update") in self._services else "topology"
                return self._ordered((group, kind), message, "no-election")
            case _:
                return super().step(message)

    # ── children ──

    def _child(self, election: ElectionId, service: str) -> list[Effect]:
        self._services[election] = service
        args = (service, election, self._option)
        return [Spawn(path_of(election), ElectionActor, args, CHILD)]

    def _pass_on(self, election: ElectionId, message: Message) -> Send:
        """Let an election answer whoever asked."""
        ticket = self.envelope.ticket or Ticket(self.envelope.sender, "")
        return Send(path_of(election), message, ticket)

    def _ordered(self, election: ElectionId, message: Message, code: str) -> list[Effect]:
        if election in self._services:
            return [self._pass_on(election, message)]
        group, kind = election
        text = f"this member takes no part in an election of {group} ({kind})"
        return [Reply(CallFailed("Refused", text, code))]

    def _listed(self, listed: DirectoryListed) -> list[Effect]:
        if listed.error:
            return []
        self._is_listed = True
        effects: list[Effect] = []
        for file in listed.files:
            found = _BALLOT.fullmatch(file.name)
            if found is None:
                continue
            kind: ElectionKind = "topology" if found["kind"] == "topology" else "update"
            election: ElectionId = str(found["group"]), kind
            if election not in self._services:
                effects += self._child(election, found["group"].partition(".")[0])
        return effects

    def _withdraw(self, election: ElectionId, message: WithdrawFromElection) -> list[Effect]:
        if election not in self._services:
            return [Reply(Ok(f"it takes no part in an election of {election[0]}"))]
        ticket = self.envelope.ticket or Ticket(self.envelope.sender, "")
        self._leaving.setdefault(election, []).append(ticket)
        call = path_of(election)
        return [
            Send(call, message),
            After(GIVE_UP_S, AnswersDue(call), f"leaving:{call}"),
        ]

    def _depart(self) -> list[Effect]:
        ticket = self.envelope.ticket or Ticket(self.envelope.sender, "")
        self._departing.append(ticket)
        self._is_departing = True
        left: list[Effect] = [Send(path_of(one), GiveUpSeats()) for one in sorted(self._services)]
        overdue = After(GIVE_UP_S, AnswersDue("depart"), "leaving:depart")
        return [*left, overdue, *self._departed()]

    def _departed(self) -> list[Effect]:
        if self._services:
            return []
        waiting_, self._departing = self._departing, []
        return [Reply(Ok("all seats are given up"), ticket) for ticket in waiting_]

    def _given_up(self, election: ElectionId) -> list[Effect]:
        if self._services.pop(election, None) is None:
            return []
        self._told.pop(election, None)
        tickets = self._leaving.pop(election, [])
        answers: list[Effect] = [Reply(Ok("the seat is given up"), ticket) for ticket in tickets]
        return [Stop(path_of(election)), *answers, *self._departed()]

    def _overdue(self, call: str) -> list[Effect]:
        if call == "depart":
            tickets, self._departing = self._departing, []
        elif viewed := self._inquiries.late(call):
            return viewed
        else:
            election = next((one for one in self._leaving if path_of(one) == call), None)
            tickets = self._leaving.pop(election, []) if election is not None else []
        return [Reply(Ok("the seat is being given up"), ticket) for ticket in tickets]

    # ── the ring ──

    def _subscribe(self, *, again: bool) -> list[Effect]:
        effects: list[Effect] = [
            Send("gossip", Subscribe(groups.KINDS, again)),
            After(AGAIN_S, SubscribeAgain(), "again"),
        ]
        if not self._is_listed:
            effects.append(Send("port/files", WatchDirectory(BALLOTS, once=True)))
        return effects

    def _subscribed(self) -> list[Effect]:
        child = self.envelope.sender
        election = next((one for one in self._services if path_of(one) == child), None)
        if election is None:
            return []
        self._told.pop(election, None)
        return self._tell([election])

    def _tell(self, elections: Iterable[ElectionId]) -> list[Effect]:
        effects: list[Effect] = []
        for election in elections:
            seen = self._groups.seen(election)
            if seen is not None and seen != self._told.get(election):
                self._told[election] = seen
                effects.append(Send(path_of(election), seen))
        return effects

    # ── views ──

    def _query(self, group: str) -> list[Effect]:
        asked = [path_of(one) for one in sorted(self._services) if group in ("", one[0])]
        ticket = self.envelope.ticket or Ticket(self.envelope.sender, "")
        return self._inquiries.begin(asked, QueryElections(group), ticket)


def _views(found: list[ElectionView]) -> Elections:
    return Elections(tuple(sorted(found, key=lambda view: (view.service_group, view.kind))))
