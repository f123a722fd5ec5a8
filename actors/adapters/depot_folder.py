"""A depot that is one folder: `harts/`, `keys/`, `channels`; usable by many processes at once.

    harts/<origin>-<name>-<version>-<release>-<target>.hart    what was uploaded, or put there
    keys/<origin>-<revision>.pub                               public signing keys
    channels                                                   the channel table
    index/<hart's name>.json                                   what was read from each hart
    incoming/                                                  uploads on their way; emptied by age
    LOCK                                                       held by who changes the table

A HART file that somebody copies into `harts/` counts like one that was uploaded. The index only
saves reading archives again: it is rebuilt where it is missing or older than its file.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from actors.adapters.depot_archive import describe_archive
from actors.adapters.trees import make_directories, sync_directory
from actors.depot.artifact import Description, check_upload
from actors.depot.builder_order import newest_in_builder
from actors.depot.channels import Artifact, ChannelTable, check_origin, decode_table, encode_table
from actors.depot.hart import parse_public_key
from actors.depot.ident import PackageIdent
from actors.depot.patience import KEY_LIMIT
from actors.errors import CryptoError, HabError, Refused

STALE_S: Final = 24 * 3600.0  # an upload that is older was cut off by a power failure
_log = logging.getLogger("hab-depot")


class _Indexed(msgspec.Struct, frozen=True):
    """A description, and the file it was read from: size and time of change (ns)."""

    size: int
    changed_ns: int
    description: Description


class FolderDepot:
    """Reads take no lock; every change is a rename under the lock."""

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.harts = folder / "harts"
        self.keys = folder / "keys"
        self._index = folder / "index"
        self._incoming = folder / "incoming"
        self._channels = folder / "channels"
        self._wall = wall
        self._known: dict[str, _Indexed] = {}

    def prepare(self) -> None:
        """Make the folder; remove uploads that a power failure cut off. Raises OSError."""
        for directory in (self.harts, self.keys, self._index, self._incoming):
            make_directories(directory)
        for file in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if self._wall() - file.stat().st_mtime > STALE_S:
                    file.unlink()

    # ── what there is ──

    def all(self) -> list[Description]:
        """Every package, by file name. A file that is no package is left out, and said once."""
        try:
            names = sorted(e.name for e in os.scandir(self.harts) if e.name.endswith(".hart"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (self._described(name) for name in names if not name.startswith("."))
        return [description for description in found if description is not None]

    def get(self, artifact: Artifact) -> Description | None:
        """The description of one package."""
        found = self._described(artifact.file_name)
        return found if found is not None and found.artifact == artifact else None

    def latest(
        self, wanted: PackageIdent, target: str, channel: str | None = None
    ) -> Description | None:
        """The newest package as Builder orders, of a channel or of all."""
        if wanted.full:
            found = self.get(Artifact(wanted, target))
            there = [found] if found else []
        else:
            there = [d for d in self.all() if d.target == target]
        if channel is not None:
            table = self.table()
            there = [d for d in there if table.holds(wanted.origin, channel, d.artifact)]
        if wanted.full:
            return there[0] if there else None
        by_ident = {d.artifact.ident: d for d in there}
        best = newest_in_builder(wanted, by_ident)
        return by_ident[best] if best else None

    def hart(self, artifact: Artifact) -> Path | None:
        """The file of a package."""
        return self.harts / artifact.file_name if self.get(artifact) else None

    def table(self) -> ChannelTable:
        """The channel table. Raises Refused where the file is damaged."""
        try:
            data = self._channels.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return ChannelTable()
        try:
            return decode_table(data)
        except Refused as error:
            raise Refused(
                f"the channel table {self._channels} is damaged ({error}): put a copy back, or "
                "move it away; then every package is in unstable only",
                "damaged",
            ) from error

    def origins(self) -> set[str]:
        """Origins that were founded, or have a package or a key here."""
        names = {d.artifact.ident.origin for d in self.all()}
        names |= {name.rpartition("-")[0] for name in self._key_names()}
        return names | set(self.table().origins)

    def channels(self, artifact: Artifact) -> dict[str, str]:
        """The channels a package is in, and since when."""
        found = self.get(artifact)
        return self.table().since(artifact, found.uploaded) if found else {}

    # ── changes ──

    def upload(
        self,
        incoming: Path,
        wanted: Artifact,
        checksum: str,
        *,
        forced: bool = False,
        any_target: bool = False,
    ) -> Description:
        """Take a file that `incoming_file` made, if it is what it should be. Raises HabError.

        `any_target`: whatever target it is for, since none was named.
        """
        try:
            check_origin(wanted.ident.origin)
            found = self._describe_upload(incoming)
            if any_target:
                wanted = Artifact(wanted.ident, found.target)
            _sync(incoming)
            with self._locked():
                check_upload(wanted, checksum, found, self._holder(wanted), forced=forced)
                incoming.replace(self.harts / wanted.file_name)
                sync_directory(self.harts)
                status = (self.harts / wanted.file_name).stat()
                self._remember(wanted.file_name, status, found)
        finally:
            incoming.unlink(missing_ok=True)
        return found

    @contextlib.contextmanager
    def incoming_file(self) -> Iterator[Path]:
        """A new empty file for an upload; gone afterwards unless it was taken."""
        self.prepare()
        path = self._incoming / secrets.token_hex(8)
        path.touch(mode=0o600, exist_ok=False)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def delete(self, artifact: Artifact) -> None:
        """Remove a package that is not in stable, and that none depends on. Raises Refused."""
        with self._locked():
            table = self.table()
            self._require(artifact)
            if table.holds(artifact.ident.origin, "stable", artifact):
                raise Refused(f"{artifact.ident} is in stable: demote it first", "unprocessable")
            if needing := self._needing(artifact):
                raise Refused(f"{needing} depends on {artifact.ident}", "unprocessable")
            self._save(table.forget(artifact))
            (self.harts / artifact.file_name).unlink(missing_ok=True)
            sync_directory(self.harts)

    def _needing(self, artifact: Artifact) -> str:
        """A package here that depends on `artifact`."""
        ident, target = str(artifact.ident), artifact.target
        return next((d.ident for d in self.all() if d.target == target and ident in d.tdeps), "")

    def promote(self, artifact: Artifact, channel: str) -> None:
        """Put a package into a channel that exists. Raises Refused."""
        with self._locked():
            self._require(artifact)
            self._save(self.table().promote(artifact, channel, self.now()))

    def demote(self, artifact: Artifact, channel: str) -> None:
        """Take a package out of a channel. Raises Refused."""
        with self._locked():
            self._require(artifact)
            self._save(self.table().demote(artifact, channel))

    def create_channel(self, origin: str, channel: str) -> None:
        """Make a channel. Raises Refused."""
        with self._locked():
            self._save(self.table().found(origin).create(origin, channel))

    def remove_channel(self, origin: str, channel: str) -> None:
        """Remove a channel; its packages stay. Raises Refused."""
        with self._locked():
            self._save(self.table().remove(origin, channel))

    def found_origin(self, origin: str) -> None:
        """Make an origin. Raises Refused (`conflict` where it is there)."""
        if origin in self.origins():
            raise Refused(f"Origin {origin} already exists", "conflict")
        with self._locked():
            self._save(self.table().found(origin))

    # ── keys ──

    def key_revisions(self, origin: str) -> list[str]:
        """Revisions of an origin's public keys, newest first."""
        found = (name.rpartition("-") for name in self._key_names())
        return sorted((rev for name, _, rev in found if name == origin), reverse=True)

    def key(self, origin: str, revision: str) -> bytes | None:
        """The text of a public key."""
        if revision not in self.key_revisions(origin):
            return None
        return (self.keys / f"{origin}-{revision}.pub").read_bytes()

    def add_key(self, origin: str, revision: str, data: bytes) -> None:
        """Keep a public key. Raises Refused, CryptoError where it is none or another's."""
        check_origin(origin)
        name, _ = parse_public_key(data[:KEY_LIMIT])
        if name != f"{origin}-{revision}":
            raise Refused(f"the key is {name}, not {origin}-{revision}", "unprocessable")
        with self._locked():
            there = self.key(origin, revision)
            if there is not None and there.strip() == data.strip():
                raise Refused(f"Key {name} is here already", "conflict")
            if there is not None:
                raise Refused(f"Another key {name} is here already", "conflict")
            self._write(self.keys / f"{name}.pub", data)

    def now(self) -> str:
        """The time as Builder writes it: naive, in UTC, with milliseconds."""
        return iso_time(self._wall())

    # ── files ──

    def _described(self, name: str) -> Description | None:
        file = self.harts / name
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        signature = (status.st_size, status.st_mtime_ns)
        known = self._known.get(name) or self._from_index(name)
        if known is None or (known.size, known.changed_ns) != signature:
            try:
                found = describe_archive(file, iso_time(status.st_mtime), self.keys)
                if found.artifact.file_name != name:
                    raise Refused(f"it should be named {found.artifact.file_name}", "bad-package")
            except (HabError, OSError) as error:
                _log.warning("%s is left out: %s", file, error)
                # Remembered as nothing until the file changes, so that it is said once.
                empty = Description("", "", "", 0, "")
                self._known[name] = _Indexed(*signature, empty)
                return None
            known = self._remember(name, status, found)
        self._known[name] = known
        return known.description if known.description.ident else None

    def _remember(self, name: str, status: os.stat_result, found: Description) -> _Indexed:
        known = _Indexed(status.st_size, status.st_mtime_ns, found)
        self._known[name] = known
        with contextlib.suppress(OSError):  # a folder that may only be read serves as well
            self._write(self._index / f"{name}.json", msgspec.json.encode(known))
        return known

    def _holder(self, wanted: Artifact) -> Description | None:
        """What lies where `wanted` would. Raises Refused where that is another package's file.

        `a-b/c` and `a/b-c` of the same version have the same file name (Habitat's way to name).
        """
        found = self._described(wanted.file_name)
        if found is not None and found.artifact != wanted:
            raise Refused(
                f"{found.ident} lies here under the same file name, {wanted.file_name}", "conflict"
            )
        return found

    def _from_index(self, name: str) -> _Indexed | None:
        try:
            return msgspec.json.decode((self._index / f"{name}.json").read_bytes(), type=_Indexed)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _describe_upload(self, incoming: Path) -> Description:
        try:
            return describe_archive(incoming, self.now(), self.keys)
        except CryptoError as error:
            raise Refused(f"ds:up:1 {error}", "unprocessable") from error
        except Refused as error:
            raise Refused(f"ds:up:1 {error}", "unprocessable") from error

    def _key_names(self) -> list[str]:
        try:
            names = [e.name for e in os.scandir(self.keys) if e.name.endswith(".pub")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name.removesuffix(".pub") for name in names)

    def _require(self, artifact: Artifact) -> None:
        if self.get(artifact) is None:
            raise Refused(
                f"{artifact.ident} for {artifact.target} is not in the depot", "not-found"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.prepare()
        with (self.folder / "LOCK").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _save(self, table: ChannelTable) -> None:
        if encode_table(table) != encode_table(self.table()):
            self._write(self._channels, encode_table(table))

    def _write(self, path: Path, data: bytes) -> None:
        """Put a file in its place, whole or not at all, also through a power cut."""
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("xb") as out:
                out.write(data)
                os.fchmod(out.fileno(), 0o644)
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fchmod(stream.fileno(), 0o644)
        os.fsync(stream.fileno())


def iso_time(wall_s: float) -> str:
    """A wall-clock time as Builder writes it."""
    return (
        datetime.fromtimestamp(wall_s, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    )
