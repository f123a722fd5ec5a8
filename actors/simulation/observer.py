"""Looking at a ring from outside, as the command line would: what is seen becomes events."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from actors.messages.base import Event, Message
from actors.messages.election_orders import Elections, QueryElections
from actors.messages.envelope import Envelope
from actors.messages.groups import GroupFacts, QueryGroup
from actors.messages.ring import (
    Census,
    Members,
    QueryCensus,
    QueryMembers,
    RumorsChanged,
    Subscribe,
)
from actors.messages.service import QueryServices, Services
from actors.messages.simulation import (
    CensusSeen,
    ElectionsSeen,
    FactsSeen,
    MembersSeen,
    RumorsSeen,
    ServicesSeen,
)

if TYPE_CHECKING:
    from actors.simulation.machine import Machine
    from actors.simulation.ring import Ring

PORT: Final = "port/observer"
PATIENCE_S: Final = 2.0  # an answer takes a turn; a paused process gives none
KINDS: Final = ("fact", "service")

_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode

Take: TypeAlias = Callable[["Machine", Message], Event | None]
Expected: TypeAlias = Callable[["Machine"], bool]


class Observer:
    """Asks every running supervisor; what is as it was the last time is not said again."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._members: dict[int, Event] = {}
        self._rumors: dict[int, Event] = {}
        self._services: dict[int, Event] = {}
        self._census: dict[int, Event] = {}
        self._facts: dict[int, Event] = {}
        self._elections: dict[int, Event] = {}

    # ── looking ──

    def look(self) -> None:
        """Ask for the members."""
        self._ask("gossip", QueryMembers(), _members, self._members)

    def look_at_services(self) -> None:
        """Ask for the services and for the census."""
        self._ask("specs", QueryServices(), _services, self._services)
        self._ask("census", QueryCensus(), _census, self._census)

    def look_at_facts(self) -> None:
        """Ask for what was applied to groups."""
        self._ask("census", QueryGroup(), _facts, self._facts)

    def look_at_elections(self) -> None:
        """Ask for the elections."""
        self._ask("election", QueryElections(), _elections, self._elections)

    def look_at_rumors(self) -> None:
        """Ask for all rumors."""
        waiting: set[int] = set()
        for machine in self._up():
            assert machine.supervisor is not None
            heard = partial(self._heard, machine, waiting, _rumors, self._rumors)
            waiting.add(machine.number)
            machine.supervisor.world.register_port(PORT, heard)
            machine.supervisor.world.tell("gossip", Subscribe(KINDS), sender=PORT)
        self._ring.run_until(lambda: not waiting, PATIENCE_S)
        for machine in self._up():
            assert machine.supervisor is not None
            machine.supervisor.world.register_port(PORT, _ignore)

    # ── comparing ──

    def agree(self, expected: Expected) -> bool:
        """Whether the last views of all `expected` machines show exactly these alive, one ring."""
        alive = {m.member for m in self._ring.machines if expected(m)}
        rings = set()
        for machine in self._expected(expected):
            seen = self._members.get(machine.number)
            if not isinstance(seen, MembersSeen) or seen.member != machine.member:
                return False
            if {m for m, (health, _) in seen.members.items() if health == "alive"} != alive:
                return False
            rings.add(seen.ring_id)
        return len(rings) <= 1

    def same_rumors(self, expected: Expected) -> bool:
        """Whether all `expected` machines hold the same rumors."""
        held = (self._rumors.get(machine.number) for machine in self._expected(expected))
        return len({seen.digest if isinstance(seen, RumorsSeen) else "" for seen in held}) <= 1

    def same_census(self, expected: Expected) -> bool:
        """Whether all `expected` machines find the same groups, with the services that are up."""
        truth: dict[str, set[str]] = {}
        for machine in self._expected(expected):
            seen = self._services.get(machine.number)
            if isinstance(seen, ServicesSeen):
                for name, (stage, _) in seen.services.items():
                    if stage == "up":
                        truth.setdefault(f"{name}.default", set()).add(machine.member)
        groups = {name: tuple(sorted(members)) for name, members in sorted(truth.items())}
        found = (self._census.get(machine.number) for machine in self._expected(expected))
        return all(isinstance(seen, CensusSeen) and seen.groups == groups for seen in found)

    def same_facts(self, expected: Expected) -> bool:
        """Whether all `expected` machines know the same of groups."""
        known = [self._facts.get(machine.number) for machine in self._expected(expected)]
        facts = [seen.facts if isinstance(seen, FactsSeen) else None for seen in known]
        return all(found == facts[0] for found in facts)

    def each_is_led(self, expected: Expected) -> bool:
        """Whether each election has one leader with a lease, by the word of all that take part."""
        views: dict[str, set[tuple[str, int, str]]] = {}
        leads: Counter[str] = Counter()
        for machine in self._expected(expected):
            seen = self._elections.get(machine.number)
            if isinstance(seen, ElectionsSeen):
                for name, (role, leader, term, electorate, _, lasts) in seen.elections.items():
                    views.setdefault(name, set()).add((leader, term, electorate))
                    leads[name] += role == "leader" and lasts
        return all(len(said) == 1 and leads[name] == 1 for name, said in views.items())

    def services_rest(self, expected: Expected, names: set[str]) -> bool:
        """Whether none of these services is on its way up or down."""
        known = [self._services.get(machine.number) for machine in self._expected(expected)]
        seen = [each.services for each in known if isinstance(each, ServicesSeen)]
        stages = {stage for services in seen for n, (stage, _) in services.items() if n in names}
        return stages <= {"up", "down"}

    # ── inside ──

    def _up(self) -> Iterable[Machine]:
        return [m for m in self._ring.machines if m.supervisor is not None and m.supervisor.is_up]

    def _expected(self, expected: Expected) -> Iterable[Machine]:
        return [machine for machine in self._ring.machines if expected(machine)]

    def _ask(self, to: str, question: Message, take: Take, said: dict[int, Event]) -> None:
        waiting: set[int] = set()
        for machine in self._up():
            assert machine.supervisor is not None
            waiting.add(machine.number)
            heard = partial(self._heard, machine, waiting, take, said)
            machine.supervisor.world.call(to, question, heard)
        self._ring.run_until(lambda: not waiting, PATIENCE_S)

    def _heard(
        self,
        machine: Machine,
        waiting: set[int],
        take: Take,
        said: dict[int, Event],
        envelope: Envelope,
    ) -> None:
        seen = take(machine, envelope.message)
        if seen is not None and machine.number in waiting and said.get(machine.number) != seen:
            said[machine.number] = seen
            self._ring.log.note(seen)
        if seen is not None or envelope.answers:
            waiting.discard(machine.number)


