"""What a command makes of the specs, in a pure function; texts are Habitat's where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from actors.messages.depot import PackageInfo
from actors.messages.service import (
    LoadService,
    RestartService,
    ServiceSpec,
    ServiceStatus,
    Settled,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.specs.spec_file import is_ident, problem

Specs: TypeAlias = Mapping[str, ServiceSpec]  # service name → spec
Command: TypeAlias = (
    LoadService | UpdateService | UnloadService | StopService | StartService | RestartService
)
FIXED = frozenset({"ident", "name", "desired_state", "restarts"})  # not for `update`
SEE = "See the Supervisor output for more details."


@dataclass(frozen=True, slots=True)
class Write:
    """Make `spec` durable; `check` its package and binds first. `changed` fields, none if new."""

    spec: ServiceSpec
    text: str
    check: bool = False
    changed: tuple[str, ...] = ()
    new: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove the spec of `service`."""

    service: str
    text: str


@dataclass(frozen=True, slots=True)
class Keep:
    """All is as the command wants it."""

    service: str
    text: str


@dataclass(frozen=True, slots=True)
class Deny:
    """The command cannot be followed; `code` for programs, `text` for people."""

    text: str
    code: str


Decision: TypeAlias = Write | Remove | Keep | Deny


def decide(specs: Specs, command: Command, org: str = "") -> Decision:
    """What `command` comes to; `org` is this supervisor's, for specs that name none."""
    match command:
        case LoadService(spec=spec, given=given, force=force):
            if reason := problem(spec):
                return Deny(reason, "invalid")
            return _load(specs, msgspec.structs.replace(spec, org=spec.org or org), given, force)
        case UpdateService(service=text, spec=spec, given=given):
            found = _one(specs, text, f"Service {text} not loaded")
            return found if isinstance(found, Deny) else _update(found, spec, given, text)
        case UnloadService(service=text):
            found = _one(specs, text, f"Service {text} not loaded")
            return found if isinstance(found, Deny) else Remove(found.service, f"Unloading {text}")
        case StopService(service=text):
            found = _one(specs, text, f"Service not loaded, {text}")
            return found if isinstance(found, Deny) else _stop(found, text)
        case StartService(service=text):
            found = _one(specs, text, f"Service not loaded, {text}")
            if isinstance(found, ServiceSpec):
                return _start(found, text)
            if found.code != "not-loaded" or not is_ident(text):
                return found
            return _load(specs, ServiceSpec(ident=text, org=org), (), force=False)
        case RestartService(service=text):
            found = _one(specs, text, f"Service not loaded, {text}")
            return found if isinstance(found, Deny) else _restart(found, text)


def matching(specs: Specs, text: str) -> list[ServiceSpec]:
    """The specs that `text` means: a package ident (partial or not), a service, a service group."""
    if "/" in text:
        asked = text.split("/")
        return [spec for _, spec in sorted(specs.items()) if _same_package(spec, asked)]
    if text in specs:
        return [specs[text]]
    return [spec for _, spec in sorted(specs.items()) if spec.service_group == text]


def check_package(spec: ServiceSpec, package: PackageInfo) -> Deny | None:
    """Why `package` cannot run as `spec` says, if so."""
    if not package.runnable:
        where = spec.config_from or "it"
        return Deny(
            f"Package is not runnable: {package.ident} ({where} has neither hooks/run nor run)",
            "not-runnable",
        )
    given = {bind.partition(":")[0] for bind in spec.binds}
    if missing := sorted(set(package.binds) - given):
        return Deny(f"Missing required bind(s), {', '.join(missing)}", "binds")
    if invalid := sorted(given - set(package.binds) - set(package.binds_optional)):
        return Deny(f"Invalid bind(s), {', '.join(invalid)}", "binds")
    return None


def outcome(spec: ServiceSpec, status: ServiceStatus | None) -> Settled | None:
    """How a service that is to be as `spec` has settled, None while it is on its way."""
    if status is None or status.spec != spec:
        return None
    service = spec.service
    match status.stage:
        case "up" if spec.desired_state == "up":
            return Settled(service, "up", status.reason)
        case "down" if spec.desired_state == "down":
            return Settled(service, "down", status.reason)
        case "waiting" if spec.desired_state == "up":
            return Settled(service, "waiting", status.reason)
        case "backoff" | "failed" if spec.desired_state == "up":
            return Settled(service, "failed", status.reason)
        case _:
            return None


