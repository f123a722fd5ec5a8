"""What a configuration would change of a running service, before anybody applies it.

The files are made by the very function that makes them when it is applied, and compared with those
that were put in place last: nothing is written, nothing run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from actors.messages.gateway import PlannedFile, ServiceConfiguration, ServicePlan
from actors.messages.groups import GroupConfig
from actors.messages.runtime import CallFailed
from actors.service.life import RUNNING, Life, Moment, package_of, spec_of
from actors.service.reconfiguring import consequence
from actors.service.rendering import as_it_runs, make, view_of
from actors.service.toml_text import toml_document
from actors.service.view import Made

SHOWN_BYTES: Final = 512 * 1024  # of all contents together; an answer has at most 1 MiB


def plan(life: Life, config: bytes | None, at: Moment) -> ServicePlan | CallFailed:
    """What would follow if `config` were applied to the group (None: from what counts now)."""
    if life.phase not in RUNNING:
        return _refused(f"{life.name} does not run: all its files are made when it starts")
    package, seen = package_of(life), view_of(life)
    if life.made is None or package is None or seen is None:
        return CallFailed(
            "ActorUnavailableError",
            f"what {life.name} runs with is not known yet: its templates or the ring are being "
            "read, or what was applied is encrypted with a key that is not here",
            "not-settled",
        )
    if config is not None:
        version = seen.config.version + 1 if seen.config is not None else 1
        seen = replace(seen, config=GroupConfig(spec_of(life).service_group, version, config))
    made = make(as_it_runs(life), seen, package, at)
    if isinstance(made, str):
        return _refused(made)
    changed = changed_files(life.made, made)
    planned = _planned(changed, _files(life.made), _files(made))
    return ServicePlan(life.name, consequence(changed, made.hooks), planned, made.said)


def changed_files(before: Made, after: Made) -> list[str]:
    """The paths of files that are others, or only there in one of them."""
    was, now = _files(before), _files(after)
    return [path for path in sorted(was.keys() | now) if was.get(path) != now.get(path)]


def configuration(life: Life) -> ServiceConfiguration | CallFailed:
    """The configuration that the service's files were made with."""
    if life.made is None:
        return _refused(
            f"no configuration of {life.name} is in force: it does not run, or its files were made "
            "before this instance of its actor, which has no key for what was applied since"
        )
    text = toml_document(life.made.configuration)
    if len(text.encode()) > SHOWN_BYTES:
        return _refused(
            f"the configuration of {life.name} has more than {SHOWN_BYTES} bytes; `/services/"
            f"{life.name}/{spec_of(life).group}/config` of the HTTP gateway tells it"
        )
    return ServiceConfiguration(life.name, text)


def _files(made: Made) -> dict[str, bytes]:
    kinds = {"config": made.config, "hooks": made.hooks, "files": made.files}
    return {f"{kind}/{name}": data for kind, of in kinds.items() for name, data in of.items()}


def _planned(
    changed: list[str], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[PlannedFile, ...]:
    """The changes with their contents, as far as these fit into an answer."""
    left = SHOWN_BYTES
    planned = []
    for path in changed:
        old, new = before.get(path), after.get(path)
        size = len(old or b"") + len(new or b"")
        shown = size <= left
        left -= size if shown else 0
        planned.append(PlannedFile(path, old, new) if shown else PlannedFile(path, shown=False))
    return tuple(planned)


def _refused(text: str) -> CallFailed:
    return CallFailed("Refused", text, "no-plan")
