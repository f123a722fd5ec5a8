"""What a listing of the spec directory says, compared with what was known; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actors.errors import Refused
from actors.messages.files import FileContent
from actors.messages.service import ServiceSpec
from actors.specs.spec_file import SUFFIX, parse


@dataclass(frozen=True, slots=True)
class Known:
    """What the files said: the usable specs, and by file the bytes used or refused."""

    specs: Mapping[str, ServiceSpec] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """The directory as it is now. `changed` and `gone` are services, `refused` file → reason.

    A file that was refused before with the same bytes is not in `refused` again.
    """

    known: Known
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def read(known: Known, files: Sequence[FileContent], org: str = "") -> Reading:
    """What the listing `files` makes of what was known."""
    specs: dict[str, ServiceSpec] = {}
    contents: dict[str, bytes] = {}
    bad: dict[str, bytes] = {}
    refused: list[tuple[str, str]] = []
    for file in files:
        service = file.name.removesuffix(SUFFIX)
        before = known.specs.get(service)
        if before is not None and not file.error and known.files.get(file.name) == file.data:
            specs[service], contents[file.name] = before, file.data
            continue
        spec, reason = _parsed(file, org)
        if spec is not None:
            specs[service], contents[file.name] = spec, file.data
            continue
        bad[file.name] = file.data
        if known.refused.get(file.name) != file.data:
            refused.append((file.name, reason))
        if before is not None:  # a slip of the editor does not stop the service
            specs[service], contents[file.name] = before, known.files.get(file.name, b"")
    return Reading(
        Known(specs, contents, bad),
        changed=tuple(s for s in sorted(specs) if known.specs.get(s) != specs[s]),
        gone=tuple(s for s in sorted(known.specs) if s not in specs),
        refused=tuple(refused),
    )


def _parsed(file: FileContent, org: str) -> tuple[ServiceSpec | None, str]:
    if file.error:
        return None, file.error
    try:
        return parse(file.name, file.data, org), ""
    except Refused as error:
        return None, str(error)


def written(known: Known, file: str, service: str, spec: ServiceSpec | None, data: bytes) -> Known:
    """What is known after our own write of `file` (None: its removal)."""
    specs, files, refused = dict(known.specs), dict(known.files), dict(known.refused)
    refused.pop(file, None)
    if spec is None:
        specs.pop(service, None)
        files.pop(file, None)
    else:
        specs[service] = spec
        files[file] = data
    return Known(specs, files, refused)
