"""The tree of a simulated supervisor: the very one of `actors.node`, told simulated options."""

from __future__ import annotations

from actors import __version__
from actors.effects import Spawn
from actors.gossip.actor import GossipActor
from actors.gossip.core import RingOption
from actors.node.actor import Identity, NodeActor
from actors.runtime.guardian import ROOT_POLICY
from actors.simulation.node import Root, RootActor, SupervisorProcess


def supervisor(seeds: tuple[str, ...], *, permanent: bool) -> Root:
    """The root of one machine's supervisors."""

    def root(process: SupervisorProcess) -> RootActor:
        machine = process.machine
        option = RingOption(
            address=machine.address, seeds=seeds, permanent=permanent, name=f"m{machine.number}"
        )
        children = (Spawn("gossip", GossipActor, (option,), ROOT_POLICY),)
        return RootActor(NodeActor, (_identity(process), children))

    return root


def _identity(process: SupervisorProcess) -> Identity:
    machine = process.machine
    return Identity(
        version=__version__,
        name="default",
        root="/hab",
        pid=process.pid,
        launcher_pid=machine.launcher.pid if machine.launcher is not None else 0,
        listen_gossip=machine.address,
        listen_http="127.0.0.1:9631",
        listen_ctl="127.0.0.1:9632",
        hostname=f"m{machine.number}",
    )
