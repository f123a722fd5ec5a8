"""`update`, parent of all updates, and `update/<name>`, the updates of one service each."""

from __future__ import annotations

from actors.effects import Effect, RestartPolicy, Send, Spawn, Stop
from actors.messages.base import Message
from actors.messages.runtime import ActorAvailable, ActorDied
from actors.messages.service import ServiceGone, ServiceSettled, ServiceStatus
from actors.messages.update import DepotChanged, UpdateTold, WantUpdate, WatchDepots
from actors.runtime.actor import Actor, Context
from actors.update import at_once
from actors.update.state import Moment, Updating

PACKAGES = "port/packages"
CHILD = RestartPolicy(exhausted="park")


class UpdateActor(Actor):
    """The updates of one service; all it decides is in `at_once`."""

    def __init__(self, context: Context, service: str, period_s: float) -> None:
        super().__init__(context)
        self._period_s = period_s
        self._updating = Updating(service)

    def started(self) -> list[Effect]:
        """Ask how the service stands; everything else follows from it."""
        return [Send("update", WantUpdate(self._updating.service))]

    def step(self, message: Message) -> list[Effect]:
        """One step of the strategy."""
        context = self.context
        at = Moment(context.now(), context.random, context.instance_id, self._period_s)
        self._updating, effects = at_once.step(self._updating, message, self.envelope.answers, at)
        return effects


class UpdatesActor(Actor):
    """Keeps an actor for each service whose strategy is carried out, and watches their depots."""

    def __init__(self, context: Context, period_s: float) -> None:
        super().__init__(context)
        self._period_s = period_s
        self._standing: dict[str, ServiceStatus] = {}
        self._urls: tuple[str, ...] = ()

    def started(self) -> list[Effect]:
        """Follow no depot yet; services tell how they stand when they see that we are there."""
        return [Send(PACKAGES, WatchDepots())]

    def step(self, message: Message) -> list[Effect]:
        """Pass on what concerns one service."""
        match message:
            case ServiceSettled(status):
                return self._stands(status.spec.service, status)
            case ServiceGone(service):
                return self._forget(service)
            case WantUpdate(service):
                standing = self._standing.get(service)
                return [] if standing is None else [Send(child(service), ServiceSettled(standing))]
            case DepotChanged(url):
                of = [s for s, standing in self._standing.items() if standing.spec.bldr_url == url]
                return [Send(child(service), message) for service in sorted(of)]
            case ActorDied() | ActorAvailable():
                return []
            case _:
                return super().step(message)

    def _stands(self, service: str, status: ServiceStatus) -> list[Effect]:
        if status.spec.update_strategy != "at-once" or status.spec.cmd:
            return self._forget(service)
        self._standing[service] = status
        spawn = Spawn(child(service), UpdateActor, (service, self._period_s), CHILD)
        return [spawn, Send(child(service), ServiceSettled(status)), *self._watch()]

    def _forget(self, service: str) -> list[Effect]:
        if self._standing.pop(service, None) is None:
            return []
        gone = Send("specs", UpdateTold(service, None))
        return [Stop(child(service)), gone, *self._watch()]

    def _watch(self) -> list[Effect]:
        urls = tuple(sorted({standing.spec.bldr_url for standing in self._standing.values()}))
        if urls == self._urls:
            return []
        self._urls = urls
        return [Send(PACKAGES, WatchDepots(urls))]


def child(service: str) -> str:
    """The name of the actor that updates a service."""
    return f"update/{service}"
