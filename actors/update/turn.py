"""A member's turn: install, leave the census, drain, stop, start, prove itself.

Safety. The service is stopped for a turn only by an order that names this instance, whose step is
the greatest this member has seen, and before the instant that order allows by this member's own
clock; an order that was late, or meant for an earlier life, stops nothing.
Liveness. While the turn is this member's, each look repeats the question that is open; the turn
ends `done` once the service was healthy for the grace time, `failed` when it ends, or is not
healthy within three times that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from actors.effects import Ask, Effect, Emit, Send
from actors.messages.base import MemberId
from actors.messages.depot import PackageResolved, ResolvePackage
from actors.messages.election_orders import StepDown
from actors.messages.rollout import (
    Rollout,
    RolloutReport,
    TurnBegan,
    TurnEnded,
    TurnPhase,
    UpdateTurn,
    configuration,
    configuration_of,
)
from actors.messages.runtime import CallFailed
from actors.messages.service import HEALTHY, ServiceStatus
from actors.messages.update import TakeConfiguration, TakeRelease, WithdrawService
from actors.update.configs import Configs, find
from actors.update.state import READY

PROOFS: Final = 3.0  # grace times within which a service has to become healthy and stay so
INSTALL_AGAIN_S: Final = 5.0  # between two tries of what the depot may have another time
AGAIN_S: Final = 1.0  # before a question is repeated that was answered and has not led to anything
UNAVAILABLE: Final = "depot-unavailable"  # that code says so
SPARE_S: Final = 1.0  # a stop begins before a turn's leave to stop ends, and is heard of after it
WITHDRAWN_S: Final = 5.0  # a withdrawal is repeated each second; without that it ends by itself


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a member's turn depends on. `leads`: this member is the topology leader of others.

    `configs` are the group's configurations as this member knows them; None: not yet.
    `well_s`: for how long the service has been up and healthy.
    """

    me: MemberId
    instance: str
    standing: ServiceStatus | None
    leads: bool
    drain_s: float
    grace_s: float
    now: float
    well_s: float = 0.0
    configs: Configs | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """This member's turn, or the last one it had.

    `not_after_s`: until when it may stop the service. `since_s`: when the phase began.
    `healthy_s`: since when the service is healthy, None while it is not. `restarts`: of the service
    when it began to prove itself. `call` is the open question; before `again_s` none is asked.
    `fits`: the service could run with the configuration that its turn is about.
    """

    rollout: Rollout | None = None
    phase: TurnPhase = "idle"
    not_after_s: float = 0.0
    since_s: float = 0.0
    progress: int = 0
    package: PackageResolved | None = None
    fits: bool = False
    healthy_s: float | None = None
    restarts: int = 0
    call: str = ""
    again_s: float = 0.0
    number: int = 0
    reason: str = ""


Decision: TypeAlias = tuple[Turn, list[Effect]]


def is_open(turn: Turn) -> bool:
    """Whether the turn is under way."""
    return turn.phase not in ("idle", "done", "failed")


def granted(turn: Turn, order: UpdateTurn, on: Grounds) -> Decision:
    """The conductor says: go on. The caller has seen to it that the step is the greatest seen."""
    if order.rollout.turn != on.me or order.instance != on.instance or on.now >= order.not_after_s:
        return turn, []
    known = turn.rollout
    said: list[Effect] = []
    if known is None or known.turn_id != order.rollout.turn_id:
        if turn.phase in ("restarting", "proving"):
            said = [_ended(turn, "idle", "another turn was given")]
        turn = Turn(order.rollout, progress=turn.progress, number=turn.number)
        turn = _phase(turn, "installing", on)
    not_after_s = max(turn.not_after_s, order.not_after_s)
    turn, effects = look(replace(turn, rollout=order.rollout, not_after_s=not_after_s), on)
    return turn, [*said, *effects]


def withdrawn(turn: Turn, newest: Rollout) -> Turn:
    """A later step is known that takes the turn back: what has not begun does not begin."""
    mine = turn.rollout
    if mine is None or turn.phase in ("restarting", "proving", "done", "failed"):
        return turn
    if newest.turn_id == mine.turn_id and newest.turn == mine.turn:
        return turn
    return replace(turn, phase="idle", rollout=None, reason="", call="")


