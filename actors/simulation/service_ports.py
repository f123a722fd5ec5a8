"""`port/files` and `port/packages` of a simulated machine: what specs, services and depot talk to.

Files are those of the machine's disk; packages are whatever the `Shelf` holds. As in the real
world, an answer takes time and a listing shows the directory as it is when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from actors.depot.ident import newest, parse_ident
from actors.depot.offer import wanted_release
from actors.errors import UsageError
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
from actors.messages.files import DirectoryListed, FileContent, FileWritten, WatchDirectory
from actors.messages.gateway import HookOutput, ReadHookOutput
from actors.messages.groups import OpenSealed, SealedOpened
from actors.messages.runtime import CallFailed
from actors.messages.update import FindRelease, ReleaseFound, WatchDepots
from actors.runtime.world import World
from actors.simulation.disk import Disk
from actors.simulation.packages_port import put_in_place
from actors.simulation.scheduler import Life, Scheduler

READ_S: Final = 0.001
PREPARE_S: Final = 0.003


class FilesPort:
    """Lists directories of a simulated disk; changes by hand are seen when `look` is called."""

    def __init__(self, scheduler: Scheduler, life: Life, world: World, disk: Disk) -> None:
        self._scheduler = scheduler
        self._life = life
        self._world = world
        self._disk = disk
        self._watched: dict[tuple[str, str], WatchDirectory] = {}
        world.register_port("port/files", self._handle)

    def look(self) -> None:
        """Tell every watcher what there is now."""
        for (sender, _), request in self._watched.items():
            self._list(sender, request)

    def _handle(self, envelope: Envelope) -> None:
        request = envelope.message
        if isinstance(request, FileWritten):
            key = (envelope.sender, request.path)
            if key in self._watched:
                self._watched[key] = msgspec.structs.replace(
                    self._watched[key], token=request.token
                )
            return
        assert isinstance(request, WatchDirectory), f"port/files does not understand {request!r}"
        if not request.once:
            self._watched[envelope.sender, request.path] = request
        sender = envelope.sender
        self._scheduler.after(READ_S, self._life, lambda: self._list(sender, request))

    def _list(self, sender: str, request: WatchDirectory) -> None:
        start = f"{request.path}/"
        files = tuple(
            FileContent(path.removeprefix(start), data)
            for path, data in sorted(self._disk.files.items())
            if path.startswith(start) and path.endswith(request.suffix)
        )
        listed = DirectoryListed(request.path, request.token, files)
        self._world.tell(sender, listed, sender="port/files")


@dataclass(slots=True)
class Shelf:
    """The packages of one machine by ident, and the PID files of its services."""

    packages: dict[str, PackageInfo] = field(default_factory=dict)
    pid_files: dict[str, int] = field(default_factory=dict)
    config: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by a package's path
    hooks: dict[str, dict[str, bytes]] = field(default_factory=dict)  # the same
    defaults: dict[str, bytes] = field(default_factory=dict)  # the same
    user: dict[str, bytes] = field(default_factory=dict)  # by service
    keys: set[str] = field(default_factory=set)  # names of those that open what is encrypted
    printed: dict[str, str] = field(default_factory=dict)  # by `<service>:<hook>`
    written: dict[str, dict[str, bytes]] = field(default_factory=dict)  # service → path → content
    # What a depot has: packages by ident, the newest of each channel, why it is not to be had.
    offered: dict[str, PackageInfo] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)  # channel → ident
    down: str = ""
    broken: dict[str, str] = field(default_factory=dict)  # ident → why it cannot be installed
    followed: tuple[str, ...] = ()  # URLs that are watched
    polls: int = 0

    def add(
        self,
        package: PackageInfo,
        config: dict[str, bytes] | None = None,
        hooks: dict[str, bytes] | None = None,
        defaults: bytes = b"",
    ) -> None:
        """Install a package, with its templates; a hook without one is an empty script."""
        self.packages[package.ident] = package
        self.config[package.path] = config or {}
        self.hooks[package.path] = {**dict.fromkeys(package.hooks, b"#!/bin/sh\n"), **(hooks or {})}
        self.defaults[package.path] = defaults

    def templates(self, service: str, source: str) -> TemplatesRead:
        """What the service's files are made of."""
        return TemplatesRead(
            service,
            self.config.get(source, {}),
            self.hooks.get(source, {}),
            self.defaults.get(source, b""),
            self.user.get(service),
        )

    def offer(self, package: PackageInfo, channel: str = "stable") -> None:
        """Put a package into the depot, as the newest of a channel."""
        self.offered[package.ident] = package
        self.heads[channel] = package.ident

    def release(self, question: FindRelease) -> Message:
        """Which release should run."""
        self.polls += 1
        if self.down:
            return CallFailed("Refused", self.down, "depot-unavailable")
        head = self.heads.get(question.channel)
        wanted = parse_ident(question.ident)
        best = wanted_release(
            question.condition,
            parse_ident(question.running) if question.running else None,
            parse_ident(head) if head and parse_ident(head).satisfies(wanted) else None,
            newest(wanted, (parse_ident(name) for name in sorted(self.packages))),
        )
        return ReleaseFound(str(best) if best else "", "file:///hab/depot")

    def opened(self, data: bytes) -> bytes | str:
        """What is encrypted, as `<key>:<content>`; opened where the key is there."""
        key, _, content = data.partition(b":")
        return content if key.decode() in self.keys else f"key {key.decode()} is not here"

    def prepare(self, order: PrepareService) -> ServicePrepared:
        """Write the service's files."""
        files, changed = put_in_place(self.written.get(order.service, {}), order)
        self.written[order.service] = files
        path, hooks = f"/hab/svc/{order.service}", tuple(sorted(order.hooks))
        return ServicePrepared(order.service, path, hooks, changed)


