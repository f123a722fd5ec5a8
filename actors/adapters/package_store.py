"""The packages installed on this machine: list, find, describe, install. Needs no supervisor."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from actors.adapters.build_lock import is_building
from actors.adapters.staging import STAGING, staged
from actors.adapters.trees import copy_tree, digest_tree, remove_tree, sync_directory
from actors.adapters.unpacking import peek_ident, read_metafile, tdeps_of, unpack, verify
from actors.depot.ident import PackageIdent, newest, parse_ident
from actors.depot.metadata import HOOKS, METAFILES, package_info, read_ident, search_path
from actors.errors import Refused
from actors.messages.depot import PackageInfo

INTERPRETER: Final = PackageIdent("core", "busybox-static")  # on the PATH of packages not native
BAKED: Final = "/hab/pkgs/"  # what paths in packages begin with
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}

INCOMING: Final = ".incoming-"  # an archive that is being verified
STALE_COPY_S: Final = 3600.0  # no copy of an archive takes as long

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is there; `new`: since just now."""

    ident: PackageIdent
    new: bool


class PackageStore:
    """Packages below `<root>/pkgs`; archives are kept in `<root>/cache/artifacts`."""

    def __init__(self, root: Path, target: str = "", key_cache: Path | None = None) -> None:
        self.root = root
        self.packages = root / "pkgs"
        self.artifacts = root / "cache" / "artifacts"
        self.key_cache = key_cache or root / "cache" / "keys"
        self.target = target or running_target()

    # ── what there is ──

    def installed(self) -> tuple[PackageIdent, ...]:
        """All packages of this machine's target, sorted by path."""
        return tuple(self._below(self.packages, 4))

    def find(self, ident: str) -> PackageIdent | None:
        """The newest installed package that satisfies `ident`. Raises UsageError."""
        wanted = parse_ident(ident)
        if wanted.full:
            return wanted if self._is_package(self.path(wanted)) else None
        start = self.packages / wanted.origin / wanted.name
        return newest(wanted, self._below(start, 2))

    def path(self, ident: PackageIdent) -> Path:
        """The directory of a fully qualified package."""
        return self.packages.joinpath(ident.origin, ident.name, ident.version, ident.release)

    def describe(self, ident: PackageIdent, config_from: str = "") -> PackageInfo:
        """What an installed package says about itself. Raises Refused where it is broken."""
        path = self.path(ident)
        source = Path(config_from) if config_from else path
        files = {
            name: data for name in METAFILES if (data := read_metafile(path / name)) is not None
        }
        if config_from:
            if not source.is_dir():
                raise Refused(f"Directory: '{config_from}' cannot be found", "bad-package")
            files["default.toml"] = read_metafile(source / "default.toml") or b""
        info = package_info(ident, str(path), files, hooks_in(source), self._search_path(path))
        info = self._as_they_are_here(info)
        if info.native or (interpreter := self.find(str(INTERPRETER))) is None:
            return info
        extra = str(self.path(interpreter) / "bin")
        run_path = (*(p for p in info.run_path if p != extra), extra)
        return msgspec.structs.replace(info, run_path=run_path)

    def _as_they_are_here(self, info: PackageInfo) -> PackageInfo:
        """Paths in metafiles begin with /hab/pkgs, wherever the package is installed."""
        here = f"{self.packages}/"
        return msgspec.structs.replace(
            info,
            run_path=tuple(entry.replace(BAKED, here) for entry in info.run_path),
            environment={n: v.replace(BAKED, here) for n, v in info.environment.items()},
        )

    # ── more of it ──

    def install(self, source: Path, say: Say | None = None) -> Installed:
        """Install an archive or a directory in the installed layout. Raises HabError, OSError."""
        if source.is_dir():
            return self.install_directory(source, say)
        if not source.exists():
            raise Refused(f"{source} does not exist: name a directory or a .hart file", "not-found")
        return self.install_hart(source, say=say)

    def install_directory(self, source: Path, say: Say | None = None) -> Installed:
        """Copy in a directory in the installed layout; its IDENT and TARGET say what it is."""
        data = read_metafile(source / "IDENT")
        if data is None:
            raise Refused(f"{source} holds no IDENT file, so it is not a package", "bad-package")
        ident = read_ident(data)
        target = (read_metafile(source / "TARGET") or b"").decode(errors="replace").strip()
        if target != self.target:
            raise Refused(
                f"{source} is for target {target or '(no TARGET file)'}; this machine is "
                f"{self.target}",
                "bad-package",
            )
        if self._is_package(self.path(ident)):
            if digest_tree(self.path(ident)) != digest_tree(source):
                raise Refused(
                    f"{ident} is installed already and differs from {source}: give the new one "
                    f"another release, or remove {self.path(ident)}",
                    "conflict",
                )
            _say(say, f"Using {ident}")
            return Installed(ident, new=False)
        with self._staging(ident) as staging:
            copy_tree(source, staging, ident)
            self._require_deps(staging, [source.parent], say, ())
            package_info(ident, str(staging), _metafiles(staging), hooks_in(staging))
            new = self._put_in_place(staging, ident)
        _say(say, f"Installed {ident} from {source}")
        return Installed(ident, new)

    def install_hart(
        self, file: Path, key_cache: Path | None = None, say: Say | None = None
    ) -> Installed:
        """Verify and install an archive, and before it what it depends on, if that is at hand.

        It is copied to the artifact cache first, so that what was verified is what is unpacked.
        """
        return self._install_hart(file, key_cache or self.key_cache, say, ())

    def _install_hart(
        self,
        file: Path,
        key_cache: Path,
        say: Say | None,
        above: tuple[PackageIdent, ...],
        wanted: PackageIdent | None = None,
    ) -> Installed:
        self.artifacts.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._remove_stale_copies()
        fd, name = tempfile.mkstemp(prefix=INCOMING, dir=self.artifacts)
        incoming = Path(name)
        try:
            with os.fdopen(fd, "wb") as out, file.open("rb") as given:
                shutil.copyfileobj(given, out)
                os.fchmod(fd, 0o644)
            header = verify(incoming, key_cache)
            ident = peek_ident(incoming, header)
            if wanted not in (None, ident):
                raise Refused(f"{file} should hold {wanted}, but holds {ident}", "bad-package")
            if self._is_package(self.path(ident)):
                _say(say, f"Using {ident}")
                return Installed(ident, new=False)
            _say(say, f"Verified {file.name}, signed with {header.signer}")
            with self._staging(ident) as staging:
                unpack(incoming, header, ident, staging)
                info = package_info(ident, str(staging), _metafiles(staging), hooks_in(staging))
                if info.target != self.target:
                    raise Refused(
                        f"{ident} is for {info.target}; this machine is {self.target}",
                        "bad-package",
                    )
                self._require_deps(staging, [file.parent], say, (*above, ident))
                new = self._put_in_place(staging, ident)
            incoming.replace(self.artifacts / ident.file_name(self.target))
        finally:
            incoming.unlink(missing_ok=True)
        if not BAKED.startswith(f"{self.root.resolve()}/") and tdeps_of(self.path(ident)):
            _say(
                say,
                f"{ident} was built for {BAKED}; below {self.root} it may not find its files",
            )
        _say(say, f"Installed {ident}")
        return Installed(ident, new)

    def _remove_stale_copies(self) -> None:
        """Remove the copies of archives that killed processes left."""
        for path in self.artifacts.glob(f"{INCOMING}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_COPY_S:
                    path.unlink()

    def _require_deps(
        self, staging: Path, places: list[Path], say: Say | None, above: tuple[PackageIdent, ...]
    ) -> None:
        """Install what a package depends on from archives at hand. Raises Refused for the rest."""
        missing: list[str] = []
        for line in reversed(tdeps_of(staging)):  # what others need stands behind them
            dep = parse_ident(line)
            if self._is_package(self.path(dep)) or dep in above:
                continue
            file_name = dep.file_name(self.target)
            files = [place / file_name for place in (self.artifacts, *places)]
            file = next((f for f in files if f.is_file()), None)
            if file is None:
                missing.append(line)
            else:
                self._install_hart(file, self.key_cache, say, above, dep)
        if missing:
            searched = ", ".join(str(p) for p in (self.packages, self.artifacts, *places))
            raise Refused(
                f"it depends on packages that are not here: {', '.join(missing)} (looked in "
                f"{searched}); install them first",
                "missing-deps",
            )

    @contextlib.contextmanager
    def _staging(self, ident: PackageIdent) -> Iterator[Path]:
        """An empty directory beside the package's place, gone afterwards unless it was moved."""
        with staged(self.path(ident).parent, ident.release) as outer:
            inner = outer / ident.release
            inner.mkdir(mode=0o755)
            yield inner

    def _put_in_place(self, staging: Path, ident: PackageIdent) -> bool:
        """From one moment to the next the package is there, and stays after a power cut.

        False: another installer was faster, and what it installed is there.
        """
        staging.chmod(0o755)
        os.sync()  # all files of the package at once: an fsync each would take minutes
        place = self.path(ident)
        try:
            staging.rename(place)
        except OSError as error:
            if self._is_package(place):
                return False
            if is_building(self.root, ident.name):
                raise Refused(
                    f"a build works in {place}; install {ident} when it has ended", "busy"
                ) from error
            remove_tree(place)  # a build that was killed left it
            staging.rename(place)
        for directory in (place.parent, *list(place.parents)[1:5]):
            sync_directory(directory)
        return True

    # ── directories ──

    def _below(self, start: Path, depth: int) -> Iterator[PackageIdent]:
        levels = [start]
        for _ in range(depth):
            levels = [child for path in levels for child in _children(path)]
        for path in levels:
            if self._is_package(path):
                yield PackageIdent(*path.parts[-4:])

    def _is_package(self, path: Path) -> bool:
        """Whether a directory counts: its TARGET must be this machine's (Habitat's rule)."""
        if path.name.startswith(STAGING):
            return False
        data = read_metafile(path / "TARGET")
        return data is not None and data.decode(errors="replace").strip() == self.target

    def _search_path(self, path: Path) -> tuple[str, ...]:
        """PATH of a package without RUNTIME_PATH: its own, then that of what it depends on."""
        found: dict[str, None] = dict.fromkeys(_own_path(path))
        for name in ("DEPS", "TDEPS"):
            text = (read_metafile(path / name) or b"").decode(errors="replace")
            for line in text.split():
                parts = line.split("/")
                if len(parts) == 4 and not {"..", ".", ""} & set(parts):
                    found.update(dict.fromkeys(_own_path(self.packages.joinpath(*parts))))
        return tuple(found)


def running_target() -> str:
    """The package target of this machine."""
    machine = platform.machine().lower()
    system = "darwin" if sys.platform == "darwin" else "linux"
    if system == "darwin":
        return f"{'aarch64' if machine == 'arm64' else machine}-darwin"
    return f"{MACHINES.get(machine, machine)}-linux"


def hooks_in(source: Path) -> tuple[str, ...]:
    """The hooks that a package's directory brings."""
    return tuple(hook_files(source))


def hook_files(source: Path) -> dict[str, Path]:
    """The hooks of a package's directory and their files, by name.

    Packages of Habitat's first years write `health_check`; a `run` beside `hooks` counts.
    """
    found = {}
    for name in HOOKS:
        old = name.replace("-", "_")
        beside = (source / "run",) if name == "run" else ()
        places = (source / "hooks" / name, source / "hooks" / old, *beside)
        file = next((path for path in places if path.is_file()), None)
        if file is not None:
            found[name] = file
    return found


def _metafiles(path: Path) -> dict[str, bytes]:
    return {name: data for name in METAFILES if (data := read_metafile(path / name)) is not None}


def _own_path(path: Path) -> tuple[str, ...]:
    return search_path((read_metafile(path / "PATH") or b"").decode(errors="replace").strip())


def _children(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [path / name for name in sorted(names)]


def _say(say: Say | None, text: str) -> None:
    if say is not None:
        say(text)
