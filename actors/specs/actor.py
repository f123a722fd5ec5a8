"""`specs`: owns the spec files, follows commands and hands, and knows how each service stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never, get_args

import msgspec

from actors.effects import After, Ask, Effect, Emit, Persist, Reply, Send, Watch
from actors.messages.base import Message
from actors.messages.control import RequestEnded
from actors.messages.depot import InstallPackage, PackageResolved, ResolvePackage
from actors.messages.envelope import Envelope, Ticket
from actors.messages.files import DirectoryListed, FileWritten, WatchDirectory
from actors.messages.runtime import ActorAvailable, ActorDied, CallFailed, PersistFailed
from actors.messages.service import (
    Accepted,
    LoadService,
    Progress,
    QueryOverdue,
    QueryServices,
    QuerySpecs,
    RereadSpecs,
    ServiceGone,
    ServiceLoaded,
    ServiceSettled,
    ServiceStatus,
    ServiceUnloaded,
    SpecChanged,
    SpecGone,
    SpecRefused,
    SpecsListed,
    SpecUpdated,
    StopService,
    UnloadService,
    UpdateStatus,
)
from actors.messages.update import UpdateTold
from actors.runtime.actor import Actor, Context
from actors.specs.directory import Known, read, written
from actors.specs.rules import (
    Command,
    Deny,
    Keep,
    Remove,
    Write,
    check_package,
    decide,
    differing,
    matching,
)
from actors.specs.spec_file import SUFFIX, write
from actors.specs.waiting import Questions, Waiters, answer

DIRECTORY = "specs"
REREAD_S = 1.0  # a disk that cannot be read now may be readable soon
UNHEARD_S = 2.0  # a service's actor that is alive has told its status long before
COMMANDS = get_args(Command)


@dataclass(frozen=True, slots=True)
class Pending:
    """A command whose package is being asked about."""

    command: Command
    ticket: Ticket
    question: ResolvePackage | InstallPackage


@dataclass(frozen=True, slots=True)
class Writing:
    """A write that is on its way to the disk, and what was known before it."""

    before: Known
    ticket: Ticket


class SpecsActor(Actor):
    """The desired state of this supervisor's services. `org` is the supervisor's organization."""

    def __init__(self, context: Context, org: str = "") -> None:
        super().__init__(context)
        self._org = org
        self._known = Known()
        self._listed = False
        self._token = 1
        self._held: list[Envelope] = []  # what came before the directory was read
        self._told: dict[str, ServiceStatus] = {}
        self._updates: dict[str, UpdateStatus] = {}
        self._waiters = Waiters()
        self._questions = Questions()
        self._pending: dict[str, Pending] = {}  # call → command
        self._calls = 0
        self._writing: Writing | None = None

    def started(self) -> list[Effect]:
        """Ask for the directory; hear of a depot that lost our questions."""
        return [self._watch(), Watch("depot")]

    def step(self, message: Message) -> list[Effect]:
        """Handle commands, hands, and what services tell."""
        if isinstance(message, (*COMMANDS, QueryServices, QuerySpecs)) and not self._listed:
            self._held.append(self.envelope)
            return []
        if isinstance(message, COMMANDS):
            return self._command(message, self._ticket())
        match message:
            case QueryServices(service):
                return self._query(service, self._ticket())
            case QuerySpecs():
                return [self._all()]
            case DirectoryListed(token=token):
                if token == self._token or not self._listed:
                    return self._listing(message)
                return [self._watch()]  # from before our last write: what else it tells is news
            case ServiceSettled(status):
                return self._settled(status)
            case ServiceGone(service):
                self._told.pop(service, None)
                self._updates.pop(service, None)
                return self._settle(service) if service not in self._known.specs else []
            case UpdateTold(service, update):
                return self._update(service, update)
            case Progress() | PackageResolved() | CallFailed():
                return self._answered(message)
            case PersistFailed(path, reason):
                return self._undo(path, reason)
            case QueryOverdue(number):
                return self._answer(number)
            case ActorAvailable():
                return self._ask_again()
            case RequestEnded(call):
                self._waiters.forget(Ticket(self.envelope.sender, call))
                return []
            case RereadSpecs():
                return [] if self._listed else [self._watch()]
            case ActorDied():
                return []
            case _:
                return super().step(message)

    # ── commands ──

    def _command(self, command: Command, ticket: Ticket) -> list[Effect]:
        if isinstance(command, LoadService) and command.install:
            return self._ask(
                Pending(command, ticket, InstallPackage(command.install, command.spec.bldr_url))
            )
        decision = decide(self._known.specs, command, self._org)
        if isinstance(decision, Write) and decision.check:
            spec = decision.spec
            question = ResolvePackage(
                spec.ident, True, spec.config_from, spec.channel, spec.bldr_url
            )
            return self._ask(Pending(command, ticket, question))
        return self._follow(decision, command, ticket)

    def _follow(
        self, decision: Write | Remove | Keep | Deny, command: Command, ticket: Ticket
    ) -> list[Effect]:
        match decision:
            case Deny(text, code):
                return [Reply(CallFailed("Refused", text, code), ticket)]
            case Keep(service, text):
                accepted = Accepted(text, unchanged=True)
                effects: list[Effect] = [Reply(accepted, ticket, more=command.wait)]
                if command.wait:
                    self._waiters.add(service, ticket)
                return effects + self._settle(service)
            case Write(spec, _, _, changed, new):
                event: Emit = Emit(SpecUpdated(spec.service, ", ".join(changed)))
                if new:
                    event = Emit(ServiceLoaded(spec.service, spec.ident or " ".join(spec.cmd)))
                return self._write(decision, event, command, ticket)
            case Remove(service):
                return self._write(decision, Emit(ServiceUnloaded(service)), command, ticket)
            case _:
                assert_never(decision)

    def _write(
        self, decision: Write | Remove, event: Emit, command: Command, ticket: Ticket
    ) -> list[Effect]:
        """Make it durable, then say so; known at once, since mail waits for the disk too."""
        spec = decision.spec if isinstance(decision, Write) else None
        service = decision.service if isinstance(decision, Remove) else decision.spec.service
        file = service + SUFFIX
        data = write(spec) if spec else b""
        self._writing = Writing(self._known, ticket)
        self._known = written(self._known, file, service, spec, data)
        self._token = token = self._token + 1
        if command.wait:
            self._waiters.add(service, ticket)
        timeout = (
            command.shutdown_timeout if isinstance(command, StopService | UnloadService) else None
        )
        change = SpecChanged(spec, timeout) if spec else SpecGone(service, timeout)
        return [
            Persist(f"{DIRECTORY}/{file}", data if spec else None, sealed=False),
            event,
            Reply(Accepted(decision.text), ticket, more=command.wait),
            Send("service", change),
            Send("port/files", FileWritten(DIRECTORY, SUFFIX, file, data if spec else None, token)),
        ]

    def _undo(self, path: str, reason: str) -> list[Effect]:
        """The disk refused: nothing has changed, and the command hears it."""
        writing, self._writing = self._writing, None
        assert writing is not None, f"{path} was not being written"
        self._known = writing.before
        self._waiters.forget(writing.ticket)
        text = f"{path} could not be written ({reason}); nothing has changed"
        return [Reply(CallFailed("Refused", text, "host"), writing.ticket), self._watch()]

    # ── packages ──

    def _ask(self, pending: Pending) -> list[Effect]:
        self._calls += 1
        call = f"{self.context.instance_id}:{self._calls}"
        self._pending[call] = pending
        return [Ask("depot", pending.question, call)]

    def _ask_again(self) -> list[Effect]:
        waiting, self._pending = list(self._pending.values()), {}
        return [effect for pending in waiting for effect in self._ask(pending)]

    def _answered(self, message: Progress | PackageResolved | CallFailed) -> list[Effect]:
        call = self.envelope.answers
        pending = self._pending.get(call)
        if pending is None:
            return []
        if isinstance(message, Progress):
            return [Reply(message, pending.ticket, more=True)]
        if isinstance(message, CallFailed) and message.kind != "Refused":
            return []  # the depot is restarting: asked again when it is there
        del self._pending[call]
        if isinstance(message, CallFailed):
            return [Reply(message, pending.ticket)]
        return self._resolved(pending, message)

    def _resolved(self, pending: Pending, resolved: PackageResolved) -> list[Effect]:
        """The package is there: decide again, since specs may have changed meanwhile."""
        command, ticket = pending.command, pending.ticket
        package = resolved.package
        if isinstance(command, LoadService) and command.install:
            spec = msgspec.structs.replace(command.spec, ident=package.ident)
            command = msgspec.structs.replace(command, spec=spec, install="")
        decision = decide(self._known.specs, command, self._org)
        if isinstance(decision, Write) and decision.check:
            wanted = decision.spec.ident.split("/")
            if package.ident.split("/")[: len(wanted)] != wanted:
                return self._command(command, ticket)  # another package by now
            denied = check_package(decision.spec, package)
            if denied is not None:
                return self._follow(denied, command, ticket)
        using = Reply(Progress(f"Using {package.ident}"), ticket, more=True)
        effects = self._follow(decision, command, ticket)
        return effects if isinstance(decision, Deny) else [using, *effects]

    # ── the directory ──

    def _watch(self) -> Effect:
        return Send("port/files", WatchDirectory(DIRECTORY, SUFFIX, self._token))

    def _all(self) -> Effect:
        specs = self._known.specs
        return Send("service", SpecsListed(tuple(specs[s] for s in sorted(specs))))

    def _listing(self, message: DirectoryListed) -> list[Effect]:
        if message.error:
            return [] if self._listed else [After(REREAD_S, RereadSpecs(), name="reread")]
        before = self._known.specs
        reading = read(self._known, message.files, self._org)
        self._known = reading.known
        effects: list[Effect] = [
            Emit(SpecRefused(f"{DIRECTORY}/{file}", reason)) for file, reason in reading.refused
        ]
        if not self._listed:
            return effects + self._begin()
        for service in reading.gone:
            effects += [Emit(ServiceUnloaded(service)), Send("service", SpecGone(service))]
        for service in reading.changed:
            spec = reading.known.specs[service]
            changed = ", ".join(differing(before[service], spec)) if service in before else ""
            loaded = ServiceLoaded(service, spec.ident or " ".join(spec.cmd))
            effects.append(Emit(SpecUpdated(service, changed) if changed else loaded))
            effects.append(Send("service", SpecChanged(spec)))
        return effects

    def _begin(self) -> list[Effect]:
        """The first listing: say what there is, then handle what had to wait for it."""
        self._listed = True
        effects = [self._all()]
        held, self._held = self._held, []
        # Each is told again to ourselves rather than handled here: a write ends a turn.
        for envelope in held:
            ticket = envelope.ticket or Ticket(envelope.sender, "")
            effects.append(Send(self.context.name, envelope.message, ticket))
        return effects

    # ── how services stand ──

    def _settled(self, status: ServiceStatus) -> list[Effect]:
        service = status.spec.service
        self._told[service] = status
        effects = self._settle(service) if service in self._known.specs else []
        for number in self._questions.ripe(self._known.specs, self._told):
            effects += self._answer(number)
        return effects

    def _settle(self, service: str) -> list[Effect]:
        return self._waiters.settle(
            service, self._known.specs.get(service), self._told.get(service)
        )

    def _query(self, text: str, ticket: Ticket) -> list[Effect]:
        specs = self._known.specs
        found = [s.service for s in matching(specs, text)] if text else sorted(specs)
        if text and not found:
            text = f"Service not loaded, {text}"
            return [Reply(CallFailed("Refused", text, "not-loaded"), ticket)]
        number = self._questions.hold(found, ticket)
        if number in self._questions.ripe(specs, self._told):
            return self._answer(number)
        return [After(UNHEARD_S, QueryOverdue(number))]

    def _answer(self, number: int) -> list[Effect]:
        held = self._questions.take(number)
        if held is None:
            return []
        services, ticket = held
        now = self.context.now()
        specs = self._known.specs
        return [Reply(answer(services, specs, self._told, self._updates, now), ticket)]

    def _update(self, service: str, update: UpdateStatus | None) -> list[Effect]:
        self._updates.pop(service, None)
        if update is not None and service in self._known.specs:
            self._updates[service] = update
        return []

    def _ticket(self) -> Ticket:
        return self.envelope.ticket or Ticket(self.envelope.sender, "")
