"""One member's part in one election: the rules, the ballot's files, operators, and the ring.

What `rules` decides is passed on as it is. Here is what lies around it: the ballot is read before
anything else is heard, the ring is told what others have to know, an operator is answered, and the
electorate is founded when nothing speaks against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from actors.effects import After, Ask, Cancel, Effect, Emit, Load, Persist, Reply, Send
from actors.election import ballot as ballots
from actors.election import electorate, groups, orders, rules, seats, siblings, telling, waiting
from actors.election.founding import Occasion, Sight
from actors.election.roles import present
from actors.election.rules import Heard
from actors.election.state import NEVER, Decision, Election, Leading, Place, opened, tell_service
from actors.messages.base import Message, split_address
from actors.messages.election import (
    ElectionFrame,
    ElectionKind,
    Electorate,
    Leadership,
    ProposeElectorate,
)
from actors.messages.election_events import ElectionWaits, LeaseRenewed, StepDownOrdered, VotesLost
from actors.messages.election_orders import (
    AskRole,
    BootstrapElectorate,
    ElectionDue,
    Elections,
    GiveUpSeats,
    Introduce,
    LeadClaimed,
    LookDue,
    QueryElections,
    RenewalAcked,
    RenewalHeard,
    RingSeen,
    RoleSettled,
    SeatGivenUp,
    ServiceFitness,
    StandForElection,
    StepDown,
    SuitabilityRead,
    WithdrawFromElection,
)
from actors.messages.envelope import Ticket
from actors.messages.ring import Members, QueryMembers, RememberMembers, Subscribe
from actors.messages.runtime import CallFailed, Loaded, Ok, PersistFailed

if TYPE_CHECKING:
    from random import Random

PARENT: Final = "election"
LOOK_S: Final = 5.0  # what the ring is told is compared with what it says
FOUND_S: Final = 1.0  # while there is no electorate
ROLL_S: Final = 60.0  # for members of a group that only rolls to be seen, before it is founded
SERVICE_S: Final = 10.0  # for the service of a resumed leader to be there; else it steps down
LEFT_S: Final = 60.0  # for the service of a ballot that binds to nothing; else it is removed
_FRAMES: Final = get_args(ElectionFrame)


@dataclass(frozen=True, slots=True)
class ElectionOption:
    """How elections are run here. `lease_events_s`: between two events of one leader's renewals."""

    lease_events_s: float = NEVER


@dataclass(frozen=True, slots=True)
class Moment:
    """A turn: its time (seconds), who asks, which call is answered.

    `stamp` reads the hybrid clock.
    """

    now: float
    random: Random
    stamp: Callable[[], int]
    asker: Ticket
    answers: str = ""


