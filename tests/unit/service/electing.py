"""A stand-in for the elections of one member: gives the role that a test says, and keeps a lease.

It lets go of a term only as the real one does: when its service says that it acts as leader no
more, that its process has ended, or at the instant at which the launcher has killed it. Whoever
acts as leader after that is noted in `broken`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actors.effects import After, Effect, Reply, Send
from actors.messages.base import Message
from actors.messages.election import Role
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
    WithdrawFromElection,
)
from actors.messages.process import RenewLeader
from actors.messages.ring import Census, GroupMember, ServiceInfo
from actors.messages.runtime import Ok
from actors.messages.service import LoadService, RoleTaken, ServiceSpec
from actors.runtime.actor import Actor, Context
from actors.simulation.processes import Process

OTHER = "f" * 32
ROUND_S = 0.4
SETTLE_S = 3.8
LEASE_S = 4.0

GROUP = "web.default"
DB = ServiceSpec(ident="acme/web", topology="leader")
TELLS = (
    b"{{#if svc.me.leader}}leader{{/if}}{{#if svc.me.follower}}follows "
    b"{{svc.leader.member_id}}{{/if}} {{svc.leader_term}}"
)


class Round(Message, frozen=True):
    """The stand-in to itself: the next round is due."""


@dataclass
class Office:
    """What the election of one service says, whatever becomes of its actor."""

    service: str = "web"
    group: str = "web.default"
    role: Role = "none"
    term: int = 0
    leader: str = ""
    renewed_s: float = 0.0
    settle_by_s: float = 0.0  # of a demotion under way, 0 for none
    acked: bool = True
    stands: StandForElection | None = None
    leads: bool = False
    settled: list[RoleSettled] = field(default_factory=list)
    read: list[SuitabilityRead] = field(default_factory=list)
    fitness: list[ServiceFitness] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    alive: bool = False  # its process runs
    acting: bool = False  # its process acts as leader, or may
    since_s: float = 0.0
    broken: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the term is not let go of."""
        return self.role == "leader" or self.settle_by_s > 0

    def present(self, *, dissolved: str = "") -> RoleChanged:
        """The role as it is now."""
        kill_at_s = self.renewed_s + SETTLE_S if self.role == "leader" else 0.0
        return RoleChanged(
            *(self.group, "topology", self.role, self.term, self.leader),
            kill_at_s=kill_at_s,
            settle_by_s=self.settle_by_s,
            dissolved=dissolved,
        )

    def release(self, why: str) -> None:
        """The term is let go of: from now on another may lead."""
        if self.acting:
            self.broken.append(f"acts as leader of term {self.term} after {why}")
        self.settle_by_s = 0.0
        self.role, self.leader = "none", ""

    def noted(self, process: Process, how: str) -> None:
        """A process was started, or ended (`how`)."""
        start = process.start
        if start.key == f"service:{self.service}":
            self.alive = not how
            self._acts(start.leader_until_s > 0 and not how, "started as leader")
        elif not self.alive:
            return  # a hook that was asked for before the process ended tells nobody
        elif start.key.startswith(f"hook:{self.service}:reconfigure:") and not how:
            self._acts(self.acting or self.role == "leader", "told by its files to lead")
        elif start.key.startswith(f"hook:{self.service}:role-changed:"):
            if start.argv[1] == "leader" and not how:
                self._acts(True, "told to lead")
            elif start.argv[1] == "none" and how == "exit 0":
                self.acting = False

    def _acts(self, acts: bool, what: str) -> None:
        self.acting = acts
        if acts and not self.holds:
            self.broken.append(f"{what} in term {self.term} without the role")


