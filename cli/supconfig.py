"""What the options of `hab sup run` come to, and where each value came from.

sup.toml < `--config-files` (last wins) < environment < command line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from actors.errors import UsageError
from cli.runoptions import BY_KEY, RUN_OPTIONS, RunOption, Value
from cli.settings import check_keys, read_toml
from cli.values import seconds

UPDATE_PERIOD_LEAST_S = 1.0  # oftener would be a load for a depot, and nobody sees the difference


@dataclass(frozen=True, slots=True)
class Resolved:
    """Values by key, and where each came from (`command line`, a variable, a file, `default`)."""

    values: Mapping[str, Value]
    sources: Mapping[str, str]

    def text(self, key: str) -> str:
        """Return a text value; empty when there is none."""
        value = self.values[key]
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list value."""
        value = self.values[key]
        return value if isinstance(value, tuple) else ()

    def flag(self, key: str) -> bool:
        """Return a flag."""
        return self.values[key] is True

    def number(self, key: str) -> float:
        """Return a number; 0 when there is none."""
        value = self.values[key]
        return float(value) if isinstance(value, int | float) else 0.0

    def given(self, key: str) -> bool:
        """Whether somebody chose the value."""
        return self.sources[key] != "default"


@dataclass(slots=True)
class _Layers:
    """Values gathered so far; a later layer outranks an earlier one."""

    values: dict[str, Value] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def put(self, option: RunOption, raw: object, source: str) -> None:
        self.values[option.key] = _read(option, raw, source)
        self.sources[option.key] = source


def resolve(
    given: Mapping[str, object], environ: Mapping[str, str], files: Sequence[Path]
) -> Resolved:
    """Settle every option. `files` from lowest to highest. Raises UsageError naming the source."""
    layers = _Layers()
    for option in RUN_OPTIONS:
        layers.put(option, option.shown or None, "default")
    for path in files:
        settings = read_toml(path)
        check_keys(settings, BY_KEY, path)
        for key, raw in settings.items():
            layers.put(BY_KEY[key], raw, str(path))
    for option in RUN_OPTIONS:
        if option.env and (raw := environ.get(option.env)):
            layers.put(option, f"{raw.strip()}{option.env_unit}", option.env)
    for option in RUN_OPTIONS:
        chosen = given.get(option.key)
        if chosen not in (None, ()):
            layers.put(option, chosen, "command line")
    resolved = Resolved(layers.values, layers.sources)
    _check_exclusive(resolved)
    return resolved


def _read(option: RunOption, raw: object, source: str) -> Value:
    """Turn what a layer says into the option's value. Raises UsageError naming the source."""
    try:
        if option.kind == "flag":
            return _flag(option, raw)
        if option.kind == "texts":
            return tuple(option.read(text) for text in _texts(raw))  # type: ignore[misc]
        if raw is None:
            return None
        return option.read(_text(raw))
    except ValueError as error:
        where = option.flags[-1] if source == "command line" else f"{source}: {option.key}"
        raise UsageError(f"{where}: {'' if option.secret else error}".rstrip(": ")) from error


def _text(raw: object) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError(f"must be a string, not {raw!r}")  # noqa: TRY004 - a wrong value of a file
    return str(raw)


def _flag(option: RunOption, raw: object) -> bool:
    if raw is None or isinstance(raw, bool):
        return bool(raw)
    if option.env == "NO_COLOR":
        return True  # any value: https://no-color.org
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(raw, str) and raw.lower() in words:
        return words[raw.lower()]
    raise ValueError(f"must be true or false, not {raw!r}")


def _texts(raw: object) -> Sequence[str]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return [part for part in raw.replace(",", " ").split() if part]
    if isinstance(raw, list | tuple) and all(isinstance(part, str) for part in raw):
        return raw
    raise ValueError(f"must be a list of strings, not {raw!r}")


def _check_exclusive(resolved: Resolved) -> None:
    ways = [k for k in ("peer", "peer_watch_file", "local_gossip_mode") if resolved.values[k]]
    if resolved.flag("local_gossip_mode") and resolved.given("listen_gossip"):
        ways.append("listen_gossip")
    if len(ways) > 1:
        said = " and ".join(f"{BY_KEY[k].flags[-1]} ({resolved.sources[k]})" for k in ways)
        raise UsageError(f"{said} exclude each other: choose one way to find the ring")
    if resolved.number("service_update_period") < UPDATE_PERIOD_LEAST_S:
        raise UsageError(
            f"--service-update-period ({resolved.sources['service_update_period']}) must be at "
            f"least {UPDATE_PERIOD_LEAST_S:g}s"
        )
    shortest = resolved.number("service_min_backoff_period")
    if shortest > resolved.number("service_max_backoff_period"):
        raise UsageError("--service-min-backoff-period is longer than --service-max-backoff-period")


def generate(resolved: Resolved, defaults: Mapping[str, str]) -> str:
    """Write the options as a sup.toml; `defaults` outrank those of the table.

    An option without a default that nobody chose is commented out; a secret is never written.
    """
    lines = [
        "# Configuration of `hab sup run`, lowest in precedence:",
        "# this file < --config-files < environment < command line.",
    ]
    for option in RUN_OPTIONS:
        lines += ["", f"# {option.help}"]
        if option.secret and resolved.given(option.key):
            lines.append(
                f"# {option.key} came from {resolved.sources[option.key]}; it is not shown"
            )
            continue
        if resolved.given(option.key):
            lines.append(f"# from {resolved.sources[option.key]}")
            lines.append(f"{option.key} = {_toml(option, resolved.values[option.key])}")
        elif option.shown:
            shown = defaults.get(option.key, option.shown)
            lines.append(f"{option.key} = {json.dumps(shown)}")
        else:
            empty = {"flag": "false", "texts": "[]", "text": '""'}[option.kind]
            lines.append(f"# {option.key} = {empty}")
    return "\n".join(lines) + "\n"


def _toml(option: RunOption, value: Value) -> str:
    # A JSON string or list of strings is valid TOML too.
    if option.read is seconds:
        return f'"{value}s"'
    return json.dumps(value)
