"""A member's part in its group's rolling updates: memory, turn, and conducting where it leads.

The pieces are pure and apart (`memory`, `turn`, `moves`, `conduct`); here it is decided who hears
what. The member stands in the group's `update` election, never to lead it while it is the topology
leader of others, and conducts in each term that it wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from actors.effects import After, Ask, Cancel, Effect, Load, Reply, Send
from actors.messages.base import MemberId, Message, join_address, split_address
from actors.messages.depot import PackageResolved
from actors.messages.election_orders import (
    AskRole,
    Elections,
    QueryElections,
    ReadSuitability,
    RoleChanged,
    RoleSettled,
    StandForElection,
    SuitabilityRead,
    WithdrawFromElection,
)
from actors.messages.envelope import Ticket
from actors.messages.groups import GroupFacts
from actors.messages.ring import Census, PublishRumor, Subscribe
from actors.messages.rollout import (
    AskReport,
    AskRollout,
    OrderRollout,
    QueryRollouts,
    RolloutReport,
    Rollouts,
    RolloutStored,
    RolloutTold,
    Seated,
    StoreRollout,
    UpdateTurn,
)
from actors.messages.runtime import CallFailed, Loaded, Ok, PersistFailed
from actors.messages.service import (
    HEALTHY,
    AnswerOverdue,
    Progress,
    ServiceSettled,
    ServiceStatus,
    UpdateStatus,
)
from actors.messages.update import (
    DepotChanged,
    PollDue,
    ReleaseFound,
    TickDue,
    UpdateTold,
)
from actors.update import at_once, conduct, memory, turn
from actors.update.conduct import Conducting
from actors.update.configs import Configs, configs_of, promotion
from actors.update.memory import Memory
from actors.update.scene import PATIENCE, Peer, Scene
from actors.update.state import Moment, Updating, is_pinned
from actors.update.turn import Grounds, Turn
from actors.update.views import status_of, view

KIND: Final = "update"
SEATS: Final = "seats"  # the call by which the elections are asked about
STAND_S: Final = 5.0  # standing and subscriptions are messages, and repeated
TICK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message brings with it: who said it, what it answers, whom an answer would reach."""

    sender: str
    call: str
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Rolling:
    """A member's part. `polling` asks what the depot offers, while it conducts.

    `keyed`: the ring has a key. `seated` are the voters, as the own election has them; `leader`
    conducts, in `term` as far as the election said, and `topology` leads the service. `well_since`:
    since when the service is up and healthy. `configs` are the group's. `told` is what specs was
    told last.
    """

    me: MemberId
    service: str
    group: str
    standing: ServiceStatus
    polling: Updating
    memory: Memory
    loaded: bool = False
    keyed: bool = False
    turn: Turn = field(default_factory=Turn)
    conducting: Conducting | None = None
    leader: MemberId = ""
    topology: MemberId = ""
    term: int = 0
    why: str = ""
    peers: Mapping[MemberId, Peer] = field(default_factory=dict)
    seated: Seated = field(default_factory=lambda: Seated(()))
    told: UpdateStatus | None = None
    configs: Configs | None = None
    well_since: float | None = None

    @property
    def path(self) -> str:
        """The actor's path, the same at each member."""
        return f"update/{self.service}"


Decision = tuple[Rolling, list[Effect]]


def begin(me: MemberId, standing: ServiceStatus, *, keyed: bool = False) -> Decision:
    """A service that rolls: read what was decided before; everything else follows."""
    spec = standing.spec
    service, group = spec.service, spec.service_group
    polling = Updating(service, goes=False)
    rolling = Rolling(me, service, group, standing, polling, Memory(group), keyed=keyed)
    return rolling, [Load(memory.path(group))]


def end(rolling: Rolling) -> list[Effect]:
    """The service rolls no more: its seat is given up."""
    left = WithdrawFromElection(rolling.service, rolling.group, KIND)
    untold = PublishRumor("rollout", rolling.group, gone=True)
    timers = [Cancel("stand"), Cancel("tick"), Cancel("poll")]
    return [Send("election", left), Send("gossip", untold), *timers]


