"""`port/packages` of a simulated supervisor: every package is installed, except of one origin."""

from __future__ import annotations

import random
from typing import Final

from actors.messages.base import Message
from actors.messages.depot import (
    InstallPackage,
    PackageInfo,
    PackageResolved,
    PrepareService,
    ReadTemplates,
    ResolvePackage,
    ServicePrepared,
    TemplatesRead,
    WritePidFile,
)
from actors.messages.envelope import Envelope
from actors.messages.runtime import CallFailed
from actors.runtime.world import World
from actors.simulation.scheduler import Life, Scheduler

PORT: Final = "port/packages"
MISSING: Final = "missing"  # the origin of packages that are not there
ANSWER_S: Final = 0.005
RELEASE: Final = "1.0.0/20260101000000"
HOOKS: Final = ("health-check", "init", "post-run", "post-stop", "run")


class PackagesPort:
    """Answers for one process life, each answer a little later."""

    def __init__(self, scheduler: Scheduler, life: Life, world: World, draw: random.Random) -> None:
        self._scheduler = scheduler
        self._life = life
        self._world = world
        self._draw = draw
        world.register_port(PORT, self._handle)

    def _handle(self, envelope: Envelope) -> None:
        answer = self._answer(envelope.message)
        if answer is not None:
            late_s = ANSWER_S * (1 + 3 * self._draw.random())
            self._scheduler.after(late_s, self._life, lambda: self._world.answer(envelope, answer))

    def _answer(self, message: Message) -> Message | None:
        match message:
            case ResolvePackage(ident) if ident.startswith(f"{MISSING}/"):
                return CallFailed("Refused", f"{ident} is not installed", "not-found")
            case ResolvePackage(ident):
                return PackageResolved(package(ident), users=("hab",), groups=("hab",))
            case InstallPackage(source):
                return PackageResolved(package(f"core/{source}"), installed=True)
            case ReadTemplates(service):
                return TemplatesRead(service, hooks=dict.fromkeys(HOOKS, b"#!/bin/sh\n"))
            case PrepareService(service, hooks=hooks):
                return ServicePrepared(service, f"/hab/svc/{service}", tuple(sorted(hooks)))
            case WritePidFile():
                return None
            case _:
                return CallFailed("Refused", f"{PORT} does not understand {message!r}")


def package(ident: str) -> PackageInfo:
    """A package that has every hook."""
    full = ident if ident.count("/") == 3 else f"{ident}/{RELEASE}"
    return PackageInfo(
        ident=full,
        path=f"/hab/pkgs/{full}",
        target="x86_64-linux",
        svc_user="hab",
        svc_group="hab",
        hooks=HOOKS,
    )
