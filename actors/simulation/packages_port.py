"""`port/packages` of a simulated supervisor: every package is installed, except of one origin.

The words of a package's origin say which hooks it has beside those of all: `soft` one for new
configuration, `led` one for its roles, `fit` that and its suitability ("soft-fit" all). The file
`app.conf` says the version of the configuration it was made from.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from actors.depot.ident import parse_ident
from actors.depot.offer import wanted_release
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
from actors.messages.gateway import HookOutput, ReadHookOutput
from actors.messages.runtime import CallFailed
from actors.messages.update import FindRelease, ReleaseFound, WatchDepots
from actors.runtime.world import World
from actors.simulation.disk import Disk
from actors.simulation.scheduler import Life, Scheduler

PORT: Final = "port/packages"
MISSING: Final = "missing"  # the origin of packages that are not there
SOFT: Final = "soft"
MORE_HOOKS: Final = {
    SOFT: ("reconfigure",),
    "led": ("role-changed",),
    "fit": ("role-changed", "suitability"),
}
CONFIG: Final = {"app.conf": b"{{cfg.version}}"}
DEFAULTS: Final = b"version = 0\n"
ANSWER_S: Final = 0.005
AWAY: Final = "the depot cannot be reached"
RELEASE: Final = "1.0.0/20260101000000"
HOOKS: Final = ("health-check", "init", "post-run", "post-stop", "run")


Files: TypeAlias = dict[str, bytes]  # of one service, by path below its directory


class Directories:
    """Service directories of a machine, which outlive its supervisors.

    `note` hears of each order to put files in place: the service, its files, and what changed.
    """

    def __init__(self, disk: Disk, note: Callable[[str, Files, tuple[str, ...]], None]) -> None:
        self._disk = disk
        self._note = note
        self._files: dict[str, Files] = {}
        self.installed: set[str] = set()  # beside the first release, which everybody has

    def has(self, ident: str) -> bool:
        """Whether a release is installed."""
        return ident in self.installed or ident.endswith(f"/{RELEASE}")

    def newest(self, ident: str) -> str:
        """The newest installed package of an ident."""
        return max((one for one in self.installed if one.startswith(f"{ident}/")), default=ident)

    def prepare(self, order: PrepareService) -> Message:
        """Put the files in place, if the disk can be written."""
        if self._disk.faults.failing:
            return CallFailed("Refused", self._disk.faults.failing, "host")
        files, changed = put_in_place(self._files.get(order.service, {}), order)
        self._files[order.service] = files
        self._note(order.service, files, changed)
        path, hooks = f"/hab/svc/{order.service}", tuple(sorted(order.hooks))
        return ServicePrepared(order.service, path, hooks, changed)


def put_in_place(
    before: Mapping[str, bytes], order: PrepareService
) -> tuple[Files, tuple[str, ...]]:
    """The files of a service after an order, and which of them are others now; hooks may go."""
    kinds = {"config": order.config, "files": order.files, "hooks": order.hooks}
    wanted = {f"{kind}/{n}": data for kind, of in kinds.items() for n, data in of.items()}
    gone = {path for path in before if path.startswith("hooks/") and path not in wanted}
    changed = gone | {path for path, data in wanted.items() if before.get(path) != data}
    kept = {path: data for path, data in before.items() if path not in gone}
    return {**kept, **wanted}, tuple(sorted(changed))


class PackagesPort:
    """Answers for one process life, each answer a little later.

    `offers`: what the depot's channel has, ident → full ident; nothing else, where that is empty.
    It keeps all releases it ever offered.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        life: Life,
        world: World,
        draw: random.Random,
        directories: Directories,
        *,
        offers: Mapping[str, str],
        unsound: Collection[str],
        is_cut_off: Callable[[], bool],
        suitability: Mapping[str, int],
    ) -> None:
        self._directories = directories
        self._offers = offers
        self._unsound = unsound
        self._is_cut_off = is_cut_off  # from the depot; what is installed can still be run
        self._suitability = suitability  # what that hook says, by service
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
            case ResolvePackage(ident) if ident in self._unsound:
                return CallFailed("Refused", f"{ident} needs what is nowhere", "bad-package")
            case ResolvePackage(ident, install):
                found = self._directories.newest(ident)
                if install and ident.count("/") == 3 and not self._directories.has(ident):
                    if self._is_cut_off():
                        return CallFailed("Refused", AWAY, "depot-unavailable")
                    self._directories.installed.add(ident)
                return PackageResolved(package(found), users=("hab",), groups=("hab",))
            case InstallPackage(source):
                return PackageResolved(package(f"core/{source}"), installed=True)
            case ReadTemplates(service, source):
                hooks = dict.fromkeys(hooks_of(source), b"#!/bin/sh\n")
                return TemplatesRead(service, CONFIG, hooks, DEFAULTS)
            case PrepareService():
                return self._directories.prepare(message)
            case FindRelease():
                return self._find(message)
            case WritePidFile() | WatchDepots():
                return None
            case ReadHookOutput(service, "suitability"):
                return HookOutput(f"{self._suitability.get(service, 0)}\n")
            case _:
                return CallFailed("Refused", f"{PORT} does not understand {message!r}")

    def _find(self, question: FindRelease) -> Message:
        """Which release should run, as the real port has it."""
        if self._is_cut_off():
            return CallFailed("Refused", AWAY, "depot-unavailable")
        head = self._offers.get(question.ident)
        best = wanted_release(
            question.condition,
            parse_ident(question.running) if question.running else None,
            parse_ident(head) if head else None,
            parse_ident(package(self._directories.newest(question.ident)).ident),
        )
        return ReleaseFound(str(best) if best else "", "file:///hab/depot")


def package(ident: str) -> PackageInfo:
    """A package with its hooks."""
    full = ident if ident.count("/") == 3 else f"{ident}/{RELEASE}"
    return PackageInfo(
        ident=full,
        path=f"/hab/pkgs/{full}",
        target="x86_64-linux",
        svc_user="hab",
        svc_group="hab",
        hooks=hooks_of(full),
    )


def hooks_of(path: str) -> tuple[str, ...]:
    """The hooks of a package, by its ident or path."""
    words = path.replace("/", "-").split("-")
    return (
        *HOOKS,
        *(hook for word, hooks in MORE_HOOKS.items() if word in words for hook in hooks),
    )
