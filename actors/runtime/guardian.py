"""The node actor: owner of the tree. Spawns, restarts, parks, stops, watches, lists.

A parent's death ends its children first, last started first (OTP); the name of a dead actor is
given again only after its last turn, so that two instances never act at once. What follows a death
is decided in `supervision`; this shell keeps the records and performs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from actors.effects import After, Effect, Emit, Reply, RestartPolicy, Send, Spawn
from actors.messages.base import Message, join_address, split_address
from actors.messages.process import OwnerDied
from actors.messages.ring import MembersChanged
from actors.messages.runtime import (
    ActorAvailable,
    ActorDied,
    ActorFailed,
    ActorInfo,
    ActorKilled,
    ActorList,
    ActorParked,
    ActorRestarting,
    ActorStarted,
    ActorState,
    ActorStopped,
    CallFailed,
    InspectActor,
    KillActor,
    ListActors,
    NodeEscalated,
    Ok,
    TraceActor,
    WatchActor,
)
from actors.ports import Lane
from actors.runtime.actor import Actor, Context
from actors.runtime.structure import (
    EscalateProcess,
    InstanceDied,
    Reannounce,
    RestartChild,
    SpawnChild,
    StopChild,
    StopTracing,
    WatchRequest,
)
from actors.runtime.supervision import Escalate, GiveUp, History, Park, Restart, after_death

REANNOUNCE_S = 5.0  # a watch is a message too: it is repeated
WATCH_LIFE_S = 15.0  # three announcements missed: the watcher is gone
MAX_WATCHES = 20_000  # kept for other members; a flood of made-up ones must not fill memory
MAX_TRACES = 64  # globs traced at once: each is compared with each message
LONGEST_TRACE_S = 7 * 86_400.0


@dataclass(slots=True)
class Record:
    """What the node knows of one name, across its instances."""

    spawn: Spawn
    parent: str
    instance: int = 0
    state: ActorState = "PENDING_CREATION"
    history: History = field(default_factory=History)
    restarts: int = 0
    last_error: str = ""
    ending: bool = False  # being stopped for good; the record goes when the last turn is over
    again: Spawn | None = None  # asked for anew while its last instance was ending
    due: float | None = None  # backoff that starts once all children have ended
    killer: str = ""  # who asked for the kill that is under way


class Guardian(Actor):
    """The root of the tree; `node` is its name. Its own failure ends the process."""

    lane: ClassVar[Lane] = "urgent"

    def __init__(self, context: Context, children: tuple[Spawn, ...] = ()) -> None:
        super().__init__(context)
        self._first = children
        self._records: dict[str, Record] = {}
        self._instances: dict[str, int] = {}  # name → last instance; outlives the record
        self._watchers: dict[str, dict[str, float]] = {}  # name here → watcher → until
        self._watches = 0  # in all of these
        self._watching: dict[str, dict[str, int]] = {}  # name there → watcher here → instance
        self._unreachable: set[str] = set()

    # ── the language of the tree ──

    def started(self) -> list[Effect]:
        """Start the first children, in order, and the announcements."""
        effects: list[Effect] = [After(REANNOUNCE_S, Reannounce(), name="reannounce")]
        for spawn in self._first:
            effects += self._spawn(self.context.name, spawn)
        self.context.world.known = self._known
        return effects

    def step(self, message: Message) -> list[Effect]:
        """Handle what the runtime, watchers and operators say."""
        match message:
            case SpawnChild(parent, instance, spawn):
                record = self._records.get(parent)
                if record is not None and (record.instance != instance or record.ending):
                    return []  # said by an instance that is no more
                return self._spawn(parent, spawn)
            case StopChild(name):
                return self._end_for_good(name)
            case InstanceDied():
                return self._died(message)
            case RestartChild(name, instance):
                record = self._records.get(name)
                if record is None or record.instance != instance or record.ending:
                    return []  # stopped, or spawned anew, during the backoff
                record.restarts += 1
                return self._start(name, record)
            case KillActor(name, no_restart):
                return self._kill(name, no_restart)
            case ListActors():
                return [Reply(ActorList(tuple(self._info(n) for n in sorted(self._records))))]
            case InspectActor(name):
                if name not in self._records:
                    return [Reply(_unknown(name))]
                return [Reply(ActorList((self._info(name),)))]
            case TraceActor(glob, on, for_s):
                return self._trace(glob, for_s if on else 0.0)
            case StopTracing(glob):
                return self._trace(glob, 0.0)
            case WatchRequest(watcher, instance, name):
                return self._watch(watcher, instance, name)
            case WatchActor(name, watcher):
                return self._watched(name, watcher) if self._is_of_sender(watcher) else []
            case ActorDied(name) | ActorAvailable(name):
                if not self._is_of_sender(name):
                    return []
                return [Send(w, message) for w in sorted(self._watching.get(name, ()))]
            case Reannounce():
                return self._reannounce()
            case MembersChanged(members):
                return self._members(
                    {v.member.id for v in members if v.health in ("confirmed", "departed")}
                )
            case _:
                return self.other(message)

    def other(self, message: Message) -> list[Effect]:
        """What this runtime does not know; a node of a supervisor knows more."""
        return super().step(message)

    # ── starting ──

    def _known(self, name: str) -> bool:
        record = self._records.get(name)
        return record is not None and record.state != "DEAD"

    def _spawn(self, parent: str, spawn: Spawn) -> list[Effect]:
        record = self._records.get(spawn.name)
        if record is None:
            record = self._records[spawn.name] = Record(spawn, parent)
            return self._start(spawn.name, record)
        if record.ending:
            record.again = spawn
            record.parent = parent
        elif record.state == "PARKED" and not self._children(spawn.name):
            record.restarts += 1  # somebody needs it now, not when its time has come
            return self._start(spawn.name, record)
        elif record.state == "DEAD":
            fresh = self._records[spawn.name] = Record(spawn, parent, instance=record.instance)
            if self._children(spawn.name):
                fresh.due = 0.0  # when the dead one's children have ended
                return []
            return self._start(spawn.name, fresh)
        return []

    def _start(self, name: str, record: Record) -> list[Effect]:
        record.instance = self._instances[name] = self._instances.get(name, 0) + 1
        record.state = "ALIVE"
        record.due = None
        world = self.context.world
        spawn = record.spawn
        try:
            context = Context(world, name, record.instance)
            actor: Actor = spawn.actor_class(context, *spawn.args)
        except Exception as error:  # noqa: BLE001 - a constructor that raises is a death like any
            reason = f"{type(error).__name__}: {error}"
            return self._died(InstanceDied(name, record.instance, "failed", reason))
        world.cells[name] = actor
        actor.owe(self._cause, self.envelope.trace)
        actor._start_actor_loop()  # noqa: SLF001 - pykka's hook: the first turn
        effects: list[Effect] = [Emit(ActorStarted(name, record.instance))]
        available = ActorAvailable(name, record.instance)
        return effects + self._tell_watchers(name, available)

    # ── ending ──

    def _died(self, death: InstanceDied) -> list[Effect]:
        name = death.name
        if name == self.context.name:
            return []
        record = self._records.get(name)
        if record is None or record.instance != death.instance:
            return []
        effects: list[Effect] = [Send("port/launcher", OwnerDied(name))]
        if record.ending:
            return effects + self._ended(name, record)
        record.last_error = death.reason or death.why
        effects.append(Emit(self._death_event(death)))
        effects += self._tell_watchers(name, ActorDied(name, death.why, death.reason))
        now = self.context.now()
        record.history, verdict = after_death(record.spawn.policy, record.history, now)
        reason = record.last_error
        match verdict:
            case Restart(delay_s):
                record.state = "RESTARTING"
                deaths = len(record.history.recent)
                effects.append(Emit(ActorRestarting(name, round(delay_s, 3), deaths)))
                record.due = delay_s
            case Park(retry_s):
                record.state = "PARKED"
                effects.append(Emit(ActorParked(name, reason, retry_s)))
                record.due = retry_s
                record.history = replace(record.history, recent=())
            case GiveUp():
                record.state = "DEAD"
            case Escalate():
                effects.append(Emit(NodeEscalated(name, reason)))
                effects.append(Send("port/process", EscalateProcess(f"{name}: {reason}")))
                return effects
        return effects + self._end_children(name) + self._restart_when_alone(name, record)

    def _death_event(self, death: InstanceDied) -> ActorFailed | ActorKilled:
        if death.why == "failed":
            return ActorFailed(death.name, death.instance, death.reason, death.traceback)
        record = self._records[death.name]
        by, record.killer = record.killer or "the runtime", ""
        return ActorKilled(death.name, death.instance, by=by, why=death.why)

    def _restart_when_alone(self, name: str, record: Record) -> list[Effect]:
        if record.due is None or self._children(name):
            return []
        delay_s, record.due = record.due, None
        return [After(delay_s, RestartChild(name, record.instance))]

    def _ended(self, name: str, record: Record) -> list[Effect]:
        if self._children(name):
            record.state = "DEAD"
            return []  # its children's last turns end it
        del self._records[name]
        effects: list[Effect] = [Emit(ActorStopped(name))]
        effects += self._tell_watchers(name, ActorDied(name, "exited"))
        if record.again is not None:
            fresh = self._records[name] = Record(record.again, record.parent)
            effects += self._start(name, fresh)
        parent = self._records.get(record.parent)
        if parent is None:
            return effects
        if parent.ending and parent.state == "DEAD":
            return effects + self._ended(record.parent, parent)
        return effects + self._restart_when_alone(record.parent, parent)

    def _children(self, name: str) -> list[str]:
        return [n for n, r in self._records.items() if r.parent == name and r.ending]

    def _end_children(self, name: str) -> list[Effect]:
        effects: list[Effect] = []
        for child in reversed([n for n, r in self._records.items() if r.parent == name]):
            effects += self._end_for_good(child)
        return effects

    def _end_for_good(self, name: str) -> list[Effect]:
        record = self._records.get(name)
        if record is None:
            return []
        record.again = None
        if record.ending:
            return []
        record.ending = True
        effects = self._end_children(name)
        if record.state == "ALIVE":
            actor = self.context.world.cells.get(name)
            if actor is not None:
                actor.kill("exited", self._cause)
            return effects  # its last turn (perhaps over, and its word on the way) ends the record
        return effects + self._ended(name, record)

    def _kill(self, name: str, no_restart: bool) -> list[Effect]:
        if name == self.context.name:
            text = "killed by request"
            return [
                Reply(self._done(f"{name} ends: the supervisor restarts itself")),
                Emit(NodeEscalated(name, text)),
                Send("port/process", EscalateProcess(text)),
            ]
        record = self._records.get(name)
        if record is None:
            return [Reply(_unknown(name))]
        if no_restart:
            if not name.startswith("host/"):
                text = f"{name} is one of the supervisor's own actors: it is always restarted"
                return [Reply(CallFailed("Refused", text, "system-actor"))]
            record.spawn = replace(
                record.spawn, policy=replace(record.spawn.policy, max_restarts=0)
            )
        actor = self.context.world.cells.get(name)
        if actor is None:
            state = "dying" if record.state == "ALIVE" else record.state.lower()
            return [Reply(CallFailed("Refused", f"{name} is {state}", "not-alive"))]
        record.killer = self.envelope.sender or "request"
        actor.kill("killed", self._cause)
        return [Reply(self._done(f"{name} killed (instance {record.instance})"))]

    # ── watching ──

    def _watch(self, watcher: str, instance: int, name: str) -> list[Effect]:
        member, path = split_address(name)
        if member is None or member == self.context.member:
            return self._watched(path, watcher, for_ever=True)
        self._watching.setdefault(name, {})[watcher] = instance
        here = join_address(self.context.member, self.context.name)
        effects: list[Effect] = [Send(f"{member}/node", WatchActor(path, here))]
        if member in self._unreachable:
            effects.append(Send(watcher, _unreachable(name)))
        return effects

    def _watched(self, name: str, watcher: str, *, for_ever: bool = False) -> list[Effect]:
        until = float("inf") if for_ever else self.context.now() + WATCH_LIFE_S
        watchers = self._watchers.get(name, {})
        if for_ever or watcher in watchers or self._watches < MAX_WATCHES:
            self._watches += watcher not in watchers
            self._watchers.setdefault(name, {})[watcher] = until
        record = self._records.get(name)
        if record is not None and record.state == "ALIVE" and not record.ending:
            return [Send(watcher, self._seen_by(watcher, ActorAvailable(name, record.instance)))]
        reason = record.last_error if record else "no actor of that name"
        return [Send(watcher, self._seen_by(watcher, ActorDied(name, "exited", reason)))]

    def _is_of_sender(self, address: str) -> bool:
        """Whether an address is at the member that speaks: it watches and tells for itself alone.

        Otherwise our own node could be made to say something to one of our own actors.
        """
        return split_address(address)[0] == split_address(self.envelope.sender)[0]

    def _seen_by(
        self, watcher: str, message: ActorDied | ActorAvailable
    ) -> ActorDied | ActorAvailable:
        if split_address(watcher)[0] is None:
            return message
        name = join_address(self.context.member, message.name)
        if isinstance(message, ActorDied):
            return ActorDied(name, message.why, message.reason)
        return ActorAvailable(name, message.instance)

    def _tell_watchers(self, name: str, message: ActorDied | ActorAvailable) -> list[Effect]:
        return [
            Send(watcher, self._seen_by(watcher, message))
            for watcher in sorted(self._watchers.get(name, ()))
        ]

    def _reannounce(self) -> list[Effect]:
        now = self.context.now()
        for name, watchers in list(self._watchers.items()):
            alive = {
                w: t
                for w, t in watchers.items()
                if t > now and (split_address(w)[0] is not None or w in self._records)
            }
            self._watches -= len(watchers) - len(alive)
            if alive:
                self._watchers[name] = alive
            else:
                del self._watchers[name]
        effects: list[Effect] = [After(REANNOUNCE_S, Reannounce(), name="reannounce")]
        here = join_address(self.context.member, self.context.name)
        for name, there in list(self._watching.items()):
            for watcher in [
                w
                for w, instance in there.items()
                if (r := self._records.get(w)) is None or r.instance != instance
            ]:
                del there[watcher]
            if not there:
                del self._watching[name]
                continue
            member, path = split_address(name)
            effects.append(Send(f"{member}/node", WatchActor(path, here)))
        return effects

    def _members(self, unreachable: set[str]) -> list[Effect]:
        lost = unreachable - self._unreachable
        self._unreachable = unreachable
        return [
            Send(watcher, _unreachable(name))
            for name, watchers in sorted(self._watching.items())
            if split_address(name)[0] in lost
            for watcher in sorted(watchers)
        ]

    # ── telling ──

    def _done(self, text: str) -> Ok:
        """What was ordered is done; the event of the order is what there is to show for it."""
        return Ok(text, self.envelope.cause)

    def _trace(self, glob: str, for_s: float) -> list[Effect]:
        world = self.context.world
        others = tuple(g for g in world.traced if g != glob)
        if for_s and not 0 < for_s <= LONGEST_TRACE_S:  # not a number fails too
            text = f"a trace lasts more than 0 and at most {LONGEST_TRACE_S:.0f} seconds"
            return [Reply(CallFailed("Refused", text, "duration"))]
        if for_s and len(others) >= MAX_TRACES:
            text = f"{MAX_TRACES} globs are traced already"
            return [Reply(CallFailed("Refused", text, "full"))]
        world.traced = others
        if not for_s:
            return [Reply(self._done(f"messages of {glob} are no longer traced"))]
        world.traced = (*world.traced, glob)
        return [
            Reply(self._done(f"messages of {glob} are traced for {for_s:.0f} s")),
            After(for_s, StopTracing(glob), name=f"trace:{glob}"),
        ]

    def _info(self, name: str) -> ActorInfo:
        record = self._records[name]
        actor = self.context.world.cells.get(name)
        now = self.context.now()
        waiting = len(actor.mailbox) if actor else 0
        return ActorInfo(
            name=name,
            cls=record.spawn.actor_class.__name__,
            state=record.state,
            parent=record.parent,
            instance=record.instance,
            lane=record.spawn.actor_class.lane,
            mailbox=waiting,
            wait_s=round(now - actor.turned_s, 3) if actor and waiting else 0.0,
            handled=actor.handled if actor else 0,
            restarts=record.restarts,
            suspended=actor.mailbox.held if actor else False,
            last_error=record.last_error,
            since_s=round(now - actor.began_s, 3) if actor else 0.0,
        )


def _unreachable(name: str) -> ActorDied:
    return ActorDied(name, "unreachable", "its member is not alive")


def _unknown(name: str) -> CallFailed:
    return CallFailed("Refused", f"no actor named {name}; `hab actor list` shows them", "no-actor")


ROOT_POLICY = RestartPolicy(exhausted="escalate")  # for the node's own singletons
