"""`hab svc`, also `hab service`: which verbs there are."""

from __future__ import annotations

import click

from cli.lazy import LazyGroup

VERBS = {
    "load": ("cli.svcverbs:load", "Load a service; it runs now and after every start."),
    "unload": ("cli.svcverbs:unload", "Stop a service and forget it."),
    "start": ("cli.svcverbs:start", "Start a stopped service with the options it was loaded with."),
    "stop": ("cli.svcverbs:stop", "Stop a service and keep its options."),
    "restart": ("cli.svcverbs:restart", "Stop a service and start it once more."),
    "update": ("cli.svcverbs:update", "Change options of a loaded service."),
    "step-down": ("cli.stepdown:step_down", "Let another member lead a service group."),
    "rollout": ("cli.rollout:rollout", "Watch and steer rolling updates."),
    "status": ("cli.svcstatus:status", "Show desired and actual state."),
    "logs": ("cli.svclogs:logs", "Show what a service wrote."),
    "plan": ("cli.svcplan:plan", "Show what a configuration would change, and restart."),
    "render": ("cli.svcrender:render", "Show the files that templates would make."),
    "key": ("cli.keys:service_key", "Generate, import and export service groups' keys."),
}


@click.group(cls=LazyGroup, lazy=VERBS)
def svc() -> None:
    """Load, start, stop, update and watch services.

    SERVICE is a package ident (core/redis), a service's name (redis) or its group (redis.default).
    """
