"""What follows the death of a child: pure.

OTP's `one_for_one` with `intensity` and `period` (Erlang/OTP, "Supervisor Behaviour"), Ray's
`max_restarts`, and a growing pause between deaths that follow one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from actors.effects import RestartPolicy

PARK_S = 60.0  # a parked child is tried again this often


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again after `delay_s`."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Park:
    """It died too often: try again after `retry_s`."""

    retry_s: float


@dataclass(frozen=True, slots=True)
class Escalate:
    """It died too often and the node cannot do without it."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Its restarts are spent; it is dead for good."""


Verdict: TypeAlias = Restart | Park | Escalate | GiveUp


@dataclass(frozen=True, slots=True)
class History:
    """The deaths of one child: `recent` times within its period, `total` since it was spawned."""

    recent: tuple[float, ...] = ()
    total: int = 0


def after_death(policy: RestartPolicy, history: History, now: float) -> tuple[History, Verdict]:
    """The history with this death in it, and what is to be done."""
    recent = tuple(t for t in history.recent if now - t < policy.period_s)
    history = History((*recent, now), history.total + 1)
    if 0 <= policy.max_restarts < history.total:
        return history, GiveUp()
    deaths = len(history.recent)
    if deaths > policy.intensity:
        return history, Escalate() if policy.exhausted == "escalate" else Park(PARK_S)
    delay_s = min(policy.backoff_max_s, policy.backoff_min_s * 2 ** (deaths - 1))
    return history, Restart(delay_s)
