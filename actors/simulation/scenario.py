"""Scenario files: a plan written by hand, in TOML.

    name = "half and half"
    supervisors = 10
    permanent = 2
    for = "60s"

    [network]
    loss = 0.05
    delay = "2ms"

    [[service]]
    name = "web"
    machines = [0, 1]

    [[fault]]
    what = "partition"
    at = "10s"
    for = "20s"
    machines = [0, 1, 2, 3, 4]

`machines` and `others` are numbers from 0; `others` left out means all the rest. A service may end
by itself (`runs`, with exit `code`) or be `deaf` to all signals but KILL. `watched = true` makes an
event of each frame. Unknown keys are errors, with what would be known.

`machines = "all"` are all there are. A service of `topology = "leader"` is founded once `expect`
members (left out: all of them, at least 3) are seen; `suitability` is what its hook says on each
machine. Its `strategy` says how it is updated when a fault `release` lets the depot offer another
release: it rolls on, or halts, or goes back where `on_failure = "rollback"`; `condition =
"track-channel"` follows the depot back too, and a `pinned = true` service names its first release.
`bad-release` says how a release will not work: "web 2.0.0/20260201000000 crashes" (or is `sick`,
`unrunnable`, or `hangs`). A fault is struck by `aim = "leader NAME"` at whoever leads then (or at
its "followers", or at all "others"), by `aim = "conductor NAME"` at whoever conducts its updates.
More faults are drawn from the seed by

    [swarm]
    every = "3s"        # one on the average
    leader = 0.5        # share of those that are aimed at the leader of a service
    weights = { crash = 3, partition = 2 }

`poll = "6s"` is how often a supervisor asks its depot, and `drift = 0.05` lets each clock run up to
so much too fast or too slow.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Final, get_args

from actors.errors import UsageError
from actors.messages.rollout import OnFailure
from actors.messages.service import Strategy, Topology
from actors.messages.update import Condition
from actors.simulation.drawing import Swarm, draw_quartz, draw_swarm
from actors.simulation.fabric import LinkQuality
from actors.simulation.machine import Quartz
from actors.simulation.plan import AIMS, KINDS, Fault, Plan, Service, Setup
from actors.simulation.processes import AILMENTS, Behaviour
from actors.simulation.scheduler import SECOND, generator

_NAME: Final = re.compile(r"[A-Za-z0-9][\w-]{0,63}")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*")
_RELEASE: Final = r"[\w-]+ \d+(?:\.\d+)*/\d{14}"
_RELEASES: Final = {
    "release": re.compile(_RELEASE),
    "no-install": re.compile(_RELEASE),
    "bad-release": re.compile(f"{_RELEASE} ({'|'.join(AILMENTS)})"),
}
_RELEASE_SAYS: Final = (
    '"NAME VERSION/RELEASE", as in "web 2.0.0/20260201000000"; for a bad release also how it fails '
    f"({', '.join(AILMENTS)})"
)
_TOP: Final = (
    *("name", "supervisors", "permanent", "seeds", "stagger", "keyed", "watched", "for"),
    "drift",
    "poll",
)
_SERVICE: Final = (
    "name",
    "machines",
    "runs",
    "code",
    "deaf",
    "topology",
    "suitability",
    "expect",
    "strategy",
    "condition",
    "on_failure",
    "pinned",
)
_SWARM: Final = ("every", "leader", "weights")
_FAULT: Final = tuple(item.name.removesuffix("_s") for item in fields(Fault))
_NETWORK: Final = ("delay", "spread", "tail", "tail_delay", "loss", "duplicate", "reorder")


def seconds(value: object, where: str = "duration") -> float:
    """A duration: `120s`, `2m`, `500ms`, or a number of seconds. Raises `UsageError`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise UsageError(f"{where}: {value!r} is no duration; write 120s, 2m or 500ms")
    return float(match[1]) * _UNITS[match[2] or "s"]


