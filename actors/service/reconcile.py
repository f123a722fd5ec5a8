"""What a change of its spec does to a service: Habitat's table, and our own fields."""

from __future__ import annotations

from typing import Literal, TypeAlias

from actors.messages.service import ServiceSpec

Change: TypeAlias = Literal["nothing", "in place", "restart"]

# What the process was started with, or how it was gated: it must be started anew.
RESTARTING = frozenset(
    (
        *("ident", "name", "group", "org", "topology", "binds", "binding_mode", "config_from"),
        *("shutdown_timeout", "health_check_interval", "cmd", "cwd", "restarts"),
    )
)
# What only the actors around the process look at.
IN_PLACE = frozenset(
    (
        *("bldr_url", "channel", "update_strategy", "update_condition", "bootstrap_expect"),
        *("drain", "health_grace", "on_failure"),
    )
)
# Not a property of a running service: whether it runs is decided before this table is asked.
DESIRED = frozenset(("desired_state",))


def reconcile(running: ServiceSpec, wanted: ServiceSpec) -> Change:
    """What it takes to turn a service that runs as `running` into one that runs as `wanted`."""
    changed = {f for f in running.__struct_fields__ if getattr(running, f) != getattr(wanted, f)}
    if changed & RESTARTING:
        return "restart"
    return "in place" if changed & IN_PLACE else "nothing"


def holds(target: str, spec: ServiceSpec) -> bool:
    """Whether a start that may choose takes the release `target`, which an update chose before.

    A strategy that follows the channel, or the group, holds on to it, as long as it is one that the
    spec names.
    """
    follows = spec.update_strategy == "at-once" and spec.update_condition == "track-channel"
    if not follows and spec.update_strategy != "rolling":
        return False
    named = spec.ident.split("/")
    return target.split("/")[: len(named)] == named