class PackagesPort:
    """Answers for a `Shelf`; every account exists."""

    def __init__(self, scheduler: Scheduler, life: Life, world: World, shelf: Shelf) -> None:
        self._scheduler = scheduler
        self._life = life
        self._world = world
        self._shelf = shelf
        world.register_port("port/packages", self._handle)

    def _handle(self, envelope: Envelope) -> None:
        took_s = PREPARE_S if isinstance(envelope.message, PrepareService) else READ_S
        self._scheduler.after(took_s, self._life, lambda: self._answer(envelope))

    def _answer(self, envelope: Envelope) -> None:
        answer = self._decide(envelope.message)
        if answer is not None and envelope.ticket is not None:
            self._world.answer(envelope, answer)

    def _decide(self, message: Message) -> Message | None:
        match message:
            case FindRelease():
                return self._shelf.release(message)
            case WatchDepots(urls):
                self._shelf.followed = urls
                return None
            case ResolvePackage(ident, install=True) if ident in self._shelf.offered:
                return self._install(ident)
            case ResolvePackage(ident):
                return self._resolve(ident)
            case InstallPackage(source):
                return CallFailed("Refused", f"{source} does not exist", "not-found")
            case ReadTemplates(service, source):
                return self._shelf.templates(service, source)
            case PrepareService():
                return self._shelf.prepare(message)
            case OpenSealed(_, sealed):
                return SealedOpened({data: self._shelf.opened(data) for data in sealed})
            case ReadHookOutput(service, hook):
                return HookOutput(self._shelf.printed.get(f"{service}:{hook}", ""))
            case WritePidFile(service, None):
                self._shelf.pid_files.pop(service, None)
                return None
            case WritePidFile(service, int() as pid):
                self._shelf.pid_files[service] = pid
                return None
            case _:
                raise AssertionError(f"port/packages does not understand {message!r}")

    def _install(self, ident: str) -> Message:
        shelf = self._shelf
        if ident in shelf.broken:
            return CallFailed("Refused", shelf.broken[ident], "bad-package")
        if ident not in shelf.packages:
            shelf.add(shelf.offered[ident])
        return self._resolve(ident)

    def _resolve(self, ident: str) -> Message:
        try:
            wanted = parse_ident(ident)
        except UsageError as error:
            return CallFailed("Refused", str(error), "invalid")
        found = newest(wanted, (parse_ident(name) for name in sorted(self._shelf.packages)))
        if found is None:
            return CallFailed("Refused", f"{ident} is not installed", "not-found")
        package = self._shelf.packages[str(found)]
        accounts = (package.svc_user,), (package.svc_group,)
        return PackageResolved(package, *accounts)
