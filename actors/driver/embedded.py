"""A node inside this process: the runtime with the actors of control, hosts as child processes."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Final

from actors.adapters.clock import SystemClock
from actors.adapters.control_keys import read_or_create_secret
from actors.adapters.control_server import ControlServer
from actors.adapters.dispatcher import ThreadDispatcher
from actors.adapters.store import FileStore
from actors.adapters.timers import ThreadTimers
from actors.control.actor import ControlActor, HostsActor
from actors.control.process import HostOptions
from actors.driver.connection import Attend, Settle
from actors.driver.processes import LocalProcesses
from actors.effects import Spawn
from actors.messages.base import Message
from actors.messages.control import Request
from actors.messages.envelope import Envelope
from actors.messages.primitives import CallMethod
from actors.messages.ring import Member, MembersChanged, MemberView
from actors.runtime.guardian import ROOT_POLICY, Guardian
from actors.runtime.world import World

SESSION: Final = "local"  # this program, as a session of its own gateway

_log = logging.getLogger(__name__)


class EmbeddedNode:
    """Starts at once; `close` ends its actors' processes and removes its files."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="habring-"))
        secret_file = self._directory / "CTL_SECRET"
        secret = read_or_create_secret(secret_file)
        self._clock = SystemClock()
        self._timers = ThreadTimers(self._clock)
        self._dispatcher = ThreadDispatcher()
        self._store = FileStore(self._directory)
        self._world = world = World(
            member=secrets.token_hex(16),
            boot="1",
            seed=secrets.token_hex(8),
            clock=self._clock,
            timers=self._timers,
            dispatcher=self._dispatcher,
            store=self._store,
        )
        self._server = ControlServer(world, str(self._directory / "ctl.sock"), secret)
        self._processes = LocalProcesses(world)
        self._broken = ""
        world.register_port("port/process", self._escalated)
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        options = HostOptions(
            argv=(sys.executable, "-m", "actors.host", "--end-with-input"),
            endpoint=self._server.endpoint,
            secret_file=str(secret_file),
            env=os.environ | {"PYTHONPATH": path},
            allow=None,  # whoever runs this program could start them anyway
        )
        children = (
            Spawn("control", ControlActor, (), ROOT_POLICY),
            Spawn("host", HostsActor, (options,), ROOT_POLICY),
        )
        world.start_root(Guardian, children)
        while not all(child.name in world.cells for child in children):
            time.sleep(0.001)  # the dispatcher is giving them their first turns
        alone = MemberView(Member(world.member, 1, ""), "alive")
        world.tell("control", MembersChanged((alone,)))  # there is no ring to say so
        self._numbers = count(1)
        self._lock = threading.Lock()
        # Calls by way of `host` that are still open, by actor: none may overtake them.
        self._slow: Counter[str] = Counter()

    @property
    def endpoint(self) -> str:
        """Where other programs reach this node; the secret lies beside the socket."""
        return self._server.endpoint

    @property
    def attend(self) -> Attend:
        """Who waits for an answer reads the sockets of its hosts."""
        return self._server.attend

    def ask(self, message: Message, member: str, settle: Settle | None) -> None:
        """Ask an actor of this node, or call a method."""
        if isinstance(message, CallMethod) and member in ("", self._world.member):
            self._call(message, settle)
            return
        request = Request(f"{SESSION}-{next(self._numbers)}", SESSION, message, member)
        self._world.call("control", request, lambda answer: _settle(settle, answer))

    def close(self) -> None:
        """End everything, hosts first."""
        self._processes.close()
        self._server.close()
        self._dispatcher.close()
        self._timers.close()
        self._store.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _call(self, message: CallMethod, settle: Settle | None) -> None:
        host = message.actor.removeprefix("host/")
        private = message.method.startswith("_")
        with self._lock:
            straight = not private and not self._slow[host] and self._server.is_open(host)
            if not straight:
                self._slow[host] += 1
        if straight:
            self._server.call(host, message.method, message.args, settle)
            return

        def answered(envelope: Envelope) -> None:
            with self._lock:
                self._slow[host] -= 1
                if not self._slow[host]:
                    del self._slow[host]
            _settle(settle, envelope)

        self._world.call("host", message, answered)

    def _escalated(self, envelope: Envelope) -> None:
        _log.critical("the embedded node is broken: %r", envelope.message)


def _settle(settle: Settle | None, envelope: Envelope) -> None:
    if settle is not None and not envelope.more:
        settle(envelope.message)
