"""`port/eventlog` and `port/control` of a simulated supervisor."""

from __future__ import annotations

from typing import Final

from actors.eventlog.filters import Filter, fitting, key, limit_of
from actors.messages.control import QuerySessions, Sessions
from actors.messages.envelope import Envelope
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.runtime import CallFailed
from actors.runtime.world import World
from actors.simulation.clock import EPOCH_S
from actors.simulation.eventlog import Logged, RingLog
from actors.simulation.scheduler import Life, Scheduler

EVENT_PORT: Final = "port/eventlog"
CONTROL_PORT: Final = "port/control"
ANSWER_S: Final = 0.003


class EventPort:
    """Answers questions about the events of this member, all its lives."""

    def __init__(self, scheduler: Scheduler, life: Life, world: World, log: RingLog) -> None:
        self._scheduler = scheduler
        self._life = life
        self._world = world
        self._log = log
        world.register_port(EVENT_PORT, self._handle)

    def _handle(self, envelope: Envelope) -> None:
        query, world = envelope.message, self._world
        assert isinstance(query, QueryEvents), f"{EVENT_PORT} does not understand {query!r}"
        reading = world.hlc_now()
        answer = self._page(query, reading)
        self._scheduler.after(ANSWER_S, self._life, lambda: world.answer(envelope, answer))

    def _page(self, query: QueryEvents, reading: int) -> EventPage:
        accepts, prefix = Filter.of(query), f"{self._world.member}:"
        mine = (record(e) for e in self._log.events if e.id.startswith(prefix))
        found = sorted(filter(accepts.admits, mine), key=key)
        limit = limit_of(query)
        if query.last:
            events, _ = fitting(reversed(found[-limit:]), limit)
            return EventPage(tuple(reversed(events)), upto=reading)
        events, more = fitting(found, limit)
        return EventPage(events, more, upto=0 if more else reading)


class ControlPort:
    """A gateway without clients: nobody has a session, no actor host is connected."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.register_port(CONTROL_PORT, self._handle, abroad=True)

    def _handle(self, envelope: Envelope) -> None:
        if isinstance(envelope.message, QuerySessions):
            self._world.answer(envelope, Sessions(self._world.member))
        elif envelope.ticket is not None:
            text = "no actor host is connected here"
            self._world.answer(envelope, CallFailed("ActorUnavailableError", text))


def record(logged: Logged) -> EventRecord:
    """An event as its member's log would hold it."""
    event = logged.event
    return EventRecord(
        id=logged.id,
        wall=EPOCH_S + logged.at_s,
        hlc=logged.hlc,
        actor=logged.actor,
        kind=type(event).__name__,
        text=event.text(),
        cause=logged.cause,
        trace=logged.trace,
        fields={name: getattr(event, name) for name in event.__struct_fields__},
    )
