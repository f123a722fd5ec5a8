"""What depots offer to services that run: questions of `update`, and folders that are looked at.

A question is one short GET, asked on a thread of its depot: a depot that is slow or gone keeps
nobody waiting but those who ask it. Downloads are not for this: they are installs (`installs`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

from actors.adapters.depot_client import Depot, DepotSettings, depot_settings, open_depot
from actors.adapters.package_store import PackageStore
from actors.depot.ident import parse_ident
from actors.depot.offer import wanted_release
from actors.depot.patience import Patience
from actors.errors import HabError
from actors.messages.envelope import Envelope
from actors.messages.update import FindRelease, ReleaseFound

LOOK_S: Final = 0.5  # two files are looked at: it costs nothing that could be measured
PATIENCE: Final = Patience(tries=1, look_ups=2, unit_s=1.0, connect_s=5.0, answer_s=20.0)

Answer: TypeAlias = Callable[[Envelope, Callable[[], ReleaseFound]], None]
Signature: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class Offers:
    """Answers `FindRelease`; `answer` is called on the thread of the depot that was asked."""

    def __init__(
        self, store: PackageStore, answer: Answer, environ: Mapping[str, str] | None = None
    ) -> None:
        self._store = store
        self._answer = answer
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()
        self._queues: dict[str, SimpleQueue[Envelope | None]] = {}
        self._closed = False

    def find(self, envelope: Envelope, question: FindRelease) -> None:
        """Have it answered on the thread of its depot."""
        with self._lock:
            if self._closed:
                return
            queue = self._queues.get(question.url)
            if queue is None:
                queue = self._queues[question.url] = SimpleQueue()
                name = f"offers {question.url or 'of this machine'}"
                serve = _Serving(self._store, self._environ, question.url)
                args = (queue, serve)
                threading.Thread(target=self._run, args=args, name=name, daemon=True).start()
            queue.put(envelope)

    def close(self) -> None:
        """Answer nothing any more; who waits for a depot is not waited for."""
        with self._lock:
            self._closed = True
            for queue in self._queues.values():
                queue.put(None)

    def forget(self, urls: tuple[str, ...]) -> None:
        """Let go of depots that are not among `urls`: nobody follows them any more."""
        with self._lock:
            for url in set(self._queues) - set(urls):
                self._queues.pop(url).put(None)

    def _run(self, queue: SimpleQueue[Envelope | None], serving: _Serving) -> None:
        while (envelope := queue.get()) is not None and not self._closed:
            question = envelope.message
            assert isinstance(question, FindRelease), "only questions are queued"
            self._answer(envelope, partial(serving.find, question))


class _Serving:
    """One depot, kept open as long as the settings that name it stay the same."""

    def __init__(self, store: PackageStore, environ: Mapping[str, str], url: str) -> None:
        self._store = store
        self._environ = environ
        self._url = url
        self._open: tuple[DepotSettings, Depot] | None = None

    def find(self, question: FindRelease) -> ReleaseFound:
        """Which release should run. Raises HabError, OSError."""
        depot, wanted = self._depot(), parse_ident(question.ident)
        head = depot.latest(wanted, self._store.target, question.channel)
        running = parse_ident(question.running) if question.running else None
        best = wanted_release(
            question.condition,
            running,
            head.artifact.ident if head else None,
            self._store.find(question.ident),
        )
        return ReleaseFound(str(best) if best else "", depot.url)

    def _depot(self) -> Depot:
        settings = depot_settings(self._store.root, self._environ, self._url)
        if self._open is None or self._open[0] != settings:
            depot = open_depot(settings, self._store.target, lambda _: None, PATIENCE)
            self._open = (settings, depot)
        return self._open[1]


class DepotWatch:
    """Looks at the folders of depots; `changed` is called, on its thread, with the URL."""

    def __init__(
        self,
        root: Path,
        changed: Callable[[str], None],
        environ: Mapping[str, str] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._root = root
        self._changed = changed
        self._environ = os.environ if environ is None else environ
        self._look_s = look_s
        self._wake = threading.Event()
        self._urls: tuple[str, ...] = ()
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, urls: tuple[str, ...]) -> None:
        """Look at the folders among these depots, in place of the earlier ones."""
        self._urls = urls
        if urls and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="depots", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        seen: dict[str, Signature] = {}
        while not self._closed:
            folders = self._folders()
            found = {url: _signature(folder) for url, folder in folders.items()}
            for url, signature in found.items():
                if url in seen and seen[url] != signature:
                    self._changed(url)
            seen = found
            self._wake.wait(self._look_s if folders else None)
            self._wake.clear()

    def _folders(self) -> dict[str, Path]:
        """The depots that are folders here, as specs name them."""
        found = {}
        for url in self._urls:
            try:
                parts = urlsplit(depot_settings(self._root, self._environ, url).url)
            except HabError:
                continue  # who asks that depot hears what is wrong
            if parts.scheme == "file":
                found[url] = Path(unquote(parts.path))
        return found


def _signature(folder: Path) -> Signature:
    """What differs after each upload, promotion and demotion."""
    return tuple(_stamp(folder / name) for name in ("channels", "harts"))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
