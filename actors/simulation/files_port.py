"""`port/files` of a simulated supervisor: watched directories on the simulated disk.

The real port looks once a second and tells what has been the same twice. Here a look is scheduled
by the write that would be found, so that an idle directory costs nothing.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Final

import msgspec

from actors.messages.envelope import Envelope
from actors.messages.files import DirectoryListed, FileContent, FileWritten, WatchDirectory
from actors.runtime.world import World
from actors.simulation.disk import DIGEST_BYTES, Disk, unseal
from actors.simulation.scheduler import Life, Scheduler

PORT: Final = "port/files"
ANSWER_S: Final = 0.002
LOOK_S: Final = 1.0
SIZE_LIMIT: Final = 1024 * 1024


@dataclass(slots=True)
class _Watch:
    sender: str
    request: WatchDirectory
    told: tuple[FileContent, ...] = ()
    due: bool = False  # a look is scheduled


class FilesPort:
    """Serves `WatchDirectory` for one process life."""

    def __init__(self, scheduler: Scheduler, life: Life, disk: Disk, world: World) -> None:
        self._scheduler = scheduler
        self._life = life
        self._disk = disk
        self._world = world
        self._watches: dict[tuple[str, str, str], _Watch] = {}
        world.register_port(PORT, self._handle)

    def changed(self, path: str) -> None:
        """A file was written or removed: watches on its directory will find it."""
        for watch in self._watches.values():
            request = watch.request
            if posixpath.dirname(path) == request.path and path.endswith(request.suffix):
                self._look_later(watch)

    def _handle(self, envelope: Envelope) -> None:
        request = envelope.message
        if isinstance(request, FileWritten):
            self._written(envelope.sender, request)
            return
        assert isinstance(request, WatchDirectory), f"{PORT} does not understand {request!r}"
        watch = _Watch(envelope.sender, request)
        if not request.once:
            self._watches[envelope.sender, request.path, request.suffix] = watch
        self._scheduler.after(ANSWER_S, self._life, lambda: self._tell(watch))

    def _written(self, sender: str, file: FileWritten) -> None:
        """A file that its watcher wrote is no news while it is as written."""
        watch = self._watches.get((sender, file.path, file.suffix))
        if watch is None:
            return
        watch.request = msgspec.structs.replace(watch.request, token=file.token)
        now = {content.name: content for content in self._files(watch.request)}
        found = now.get(file.name)
        if (found.data if found is not None else None) == file.data:
            told = {content.name: content for content in watch.told}
            told.pop(file.name, None)
            if found is not None:
                told[file.name] = found
            watch.told = tuple(told[name] for name in sorted(told))

    def _look_later(self, watch: _Watch) -> None:
        if not watch.due:
            watch.due = True
            self._scheduler.after(1.5 * LOOK_S, self._life, lambda: self._look(watch))

    def _look(self, watch: _Watch) -> None:
        watch.due = False
        if self._files(watch.request) != watch.told:
            self._tell(watch)

    def _tell(self, watch: _Watch) -> None:
        request = watch.request
        watch.told = self._files(request)
        listed = DirectoryListed(request.path, request.token, watch.told)
        self._world.tell(watch.sender, listed, sender=PORT)

    def _files(self, request: WatchDirectory) -> tuple[FileContent, ...]:
        found = []
        for path, content in sorted(self._disk.files.items()):
            directory, name = posixpath.split(path)
            if directory == request.path and name.endswith(request.suffix):
                found.append(FileContent(name, _without_seal(content)[:SIZE_LIMIT]))
        return tuple(found)


def _without_seal(content: bytes) -> bytes:
    data = unseal(content) if len(content) >= DIGEST_BYTES else None
    return content if data is None else data
