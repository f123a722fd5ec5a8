"""What the runtime tells the node about the tree; never leaves the process."""

from __future__ import annotations

from typing import Any

from actors.messages.base import Address, Message
from actors.messages.runtime import Death


class SpawnChild(Message, frozen=True):
    """Instance `instance` of `parent` performs `spawn` (an `effects.Spawn`)."""

    parent: str
    instance: int
    spawn: Any


class StopChild(Message, frozen=True):
    """Stop `name` and its children for good."""

    name: str


class WatchRequest(Message, frozen=True):
    """Instance `instance` of `watcher` watches `name`."""

    watcher: str
    instance: int
    name: Address


class InstanceDied(Message, frozen=True):
    """An instance has taken its last turn."""

    name: str
    instance: int
    why: Death
    reason: str = ""
    traceback: str = ""


class RestartChild(Message, frozen=True):
    """The backoff after the death of `instance` is over."""

    name: str
    instance: int


class Reannounce(Message, frozen=True):
    """Time to repeat the watches on other members' actors."""


class StopTracing(Message, frozen=True):
    """The time for which messages of `glob` were to be traced is over."""

    glob: str


class EscalateProcess(Message, frozen=True):
    """To `port/process`: end this supervisor process; the launcher starts the next."""

    reason: str