class Part:
    """A member's part in one election. Nothing is heard before `started` and two `Loaded`."""

    def __init__(self, place: Place, option: ElectionOption) -> None:
        self._place = place
        self._option = option
        self._at: Moment
        self._slots: list[ballots.Slot] = []
        self._state: Election | None = None
        self._seen: RingSeen | None = None
        self._stood: StandForElection | None = None
        self._told: Leadership | None = None
        self._has_told = False  # whether the ring knows from this instance
        self._sent: Electorate | None = None
        self._stepping: list[tuple[Ticket, int]] = []  # who waits for the leader of a term to stop
        self._handed_to = ""
        self._founding: dict[str, tuple[Ticket, bool]] = {}  # call → who wants it, whether forced
        self._calls = 0
        self._lease_said: tuple[int, float] = (0, 0.0)  # term, and until when
        self._waits = ""
        self._claims: bool | None = None  # as the sibling was told
        self._record_told: Electorate | None = None  # of kind `update`, to who updates
        self._is_over = False

    # ── a life ──

    def started(self) -> list[Effect]:
        """Read the ballot, in both its slots."""
        files = self._place.files
        return [Load(ballots.path(files, slot)) for slot in range(ballots.SLOTS)]

    def step(self, at: Moment, message: Message, sender: str) -> list[Effect] | None:
        """Hand what is said to the rules; answer who asks. None: it is not understood."""
        self._at = at
        if isinstance(message, Loaded):
            return self._loaded(message)
        if self._is_over:
            return [Send(PARENT, SeatGivenUp(*self._place.names))]
        if isinstance(message, _FRAMES):
            return self._frame(message, sender)
        if isinstance(message, RenewalHeard | RenewalAcked):
            return self._from(message.member, message)
        return self._local(message)

    def _local(self, message: Message) -> list[Effect] | None:
        state, now = self._known, self._at.now
        match message:
            case LookDue():
                return self._look()
            case RingSeen():
                self._seen = message
                return self._from("", message)
            case StandForElection():
                self._stood = message
                return self._from("", message)
            case GiveUpSeats():
                return self._from("", WithdrawFromElection(*self._whose))
            case Introduce():
                return [Send(PARENT, LeadClaimed(*state.names, siblings.claims(state)))]
            case AskRole():
                self._record_told = None
                # Silent: the service is told as soon as there is something to say.
                said = [] if telling.is_silent(state, now) else [Reply(present(state))]
                return [*said, *self._tell_record_here()]
            case QueryElections():
                return [Reply(Elections((waiting.view(state, now),)))]
            case StepDown():
                return self._step_down(message)
            case BootstrapElectorate(force=force):
                return self._bootstrap(force=force)
            case Members():
                return self._members(message)
            case Ok() | CallFailed():
                return self._answered(message)
            case (
                ElectionDue()
                | LeadClaimed()
                | ServiceFitness()
                | RoleSettled()
                | SuitabilityRead()
                | WithdrawFromElection()
                | PersistFailed()
            ):
                return self._from("", message)
            case _:
                return None

    @property
    def _known(self) -> Election:
        assert self._state is not None, "mail waits until the ballot is read"
        return self._state

    def _loaded(self, message: Loaded) -> list[Effect]:
        self._slots.append(ballots.Slot(message.data, message.damaged))
        if len(self._slots) < ballots.SLOTS:
            return []
        place = self._place
        voter = f"{place.instance}.{self._drawn()}"
        state, lost = opened(place, tuple(self._slots), voter)
        process = f"service:{place.service}" if place.kind == "topology" else ""
        # Whether its service would lead is known when that says so; a term that was won before is
        # asked for meanwhile.
        state = replace(state, stands=False, process=process)
        said: list[Effect] = [Emit(VotesLost(*state.names, voter))] if lost else []
        begun = self._decided(rules.start(state, self._at.now))
        asked = [Send(PARENT, Introduce(*state.names)), Send(PARENT, Subscribe())]
        return [*said, *asked, After(FOUND_S, LookDue(), "look"), *begun]

    # ── what is said ──

    def _frame(self, message: ElectionFrame, sender: str) -> list[Effect] | None:
        """A peer's frame: only the same election of another member speaks this language."""
        member, path = split_address(sender)
        if member is None or path != self._place.path or not self._is_mine(message):
            return None
        seen = self._seen
        if seen is not None and member in seen.departed:
            return []
        if isinstance(message, ProposeElectorate) and (seen is None or member not in seen.living):
            return []  # it binds: only for who is known to live
        return self._from(member, message)

    def _is_mine(self, message: Message) -> bool:
        """Whether what it says is about this very group, and a record it brings can be one."""
        group, kind = self._place.service_group, self._place.kind
        if isinstance(message, ProposeElectorate):
            return message.service_group == group and message.keeper == kind
        record: Electorate | None = getattr(message, "record", None)
        if record is None:
            return True
        mine = record.service_group == group and record.keeper == kind
        return mine and groups.is_whole(record)

    def _from(self, member: str, message: Heard) -> list[Effect]:
        at = self._at
        return self._decided(rules.step(self._known, member, message, at.now, at.random))

    def _drawn(self) -> str:
        """What makes an id one that was never used, whatever became of the disk."""
        return f"{self._at.random.getrandbits(32):08x}"

    def _decided(self, decision: Decision) -> list[Effect]:
        self._state, effects = decision
        effects = [effect for one in effects for effect in self._filtered(one)]
        told = [*self._tell_ring(), *self._tell_sibling(), *self._tell_record_here()]
        return [*effects, *told, *self._settle_orders(), *self._give_up()]

    def _filtered(self, effect: Effect) -> list[Effect]:
        match effect:
            case After(delay_s, _, name) if delay_s == NEVER:
                return [Cancel(name)]
            case Emit(LeaseRenewed(term=term, until_s=until_s)):
                said_term, said_s = self._lease_said
                if term == said_term and until_s - said_s < self._option.lease_events_s:
                    return []
                self._lease_said = term, until_s
                return [effect]
            case _:
                return [effect]

    # ── what the ring is told, and what it says ──

    def _tell_ring(self) -> list[Effect]:
        state = self._known
        effects: list[Effect] = []
        told = telling.leadership(state)
        is_new = not self._has_told or told != self._told
        if is_new and not telling.is_undecided(state):
            self._told, self._has_told = told, True
            effects.append(telling.of_leader(state, told))
        if isinstance(state.phase, Leading) and self._seen is not None:
            effects += self._tell_record()
        return effects

    def _tell_record(self) -> list[Effect]:
        record = telling.news(self._known, self._seen)
        if record is None or record == self._sent:
            return []
        self._sent = record
        return [telling.of_record(record)]

    def _tell_sibling(self) -> list[Effect]:
        claims = siblings.claims(self._known)
        if claims == self._claims:
            return []
        self._claims = claims
        return [Send(PARENT, LeadClaimed(*self._place.names, claims))]

    def _tell_record_here(self) -> list[Effect]:
        """Who updates the service decides by majorities of the same voters."""
        record = self._known.record
        if self._place.kind == "topology" or record is None or record == self._record_told:
            return []
        self._record_told = record
        return [tell_service(self._known, record)]

    def _look(self) -> list[Effect]:
        """Now and then: found, repeat what the ring has lost, say what is waited for."""
        effects = self._from("", ElectionDue())
        if self._is_over:
            return effects
        state, now, seen = self._known, self._at.now, self._seen
        if self._stood is None and now >= self._place.began_s + SERVICE_S and state.stands is False:
            effects += self._from("", ServiceFitness(*self._place.names, leads=False))
        if self._is_nobodys():
            return [*effects, *self._from("", WithdrawFromElection(*self._whose))]
        if state.record is not None:
            seats = sorted({voter.member for voter in electorate.electors(state.record)})
            effects.append(Send("gossip", RememberMembers(tuple(seats))))
        if seen is None:
            effects.append(Send(PARENT, Subscribe()))
        else:
            self._sent = None
            effects += self._tell_record()
            said = seen.leader if seen.leader and seen.leader.leader == self._place.me else None
            if self._has_told and said != self._told:
                effects.append(telling.of_leader(state, self._told))
        self._claims = None  # it is told again
        effects += self._tell_sibling()
        if self._may_found():
            effects.append(Ask("gossip", QueryMembers(), "members"))
        effects += self._say_what_is_waited_for()
        pause_s = LOOK_S if self._known.record is not None else FOUND_S
        # First: what follows a write that fails is not done, and the next look must be.
        return [After(pause_s, LookDue(), "look"), *effects]

    @property
    def _whose(self) -> tuple[str, str, ElectionKind]:
        return self._place.service, self._place.service_group, self._place.kind

    def _is_nobodys(self) -> bool:
        """Whether the ballot was left behind: it binds to nothing, and no service asks for it."""
        ballot = self._known.ballot
        free = ballot.record is None and ballot.bound is None and ballot.open is None
        return free and self._stood is None and self._at.now >= self._place.began_s + LEFT_S

    def _say_what_is_waited_for(self) -> list[Effect]:
        reason = waiting.reason(self._known, self._at.now)
        topic = re.sub(r"[0-9.]+", "", reason)  # seconds pass without being news
        if topic == self._waits:
            return []
        self._waits = topic
        return [Emit(ElectionWaits(*self._place.names, reason))] if reason else []

    # ── founding ──

    def _may_found(self) -> bool:
        state, ballot = self._known, self._known.ballot
        free = state.record is None and state.seen is None and not ballot.leaving
        unbound = ballot.open is None and ballot.bound is None
        return free and unbound and self._stood is not None and self._seen is not None

    def _members(self, ring: Members) -> list[Effect]:
        call = self._at.answers
        ticket, forced = self._founding.pop(call, (None, False))
        effects: list[Effect] = []
        if self._seen is not None and (ticket is not None or self._may_found()):
            effects = self._from("", self._occasion(ring, self._seen, forced=forced))
        if ticket is not None:
            effects.append(Reply(orders.founded(self._known), ticket))
        return effects

    def _occasion(self, ring: Members, seen: RingSeen, *, forced: bool) -> Occasion:
        stood, me = self._stood, self._place.me
        candidates = {*seen.candidates, me}
        # Who only rolls expects nobody: whatever its spec says is of a group with a leader.
        only_rolls = self._place.kind == "update" and not seen.expect
        own = stood.bootstrap_expect if stood is not None and not only_rolls else 0
        expect = max(seen.expect, own)
        waited_s = self._at.now - self._place.began_s
        wait_s = ROLL_S - waited_s if only_rolls else 0.0
        seeds, order = (ring.seeds, ring.seeds_joined), tuple(sorted(candidates))
        sight = Sight(*seeds, ring.unsynced, order, expect, wait_s)
        proposal = f"{me[:8]}.{self._place.instance}.{self._drawn()}"
        return Occasion(sight, proposal, self._at.stamp(), forced)

    def _bootstrap(self, *, force: bool) -> list[Effect]:
        state = self._known
        if state.record is not None:
            return [Reply(orders.founded(state))]
        if state.seen is not None and not force:
            return [Reply(orders.known(state, state.seen))]
        if self._stood is None or self._seen is None:
            what = "its service is not loaded" if self._seen else "the ring is not settled"
            return [Reply(CallFailed("ActorUnavailableError", f"{what} yet; try again"))]
        self._calls += 1
        call = f"bootstrap:{self._calls}"
        self._founding[call] = self._at.asker, force
        return [Ask("gossip", QueryMembers(), call)]

    def _answered(self, message: Ok | CallFailed) -> list[Effect]:
        """An answer of gossip: what it did not take is told again at the next look."""
        asked = self._founding.pop(self._at.answers, None)
        return [] if asked is None else [Reply(message, asked[0])]

    # ── stepping down, leaving ──

    def _step_down(self, order: StepDown) -> list[Effect]:
        state = self._known
        refusal = orders.not_leading(state, order.to, self._at.now)
        if refusal is not None:
            return [Reply(refusal)]
        assert isinstance(state.phase, Leading)
        term = state.phase.term
        self._stepping.append((self._at.asker, term))
        said = Emit(StepDownOrdered(*self._place.names, term, order.to))
        return [said, *self._from("", order)]

    def _settle_orders(self) -> list[Effect]:
        state = self._known
        if isinstance(state.phase, Leading):
            self._handed_to = state.phase.ending.to if state.phase.ending is not None else ""
        effects: list[Effect] = []
        for ticket, term in list(self._stepping):
            answer = orders.outcome(state, term, self._handed_to)
            if answer is not None:
                self._stepping.remove((ticket, term))
                effects.append(Reply(answer, ticket))
        return effects

    def _give_up(self) -> list[Effect]:
        """Bound by nothing any more: forget the ballot, and end."""
        state = self._known
        if not seats.is_given_up(state):
            return []
        self._is_over = True
        last = state.record is not None and state.is_voter
        files = state.place.files
        return [
            Cancel("due"),
            Cancel("look"),
            *([telling.of_record(state.record, gone=True)] if last and state.record else []),
            *(Persist(ballots.path(files, slot), None) for slot in range(ballots.SLOTS)),
            Send(PARENT, SeatGivenUp(*self._place.names)),
        ]
