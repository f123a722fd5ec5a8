"""habring's actors: a multi-service supervisor as conversations between actors.

Reading order: `messages` (the vocabulary), `effects` and `ports` (what an actor may ask of the
world), `runtime` (mailboxes, supervision), then one folder a feature, `node` (who starts whom),
`adapters` (the real world) and `simulation` (the other one).

The public, Ray-like primitives (`remote`, `get`, `wait`, `kill`, …) live in `actors.driver`;
this package loads them on first use, so that importing a message costs nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_PRIMITIVES = frozenset(
    {
        "ActorHandle",
        "ObjectRef",
        "get",
        "get_actor",
        "init",
        "kill",
        "list_actors",
        "remote",
        "shutdown",
        "wait",
    }
)


def __getattr__(name: str) -> Any:
    """Load a primitive from `actors.driver`, or an error class, on first use."""
    import importlib

    if name in _PRIMITIVES:
        return getattr(importlib.import_module("actors.driver"), name)
    if name.endswith("Error"):
        return getattr(importlib.import_module("actors.errors"), name)
    msg = f"module 'actors' has no attribute {name!r}"
    raise AttributeError(msg)
