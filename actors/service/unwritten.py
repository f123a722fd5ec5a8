"""The record could not be written: what was to follow in that step did not happen.

Whatever may have been lost is asked for again, or ended so that its end is heard; the record is
written with the next change. Who was to be told to lead is stopped: nothing says that it leads.
"""

from __future__ import annotations

from dataclasses import replace

from actors.effects import After, Ask, Effect
from actors.messages.process import StopProcess
from actors.messages.service import AnswerOverdue, RetryStart, RoleDue, StandDue
from actors.service import suitability
from actors.service.fitness import STAND_S
from actors.service.life import RUNNING, Decision, Life, follows, takes_part, wants_role
from actors.service.starting import LAUNCHER, ROLE_S, subscribe

AGAIN_S = 2.0  # a full disk is not asked for more often


def again(life: Life) -> Decision:
    """Ask anew for all that may not have been asked for."""
    effects: list[Effect] = []
    if life.call:
        effects.append(After(AGAIN_S, AnswerOverdue(life.call), name="answer"))
    if life.phase == "backoff":
        effects.append(After(max(life.delay_s, AGAIN_S), RetryStart(), name="start"))
    if follows(life):
        effects += subscribe()
    if life.hook:
        effects.append(_end(life.hook))
    seen = None if life.rendering else life.seen
    life = replace(life, rendering="", seen=seen)
    if not takes_part(life):
        return life, effects
    life, more = _its_part(life)
    return life, [*effects, *more]


def _its_part(life: Life) -> Decision:
    part, record = life.part, life.record
    effects: list[Effect] = [After(STAND_S, StandDue(), name="stand")]
    if wants_role(life):
        effects.append(After(ROLE_S, RoleDue(), name="role"))
    leads = record is not None and record.acts.role == "leader" and not record.acted
    if life.phase in RUNNING and leads:
        part = replace(part, stuck=True)
    if part.hook:
        part = replace(part, ending=True)
        effects.append(_end(part.hook))
    life = replace(life, part=part)
    if not part.measuring:
        return life, effects
    how = "may not have begun, as the disk cannot be written"
    life, said = suitability.failed(life, how, suitability.CANNOT_SAY)
    return life, [*effects, *said]


def _end(key: str) -> Effect:
    """End a hook, begun or not, so that its end is heard."""
    return Ask(LAUNCHER, StopProcess(key, "KILL", 0.0), key)
