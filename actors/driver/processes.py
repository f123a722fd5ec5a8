"""Actor hosts as child processes of this program: the launcher of an embedded node.

A thread per child waits for its end: an embedded node has tens of actors, not thousands, and it is
the one way that works on every system. A host notices the end of this program by its standard
input, a pipe from here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from actors.messages.envelope import Envelope
from actors.messages.process import (
    ListProcesses,
    OwnerDied,
    ProcessExited,
    ProcessInfo,
    ProcessList,
    ProcessStarted,
    StartFailed,
    StartProcess,
    StopProcess,
)

if TYPE_CHECKING:
    from actors.runtime.world import World

PORT = "port/launcher"
_Child: TypeAlias = "subprocess.Popen[bytes]"


class LocalProcesses:
    """`port/launcher` of an embedded node."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._children: dict[str, tuple[_Child, str]] = {}  # key → (process, owner)
        self._queue: SimpleQueue[Envelope | None] = SimpleQueue()
        self._waiters: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name="processes", daemon=True)
        world.register_port(PORT, self._queue.put)
        self._thread.start()

    def close(self) -> None:
        """Kill what runs, and wait for its end."""
        self._queue.put(None)
        self._thread.join()
        with self._lock:
            children = list(self._children.values())
        for child, _ in children:
            _kill(child)
        for waiter in self._waiters:
            waiter.join()

    def _run(self) -> None:
        while (envelope := self._queue.get()) is not None:
            match envelope.message:
                case StartProcess() as start:
                    self._start(envelope, start)
                case StopProcess(key=key):
                    self._end(key=key)
                case OwnerDied(owner):
                    self._end(owner=owner)
                case ListProcesses():
                    with self._lock:
                        infos = [
                            ProcessInfo(key, child.pid)
                            for key, (child, _) in sorted(self._children.items())
                        ]
                    self._world.answer(envelope, ProcessList(tuple(infos)))
                case _:
                    continue

    def _start(self, envelope: Envelope, start: StartProcess) -> None:
        try:
            child = subprocess.Popen(
                start.argv,
                env=start.env,
                cwd=start.cwd or None,
                stdin=subprocess.PIPE,
                start_new_session=True,  # the terminal's Ctrl-C is this program's to handle
            )
        except OSError as error:
            self._world.answer(envelope, StartFailed(start.key, str(error)))
            return
        with self._lock:
            self._children[start.key] = (child, start.owner)
        self._world.answer(envelope, ProcessStarted(start.key, child.pid))
        waiter = threading.Thread(
            target=self._wait, args=(start.key, child, start.owner), name=start.key, daemon=True
        )
        self._waiters = [*(w for w in self._waiters if w.is_alive()), waiter]
        waiter.start()

    def _wait(self, key: str, child: _Child, owner: str) -> None:
        code = child.wait()
        if child.stdin is not None:
            child.stdin.close()
        with self._lock:
            self._children.pop(key, None)
        exited = ProcessExited(
            key, child.pid, code if code >= 0 else None, -code if code < 0 else None
        )
        self._world.tell(owner, exited, sender=PORT)

    def _end(self, *, key: str = "", owner: str = "") -> None:
        with self._lock:
            children = [c for k, (c, o) in self._children.items() if k == key or o == owner]
        for child in children:
            _kill(child)


def _kill(child: _Child) -> None:
    """SIGKILL to the child's whole group, unless it has been waited for."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
