"""Installs of a supervisor, each in a child process that dies with it.

Who asks for what is being installed already joins that install, so a depot actor that was killed,
or a command that was given again, continues to hear of it and downloads nothing twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Final

import msgspec

from actors.adapters.depot_child import Done, InstallOrder, Line, NotDone, Told
from actors.messages.envelope import Envelope

AT_ONCE: Final = 4  # children; each may fill a line and a core
LINE_LIMIT: Final = 64 * 1024
COMMAND: Final = (sys.executable, "-P", "-m", "actors.adapters.depot_child")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    """One install, and everybody who wants to hear of it."""

    order: InstallOrder
    waiting: list[Envelope] = field(default_factory=list)
    last: Told | None = None
    process: subprocess.Popen[bytes] | None = None


class Installs:
    """Runs orders; `heard` is called on a thread of the install for each asker and line."""

    def __init__(self, heard: Callable[[Envelope, Line], None]) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._running: dict[InstallOrder, _Running] = {}
        self._slots = threading.Semaphore(AT_ONCE)
        self._closed = False

    def order(self, order: InstallOrder, envelope: Envelope) -> None:
        """Install, or join the install of the same."""
        with self._lock:
            running = self._running.get(order)
            if running is not None:
                running.waiting.append(envelope)
                last = running.last
            else:
                running = self._running[order] = _Running(order, [envelope])
                last = (
                    Told(f"Waiting: {AT_ONCE} packages are being installed") if self._full else None
                )
                name = f"install {order.ident or order.source}"
                threading.Thread(target=self._run, args=(running,), name=name, daemon=True).start()
        if last is not None:
            self._heard(envelope, last)

    def close(self) -> None:
        """End every child; nobody hears of it."""
        with self._lock:
            self._closed = True
            processes = [running.process for running in self._running.values()]
        for process in processes:
            if process is not None:
                process.kill()

    @property
    def _full(self) -> bool:
        return len(self._running) > AT_ONCE

    def _run(self, running: _Running) -> None:
        with self._slots:
            try:
                end = self._install(running)
            except OSError as error:
                end = NotDone(f"the install could not be started: {error}", "host")
        with self._lock:
            del self._running[running.order]
            waiting = () if self._closed else tuple(running.waiting)
        for number, envelope in enumerate(waiting):
            # It was installed once, so one of them hears that it is new.
            new = isinstance(end, Done) and end.new and number == 0
            self._heard(envelope, Done(end.ident, new) if isinstance(end, Done) else end)

    def _install(self, running: _Running) -> Done | NotDone:
        with self._lock:
            if self._closed:
                return NotDone("the supervisor ends", "host")
            # Its errors go where ours go. A pipe of ours tells it when we are gone.
            process = running.process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
            )
        assert process.stdin is not None
        assert process.stdout is not None
        with process, contextlib.suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(running.order) + b"\n")
            process.stdin.flush()
            while (line := _read(process.stdout)) is not None:
                if not isinstance(line, Told):
                    return line
                with self._lock:
                    running.last = line
                    waiting = tuple(running.waiting)
                for envelope in waiting:
                    self._heard(envelope, line)
        return NotDone(f"the install ended with code {process.returncode}", "internal")


def _read(stream: IO[bytes]) -> Line | None:
    data = stream.readline(LINE_LIMIT)
    if not data:
        return None
    try:
        line: Line = msgspec.json.decode(data, type=Line)
    except msgspec.DecodeError:
        _log.exception("an install said %r", data[:200])
        return NotDone("the install said what cannot be understood", "internal")
    return line


def _environment() -> dict[str, str]:
    """Ours, with the way to the modules we run from."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
