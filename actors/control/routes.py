"""Which actor answers which request: the whole language of the control gateway, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, StopSupervisor
from actors.messages.depot import InstallPackage, ResolvePackage
from actors.messages.election_orders import BootstrapElectorate, QueryElections, StepDown
from actors.messages.events import QueryEvents
from actors.messages.gateway import PlanService, QueryConfiguration
from actors.messages.groups import ApplyConfig, QueryGroup, UploadFile
from actors.messages.primitives import CallMethod, CreateActor, FindActor, QueryUserActors
from actors.messages.ring import DepartMember, QueryCensus, QueryMembers
from actors.messages.rollout import OrderRollout, QueryRollouts
from actors.messages.runtime import InspectActor, KillActor, ListActors, TraceActor
from actors.messages.service import (
    LoadService,
    QueryServices,
    RestartService,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)


@dataclass(frozen=True, slots=True)
class Route:
    """`path` answers. `writes`: it changes something, so it leaves an event and is done once.

    `relayed`: it may be asked of another member too. A method call `writes` only as far as its
    actor does: calls are too many for an event each, and their answers too large to keep.
    """

    path: str
    writes: bool = False
    relayed: bool = False


ROUTES: Final[dict[type[Message], Route]] = {
    LoadService: Route("specs", writes=True),
    UpdateService: Route("specs", writes=True),
    UnloadService: Route("specs", writes=True),
    StopService: Route("specs", writes=True),
    StartService: Route("specs", writes=True),
    RestartService: Route("specs", writes=True),
    QueryServices: Route("specs"),
    PlanService: Route("service"),
    QueryConfiguration: Route("service"),
    InstallPackage: Route("depot", writes=True),
    ResolvePackage: Route("depot"),
    QueryMembers: Route("gossip"),
    DepartMember: Route("gossip", writes=True),
    QueryCensus: Route("census"),
    QueryGroup: Route("census"),
    ApplyConfig: Route("census", writes=True),
    UploadFile: Route("census", writes=True),
    QueryElections: Route("election", relayed=True),
    StepDown: Route("election", writes=True, relayed=True),
    BootstrapElectorate: Route("election", writes=True, relayed=True),
    QueryRollouts: Route("update", relayed=True),
    OrderRollout: Route("update", writes=True, relayed=True),
    QueryEvents: Route("events", relayed=True),
    QuerySupervisor: Route("node"),
    StopSupervisor: Route("node", writes=True),
    ListActors: Route("node", relayed=True),
    InspectActor: Route("node", relayed=True),
    TraceActor: Route("node", writes=True, relayed=True),
    KillActor: Route("node", writes=True, relayed=True),
    CreateActor: Route("host", writes=True, relayed=True),
    FindActor: Route("host", relayed=True),
    QueryUserActors: Route("host", relayed=True),
    CallMethod: Route("host", relayed=True),
}


def route_of(message: Message) -> Route | None:
    """Who answers `message`; None if nobody may be asked for it here."""
    return ROUTES.get(type(message))
