"""User actors on record: which exist, how they stand, and what becomes of a call. Pure.

A call is delivered at most once. While an actor is created its calls wait; while it restarts they
are refused (`ActorUnavailableError`), as are those that were in its process when it died: a method
that killed its process must not kill the next one as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Literal

from actors.control import records
from actors.effects import Effect, Emit, Persist, Reply, Send, Spawn, Stop, Watch
from actors.messages.base import MemberId, Message, join_address
from actors.messages.envelope import Ticket
from actors.messages.primitives import (
    ActorCreated,
    CallMethod,
    CreateActor,
    HostBroken,
    HostLost,
    HostOpen,
    HostPhase,
    HostReady,
    RunMethod,
    UserActor,
    UserActorChanged,
    UserActorCreated,
    UserActorEnded,
    UserActors,
)
from actors.messages.runtime import CallFailed, KillActor, Ok

PORT: Final = "port/control"
MAX_ACTORS: Final = 1_000  # processes of one node; a bound, not a goal
MAX_WAITING: Final = 1_000  # calls that wait for one actor's creation
MAX_DEAD: Final = 200  # remembered, so that a late caller is told why
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_CLASS: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def path_of(name: str) -> str:
    """The path of the user actor `name`."""
    return name if name.startswith("host/") else f"host/{name}"


def name_of(path: str) -> str:
    """The name of the user actor at `path`."""
    return path.removeprefix("host/")


def _nobody(name: str) -> CallFailed:
    text = f"no user actor named {name}; `hab actor list` shows them"
    return CallFailed("Refused", text, "no-actor")


@dataclass(slots=True)
class _Record:
    spec: CreateActor
    phase: HostPhase = "PENDING_CREATION"
    restarts: int = 0
    pid: int = 0
    reason: str = ""
    killed: bool = False  # by request: this death is known before the node tells of it
    waiting: list[tuple[CallMethod, Ticket | None]] = field(default_factory=list)


class UserActorTable:
    """The user actors of one node; each method returns what is to be done.

    `allowed` are the modules whose classes may be started (with their submodules), None for any.
    `spawn` makes the effect that starts an actor's process.
    """

    def __init__(
        self,
        me: MemberId,
        allowed: Collection[str] | None,
        spawn: Callable[[CreateActor], Spawn],
    ) -> None:
        self._me = me
        self._allowed = allowed
        self._spawn = spawn
        self._records: dict[str, _Record] = {}

    # ── on record and off it ──

    def create(self, message: CreateActor) -> list[Effect]:
        """Put an actor on record and start it, or say why not."""
        if refusal := self._refusal(message):
            return [Reply(refusal)]
        record = self._records.get(message.name)
        if record is not None and record.phase != "DEAD":
            if message.get_if_exists and record.spec.cls == message.cls:
                return [Reply(self._created(record, existing=True))]
            text = f"there is an actor named {message.name} already, of class {record.spec.cls}"
            return [Reply(CallFailed("Refused", text, "exists"))]
        if len(self._living()) >= MAX_ACTORS:
            text = f"this node has {MAX_ACTORS} user actors, its limit"
            return [Reply(CallFailed("Refused", text, "full"))]
        record = self._records[message.name] = _Record(message)
        owner = message.owner or "nobody: it is detached"
        return [
            self._persist(),
            Emit(UserActorCreated(path_of(message.name), message.cls, owner)),
            *self.start(message),
            Reply(self._created(record)),
        ]

    def uncreate(self, name: str, reason: str) -> list[Effect]:
        """The record could not be made durable: there is no such actor."""
        self._records.pop(name, None)
        text = f"{name} was not created: its record could not be written ({reason})"
        return [Reply(CallFailed("Refused", text, "disk"))]

    def restore(self, spec: CreateActor) -> None:
        """Take up a record from an earlier life of this node."""
        self._records[spec.name] = _Record(spec)

    def start(self, spec: CreateActor) -> list[Effect]:
        """Start the process of an actor on record."""
        return [self._spawn(spec), Watch(path_of(spec.name))]

    def kill(self, name: str, reason: str) -> list[Effect]:
        """End an actor for good; its name is free."""
        record = self._records.get(name_of(name))
        if record is None or record.phase == "DEAD":
            return [Reply(_nobody(name))]
        return [
            *self._end(record, reason),
            self._persist(),
            Reply(Ok(f"{path_of(name)} ended: {reason}")),
        ]

    def end_life(self, name: str, ticket: Ticket | None) -> list[Effect]:
        """Kill an actor's process; its restarts decide what follows.

        From here on no call reaches this life: whoever asked for its end hears of it later.
        """
        record = self._records.get(name_of(name))
        if record is None or record.phase == "DEAD":
            return [Reply(_nobody(name))]
        path = path_of(name)
        effects: list[Effect] = []
        if record.phase == "ALIVE":
            effects = self.died(path, "killed by request")
            record.killed = True
        return [*effects, Send("node", KillActor(path), ticket)]

    def end_owned(self, owners: Callable[[str], bool], reason: str) -> list[Effect]:
        """End the actors whose owner (`<member>/<session>`) is gone."""
        effects: list[Effect] = []
        for name in sorted(self._records):
            record = self._records[name]
            if record.phase != "DEAD" and record.spec.owner and owners(record.spec.owner):
                effects += self._end(record, reason)
        return [*effects, self._persist()] if effects else []

    # ── what becomes of them ──

    def ready(self, message: HostReady) -> list[Effect]:
        """The instance exists: hand over the calls that waited."""
        record = self._records.get(message.host)
        if record is None or record.phase == "DEAD":
            return []
        record.phase, record.pid = "ALIVE", message.pid
        waiting, record.waiting = record.waiting, []
        changed = UserActorChanged(path_of(message.host), "ALIVE", "it takes calls", message.pid)
        effects: list[Effect] = [Emit(changed)]
        effects += [self._run(message.host, call, ticket) for call, ticket in waiting]
        return [*effects, Send(PORT, HostOpen(message.host))]

    def broken(self, message: HostBroken) -> list[Effect]:
        """It could not be made, and never will: dead for good."""
        record = self._records.get(message.host)
        if record is None or record.phase == "DEAD":
            return []
        reason = f"{message.text}\n{message.traceback}".strip()
        return [*self._end(record, reason), self._persist()]

    def died(self, path: str, reason: str) -> list[Effect]:
        """Its process ended, unwanted; the node restarts it unless its restarts are spent."""
        record = self._records.get(name_of(path))
        if record is None or record.phase == "DEAD":
            return []
        if record.killed:
            record.killed = False
            return []
        if 0 <= record.spec.max_restarts <= record.restarts:
            spent = f" after {record.restarts} restarts" if record.restarts else ""
            # The node keeps it in its list, dead, until it is forgotten here.
            return [*self._end(record, f"{reason}{spent}", stop=False), self._persist()]
        record.restarts += 1
        record.phase, record.pid, record.reason = "RESTARTING", 0, reason
        text = f"{path} died ({reason}) and is being restarted; the call may have been executed"
        return [
            Emit(UserActorChanged(path, "RESTARTING", reason)),
            *self._lost(record, "ActorUnavailableError", text),
        ]

    # ── calls ──

    def call(self, message: CallMethod, ticket: Ticket | None) -> list[Effect]:
        """Hand a call to the actor's process, let it wait, or answer why not."""
        name = name_of(message.actor)
        record = self._records.get(name)
        if message.method.startswith("_"):
            text = f"{message.method} is not a public method"
            return [Reply(CallFailed("Refused", text, "private"))]
        if record is None:
            text = f"there is no user actor named {name} here"
            return [Reply(CallFailed("ActorDiedError", text))]
        match record.phase:
            case "ALIVE":
                return [self._run(name, message, ticket)]
            case "DEAD":
                return [Reply(CallFailed("ActorDiedError", f"{path_of(name)}: {record.reason}"))]
            case "RESTARTING":
                text = f"{path_of(name)} died ({record.reason}) and is being restarted"
                return [Reply(CallFailed("ActorUnavailableError", text))]
            case "PENDING_CREATION":
                if len(record.waiting) >= MAX_WAITING:
                    text = f"{MAX_WAITING} calls wait for the creation of {path_of(name)} already"
                    return [Reply(CallFailed("ActorUnavailableError", text))]
                record.waiting.append((message, ticket))
                return []

    def find(self, name: str) -> Message:
        """Where the actor is, or that there is none."""
        record = self._records.get(name_of(name))
        if record is None or record.phase == "DEAD":
            return CallFailed("Refused", f"no user actor named {name_of(name)}", "no-actor")
        return self._created(record, existing=True)

    def listing(self) -> UserActors:
        """Every actor on record, and those that died lately."""
        return UserActors(
            tuple(
                UserActor(
                    name=path_of(name),
                    cls=record.spec.cls,
                    phase=record.phase,
                    pid=record.pid,
                    restarts=record.restarts,
                    max_restarts=record.spec.max_restarts,
                    detached=record.spec.detached,
                    owner=record.spec.owner,
                    reason=record.reason,
                    pending=len(record.waiting),
                )
                for name, record in sorted(self._records.items())
            ),
            self._me,
        )

    def owners(self) -> frozenset[str]:
        """Owners of actors that live, `<member>/<session>`."""
        return frozenset(r.spec.owner for r in self._living().values() if r.spec.owner)

    def specs(self) -> list[CreateActor]:
        """What is on record and alive."""
        return [record.spec for record in self._living().values()]

    # ── inside ──

    def _living(self) -> dict[str, _Record]:
        return {name: r for name, r in self._records.items() if r.phase != "DEAD"}

    def _persist(self) -> Persist:
        return Persist(records.FILE, records.encode(self.specs()))

    def _created(self, record: _Record, *, existing: bool = False) -> ActorCreated:
        address = join_address(self._me, path_of(record.spec.name))
        return ActorCreated(address, record.spec.cls, existing)

    def _run(self, name: str, call: CallMethod, ticket: Ticket | None) -> Effect:
        return Send(PORT, RunMethod(name, call.method, call.args), ticket)

    def _lost(
        self,
        record: _Record,
        kind: Literal["ActorDiedError", "ActorUnavailableError"],
        text: str,
    ) -> list[Effect]:
        waiting, record.waiting = record.waiting, []
        lost: list[Effect] = [Send(PORT, HostLost(record.spec.name, kind, text))]
        return lost + [
            Reply(CallFailed(kind, text), ticket) for _, ticket in waiting if ticket is not None
        ]

    def _end(self, record: _Record, reason: str, *, stop: bool = True) -> list[Effect]:
        path = path_of(record.spec.name)
        record.phase, record.pid, record.reason = "DEAD", 0, reason
        # Re-inserted at the end: the oldest of the dead are forgotten first.
        self._records[record.spec.name] = self._records.pop(record.spec.name)
        effects: list[Effect] = [Emit(UserActorEnded(path, reason))]
        if stop:
            effects.append(Stop(path))
        dead = [name for name, r in self._records.items() if r.phase == "DEAD"]
        for name in dead[: max(0, len(dead) - MAX_DEAD)]:
            del self._records[name]
            effects.append(Stop(path_of(name)))
        return effects + self._lost(record, "ActorDiedError", f"{path}: {reason}")

    def _refusal(self, message: CreateActor) -> CallFailed | None:
        if not _NAME.fullmatch(message.name):
            text = f"{message.name!r} is no name for an actor: letters, digits, dots, dashes"
            return CallFailed("Refused", text, "name")
        if not _CLASS.fullmatch(message.cls):
            return CallFailed("Refused", f"{message.cls!r} is not MODULE:CLASS", "class")
        module = message.cls.partition(":")[0]
        allowed = self._allowed
        if allowed is None or any(module == m or module.startswith(f"{m}.") for m in allowed):
            return None
        text = (
            f"this supervisor starts no actors of module {module}; "
            f"it would with: hab sup run --allow-actors {module}"
        )
        return CallFailed("Refused", text, "not-allowed")
