"""Conducting a rollout in one term: ask a majority what is decided, then decide step after step.

A new conductor asks the voters for their newest steps; what a majority answers contains every step
that was decided before. The last one is decided again under the new term, so that no earlier
conductor can add to it, and its open turn is settled first. Each step is stored by the conductor
itself before anybody else is asked to, so that a restarted one never uses a place twice; once a
majority has it on disk it is decided, and only then acted upon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import msgspec

from actors.effects import Effect, Emit, Reply, Send
from actors.messages.base import MemberId, join_address
from actors.messages.envelope import Ticket
from actors.messages.ring import PublishRumor
from actors.messages.rollout import (
    AskReport,
    AskRollout,
    OrderRollout,
    Rollout,
    RolloutReport,
    RolloutStep,
    RolloutStored,
    RolloutTold,
    RolloutWaits,
    StoreRollout,
    UpdateTurn,
    standing_of,
)
from actors.messages.runtime import CallFailed, Ok
from actors.update.configs import promotion
from actors.update.memory import is_majority
from actors.update.moves import Decide, Grant, Move, Wait, next_move, ordered
from actors.update.scene import Heard, Scene

TICK_S: Final = 1.0  # between two looks; what was not answered is asked again with each
GRANT_S: Final = 4.5  # a turn may stop its service so long after the report that it answers
Stage: TypeAlias = Literal["asking", "storing", "ready"]


@dataclass(frozen=True, slots=True)
class Conducting:
    """One conductor's knowledge in `term`; memory of one instance.

    `told` are the answers of voters, `step` what is being decided (`what` for people) and who has
    it, `rollout` the newest step that is decided, `learned` who has that. `given_s`: since when its
    turn is open. `epoch`: the greatest that anybody has told.
    """

    service_group: str
    path: str
    me: MemberId
    term: int
    stage: Stage = "asking"
    told: Mapping[MemberId, Rollout | None] = field(default_factory=dict)
    step: Rollout | None = None
    what: str = ""
    holders: frozenset[MemberId] = frozenset()
    rollout: Rollout | None = None
    learned: frozenset[MemberId] = frozenset()
    given_s: float = 0.0
    heard: Mapping[MemberId, Heard] = field(default_factory=dict)
    waits: str = ""
    waits_s: float = 0.0  # since when
    orders: tuple[tuple[OrderRollout, Ticket], ...] = ()
    answers: tuple[Ticket, ...] = ()  # of operators whose order is being decided
    epoch: int = 0
    deposed: bool = False


Decision: TypeAlias = tuple[Conducting, list[Effect]]
Said: TypeAlias = AskRollout | StoreRollout | AskReport | UpdateTurn
Answer: TypeAlias = RolloutTold | RolloutStored | RolloutReport


def tick(state: Conducting, scene: Scene) -> Decision:
    """Time has passed, or something is another: ask again what was not answered, or go on."""
    if state.deposed:
        return state, []
    match state.stage:
        case "asking":
            # All may have told before it was known who votes.
            state, effects = _collect(state, scene)
            if state.stage != "asking":
                return state, effects
            missing = [m for m in _voters(scene) if m not in state.told]
            question = AskRollout(state.service_group, state.term)
            return state, [_to(state, member, question) for member in missing]
        case "storing":
            assert state.step is not None, "nothing to store"
            if state.epoch > state.step.epoch:
                return _decide(state, state.step, state.what)
            first = state.me not in state.holders
            to = [state.me] if first else [m for m in _all(scene) if m not in state.holders]
            asked = [_to(state, member, StoreRollout(state.step)) for member in to]
            state, effects = _count(state, scene)
            return state, [*asked, *effects] if state.stage == "storing" else effects
        case _:
            state, effects = go_on(state, scene)
            return state, [*effects, *_teach(state, scene), *_ask_reports(state, scene)]


def heard(state: Conducting, member: MemberId, answer: Answer, scene: Scene) -> Decision:
    """A member answers."""
    if state.deposed:
        return state, []
    match answer:
        case RolloutTold() | RolloutStored() if answer.promised > state.term:
            return replace(state, deposed=True, waits="a later conductor is at work"), []
        case RolloutTold(term=term, rollout=rollout):
            if term != state.term or state.stage != "asking":
                return state, []
            return _collect(replace(state, told={**state.told, member: rollout}), scene)
        case RolloutStored(stored=stored):
            step, place = state.step, (answer.epoch, answer.term, answer.step)
            state = replace(state, epoch=max(state.epoch, answer.known_epoch))
            if stored and state.rollout is not None and place == state.rollout.place:
                return replace(state, learned=state.learned | {member}), []
            if step is None or place != step.place or not stored or state.stage != "storing":
                return state, []
            first = state.me not in state.holders
            state = replace(state, holders=state.holders | {member})
            state, effects = _count(state, scene)
            if first and state.stage == "storing":
                state, more = tick(state, scene)
                effects = [*effects, *more]
            return state, effects
        case RolloutReport(term=term):
            return (state, []) if term != state.term else _reported(state, member, answer, scene)


def order(state: Conducting, asked: OrderRollout, ticket: Ticket, scene: Scene) -> Decision:
    """An operator's order: followed as soon as nothing else is being decided."""
    state = replace(state, orders=(*state.orders, (asked, ticket)))
    return go_on(state, scene) if state.stage == "ready" and not state.deposed else (state, [])


