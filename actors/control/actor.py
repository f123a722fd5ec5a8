"""The shells of control: the gateway's actor, the keeper of user actors, and one for each."""

from __future__ import annotations

from typing import ClassVar

from actors.control import records
from actors.control.admission import NOT_SETTLED, Admitted, Ring, admit, follows
from actors.control.hosting import PORT, UserActorTable, path_of
from actors.control.members import fitting
from actors.control.process import HostOptions, end_in_words, key_of, start_process
from actors.control.reach import reachable
from actors.effects import (
    After,
    Ask,
    Cancel,
    Effect,
    Emit,
    Load,
    Reply,
    RestartPolicy,
    Send,
    Spawn,
    Watch,
)
from actors.errors import ActorDiedError
from actors.messages.base import Message, join_address, split_address
from actors.messages.control import (
    MembersReachable,
    QuerySessions,
    Request,
    RequestAdmitted,
    RequestEnded,
    RequestRefused,
    Resubscribe,
    SessionEnded,
    Sessions,
)
from actors.messages.envelope import Ticket
from actors.messages.primitives import (
    CallMethod,
    CreateActor,
    FindActor,
    HostBegin,
    HostBroken,
    HostHello,
    HostReady,
    HostsGone,
    HostSilent,
    KillHost,
    OwnersLost,
    QueryUserActors,
)
from actors.messages.process import ProcessExited, ProcessStarted, StartFailed
from actors.messages.ring import MembersChanged, Subscribe
from actors.messages.runtime import (
    ActorAvailable,
    ActorDied,
    CallFailed,
    Loaded,
    Ok,
    PersistFailed,
)
from actors.ports import Lane
from actors.runtime.actor import Actor, Context

RESUBSCRIBE_S = 5.0  # gossip forgets its subscribers when it dies
EARLY = 64  # requests that wait until gossip has told the members: at most 5 s after a start
OWNER_GRACE_S = 60.0  # a member out of reach keeps its actors here for so long


class ControlActor(Actor):
    """`control`: admits requests of the gateway and hands them to whoever answers."""

    lane: ClassVar[Lane] = "urgent"  # so that an operator gets through to a busy node

    def __init__(self, context: Context, keyed: bool = False) -> None:
        super().__init__(context)
        self._ring = Ring(context.member, keyed=keyed)
        self._early: list[tuple[Request, Ticket | None]] = []  # wait for the members
        self._following: dict[str, str] = {}  # call → who answers it until its asker is gone

    def started(self) -> list[Effect]:
        """Ask for the members, and go on asking."""
        return self._subscribe(again=False)

    def step(self, message: Message) -> list[Effect]:
        """Admit requests; pass on which askers are gone."""
        match message:
            case Request():
                return self._request(message, self.envelope.ticket)
            case RequestEnded(call):
                to = self._following.pop(call, "events")
                return [Send(to, message)]
            case SessionEnded(members=members):
                ring = self._ring
                asked = {m for w in members for m in fitting(w, ring.me, ring.members, ring.names)}
                remote = [join_address(m, "host") for m in sorted(asked - {ring.me})]
                owner = join_address(self.context.member, message.session)
                ended = SessionEnded(owner)
                return [Send(to, ended) for to in ("host", *remote)]
            case QuerySessions():
                ticket = self.envelope.ticket  # without one the port would answer this actor
                return [Send(PORT, message, ticket)] if ticket is not None else []
            case MembersChanged(members):
                ids = frozenset(view.member.id for view in members)
                names = {
                    view.member.id: view.member.name
                    for view in members
                    if view.health in ("alive", "suspect")
                }
                self._ring = Ring(self._ring.me, ids, self._ring.keyed, names)
                early, self._early = self._early, []
                return [
                    Send(PORT, MembersReachable(reachable(members))),
                    *(effect for request in early for effect in self._request(*request)),
                ]
            case Resubscribe():
                return self._subscribe(again=True)
            case _:
                return super().step(message)

    def _subscribe(self, *, again: bool) -> list[Effect]:
        return [
            Send("gossip", Subscribe(again=again)),
            After(RESUBSCRIBE_S, Resubscribe(), name="resubscribe"),
        ]

    def _request(self, request: Request, ticket: Ticket | None) -> list[Effect]:
        verdict = admit(request, self._ring, self.context.random)
        name = type(request.message).__name__
        if not isinstance(verdict, Admitted):
            if verdict.code == NOT_SETTLED and len(self._early) < EARLY:
                self._early.append((request, ticket))
                return []
            refused = RequestRefused(request.id, request.session, name, verdict.text)
            return [Emit(refused), Reply(verdict, ticket)]
        effects: list[Effect] = []
        if verdict.route.writes:
            admitted = RequestAdmitted(request.id, request.session, name, verdict.to)
            effects.append(Emit(admitted))
        if ticket is not None and follows(request.message):
            if not ticket.address:
                return []  # it would follow for ever, and nobody hear it
            self._following[ticket.call] = verdict.to
        return [*effects, Send(verdict.to, verdict.message, ticket)]