def differing(one: ServiceSpec, other: ServiceSpec) -> tuple[str, ...]:
    """The fields in which two specs differ."""
    return tuple(f for f in one.__struct_fields__ if getattr(one, f) != getattr(other, f))


def _load(specs: Specs, spec: ServiceSpec, given: tuple[str, ...], force: bool) -> Decision:
    stored = specs.get(spec.service)
    shown = spec.ident or spec.service
    text = f"The {shown} service was successfully loaded"
    if stored is None:
        fresh = msgspec.structs.replace(spec, desired_state="up", restarts=0)
        return Write(fresh, text, check=bool(spec.ident), new=True)
    if not force:
        same = msgspec.structs.replace(
            spec, desired_state=stored.desired_state, restarts=stored.restarts
        )
        if same != stored:
            return Deny(
                f"Service already loaded. Unload '{stored.ident or stored.service}' and try again, "
                "or load with the --force flag to reload and restart the service.",
                "already-loaded",
            )
        stopped = f" and stopped; start it with `hab svc start {spec.service}`"
        state = stopped if stored.desired_state == "down" else ""
        return Keep(spec.service, f"The {shown} service is already loaded{state} (unchanged)")
    fields = (set(given) | {"ident"}) - {"desired_state", "restarts"}
    if spec.cmd:
        fields |= {"cmd", "cwd"}
    elif stored.cmd:
        fields |= {"cmd", "cwd", "name"}  # a package takes the place of a command
    merged = _merged(stored, spec, fields)
    merged = msgspec.structs.replace(merged, desired_state="up")
    if reason := problem(merged):
        return Deny(reason, "invalid")
    if merged == stored:
        return Keep(spec.service, f"The {shown} service is already loaded (unchanged)")
    return Write(merged, text, check=bool(spec.ident), changed=differing(stored, merged))


def _update(stored: ServiceSpec, spec: ServiceSpec, given: tuple[str, ...], text: str) -> Decision:
    fields = (set(given) & set(stored.__struct_fields__)) - FIXED
    if not fields:
        return Deny("No fields specified for update", "no-fields")
    merged = _merged(stored, spec, fields)
    if reason := problem(merged):
        return Deny(reason, "invalid")
    if merged == stored:
        return Keep(stored.service, f"{text} is so already (unchanged)")
    check = bool(stored.ident) and bool(fields & {"binds", "config_from"})
    return Write(merged, f"Updating {text}", check=check, changed=differing(stored, merged))


def _stop(stored: ServiceSpec, text: str) -> Decision:
    if stored.desired_state == "down":
        return Keep(stored.service, f"{text} is stopped already (unchanged)")
    spec = msgspec.structs.replace(stored, desired_state="down")
    return Write(spec, f"Supervisor stopping {text}. {SEE}", changed=("desired_state",))


def _start(stored: ServiceSpec, text: str) -> Decision:
    if stored.desired_state == "up":
        return Keep(stored.service, f"{text} is started already (unchanged)")
    spec = msgspec.structs.replace(stored, desired_state="up")
    return Write(spec, f"Supervisor starting {text}. {SEE}", changed=("desired_state",))


def _restart(stored: ServiceSpec, text: str) -> Decision:
    spec = msgspec.structs.replace(stored, desired_state="up", restarts=stored.restarts + 1)
    return Write(spec, f"Supervisor restarting {text}. {SEE}", changed=differing(stored, spec))


def _merged(stored: ServiceSpec, spec: ServiceSpec, fields: set[str]) -> ServiceSpec:
    return msgspec.structs.replace(stored, **{f: getattr(spec, f) for f in sorted(fields)})


def _one(specs: Specs, text: str, not_loaded: str) -> ServiceSpec | Deny:
    found = matching(specs, text)
    if len(found) == 1:
        return found[0]
    if not found:
        return Deny(not_loaded, "not-loaded")
    names = ", ".join(spec.service for spec in found)
    return Deny(f"{text} is run by several services ({names}): name one of them", "ambiguous")


def _same_package(spec: ServiceSpec, asked: list[str]) -> bool:
    """Whether the two idents can mean one package: equal as far as both say something."""
    stored = spec.ident.split("/") if spec.ident else []
    length = min(len(stored), len(asked))
    return length >= 2 and stored[:length] == asked[:length]
