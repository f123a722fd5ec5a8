"""Rings whose members offer a service that only follows its role, and who is seen to lead it."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.effects import After, Effect, Send, Spawn
from actors.messages.base import Event, Message
from actors.messages.election import ElectionKind
from actors.messages.election_events import LeaseLost, LeaseRenewed
from actors.messages.election_orders import (
    AskRole,
    Elections,
    ElectionView,
    QueryElections,
    ReadSuitability,
    RoleChanged,
    RoleSettled,
    ServiceFitness,
    StandForElection,
    SuitabilityRead,
)
from actors.messages.ring import PublishRumor, ServiceInfo
from actors.messages.runtime import KillActor
from actors.runtime.actor import Actor, Context
from actors.simulation.machine import Machine, Quartz
from actors.simulation.node import Root, RootActor, SupervisorProcess
from actors.simulation.ring import Ring
from actors.simulation.scheduler import SECOND
from actors.simulation.supervisors import supervisor

GROUP = "db.default"
KIND: ElectionKind = "topology"
ACTORS: dict[ElectionKind, str] = {"topology": "service/db", "update": "update/db"}
SETTLE_S = 0.05  # for a hook, say


class Repeat(Message, frozen=True):
    """The stand-in to itself: say again that it stands."""


@dataclass
class Heard:
    """What the services of all machines were told: (seconds, machine, message)."""

    told: list[tuple[float, int, Message]] = field(default_factory=list)

    silent: set[int] = field(default_factory=set)  # machines whose service stands no more
    suitability: dict[int, int] = field(default_factory=dict)

    def roles(self, machine: int, kind: ElectionKind = KIND) -> list[RoleChanged]:
        return [
            message
            for _, one, message in self.told
            if one == machine and isinstance(message, RoleChanged) and message.kind == kind
        ]


@dataclass(frozen=True)
class Offer:
    """How the members offer their service: which elections they take part in."""

    kinds: tuple[ElectionKind, ...] = (KIND,)

    def info(self, member: str) -> ServiceInfo:
        topology = "leader" if "topology" in self.kinds else "standalone"
        strategy = "rolling" if "update" in self.kinds else "none"
        return ServiceInfo(member, GROUP, "core/db", topology=topology, strategy=strategy)


class StandIn(Actor):
    """`service/db` or `update/db`: takes part, and acts in whatever role it is told."""

    def __init__(
        self, context: Context, machine: Machine, heard: Heard, kind: ElectionKind, offer: Offer
    ) -> None:
        super().__init__(context)
        self._machine = machine
        self._heard = heard
        self._kind = kind
        self._offer = offer
        self._suitability = heard.suitability.get(machine.number)

    def started(self) -> list[Effect]:
        return [Send("election", AskRole(GROUP, self._kind)), *self._stand()]

    def step(self, message: Message) -> list[Effect]:
        now_s = self._machine.ring.scheduler.now_s
        self._heard.told.append((now_s, self._machine.number, message))
        match message:
            case Repeat():
                return self._stand()
            case RoleChanged(role=role, term=term):
                settled = Settle(RoleSettled(GROUP, self._kind, role, term))
                return [After(SETTLE_S, settled)]
            case Settle(settled):
                return [Send("election", settled)]
            case ReadSuitability(term=term):
                read = SuitabilityRead(GROUP, self._kind, term, self._suitability or 0)
                return [Send("election", read)]
            case ServiceFitness():
                return [Send("election", message)]
            case _:
                return []

    def _stand(self) -> list[Effect]:
        if self._machine.number in self._heard.silent:
            return []
        info = self._offer.info(self.context.member)
        hook = self._suitability is not None and self._kind == "topology"
        process = "service:db" if self._kind == "topology" else ""
        expect = 3 if "topology" in self._offer.kinds else 1
        stands = StandForElection("db", GROUP, self._kind, expect, hook, process)
        return [
            Send("gossip", PublishRumor("service", GROUP, info)),
            Send("election", stands),
            After(5.0, Repeat()),
        ]


class Settle(Message, frozen=True):
    """The stand-in to itself: it acts in its new role now."""

    settled: RoleSettled


class Elected:
    """Supervisors that elect the leader of one group."""

    def __init__(
        self,
        seed: str,
        members: int = 3,
        suitability: tuple[int, ...] = (),
        kinds: tuple[ElectionKind, ...] = (KIND,),
    ) -> None:
        self.heard = Heard(suitability=dict(enumerate(suitability)))
        self.offer = Offer(kinds)
        self.ring = Ring(seed)
        seeds = (self.ring.address(0),)
        for number in range(members):
            self.ring.add(self._root(seeds, permanent=number == 0), Quartz())

    def _root(self, seeds: tuple[str, ...], *, permanent: bool) -> Root:
        plain = supervisor(seeds, permanent=permanent)

        def root(process: SupervisorProcess) -> RootActor:
            node = plain(process)
            identity, children = node.args
            about = process.machine, self.heard
            stand_ins = (
                Spawn(ACTORS[kind], StandIn, (*about, kind, self.offer))
                for kind in self.offer.kinds
            )
            return RootActor(node.actor_class, (identity, (*children, *stand_ins)))

        return root

    def start(self, *numbers: int) -> None:
        for number in numbers or range(len(self.ring.machines)):
            self.ring.machines[number].start()

    def events(self, kind: type[Event]) -> list[tuple[float, int, Event]]:
        """(seconds, machine, event) of a kind."""
        return [
            (logged.at_ns / SECOND, logged.machine, logged.event)
            for logged in self.ring.log.events
            if isinstance(logged.event, kind)
        ]

    def leases(self, kind: ElectionKind) -> dict[int, float]:
        """Machine → until when its lease lasts, by its own clock."""
        found: dict[int, float] = {}
        for logged in self.ring.log.events:
            match logged.event:
                case LeaseRenewed(kind=of, until_s=until_s) if of == kind:
                    found[logged.machine] = until_s
                case LeaseLost(kind=of) if of == kind:
                    found.pop(logged.machine, None)
        return found

    def leaders(self, kind: ElectionKind = KIND) -> list[int]:
        """The machines whose lease lasts now."""
        clocks = [machine.clock for machine in self.ring.machines]
        return sorted(m for m, until_s in self.leases(kind).items() if until_s > clocks[m].now())

    def wait_for_leader(
        self, within_s: float = 30.0, besides: int = -1, kind: ElectionKind = KIND
    ) -> int:
        def found() -> bool:
            return any(machine != besides for machine in self.leaders(kind))

        assert self.ring.run_until(found, within_s), f"nobody leads ({kind})"
        (leader,) = self.leaders(kind)
        return leader

    def stop_standing(self, machine: int) -> None:
        """Its service is unloaded: it does not say any more that it stands."""
        self.heard.silent.add(machine)

    def kill(self, machine: int, actor: str) -> None:
        process = self.ring.machines[machine].supervisor
        assert process is not None
        process.world.tell("node", KillActor(actor), sender="port/killer")

    def view(self, machine: int, kind: ElectionKind = KIND) -> ElectionView:
        answer = self.ring.ask(self.ring.machines[machine], "election", QueryElections(GROUP))
        assert isinstance(answer, Elections), answer
        (view,) = (view for view in answer.elections if view.kind == kind)
        return view