class StandIn(Actor):
    """`election`, for one service."""

    def __init__(self, context: Context, rig: Any) -> None:
        super().__init__(context)
        self.office: Office = rig.office

    def started(self) -> list[Effect]:
        return [After(0.01, Round(), "round")]

    def step(self, message: Message) -> list[Effect]:
        office, now = self.office, self.context.now()
        match message:
            case Round():
                return [After(ROUND_S, Round(), "round"), *self._round(now)]
            case RoleChanged():  # the test's word
                return self._say(message, now)
            case AskRole(group, _) if group == office.group:
                return [Reply(office.present())]
            case StandForElection():
                office.stands, office.leads = message, message.leads
            case ServiceFitness(leads=leads, failed=failed):
                office.leads = leads
                office.fitness.append(message)
                if failed and office.holds:
                    office.release("its process ended")
                    return [Send(f"service/{office.service}", office.present()), *self._unfence()]
            case RoleSettled(role=role, term=term):
                office.settled.append(message)
                if role == "none" and term == office.term and office.settle_by_s:
                    office.release("it said that it does not")
                    return self._unfence()
            case SuitabilityRead():
                office.read.append(message)
            case QueryElections(group):
                names = group, "topology", office.role, "waiting", office.term
                view = ElectionView(*names, reason="x")  # type: ignore[arg-type]
                return [Reply(Elections((view,) if group == office.group else ()))]
            case WithdrawFromElection(_, group, _):
                office.withdrawn.append(group)
                return [Reply(Ok())]
            case ReadSuitability():
                return [Send(f"service/{office.service}", message)]
            case _:
                pass
        return []

    def _round(self, now: float) -> list[Effect]:
        office = self.office
        effects: list[Effect] = []
        if office.role == "leader" and office.acked:
            office.renewed_s = now
            effects.append(self._fence())
        elif office.role == "leader" and now >= office.renewed_s + 2.5:
            return self._demote(office.renewed_s + SETTLE_S)
        if office.role == "leader" and not office.leads and now >= office.since_s + 2.0:
            return [*effects, *self._demote(office.renewed_s + SETTLE_S)]
        if office.settle_by_s and now >= office.settle_by_s + LEASE_S - SETTLE_S:
            office.release("the launcher should have killed it")
            effects += self._unfence()
        return effects

    def _say(self, told: RoleChanged, now: float) -> list[Effect]:
        """A new role, as far as a real election could give it: a leader is demoted first."""
        office = self.office
        if office.holds:
            if told.role == "leader" or office.settle_by_s:
                return []
            return self._demote(office.renewed_s + SETTLE_S)
        office.term += 1
        office.role, office.since_s = told.role, now
        office.leader = {"leader": self.context.member, "follower": OTHER}.get(told.role, "")
        fence: list[Effect] = []
        if told.role == "leader":
            office.renewed_s = now
            fence = [self._fence()]
        return [*fence, Send(f"service/{office.service}", office.present())]

    def _demote(self, settle_by_s: float) -> list[Effect]:
        office = self.office
        office.role, office.leader, office.settle_by_s = "none", "", settle_by_s
        return [Send(f"service/{office.service}", office.present())]

    def _fence(self) -> Effect:
        key = f"service:{self.office.service}"
        return Send("port/launcher", RenewLeader(key, self.office.renewed_s + SETTLE_S))

    def _unfence(self) -> list[Effect]:
        return [Send("port/launcher", RenewLeader(f"service:{self.office.service}", 0.0))]


# ── what tests do with it ──


def load(rig: Any, make_package: Any, *hooks: str, config: bytes = b"") -> None:
    """Load the package of a group with a leader; another member of it is in the census."""
    package = make_package(version="2.0", hooks=("run", "init", *hooks))
    rig.shelf.add(package, config={"app.conf": config} if config else {})
    other = ServiceInfo(OTHER, GROUP, "acme/web/2.0/20260101000000", topology="leader")
    rig.census = Census(2, {GROUP: (GroupMember(other, "alive"),)})
    answer = rig.command(LoadService(DB))[-1]
    assert answer.outcome == "waiting"
    assert answer.reason.startswith(f"waits for a leader of {GROUP}")


def lead(rig: Any) -> int:
    """Have it lead; its pid."""
    rig.elect("leader")
    rig.until(lambda: settled(rig) == ("leader", rig.office.term))
    pid = rig.pid("web")
    assert pid is not None
    return int(pid)


def follow(rig: Any) -> int:
    """Have it follow another member; its pid."""
    rig.elect("follower")
    rig.until(lambda: settled(rig) == ("follower", rig.office.term))
    pid = rig.pid("web")
    assert pid is not None
    return int(pid)


def settled(rig: Any) -> tuple[str, int]:
    said = rig.office.settled
    return (said[-1].role, said[-1].term) if said else ("", 0)


def roles(rig: Any) -> list[str]:
    return [event.role for event in rig.events(RoleTaken)]


def told(rig: Any) -> list[tuple[str, ...]]:
    """The arguments of each run of the role-changed hook."""
    return [s.argv[1:] for s in rig.starts if s.key.startswith("hook:web:role-changed:")]


def conf(rig: Any) -> str:
    return str(rig.shelf.written["web"]["config/app.conf"].decode())
