"""A depot as its clients see it: one port, a folder or an HTTP server behind it.

`open_depot` chooses by the URL: `file:///…` is a folder used in place, `http(s)://…` a server of
ours or Builder.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from actors.adapters.depot_folder import FolderDepot
from actors.depot.artifact import search
from actors.depot.channels import Artifact
from actors.depot.ident import PackageIdent
from actors.depot.patience import Patience
from actors.errors import Refused, UsageError
from actors.messages.service import Progress

UNAVAILABLE: Final = "depot-unavailable"  # the code of what may be otherwise in a while

Tell: TypeAlias = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A package a depot has; `checksum` is the BLAKE2b-256 of its file, empty if not told."""

    artifact: Artifact
    checksum: str = ""


class Depot(Protocol):
    """What can be asked of a depot.

    Everything raises Refused: with the code `depot-unavailable` where another time may be better,
    with another one where the answer is no.
    """

    @property
    def url(self) -> str:
        """Where it is."""

    def latest(self, wanted: PackageIdent, target: str, channel: str) -> Found | None:
        """The newest package of a channel, in Builder's order."""

    def origin_channels(self, origin: str) -> list[str]:
        """The channels of an origin."""

    def channels(self, artifact: Artifact) -> list[str] | None:
        """The channels a package is in, None where there is no such package."""

    def download(self, artifact: Artifact, part: Path) -> None:
        """Bring a HART file to `part`, going on behind what is there already."""

    def key(self, origin: str, revision: str) -> bytes | None:
        """The text of a public key."""

    def upload(self, file: Path, artifact: Artifact, checksum: str, *, forced: bool) -> None:
        """Bring a HART file there."""

    def add_key(self, origin: str, revision: str, data: bytes) -> bool:
        """Bring a public key there; False if it was there."""

    def create_channel(self, origin: str, channel: str) -> None:
        """Make a channel, unless there is one."""

    def promote(self, artifact: Artifact, channel: str) -> None:
        """Put a package into a channel."""

    def demote(self, artifact: Artifact, channel: str) -> None:
        """Take a package out of a channel."""

    def search(self, term: str, limit: int) -> tuple[list[PackageIdent], int]:
        """At most `limit` packages that a term finds, and how many it finds."""


@dataclass(frozen=True, slots=True)
class DepotSettings:
    """Where packages come from, and who asks."""

    url: str
    token: str = ""
    certificates: Path | None = None  # further authorities, as PEM files
    verify: bool = True


def depot_settings(root: Path, environ: Mapping[str, str], url: str = "") -> DepotSettings:
    """The depot meant: `url`, HAB_BLDR_URL, HAB_DEPOT_URL, `bldr_url` of cli.toml, `<root>/depot`.

    The token is HAB_AUTH_TOKEN or `auth_token` of cli.toml. Raises UsageError.
    """
    file = root / "etc" / "cli.toml"
    settings: dict[str, object] = {}
    try:
        settings = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid TOML: {error}") from error
    named = url or environ.get("HAB_BLDR_URL") or environ.get("HAB_DEPOT_URL")
    return DepotSettings(
        url=named or str(settings.get("bldr_url") or "") or default_url(root),
        token=environ.get("HAB_AUTH_TOKEN") or str(settings.get("auth_token") or ""),
        certificates=root / "cache" / "ssl",
        verify=not environ.get("HAB_SSL_CERT_VERIFY_NONE"),
    )


def default_url(root: Path) -> str:
    """The depot below the root: a folder that needs no server."""
    return f"file://{root}/depot"


def open_depot(
    settings: DepotSettings, target: str, tell: Tell, patience: Patience | None = None
) -> Depot:
    """The depot of a URL. Raises UsageError for one that cannot be."""
    parts = urlsplit(settings.url)
    match parts.scheme:
        case "file" if parts.netloc in ("", "localhost") and parts.path.startswith("/"):
            return FolderClient(FolderDepot(Path(unquote(parts.path))), settings.url)
        case "http" | "https" if parts.hostname:
            from actors.adapters.depot_http import HttpDepot

            return HttpDepot(settings, target, tell, patience or patience_of(os.environ))
        case _:
            raise UsageError(
                f"{settings.url!r} is no depot: http://HOST[:PORT], https://HOST or "
                "file:///DIRECTORY is one"
            )


def patience_of(environ: Mapping[str, str]) -> Patience:
    """How long to wait, as HAB_CLIENT_SOCKET_TIMEOUT (seconds) says. Raises UsageError."""
    text = environ.get("HAB_CLIENT_SOCKET_TIMEOUT")
    if not text:
        return Patience()
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise UsageError(f"HAB_CLIENT_SOCKET_TIMEOUT is {text!r}; it must be whole seconds")
    seconds = float(text)
    default = Patience()
    return Patience(
        connect_s=min(default.connect_s, seconds),
        answer_s=seconds,
        window_s=min(default.window_s, seconds),
    )


class FolderClient:
    """A folder used in place, by whoever may write to it."""

    def __init__(self, depot: FolderDepot, url: str) -> None:
        self._depot = depot
        self.url = url

    def latest(self, wanted: PackageIdent, target: str, channel: str) -> Found | None:
        """The newest package of a channel, in Builder's order."""
        found = self._depot.latest(wanted, target, channel)
        return Found(found.artifact, found.checksum) if found else None

    def origin_channels(self, origin: str) -> list[str]:
        """The channels of an origin."""
        return self._depot.table().names(origin) if origin in self._depot.origins() else []

    def channels(self, artifact: Artifact) -> list[str] | None:
        """The channels a package is in, None where there is no such package."""
        return sorted(self._depot.channels(artifact)) or None

    def download(self, artifact: Artifact, part: Path) -> None:
        """Copy a HART file to `part`."""
        file = self._depot.hart(artifact)
        if file is None:
            raise Refused(f"{artifact} is not in {self.url}", "not-found")
        shutil.copyfile(file, part)

    def key(self, origin: str, revision: str) -> bytes | None:
        """The text of a public key."""
        return self._depot.key(origin, revision)

    def upload(self, file: Path, artifact: Artifact, checksum: str, *, forced: bool) -> None:
        """Copy a HART file there, checked as a server checks it."""
        with self._depot.incoming_file() as incoming:
            shutil.copyfile(file, incoming)
            self._depot.upload(incoming, artifact, checksum, forced=forced)

    def add_key(self, origin: str, revision: str, data: bytes) -> bool:
        """Keep a public key there; False if it was there."""
        if (there := self._depot.key(origin, revision)) and there.strip() == data.strip():
            return False
        self._depot.add_key(origin, revision, data)
        return True

    def create_channel(self, origin: str, channel: str) -> None:
        """Make a channel, unless there is one."""
        if not self._depot.table().exists(origin, channel):
            self._depot.create_channel(origin, channel)

    def promote(self, artifact: Artifact, channel: str) -> None:
        """Put a package into a channel."""
        self._depot.promote(artifact, channel)

    def demote(self, artifact: Artifact, channel: str) -> None:
        """Take a package out of a channel."""
        self._depot.demote(artifact, channel)

    def search(self, term: str, limit: int) -> tuple[list[PackageIdent], int]:
        """At most `limit` packages that a term finds, and how many it finds."""
        there = {d.artifact.ident for d in self._depot.all()}
        found = sorted(search(term, there), key=str)
        return found[:limit], len(found)
