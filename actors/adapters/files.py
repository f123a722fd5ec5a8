"""`port/files`: watches directories of small files by looking at them.

Looking costs a `scandir` and a `stat` a file and second, the same on every file system; what is
read is kept as long as size, times and inode stay. A change seen by looking is reported once it has
been the same twice, so that a file half written by an editor is not taken for whole.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeAlias

import msgspec

from actors.messages.envelope import Envelope
from actors.messages.files import DirectoryListed, FileContent, FileWritten, WatchDirectory

PORT: Final = "port/files"
LOOK_S: Final = 1.0
SIZE_LIMIT: Final = 1024 * 1024
FILES_LIMIT: Final = 20_000

Signature: TypeAlias = tuple[int, int, int, int]  # inode, size, modified, changed (ns)
Signatures: TypeAlias = dict[str, Signature]


class Ports(Protocol):
    """What the adapter needs of the runtime's world."""

    def register_port(self, path: str, handler: Callable[[Envelope], None]) -> None:
        """Give mail for `path` to `handler`."""
        ...

    def tell(self, to: str, message: DirectoryListed, *, sender: str) -> None:
        """Send a message."""
        ...


@dataclass(slots=True)
class Watched:
    """One sender's watch on one directory."""

    sender: str
    request: WatchDirectory
    told: Signatures | None = None
    seen: Signatures | None = None
    contents: dict[str, tuple[Signature, FileContent]] = field(default_factory=dict)


class FilesPort:
    """Serves `WatchDirectory` and `FileWritten` on a thread of its own.

    Paths are below `root`, or absolute.
    """

    def __init__(self, world: Ports, root: Path, look_s: float = LOOK_S) -> None:
        self._world = world
        self._root = root
        self._look_s = look_s
        self._queue: SimpleQueue[Envelope | None] = SimpleQueue()
        self._watched: dict[tuple[str, str, str], Watched] = {}
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)
        world.register_port(PORT, self._queue.put)
        self._thread.start()

    def close(self) -> None:
        """Watch nothing any more."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                envelope = self._queue.get(timeout=self._look_s if self._watched else None)
            except Empty:
                for watched in self._watched.values():
                    self._look(watched)
                continue
            if envelope is None:
                return
            if isinstance(envelope.message, WatchDirectory):
                self._asked(envelope.sender, envelope.message)
            elif isinstance(envelope.message, FileWritten):
                self._written(envelope.sender, envelope.message)

    def _asked(self, sender: str, request: WatchDirectory) -> None:
        key = (sender, request.path, request.suffix)
        watched = self._watched.get(key) or Watched(sender, request)
        watched.request = request
        if not request.once:
            self._watched[key] = watched
        try:
            watched.told = watched.seen = scan(self._root / request.path, request.suffix)
        except OSError as error:
            watched.told = watched.seen = None
            self._tell(watched, DirectoryListed(request.path, request.token, error=str(error)))
            return
        self._tell(watched, self._listing(watched, watched.told))

    def _written(self, sender: str, file: FileWritten) -> None:
        """Know a file that its watcher wrote, without reading the directory again.

        Where it is not (or no longer) as written, what is known stays as it was, and the next look
        finds the difference.
        """
        watched = self._watched.get((sender, file.path, file.suffix))
        if watched is None:
            return
        watched.request = msgspec.structs.replace(watched.request, token=file.token)
        path = self._root / file.path / file.name
        before = signature(path)
        content = read(path, file.name)
        found = None if content is None else content.data
        if found != file.data or (content and content.error) or signature(path) != before:
            return
        if content is not None and before is not None:
            watched.contents[file.name] = (before, content)
        else:
            watched.contents.pop(file.name, None)
        for known in (watched.told, watched.seen):
            if known is not None and before is not None:
                known[file.name] = before
            elif known is not None:
                known.pop(file.name, None)

    def _look(self, watched: Watched) -> None:
        try:
            now = scan(self._root / watched.request.path, watched.request.suffix)
        except OSError:
            return  # nothing is known of its files, so nothing has changed
        if now == watched.told:
            watched.seen = now
        elif now == watched.seen:
            watched.told = now
            self._tell(watched, self._listing(watched, now))
        else:
            watched.seen = now

    def _listing(self, watched: Watched, signatures: Signatures) -> DirectoryListed:
        path = self._root / watched.request.path
        contents: dict[str, tuple[Signature, FileContent]] = {}
        for name, signature in sorted(signatures.items()):
            kept = watched.contents.get(name)
            if kept is not None and kept[0] == signature:
                contents[name] = kept
            elif (content := read(path / name, name)) is not None:
                contents[name] = (signature, content)
        watched.contents = contents
        request = watched.request
        files = tuple(content for _, content in contents.values())
        return DirectoryListed(request.path, request.token, files)

    def _tell(self, watched: Watched, listed: DirectoryListed) -> None:
        self._world.tell(watched.sender, listed, sender=PORT)


def scan(path: Path, suffix: str) -> Signatures:
    """The regular files of a directory; empty if there is none. Raises OSError if unreadable."""
    found: Signatures = {}
    try:
        entries = os.scandir(path)
    except FileNotFoundError:
        return found
    with entries:
        for entry in entries:
            if entry.name.endswith(suffix) and not entry.name.startswith("."):
                try:
                    what = entry.stat()
                except OSError:
                    continue  # gone between two calls, or a link to nothing
                if stat.S_ISREG(what.st_mode) and len(found) < FILES_LIMIT:
                    found[entry.name] = _signature(what)
    return found


def signature(path: Path) -> Signature | None:
    """What tells one content of a file from another; None if there is no such regular file."""
    try:
        what = path.stat()
    except OSError:
        return None
    return _signature(what) if stat.S_ISREG(what.st_mode) else None


def _signature(what: os.stat_result) -> Signature:
    return (what.st_ino, what.st_size, what.st_mtime_ns, what.st_ctime_ns)


def read(path: Path, name: str) -> FileContent | None:
    """A file's content, or why it could not be read; None if it is gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not block us
    except FileNotFoundError:
        return None
    except OSError as error:
        return FileContent(name, error=error.strerror or str(error))
    try:
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            data = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        return FileContent(name, error=error.strerror or str(error))
    if len(data) > SIZE_LIMIT:
        return FileContent(name, error=f"it has more than {SIZE_LIMIT} bytes")
    return FileContent(name, data)
