"""The shell of the HTTP gateway: `gateway`, which asks the owners of facts for each request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from actors.effects import After, Ask, Cancel, Effect, Reply
from actors.gateway.leaders import Standing
from actors.gateway.metrics import samples
from actors.gateway.ring import butterfly_document, census_document
from actors.gateway.routes import Route, parse
from actors.gateway.services import HEALTH_CODES, health_document, service_document
from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, SupervisorInfo
from actors.messages.election_orders import Elections, QueryElections
from actors.messages.envelope import Ticket
from actors.messages.gateway import (
    GatherOverdue,
    HookOutput,
    HttpAnswered,
    HttpAsked,
    QueryReport,
    ReadHookOutput,
    ServiceReport,
)
from actors.messages.groups import GroupFacts, QueryGroup
from actors.messages.ring import Census, Members, QueryCensus, QueryMembers
from actors.messages.runtime import ActorList, CallFailed, ListActors
from actors.messages.service import QueryServices, Services
from actors.runtime.actor import Actor, Context

GATHER_S: Final = 5.0  # answers take milliseconds, unless somebody is being restarted
Answer = TypeVar("Answer", bound=Message)

RING: Final[tuple[tuple[str, Message], ...]] = (
    ("gossip", QueryMembers()),
    ("census", QueryCensus()),
    ("census", QueryGroup()),
)
FIRST: Final[dict[str, tuple[tuple[str, Message], ...]]] = {
    "services": (
        ("specs", QueryServices()),
        ("node", QuerySupervisor()),
        ("census", QueryCensus()),
        ("election", QueryElections()),
    ),
    "census": (*RING, ("election", QueryElections())),
    "butterfly": RING,
    "metrics": (("gossip", QueryMembers()), ("specs", QueryServices()), ("node", ListActors())),
}


@dataclass(slots=True)
class Gathering:
    """A request and what has been answered for it so far."""

    route: Route
    trusted: bool
    ticket: Ticket | None
    open: int = 0
    answers: list[Message] = field(default_factory=list)
    reports_asked: bool = False

    def one(self, kind: type[Answer]) -> Answer:
        """The answer of a kind. Raises LookupError where somebody said no."""
        for answer in self.answers:
            if isinstance(answer, kind):
                return answer
        raise LookupError(kind.__name__)

    def all(self, kind: type[Answer]) -> list[Answer]:
        """All answers of a kind."""
        return [answer for answer in self.answers if isinstance(answer, kind)]


Finish: TypeAlias = Callable[[Gathering, float], HttpAnswered]


class GatewayActor(Actor):
    """`gateway`: one request is a few questions, and a document made of their answers."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._gathering: dict[int, Gathering] = {}
        self._numbers = 0

    def step(self, message: Message) -> list[Effect]:
        """Begin a request, take an answer, or give up on one."""
        match message:
            case HttpAsked(path, trusted):
                return self._begin(path, trusted=trusted)
            case GatherOverdue(number):
                late = self._gathering.pop(number, None)
                text = "the supervisor is busy or being restarted; try again"
                return [] if late is None else [Reply(_problem(503, text), late.ticket)]
            case _ if self.envelope.answers:
                return self._answered(message)
            case _:
                return super().step(message)

    def _begin(self, path: str, *, trusted: bool) -> list[Effect]:
        route = parse(path)
        if isinstance(route, int):
            return [Reply(_problem(route, _REASONS[route]))]
        self._numbers += 1
        number = self._numbers
        gathering = Gathering(route, trusted, self.envelope.ticket)
        self._gathering[number] = gathering
        first = FIRST.get(route.what, FIRST["services"])
        due = After(GATHER_S, GatherOverdue(number), f"gather:{number}")
        return [due, *(self._ask(number, to, question) for to, question in first)]

    def _ask(self, number: int, to: str, question: Message) -> Ask:
        gathering = self._gathering[number]
        gathering.open += 1
        return Ask(to, question, f"{number}:{gathering.open}:{to}")

    def _answered(self, message: Message) -> list[Effect]:
        number = int(self.envelope.answers.partition(":")[0])
        gathering = self._gathering.get(number)
        if gathering is None:
            return []  # given up meanwhile
        gathering.answers.append(message)
        if len(gathering.answers) < gathering.open:
            return []
        if (more := self._reports(number, gathering)) is not None:
            return more
        del self._gathering[number]
        return [
            Cancel(f"gather:{number}"),
            Reply(_finish(gathering, self.context.wall()), gathering.ticket),
        ]

    def _reports(self, number: int, gathering: Gathering) -> list[Effect] | None:
        """Ask each service about itself, once it is known which there are; None: no need."""
        route = gathering.route
        if gathering.reports_asked or not gathering.all(Services):
            return None
        if route.what not in ("services", "service", "config", "health"):
            return None
        gathering.reports_asked = True
        found = gathering.one(Services).services
        specs = [s.spec for s in found if not route.group or s.spec.service_group == route.group]
        asks: list[Effect] = [
            self._ask(number, f"service/{spec.service}", QueryReport()) for spec in specs
        ]
        if route.what == "health":
            question = ReadHookOutput(route.service, "health-check")
            asks += [self._ask(number, "port/packages", question) for _ in specs]
        return asks or None


