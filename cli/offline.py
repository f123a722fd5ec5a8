"""Loading and starting services while no supervisor is up: their specs, for its next start.

The rules are those of a running supervisor (`actors.specs.rules`), only that packages and binds are
checked when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping

import click
import msgspec

from actors.errors import Refused
from actors.messages.service import LoadService, ServiceSpec, StartService
from actors.node.layout import StateLayout
from actors.specs import rules, spec_file
from cli.client import NoSupervisor
from cli.output import emit_json, say
from cli.problem import NEXT_BY_CODE, Failure
from cli.settings import Place, lock_holder, make_directory
from cli.writes import Line


def load_for_next_start(
    nobody: NoSupervisor, place: Place, wanted: LoadService, *, as_json: bool
) -> None:
    """Write the spec of a service to be loaded. Raises `nobody` where that is no use."""
    _check_down(nobody, place)
    decision = decide(place.layout, installed(place.layout, wanted))
    _tell(place.layout, decision, "svc.load", as_json=as_json)


def start_at_next_start(nobody: NoSupervisor, place: Place, service: str, *, as_json: bool) -> None:
    """Write the spec of a service to be started. Raises `nobody` where that is no use."""
    _check_down(nobody, place)
    decision = decide(place.layout, StartService(service))
    _tell(place.layout, decision, "svc.start", as_json=as_json)


def installed(layout: StateLayout, wanted: LoadService) -> LoadService:
    """Install the package archive a load names, if it does; the load by ident that is left."""
    if not wanted.install:
        return wanted
    from actors.adapters.depot_child import InstallOrder, install

    url = wanted.spec.bldr_url
    order = InstallOrder(str(layout.root), str(layout.keys), source=wanted.install, url=url)
    line = Line()
    try:
        package = install(order, line.show).ident
    finally:
        line.end()
    spec = msgspec.structs.replace(wanted.spec, ident=package)
    return msgspec.structs.replace(wanted, spec=spec, install="")


def decide(layout: StateLayout, command: LoadService | StartService) -> rules.Write | rules.Keep:
    """Follow a command on the spec files. Raises Failure for one that cannot be followed."""
    decision = rules.decide(read_specs(layout), command)
    match decision:
        case rules.Write(spec=spec):
            _commit(layout, spec)
            return decision
        case rules.Keep():
            return decision
        case rules.Deny(text=text, code=code):
            raise Failure(text, NEXT_BY_CODE.get(code, ""))
        case rules.Remove():  # neither loading nor starting removes
            raise AssertionError(decision)


def read_specs(layout: StateLayout) -> Mapping[str, ServiceSpec]:
    """Read the spec files there are, by service; one that cannot be used is said and left alone."""
    found: dict[str, ServiceSpec] = {}
    for path in sorted(layout.specs.glob(f"*{spec_file.SUFFIX}")):
        try:
            spec = spec_file.parse(path.name, path.read_bytes())
        except Refused as refused:
            say(f"{path} is not used: {refused}")
            continue
        found[spec.service] = spec
    return found


def stored_spec(layout: StateLayout, service: str) -> ServiceSpec | None:
    """Find the spec of a service by its ident, name or group; None unless exactly one matches."""
    found = rules.matching(read_specs(layout), service)
    return found[0] if len(found) == 1 else None


def _commit(layout: StateLayout, spec: ServiceSpec) -> None:
    from actors.adapters.commit import GroupCommit
    from actors.adapters.syscalls import Syscalls

    make_directory(layout)
    path = f"specs/{spec_file.file_name(spec)}"
    failed = GroupCommit(layout.supervisor, Syscalls()).commit({path: spec_file.write(spec)})[path]
    if failed:
        raise Failure(
            f"The spec {layout.supervisor / path} could not be written: {failed}",
            f"Is {layout.root} yours to write? HAB_ROOT chooses another root.",
        )


def _check_down(nobody: NoSupervisor, place: Place) -> None:
    """Go on only where the specs are those of this machine's supervisor, and it is down."""
    if not place.local or lock_holder(place.layout) is not None:
        raise nobody


def _tell(
    layout: StateLayout, decision: rules.Write | rules.Keep, verb: str, *, as_json: bool
) -> None:
    service = decision.spec.service if isinstance(decision, rules.Write) else decision.service
    unchanged = isinstance(decision, rules.Keep)
    path = layout.specs / f"{service}{spec_file.SUFFIX}"
    text = f"{service} is to run at the next start: wrote {path}"
    if unchanged:
        text = f"{service} is to run at the next start already (unchanged): {path}"
    reason = "no supervisor is up; it takes effect when one starts"
    if as_json:
        emit_json(
            f"{verb}/1",
            {
                "text": text,
                "unchanged": unchanged,
                "event_id": "",
                "service": service,
                "outcome": "waiting",
                "reason": reason,
                "outcome_event_id": "",
            },
        )
        return
    click.echo(text)
    say(f"Nothing runs yet: {reason} (`hab sup run`).")


def write_for_start(layout: StateLayout, wanted: LoadService | StartService) -> str:
    """Write the spec of the service a new supervisor is to start with; return the service's name.

    A load is one with force: what is loaded already is changed, and started if it was stopped.
    """
    if isinstance(wanted, LoadService):
        wanted = msgspec.structs.replace(installed(layout, wanted), force=True)
    decision = decide(layout, wanted)
    return decision.spec.service if isinstance(decision, rules.Write) else decision.service
