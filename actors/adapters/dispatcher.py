"""The dispatcher of the real world: two threads, one a lane."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import TypeAlias

from actors.ports import Lane, Turn

_log = logging.getLogger(__name__)

_Queue: TypeAlias = "SimpleQueue[Turn | None]"


class ThreadDispatcher:
    """`ports.Dispatcher` with a thread and a first-in-first-out queue for each lane.

    The lanes do not help one another: gossip, elections and leases are late because of a slow
    template only if they wait for the interpreter, never for a queue.
    """

    def __init__(self) -> None:
        self._queues: dict[Lane, _Queue] = {"urgent": SimpleQueue(), "normal": SimpleQueue()}
        self._threads = [
            threading.Thread(target=_serve, args=(queue,), name=f"lane-{lane}", daemon=True)
            for lane, queue in self._queues.items()
        ]
        for thread in self._threads:
            thread.start()

    def ready(self, turn: Turn, lane: Lane) -> None:
        """Run `turn.turn()` once on the lane's thread, soon; never blocks, never after `close`."""
        self._queues[lane].put(turn)

    def close(self) -> None:
        """Serve what is queued already, then end both threads."""
        for queue in self._queues.values():
            queue.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()


def _serve(queue: _Queue) -> None:
    while (turn := queue.get()) is not None:
        try:
            turn.turn()
        except BaseException:  # noqa: BLE001 - see below
            # The runtime turns an actor's failure into a message; what arrives here is a bug of
            # the runtime itself, and ending the lane would stop every actor in it.
            _log.exception("a turn raised")