def step(rolling: Rolling, message: Message, on: Heard, at: Moment) -> Decision:
    """The next state and what it asks for."""
    if isinstance(message, Loaded):
        loaded = memory.decode(rolling.group, message.data)
        well_since = _well(rolling, rolling.standing, at)
        rolling = replace(rolling, memory=loaded, loaded=True, well_since=well_since)
        rolling, effects = _stand(rolling)
        return rolling, [_ask_role(rolling), *effects]
    if not rolling.loaded:
        return rolling, []
    rolling, effects = _react(rolling, message, on, at)
    rolling, more = _look(rolling, at)
    return _tell(rolling, [*effects, *more], again=isinstance(message, ServiceSettled))


def _react(rolling: Rolling, message: Message, on: Heard, at: Moment) -> Decision:
    match message:
        case ServiceSettled(status):
            rolling = replace(rolling, standing=status, well_since=_well(rolling, status, at))
            return _poll(rolling, message, on, at)
        case Census():
            return _ring(rolling, message), []
        case GroupFacts():
            return replace(rolling, configs=configs_of(message, rolling.group)), []
        case Elections():
            rolling = _seats(rolling, message)
            missed = rolling.leader == rolling.me and rolling.conducting is None
            return rolling, [_ask_role(rolling)] if missed else []
        case RoleChanged():
            return _role(rolling, message, at)
        case ReadSuitability(group, kind, term):
            return rolling, [Send("election", SuitabilityRead(group, kind, term, 0))]
        case TickDue(what="stand"):
            return _stand(rolling)
        case TickDue():
            return _tick(rolling, at)
        case PersistFailed():
            return replace(rolling, memory=memory.not_kept(rolling.memory)), []
        case OrderRollout():
            return _ordered(rolling, message, on, at)
        case QueryRollouts():
            return rolling, [Reply(Rollouts((view(rolling),)), on.ticket)]
        case Progress() if on.call == rolling.turn.call and on.call:
            return replace(rolling, turn=turn.moved(rolling.turn, on.call)), []
        case PackageResolved() | CallFailed() | Ok() if on.call and on.call == rolling.turn.call:
            answer = None if isinstance(message, Ok) else message
            taken, effects = turn.answered(rolling.turn, answer, on.call, grounds(rolling, at))
            return replace(rolling, turn=taken), effects
        case PollDue() | DepotChanged() | ReleaseFound() | CallFailed() | AnswerOverdue():
            return _poll(rolling, message, on, at)
        case _:
            return _from_peer(rolling, message, on, at)


def _from_peer(rolling: Rolling, message: Message, on: Heard, at: Moment) -> Decision:
    """What other members, and we ourselves as one of them, say."""
    member = split_address(on.sender)[0] or rolling.me
    match message:
        case AskRollout():
            kept, effects, told = memory.told(rolling.memory, message)
            return replace(rolling, memory=kept), [*effects, Send(on.sender, told)]
        case StoreRollout():
            kept, effects, stored = memory.store(rolling.memory, message)
            rolling = _learned(replace(rolling, memory=kept))
            return rolling, [*effects, Send(on.sender, stored)]
        case AskReport(term=term):
            report = turn.report(rolling.turn, rolling.group, term, grounds(rolling, at))
            return rolling, [Send(on.sender, report)]
        case UpdateTurn():
            return _granted(rolling, message, at)
        case RolloutTold() | RolloutStored() | RolloutReport():
            if rolling.conducting is None:
                return rolling, []
            conducting, effects = conduct.heard(
                rolling.conducting, member, message, scene(rolling, at)
            )
            return replace(rolling, conducting=conducting), effects
        case _:
            return rolling, []  # an answer to what is over


# ── the ring, and the election ──


def _stand(rolling: Rolling) -> Decision:
    """Take part in the election, and follow the census; again each few seconds."""
    spec = rolling.standing.spec
    leads = spec.desired_state == "up" and not _leads_others(rolling)
    stand = StandForElection(
        rolling.service, rolling.group, KIND, spec.bootstrap_expect, process="", leads=leads
    )
    conducting = rolling.conducting
    decided = conducting.rollout if conducting is not None else None
    return rolling, [
        *([conduct.told_ring(decided)] if decided is not None else []),
        *promotion(decided, rolling.configs, said=True),
        Send("election", stand),
        Send("census", Subscribe(("config",))),
        Ask("election", QueryElections(rolling.group), SEATS),
        After(STAND_S, TickDue("stand"), name="stand"),
    ]