class HostsActor(Actor):
    """`host`: keeps the user actors on record, and knows what becomes of a call to one."""

    def __init__(self, context: Context, options: HostOptions) -> None:
        super().__init__(context)
        self._options = options
        self._table = UserActorTable(context.member, options.allow, self._spawn)
        self._unconfirmed: list[CreateActor] = []  # on file, until their owner is known to live

    def started(self) -> list[Effect]:
        """Read what is on record. An earlier instance's children have ended with it."""
        return [Send(PORT, HostsGone()), Load(records.FILE)]

    def step(self, message: Message) -> list[Effect]:
        """Create, call, find, list, kill; hear how they fare."""
        match message:
            case CallMethod():
                return self._table.call(message, self.envelope.ticket)
            case CreateActor():
                return self._table.create(message) + self._watch_owner(message.owner)
            case FindActor(name):
                return [Reply(self._table.find(name))]
            case QueryUserActors():
                return [Reply(self._table.listing())]
            case KillHost(name, for_good=False):
                return self._table.end_life(name, self.envelope.ticket)
            case KillHost(name):
                return self._table.kill(name, "killed by request")
            case HostReady():
                return self._table.ready(message)
            case HostBroken():
                return self._table.broken(message)
            case Loaded(data=data):
                return self._loaded(data)
            case PersistFailed(reason=reason):
                asked = self.envelope.message
                if isinstance(asked, CreateActor):
                    return self._table.uncreate(asked.name, reason)
                if isinstance(asked, KillHost):
                    text = f"{asked.name} ended, but its record could not be removed ({reason})"
                    return [Reply(Ok(text))]
                return []  # it is dead all the same; the next write leaves it out of the file
            case _:
                return self._owners(message)

    # ── owners ──

    def _owners(self, message: Message) -> list[Effect]:
        match message:
            case SessionEnded(session):
                return self._table.end_owned(lambda o: o == session, "its driver is gone")
            case Sessions(member, sessions):
                return self._sessions(member, frozenset(sessions))
            case CallFailed() if self.envelope.answers == "sessions":
                return self._sessions(self.context.member, frozenset())
            case CallFailed() | Ok():
                return []
            case ActorDied(name, why, reason) if name.startswith("host/"):
                return [] if why == "exited" else self._table.died(name, reason or why)
            case ActorAvailable(name) if name.startswith("host/"):
                return []
            case ActorDied(name, "unreachable"):
                lost = OwnersLost(split_address(name)[0] or "")
                return [After(OWNER_GRACE_S, lost, name=f"owner:{lost.member}")]
            case ActorDied():
                return []  # a gateway that died is back at once, its sessions are the port's
            case ActorAvailable(name):
                member = split_address(name)[0] or ""
                ask = Ask(name, QuerySessions(), call=f"sessions:{member}")
                return [Cancel(f"owner:{member}"), ask]
            case OwnersLost(member):
                reason = f"the member of its driver is out of reach for {OWNER_GRACE_S:.0f} s"
                return self._table.end_owned(lambda o: o.startswith(f"{member}/"), reason)
            case _:
                return super().step(message)

    def _watch_owner(self, owner: str) -> list[Effect]:
        member = split_address(owner)[0] if owner else None
        if member is None or member == self.context.member:
            return []
        return [Watch(join_address(member, "control"))]

    def _sessions(self, member: str, sessions: frozenset[str]) -> list[Effect]:
        living = {join_address(member, session) for session in sessions}
        effects: list[Effect] = []
        for spec in self._unconfirmed:
            if split_address(spec.owner)[0] != member:
                continue
            self._table.restore(spec)
            effects += self._table.start(spec) if spec.owner in living else []
        self._unconfirmed = [s for s in self._unconfirmed if split_address(s.owner)[0] != member]
        gone = self._table.end_owned(
            lambda o: o.startswith(f"{member}/") and o not in living, "its driver is gone"
        )
        return effects + gone

    def _loaded(self, data: bytes | None) -> list[Effect]:
        effects: list[Effect] = []
        for spec in (records.decode(data) if data is not None else None) or ():
            if spec.owner:
                self._unconfirmed.append(spec)
                effects += self._watch_owner(spec.owner)
            else:
                self._table.restore(spec)
                effects += self._table.start(spec)
        return [*effects, Ask(PORT, QuerySessions(), call="sessions")]

    def _spawn(self, spec: CreateActor) -> Spawn:
        policy = RestartPolicy(max_restarts=spec.max_restarts)
        return Spawn(path_of(spec.name), HostActor, (spec, self._options), policy)


class HostActor(Actor):
    """`host/<name>`: one life of a user actor's process; it fails when the process ends."""

    def __init__(self, context: Context, spec: CreateActor, options: HostOptions) -> None:
        super().__init__(context)
        self._spec = spec
        self._options = options

    def started(self) -> list[Effect]:
        """Start the process."""
        start = start_process(self._spec, self.context.instance, self._options)
        return [
            Ask("port/launcher", start, call="start"),
            After(self._options.connect_s, HostSilent(), name="silent"),
        ]

    def step(self, message: Message) -> list[Effect]:
        """Tell the process what to run once it calls; fail with it."""
        spec, instance = self._spec, self.context.instance
        match message:
            case ProcessStarted():
                return []
            case HostHello(host, of, _pid, ready):
                if of != instance or ready:
                    return []
                return [Cancel("silent"), Send(PORT, HostBegin(host, spec.cls, spec.args))]
            case HostReady(instance=of) | HostBroken(instance=of):
                return [Send("host", message)] if of == instance else []
            case ProcessExited() if message.key == key_of(spec.name, instance):
                raise ActorDiedError(end_in_words(message))
            case ProcessExited():
                return []  # of an earlier life
            case StartFailed(reason=reason):
                raise ActorDiedError(f"its process could not be started: {reason}")
            case HostSilent():
                raise ActorDiedError(f"its process said nothing for {self._options.connect_s} s")
            case CallFailed(text=text):
                raise ActorDiedError(f"its process could not be started: {text}")
            case _:
                return super().step(message)
