"""`port/packages`: the disk behind `depot`, and service directories, on a thread of its own.

One thread for questions and directories, which take milliseconds; installing, which may take
minutes and must not keep a service from starting, is for child processes (`installs`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from actors.adapters.accounts import accounts
from actors.adapters.boxes import open_sealed
from actors.adapters.depot_child import Done, InstallOrder, Line, NotDone, Told
from actors.adapters.files import read
from actors.adapters.install_hooks import hooks_due
from actors.adapters.installs import Installs
from actors.adapters.key_ring import KeyRing
from actors.adapters.offers import DepotWatch, Offers
from actors.adapters.package_store import Installed, PackageStore
from actors.adapters.service_directories import (
    ServiceDirectories,
    ServiceFiles,
    check_name,
    owner_of,
    read_templates,
    tail,
)
from actors.depot.ident import PackageIdent, parse_ident
from actors.errors import CryptoError, HabError, Refused
from actors.messages.depot import (
    InstallPackage,
    PackageResolved,
    PrepareService,
    ReadTemplates,
    ResolvePackage,
    ServicePrepared,
    TemplatesRead,
    WritePidFile,
)
from actors.messages.gateway import HookOutput, ReadHookOutput
from actors.messages.groups import OpenSealed, SealedOpened
from actors.messages.runtime import CallFailed
from actors.messages.service import Progress
from actors.messages.update import DepotChanged, FindRelease, WatchDepots
from actors.node.options import StateLayout

if TYPE_CHECKING:
    from actors.messages.base import Message
    from actors.messages.envelope import Envelope
    from actors.runtime.world import World

__all__ = ["Installed", "PackageStore", "PackagesPort"]

PORT: Final = "port/packages"
_log = logging.getLogger(__name__)


class PackagesPort:
    """Serves the questions and orders of `messages.depot` that concern this machine's disk."""

    def __init__(self, world: World, layout: StateLayout, key_cache: Path | None = None) -> None:
        self._world = world
        self._layout = layout
        self._store = PackageStore(layout.root, key_cache=key_cache or layout.keys)
        self._keys = KeyRing(self._store.key_cache)
        self._directories = ServiceDirectories(layout.root, layout.services)
        self._installs = Installs(self._heard)
        self._offers = Offers(self._store, self._answer)
        self._depots = DepotWatch(layout.root, self._depot_changed)
        self._questions: SimpleQueue[Envelope | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="packages", daemon=True)
        world.register_port(PORT, self._questions.put)
        self._thread.start()

    def close(self) -> None:
        """Answer what was asked, then end. Installs that are under way are ended too."""
        self._depots.close()
        self._offers.close()
        self._installs.close()
        self._questions.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (envelope := self._questions.get()) is not None:
            self._answer(envelope, lambda: self._question(envelope))

    def _answer(self, envelope: Envelope, handle: Callable[[], Message | None]) -> None:
        try:
            answer = handle()
        except Refused as error:
            answer = CallFailed("Refused", str(error), error.code)
        except HabError as error:
            answer = CallFailed("Refused", str(error), "bad-package")
        except OSError as error:
            answer = CallFailed("Refused", _host(error), "host")
        except Exception as error:  # noqa: BLE001 - no content of a package ends the thread
            _log.exception("cannot handle %r", envelope.message)
            answer = CallFailed("Refused", f"{type(error).__name__}: {error}", "internal")
        if answer is not None and envelope.ticket is not None:
            self._world.answer(envelope, answer)

    def _question(self, envelope: Envelope) -> Message | None:
        match envelope.message:
            case InstallPackage(source, url):
                self._installs.order(self._order(source=source, url=url), envelope)
                return None
            case ResolvePackage(ident, install, config_from, channel, url):
                found = self._store.find(ident)
                if install and (found is None or hooks_due(self._store, found)):
                    named = ident if found is None else str(found)
                    order = self._order(ident=named, channel=channel, url=url)
                    self._installs.order(order, envelope)
                    return None
                if found is None:
                    raise self._not_found(ident)
                return self._resolved(found, config_from)
            case FindRelease():
                self._offers.find(envelope, envelope.message)
                return None
            case WatchDepots(urls):
                self._offers.forget(urls)
                self._depots.watch(urls)
                return None
            case ReadTemplates(service, source):
                check_name(service)
                config, hooks, defaults = read_templates(Path(source))
                user_toml = read(self._layout.user_config(service), "user.toml")
                if user_toml is not None and user_toml.error:
                    raise Refused(f"user.toml of {service}: {user_toml.error}", "host")
                user = user_toml.data if user_toml is not None else None
                return TemplatesRead(service, config, hooks, defaults, user)
            case PrepareService(service, user_name, group, config, hooks, files):
                owner = owner_of(user_name, group)
                wanted = ServiceFiles(config, hooks, files)
                done = self._directories.prepare(service, wanted, owner)
                return ServicePrepared(service, done.path, done.hooks, done.changed)
            case ReadHookOutput(service, hook):
                check_name(service)
                check_name(hook)
                logs = self._layout.services / service / "logs"
                return HookOutput(
                    tail(logs / f"{hook}.stdout.log"), tail(logs / f"{hook}.stderr.log")
                )
            case OpenSealed(group, sealed):
                return SealedOpened({data: self._opened(data, group) for data in sealed})
            case WritePidFile(service, pid):
                self._directories.write_pid(service, pid)
                return None
            case other:
                raise Refused(f"{PORT} does not understand {type(other).__name__}")

    def _opened(self, data: bytes, group: str) -> bytes | str:
        try:
            return open_sealed(data, group, self._keys)
        except CryptoError as error:
            return str(error)

    def _order(
        self, *, ident: str = "", source: str = "", channel: str = "stable", url: str = ""
    ) -> InstallOrder:
        store = self._store
        places = str(store.root), str(store.key_cache)
        return InstallOrder(*places, ident, source, channel, url, str(self._layout.services))

    def _heard(self, envelope: Envelope, line: Line) -> None:
        """Pass on what an install says; on one of its threads."""
        match line:
            case Told(text, done, total):
                self._world.answer(envelope, Progress(text, done, total), more=True)
            case NotDone(text, code):
                self._answer(envelope, lambda: CallFailed("Refused", text, code))
            case Done(ident, new):
                message = envelope.message
                asked = message.config_from if isinstance(message, ResolvePackage) else ""
                self._answer(envelope, lambda: self._resolved(parse_ident(ident), asked, new=new))

    def _depot_changed(self, url: str) -> None:
        self._world.tell("update", DepotChanged(url), sender=PORT)

    def _resolved(
        self, ident: PackageIdent, config_from: str, *, new: bool = False
    ) -> PackageResolved:
        info = self._store.describe(ident, config_from)
        users, groups = accounts(info)
        return PackageResolved(info, users, groups, installed=new)

    def _not_found(self, ident: str) -> Refused:
        store = self._store
        return Refused(
            f"{ident} is not installed (looked for {store.target} in {store.packages} and "
            f"{store.artifacts}). Install it first: hab pkg install DIRECTORY|FILE.hart",
            "not-found",
        )


def _host(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}"