def _finish(gathering: Gathering, wall_s: float) -> HttpAnswered:
    try:
        return _FINISH.get(gathering.route.what, _one_service)(gathering, wall_s)
    except LookupError:
        failed = gathering.all(CallFailed)
        return _problem(503, failed[0].text if failed else "an answer is missing; try again")


def _services(gathering: Gathering, wall_s: float) -> HttpAnswered:
    sup, trusted = gathering.one(SupervisorInfo), gathering.trusted
    reports, standing = gathering.all(ServiceReport), _standing(gathering)
    documents = [
        service_document(report, sup, wall_s, standing, trusted=trusted) for report in reports
    ]
    return HttpAnswered(200, sorted(documents, key=lambda one: str(one["service_group"])))


def _one_service(gathering: Gathering, wall_s: float) -> HttpAnswered:
    route, trusted = gathering.route, gathering.trusted
    sup, loaded = gathering.one(SupervisorInfo), gathering.one(Services).services
    if not any(status.spec.service_group == route.group for status in loaded):
        return _problem(404, f"{route.group} is not loaded")
    report = gathering.one(ServiceReport)
    if route.what == "config":
        return HttpAnswered(200, dict(report.values) if trusted else None)
    if route.what == "health":
        found = gathering.all(HookOutput)
        output = found[0] if found else HookOutput()
        document = health_document(report, output, trusted=trusted)
        return HttpAnswered(HEALTH_CODES[report.status.health], document)
    document = service_document(report, sup, wall_s, _standing(gathering), trusted=trusted)
    return HttpAnswered(200, document)


def _standing(gathering: Gathering) -> Standing:
    """What is known of elections; whoever does not answer leaves it unknown."""
    censuses, elections = gathering.all(Census), gathering.all(Elections)
    return Standing(
        censuses[0].elections if censuses else {},
        elections[0].elections if elections else (),
    )


def _census(gathering: Gathering, _wall_s: float) -> HttpAnswered:
    census, facts, members = _ring(gathering)
    own = _standing(gathering).own
    document = census_document(census, facts, members, own, trusted=gathering.trusted)
    return HttpAnswered(200, document)


def _butterfly(gathering: Gathering, _wall_s: float) -> HttpAnswered:
    census, facts, members = _ring(gathering)
    return HttpAnswered(200, butterfly_document(census, facts, members, trusted=gathering.trusted))


def _ring(gathering: Gathering) -> tuple[Census, GroupFacts, Members]:
    return gathering.one(Census), gathering.one(GroupFacts), gathering.one(Members)


def _metrics(gathering: Gathering, _wall_s: float) -> HttpAnswered:
    members, services = gathering.one(Members), gathering.one(Services).services
    found = samples(members, services, gathering.one(ActorList).actors)
    return HttpAnswered(200, tuple(found))


def _problem(status: int, reason: str) -> HttpAnswered:
    return HttpAnswered(status, {"error": reason})


_FINISH: Final[dict[str, Finish]] = {
    "services": _services,
    "census": _census,
    "butterfly": _butterfly,
    "metrics": _metrics,
}
_REASONS: Final = {
    404: "no such path; / lists those there are",
    400: "a service is /services/NAME/GROUP[/ORG]",
}