def look(turn: Turn, on: Grounds) -> Decision:
    """Time has passed, or the service stands otherwise: the next step, if there is one."""
    standing, rollout = on.standing, turn.rollout
    if rollout is None or standing is None or not is_open(turn):
        return turn, []
    match turn.phase:
        case "installing":
            if is_there(standing, rollout.target):
                return _prove(turn, standing, on), []
            if turn.package is not None or turn.fits:
                return _leave(turn, on)
            return (turn, []) if _waits(turn, on) else _prepare(turn, standing, rollout, on)
        case "handing-over":
            if not on.leads:
                return _leave(turn, on)
            return (turn, []) if _waits(turn, on) else _hand_over(turn, standing, on)
        case "draining":
            return _drain(turn, standing, rollout, on)
        case "restarting":
            if is_there(standing, rollout.target) and standing.stage not in ("stopping", "down"):
                return _prove(turn, standing, on), []
            return _take(turn, standing, rollout, on)
        case _:
            return _proof(turn, standing, rollout, on)


def answered(
    turn: Turn, answer: PackageResolved | CallFailed | None, call: str, on: Grounds
) -> Decision:
    """The answer to the open question; None for an answer that says nothing but yes."""
    if not turn.call or call != turn.call:
        return turn, []
    turn = replace(turn, call="")
    match answer:
        case PackageResolved() if turn.phase == "installing":
            return look(replace(turn, package=answer, progress=turn.progress + 1, reason=""), on)
        case None if turn.phase == "installing":
            return look(replace(turn, fits=True, progress=turn.progress + 1), on)
        case CallFailed(code="not-leader"):
            return replace(turn, again_s=on.now + AGAIN_S), []  # it led when last heard of
        case CallFailed(kind="Refused", code=code, text=text) if code == UNAVAILABLE:
            # Nothing was stopped, and the release is not to blame: it is tried until it works.
            waits = replace(turn, again_s=on.now + INSTALL_AGAIN_S, reason=text)
            return replace(waits, progress=turn.progress + 1), []
        case CallFailed(kind="Refused", text=text):
            return _end(turn, "failed", text, on)
        case _:
            return replace(turn, again_s=on.now + AGAIN_S), []  # a look sees what came of it


def moved(turn: Turn, call: str) -> Turn:
    """An install says that it goes on."""
    return replace(turn, progress=turn.progress + 1) if call and call == turn.call else turn


def report(turn: Turn, service_group: str, term: int, on: Grounds) -> RolloutReport:
    """How this member stands."""
    standing = on.standing
    epoch, turns = turn.rollout.turn_id if turn.rollout is not None else (0, 0)
    up = standing is not None and standing.stage == "up" and turn.phase != "draining"
    return RolloutReport(
        service_group,
        term,
        on.now,
        on.instance,
        standing.package if standing is not None else "",
        up,
        healthy=standing is not None and standing.health in HEALTHY,
        well_s=on.well_s if up else 0.0,
        stopped=standing is not None and standing.spec.desired_state == "down",
        epoch=epoch,
        turns=turns,
        phase=turn.phase,
        progress=turn.progress,
        reason=turn.reason[:1024],
        config=standing.config if standing is not None else 0,
    )


# ── before the stop ──


def is_there(standing: ServiceStatus, target: str) -> bool:
    """Whether a service runs what a rollout goes to."""
    version = configuration_of(target)
    return standing.package == target if version is None else standing.config == version


def _prepare(turn: Turn, standing: ServiceStatus, rollout: Rollout, on: Grounds) -> Decision:
    """Have the release installed, or the configuration tried, while the service serves."""
    if configuration_of(rollout.target) is not None:
        return _ask_to_take(turn, standing, rollout, on, check=True)
    spec = standing.spec
    order = ResolvePackage(rollout.target, True, spec.config_from, spec.channel, spec.bldr_url)
    turn = _asking(turn, "install", on)
    return turn, [Ask("depot", order, turn.call)]


def _leave(turn: Turn, on: Grounds) -> Decision:
    """Installed: let another lead, then leave the census. Only with leave to stop afterwards."""
    if on.now >= turn.not_after_s:
        return turn, []
    if on.leads:
        return _phase(turn, "handing-over", on), []
    turn = _phase(turn, "draining", on)
    return turn, [_withdraw(on)] if on.standing is not None else []


def _hand_over(turn: Turn, standing: ServiceStatus, on: Grounds) -> Decision:
    turn = _asking(turn, "step-down", on)
    return turn, [Ask("election", StepDown(standing.spec.service_group), turn.call)]


def _drain(turn: Turn, standing: ServiceStatus, rollout: Rollout, on: Grounds) -> Decision:
    """Out of the census: those who are bound to it turn away, then it is stopped."""
    if on.now >= turn.not_after_s:
        return _phase(turn, "installing", on), []  # the conductor says no more: serve again
    if on.now - turn.since_s < on.drain_s:
        return turn, [_withdraw(on)]
    turn = _phase(turn, "restarting", on)
    began = TurnBegan(rollout.service_group, *rollout.turn_id, rollout.target)
    turn, effects = _take(turn, standing, rollout, on)
    return turn, [Emit(began), *effects]


