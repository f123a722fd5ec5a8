"""Leaving an election: a seat is given up at an unload, and when the group changes.

That it has a seat is in the record until it is given up, or nobody could be asked: an unload in
which everything dies is finished by the next instance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from actors.effects import After, Cancel
from actors.messages.election_orders import WithdrawFromElection
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import AnswerOverdue
from actors.service.life import Decision, Life, Moment
from actors.service.part import Part
from actors.service.roles import answer
from actors.service.starting import ASK_AGAIN_S, ELECTION, ask, persist

WITHDRAW_S: Final = 12.0  # the election answers when the seat is given up, or after 10 s
TRIES: Final = 6  # where nobody is there to be asked


def owes(life: Life) -> bool:
    """Whether it has a seat in an election that it is no part of any more."""
    if life.record is None or not life.record.stands or life.halted_s is not None:
        return False
    return life.gone or (life.spec is not None and life.record.stands != _home(life))


def stays(life: Life) -> bool:
    """Whether the next start of the supervisor has to finish it."""
    return life.halted_s is not None and life.record is not None and life.record.stands != ""


def _home(life: Life) -> str:
    """The group in whose election it belongs; empty for none."""
    spec = life.spec
    return spec.service_group if spec is not None and spec.topology == "leader" else ""


def withdraw(life: Life, at: Moment) -> Decision:
    """Ask to be let go; first answer what was asked of its process, which has ended."""
    life, settled = answer(life)
    assert life.record is not None
    group = life.record.stands
    reason = f"gives up its seat in the election of {group}"
    life = replace(life, phase="withdrawing", reason=reason, part=Part(tries=life.part.tries + 1))
    question = WithdrawFromElection(life.name, group, "topology")
    life, effects = ask(life, ELECTION, question, "withdraw", at)
    return life, [*settled, *effects, After(WITHDRAW_S, AnswerOverdue(life.call), name="answer")]


def answered(life: Life, answer: Ok | CallFailed) -> Decision:
    """The seat is given up, or nobody is there to be asked: then once more, a few times."""
    if isinstance(answer, CallFailed) and life.part.tries < TRIES:
        return life, [After(ASK_AGAIN_S, AnswerOverdue(life.call), name="answer")]
    return _left(life)


def overdue(life: Life, at: Moment) -> Decision:
    """Ask once more; who cannot be let go of stays a voter until it is departed, or long dead."""
    return withdraw(life, at) if life.part.tries < TRIES else _left(life)


def _left(life: Life) -> Decision:
    assert life.record is not None
    record = msgspec.structs.replace(life.record, stands="")
    life = replace(life, phase="down", reason="", call="", record=record, part=Part())
    return life, [Cancel("answer"), Cancel("stand"), persist(life)]
