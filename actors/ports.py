"""The ports to the outside world: protocols with two implementations, `adapters` and `simulation`.

Everything else outside (launcher, directories, HTTP, control clients) is spoken to by messages to
an address `port/<name>`, which an adapter registers with the runtime (`World.register_port`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from actors.messages.base import Event
    from actors.messages.envelope import Envelope

Lane: TypeAlias = Literal["urgent", "normal"]


class Clock(Protocol):
    """Time as this member sees it, in seconds."""

    def now(self) -> float:
        """CLOCK_BOOTTIME: never steps, goes on while the machine sleeps."""
        ...

    def wall(self) -> float:
        """Unix time; may step."""
        ...


class Timers(Protocol):
    """Calls back later, on a thread of the port's own choosing."""

    def after(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        """Run `call` in `delay_s` seconds; returns what cancels it."""
        ...


class Turn(Protocol):
    """Something that wants a turn on a dispatcher thread."""

    def turn(self) -> None:
        """Handle one message; must not raise."""
        ...


class Dispatcher(Protocol):
    """Gives turns. Never the same `Turn` on two threads: the caller asks once per turn."""

    def ready(self, turn: Turn, lane: Lane) -> None:
        """Run `turn.turn()` once, soon."""
        ...


class Store(Protocol):
    """State files below the supervisor's directory; one writer thread, group commit.

    A write goes to a temporary name, is fsynced, renamed, and the directory is fsynced. Sealed
    files carry a checksum; a file that fails it is set aside and reported as damaged.
    """

    def write(
        self, path: str, data: bytes | None, sealed: bool, done: Callable[[str | None], None]
    ) -> None:
        """Make durable (None removes), then `done(None)` or `done(reason)`."""
        ...

    def read(
        self, path: str, sealed: bool, done: Callable[[bytes | None, str | None], None]
    ) -> None:
        """`done(data or None, name it was set aside under or None)`."""
        ...


class Network(Protocol):
    """Carries envelopes to other members; arrivals come back through `World.deliver`."""

    def send(self, envelope: Envelope) -> None:
        """Queue for the member of `envelope.to`, not blocking; loss: `World.undeliverable`."""
        ...


class EventSink(Protocol):
    """Numbers events and takes them for the log, without blocking."""

    def emit(self, actor: str, event: Event, cause: str, trace: str) -> str:
        """Accept an event; its id is `<member>:<boot>:<seq>`, gapless within a boot."""
        ...
