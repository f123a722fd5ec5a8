"""The tree of a simulated supervisor: the very one of `actors.node`, told simulated facts."""

from __future__ import annotations

from actors import __version__
from actors.control.process import HostOptions
from actors.election.part import ElectionOption
from actors.gossip.core import RingOption
from actors.messages.ring import SysInfo
from actors.node.actor import Identity, NodeActor
from actors.node.tree import TreeOptions, root_children
from actors.service.options import ServiceOptions
from actors.simulation.node import Root, RootActor, SupervisorProcess

ROOT = "/hab"


def supervisor(
    seeds: tuple[str, ...], *, permanent: bool, keyed: bool = False, poll_s: float = 60.0
) -> Root:
    """The root of one machine's supervisors, which ask their depot each `poll_s`."""

    def root(process: SupervisorProcess) -> RootActor:
        machine = process.machine
        name = f"m{machine.number}"
        told = TreeOptions(
            gossip=RingOption(address=machine.address, seeds=seeds, permanent=permanent, name=name),
            service=ServiceOptions(
                root=ROOT,
                svc_dir=f"{ROOT}/svc",
                user_dir=f"{ROOT}/user",
                can_switch_user=True,
                sys=SysInfo(ip=machine.address.partition(":")[0], hostname=name),
            ),
            hosts=HostOptions(argv=("host",), endpoint="sim://control", secret_file="secret"),  # noqa: S106 - a file's name
            election=ElectionOption(lease_events_s=0.0),  # checkers look at each
            keyed=keyed,
            update_period_s=poll_s,
        )
        return RootActor(NodeActor, (_identity(process), root_children(told)))

    return root


def _identity(process: SupervisorProcess) -> Identity:
    machine = process.machine
    return Identity(
        version=__version__,
        name="default",
        root=ROOT,
        pid=process.pid,
        launcher_pid=machine.launcher.pid if machine.launcher is not None else 0,
        listen_gossip=machine.address,
        listen_http="127.0.0.1:9631",
        listen_ctl="127.0.0.1:9632",
        hostname=f"m{machine.number}",
    )