def go_on(state: Conducting, scene: Scene) -> Decision:
    """The next move, if none is under way."""
    if state.stage != "ready":
        return state, []
    effects: list[Effect] = []
    while state.orders:
        (asked, ticket), *rest = state.orders
        state = replace(state, orders=tuple(rest))
        made = ordered(state.rollout, asked.order, asked.reason)
        if isinstance(made, str):
            refused = CallFailed("Refused", f"{state.service_group}: {made}", "no-rollout")
            effects.append(Reply(refused, ticket))
            continue
        state = replace(state, answers=(ticket,))
        state, more = _decide(state, made, f"{made.state}: {asked.order} by an operator")
        return state, [*effects, *more]
    match _move(state, scene):
        case Decide(rollout, what):
            state, more = _decide(state, rollout, what)
            return state, [*effects, *more]
        case Grant(reason=reason):
            return _waits(state, reason, effects, scene)
        case Wait(reason):
            return _waits(state, reason, effects, scene)


def _move(state: Conducting, scene: Scene) -> Move:
    waited_s = scene.now - state.waits_s if state.waits else 0.0
    seen = replace(scene, given_s=state.given_s, waited_s=waited_s)
    return next_move(state.rollout, state.service_group, seen)


# ── what is decided ──


def _collect(state: Conducting, scene: Scene) -> Decision:
    """Once a majority has told, begin from the greatest."""
    if not is_majority(set(state.told), scene.seated) or state.me not in state.told:
        return state, []
    found = [rollout for rollout in state.told.values() if rollout is not None]
    newest = max(found, key=lambda rollout: rollout.ballot, default=None)
    epoch = max((rollout.epoch for rollout in found), default=0)
    state = replace(state, stage="ready", given_s=scene.now, epoch=epoch)
    if newest is None:
        return go_on(state, scene)
    return _decide(state, newest, f"conducted by {state.me[:8]} from here on")


def _decide(state: Conducting, rollout: Rollout, what: str) -> Decision:
    """Have a step stored: by ourselves first, then by all."""
    known = [*state.told.values(), state.rollout, state.step, rollout]
    step = max(r.step for r in known if r is not None) + 1
    epoch = max(rollout.epoch, state.epoch)
    placed = msgspec.structs.replace(rollout, epoch=epoch, term=state.term, step=step)
    state = replace(state, stage="storing", step=placed, what=what, holders=frozenset())
    return state, [_to(state, state.me, StoreRollout(placed))]


