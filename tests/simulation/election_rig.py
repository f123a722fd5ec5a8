"""Rings whose members offer a service that only follows its role, and who is seen to lead it."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.effects import After, Effect, Send, Spawn
from actors.messages.base import Event, Message
from actors.messages.election import (
    AskRole,
    Elections,
    ElectionView,
    LeaseLost,
    LeaseRenewed,
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
KIND = "topology"
SERVICE = "service/db"
SETTLE_S = 0.05  # for a hook, say


class Repeat(Message, frozen=True):
    """The stand-in to itself: say again that it stands."""


@dataclass
class Heard:
    """What the services of all machines were told: (seconds, machine, message)."""

    told: list[tuple[float, int, Message]] = field(default_factory=list)

    silent: set[int] = field(default_factory=set)  # machines whose service stands no more

    def roles(self, machine: int) -> list[RoleChanged]:
        return [m for _, one, m in self.told if one == machine and isinstance(m, RoleChanged)]


class StandIn(Actor):
    """`service/db`: takes part, and acts in whatever role it is told."""

    def __init__(
        self, context: Context, machine: Machine, heard: Heard, suitability: int | None
    ) -> None:
        super().__init__(context)
        self._machine = machine
        self._heard = heard
        self._suitability = suitability

    def started(self) -> list[Effect]:
        return [Send("election", AskRole(GROUP, KIND)), *self._stand()]

    def step(self, message: Message) -> list[Effect]:
        now_s = self._machine.ring.scheduler.now_s
        self._heard.told.append((now_s, self._machine.number, message))
        match message:
            case Repeat():
                return self._stand()
            case RoleChanged(role=role, term=term):
                settled = Settle(RoleSettled(GROUP, KIND, role, term))
                return [After(SETTLE_S, settled)]
            case Settle(settled):
                return [Send("election", settled)]
            case ReadSuitability(term=term):
                return [
                    Send("election", SuitabilityRead(GROUP, KIND, term, self._suitability or 0))
                ]
            case ServiceFitness():
                return [Send("election", message)]
            case _:
                return []

    def _stand(self) -> list[Effect]:
        if self._machine.number in self._heard.silent:
            return []
        info = ServiceInfo(self.context.member, GROUP, "core/db", topology="leader")
        hook = self._suitability is not None
        stands = StandForElection("db", GROUP, KIND, 3, hook, "service:db")
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
        self, seed: str, members: int = 3, suitability: tuple[int, ...] = (), **kind: object
    ) -> None:
        self.heard = Heard()
        self.ring = Ring(seed, **kind)  # type: ignore[arg-type]
        seeds = (self.ring.address(0),)
        for number in range(members):
            value = suitability[number] if suitability else None
            self.ring.add(self._root(seeds, value, permanent=number == 0), Quartz())

    def _root(self, seeds: tuple[str, ...], value: int | None, *, permanent: bool) -> Root:
        plain = supervisor(seeds, permanent=permanent)

        def root(process: SupervisorProcess) -> RootActor:
            node = plain(process)
            identity, children = node.args
            stand_in = Spawn(SERVICE, StandIn, (process.machine, self.heard, value))
            return RootActor(node.actor_class, (identity, (*children, stand_in)))

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

    def leases(self) -> dict[int, float]:
        """Machine → true seconds until which its lease lasts (all clocks run true here)."""
        found: dict[int, float] = {}
        for logged in self.ring.log.events:
            match logged.event:
                case LeaseRenewed(until_s=until_s):
                    clock = self.ring.machines[logged.machine].clock
                    found[logged.machine] = self.ring.scheduler.now_s + until_s - clock.now()
                case LeaseLost():
                    found.pop(logged.machine, None)
        return found

    def leaders(self) -> list[int]:
        """The machines whose lease lasts now."""
        now_s = self.ring.scheduler.now_s
        return sorted(m for m, until_s in self.leases().items() if until_s > now_s)

    def wait_for_leader(self, within_s: float = 30.0, besides: int = -1) -> int:
        assert self.ring.run_until(lambda: self._has_other(besides), within_s), "nobody leads"
        (leader,) = self.leaders()
        return leader

    def _has_other(self, besides: int) -> bool:
        return any(machine != besides for machine in self.leaders())

    def stop_standing(self, machine: int) -> None:
        """Its service is unloaded: it does not say any more that it stands."""
        self.heard.silent.add(machine)

    def kill(self, machine: int, actor: str) -> None:
        process = self.ring.machines[machine].supervisor
        assert process is not None
        process.world.tell("node", KillActor(actor), sender="port/killer")

    def view(self, machine: int) -> ElectionView:
        answer = self.ring.ask(self.ring.machines[machine], "election", QueryElections(GROUP))
        assert isinstance(answer, Elections), answer
        (view,) = answer.elections
        return view
