"""`service`, parent of all services, and `service/<name>`, one loaded service each."""

from __future__ import annotations

from actors.effects import (
    After,
    Ask,
    Effect,
    Load,
    Reply,
    RestartPolicy,
    Send,
    Spawn,
    Stop,
    Watch,
)
from actors.messages.base import Message
from actors.messages.envelope import Ticket
from actors.messages.files import DirectoryListed, WatchDirectory
from actors.messages.gateway import PlanService, QueryConfiguration, QueryReport
from actors.messages.node import StopAllServices
from actors.messages.process import ListProcesses, ProcessList
from actors.messages.runtime import ActorAvailable, ActorDied, CallFailed, Loaded, Ok
from actors.messages.service import (
    FactsOverdue,
    HaltService,
    PublishService,
    QuerySpecs,
    ServiceGone,
    ServiceHalted,
    SpecChanged,
    SpecGone,
    SpecsListed,
    WantSpec,
)
from actors.runtime.actor import Actor, Context
from actors.service import lifecycle
from actors.service.discovery import FACTS_S
from actors.service.hooks import owner
from actors.service.life import Life, Moment
from actors.service.options import ServiceOptions
from actors.service.planning import configuration, plan
from actors.service.record import DIRECTORY, SUFFIX, record_path
from actors.service.report import report
from actors.service.roster import Roster, service_of_key, service_of_record

HALT_S = 10.0  # the launcher gives a supervisor 17 s, and post-stop hooks need some of it
CHILD = RestartPolicy(exhausted="park")  # what one package does must not end the supervisor


class ServiceActor(Actor):
    """One loaded service; all it decides is in `lifecycle`."""

    def __init__(self, context: Context, options: ServiceOptions, service: str) -> None:
        super().__init__(context)
        self._options = options
        self._life = Life(service)

    def started(self) -> list[Effect]:
        """Read what an earlier instance wrote; everything else follows from it."""
        return [Load(record_path(self._life.name))]

    def step(self, message: Message) -> list[Effect]:
        """One step of the lifecycle."""
        context = self.context
        at = Moment(
            context.now(), context.random, context.instance_id, context.member, self._options
        )
        match message:
            case QueryReport():
                return [Reply(report(self._life, at))]
            case PlanService(config=config):
                return [Reply(plan(self._life, config, at))]
            case QueryConfiguration():
                return [Reply(configuration(self._life))]
            case Loaded(data=data):
                self._life, effects = lifecycle.begin(self._life, data, at)
            case _:
                self._life, effects = lifecycle.step(self._life, message, self.envelope.answers, at)
        return effects


class ServicesActor(Actor):
    """Keeps an actor for each loaded service, and for each that has to be finished off."""

    def __init__(self, context: Context, options: ServiceOptions) -> None:
        super().__init__(context)
        self._options = options
        self._roster = Roster()
        self._halting: set[str] | None = None  # services still to come to rest
        self._waiting: list[Ticket] = []  # who hears when all are

    def started(self) -> list[Effect]:
        """Ask for the specs, and for what an unload that everything died in left behind."""
        return [
            Watch("gossip"),
            Watch("update"),
            Ask("port/launcher", ListProcesses(), "processes"),
            Send("port/files", WatchDirectory(DIRECTORY, SUFFIX, once=True)),
            *self._query(),
        ]

    def step(self, message: Message) -> list[Effect]:
        """Keep the roster; pass on what concerns one service."""
        match message:
            case SpecsListed(specs):
                self._roster = self._roster.listed(specs)
                staffing = self._staff()
                return staffing + [
                    e for name in sorted(self._roster.actors) for e in self._say(name)
                ]
            case SpecChanged(spec):
                self._roster = self._roster.changed(spec)
                return [*self._staff(), *self._call(spec.service, message)]
            case SpecGone(service):
                self._roster = self._roster.removed(service)
                return [*self._staff(), *self._call(service, message)]
            case WantSpec(service):
                return self._say(service)
            case PlanService(service) | QueryConfiguration(service):
                return self._forward(service, message)
            case ServiceGone(service):
                return self._gone(service)
            case ProcessList(processes):
                found = {service_of_key(process.key) for process in processes} - {""}
                self._roster = self._roster.found(found)
                return self._staff()
            case DirectoryListed(files=files):
                self._roster = self._roster.found(service_of_record(f.name) for f in files)
                return self._staff()
            case StopAllServices():
                return self._halt()
            case ServiceHalted(service):
                return self._rested(service)
            case ActorAvailable():
                return [Send(owner(name), PublishService()) for name in sorted(self._roster.actors)]
            case FactsOverdue():
                return self._query() if self._roster.specs is None else []
            case ActorDied() | CallFailed():
                return []
            case _:
                return super().step(message)

    def _query(self) -> list[Effect]:
        return [Send("specs", QuerySpecs()), After(FACTS_S, FactsOverdue(), name="facts")]

    def _staff(self) -> list[Effect]:
        """Start the actors that are missing; each asks for its spec itself."""
        missing = self._roster.missing()
        self._roster = self._roster.staffed()
        if self._halting is not None:
            self._halting |= set(missing)
        return [self._child(name) for name in missing]

    def _child(self, name: str) -> Spawn:
        return Spawn(owner(name), ServiceActor, (self._options, name), CHILD)

    def _call(self, name: str, message: Message) -> list[Effect]:
        """Tell a service's actor; a parked one is called back, and asks for what it missed."""
        if name not in self._roster.actors:
            return [Send(owner(name), message)]
        return [self._child(name), Send(owner(name), message)]

    def _forward(self, service: str, message: Message) -> list[Effect]:
        """Let a service's actor answer for itself."""
        if service not in self._roster.actors:
            return [Reply(CallFailed("Refused", f"{service} is not loaded", "not-loaded"))]
        return [Send(owner(service), message, self.envelope.ticket)]

    def _say(self, service: str) -> list[Effect]:
        """Tell a service's actor its spec, and whether the supervisor is about to end."""
        specs = self._roster.specs
        if specs is None or service not in self._roster.actors:
            return []
        spec = specs.get(service)
        said = SpecGone(service) if spec is None else SpecChanged(spec)
        effects: list[Effect] = [Send(owner(service), said)]
        if self._halting is not None:
            effects.append(Send(owner(service), HaltService(HALT_S)))
        return effects

    def _gone(self, service: str) -> list[Effect]:
        if service in (self._roster.specs or {}):
            return []  # loaded again meanwhile; its actor goes on
        self._roster = self._roster.finished(service)
        return [Stop(owner(service)), *self._rested(service)]

    def _halt(self) -> list[Effect]:
        self._waiting.append(self.envelope.ticket or Ticket(self.envelope.sender, ""))
        if self._halting is None:
            self._halting = set(self._roster.actors)
        effects: list[Effect] = []
        for name in sorted(self._halting):
            effects += self._call(name, HaltService(HALT_S))
        return effects + self._rested("")

    def _rested(self, service: str) -> list[Effect]:
        if self._halting is None:
            return []
        self._halting.discard(service)
        if self._halting:
            return []
        waiting, self._waiting = self._waiting, []
        return [Reply(Ok("all services are down"), ticket) for ticket in waiting]
