"""`update`, parent of all updates, and `update/<name>`, the updates of one service each."""

from __future__ import annotations

from dataclasses import dataclass

from actors.effects import Cancel, Effect, Reply, RestartPolicy, Send, Spawn, Stop
from actors.inquiry import Inquiries
from actors.messages.base import Message
from actors.messages.envelope import Ticket
from actors.messages.rollout import OrderRollout, QueryRollouts, Rollouts, RolloutView
from actors.messages.runtime import ActorAvailable, ActorDied, CallFailed
from actors.messages.service import ServiceGone, ServiceSettled, ServiceStatus
from actors.messages.update import (
    AnswersDue,
    DepotChanged,
    EndUpdates,
    UpdateTold,
    WantUpdate,
    WatchDepots,
)
from actors.runtime.actor import Actor, Context
from actors.update import at_once, rolling
from actors.update.rolling import Heard, Rolling
from actors.update.state import Moment, Updating

PACKAGES = "port/packages"
CHILD = RestartPolicy(exhausted="park")
VIEW_S = 2.0  # for all services that roll to answer


@dataclass(frozen=True, slots=True)
class UpdateOption:
    """`period_s`: between two questions to a depot; `keyed`: the ring has a key."""

    period_s: float = 60.0
    keyed: bool = False


class UpdateActor(Actor):
    """The updates of one service: `at_once` by itself, or `rolling` with its group."""

    def __init__(self, context: Context, service: str, option: UpdateOption) -> None:
        super().__init__(context)
        self._option = option
        self._updating = Updating(service)
        self._rolling: Rolling | None = None

    def started(self) -> list[Effect]:
        """Ask how the service stands; everything else follows from it."""
        return [Send("update", WantUpdate(self._updating.service))]

    def step(self, message: Message) -> list[Effect]:
        """One step of the strategy."""
        context, envelope = self.context, self.envelope
        at = Moment(
            context.now(),
            context.random,
            context.instance_id,
            self._option.period_s,
            context.wall(),
        )
        began: list[Effect] = []
        match message:
            case ServiceSettled(status):
                began = self._turn_to(status)
            case EndUpdates():
                left = rolling.end(self._rolling) if self._rolling is not None else []
                return [*left, Stop()]
            case _:
                pass
        if self._rolling is None:
            self._updating, effects = at_once.step(self._updating, message, envelope.answers, at)
            return [*began, *effects]
        on = Heard(
            envelope.sender, envelope.answers, envelope.ticket or Ticket(envelope.sender, "")
        )
        self._rolling, effects = rolling.step(self._rolling, message, on, at)
        return [*began, *effects]

    def _turn_to(self, status: ServiceStatus) -> list[Effect]:
        """Follow the strategy that the spec names now, in the group that it names."""
        spec, now = status.spec, self._rolling
        if (
            spec.update_strategy == "rolling"
            and now is not None
            and now.group == spec.service_group
        ):
            return []
        left = rolling.end(now) if now is not None else []
        if spec.update_strategy != "rolling":
            self._rolling = None
            return left
        self._updating = Updating(self._updating.service)
        self._rolling, effects = rolling.begin(
            self.context.member, status, keyed=self._option.keyed
        )
        return [*left, Cancel("poll"), Cancel("answer"), *effects]


class UpdatesActor(Actor):
    """Keeps an actor for each service whose strategy is carried out, and watches their depots."""

    def __init__(self, context: Context, option: UpdateOption) -> None:
        super().__init__(context)
        self._option = option
        self._standing: dict[str, ServiceStatus] = {}
        self._urls: tuple[str, ...] = ()
        self._inquiries = Inquiries(context.instance_id, VIEW_S, AnswersDue, _views)

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
                told = EndUpdates() if standing is None else ServiceSettled(standing)
                return [Send(child(service), told)]
            case DepotChanged(url):
                of = [s for s, standing in self._standing.items() if standing.spec.bldr_url == url]
                return [Send(child(service), message) for service in sorted(of)]
            case OrderRollout(group):
                return self._order(group, message)
            case QueryRollouts(group):
                return self._query(group)
            case Rollouts(found):
                return self._inquiries.hear(self.envelope.answers, found)
            case CallFailed():
                return self._inquiries.hear(self.envelope.answers, ())
            case AnswersDue(call):
                return self._inquiries.late(call)
            case ActorDied() | ActorAvailable():
                return []
            case _:
                return super().step(message)

    def _stands(self, service: str, status: ServiceStatus) -> list[Effect]:
        if status.spec.update_strategy == "none" or status.spec.cmd:
            return self._forget(service)
        self._standing[service] = status
        spawn = Spawn(child(service), UpdateActor, (service, self._option), CHILD)
        return [spawn, Send(child(service), ServiceSettled(status)), *self._watch()]

    def _forget(self, service: str) -> list[Effect]:
        if self._standing.pop(service, None) is None:
            return []
        gone = Send("specs", UpdateTold(service, None))
        return [Send(child(service), EndUpdates()), gone, *self._watch()]

    def _watch(self) -> list[Effect]:
        urls = tuple(sorted({standing.spec.bldr_url for standing in self._standing.values()}))
        if urls == self._urls:
            return []
        self._urls = urls
        return [Send(PACKAGES, WatchDepots(urls))]

    # ── rollouts ──

    def _rolls(self, group: str) -> list[str]:
        return [
            service
            for service, standing in sorted(self._standing.items())
            if standing.spec.update_strategy == "rolling"
            and group in ("", standing.spec.service_group)
        ]

    def _ticket(self) -> Ticket:
        return self.envelope.ticket or Ticket(self.envelope.sender, "")

    def _order(self, group: str, message: OrderRollout) -> list[Effect]:
        found = self._rolls(group) if group else []
        if not found:
            text = f"no service of {group} with strategy rolling is loaded here"
            return [Reply(CallFailed("Refused", text, "no-rollout"), self._ticket())]
        return [Send(child(found[0]), message, self._ticket())]

    def _query(self, group: str) -> list[Effect]:
        asked = [child(service) for service in self._rolls(group)]
        return self._inquiries.begin(asked, QueryRollouts(group), self._ticket())


def _views(found: list[RolloutView]) -> Rollouts:
    return Rollouts(tuple(sorted(found, key=lambda view: view.service_group)))


def child(service: str) -> str:
    """The name of the actor that updates a service."""
    return f"update/{service}"