def _members(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, Members):
        return None
    views = {v.member.id: (str(v.health), v.member.incarnation) for v in answer.members}
    ordered = dict(sorted(views.items()))
    return MembersSeen(machine.number, answer.me, answer.ring_id, ordered, answer.settled)


def _rumors(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, RumorsChanged) or not answer.complete:
        return None
    rumors = sorted(answer.rumors, key=lambda r: (r.kind, r.key, r.owner))
    digest = hashlib.blake2b(_encode(rumors), digest_size=8).hexdigest()
    return RumorsSeen(machine.number, len(rumors), digest)


def _services(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, Services):
        return None
    seen = {s.spec.service: (str(s.stage), s.pid or 0) for s in answer.services}
    return ServicesSeen(machine.number, machine.member, dict(sorted(seen.items())))


def _census(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, Census):
        return None
    groups = {
        name: tuple(m.info.member for m in members if m.info.up)
        for name, members in sorted(answer.groups.items())
    }
    return CensusSeen(machine.number, machine.member, {n: up for n, up in groups.items() if up})


def _elections(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, Elections):
        return None
    seen = {
        f"{one.service_group}/{one.kind}": (
            *(one.role, one.leader, one.term, one.electorate, one.state),
            one.lease_s > 0,
        )
        for one in answer.elections
    }
    return ElectionsSeen(machine.number, machine.member, dict(sorted(seen.items())))


def _facts(machine: Machine, answer: Message) -> Event | None:
    if not isinstance(answer, GroupFacts):
        return None
    facts = {group: (one.version, one.data.decode()) for group, one in answer.configs.items()}
    for group, files in answer.files.items():
        facts |= {f"{group}/{one.name}": (one.version, one.data.decode()) for one in files}
    return FactsSeen(machine.number, machine.member, dict(sorted(facts.items())))


def _ignore(_envelope: Envelope) -> None:
    """What comes after the look is over."""
