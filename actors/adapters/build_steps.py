"""The steps of a build that bash asks for: names, dependencies, sources, files, the package."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from actors.adapters import sources
from actors.adapters.build_dependencies import HOST_PATH, Dependencies
from actors.adapters.build_lock import building
from actors.adapters.build_tree import EXCLUDED, copy_hooks, copy_templates, strip_symbols
from actors.adapters.key_ring import KeyRing
from actors.adapters.package_store import PackageStore, Say, hooks_in
from actors.adapters.packing import file_sums, pack
from actors.adapters.signing import sha256_and_blake2b, sign_file
from actors.adapters.staging import staged
from actors.adapters.trees import make_directories, remove_tree
from actors.adapters.unpacking import read_metafile
from actors.depot import plan as plans
from actors.depot.ident import PackageIdent
from actors.depot.keyfile import KeyFile, KeyKind
from actors.depot.metadata import METAFILES, package_info
from actors.depot.plan import Plan, Resolved
from actors.errors import Refused, UsageError


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build. `plan_file` is in `context`; `epoch` is Unix time, of release and files.

    `level` is that of xz. `environ` is the asker's environment.
    """

    plan_file: Path
    source: Path
    epoch: int
    level: int
    environ: Mapping[str, str]

    @property
    def context(self) -> Path:
        """The plan's directory."""
        return self.plan_file.parent

    @property
    def release(self) -> str:
        """The release of what is built."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y%m%d%H%M%S")


@dataclass(frozen=True, slots=True)
class Packed:
    """A signed package, still in the build's own directory."""

    ident: PackageIdent
    file: Path
    sha256: str
    blake2b: str


