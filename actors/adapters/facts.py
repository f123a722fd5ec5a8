"""Facts about this machine and process, found out once at the start and handed to the actors."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from actors import __version__
from actors.adapters.accounts import own_account
from actors.adapters.sealed import set_aside
from actors.control.process import HostOptions
from actors.errors import HostError
from actors.gossip.core import RingOption
from actors.launcher import marks
from actors.launcher.protocol import ENV_FD, ENV_PID
from actors.messages.base import MemberId, is_member_id
from actors.messages.ring import SysInfo
from actors.messages.runtime import StateFileDamaged
from actors.node.actor import Identity
from actors.node.options import ENVIRONMENT_NAME, SupervisorOptions
from actors.node.tree import TreeOptions
from actors.service.options import ServiceOptions

# What services and hosts must not inherit: the line to the launcher, and secrets.
PRIVATE: Final = frozenset(
    {ENV_FD, ENV_PID, marks.NAME, ENVIRONMENT_NAME, "HAB_CTL_SECRET", "HAB_RING_KEY"}
)
# To give processes to other accounts takes CAP_CHOWN (0), CAP_SETGID (6) and CAP_SETUID (7).
SWITCH_USER: Final = (1 << 0) | (1 << 6) | (1 << 7)
ELSEWHERE: Final = ("192.0.2.1", 9)  # TEST-NET-1: routed like the world, and nothing is ever sent
WILDCARDS: Final = frozenset({"0.0.0.0", "::", "[::]", "*"})  # noqa: S104 - compared, not bound


def read_or_create_member_id(path: Path, damaged: Callable[[StateFileDamaged], None]) -> MemberId:
    """This member's id, made at the first start; `damaged` hears of a file that was set aside.

    A member that lost its id is a new one, and the old one dead to the others. Raises HostError
    where it can neither be read nor written.
    """
    try:
        try:
            text = path.read_text(encoding="ascii", errors="replace").strip()
            if is_member_id(text):
                return text
            damaged(set_aside(path))
        except FileNotFoundError:
            pass
        return _create(path, secrets.token_hex(16))
    except OSError as error:
        raise HostError(f"the member id cannot be kept in {path}: {error}") from error


def record_control(path: Path, endpoint: str) -> str:
    """Write down where we listen for control, for whoever names this supervisor; a problem or ''.

    Without it commands still find the default places, so a full disk prevents no start.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(f"{endpoint}\n", encoding="utf-8")
        draft.chmod(0o644)
        draft.rename(path)
    except OSError as error:
        return f"{path} cannot be written: {error.strerror or error}"
    return ""


def _create(path: Path, member: MemberId) -> MemberId:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="ascii") as file:
        file.write(member + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return member


def advertised(listening: str, sys_ip_address: str) -> str:
    """`host:port` under which others reach what listens on `listening`.

    A wildcard becomes `sys_ip_address`, or else the address of the route to the world, or loopback
    on a machine without one.
    """
    host, _, port = listening.rpartition(":")
    if sys_ip_address:
        host = sys_ip_address
    elif host in WILDCARDS:
        host = _own_address()
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def can_switch_user() -> bool:
    """Whether this process may start others under another account."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return os.geteuid() == 0
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16) & SWITCH_USER == SWITCH_USER
    return os.geteuid() == 0


def inherited() -> dict[str, str]:
    """The environment for services and hosts: ours, without what is ours alone."""
    return {name: value for name, value in os.environ.items() if name not in PRIVATE}


def identity(options: SupervisorOptions, launcher_pid: int, address: str) -> Identity:
    """Who this supervisor process is."""
    return Identity(
        version=__version__,
        name=options.name,
        root=options.root,
        pid=os.getpid(),
        launcher_pid=launcher_pid,
        listen_gossip=address,
        listen_http="" if options.http_disable else options.listen_http,
        listen_ctl=options.listen_ctl,
        ring=options.ring,
        org=options.org,
        hostname=options.hostname or socket.gethostname(),
        permanent=options.permanent,
        allow_actors=options.allow_actors,
        peer_watch_file=options.peer_watch_file,
    )


def sys_info(options: SupervisorOptions, address: str, hostname: str) -> SysInfo:
    """Where this machine is found (`address`), and where its supervisor listens."""
    gossip_ip, gossip_port = _split(options.listen_gossip)
    http_ip, http_port = _split(options.listen_http)
    ctl_ip, ctl_port = _split(options.listen_ctl)
    return SysInfo(
        ip=_split(address)[0],
        hostname=hostname,
        gossip_ip=gossip_ip,
        gossip_port=gossip_port,
        http_gateway_ip=http_ip,
        http_gateway_port=http_port,
        ctl_gateway_ip=ctl_ip,
        ctl_gateway_port=ctl_port,
    )


def _split(address: str) -> tuple[str, int]:
    """`HOST:PORT` apart; a path (of a control socket) has no port."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else (address, 0)


def tree_options(options: SupervisorOptions, address: str, control_endpoint: str) -> TreeOptions:
    """What the actors are told."""
    layout, environment = options.layout, inherited()
    user, group = own_account()
    hostname = options.hostname or socket.gethostname()
    return TreeOptions(
        gossip=RingOption(
            address=address,
            seeds=options.peers,
            permanent=options.permanent,
            name=hostname if options.name == "default" else options.name,
            merge=options.merge,
        ),
        service=ServiceOptions(
            root=options.root,
            svc_dir=str(layout.services),
            user_dir=str(layout.user),
            environment=environment,
            can_switch_user=can_switch_user(),
            user=user,
            group=group,
            sys=sys_info(options, address, hostname),
            version=__version__,
            permanent=options.permanent,
            backoff_min_s=options.backoff_min_s,
            backoff_max_s=options.backoff_max_s,
            cooldown_s=options.backoff_cooldown_s,
        ),
        hosts=HostOptions(
            argv=(sys.executable, "-m", "actors.host"),
            endpoint=control_endpoint,
            secret_file=str(layout.secret),
            env=environment,
            log_dir=str(layout.supervisor / "hosts"),
            allow=options.allow_actors,
        ),
        org=options.org,
        keyed=bool(options.ring),
        update_period_s=options.update_period_s,
    )
