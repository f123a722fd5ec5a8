"""The file of the user actors on record: what must be started again after a restart."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.messages.primitives import CreateActor

FILE = "ACTORS"


def encode(specs: Iterable[CreateActor]) -> bytes:
    """The file's content, by name."""
    return msgspec.json.encode(sorted(specs, key=lambda spec: spec.name))


def decode(data: bytes) -> tuple[CreateActor, ...] | None:
    """What the file says; None if it is of another release and cannot be read."""
    try:
        return tuple(msgspec.json.decode(data, type=list[CreateActor]))
    except msgspec.MsgspecError:
        return None
