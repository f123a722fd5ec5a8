"""Who waits for what: commands for their outcome, questions for the services' first word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from actors.effects import Effect, Reply
from actors.messages.envelope import Ticket
from actors.messages.service import Services, ServiceSpec, ServiceStatus, Settled, UpdateStatus
from actors.specs.rules import Specs, outcome

UNHEARD = "its actor has not been heard yet"


class Waiters:
    """Tickets of commands by the service whose outcome they wait for; memory of one instance."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Ticket]] = {}

    def add(self, service: str, ticket: Ticket) -> None:
        """`ticket` is to hear how `service` settles."""
        self._waiting.setdefault(service, []).append(ticket)

    def forget(self, ticket: Ticket) -> None:
        """Nobody listens at `ticket` any more."""
        for service, tickets in list(self._waiting.items()):
            if ticket in tickets:
                tickets.remove(ticket)
            if not tickets:
                del self._waiting[service]

    def settle(
        self, service: str, spec: ServiceSpec | None, status: ServiceStatus | None
    ) -> list[Effect]:
        """The last answers, if `service` has settled; without a spec it is gone."""
        if service not in self._waiting:
            return []
        settled = Settled(service, "gone") if spec is None else outcome(spec, status)
        if settled is None:
            return []
        return [Reply(settled, ticket) for ticket in self._waiting.pop(service)]


class Questions:
    """Held `QueryServices`, until each service asked about has told its status."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[tuple[str, ...], Ticket]] = {}
        self._number = 0

    def hold(self, services: Iterable[str], ticket: Ticket) -> int:
        """Keep a question; the number it is known by."""
        self._number += 1
        self._held[self._number] = (tuple(services), ticket)
        return self._number

    def take(self, number: int) -> tuple[tuple[str, ...], Ticket] | None:
        """The question, to be answered now with what is known; None if it was answered."""
        return self._held.pop(number, None)

    def ripe(self, specs: Specs, told: Mapping[str, ServiceStatus]) -> list[int]:
        """The questions all of whose services have told their status, or are no more."""
        return [
            number
            for number, (services, _) in self._held.items()
            if all(s in told or s not in specs for s in services)
        ]


def answer(
    services: Iterable[str],
    specs: Specs,
    told: Mapping[str, ServiceStatus],
    updates: Mapping[str, UpdateStatus],
    now: float,
) -> Services:
    """The status of `services`, sorted, times counted from `now` (boottime, seconds)."""
    return Services(
        tuple(
            _status(specs[s], told.get(s), updates.get(s), now)
            for s in sorted(services)
            if s in specs
        )
    )


def _status(
    spec: ServiceSpec, told: ServiceStatus | None, update: UpdateStatus | None, now: float
) -> ServiceStatus:
    if update is not None and update.next_poll_s:
        left_s = round(max(0.0, update.next_poll_s - now), 3)
        update = msgspec.structs.replace(update, next_poll_s=left_s)
    if told is None:
        return ServiceStatus(spec, "", "initializing", UNHEARD, update=update)
    passed = max(0.0, now - told.since_s)
    return msgspec.structs.replace(
        told,
        spec=spec,
        elapsed_s=int(passed),
        next_try_s=round(max(0.0, told.next_try_s - passed), 3),
        update=update,
    )
