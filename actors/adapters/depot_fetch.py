"""Installing from a depot: which release, its file, its dependencies, the keys that signed them.

All that a package needs is brought to the artifact cache and verified there; only then is anything
installed, by the store, which verifies once more what it unpacks.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.adapters.depot_archive import read_archive, read_header
from actors.adapters.depot_client import UNAVAILABLE, Depot, Found, Tell
from actors.adapters.key_ring import KeyRing
from actors.adapters.package_store import PackageStore
from actors.adapters.signing import blake2b_file
from actors.adapters.unpacking import peek_ident, verify
from actors.depot.channels import Artifact
from actors.depot.hart import HartHeader, parse_public_key
from actors.depot.ident import PackageIdent, compare_idents, newest, parse_ident
from actors.depot.keyfile import KeyKind
from actors.errors import CryptoError, HabError, Refused, UsageError
from actors.messages.service import Progress

HINTS: Final = 12  # channels that are looked through for a hint


@dataclass(frozen=True, slots=True)
class Fetched:
    """A package that is installed; `new`: how many were installed for it just now, itself too."""

    ident: PackageIdent
    new: int


class Fetcher:
    """Installs into `store` from `depot` (None: offline, from what is here)."""

    def __init__(self, store: PackageStore, depot: Depot | None, tell: Tell) -> None:
        self._store = store
        self._depot = depot
        self._tell = tell

    def install(
        self, ident: str, channel: str, *, ignore_local: bool = False, fall_back: bool = False
    ) -> Fetched:
        """Install what `ident` asks for, as `hab pkg install` chooses it. Raises HabError.

        A full identifier is that very release. Otherwise the newest of the channel, unless the
        newest installed one is newer still; where the channel has none, the newest of the artifact
        cache. `ignore_local`: of the channel or not at all. `fall_back`: what is installed or
        cached serves also where the depot cannot be asked.
        """
        wanted = parse_ident(ident)
        installed = None if ignore_local else self._store.find(ident)
        if wanted.full:
            found: Found | None = Found(Artifact(wanted, self._store.target))
        elif self._depot is None:
            here = self._from_here(wanted, installed)
            if here is None:
                raise Refused(
                    f"{wanted} is neither installed ({self._store.packages}) nor in "
                    f"{self._store.artifacts}, and --offline asks no depot",
                    "not-found",
                )
            return here
        else:
            try:
                found = self._choose(self._depot, wanted, channel, installed)
            except Refused as error:
                may = error.code == "not-found" or (fall_back and error.code == UNAVAILABLE)
                if ignore_local or not may:
                    raise
                return self._instead(wanted, installed, error)
        if found is None or found.artifact.ident == installed:
            assert installed is not None
            self._say(f"Using {installed}")
            return Fetched(installed, 0)
        return self._install(found)

    def install_file(self, file: Path) -> Fetched:
        """Install an archive of this machine, and from cache and depot what it depends on."""
        header = self._verified(file, None)
        ident = peek_ident(file, header)
        cached = self._store.artifacts / ident.file_name(self._store.target)
        with self._writing(cached) as part:
            shutil.copyfile(file, part)
            self._verified(part, ident)
            part.replace(cached)
        return self._install(Found(Artifact(ident, self._store.target)))

    def download(self, ident: str, channel: str, into: Path) -> list[Path]:
        """Bring a package and all it depends on to directory `into`; their files, it first."""
        assert self._depot is not None, "a download needs a depot"
        wanted, target = parse_ident(ident), self._store.target
        found: Found | None = Found(Artifact(wanted, target))
        if not wanted.full:
            found = self._depot.latest(wanted, target, channel)
        if found is None:
            raise self._nowhere(self._depot, wanted, channel)
        file = self.fetch(found, into)
        deps = [Found(Artifact(dep, target)) for dep in self._tdeps(file)]
        return [file, *(self.fetch(dep, into) for dep in deps)]

    def fetch(self, found: Found, into: Path) -> Path:
        """Bring a package's file to directory `into`, verified; one that is there is used."""
        file = into / found.artifact.file_name
        if file.is_file():
            try:
                self._check(file, found)
            except (HabError, EOFError) as error:
                if self._depot is None:
                    raise
                self._say(f"{file} is of no use ({error}); it is downloaded again")
            else:
                return file
        if self._depot is None:
            raise Refused(
                f"{found.artifact.ident} is neither installed nor in {into}, and --offline asks "
                "no depot",
                "not-found",
            )
        into.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self._writing(file) as part:
            resumed = part.stat().st_size > 0
            self._depot.download(found.artifact, part)
            try:
                self._check(part, found)
            except CryptoError as error:
                if not resumed:
                    raise
                self._say(f"What was put together of two downloads is damaged ({error}); again")
                os.truncate(part, 0)
                self._depot.download(found.artifact, part)
                self._check(part, found)
            part.chmod(0o644)
            part.replace(file)
        return file

    # ── which ──

    def _choose(
        self, depot: Depot, wanted: PackageIdent, channel: str, installed: PackageIdent | None
    ) -> Found | None:
        """The package to install, None where the installed one stays."""
        found = depot.latest(wanted, self._store.target, channel)
        if found is None and installed is not None:
            self._say(f"{wanted} is not in channel {channel} of {depot.url}")
            return None
        if found is None:
            raise self._nowhere(depot, wanted, channel)
        if installed is not None and (compare_idents(found.artifact.ident, installed) or 0) < 0:
            return None  # what is installed is strictly newer
        return found

    def _nowhere(self, depot: Depot, wanted: PackageIdent, channel: str) -> Refused:
        text = f"{wanted} for {self._store.target} is not in channel {channel} of {depot.url}"
        try:
            names = depot.origin_channels(wanted.origin)[:HINTS]
            having = [
                name
                for name in names
                if name != channel and depot.latest(wanted, self._store.target, name)
            ]
        except HabError:
            having = []
        if having:
            text += f"; it is in {', '.join(having)}: --channel {having[0]}"
        else:
            text += ", nor in another one; --url or HAB_BLDR_URL names another depot"
        return Refused(text, "not-found")

    def _instead(
        self, wanted: PackageIdent, installed: PackageIdent | None, error: Refused
    ) -> Fetched:
        """Use what is here in place of what the depot did not give. Raises its error if nothing."""
        if error.code == UNAVAILABLE:
            self._say(f"{error}; looking at what is here")
        found = self._from_here(wanted, installed)
        if found is not None:
            return found
        raise Refused(
            f"{wanted} is not installed ({self._store.packages}) nor in {self._store.artifacts}, "
            f"and {error}. From a file: hab pkg install FILE.hart|DIRECTORY",
            error.code,
        )

    def _from_here(self, wanted: PackageIdent, installed: PackageIdent | None) -> Fetched | None:
        """The newest of what is installed and what lies in the artifact cache, None for nothing."""
        cached = self._newest_cached(wanted)
        best = newest(wanted, [ident for ident in (installed, cached) if ident is not None])
        if best is None:
            return None
        return self._install(Found(Artifact(best, self._store.target)))

    def _newest_cached(self, wanted: PackageIdent) -> PackageIdent | None:
        """The newest package of the artifact cache; if none is good, what is wrong is raised."""
        best: PackageIdent | None = None
        broken: HabError | None = None
        for file in sorted(self._store.artifacts.glob(f"{wanted.origin}-{wanted.name}-*.hart")):
            try:
                ident = peek_ident(file, self._verified(file, None))
            except HabError as error:
                broken = error
                continue
            if ident.satisfies(wanted) and (best is None or (compare_idents(best, ident) or 0) < 0):
                best = ident
        if best is None and broken is not None:
            raise broken
        return best

    # ── bringing it here ──

    def _install(self, found: Found) -> Fetched:
        """Fetch a package and all it depends on, then install them."""
        store = self._store
        ident = found.artifact.ident
        if store.find(str(ident)) is not None:
            self._say(f"Using {ident}")
            return Fetched(ident, 0)
        file = self.fetch(found, store.artifacts)
        new = 1
        for dep in self._tdeps(file):
            if store.find(str(dep)) is None:
                self.fetch(Found(Artifact(dep, store.target)), store.artifacts)
                new += 1
        done = store.install_hart(file, say=self._say)
        return Fetched(done.ident, new if done.new else 0)

    def _tdeps(self, file: Path) -> list[PackageIdent]:
        header = read_header(file)
        read = read_archive(file, header)
        found: list[PackageIdent] = []
        for line in read.files.get("TDEPS", b"").decode(errors="replace").split():
            try:
                dep = parse_ident(line)
            except UsageError as error:
                raise Refused(
                    f"{read.ident} cannot be used: TDEPS: {error}", "bad-package"
                ) from error
            if not dep.full:
                raise Refused(
                    f"{read.ident} cannot be used: TDEPS: {line} is not fully qualified",
                    "bad-package",
                )
            found.append(dep)
        return found

    def _check(self, file: Path, found: Found) -> None:
        """The file is the package that was chosen, and signed by a key we have or can get."""
        if found.checksum and (checksum := blake2b_file(file)) != found.checksum:
            raise CryptoError(
                f"{found.artifact.ident} was altered on its way: its checksum is {checksum}, the "
                f"depot says {found.checksum}"
            )
        self._verified(file, found.artifact.ident)

    def _verified(self, file: Path, ident: PackageIdent | None) -> HartHeader:
        """Check signature and hash, fetching the key where it is not here. Raises HabError."""
        header = read_header(file)
        if not (self._store.key_cache / header.key_file).exists():
            self._fetch_key(header)
        header = verify(file, self._store.key_cache)
        if ident is not None:
            read = read_archive(file, header)
            target = read.files.get("TARGET", b"").decode(errors="replace").strip()
            if (read.ident, target) != (ident, self._store.target):
                raise Refused(
                    f"what should be {ident} for {self._store.target} holds {read.ident} for "
                    f"{target[:100]}",
                    "bad-package",
                )
        return header

    def _fetch_key(self, header: HartHeader) -> None:
        """Bring a signer's public key to the key cache, if the depot has it."""
        if self._depot is None:
            return  # verify says what is missing
        origin, _, revision = header.signer.rpartition("-")
        data = self._depot.key(origin, revision)
        if data is None:
            raise CryptoError(
                f"the package is signed with {header.signer}, whose public key is neither in "
                f"{self._store.key_cache} nor in {self._depot.url}"
            )
        name, _ = parse_public_key(data)
        if name != header.signer:
            raise CryptoError(f"{self._depot.url} gave key {name} where {header.signer} was asked")
        KeyRing(self._store.key_cache).import_bytes(data, (KeyKind.SIGNING_PUBLIC,))
        self._say(f"Fetched the public key {header.signer}")

    @contextmanager
    def _writing(self, file: Path) -> Iterator[Path]:
        """The place for a file's bytes until it is whole, ours alone; kept where it breaks off.

        Whoever downloads the same file at the same time gets a place of his own.
        """
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = file.with_name(f".partial-{file.name}")
        with part.open("ab") as held:
            if not _ours(held.fileno(), part):
                part = file.with_name(f".partial-{secrets.token_hex(6)}-{file.name}")
                part.touch()
                try:
                    yield part
                finally:
                    part.unlink(missing_ok=True)
                return
            try:
                yield part
            except (CryptoError, Refused) as error:
                # What is wrong stays wrong; what broke off may go on another time.
                if getattr(error, "code", "") != UNAVAILABLE or part.stat().st_size == 0:
                    part.unlink(missing_ok=True)
                raise

    def _say(self, text: str) -> None:
        self._tell(Progress(text))


def _ours(fd: int, path: Path) -> bool:
    """Lock an open file; whether that worked, and it is still the one that `path` names."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        here = path.stat()
    except (BlockingIOError, FileNotFoundError):
        return False
    held = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (held.st_dev, held.st_ino)
