"""Which actors a supervisor consists of, in start order; they end in reverse.

Who is asked starts before who asks: the ring, and who leads in it, then what is wanted and what is
installed, then the services, and last whoever speaks for people.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.census.actor import CensusActor
from actors.control.actor import ControlActor, HostsActor
from actors.control.process import HostOptions
from actors.depot.actor import DepotActor
from actors.effects import RestartPolicy, Spawn
from actors.election.actor import ElectionsActor
from actors.election.part import ElectionOption
from actors.eventlog.actor import EventsActor
from actors.gateway.actor import GatewayActor
from actors.gossip.actor import GossipActor
from actors.gossip.core import RingOption
from actors.service.actor import ServicesActor
from actors.service.options import ServiceOptions
from actors.specs.actor import SpecsActor
from actors.update.actor import UpdateOption, UpdatesActor

SINGLETON = RestartPolicy(exhausted="escalate")  # the node cannot do without any of them


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """What the actors are told; `keyed`: the ring has a key."""

    gossip: RingOption
    service: ServiceOptions
    hosts: HostOptions
    election: ElectionOption = field(default_factory=ElectionOption)
    org: str = ""
    keyed: bool = False
    update_period_s: float = 60.0


def root_children(options: TreeOptions) -> tuple[Spawn, ...]:
    """The children of `node`, in start order."""
    update = UpdateOption(options.update_period_s, options.keyed)
    return (
        Spawn("gossip", GossipActor, (options.gossip,), SINGLETON),
        Spawn("census", CensusActor, (), SINGLETON),
        Spawn("election", ElectionsActor, (options.election,), SINGLETON),
        Spawn("events", EventsActor, (), SINGLETON),
        Spawn("depot", DepotActor, (), SINGLETON),
        Spawn("update", UpdatesActor, (update,), SINGLETON),
        Spawn("service", ServicesActor, (options.service,), SINGLETON),
        Spawn("specs", SpecsActor, (options.org,), SINGLETON),
        Spawn("host", HostsActor, (options.hosts,), SINGLETON),
        Spawn("gateway", GatewayActor, (), SINGLETON),
        Spawn("control", ControlActor, (options.keyed,), SINGLETON),
    )
