"""A simulated machine's time: clocks that drift and step, and timers that follow them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from actors.simulation.scheduler import CALL, SECOND, Life, Scheduler

EPOCH_S: Final = 1_800_000_000.0  # Unix time at virtual second 0
ROUNDING_NS: Final = 2  # no timer is early, by the clock that its actor reads


class MachineClock:
    """`ports.Clock` of one machine. `rate`: its seconds per true second (0.95 to 1.05).

    Like CLOCK_BOOTTIME, `now` never steps and goes on while the machine is suspended. It stands
    still only while a hypervisor takes the whole machine out of time (`hold_back`).
    """

    def __init__(
        self, scheduler: Scheduler, rate: float, booted_s: float, wall_error_s: float
    ) -> None:
        self._scheduler = scheduler
        self.rate = rate
        self._scale = rate / SECOND
        self._booted_s = booted_s
        self._wall_error_s = wall_error_s

    def now(self) -> float:
        """Seconds since the machine booted, on its own quartz."""
        return self._booted_s + self._scheduler.now * self._scale

    def wall(self) -> float:
        """Unix seconds, as wrong as this machine's wall clock is."""
        return EPOCH_S + self._wall_error_s + self._scheduler.now / SECOND

    def jump(self, by_s: float) -> None:
        """Step the wall clock."""
        self._wall_error_s += by_s

    def hold_back(self, lost_ns: int) -> None:
        """The machine was out of time for `lost_ns`: its boot time did not advance."""
        self._booted_s -= lost_ns * self._scale


class LifeTimers:
    """`ports.Timers` of one process life, on its machine's clock."""

    def __init__(self, scheduler: Scheduler, life: Life, clock: MachineClock) -> None:
        self._scheduler = scheduler
        self._life = life
        self._scale = SECOND / clock.rate

    def after(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` when the machine's clock has advanced so far; returns what cancels it."""
        scheduler = self._scheduler
        due = scheduler.now + int(delay_s * self._scale) + ROUNDING_NS
        entry = scheduler.at(due, self._life, call)
        return partial(entry.__setitem__, CALL, None)
