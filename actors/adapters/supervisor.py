"""The supervisor process: the adapters, the world they make, and the node in it.

Started by the launcher with its options in the environment. It says hello to the launcher before
anything heavy is imported, opens its sockets, starts the node, and ends with the code the node
decides: 84 done, 86 departed, 0 to be started again at once, anything else after a pause.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from actors.launcher.link import hello
from actors.launcher.protocol import ENV_FD
from actors.node.options import ENVIRONMENT_NAME, SupervisorOptions, from_json

if TYPE_CHECKING:
    from actors.adapters.control_server import ControlServer
    from actors.adapters.eventlog import SqliteEventLog
    from actors.adapters.keys import RingKeys
    from actors.adapters.supervisor_log import SupervisorLog
    from actors.messages.envelope import Envelope
    from actors.messages.runtime import StateFileDamaged
    from actors.runtime.world import World

EXIT_BROKEN: Final = 1  # started again, after the launcher's pause
EXIT_NO_RETRY: Final = 86  # a start that cannot succeed by trying again
WELCOME_S: Final = 5.0  # the launcher answers at once, unless the machine is very busy
ANSWERS_S: Final = 0.5  # for who asked for the end to hear that it was recorded
FLUSH_S: Final = 2.0  # how long the last events may take to reach the disk

_log = logging.getLogger("hab-sup")


def main() -> int:
    """Run the supervisor process; the exit code."""
    options = from_json(os.environ[ENVIRONMENT_NAME])
    fd = int(os.environ[ENV_FD])
    hello(fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the launcher's to hear
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from actors.adapters.supervisor_log import SupervisorLog
    from actors.errors import CryptoError, HabError, UsageError
    from actors.launcher.console import Console

    console = Console(1, json_lines=options.json_logging, color=options.color)
    said = SupervisorLog(console, verbose=options.verbose)
    logging.basicConfig(handlers=[said], level=said.level, format="%(message)s")
    try:
        return Supervisor(options, fd, said).run()
    except (CryptoError, UsageError) as error:
        _log.error("Unable to start the supervisor: %s", error)
        return EXIT_NO_RETRY
    except HabError as error:
        _log.error("Unable to start the supervisor: %s", error)
        return EXIT_BROKEN


class Closes(Protocol):
    """An adapter: it holds threads, sockets or files until it is closed."""

    def close(self) -> None:
        """Let go of everything."""


_Adapter = TypeVar("_Adapter", bound=Closes)


class Supervisor:
    """One supervisor process's adapters, opened in order and closed in reverse."""

    def __init__(self, options: SupervisorOptions, fd: int, said: SupervisorLog) -> None:
        self._options = options
        self._fd = fd
        self._said = said
        self._ends: SimpleQueue[tuple[int, str]] = SimpleQueue()
        self._open = contextlib.ExitStack()
        self._damaged: list[StateFileDamaged] = []  # found before there was a log to say it in

    def run(self) -> int:
        """Open everything, start the node, wait for its word; the exit code."""
        with self._open:
            world, log = self._world()
            control = self._adapters(world)
            code, reason = self._ends.get()
            _log.warning("supervisor process ends with code %s: %s", code, reason)
            control.drain(ANSWERS_S)
            _flush(log)
        return code

    # ── opening ──

    def _world(self) -> tuple[World, SqliteEventLog]:
        from actors.adapters.clock import SystemClock
        from actors.adapters.dispatcher import ThreadDispatcher
        from actors.adapters.eventlog import SqliteEventLog
        from actors.adapters.eventport import EventPort
        from actors.adapters.facts import read_or_create_member_id
        from actors.adapters.store import FileStore
        from actors.adapters.timers import ThreadTimers
        from actors.runtime.hlc import Hlc
        from actors.runtime.world import World

        state = self._options.layout.supervisor
        member = read_or_create_member_id(state / "MEMBER_ID", self._damaged.append)
        clock, hlc = SystemClock(), Hlc()
        store = self._closing(FileStore(state))
        log = self._closing(
            SqliteEventLog(state / "events.db", member, clock, lambda: hlc.tick(clock.wall()))
        )
        log.subscribe(self._said.events)
        hlc.merge(log.last_hlc, clock.wall())
        world = World(
            member=member,
            boot=str(log.boot),
            seed=secrets.token_hex(16),
            clock=clock,
            timers=self._closing(ThreadTimers(clock)),
            dispatcher=self._closing(ThreadDispatcher()),
            store=store,
            events=log,
            hlc=hlc,
        )
        self._closing(EventPort(log, world))
        return world, log

    def _adapters(self, world: World) -> ControlServer:
        from actors.adapters import facts
        from actors.adapters.control_keys import read_or_create_secret
        from actors.adapters.control_server import ControlServer
        from actors.adapters.files import FilesPort
        from actors.adapters.launcher import LauncherPort
        from actors.adapters.network import ZmqNetwork
        from actors.adapters.packages import PackagesPort
        from actors.messages.process import SupervisorReady
        from actors.messages.runtime import StateFileDamaged
        from actors.node.actor import NodeActor
        from actors.node.tree import root_children

        options, layout = self._options, self._options.layout
        world.register_port("port/process", self._told)
        secret = read_or_create_secret(layout.secret, self._damaged.append)
        keys = self._keys()
        launcher = LauncherPort(world, self._fd)
        network = self._closing(ZmqNetwork(world, options.listen_gossip, keys))
        world.network = network
        self._closing(PackagesPort(world, layout, options.key_cache))
        self._closing(FilesPort(world, layout.supervisor))
        control = self._closing(ControlServer(world, options.control_endpoint, secret))
        if problem := facts.record_control(layout.control_address, control.endpoint):
            _log.warning("%s", problem)
        launcher.welcomed.wait(WELCOME_S)
        self._damaged += [StateFileDamaged(path=p, aside=a) for p, a in launcher.damaged.items()]
        address = facts.advertised(network.address, options.sys_ip_address)
        who = facts.identity(options, launcher.launcher_pid, address)
        told = facts.tree_options(options, address, control.endpoint)
        self._said.say(f"Supervisor Member-ID {world.member}")
        self._said.say(f"Starting gossip-listener on {network.address}")
        self._said.say(f"Starting ctl-gateway on {control.endpoint}")
        world.traced = options.trace
        for event in self._damaged:
            world.emit("node", event)
        world.start_root(NodeActor, who, root_children(told))
        self._http(world)
        world.tell("port/launcher", SupervisorReady(f"gossip on {network.address}"))
        return control

    def _http(self, world: World) -> None:
        options = self._options
        if options.http_disable:
            return
        from actors.adapters.http_gateway import HttpGateway, HttpOptions

        told = HttpOptions(
            options.listen_http,
            os.environ.get("HAB_SUP_GATEWAY_AUTH_TOKEN", ""),
            frozenset(name.lower() for name in options.http_hosts),
            options.http_certificate,
            options.http_key,
            options.http_client_ca,
        )
        self._closing(HttpGateway(world, told))

    def _keys(self) -> RingKeys | None:
        if not self._options.ring:
            return None
        from actors.adapters.keys import KeyCache, RingKeys

        return RingKeys(KeyCache(self._options.key_cache), self._options.ring)

    def _closing(self, adapter: _Adapter) -> _Adapter:
        self._open.callback(adapter.close)
        return adapter

    # ── ending ──

    def _told(self, envelope: Envelope) -> None:
        """Take the node's word (`port/process`): how this process ends."""
        from actors.messages.node import EndProcess
        from actors.runtime.structure import EscalateProcess

        match envelope.message:
            case EndProcess(code, reason):
                self._ends.put((code, reason))
            case EscalateProcess(reason):
                self._ends.put((EXIT_BROKEN, reason))
            case _:
                _log.error("port/process does not understand %s", envelope.message)


def _flush(log: SqliteEventLog) -> None:
    """Wait, not for ever, until the last events are on the disk."""
    flushed = threading.Event()
    log.flush(flushed.set)
    flushed.wait(FLUSH_S)


if __name__ == "__main__":
    sys.exit(main())
