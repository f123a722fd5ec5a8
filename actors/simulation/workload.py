"""Services on simulated machines, and the commands people give about them.

Commands go to `specs` as the control gateway would send them; what is answered becomes an event, so
that a checker can compare what was promised with what came of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from actors.messages.envelope import Envelope
from actors.messages.runtime import CallFailed
from actors.messages.service import (
    Accepted,
    LoadService,
    RestartService,
    ServiceSpec,
    StartService,
    StopService,
    UnloadService,
)
from actors.messages.simulation import CommandAnswered, CommandGiven

if TYPE_CHECKING:
    from actors.messages.base import Message
    from actors.simulation.machine import Machine
    from actors.simulation.ring import Ring

ORIGIN: Final = "core"


class Workload:
    """Gives commands, and says what was answered."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._given = 0

    def give(self, machine: Machine, verb: str, service: str) -> None:
        """Give a command to a machine's supervisor, if it runs."""
        supervisor = machine.supervisor
        if supervisor is None or not supervisor.is_up:
            return
        self._given += 1
        number = self._given
        self._ring.log.note(CommandGiven(number, machine.number, machine.member, verb, service))
        heard = partial(self._heard, number)
        supervisor.world.call("specs", _command(verb, service), heard, trace=f"command-{number}")

    def _heard(self, number: int, envelope: Envelope) -> None:
        match envelope.message:
            case Accepted(text, event_id, unchanged=unchanged):
                outcome = "unchanged" if unchanged else "accepted"
                self._ring.log.note(CommandAnswered(number, outcome, text, event_id))
            case CallFailed(kind, text, code):
                outcome = "refused" if kind == "Refused" else "unknown"
                self._ring.log.note(CommandAnswered(number, outcome, f"{code}: {text}"))
            case _:
                pass  # progress


def _command(verb: str, service: str) -> Message:
    match verb:
        case "load":
            spec = ServiceSpec(ident=f"{ORIGIN}/{service}", health_check_interval=5)
            return LoadService(spec, wait=False)
        case "unload":
            return UnloadService(service, wait=False)
        case "stop":
            return StopService(service, wait=False)
        case "start":
            return StartService(service, wait=False)
        case "restart":
            return RestartService(service, wait=False)
        case _:
            raise AssertionError(f"no such command: {verb}")