def read_scenario(
    text: str, supervisors: int | None, faults_s: float | None, seed: str = "0"
) -> Plan:
    """The plan in a scenario file; `supervisors` and `faults_s` given override the file's.

    The seed is for what the file leaves to be drawn. Raises `UsageError` with what is wrong and
    what would be right.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the scenario is no TOML: {error}") from error
    _known("the scenario", document, (*_TOP, "network", "service", "fault", "swarm"))
    count = supervisors or _integer(document, "supervisors", 5, least=1)
    setup = Setup(
        supervisors=count,
        permanent=_integer(document, "permanent", 1, least=0),
        seeds=_integer(document, "seeds", 1, least=1),
        stagger_s=seconds(document.get("stagger", 0), "stagger"),
        keyed=bool(document.get("keyed", False)),
        quartz=_quartz(document, count, seed),
        quality=_quality(document.get("network", {})),
        services=tuple(_service(*entry, count) for entry in _tables(document, "service")),
        watched=bool(document.get("watched", False)),
        poll_s=seconds(document.get("poll", 60), "poll"),
    )
    faults = [_fault(*entry, count) for entry in _tables(document, "fault")]
    end_s = max((fault.at_s + fault.for_s for fault in faults), default=0.0)
    length_s = faults_s if faults_s is not None else seconds(document.get("for", end_s), "for")
    if "swarm" in document:
        swarm = _swarm(document["swarm"])
        faults += draw_swarm(generator(seed, "swarm"), setup, length_s, swarm)
    ordered = tuple(sorted(faults, key=lambda fault: fault.at_s))
    return Plan(setup, length_s, ordered, str(document.get("name", "scenario")))


def _quality(table: Any) -> LinkQuality:
    if not isinstance(table, dict):
        raise UsageError("[network] is a table")
    _known("[network]", table, _NETWORK)
    given: dict[str, Any] = {}
    for key, field in (("delay", "delay_ns"), ("spread", "spread_ns"), ("tail_delay", "tail_ns")):
        if key in table:
            given[field] = int(seconds(table[key], f"network.{key}") * SECOND)
    for key in ("tail", "loss", "duplicate", "reorder"):
        if key in table:
            given[key] = _fraction(table[key], f"network.{key}")
    return LinkQuality(**given)


def _quartz(document: dict[str, Any], supervisors: int, seed: str) -> tuple[Quartz, ...]:
    drift = _fraction(document.get("drift", 0.0), "drift")
    if not drift:
        return ()
    return draw_quartz(generator(seed, "quartz"), supervisors, drift)


def _swarm(table: Any) -> Swarm:
    if not isinstance(table, dict):
        raise UsageError("[swarm] is a table")
    _known("[swarm]", table, _SWARM)
    weights = table.get("weights", {})
    if not isinstance(weights, dict) or not weights:
        raise UsageError("swarm.weights is a table of kinds of faults, as in { crash = 3 }")
    _known("swarm.weights", weights, KINDS)
    ordered = {kind: _integer(weights, kind, 0, least=0) for kind in KINDS if kind in weights}
    every_s = seconds(table.get("every", "3s"), "swarm.every")
    if every_s <= 0 or not any(ordered.values()):
        raise UsageError("[swarm]: every and one of the weights are more than 0")
    return Swarm(ordered, every_s, _fraction(table.get("leader", 0.0), "swarm.leader"))


def _tables(document: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """The tables [[name]], each with what it is called in errors."""
    entries = document.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{name}s are written as [[{name}]], one table each")
    return [(f"{name} {number}", entry) for number, entry in enumerate(entries, 1)]


def _service(where: str, entry: dict[str, Any], supervisors: int) -> Service:
    _known(where, entry, _SERVICE)
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{where}: name = {name!r}: letters, digits, - and _ are wanted")
    behaviour = Behaviour(deaf=bool(entry.get("deaf", False)))
    if "runs" in entry:
        code = _integer(entry, "code", 0, least=0)
        behaviour = replace(behaviour, runs_s=seconds(entry["runs"], f"{where}: runs"), code=code)
    if "machines" not in entry:
        raise UsageError(f"{where}: machines = [numbers from 0] is missing")
    machines = _machines(entry, "machines", where, supervisors)
    values = entry.get("suitability", [])
    if not isinstance(values, list) or any(not isinstance(v, int) or v < 0 for v in values):
        raise UsageError(f"{where}: suitability = [a whole number for each machine]")
    return Service(
        name,
        machines,
        behaviour,
        topology=_one_of(entry, "topology", where, get_args(Topology), "standalone"),
        suitability=tuple(values),
        strategy=_one_of(entry, "strategy", where, get_args(Strategy), "none"),
        condition=_one_of(entry, "condition", where, get_args(Condition), "latest"),
        on_failure=_one_of(entry, "on_failure", where, get_args(OnFailure), "halt"),
        pinned=bool(entry.get("pinned", False)),
        expect=_integer(entry, "expect", max(3, len(machines)), least=1),
    )


def _one_of(
    entry: dict[str, Any], key: str, where: str, known: tuple[Any, ...], default: str
) -> Any:
    value = entry.get(key, default)
    if value not in known:
        raise UsageError(f"{where}: {key} = {value!r}{_instead(value, known)}")
    return value


def _fault(where: str, entry: dict[str, Any], supervisors: int) -> Fault:
    _known(where, entry, _FAULT)
    what = entry.get("what")
    if what not in KINDS:
        raise UsageError(f"{where}: what = {what!r} is not known{_instead(what, KINDS)}")
    fault = Fault(what, seconds(entry.get("at", 0), f"{where}: at"))
    detail = str(entry.get("detail", ""))
    if what in _RELEASES and not _RELEASES[what].fullmatch(detail):
        raise UsageError(f"{where}: detail = {detail!r}: {_RELEASE_SAYS} is wanted")
    return replace(
        fault,
        for_s=seconds(entry.get("for", 0), f"{where}: for"),
        machines=_struck(entry, where, supervisors),
        others=_machines(entry, "others", where, supervisors),
        amount=float(entry.get("amount", 0.0)),
        detail=detail,
        aim=_aim(entry, where),
    )


def _aim(entry: dict[str, Any], where: str) -> str:
    aim = entry.get("aim", "")
    if aim and (not isinstance(aim, str) or aim.partition(" ")[0] not in AIMS):
        raise UsageError(f"{where}: aim = {aim!r}: {', '.join(AIMS)} is wanted, and a service")
    return str(aim)


def _struck(entry: dict[str, Any], where: str, supervisors: int) -> tuple[int, ...]:
    machines = _machines(entry, "machines", where, supervisors)
    if not machines and "aim" not in entry:
        raise UsageError(f"{where}: machines = [numbers from 0] is missing")
    return machines


def _machines(entry: dict[str, Any], key: str, where: str, supervisors: int) -> tuple[int, ...]:
    numbers = entry.get(key, [])
    wrong = f"{where}: {key} are numbers from 0 to {supervisors - 1} in brackets, or all"
    if numbers == "all":
        return tuple(range(supervisors))
    if not isinstance(numbers, list):
        raise UsageError(wrong)
    if any(not isinstance(n, int) or not 0 <= n < supervisors for n in numbers):
        raise UsageError(wrong)
    return tuple(numbers)


def _integer(table: dict[str, Any], key: str, default: int, *, least: int) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UsageError(f"{key} = {value!r}: a whole number from {least} is wanted")
    return value


def _fraction(value: object, where: str) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UsageError(f"{where} = {value!r}: a probability from 0 to 1 is wanted")
    return float(value)


def _known(where: str, table: dict[str, Any], keys: Iterable[str]) -> None:
    known = tuple(keys)
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {key!r} is not known{_instead(key, known)}")


def _instead(word: object, known: Iterable[str]) -> str:
    names = tuple(known)
    near = difflib.get_close_matches(str(word), names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"
