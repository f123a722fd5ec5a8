"""The samples of `/metrics`: Habitat's names where it has them, ours under `habring_`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from actors.messages.ring import MemberHealth, Members
from actors.messages.runtime import ActorInfo
from actors.messages.service import Health, ServiceStatus, Stage

Kind: TypeAlias = Literal["gauge", "counter"]
STAGES: Final[tuple[Stage, ...]] = (
    *("initializing", "waiting", "starting", "up"),
    *("stopping", "down", "backoff", "failed"),
)
HEALTHS: Final[tuple[Health, ...]] = ("ok", "warning", "critical", "unknown")
MEMBER_HEALTHS: Final[tuple[MemberHealth, ...]] = ("alive", "suspect", "confirmed", "departed")


@dataclass(frozen=True, slots=True)
class Sample:
    """One metric: `values` by label value, or under "" where it has no `label`."""

    name: str
    kind: Kind
    help: str
    values: dict[str, float]
    label: str = ""


def samples(
    members: Members, services: Iterable[ServiceStatus], actors: Iterable[ActorInfo]
) -> Iterator[Sample]:
    """What the ring, the services and the actors are like now."""
    me = next((view.member for view in members.members if view.member.id == members.me), None)
    healths = Counter(view.health for view in members.members)
    yield Sample(
        "hab_butterfly_peer_health_total",
        "gauge",
        "Members of the ring by health",
        {health: float(healths[health]) for health in MEMBER_HEALTHS},
        "health",
    )
    yield Sample(
        "hab_butterfly_incarnation_number",
        "gauge",
        "Incarnation of this member",
        {"": float(me.incarnation if me else 0)},
    )
    known = list(services)
    stages = Counter(status.stage for status in known)
    checked = Counter(status.health for status in known)
    yield Sample(
        "habring_services",
        "gauge",
        "Services by stage",
        {stage: float(stages[stage]) for stage in STAGES},
        "stage",
    )
    yield Sample(
        "habring_service_health",
        "gauge",
        "Services by health",
        {health: float(checked[health]) for health in HEALTHS},
        "health",
    )
    yield Sample(
        "habring_service_restarts",
        "gauge",
        "Starts after an end nobody asked for, since the service was last started by hand",
        {status.spec.service: float(status.restarts) for status in known},
        "service",
    )
    states = Counter(actor.state for actor in actors)
    yield Sample(
        "habring_actors",
        "gauge",
        "Actors by state",
        {state: float(count) for state, count in sorted(states.items())},
        "state",
    )
