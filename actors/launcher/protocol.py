"""What supervisor and launcher say to one another: JSON objects, one a line, over a socketpair.

The supervisor inherits its end as the descriptor named by `HAB_LAUNCHER_FD`; `HAB_LAUNCHER_PID`
names the launcher. It says `Hello` first, within the launcher's patience (5 s). `ask` is the
asker's own word for a request; the report that settles it carries it. Unknown fields are ignored,
unknown tags and wrong types raise `ProtocolError`, so neighbouring releases can talk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, TypeVar

ENV_FD: Final = "HAB_LAUNCHER_FD"
ENV_PID: Final = "HAB_LAUNCHER_PID"
PROTOCOL: Final = 1
FRAME_BYTES_MAX: Final = (
    4 * 1024 * 1024
)  # argv and environment of one process fit in ARG_MAX, 2 MiB

EXIT_RESTART: Final = 0  # it was told to restart, by whomever: start it again at once
EXIT_STOPPED: Final = 84  # the supervisor ended as asked: stop all services, exit 0
EXIT_FAILED: Final = 86  # it cannot or may not run here: stop all services, exit 86

EndedBy: TypeAlias = Literal["itself", "stop", "timeout", "fence", "owner"]
How: TypeAlias = Literal["terminate", "restart"]


class ProtocolError(Exception):
    """Bytes of the other side that are no message of this protocol."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The supervisor registers. Saying it again is harmless."""

    pid: int
    protocol: int = PROTOCOL


@dataclass(frozen=True, slots=True)
class Ready:
    """The supervisor serves: what systemd is told (`READY=1` and `STATUS=`)."""

    status: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Start a process in a session and group of its own.

    Times in seconds; `leader_until_s` is the CLOCK_BOOTTIME instant of its group's death, 0 for
    none. No path to write to: where the launcher's own output goes. `stop_signal` and
    `stop_timeout_s` are what the launcher uses when it ends the process with nobody to ask.
    """

    ask: str
    key: str
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str = ""
    user: str = ""
    group: str = ""
    stdout: str = ""
    stderr: str = ""
    truncate: bool = False
    prefix: str = ""
    owner: str = ""
    ends_with_owner: bool = False
    timeout_s: float = 0.0
    leader_until_s: float = 0.0
    stop_signal: str = "TERM"
    stop_timeout_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Signal the group of `key`, KILL it `timeout_s` later; settled by `Exited`."""

    ask: str
    key: str
    signal: str = "TERM"
    timeout_s: float = 8.0


@dataclass(frozen=True, slots=True)
class List:
    """What runs? Settled by `Listing`."""

    ask: str


@dataclass(frozen=True, slots=True)
class Own:
    """`owner` is to hear of the end of `key`. Settled by `Started` or `Exited` (pid 0: unknown)."""

    ask: str
    key: str
    owner: str


@dataclass(frozen=True, slots=True)
class OwnerDied:
    """Kill what ends with `owner`."""

    owner: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Kill the leader-role group of `key` at `until_s` and not before; 0: it leads no more."""

    key: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Welcome:
    """Answers `Hello`. `starts`: how often this launcher has started a supervisor.

    `damaged`: files of the process table that were, and where they were set aside; told once.
    """

    pid: int
    boot_id: str
    starts: int
    protocol: int = PROTOCOL
    damaged: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs (its exec succeeded). `leads`: its group has an instant of death."""

    ask: str
    key: str
    pid: int
    start_ticks: int
    started_s: float
    leads: bool = False


@dataclass(frozen=True, slots=True)
class StartFailed:
    """Nothing runs under `key` because of this request."""

    ask: str
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """Process and group are gone. `asks` are the requests it settles; `code` None: not known."""

    key: str
    pid: int
    code: int | None = None
    signal: int | None = None
    ended_by: EndedBy = "itself"
    owner: str = ""
    asks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A live process in a `Listing`."""

    key: str
    pid: int
    start_ticks: int
    started_s: float
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything alive, and the last end of each key that has no process now."""

    ask: str
    processes: tuple[Running, ...] = ()
    exits: tuple[Exited, ...] = ()


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The launcher asks the supervisor to end: stopping services first, or leaving them."""

    how: How


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line of the other side was no message; it had no effect."""

    reason: str


