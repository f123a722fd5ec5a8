"""Which services there are to be an actor for; pure.

Wanted are those with a spec. Whoever has no spec but a process or a record of one is an orphan of
an unload that everything died in: its actor finishes it. Before all specs are known nothing is an
orphan: one spec that changes says nothing about the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from actors.messages.service import ServiceSpec
from actors.service.hooks import process_key
from actors.service.record import SUFFIX

_KEY = process_key("")


@dataclass(frozen=True, slots=True)
class Roster:
    """`specs` by service, None until heard; `actors` are the services that have one.

    `traces` are services of which something was found: a live process, or a record.
    """

    specs: Mapping[str, ServiceSpec] | None = None
    actors: frozenset[str] = field(default_factory=frozenset)
    traces: frozenset[str] = field(default_factory=frozenset)

    def listed(self, specs: Iterable[ServiceSpec]) -> Roster:
        """All specs there are."""
        return replace(self, specs={spec.service: spec for spec in specs})

    def changed(self, spec: ServiceSpec) -> Roster:
        """One spec is new or another."""
        if self.specs is None:
            return self  # the list that was asked for will have it
        return replace(self, specs={**self.specs, spec.service: spec})

    def removed(self, service: str) -> Roster:
        """One spec is gone; its actor has work left."""
        if self.specs is None:
            return self
        specs = {name: spec for name, spec in self.specs.items() if name != service}
        return replace(self, specs=specs, traces=self.traces | {service})

    def found(self, services: Iterable[str]) -> Roster:
        """Traces were found."""
        return replace(self, traces=self.traces | set(services))

    def finished(self, service: str) -> Roster:
        """The actor of an unloaded service has nothing left to do."""
        return replace(self, actors=self.actors - {service}, traces=self.traces - {service})

    def missing(self) -> tuple[str, ...]:
        """Services without an actor; none before the specs are known."""
        if self.specs is None:
            return ()
        return tuple(sorted((set(self.specs) | self.traces) - self.actors))

    def staffed(self) -> Roster:
        """Every service has its actor."""
        return replace(self, actors=self.actors | set(self.missing()))


def service_of_key(key: str) -> str:
    """The service whose own process has this key, or nothing."""
    return key.removeprefix(_KEY) if key.startswith(_KEY) else ""


def service_of_record(file: str) -> str:
    """The service whose record is in this file."""
    return file.removesuffix(SUFFIX)