def _ask_role(rolling: Rolling) -> Effect:
    """Ask what this member is: an instance before this one may have been told."""
    return Send("election", AskRole(rolling.group, KIND))


def _ring(rolling: Rolling, census: Census) -> Rolling:
    """Who is in the group, and what each runs."""
    peers = {
        member.info.member: Peer(
            member.info.package,
            gone=member.health in ("confirmed", "departed"),
            leads=member.info.member == rolling.topology,
            config=member.info.config,
        )
        for member in census.groups.get(rolling.group, ())
        if member.info.strategy == "rolling"
    }
    return replace(rolling, peers=peers)


def _leads_others(rolling: Rolling) -> bool:
    """Whether this member is the topology leader, and there is somebody else to conduct."""
    mine = rolling.peers.get(rolling.me)
    others = any(m != rolling.me and not p.gone for m, p in rolling.peers.items())
    return mine is not None and mine.leads and others


def _seats(rolling: Rolling, answer: Elections) -> Rolling:
    """Who votes, who leads: as the own elections see it.

    While the electorate changes nothing is decided.
    """
    views = {v.kind: v for v in answer.elections if v.service_group == rolling.group}
    update, topology = views.get(KIND), views.get("topology")
    voters: tuple[MemberId, ...] = ()
    if update is not None and update.committed:
        voters = tuple(seat.member for seat in update.seats)
    leader = topology.leader if topology is not None else ""
    peers = {m: replace(peer, leads=m == leader) for m, peer in rolling.peers.items()}
    return replace(
        rolling,
        seated=Seated(voters),
        peers=peers,
        topology=leader,
        leader=update.leader if update is not None else "",
        why=update.reason if update is not None else "there is no election yet",
    )


def _role(rolling: Rolling, told: RoleChanged, at: Moment) -> Decision:
    """The election says what this member is."""
    settled = Send("election", RoleSettled(rolling.group, KIND, told.role, told.term))
    if rolling.conducting is not None and told.term < rolling.conducting.term:
        return rolling, [settled]  # of a term that is over
    rolling = replace(rolling, leader=told.leader, term=told.term, why=told.reason)
    conducting = rolling.conducting
    if told.role == "leader":
        if conducting is not None and conducting.term == told.term:
            return rolling, [settled]
        fresh = Conducting(rolling.group, rolling.path, rolling.me, told.term)
        rolling = replace(rolling, conducting=fresh, leader=rolling.me)
        rolling, effects = _tick(rolling, at)
        # What an earlier term asked, or heard, is of then.
        polling = Updating(rolling.service, goes=False, standing=rolling.standing)
        polled, asked = at_once.step(polling, PollDue(), "", at)
        return replace(rolling, polling=polled), [settled, *effects, *asked]
    effects = _unanswered(conducting)
    return replace(rolling, conducting=None), [settled, *effects]


def _unanswered(conducting: Conducting | None) -> list[Effect]:
    """Operators whose order may or may not be decided, by the next conductor."""
    if conducting is None:
        return []
    tickets = [*conducting.answers, *(ticket for _, ticket in conducting.orders)]
    text = "the conductor has changed meanwhile; `hab svc rollout status` shows what is decided"
    return [
        Reply(CallFailed("ActorUnavailableError", text, "conductor"), ticket) for ticket in tickets
    ]


# ── time ──


def _tick(rolling: Rolling, at: Moment) -> Decision:
    effects: list[Effect] = []
    if rolling.conducting is not None:
        conducting, effects = conduct.tick(rolling.conducting, scene(rolling, at))
        rolling = replace(rolling, conducting=conducting)
    if rolling.conducting is None and not turn.is_open(rolling.turn):
        return rolling, effects
    effects.append(Ask("election", QueryElections(rolling.group), SEATS))
    return rolling, [*effects, After(TICK_S, TickDue(), name="tick")]