def _count(state: Conducting, scene: Scene) -> Decision:
    """Decided, if a majority has it on disk."""
    step = state.step
    assert step is not None, "nothing is being decided"
    if not is_majority(set(state.holders), scene.seated):
        return state, []
    before = state.rollout
    if before is None or before.turn_id != step.turn_id or not before.turn:
        state = replace(state, given_s=scene.now)
    said = RolloutStep(
        state.service_group,
        *(*step.place, step.state, step.target, step.turn),
        state.what,
        step.attempt,
    )
    effects: list[Effect] = [Emit(said), told_ring(step)]
    effects += promotion(step, scene.configs, said=False)
    effects += [Reply(Ok(state.what), ticket) for ticket in state.answers]
    state = replace(
        state, stage="ready", rollout=step, step=None, answers=(), learned=state.holders
    )
    effects += _teach(state, scene)
    state, more = go_on(state, scene)
    return state, [*effects, *more]


def told_ring(step: Rollout) -> Effect:
    """Tell all members of the ring what is decided, also those without a part in the group."""
    return Send("gossip", PublishRumor("rollout", step.service_group, standing_of(step)))


# ── the members ──


def _reported(state: Conducting, member: MemberId, report: RolloutReport, scene: Scene) -> Decision:
    """A member tells how it stands; where it is its turn, and nothing speaks against it, go on."""
    before = state.heard.get(member)
    moved_s = scene.now
    if before is not None:
        was, now = before.report, report
        if was.instance == now.instance and now.at_s < was.at_s:
            return state, []  # a frame that was late
        same = (was.instance, was.epoch, was.turns) == (now.instance, now.epoch, now.turns)
        if same and was.progress >= now.progress:
            moved_s = before.moved_s
    state = replace(state, heard={**state.heard, member: Heard(report, scene.now, moved_s)})
    scene = replace(scene, heard=state.heard)
    state, effects = go_on(state, scene)
    if state.stage != "ready" or state.rollout is None:
        return state, effects
    move = _move(state, scene)
    if isinstance(move, Grant) and move.to == member:
        turn = UpdateTurn(state.rollout, report.instance, report.at_s + GRANT_S)
        effects = [*effects, _to(state, member, turn)]
    return state, effects


def _ask_reports(state: Conducting, scene: Scene) -> list[Effect]:
    """Ask all members, while there is something to do."""
    rollout = state.rollout
    if state.stage != "ready" or rollout is None or not (rollout.turn or is_active(rollout)):
        return []
    question = AskReport(state.service_group, state.term)
    living = [m for m in sorted(scene.peers) if not scene.peers[m].gone]
    return [_to(state, member, question) for member in living]


def _teach(state: Conducting, scene: Scene) -> list[Effect]:
    """Tell what is decided to whoever has not said that he knows."""
    if state.stage != "ready" or state.rollout is None:
        return []
    living = [m for m in sorted(scene.peers) if not scene.peers[m].gone]
    step = StoreRollout(state.rollout)
    return [_to(state, member, step) for member in living if member not in state.learned]


def is_active(rollout: Rollout) -> bool:
    """Whether somebody may still be given a turn in it."""
    return rollout.state == "rolling"


def _waits(state: Conducting, reason: str, effects: list[Effect], scene: Scene) -> Decision:
    """Say what is waited for, when that is another thing than before."""
    if reason == state.waits:
        return state, effects
    epoch = state.rollout.epoch if state.rollout is not None else 0
    if reason and epoch:
        effects = [*effects, Emit(RolloutWaits(state.service_group, epoch, reason))]
    return replace(state, waits=reason, waits_s=scene.now), effects


def _voters(scene: Scene) -> list[MemberId]:
    return sorted({*scene.seated.voters, *scene.seated.previous})


def _all(scene: Scene) -> list[MemberId]:
    """Voters, and members without a vote, who learn what is decided."""
    living = {m for m, peer in scene.peers.items() if not peer.gone}
    return sorted(living | {*_voters(scene)})


def _to(state: Conducting, member: MemberId, message: Said) -> Send:
    return Send(join_address(member, state.path), message)