Request: TypeAlias = Hello | Ready | Start | Stop | List | Own | OwnerDied | Renew
Report: TypeAlias = Welcome | Started | StartFailed | Exited | Listing | StopRequest | Rejected
Frame: TypeAlias = Request | Report

_FRAMES: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        *(Hello, Ready, Start, Stop, List, Own, OwnerDied, Renew),
        *(Welcome, Started, StartFailed, Exited, Listing, StopRequest, Rejected),
    )
}
_T = TypeVar("_T")


def encode(frame: Frame) -> bytes:
    """The line for `frame`, newline included; raises `ProtocolError` when it is too long."""
    line = json.dumps({"t": type(frame).__name__, **asdict(frame)}, separators=(",", ":"))
    if len(line) >= FRAME_BYTES_MAX:
        raise ProtocolError(f"a {type(frame).__name__} of {len(line)} bytes is too long")
    return line.encode("ascii") + b"\n"


def decode(line: bytes) -> Frame:
    """The frame in `line`; raises `ProtocolError`, never anything else."""
    try:
        value = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {type(error).__name__}") from error
    if not isinstance(value, dict) or not isinstance(value.get("t"), str):
        raise ProtocolError("not an object with a tag")
    kind = _FRAMES.get(value["t"])
    if kind is None:
        raise ProtocolError(f"unknown tag {value['t'][:40]!r}")
    frame: Frame = _convert(kind, value)
    return frame


class Splitter:
    """Cuts a byte stream into lines, holding at most one incomplete line of bounded length."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes; raises `ProtocolError` when one grows too long."""
        self._rest += data
        if b"\n" not in data:
            self._check()
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        self._check()
        return lines

    def _check(self) -> None:
        if len(self._rest) > FRAME_BYTES_MAX:
            raise ProtocolError("a line is too long")


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _convert(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, dict):
        raise ProtocolError(f"{kind.__name__}: not an object")
    found: dict[str, Any] = {}
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name in value:
            found[item.name] = _field(f"{kind.__name__}.{item.name}", item.type, value[item.name])
    try:
        return kind(**found)
    except TypeError as error:
        raise ProtocolError(f"{kind.__name__}: a field is missing") from error


def _field(where: str, kind: Any, value: Any) -> Any:
    read = _READERS[kind]
    try:
        return read(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ProtocolError(f"{where}: not of type {kind}") from error


def _exactly(kind: type[_T]) -> Callable[[Any], _T]:
    def read(value: Any) -> _T:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _int(value: Any) -> int:
    # Bounded, so that no arithmetic on times or ids can surprise later.
    if type(value) is not int or abs(value) >= 1 << 62:
        raise TypeError
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _strings(value: Any) -> tuple[str, ...]:
    if type(value) is not list or any(type(item) is not str for item in value):
        raise TypeError
    return tuple(value)


def _environment(value: Any) -> dict[str, str]:
    if type(value) is not dict or any(type(item) is not str for item in value.values()):
        raise TypeError
    return value


def _maybe_int(value: Any) -> int | None:
    return None if value is None else _int(value)


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError
        return str(value)

    return read


def _all(kind: type[_T]) -> Callable[[Any], tuple[_T, ...]]:
    def read(value: Any) -> tuple[_T, ...]:
        if type(value) is not list:
            raise TypeError
        return tuple(_convert(kind, item) for item in value)

    return read


# By the text of the annotation, which is what `fields` tells under postponed evaluation.
_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    "str": _exactly(str),
    "bool": _exactly(bool),
    "int": _int,
    "float": _float,
    "int | None": _maybe_int,
    "tuple[str, ...]": _strings,
    "dict[str, str]": _environment,
    "EndedBy": _one_of("itself", "stop", "timeout", "fence", "owner"),
    "How": _one_of("terminate", "restart"),
    "tuple[Running, ...]": _all(Running),
    "tuple[Exited, ...]": _all(Exited),
}