def _look(rolling: Rolling, at: Moment) -> Decision:
    """The turn and the conductor see what has changed."""
    taken, effects = turn.look(rolling.turn, grounds(rolling, at))
    rolling = replace(rolling, turn=taken)
    if turn.is_open(taken) and not effects and rolling.conducting is None:
        effects = [After(TICK_S, TickDue(), name="tick")]
    return rolling, effects


def _poll(rolling: Rolling, message: Message, on: Heard, at: Moment) -> Decision:
    """What the depot offers matters to the conductor alone."""
    if rolling.conducting is None and not isinstance(message, ServiceSettled):
        return rolling, []
    polled, effects = at_once.step(rolling.polling, message, on.call, at)
    shown = [e for e in effects if not (isinstance(e, Send) and isinstance(e.message, UpdateTold))]
    return replace(rolling, polling=polled), shown


# ── the turn ──


def grounds(rolling: Rolling, at: Moment) -> Grounds:
    """What a turn depends on."""
    spec = rolling.standing.spec
    return Grounds(
        rolling.me,
        at.instance,
        rolling.standing,
        _leads_others(rolling),
        float(spec.drain),
        float(spec.health_grace),
        at.now,
        at.now - rolling.well_since if rolling.well_since is not None else 0.0,
        rolling.configs,
    )


def _well(rolling: Rolling, status: ServiceStatus, at: Moment) -> float | None:
    """Since when the service has been up and healthy, without an end in between."""
    if status.stage != "up" or status.health not in HEALTHY:
        return None
    same = status.pid == rolling.standing.pid and rolling.well_since is not None
    return rolling.well_since if same else at.now


def _learned(rolling: Rolling) -> Rolling:
    newest = rolling.memory.rollout
    if newest is None:
        return rolling
    return replace(rolling, turn=turn.withdrawn(rolling.turn, newest))


def _granted(rolling: Rolling, order: UpdateTurn, at: Moment) -> Decision:
    """A turn is obeyed only if its step is the greatest this member has ever seen, on disk."""
    kept, known, effects = memory.take(rolling.memory, order.rollout)
    rolling = replace(rolling, memory=kept)
    if not known:
        return rolling, effects
    taken, more = turn.granted(rolling.turn, order, grounds(rolling, at))
    return replace(rolling, turn=taken), [*effects, *more]


# ── conducting ──


def scene(rolling: Rolling, at: Moment) -> Scene:
    """What the next move depends on."""
    spec = rolling.standing.spec
    conducting = rolling.conducting
    return Scene(
        rolling.me,
        rolling.seated,
        rolling.peers,
        conducting.heard if conducting is not None else {},
        "" if is_pinned(spec) else rolling.polling.offered,
        spec.on_failure,
        float(spec.health_grace),
        max(PATIENCE * spec.health_grace, 30.0),
        at.now,
        at.wall,
        configs=rolling.configs,
    )


def _ordered(rolling: Rolling, message: OrderRollout, on: Heard, at: Moment) -> Decision:
    """An operator's order: for the conductor, whoever that is."""
    if rolling.conducting is not None and not rolling.conducting.deposed:
        conducting, effects = conduct.order(
            rolling.conducting, message, on.ticket, scene(rolling, at)
        )
        return replace(rolling, conducting=conducting), effects
    if rolling.leader and rolling.leader != rolling.me and not split_address(on.sender)[0]:
        if not rolling.keyed:
            text = (
                f"{rolling.leader} conducts the updates of {rolling.group}: ask its supervisor; "
                "orders go through the ring only where it has a key"
            )
            return rolling, [Reply(CallFailed("Refused", text, "not-conductor"), on.ticket)]
        to = join_address(rolling.leader, rolling.path)
        return rolling, [Send(to, message, on.ticket)]
    why = f": {rolling.why}" if rolling.why else ""
    text = f"nobody conducts the updates of {rolling.group} now{why}"
    return rolling, [Reply(CallFailed("Refused", text, "no-conductor"), on.ticket)]


# ── telling ──


def _tell(rolling: Rolling, effects: list[Effect], *, again: bool) -> Decision:
    status = status_of(rolling)
    if status != rolling.told or again:
        effects = [*effects, Send("specs", UpdateTold(rolling.service, status))]
    return replace(rolling, told=status), effects
