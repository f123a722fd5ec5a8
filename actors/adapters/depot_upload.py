"""Uploading to a depot: the signer's public key, what a package depends on, the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actors.adapters.depot_archive import read_archive
from actors.adapters.depot_client import Depot, Tell
from actors.adapters.package_store import PackageStore
from actors.adapters.signing import blake2b_file
from actors.adapters.unpacking import verify
from actors.depot.channels import STABLE, UNSTABLE, Artifact
from actors.depot.hart import HartHeader
from actors.depot.ident import parse_ident
from actors.errors import Refused
from actors.messages.service import Progress


@dataclass(frozen=True, slots=True)
class Sent:
    """A package that is in the depot; `new`: since just now."""

    artifact: Artifact
    new: bool


class Uploader:
    """Uploads from the disk; a package's dependencies come from its directory and the cache."""

    def __init__(self, store: PackageStore, depot: Depot, tell: Tell) -> None:
        self._store = store
        self._depot = depot
        self._tell = tell

    def upload(self, file: Path, channel: str, *, forced: bool) -> list[Sent]:
        """Bring a package there, and what it needs before it; then promote it to `channel`."""
        artifact, header, tdeps = self._read(file)
        sent: list[Sent] = []
        for dep in reversed(tdeps):  # providers stand behind those who need them
            sent += self._send_dep(Artifact(parse_ident(dep), artifact.target), file)
        sent.append(self._send(file, artifact, header, forced=forced))
        if channel and channel != UNSTABLE:
            if channel != STABLE:
                self._depot.create_channel(artifact.ident.origin, channel)
            self._depot.promote(artifact, channel)
            self._tell(Progress(f"Promoted {artifact.ident} to {channel}"))
        return sent

    def _send_dep(self, artifact: Artifact, beside: Path) -> list[Sent]:
        if self._depot.channels(artifact) is not None:
            return []
        places = (beside.parent, self._store.artifacts)
        files = [place / artifact.file_name for place in places]
        file = next((file for file in files if file.is_file()), None)
        if file is None:
            raise Refused(
                f"{beside.name} depends on {artifact.ident}, which is neither in "
                f"{self._depot.url} nor in {places[0]} or {places[1]}: upload that first",
                "missing-deps",
            )
        there, header, _ = self._read(file)
        if there != artifact:
            raise Refused(f"{file} should hold {artifact}, but holds {there}", "bad-package")
        return [self._send(file, artifact, header, forced=False)]

    def _send(self, file: Path, artifact: Artifact, header: HartHeader, *, forced: bool) -> Sent:
        if not forced and self._depot.channels(artifact) is not None:
            self._tell(Progress(f"{artifact.ident} is in {self._depot.url} already"))
            return Sent(artifact, new=False)
        origin, _, revision = header.signer.rpartition("-")
        key = (self._store.key_cache / header.key_file).read_bytes()
        if self._depot.add_key(origin, revision, key):
            self._tell(Progress(f"Uploaded the public key {header.signer}"))
        self._depot.upload(file, artifact, blake2b_file(file), forced=forced)
        return Sent(artifact, new=True)

    def _read(self, file: Path) -> tuple[Artifact, HartHeader, tuple[str, ...]]:
        """What is in a file, which must be signed by a key we have. Raises HabError."""
        header = verify(file, self._store.key_cache)
        read = read_archive(file, header)
        target = read.files.get("TARGET", b"").decode(errors="replace").strip()
        tdeps = read.files.get("TDEPS", b"").decode(errors="replace").split()
        return Artifact(read.ident, target), header, tuple(tdeps)
