"""Services on simulated machines, and the commands people give about them.

Commands go to `specs` and `census` as the control gateway would send them; what is answered becomes
an event, so that a checker can compare what was promised with what came of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from actors.messages.envelope import Envelope
from actors.messages.groups import ApplyConfig, GroupConfig, GroupFile, UploadFile
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
from actors.messages.simulation import CommandAnswered, CommandGiven, FactGiven
from actors.simulation.packages_port import RELEASE, SOFT
from actors.simulation.plan import Service
from actors.simulation.roles import GROUP

if TYPE_CHECKING:
    from actors.messages.base import Message
    from actors.simulation.machine import Machine
    from actors.simulation.ring import Ring

PLAIN: Final = "core"  # the origin of packages that have no hook of their own


class Workload:
    """Gives commands, and says what was answered."""

    def __init__(self, ring: Ring, services: Iterable[Service] = ()) -> None:
        self._ring = ring
        self._given = 0
        self._services = {service.name: service for service in services}

    def machines_of(self, service: str) -> tuple[int, ...]:
        """Where a service is loaded from the beginning."""
        known = self._services.get(service)
        return known.machines if known is not None else ()

    def release(self, service: str, release: str) -> str:
        """The full ident of a release of a service's package."""
        known = self._services.get(service) or Service(service, ())
        return f"{origin(known)}/{service}/{release}"

    def offer(self, service: str, release: str) -> None:
        """The depot's channel has another newest release."""
        full = self.release(service, release)
        self._ring.offers["/".join(full.split("/")[:2])] = full

    def give(self, machine: Machine, verb: str, service: str) -> None:
        """Give a command to a machine's supervisor, if it runs."""
        supervisor = machine.supervisor
        if supervisor is None or not supervisor.is_up:
            return
        self._given += 1
        number = self._given
        self._ring.log.note(CommandGiven(number, machine.number, machine.member, verb, service))
        heard = partial(self._heard, number)
        command = _command(verb, self._services.get(service) or Service(service, ()))
        supervisor.world.call("specs", command, heard, trace=f"command-{number}")

    def apply(self, machine: Machine, service: str, name: str, version: int) -> None:
        """Give a service's group a configuration, or the file `name`, at a machine."""
        supervisor = machine.supervisor
        if supervisor is None or not supervisor.is_up:
            return
        self._given += 1
        number, group = self._given, f"{service}.{GROUP}"
        self._ring.log.note(FactGiven(number, machine.number, machine.member, group, name, version))
        command: Message = ApplyConfig(GroupConfig(group, version, config_data(version)))
        if name:
            command = UploadFile(GroupFile(group, name, version, file_data(version)))
        heard = partial(self._heard, number)
        supervisor.world.call("census", command, heard, trace=f"command-{number}")

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


def config_data(version: int) -> bytes:
    """The configuration that is given as `version`."""
    return f"version = {version}\n".encode()


def file_data(version: int) -> bytes:
    """The content of a file that is given as `version`."""
    return f"version {version}".encode()


def origin(service: Service) -> str:
    """The origin of a service's package: it says which hooks it has."""
    words = [SOFT] if service.reconfigures else []
    if service.topology == "leader":
        words.append("fit" if service.suitability else "led")
    return "-".join(words) or PLAIN


def _command(verb: str, service: Service) -> Message:
    name = service.name
    match verb:
        case "load":
            spec = ServiceSpec(
                ident=f"{origin(service)}/{name}" + (f"/{RELEASE}" if service.pinned else ""),
                topology=service.topology,
                health_check_interval=5,
                bootstrap_expect=service.expect,
                update_strategy=service.strategy,
                update_condition=service.condition,
                on_failure=service.on_failure,
                health_grace=3,
            )
            return LoadService(spec, wait=False)
        case "unload":
            return UnloadService(name, wait=False)
        case "stop":
            return StopService(name, wait=False)
        case "start":
            return StartService(name, wait=False)
        case "restart":
            return RestartService(name, wait=False)
        case _:
            raise AssertionError(f"no such command: {verb}")
