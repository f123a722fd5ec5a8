"""The node of a supervisor: the root of its tree, who it is, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from actors.effects import Effect, Emit, Reply, Send, Spawn
from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, StopSupervisor, SupervisorInfo
from actors.messages.files import DirectoryListed
from actors.messages.node import EndingOverdue, EndProcess, SeatsOverdue, SupervisorStarted
from actors.messages.process import LauncherLost, SupervisorStop
from actors.messages.ring import DepartureAsked, SeedsChanged, SelfDeparted, Subscribe
from actors.messages.runtime import CallFailed, Ok
from actors.node import peerfile
from actors.node.lifecycle import SEATS, Ending, begin, depart, departed, go_on
from actors.runtime.actor import Context
from actors.runtime.guardian import Guardian
from actors.runtime.structure import Reannounce


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this supervisor process is; what `hab sup status` tells. Addresses as in the options."""

    version: str
    name: str
    root: str
    pid: int
    launcher_pid: int
    listen_gossip: str
    listen_http: str
    listen_ctl: str
    ring: str = ""
    org: str = ""
    hostname: str = ""
    permanent: bool = False
    allow_actors: tuple[str, ...] = ()
    previous: str = ""
    peer_watch_file: str = ""


class NodeActor(Guardian):
    """`node`: the guardian of a supervisor's actors, and how the supervisor begins and ends."""

    def __init__(self, context: Context, identity: Identity, children: tuple[Spawn, ...]) -> None:
        super().__init__(context, children)
        self._identity = identity
        self._ending = Ending()
        self._started_wall = context.wall()
        self._seeds: SeedsChanged | None = None  # what the peer watch file says

    def started(self) -> list[Effect]:
        """Say so, start the children, follow the members."""
        who = self._identity
        said = SupervisorStarted(who.version, who.pid, who.launcher_pid, who.previous)
        effects = [Emit(said), *super().started(), Send("gossip", Subscribe())]
        if who.peer_watch_file:
            effects.append(Send("port/files", peerfile.watch(who.peer_watch_file)))
        return effects

    def step(self, message: Message) -> list[Effect]:
        """Tell gossip again, with the announcements, what a new instance of it must know."""
        effects = super().step(message)
        if isinstance(message, Reannounce):
            effects.append(Send("gossip", Subscribe(again=True)))
            if self._seeds is not None:
                effects.append(Send("gossip", self._seeds))
        return effects

    def other(self, message: Message) -> list[Effect]:
        """What is said to a supervisor's node beyond the tree."""
        match message:
            case SupervisorStop(how):
                return self._decide(*begin(self._ending, how, "the launcher asked for it"))
            case StopSupervisor(how):
                text = "stopping" if how == "terminate" else "restarting"
                done = Reply(Ok(text, self.envelope.cause))
                return [done, *self._decide(*begin(self._ending, how, "by command"))]
            case DepartureAsked():
                return depart()
            case SeatsOverdue():
                return departed(self.context.member)
            case Ok() | CallFailed() if self.envelope.answers == SEATS:
                return departed(self.context.member)
            case SelfDeparted(by):
                return self._decide(*begin(self._ending, "departed", f"departed by {by}"))
            case LauncherLost():
                reason = "the launcher is gone; services go on, the next launcher adopts them"
                return [Send("port/process", EndProcess(1, reason))]
            case EndingOverdue(stage):
                return self._decide(*go_on(self._ending, stage))
            case Ok() | CallFailed() if self.envelope.answers.startswith("ending:"):
                stage = self.envelope.answers.removeprefix("ending:")
                return self._decide(*go_on(self._ending, stage))
            case Ok() | CallFailed():
                return []
            case DirectoryListed():
                seeds = peerfile.seeds(self._identity.peer_watch_file, message)
                if seeds is None:
                    return []
                self._seeds = SeedsChanged(seeds)
                return [Send("gossip", self._seeds)]
            case QuerySupervisor():
                return [Reply(self._describe())]
            case _:
                return super().other(message)

    def _decide(self, ending: Ending, effects: list[Effect]) -> list[Effect]:
        self._ending = ending
        return effects

    def _describe(self) -> SupervisorInfo:
        who, context = self._identity, self.context
        now = context.now()
        return SupervisorInfo(
            member_id=context.member,
            name=who.name,
            version=who.version,
            launcher_pid=who.launcher_pid,
            supervisor_pid=who.pid,
            root=who.root,
            listen_gossip=who.listen_gossip,
            listen_http=who.listen_http,
            listen_ctl=who.listen_ctl,
            ring_id=context.world.ring_id,
            ring=who.ring,
            org=who.org,
            hostname=who.hostname,
            permanent=who.permanent,
            allow_actors=who.allow_actors,
            boot=context.world.boot,
            started_wall=self._started_wall,
            uptime_s=int(now - self.began_s),
        )
