"""What befalls a group in the world of rolling updates, and one of its members."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random

from actors.effects import Effect
from actors.messages.base import Message
from actors.messages.rollout import configuration
from actors.messages.service import ServiceSpec, Stage
from actors.update.rolling import Rolling

GROUP, PATH = "web.default", "update/web"
ONE, TWO, THREE = (f"acme/web/{n}.0/2026010{n}000000" for n in (1, 2, 3))
CONFIRM_S = 16.0  # from a death to everybody knowing it
STALE_S = (
    12.0  # what was seen healthy so long ago may be stopped beside: reports and turns are late
)
SPEC = ServiceSpec(ident="acme/web", update_strategy="rolling", health_grace=3, drain=1)


@dataclass(frozen=True)
class Plan:
    """What befalls the group. `bad`: release → how it fails. `weights` are those of faults.

    `offers` are releases, configurations that are staged, and (`all …`) applied to all at once.
    """

    members: int = 3
    faults_s: float = 90.0
    heal_s: float = 240.0
    every_s: float = 6.0
    loss: float = 0.05
    late: float = 0.03
    late_s: float = 8.0
    bad: tuple[tuple[str, str], ...] = ()
    offers: tuple[tuple[float, str], ...] = ((5.0, TWO),)
    spec: ServiceSpec = SPEC
    topology: bool = False
    weights: tuple[tuple[str, float], ...] = (
        ("crash", 2.0),
        ("kill", 2.0),
        ("pause", 1.0),
        ("split", 1.0),
        ("heal", 2.0),
        ("appoint", 3.0),
        ("sicken", 1.0),
        ("exit", 1.0),
    )


@dataclass
class Machine:
    """A member: its clock, its disk, its service, and its actor while that runs."""

    me: str
    rate: float
    offset: float
    disk: dict[str, bytes] = field(default_factory=dict)
    life: int = 0
    state: Rolling | None = None
    random: Random = field(default_factory=Random)
    writing: bool = False
    paused: bool = False
    down_since: float | None = None
    rest: deque[Effect] = field(default_factory=deque)
    mail: deque[tuple[str, Message, str]] = field(default_factory=deque)
    timers: dict[str, int] = field(default_factory=dict)
    # the service
    release: str = ONE
    config: int = 0
    stage: Stage = "up"
    health: str = "ok"
    restarts: int = 0
    moves: int = 0
    sick_until: float = 0.0
    well_at: float = 0.0  # when it was last up and healthy
    in_turn: str = ""  # the release its turn goes to, from the stop on
    withdrawn_at: float = -100.0
    epoch: int = 0
    leads: bool = True


def runs(machine: Machine) -> tuple[str, str]:
    """What a machine runs, by the names that rollouts have for it."""
    return machine.release, configuration(machine.config)