def _withdraw(on: Grounds) -> Effect:
    assert on.standing is not None, "a turn without a service"
    return Send(f"service/{on.standing.spec.service}", WithdrawService(WITHDRAWN_S))


# ── from the stop on ──


def _take(turn: Turn, standing: ServiceStatus, rollout: Rollout, on: Grounds) -> Decision:
    """Ask the service to go, for as long as that is allowed."""
    if on.now >= turn.not_after_s:
        if standing.stage == "up" and on.now >= turn.not_after_s + SPARE_S:
            stays = _ended(turn, "idle", "it was not stopped in time")
            return _phase(turn, "installing", on), [stays]
        return turn, []
    if _waits(turn, on) or standing.stage not in (*READY, "initializing"):
        return turn, []
    if configuration_of(rollout.target) is not None:
        return _ask_to_take(turn, standing, rollout, on)
    assert turn.package is not None, "nothing to go to"
    order = TakeRelease(turn.package, turn.not_after_s)
    turn = _asking(turn, "take", on)
    return turn, [Ask(f"service/{standing.spec.service}", order, turn.call)]


def _ask_to_take(
    turn: Turn, standing: ServiceStatus, rollout: Rollout, on: Grounds, *, check: bool = False
) -> Decision:
    """Ask the service to go to a configuration, or whether it could, once this member has it."""
    found = find(on.configs, configuration_of(rollout.target) or 0)
    if found == "unknown":
        return turn, []
    if found == "superseded":
        return _end(turn, "failed", f"{rollout.target} is out of date", on)
    config = None if found == "none" else found
    order = TakeConfiguration(config, turn.not_after_s, check)
    turn = _asking(turn, "try" if check else "take", on)
    return turn, [Ask(f"service/{standing.spec.service}", order, turn.call)]


def _prove(turn: Turn, standing: ServiceStatus, on: Grounds) -> Turn:
    turn = _phase(turn, "proving", on)
    return replace(turn, healthy_s=None, restarts=standing.restarts)


def _proof(turn: Turn, standing: ServiceStatus, rollout: Rollout, on: Grounds) -> Decision:
    """Healthy for the grace time, within three times that, without an end in between."""
    turn = replace(turn, progress=turn.progress + 1)  # bounded by what follows
    if not is_there(standing, rollout.target):
        config = configuration_of(rollout.target) is not None
        runs = configuration(standing.config) if config else standing.package
        return _end(turn, "failed", f"it runs {runs} again", on)
    if standing.restarts > turn.restarts:
        return _end(turn, "failed", standing.reason or "its process ended", on)
    healthy = standing.stage == "up" and standing.health in HEALTHY
    healthy_s = (on.now if turn.healthy_s is None else turn.healthy_s) if healthy else None
    turn = replace(turn, healthy_s=healthy_s)
    if healthy_s is not None and on.now - healthy_s >= on.grace_s:
        return _end(turn, "done", f"healthy for {on.grace_s:g} s", on)
    if on.now - turn.since_s >= PROOFS * on.grace_s:
        stands = f"{standing.stage}, health {standing.health}"
        said = stands if standing.stage == "up" else standing.reason or stands
        return _end(turn, "failed", f"not healthy within {PROOFS * on.grace_s:g} s: {said}", on)
    return turn, []


def _end(turn: Turn, phase: TurnPhase, reason: str, on: Grounds) -> Decision:
    ended = _ended(turn, phase, reason)
    return replace(_phase(turn, phase, on), reason=reason), [ended]


def _ended(turn: Turn, phase: TurnPhase, reason: str) -> Effect:
    rollout = turn.rollout
    assert rollout is not None, "the end of no turn"
    turn_id = rollout.turn_id
    return Emit(TurnEnded(rollout.service_group, *turn_id, rollout.target, phase, reason))


def _waits(turn: Turn, on: Grounds) -> bool:
    """Whether a question is open, or was answered just now."""
    return turn.call != "" or on.now < turn.again_s


def _phase(turn: Turn, phase: TurnPhase, on: Grounds) -> Turn:
    return replace(
        turn,
        phase=phase,
        since_s=on.now,
        progress=turn.progress + 1,
        call="",
        again_s=0.0,
        reason="",
    )


def _asking(turn: Turn, what: str, on: Grounds) -> Turn:
    number = turn.number + 1
    return replace(turn, number=number, call=f"{on.instance}:turn:{what}:{number}")