class BuildSteps:
    """One build's steps, in the order bash asks for them; a context that cleans up after it."""

    def __init__(
        self, request: BuildRequest, store: PackageStore, keys: KeyRing, work: Path, say: Say
    ) -> None:
        self._request = request
        self._store = store
        self._keys = keys
        self._work = work
        self._say = say
        self._dependencies = Dependencies(store, request.environ, say)
        self._stack = contextlib.ExitStack()
        self._resolved = Resolved()
        self._place: Path | None = None
        self._key: KeyFile | None = None
        self.packed: Packed | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._place is not None:
            remove_tree(self._place)
        self._stack.close()

    def do(self, what: str, fields: list[str]) -> None:
        """Do what bash asks for. Raises HabError, OSError."""
        match what, fields:
            case "plan", []:
                self._accept(self._read())
            case "rename", [version]:
                plans.check_version(version)
                plan = self._read()
                self._claim(plan.ident(self._request.release), version)
            case "scaffolding", [ident]:
                self._write_answer(self._dependencies.scaffolding(ident))
            case "resolve", []:
                plan = self._read()
                home = self._store.path(plan.ident(self._request.release))
                host = f"{HOST_PATH}:{self._work / 'bin'}"
                self._resolved, told = self._dependencies.resolve(plan, home, host)
                self._write_answer(told)
            case "download", [url, into, shasum]:
                sources.fetch(url, Path(into), shasum, self._request.context, self._say)
            case "verify", [path, shasum]:
                sources.check(Path(path), shasum)
            case "unzip", [path, into]:
                sources.unzip(Path(path), Path(into))
            case "copy", [source, into]:
                given = self._request.environ.get("HAB_CONFIG_EXCLUDE", "")
                copy_templates(Path(source), Path(into), given.split(",") if given else EXCLUDED)
            case "hooks", [source, into]:
                copy_hooks(Path(source), Path(into))
            case "strip", [place]:
                strip_symbols(Path(place), self._say)
            case "pack", []:
                self._pack(self._read())
            case _:
                raise Refused(f"the build asked for {what} {fields}", "plan")

    # ── before the phases ──

    def _read(self) -> Plan:
        return plans.read_plan((self._work / "plan").read_bytes())

    def _accept(self, plan: Plan) -> None:
        plans.check_plan(plan, read_metafile(self._request.context / "default.toml"))
        self._key = self._keys.newest(plan.text("pkg_origin"), KeyKind.SIGNING_SECRET)
        self._keys.newest(self._key.full_name, KeyKind.SIGNING_PUBLIC)  # or nobody could install it
        self._stack.enter_context(building(self._store.root, plan.text("pkg_name")))
        ident = plan.ident(self._request.release)
        if plan.text("pkg_version") != "0":
            self._claim(ident, ident.version)
        self._answer(
            pkg_release=self._request.release,
            pkg_target=self._store.target,
            pkg_artifact=str(self._store.artifacts / ident.file_name(self._store.target)),
        )

    def _claim(self, ident: PackageIdent, version: str) -> None:
        """The package's place is where it is built: it must be free, and is ours from now on."""
        ident = PackageIdent(ident.origin, ident.name, version, ident.release)
        place = self._store.path(ident)
        if self._store.find(str(ident)) is not None:
            raise Refused(
                f"{ident} is installed, and a build writes to its place, {place}: "
                f"`hab pkg uninstall {ident}` first, or build with another SOURCE_DATE_EPOCH",
                "conflict",
            )
        if place.exists():
            remove_tree(place)  # of a build that was killed; we hold the lock of this name
        make_directories(place.parent)
        self._place = place
        self._say(f"Building {ident}")

    def _answer(self, **values: str) -> None:
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        self._write_answer(text)

    def _write_answer(self, text: str) -> None:
        (self._work / "answer").write_text(text)

    # ── after the phases ──

    def _pack(self, plan: Plan) -> None:
        ident = plan.ident(self._request.release)
        assert self._key is not None
        if self._place != self._store.path(ident) or not self._place.is_dir():
            raise UsageError(
                f"the plan left nothing in $pkg_prefix ({self._store.path(ident)}); were pkg_name, "
                "pkg_version or pkg_prefix changed on the way?"
            )
        with self._hidden(self._place, ident) as place:
            self._describe(plan, ident, place)
            size = sum(path.lstat().st_size for path in place.rglob("*"))
            self._say(f"Packing {size / 1e6:.1f} MB, compressed at level {self._request.level}")
            payload = self._work / "payload"
            with payload.open("wb") as out:
                epoch, level = self._request.epoch, self._request.level
                pack(place, self._store.packages, ident, out, epoch=epoch, level=level)
        signed = self._work / ident.file_name(self._store.target)
        sign_file(payload, signed, self._key)
        payload.unlink()
        self.packed = Packed(ident, signed, *sha256_and_blake2b(signed))
        self._say(f"Signed {signed.name} with {self._key.full_name}")

    @contextlib.contextmanager
    def _hidden(self, place: Path, ident: PackageIdent) -> Iterator[Path]:
        """The directory, while it looks like a package, at a place where no store looks."""
        with staged(place.parent, ident.release) as outer:
            yield place.rename(outer / ident.release)

    def _describe(self, plan: Plan, ident: PackageIdent, place: Path) -> None:
        """Write the metafiles, and refuse what an installer would refuse."""
        assert self._key is not None
        place.chmod(0o755)
        plan = plans.canonical(plan, str(self._store.packages))
        home = self._store.path(ident)
        own = [str(home / part) for part in plan.lists.get("pkg_bin_dirs", ())]
        files = plans.metafiles(
            plan,
            ident,
            self._store.target,
            self._resolved,
            run_path=self._dependencies.run_path(own, self._resolved),
            service="run" in hooks_in(place),
            default_toml=read_metafile(place / "default.toml"),
        )
        for name, data in files.items():
            (place / name).write_bytes(data)
            (place / name).chmod(0o644)
        given = {n: d for n in METAFILES if (d := read_metafile(place / n)) is not None}
        package_info(ident, str(place), given, hooks_in(place))
        sums = self._work / "sums"
        sums.write_bytes(file_sums(place, ident))
        sign_file(sums, place / "FILES", self._key)
        text = plans.manifest(
            plan, ident, self._store.target, self._request.plan_file.read_text(errors="replace")
        )
        (place / "MANIFEST").write_bytes(text)
        (place / "MANIFEST").chmod(0o644)
